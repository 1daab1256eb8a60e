//! From user space to the kernel.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::thread;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tls_record_alloc::tls_record::WriteEnd;
use tls_record_alloc::tls_record::aead::{ring::Ring, rustcrypto::RustCrypto};
use tls_record_alloc::{KernelStream, KernelTlsError};
use tls_record_tests::peers::{Negotiated, Peer, PeerEnd, Role, Suite, Version};

use crate::support::{
    Sealing, TLS12, TLS13, connect, connect_by_openssl, cut, is_required, message, ticket,
    to_kernel,
};

#[test]
fn a_refused_stream_goes_on_in_user_space() {
    for agreed in Negotiated::all() {
        let (stream, mut peer) = connect(Role::Client, agreed);
        peer.send();
        peer.write(b"before");
        let mut stream = match KernelStream::new(stream) {
            Ok(_) => continue,
            Err(refused) => {
                assert!(!is_required());
                let reason = refused.error.get_ref().unwrap().downcast_ref().unwrap();
                assert!(
                    matches!(reason, KernelTlsError::NoModule | KernelTlsError::Suite),
                    "{reason:?}"
                );
                assert_eq!(refused.error.kind(), ErrorKind::Unsupported);
                refused.stream
            }
        };
        peer.write(b" and after");
        peer.close();
        stream.write_all(b"data").unwrap();
        stream.close().unwrap();
        let mut data = Vec::new();
        stream.read_to_end(&mut data).unwrap();
        assert_eq!(data, b"before and after");
        assert!(stream.end().is_clean());
        assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
        assert_eq!(peer.read, b"data");
    }
}

#[test]
fn received_records_are_opened_before_and_the_rest_of_one_is_received() {
    for agreed in [TLS12, TLS13] {
        let (mut stream, mut peer) = connect(Role::Client, agreed);
        peer.send();
        let data = message(50_000);
        peer.tls.write(&data);
        let records = peer.tls.take_output();
        peer.socket.write_all(&records[..40_000]).unwrap();
        // Buffered now: the rest of a record, a whole one, and a part of a third.
        while stream.fill_buf().unwrap().is_empty() {}
        let mut first = [0; 10];
        stream.read_exact(&mut first).unwrap();

        let rest = thread::spawn(move || {
            peer.socket.write_all(&records[40_000..]).unwrap();
            peer
        });
        let Some(mut kernel) = to_kernel(stream) else { return };
        let mut peer = rest.join().unwrap();
        peer.close();
        let mut received = first.to_vec();
        kernel.read_to_end(&mut received).unwrap();
        assert!(received == data, "{agreed:?}");
        kernel.close().unwrap();
        assert!(kernel.end().is_clean());
    }
}

#[test]
fn a_record_in_part_is_waited_for_without_blocking() {
    let (mut stream, mut peer) = connect(Role::Client, TLS13);
    peer.send();
    peer.tls.write(b"whole");
    peer.tls.write(b"in parts");
    let records = peer.tls.take_output();
    let (now, later) = records.split_at(records.len() - 3);
    peer.socket.write_all(now).unwrap();
    assert_eq!(stream.fill_buf().unwrap(), b"whole");
    stream.transport().set_nonblocking(true).unwrap();
    for _ in 0..3 {
        stream = match KernelStream::new(stream) {
            Err(refused) if refused.error.kind() == ErrorKind::WouldBlock => *refused.stream,
            Err(refused) if !is_required() => return println!("left out: {}", refused.error),
            result => panic!("{result:?}"),
        };
    }
    // Nothing is lost in user space either.
    assert_eq!(stream.fill_buf().unwrap(), b"whole");
    stream.consume(2);
    peer.socket.write_all(later).unwrap();
    peer.write(b" and more");
    peer.close();
    stream.transport().set_nonblocking(false).unwrap();
    let mut kernel = to_kernel(stream).unwrap();
    assert!(kernel.has_pending());
    let mut received = Vec::new();
    kernel.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"olein parts and more");
}

#[test]
fn a_message_in_part_is_completed_before() {
    let (mut stream, mut peer) = Sealing::connect();
    let ticket = ticket();
    let fragment = peer.seal(22, &ticket[..100]);
    peer.socket.write_all(&fragment).unwrap();
    stream.transport().set_nonblocking(true).unwrap();
    let mut wire = [0; 1000];
    while stream.transport().peek(&mut wire).unwrap_or(0) < fragment.len() {
        thread::yield_now();
    }
    assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    stream.transport().set_nonblocking(false).unwrap();

    let rest = thread::spawn(move || {
        peer.send(22, &ticket[100..]);
        peer.send(23, b"data");
        peer.send(21, &[1, 0]);
        peer
    });
    let kernel = to_kernel(stream);
    drop(rest.join());
    let Some(mut kernel) = kernel else { return };
    let mut data = Vec::new();
    kernel.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"data");
}

