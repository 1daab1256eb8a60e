//! close_notify, and transports that end without one (RFC 9846 section 6.1).

use tls_record_alloc::tls_record::{OpenError, ReadEnd, SealError, ShutdownError, WriteEnd};
use tls_record_tests::peers::{PeerEnd, Role, Version};

use crate::endpoint::{Failure, Kind, for_each_stream};
use crate::support::{Stack, TLS12, TLS13};

#[test]
fn no_bytes_are_read_only_after_close_notify() {
    for_each_stream(|mut tls, agreed| {
        tls.wire().peer.write(b"the last");
        tls.wire().peer.close();
        let mut data = Vec::new();
        tls.read_to_end(&mut data).unwrap();
        assert_eq!(data, b"the last");
        assert_eq!(tls.read_some(), b"");
        // RFC 5246 section 7.2.1 demands an answer at once.
        let is_answered = tls.wire().peer.end() == PeerEnd::CloseNotify;
        assert_eq!(is_answered, agreed.version == Version::Tls12);
        if agreed.version == Version::Tls13 {
            tls.send(b"an answer");
            assert_eq!(tls.wire().peer.read(), b"an answer");
        } else {
            assert_eq!(tls.write(b"an answer"), Err(Failure::Seal(SealError::Closed)));
        }
        for _ in 0..2 {
            tls.close().unwrap();
        }
        assert_eq!(tls.wire().peer.end(), PeerEnd::CloseNotify);
        assert!(tls.end().is_clean());
    });
}

#[test]
fn writing_after_close_is_an_error_and_reading_goes_on() {
    for_each_stream(|mut tls, agreed| {
        tls.close().unwrap();
        assert!(tls.wire().flushed);
        assert_eq!(tls.wire().peer.end(), PeerEnd::CloseNotify);
        assert_eq!(tls.write(b"too late"), Err(Failure::Seal(SealError::Closed)));
        if agreed.version == Version::Tls13 {
            tls.wire().peer.write(b"late enough");
            assert_eq!(tls.read_some(), b"late enough");
        }
    });
}

#[test]
fn a_transport_that_ends_anywhere_is_truncated() {
    for kind in Kind::all() {
        for agreed in [TLS12, TLS13] {
            let stream = |records: &[&[u8]]| {
                let peer = Stack::Rustls.peer(Role::Server, agreed);
                let mut tls = kind.stream(Role::Client, agreed, peer);
                assert!(tls.is_idle());
                records.iter().for_each(|data| tls.wire().peer.write(data));
                tls
            };
            // Where the two records end.
            let first = stream(&[b"whole"]).wire().collect().len();
            let second = stream(&[b"whole", b"cut"]).wire().collect().len();
            for cut in 0..=second {
                let mut tls = stream(&[b"whole", b"cut"]);
                tls.wire().collect().truncate(cut);
                tls.wire().ends = true;
                let mut data = Vec::new();
                for _ in 0..2 {
                    let truncated = Err(Failure::Open(OpenError::Truncated));
                    assert_eq!(tls.read_to_end(&mut data), truncated);
                }
                let whole = match cut {
                    _ if cut == second => &b"wholecut"[..],
                    _ if cut >= first => b"whole",
                    _ => b"",
                };
                assert_eq!(data, whole);
                let ReadEnd::Truncated { inside_record, .. } = tls.end().read else { panic!() };
                assert_eq!(inside_record, ![0, first, second].contains(&cut));
                // Our direction is closed all the same.
                tls.close().unwrap();
                assert_eq!(tls.wire().peer.end(), PeerEnd::CloseNotify);
                assert_eq!(tls.end().write, WriteEnd::Closed);
                assert!(!tls.end().is_clean());
            }
        }
    }
}

#[test]
fn truncation_can_be_tolerated_and_stays_visible_in_the_end() {
    for kind in Kind::all() {
        for in_two_steps in [false, true] {
            let peer = Stack::Openssl.peer(Role::Server, TLS13);
            let mut tls = kind.stream(Role::Client, TLS13, peer);
            tls.tolerate_truncation();
            tls.wire().peer.write(b"all there is");
            tls.wire().ends = true;
            let mut data = Vec::new();
            tls.read_to_end(&mut data).unwrap();
            assert_eq!(tls.read_some(), b"");
            assert!(matches!(tls.end().read, ReadEnd::Truncated { inside_record: false, .. }));
            match in_two_steps {
                true => tls.close_and_drain(0, &mut data).unwrap(),
                false => tls.close().unwrap(),
            }
            assert_eq!(data, b"all there is");
            assert!(!tls.end().is_clean());
        }
    }
}

#[test]
fn the_end_is_pending_as_often_as_it_is_asked() {
    for_each_stream(|mut tls, _| {
        assert!(tls.is_idle());
        tls.wire().peer.close();
        assert!(!tls.has_pending(), "nothing is received");
        for _ in 0..2 {
            assert_eq!(tls.read(&mut [0]), Ok(0));
            assert!(tls.has_pending());
        }
    });
    for_each_stream(|mut tls, _| {
        assert!(tls.is_idle());
        tls.wire().ends = true;
        for _ in 0..2 {
            let truncated = Err(Failure::Open(OpenError::Truncated));
            assert_eq!(tls.read(&mut [0]), truncated);
            assert!(tls.has_pending());
        }
    });
}

#[test]
fn the_budget_counts_records_without_data() {
    /// The length of a NewSessionTicket's record whose message has 5 bytes.
    const TICKET_RECORD: u32 = 5 + 5 + 1 + 16;

    for kind in Kind::all() {
        let mut tls = kind.stream_to_adapter(TLS13);
        // The streams pass over tickets that come after a KeyUpdate.
        tls.update_keys(false).unwrap();
        tls.flush().unwrap();
        assert!(tls.is_idle());
        for _ in 0..100 {
            tls.wire().peer.write_handshake(&[4, 0, 0, 1, 9]);
        }
        let mut rest = Vec::new();
        let spent = ShutdownError::BudgetSpent { drained: 11 * TICKET_RECORD };
        let closed = tls.close_and_drain(10 * TICKET_RECORD, &mut rest);
        assert_eq!(closed, Err(Failure::Shutdown(spent)));
        assert_eq!(rest, b"");
    }
}
