//! The end of a handshake, and handshake messages after it.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{AlertDescription, Fault, OpenError};
use tls_record_alloc::{HandshakeError, Stream};
use tls_record_tests::peers::{
    Negotiated, Peer, PeerEnd, Role, RustlsPeer, SERVER_NAME, Version, rustls_client_config,
    rustls_server_config,
};

use super::{TIMEOUTS, read_some, stream_to_adapter};
use crate::endpoint::blocking::{Tls, stream};
use crate::endpoint::inner;
use crate::support::{Adapter, Stack, TLS12, TLS13, handshake};
use crate::wire::Wire;

#[test]
fn data_of_a_peer_that_is_gone_is_still_read() {
    let mut peer = Stack::Openssl.peer(Role::Client, TLS13);
    peer.write(b"a testament");
    peer.close();
    let mut handshake = handshake(Role::Server, TLS13);
    let mut wire = Wire::to(peer);
    // The handshake up to the client's last flight.
    assert!(handshake.receive(&wire.peer.take_output()) != 0);
    handshake.advance().unwrap();
    wire.write_all(handshake.unsent()).unwrap();
    wire.flush().unwrap();
    handshake.sent(handshake.unsent().len());
    // The peer is gone, and takes no tickets.
    wire.is_broken = true;
    handshake.complete(&mut wire).unwrap();
    assert!(!handshake.unsent().is_empty());
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    let mut data = Vec::new();
    tls.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"a testament");
}

#[test]
fn warnings_and_refused_renegotiations_are_reported() {
    let mut tls = stream_to_adapter(TLS12);
    assert!(!tls.renegotiation_refused());
    tls.transport_mut().peer.write_handshake(&[0, 0, 0, 0]);
    assert!(tls.read(&mut [0]).is_err());
    assert!(tls.renegotiation_refused());

    assert_eq!(tls.take_warning(), None);
    tls.transport_mut().peer.connection().layer.cancel().unwrap();
    tls.transport_mut().peer.send_control();
    assert_eq!(tls.read(&mut [0]).unwrap(), 0);
    assert_eq!(tls.take_warning(), Some(AlertDescription::USER_CANCELED));
    assert_eq!(tls.take_warning(), None);
}

#[test]
fn a_long_renegotiation_request_is_refused_once() {
    let mut client = handshake(Role::Client, TLS12);
    client.engine_config().fragment_limit = 20;
    let mut tls = stream(Role::Server, TLS12, Box::new(Adapter::<Ring>::over(client)));
    let mut client_hello = [7; 60];
    client_hello[..4].copy_from_slice(&[1, 0, 0, 56]);
    tls.transport_mut().peer.write_handshake(&client_hello);
    tls.transport_mut().peer.write(b"data");
    assert_eq!(read_some(&mut tls), b"data");
    assert_eq!(tls.transport().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
}

#[test]
fn other_handshake_messages_are_passed_over() {
    let mut client = handshake(Role::Client, TLS13);
    client.engine_config().post_handshake_auth = true;
    let mut wire = Wire::to(Box::new(Adapter::<Ring>::new(Role::Server, TLS13)));
    client.complete(&mut wire).unwrap();
    let mut tls = Tls::new(client.finish().unwrap(), wire);
    const CERTIFICATE_REQUEST: [u8; 6] = [13, 0, 0, 2, 0, 0];
    tls.transport_mut().peer.write_handshake(&CERTIFICATE_REQUEST);
    tls.transport_mut().peer.write(b"data");
    assert_eq!(read_some(&mut tls), b"data");
}

#[test]
fn a_malformed_ticket_ends_the_connection() {
    let mut tls = stream_to_adapter(TLS13);
    tls.transport_mut().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
    let error = tls.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    let alert = AlertDescription::DECODE_ERROR;
    assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::Aborted(alert)));
    assert_eq!(tls.transport().peer.end(), PeerEnd::Alert(alert.0));
}

#[test]
fn tickets_after_a_key_update_are_passed_over() {
    for is_ours in [false, true] {
        let mut tls = stream_to_adapter(TLS13);
        match is_ours {
            false => tls.transport_mut().peer.key_update(false),
            true => tls.update_keys(false).unwrap(),
        }
        tls.transport_mut().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
        tls.transport_mut().peer.write(b"data");
        assert_eq!(read_some(&mut tls), b"data");
    }
}

