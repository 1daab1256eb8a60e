//! Data in both directions.

use std::io::IoSlice;

use tls_record_tests::peers::Role;

use crate::endpoint::{AdapterKind, Failure, Kind, for_each_adapter_stream, for_each_stream};
use crate::support::{Stack, TLS13, message};

#[test]
fn data_goes_both_ways() {
    for_each_stream(|mut tls, _| {
        for len in [1, 1000, 16_384, 100_000] {
            tls.send(&message(len));
            assert_eq!(tls.wire().peer.read(), message(len));
            tls.wire().peer.write(&message(len));
            assert_eq!(tls.read_exactly(len), message(len));
        }
        assert!(tls.is_idle());
    });
}

#[test]
fn slices_are_written_as_one_record() {
    for kind in AdapterKind::ALL {
        let mut tls = kind.stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
        let before = tls.wire().sent;
        let slices = [&b"many "[..], b"", b"small ", b"slices"].map(IoSlice::new);
        assert_eq!(tls.write_vectored(&slices), Ok(17));
        assert_eq!(tls.wire().sent - before, 5 + 17 + 1 + 16);
        assert_eq!(tls.wire().peer.read(), b"many small slices");
    }
}

#[test]
fn lines_are_read_where_they_were_decrypted() {
    for kind in Kind::all() {
        let mut tls = kind.stream(Role::Server, TLS13, Stack::Rustls.peer(Role::Client, TLS13));
        tls.wire().peer.write(b"first\nsec");
        tls.wire().peer.write(b"ond\n");
        assert_eq!(tls.fill_buf(), Ok(&b"first\nsec"[..]));
        tls.consume(6);
        assert_eq!(tls.fill_buf(), Ok(&b"sec"[..]));
        tls.consume(3);
        assert_eq!(tls.fill_buf(), Ok(&b"ond\n"[..]));
        assert_eq!(tls.read_some(), b"ond\n");
    }
}

#[test]
fn no_room_reads_nothing_and_ends_nothing() {
    for kind in Kind::all() {
        let mut tls = kind.stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
        tls.wire().peer.write(b"data");
        for _ in 0..2 {
            assert_eq!(tls.read(&mut []), Ok(0));
        }
        assert_eq!(tls.read_some(), b"data");
    }
}

// As of a `BufStream`, whose bytes leave when it is flushed.
#[test]
fn bytes_in_a_buffering_transport_want_to_be_flushed_and_reading_flushes_them() {
    for_each_adapter_stream(|_, mut tls, _| {
        assert!(tls.is_idle());
        for by_reading in [true, false] {
            tls.write_all(b"a request");
            assert!(tls.wants_write() && !tls.wire().flushed);
            if by_reading {
                assert!(tls.is_idle());
            } else {
                tls.flush().unwrap();
            }
            assert!(!tls.wants_write() && tls.wire().flushed);
        }
    });
}

#[test]
fn refused_data_is_sent_before_later_data() {
    for kind in AdapterKind::ALL {
        let mut tls = kind.stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
        assert!(tls.is_idle());
        tls.wire().is_broken = true;
        assert_eq!(tls.write(b"one "), Ok(4), "it is sealed and kept");
        assert!(tls.wants_write());
        assert_eq!(tls.write(b"two"), Err(Failure::Broken));
        assert_eq!(tls.flush(), Err(Failure::Broken));
        tls.wire().peer.write(b"still here");
        assert_eq!(tls.read_some(), b"still here");
        tls.wire().is_broken = false;
        tls.wire().piece = 0;
        assert_eq!(tls.flush(), Err(Failure::WriteZero));
        tls.wire().piece = usize::MAX;
        assert_eq!(tls.write(b"two"), Ok(3));
        assert_eq!(tls.wire().peer.read(), b"one two");
    }
}
