//! Handshakes that fail, and requests for another handshake.

use std::io::ErrorKind;

use tls_record_alloc::HandshakeError;
use tls_record_alloc::tls_record::AlertDescription;
use tls_record_tests::peers::{Peer, PeerEnd, Role, RustlsPeer};

use crate::endpoint::{AdapterKind, Kind};
use crate::support::{Stack, TLS12, TLS13, client_handshake, distrustful_config, handshake};
use crate::wire::Wire;

#[test]
fn a_failed_handshake_sends_its_alert_before_the_error_returns() {
    for kind in AdapterKind::ALL {
        let mut handshake = client_handshake(distrustful_config(TLS13));
        let mut wire = Wire::to(Box::new(RustlsPeer::new(&TLS13.setup(Role::Server))));
        let error = kind.complete(&mut handshake, &mut wire).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.get_ref().unwrap().is::<HandshakeError>());
        assert_eq!(wire.peer.end(), PeerEnd::Alert(AlertDescription::UNKNOWN_CA.0));
        assert!(wire.flushed);
    }
}

#[test]
fn a_handshake_over_a_transport_that_ends_is_truncated() {
    for kind in AdapterKind::ALL {
        let mut wire = Wire::to(Box::new(RustlsPeer::new(&TLS13.setup(Role::Client))));
        wire.collect().truncate(100);
        wire.ends = true;
        let mut handshake = handshake(Role::Server, TLS13);
        let error = kind.complete(&mut handshake, &mut wire).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_handshake_over_a_broken_transport_fails_with_its_error() {
    for kind in AdapterKind::ALL {
        let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
        wire.is_broken = true;
        let mut handshake = handshake(Role::Client, TLS13);
        let error = kind.complete(&mut handshake, &mut wire).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_renegotiation_is_refused() {
    const HELLO_REQUEST: [u8; 4] = [0, 0, 0, 0];
    for kind in Kind::all() {
        for has_data in [false, true] {
            let mut tls = kind.stream_to_adapter(TLS12);
            tls.wire().peer.write_handshake(&HELLO_REQUEST);
            if has_data {
                tls.wire().peer.write(b"and data");
                assert_eq!(tls.read_some(), b"and data");
            }
            assert!(tls.is_idle());
            assert_eq!(tls.wire().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
            tls.send(b"it goes on");
            assert_eq!(tls.wire().peer.read(), b"it goes on");
        }
    }
}
