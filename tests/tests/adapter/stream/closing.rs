//! Closing our direction, and reading data in flight in the other.

use std::io::{self, ErrorKind, Read, Write};

use tls_record_alloc::tls_record::{ContentType, Padding, PaddingFn, ShutdownError, WriteEnd};
use tls_record_tests::peers::{PeerEnd, Role};

use super::{TIMEOUTS, for_each_stream, read_exactly};
use crate::endpoint::blocking::{Tls, stream};
use crate::endpoint::inner;
use crate::support::{Stack, TLS13, handshake, message};
use crate::wire::Wire;

// 9846 6.1: the end of the peer's direction has no effect on ours.
#[test]
fn everything_is_sent_though_the_peer_was_cut_off() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().piece = 7;
        tls.transport_mut().refusals = vec![ErrorKind::WouldBlock];
        assert_eq!(tls.write(&message(40_000)).unwrap(), 40_000);
        tls.transport_mut().ends = true;
        while tls.read(&mut [0]).unwrap_err().kind() != ErrorKind::UnexpectedEof {}
        while let Err(error) = tls.close() {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert!(!matches!(tls.end().write, WriteEnd::Closed));
        }
        assert_eq!(tls.end().write, WriteEnd::Closed);
        assert_eq!(tls.transport_mut().peer.read(), message(40_000));
        assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
        let error = tls.close_and_read_rest(1000, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "of the second step");
    });
}

#[test]
fn an_end_is_clean_when_our_close_notify_is_sent() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.close();
        tls.transport_mut().is_broken = true;
        assert!(tls.close().is_err());
        assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        assert_eq!(tls.end().write, WriteEnd::Closing);
        assert!(!tls.end().is_clean());
        tls.transport_mut().is_broken = false;
        tls.close().unwrap();
        assert!(tls.end().is_clean());
    });
}

#[test]
fn a_write_after_a_close_that_waits_is_an_error_at_once() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().refusals = vec![ErrorKind::WouldBlock];
        tls.transport_mut().calls = 0;
        assert_eq!(tls.close().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(tls.write(b"late").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn data_after_a_close_has_a_budget() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    assert!(tls.read(&mut [0]).is_err(), "tickets");
    tls.transport_mut().peer.write(&message(3 * 16_384));
    let mut rest = Vec::new();
    let error = tls.close_and_read_rest(20_000, &mut rest).unwrap_err();
    let drained = 2 * (5 + 16_384 + 1 + 16);
    assert_eq!(inner::<ShutdownError>(&error), ShutdownError::BudgetSpent { drained });
    tls.transport_mut().peer.close();
    tls.close_and_read_rest(100_000, &mut rest).unwrap();
    assert_eq!(rest, message(3 * 16_384));
    assert!(tls.end().is_clean());
}

// With FTP's CCC and LDAP, plaintext follows the peer's close_notify.
#[test]
fn bytes_after_the_close_notify_are_given_back() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.write(b"the last");
        tls.transport_mut().peer.close();
        tls.transport_mut().collect().extend(b"220 plaintext\r\n");
        assert_eq!(read_exactly(&mut tls, 4), b"the ");
        let mut rest = Vec::new();
        tls.close_and_read_rest(1000, &mut rest).unwrap();
        assert_eq!(rest, b"last");
        assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        let parts = tls.into_parts();
        assert_eq!(parts.received.filled(), b"220 plaintext\r\n");
        assert!(parts.unread.is_empty() && parts.unsent.is_empty());
    });
}

#[test]
fn a_stream_that_is_taken_apart_gives_back_unread_and_unsent_bytes() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    assert!(tls.read(&mut [0]).is_err(), "tickets");
    tls.transport_mut().peer.write(b"data");
    tls.transport_mut().peer.write(b"more");
    assert_eq!(read_exactly(&mut tls, 1), b"d");
    tls.transport_mut().is_broken = true;
    assert_eq!(tls.write(b"unsent").unwrap(), 6);
    let parts = tls.into_parts();
    assert_eq!(parts.unread.filled(), b"ata");
    assert_eq!(parts.received.filled().len(), 5 + 4 + 1 + 16);
    assert_eq!(parts.unsent.filled().len(), 5 + 6 + 1 + 16);
}

#[test]
fn a_close_notify_that_is_padded_more_than_data_is_sent() {
    fn padded(content_type: ContentType, len: usize) -> usize {
        if content_type == ContentType::APPLICATION_DATA { len } else { 512 }
    }
    let mut client = handshake(Role::Client, TLS13);
    client.engine_config().padding = Padding::By(PaddingFn(padded));
    client.engine_config().pads_control = true;
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    client.complete(&mut wire).unwrap();
    let mut tls = Tls::new(client.finish().unwrap(), wire);
    tls.close().unwrap();
    assert!(!tls.wants_write());
    assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
}

#[test]
fn closing_and_reading_the_rest_delivers_data_in_flight() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().peer.write(&message(50_000));
        tls.transport_mut().collect();
        tls.transport_mut().peer.close();
        let mut rest = Vec::new();
        assert_eq!(tls.close_and_read_rest(u32::MAX, &mut rest).unwrap(), 50_000);
        assert_eq!(rest, message(50_000));
        assert!(tls.end().is_clean());
    });
}

#[test]
fn the_rest_is_read_although_the_close_notify_timed_out() {
    for kind in TIMEOUTS {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.write(b"rest");
        tls.transport_mut().peer.close();
        tls.transport_mut().write_timeout = Some(kind);
        let mut rest = Vec::new();
        let error = tls.close_and_read_rest(1000, &mut rest).unwrap_err();
        assert_eq!((error.kind(), &*rest), (kind, &b"rest"[..]));
        assert_eq!(tls.end().write, WriteEnd::Closing);
        tls.transport_mut().write_timeout = None;
        tls.close_and_read_rest(1000, &mut rest).unwrap();
        assert!(tls.end().is_clean());
    }
}
