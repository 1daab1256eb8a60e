//! Data, over transports that carry little, refuse often or bring many records at once.

use std::io::{self, ErrorKind, Read, Write};

use tls_record_alloc::tls_record::{Fault, OpenError};
use tls_record_tests::peers::{PeerEnd, Role};

use super::{for_each_stream, read_exactly, read_some};
use crate::endpoint::blocking::{Tls, stream};
use crate::endpoint::inner;
use crate::support::{ROLES, Stack, TLS12, TLS13, handshake, message, other};
use crate::wire::Wire;

#[test]
fn one_call_seals_a_bounded_part_of_much_data() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    let before = tls.transport().sent;
    let taken = tls.write(&message(1_000_000)).unwrap();
    assert!((1 << 15..1 << 16).contains(&taken), "{taken}");
    assert!(tls.transport().sent - before <= 1 << 16);
}

#[test]
fn fragments_keep_to_the_configured_limit() {
    let mut handshake = handshake(Role::Client, TLS13);
    handshake.engine_config().fragment_limit = 10;
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    handshake.complete(&mut wire).unwrap();
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    let before = tls.transport().sent;
    assert_eq!(tls.write(&message(25)).unwrap(), 25);
    assert_eq!(tls.transport().sent - before, 3 * (5 + 1 + 16) + 25);
    tls.write_all(&message(5_000)).unwrap();
    assert_eq!(tls.transport_mut().peer.read(), [message(25), message(5_000)].concat());
}

#[test]
fn data_that_came_with_the_handshake_is_read() {
    let mut peer = Stack::Openssl.peer(Role::Client, TLS13);
    peer.write(b"impatient");
    let mut tls = stream(Role::Server, TLS13, peer);
    assert_eq!(read_some(&mut tls), b"impatient");
}

#[test]
fn a_transport_that_takes_little_and_refuses_often_loses_nothing() {
    fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
        loop {
            match call() {
                Ok(value) => return value,
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
                    "{error}"
                ),
            }
        }
    }

    for role in ROLES {
        for agreed in [TLS12, TLS13] {
            for piece in [1, 7, 1000] {
                let mut handshake = handshake(role, agreed);
                let mut wire = Wire::to(Stack::Openssl.peer(other(role), agreed));
                wire.piece = piece;
                wire.refusals = vec![ErrorKind::WouldBlock, ErrorKind::Interrupted];
                patiently(|| handshake.complete(&mut wire));
                let mut tls = Tls::new(handshake.finish().unwrap(), wire);

                let data = message(40_000);
                let mut written = 0;
                while written < data.len() {
                    written += patiently(|| tls.write(&data[written..]));
                }
                patiently(|| tls.flush());
                assert!(!tls.wants_write());
                assert_eq!(tls.transport_mut().peer.read(), data);

                tls.transport_mut().peer.write(&data);
                if agreed == TLS13 {
                    tls.transport_mut().peer.key_update(true);
                    tls.transport_mut().peer.write(b"under new keys");
                }
                let mut received = Vec::new();
                let expected = data.len() + if agreed == TLS13 { 14 } else { 0 };
                while received.len() < expected {
                    let mut out = [0; 999];
                    let len = patiently(|| tls.read(&mut out));
                    received.extend_from_slice(&out[..len]);
                }
                assert_eq!(received[..data.len()], data);

                let before = tls.transport().sent;
                patiently(|| tls.close());
                let sent = tls.transport().sent;
                assert!(sent > before);
                patiently(|| tls.close());
                assert_eq!(tls.transport().sent, sent, "one close_notify");
                assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
                tls.transport_mut().peer.close();
                assert_eq!(patiently(|| tls.read(&mut [0])), 0);
                assert!(tls.end().is_clean());
            }
        }
    }
}

#[test]
fn interrupted_calls_are_repeated() {
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    wire.refusals = vec![ErrorKind::Interrupted];
    let mut handshake = handshake(Role::Client, TLS13);
    handshake.complete(&mut wire).unwrap();
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    assert_eq!(tls.write(b"data").unwrap(), 4);
    tls.flush().unwrap();
    assert!(!tls.wants_write());
    tls.close().unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"data");
    assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
}

// A proxy reads with a buffer that is longer than many records.
#[test]
fn one_read_takes_all_records_that_have_arrived_and_one_call_of_the_transport_brings_many() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        for _ in 0..64 {
            tls.transport_mut().peer.write(&[7; 1024]);
        }
        let calls = tls.transport().calls;
        let (mut out, mut reads) = (vec![0; 80_000], 0);
        let mut len = 0;
        while len < 64 * 1024 {
            len += tls.read(&mut out[len..]).unwrap();
            reads += 1;
        }
        assert_eq!(out[..len], [7; 64 * 1024]);
        // The memory grows as it is filled: 2 KiB at first.
        assert!(reads <= 8, "{reads} reads");
        assert_eq!(tls.transport().calls - calls, reads);
    });
}

#[test]
fn a_read_returns_the_data_before_a_fault_and_the_next_read_the_fault() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.write(b"one");
        tls.transport_mut().peer.write(b"two");
        tls.transport_mut().peer.write(b"forged");
        *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
        assert_eq!(read_some(&mut tls), b"onetwo");
        for _ in 0..2 {
            let error = tls.read(&mut [0; 9]).unwrap_err();
            assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::BadRecordMac));
        }
    });
}

#[test]
fn a_record_that_waits_in_the_stream_is_pending_and_a_part_of_one_is_not() {
    for agreed in [TLS12, TLS13] {
        let mut tls = stream(Role::Client, agreed, Stack::Rustls.peer(Role::Server, agreed));
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        assert!(!tls.has_pending());
        tls.transport_mut().peer.write(b"first");
        let first = tls.transport_mut().collect().len();
        tls.transport_mut().peer.write(b"second");
        let both: Vec<u8> = tls.transport_mut().collect().drain(..).collect();
        for cut in first..=both.len() {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls.peer(Role::Server, agreed));
            assert!(tls.read(&mut [0]).is_err(), "tickets");
            tls.transport_mut().peer.write(b"first");
            tls.transport_mut().peer.write(b"second");
            let later = tls.transport_mut().collect().split_off(cut);
            assert_eq!(read_exactly(&mut tls, 4), b"firs");
            assert!(tls.has_pending(), "the last byte of the first record");
            assert_eq!(read_exactly(&mut tls, 1), b"t");
            assert_eq!(tls.has_pending(), cut == both.len());
            tls.transport_mut().incoming.extend(later);
            assert_eq!(read_exactly(&mut tls, 6), b"second");
            assert!(!tls.has_pending());
            tls.transport_mut().peer.close();
            assert_eq!(tls.read(&mut [0]).unwrap(), 0);
            assert!(tls.has_pending(), "the end");
        }
    }
}