#[test]
fn a_closed_direction_is_not_taken() {
    let (mut stream, mut peer) = connect(Role::Client, TLS13);
    peer.tls.write(b"data");
    peer.tls.close();
    let records = peer.tls.take_output();
    peer.socket.write_all(&records).unwrap();
    while stream.transport().peek(&mut [0; 4000]).unwrap() < records.len() {}
    assert_eq!(stream.fill_buf().unwrap(), b"data");
    let mut refused = KernelStream::new(stream).unwrap_err();
    let reason = refused.error.get_ref().unwrap().downcast_ref::<KernelTlsError>().unwrap();
    if *reason == KernelTlsError::NoModule {
        assert!(!is_required());
        return println!("left out: {}", refused.error);
    }
    assert_eq!(*reason, KernelTlsError::NotOpen);
    // The data that was opened on the way is there.
    let mut data = Vec::new();
    refused.stream.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"data");
    refused.stream.close().unwrap();
    assert!(refused.stream.end().is_clean());
    assert_eq!(refused.stream.end().write, WriteEnd::Closed);
}

#[test]
fn a_transport_that_the_peer_has_ended_is_not_taken() {
    let (stream, mut peer) = connect(Role::Client, TLS13);
    peer.send();
    peer.write(b"data");
    peer.close();
    cut(&peer.socket);
    let mut ended =
        [PollFd::new(stream.transport().as_fd(), PollFlags::from_bits_retain(libc::POLLRDHUP))];
    assert_eq!(poll(&mut ended, PollTimeout::NONE), Ok(1));
    let refused = KernelStream::new(stream).unwrap_err();
    let reason = refused.error.get_ref().unwrap().downcast_ref::<KernelTlsError>().unwrap();
    let expected = if is_required() { KernelTlsError::NotOpen } else { *reason };
    assert_eq!(*reason, expected);
    let mut stream = refused.stream;
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"data");
    stream.close().unwrap();
    assert!(stream.end().is_clean());
}

#[test]
fn unsent_records_are_waited_for_without_blocking() {
    let (mut stream, mut peer) = connect(Role::Client, TLS13);
    stream.transport().set_nonblocking(true).unwrap();
    let data = message(1 << 16);
    let mut written = Vec::new();
    while let Ok(len) = stream.write(&data) {
        written.extend(&data[..len]);
    }
    let mut stream = match KernelStream::new(stream) {
        Err(refused) if refused.error.kind() == ErrorKind::WouldBlock => *refused.stream,
        Err(refused) if !is_required() => return println!("left out: {}", refused.error),
        result => panic!("{result:?}"),
    };
    let mut kernel = loop {
        assert!(peer.receive());
        stream = match KernelStream::new(stream) {
            Ok(kernel) => break kernel,
            Err(refused) => {
                assert_eq!(refused.error.kind(), ErrorKind::WouldBlock);
                *refused.stream
            }
        };
    };
    peer.receive_data(written.len());
    kernel.write_all(b"behind them").unwrap();
    kernel.close().unwrap();
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    written.extend(b"behind them");
    assert!(peer.read == written);
}

#[test]
fn a_suite_that_the_kernel_is_not_given_leaves_the_stream_as_it_is() {
    for version in [Version::Tls12, Version::Tls13] {
        let agreed = Negotiated { version, suite: Suite::Aes128Ccm };
        let (stream, mut peer) = connect_by_openssl::<RustCrypto>(Role::Client, agreed);
        peer.send();
        let refused = KernelStream::new(stream).unwrap_err();
        let reason = refused.error.get_ref().unwrap().downcast_ref::<KernelTlsError>().unwrap();
        let expected = if is_required() { KernelTlsError::Suite } else { *reason };
        assert_eq!(*reason, expected);
        let mut stream = refused.stream;
        peer.write(b"data");
        peer.close();
        let mut data = Vec::new();
        stream.read_to_end(&mut data).unwrap();
        assert_eq!(data, b"data");
        stream.write_all(b"data").unwrap_or_else(|error| {
            // The reply of TLS 1.2 has closed this direction.
            assert_eq!((error.kind(), version), (ErrorKind::BrokenPipe, Version::Tls12));
        });
        stream.close().unwrap();
        assert!(stream.end().is_clean());
        assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    }
}

#[test]
fn a_handshake_of_openssl_goes_on_in_the_kernel() {
    for agreed in Negotiated::all() {
        for role in [Role::Client, Role::Server] {
            // In TLS 1.2 OpenSSL has chosen explicit nonces of its own.
            let (mut stream, mut peer) = connect_by_openssl::<Ring>(role, agreed);
            peer.send();
            stream.write_all(b"in user space, ").unwrap();
            let Some(mut kernel) = to_kernel(stream) else { continue };
            kernel.write_all(b"in the kernel").unwrap();
            kernel.close().unwrap();
            assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
            assert_eq!(peer.read, b"in user space, in the kernel");
            peer.write(b"data");
            peer.close();
            let mut data = Vec::new();
            kernel.read_to_end(&mut data).unwrap();
            assert_eq!(data, b"data");
            assert!(kernel.end().is_clean());
        }
    }
}
