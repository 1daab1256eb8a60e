//! How connections in the kernel end.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tls_record_alloc::tls_record::{
    AlertDescription, CloseError, Epoch, OpenError, ReadEnd, ShutdownError, WriteEnd,
};
use tls_record_tests::peers::{Peer, PeerEnd, Role};

use crate::support::{Sealing, TLS12, TLS13, cut, fill, pair};

#[test]
fn close_is_one_step_and_reading_goes_on() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    kernel.write_all(b"a question").unwrap();
    kernel.close().unwrap();
    kernel.close().unwrap();
    assert_eq!(kernel.end().write, WriteEnd::Closed);
    assert_eq!(kernel.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    assert_eq!(peer.read, b"a question");

    peer.write(b"an answer");
    peer.close();
    let mut answer = Vec::new();
    kernel.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"an answer");
    assert!(kernel.end().is_clean());
    assert_eq!(kernel.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn the_second_step_reads_the_rest() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Server, agreed) else { return };
        peer.write(b"the rest");
        peer.close();
        let mut rest = Vec::new();
        assert_eq!(kernel.close_and_read_rest(1000, &mut rest).unwrap(), 8);
        assert_eq!(rest, b"the rest");
        assert!(kernel.end().is_clean());
        assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    }
}

#[test]
fn the_second_step_has_a_budget() {
    let Some((mut kernel, mut peer)) = pair(Role::Server, TLS13) else { return };
    peer.write(&[7; 3000]);
    let error = kernel.close_and_read_rest(2000, &mut io::sink()).unwrap_err();
    let error = error.get_ref().unwrap().downcast_ref().unwrap();
    assert!(matches!(error, ShutdownError::BudgetSpent { drained: 3000 }), "{error:?}");
    peer.close();
    assert_eq!(kernel.close_and_read_rest(4000, &mut io::sink()).unwrap(), 0);
}

#[test]
fn the_second_step_reads_while_a_full_socket_takes_no_close_notify() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    let written = fill(&mut kernel);
    peer.write(&[7; 3000]);
    let mut rest = Vec::new();
    for _ in 0..10 {
        let mut readable = [PollFd::new(kernel.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut readable, PollTimeout::from(20_000_u16)), Ok(1));
        let error = kernel.close_and_read_rest(1 << 16, &mut rest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        if rest.len() == 3000 {
            break;
        }
    }
    assert!(rest == [7; 3000], "{} bytes", rest.len());
    peer.close();
    peer.receive_data(written.len());
    kernel.socket().set_nonblocking(false).unwrap();
    assert_eq!(kernel.close_and_read_rest(1 << 16, &mut rest).unwrap(), 0);
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    assert!(kernel.end().is_clean());
}

#[test]
fn after_the_peers_close_notify_tls13_writes_on_and_tls12_replies() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    peer.close();
    assert_eq!(kernel.read(&mut [0; 10]).unwrap(), 0);
    kernel.write_all(b"data").unwrap();
    kernel.close().unwrap();
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    assert_eq!(peer.read, b"data");

    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS12) else { return };
    peer.close();
    assert_eq!(kernel.read(&mut [0; 10]).unwrap(), 0);
    assert_eq!(kernel.write(b"data").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(kernel.end().is_clean());
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
}

#[test]
fn an_end_without_close_notify_is_a_truncation() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, agreed) else { return };
        peer.write(b"data");
        cut(&peer.socket);
        let mut data = Vec::new();
        let error = kernel.read_to_end(&mut data).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(data, b"data");
        let truncated = ReadEnd::Truncated { epoch: Epoch::Application, inside_record: false };
        assert_eq!(kernel.end().read, truncated);
        // The other direction works.
        kernel.write_all(b"an answer").unwrap();
        kernel.close().unwrap();
        assert!(!kernel.end().is_clean());
        assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
        assert_eq!(peer.read, b"an answer");
    }
}