#[test]
fn a_client_stream_keeps_tickets_for_the_next_one() {
    for agreed in Negotiated::all() {
        let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        let client = Arc::new(rustls_client_config(agreed.version, agreed.suite));
        for resumed in [false, true] {
            let wire = Wire::to(Box::new(RustlsPeer::server(server.clone())));
            let name = SERVER_NAME.try_into().unwrap();
            let mut tls = Stream::<_, Ring>::connect(client.clone(), name, wire).unwrap();
            assert_eq!(tls.transport().peer.resumed(), resumed);
            assert_eq!(tls.exporter().is_some(), agreed.version == Version::Tls13);
            tls.transport_mut().peer.close();
            assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        }
    }
}

#[test]
fn a_server_receives_although_its_flight_timed_out() {
    for kind in TIMEOUTS {
        let mut wire = Wire::to(Stack::Openssl.peer(Role::Client, TLS13));
        wire.write_timeout = Some(kind);
        let mut server = handshake(Role::Server, TLS13);
        let error = server.complete(&mut wire).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::WouldBlock,
            "of the read for which the peer sent nothing"
        );
        assert_eq!(wire.reads, 2);
        wire.write_timeout = None;
        server.complete(&mut wire).unwrap();
    }
}

#[test]
fn a_client_is_not_complete_while_its_finished_times_out() {
    for kind in TIMEOUTS {
        let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
        let mut client = handshake(Role::Client, TLS13);
        client.advance().unwrap();
        wire.write_all(client.unsent()).unwrap();
        wire.flush().unwrap();
        client.sent(client.unsent().len());
        wire.write_timeout = Some(kind);
        for _ in 0..2 {
            assert_eq!(client.complete(&mut wire).unwrap_err().kind(), kind);
        }
        wire.write_timeout = None;
        client.complete(&mut wire).unwrap();
        assert!(!wire.peer.is_handshaking());
    }
}

#[test]
fn the_alert_of_a_failed_handshake_is_sent_before_its_error_returns() {
    for kind in TIMEOUTS {
        let mut wire = Wire::to(Stack::Openssl.peer(Role::Client, TLS13));
        wire.incoming.extend(b"GET / HTTP/1.0\r\n\r\n");
        wire.write_timeout = Some(kind);
        let mut server = handshake(Role::Server, TLS13);
        for _ in 0..2 {
            assert_eq!(server.complete(&mut wire).unwrap_err().kind(), kind);
        }
        wire.write_timeout = None;
        for _ in 0..2 {
            assert_eq!(server.complete(&mut wire).unwrap_err().kind(), ErrorKind::InvalidData);
            assert_eq!(wire.sent, 7, "the alert, once");
        }
    }
}

#[test]
fn the_chain_of_a_failed_handshake_leads_to_its_error_and_names_it_once() {
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Client, TLS13));
    wire.incoming.extend(b"GET / HTTP/1.0\r\n\r\n");
    let failed = Stream::<_, Ring>::from_handshake(handshake(Role::Server, TLS13), wire);
    let failed = failed.unwrap_err();
    assert_eq!(failed.to_string(), "the TLS handshake failed");
    let source = failed.source().unwrap().downcast_ref::<io::Error>().unwrap();
    let inner = source.get_ref().unwrap().downcast_ref();
    assert!(matches!(inner, Some(HandshakeError::Tls(_))), "{source}");
    assert!(source.source().is_none(), "its message is that of the inner error");
    let message = source.to_string();
    let (error, wire) = failed.into_parts();
    assert_eq!(error.to_string(), message);
    assert_eq!(wire.sent, 7, "the alert");
}

#[test]
fn the_error_of_a_failed_handshake_is_returned_if_the_handshake_is_consumed() {
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Client, TLS13));
    wire.incoming.extend(b"GET / HTTP/1.0\r\n\r\n");
    wire.write_timeout = Some(ErrorKind::TimedOut);
    let failed = Stream::<_, Ring>::from_handshake(handshake(Role::Server, TLS13), wire);
    assert_eq!(failed.unwrap_err().error.kind(), ErrorKind::InvalidData);
}
