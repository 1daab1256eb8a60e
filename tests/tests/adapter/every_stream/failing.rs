//! Error alerts in both directions, and errors of the transport (RFC 9846 section 6.2).

use tls_record_alloc::tls_record::{
    AlertDescription, End, Fault, OpenError, ReadEnd, ShutdownError, WriteEnd,
};
use tls_record_tests::peers::{Peer, PeerEnd, Role};

use crate::endpoint::{AdapterKind, Endpoint, Failure, for_each_adapter_stream, for_each_stream};
use crate::support::{Stack, TLS13, forged_record};

#[test]
fn a_broken_record_is_answered_with_an_alert() {
    for_each_stream(|mut tls, _| {
        assert!(tls.is_idle());
        tls.wire().peer.write(b"good");
        tls.wire().peer.write(b"bad");
        *tls.wire().collect().back_mut().unwrap() ^= 1;
        assert_eq!(tls.read_some(), b"good");
        let fault = Failure::Open(OpenError::Fault(Fault::BadRecordMac));
        for _ in 0..2 {
            assert_eq!(tls.read(&mut [0]).as_ref(), Err(&fault));
        }
        let alert = AlertDescription::BAD_RECORD_MAC;
        assert_eq!(tls.wire().peer.end(), PeerEnd::Alert(alert.0));
        assert!(tls.wire().flushed);
        assert_eq!(tls.write(b"more"), Err(fault));
        assert_eq!(tls.close(), Err(Failure::Shutdown(ShutdownError::Failed)));
        let read = ReadEnd::Fault(Fault::BadRecordMac);
        assert_eq!(tls.end(), End { read, write: WriteEnd::AlertSent(alert) });
    });
}

#[test]
fn an_alert_of_the_peer_is_the_error_of_reading_and_writing() {
    for_each_stream(|mut tls, _| {
        // The peer fails at a forged record. The stream does not know of it.
        tls.wire().peer.receive(&forged_record());
        for _ in 0..2 {
            let alert = || Failure::Open(OpenError::PeerAlert(AlertDescription::BAD_RECORD_MAC));
            assert_eq!(tls.read(&mut [0]), Err(alert()));
            assert_eq!(tls.write(b"more"), Err(alert()));
        }
        assert_eq!(tls.close(), Err(Failure::Shutdown(ShutdownError::Failed)));
    });
}

// Data that was taken will never arrive, so that a flush must not succeed.
#[test]
fn data_that_is_unsent_at_a_fatal_alert_of_the_peer_is_discarded() {
    for_each_stream(|mut tls, _| {
        assert!(tls.is_idle());
        tls.wire().is_broken = true;
        assert_eq!(tls.write(b"never"), Ok(5));
        tls.wire().peer.receive(&forged_record());
        let alert = || Failure::Open(OpenError::PeerAlert(AlertDescription::BAD_RECORD_MAC));
        assert_eq!(tls.read(&mut [0]), Err(alert()));
        tls.wire().is_broken = false;
        let before = tls.wire().sent;
        for _ in 0..2 {
            assert_eq!(tls.flush(), Err(alert()));
        }
        assert_eq!(tls.wire().sent, before);
    });
}

#[test]
fn a_stream_that_has_discarded_data_has_nothing_to_write() {
    for_each_adapter_stream(|_, mut tls, _| {
        tls.wire().is_broken = true;
        assert_eq!(tls.write(b"never"), Ok(5));
        assert!(tls.wants_write());
        tls.wire().peer.receive(&forged_record());
        assert!(tls.read(&mut [0]).is_err());
        tls.wire().is_broken = false;
        assert!(tls.close().is_err());
        assert!(!tls.wants_write());
    });
}

#[test]
fn a_close_notify_that_is_discarded_was_not_sent() {
    fn check(tls: &mut dyn Endpoint<dyn Peer>, failure: Failure) {
        assert_eq!(tls.close(), Err(failure));
        tls.wire().peer.receive(&forged_record());
        let alert = AlertDescription::BAD_RECORD_MAC;
        assert_eq!(tls.read(&mut [0]), Err(Failure::Open(OpenError::PeerAlert(alert))));
        tls.wire().is_broken = false;
        tls.wire().is_blocked = false;
        assert_eq!(tls.close(), Err(Failure::Shutdown(ShutdownError::Failed)));
        let read = ReadEnd::PeerAlert(alert);
        assert_eq!(tls.end(), End { read, write: WriteEnd::Failed });
        assert!(!tls.wire().shut_down);
    }

    for_each_stream(|mut tls, _| {
        assert!(tls.is_idle());
        tls.wire().is_broken = true;
        check(&mut *tls, Failure::Broken);
    });
    // The stream of the core waits for room before it reads.
    for_each_adapter_stream(|_, mut tls, _| {
        assert!(tls.is_idle());
        tls.wire().is_blocked = true;
        check(&mut *tls, Failure::Waits);
    });
}

#[test]
fn an_aborted_connection_sends_its_alert_and_nothing_else() {
    for_each_adapter_stream(|kind, mut tls, _| {
        tls.abort(AlertDescription::INTERNAL_ERROR).unwrap();
        if let AdapterKind::Blocking = kind {
            assert_eq!(tls.wire().peer.end(), PeerEnd::Alert(80), "at once");
        }
        assert!(tls.write(b"late").is_err() && tls.read(&mut [0]).is_err());
        assert_eq!(tls.close(), Err(Failure::Shutdown(ShutdownError::Failed)));
        assert_eq!(tls.wire().peer.end(), PeerEnd::Alert(80));
    });
}

#[test]
fn the_first_lasting_error_of_the_transport_is_remembered() {
    for kind in AdapterKind::ALL {
        let mut tls = kind.stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
        assert!(tls.is_idle());
        assert_eq!(tls.transport_error(), None, "waiting passes");
        tls.wire().is_broken = true;
        assert_eq!(tls.write(b"data"), Ok(4));
        assert_eq!(tls.transport_error(), Some(Failure::Broken));
        tls.wire().is_broken = false;
        tls.wire().piece = 0;
        assert_eq!(tls.flush(), Err(Failure::Broken), "which the write could not report");
        assert_eq!(tls.flush(), Err(Failure::WriteZero));
        assert_eq!(tls.transport_error(), Some(Failure::Broken));
        tls.wire().ends = true;
        assert_eq!(tls.read(&mut [0]), Err(Failure::Broken), "the end of a reset connection");
        assert_eq!(tls.end().read, ReadEnd::Open, "an error of the transport is not part of it");
        assert_eq!(tls.transport_error(), Some(Failure::Broken));
    }
}