#[test]
fn an_end_inside_a_record_is_a_truncation() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    peer.tls.write(b"data");
    let record = peer.tls.take_output();
    peer.socket.write_all(&record[..20]).unwrap();
    cut(&peer.socket);
    assert_eq!(kernel.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(kernel.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_fatal_alert_is_never_a_clean_end() {
    for description in [AlertDescription::INTERNAL_ERROR, AlertDescription::BAD_CERTIFICATE] {
        for level in [1, 2] {
            let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
            peer.send(23, b"data");
            peer.send(21, &[level, description.0]);
            cut(&peer.socket);
            let mut data = Vec::new();
            let error = kernel.read_to_end(&mut data).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
            let inner = error.get_ref().unwrap().downcast_ref::<OpenError>().unwrap();
            assert_eq!(*inner, OpenError::PeerAlert(description));
            assert_eq!(data, b"data");
            assert_eq!(kernel.end().read, ReadEnd::PeerAlert(description));
            assert_eq!(kernel.end().write, WriteEnd::Failed);
            assert_eq!(kernel.write(b"more").unwrap_err().kind(), ErrorKind::ConnectionAborted);
            assert_eq!(kernel.close().unwrap_err().kind(), ErrorKind::ConnectionAborted);
            drop(kernel);
            assert_eq!(peer.receive_all(), b"", "nothing is sent after it");
        }
    }
}

#[test]
fn an_abort_is_one_alert_and_nothing_follows_it() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, agreed) else { return };
        let alert = AlertDescription::INTERNAL_ERROR;
        assert_eq!(kernel.abort(AlertDescription::CLOSE_NOTIFY), Err(CloseError::NotAnErrorAlert));
        assert_eq!(kernel.abort(alert), Ok(()));
        assert_eq!(kernel.abort(alert), Err(CloseError::Failed));
        assert_eq!(kernel.end().write, WriteEnd::AlertSent(alert));
        assert!(kernel.write(b"more").is_err());
        assert_eq!(kernel.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert!(kernel.close().is_err());
        assert_eq!(peer.receive_end(), PeerEnd::Alert(alert.0));
    }
}

#[test]
fn a_reset_is_an_error_in_both_directions_and_never_a_clean_end() {
    for (agreed, reads) in [(TLS12, true), (TLS13, true), (TLS12, false), (TLS13, false)] {
        let Some((mut kernel, peer)) = pair(Role::Client, agreed) else { return };
        kernel.tolerate_truncation(true);
        kernel.write_all(b"never read").unwrap();
        // TCP resets a connection that is closed with unread input.
        peer.socket.peek(&mut [0; 10]).unwrap();
        drop(peer);
        if reads {
            let error = kernel.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert!(kernel.write(b"more").is_err());
        }
        // The kernel alone would take data for ever.
        while kernel.write(b"more").is_ok() {}
        let error = kernel.write(b"more").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
        assert!(kernel.transport_error().is_some());
        assert!(kernel.close().is_err());
        for _ in 0..3 {
            let error = kernel.read(&mut [0; 10]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        assert_eq!(kernel.end().write, WriteEnd::Failed);
        assert!(!kernel.end().is_clean());
    }
}

#[test]
fn a_truncation_may_be_tolerated() {
    for before in [true, false] {
        let (mut stream, mut peer) = crate::support::connect(Role::Client, TLS13);
        stream.tolerate_truncation(before);
        peer.send();
        let Some(mut kernel) = crate::support::to_kernel(stream) else { return };
        if !before {
            kernel.tolerate_truncation(true);
        }
        peer.write(b"data");
        cut(&peer.socket);
        let mut data = Vec::new();
        kernel.read_to_end(&mut data).unwrap();
        assert_eq!(data, b"data");
        assert!(matches!(kernel.end().read, ReadEnd::Truncated { .. }));
        kernel.tolerate_truncation(false);
        assert_eq!(kernel.read(&mut [0]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn the_first_close_after_a_reset_returns_the_error_of_the_socket() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, peer)) = pair(Role::Client, agreed) else { return };
        kernel.write_all(b"never read").unwrap();
        // TCP resets a connection that is closed with unread input.
        peer.socket.peek(&mut [0; 10]).unwrap();
        drop(peer);
        // Not by reading, which would take the error.
        let mut polled = [PollFd::new(kernel.as_fd(), PollFlags::empty())];
        poll(&mut polled, PollTimeout::from(20_000_u16)).unwrap();
        let error = kernel.close().unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{error}"
        );
        assert_eq!(kernel.end().write, WriteEnd::Failed);
        let error = kernel.close().unwrap_err();
        assert_eq!(
            *error.get_ref().unwrap().downcast_ref::<CloseError>().unwrap(),
            CloseError::Failed
        );
    }
}
