//! Sessions of one connection that the next one resumes.

use std::sync::Arc;

use crate::support::{Adapter, client_handshake, server_handshake};
use tls_record_alloc::rustls::HandshakeKind;
use tls_record_alloc::tls_record::aead::{Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record_tests::peers::{
    Negotiated, OpensslContext, OpensslPeer, Peer, Role, RustlsPeer, Version, identity, pump,
    rustls_client_config, rustls_server_config,
};

fn exchange(a: &mut dyn Peer, b: &mut dyn Peer) {
    a.write(b"one way");
    b.write(b"the other");
    pump(a, b);
    assert_eq!(b.read(), b"one way");
    assert_eq!(a.read(), b"the other");
}

/// Two connections of one client config; the second must resume the first.
fn our_client_resumes<P: Provider>(agreed: Negotiated, new_server: impl Fn() -> Box<dyn Peer>) {
    let config = Arc::new(rustls_client_config(agreed.version, agreed.suite));
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        let mut ours = Adapter::<P>::over(client_handshake(config.clone())).in_pieces_of(11);
        let mut server = new_server();
        pump(&mut ours, &mut *server);
        exchange(&mut ours, &mut *server);
        let resumed = kind == HandshakeKind::Resumed;
        assert_eq!((ours.resumed(), server.resumed()), (resumed, resumed), "{agreed:?}");
        assert_eq!(ours.tickets_stored != 0, agreed.version == Version::Tls13);
        let info = &ours.connection().info;
        assert_eq!(info.peer_certificates, [identity().certificate.clone()]);
        assert_eq!(info.group.is_some(), !resumed || agreed.version == Version::Tls13);
    }
}

#[test]
fn our_client_resumes_at_an_openssl_server() {
    for agreed in Negotiated::all() {
        let context = OpensslContext::new(&agreed.setup(Role::Server));
        our_client_resumes::<Ring>(agreed, || Box::new(context.peer()));
        our_client_resumes::<RustCrypto>(agreed, || Box::new(context.peer()));
    }
}

#[test]
fn our_client_resumes_at_a_rustls_server() {
    for agreed in Negotiated::all() {
        let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        our_client_resumes::<Ring>(agreed, || Box::new(RustlsPeer::server(config.clone())));
    }
}

#[test]
fn our_client_resumes_by_tickets_that_came_in_many_records() {
    for agreed in Negotiated::all() {
        let mut config = rustls_server_config(agreed.version, agreed.suite);
        config.max_fragment_size = Some(37);
        let config = Arc::new(config);
        our_client_resumes::<Ring>(agreed, || Box::new(RustlsPeer::server(config.clone())));
    }
}

#[test]
fn our_client_resumes_at_our_server() {
    for agreed in Negotiated::all() {
        let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        our_client_resumes::<Ring>(agreed, || {
            Box::new(Adapter::<RustCrypto>::over(server_handshake(config.clone())))
        });
    }
}

#[test]
fn an_openssl_client_resumes_at_our_server() {
    for agreed in Negotiated::all() {
        let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        let setup = agreed.setup(Role::Client);
        let mut session = None;
        for round in 0..3 {
            let mut ours = Adapter::<Ring>::over(server_handshake(config.clone()));
            let mut client = match &session {
                None => OpensslPeer::new(&setup),
                Some(session) => OpensslPeer::resume(&setup, session),
            };
            client.write(b"impatient");
            pump(&mut ours, &mut client);
            assert_eq!((ours.resumed(), client.resumed()), (round != 0, round != 0), "{agreed:?}");
            // A TLS 1.2 client that resumes has the last word, and more.
            assert_eq!(ours.left_over != 0, round != 0 || agreed.version == Version::Tls13);
            assert_eq!(ours.read(), b"impatient");
            exchange(&mut ours, &mut client);
            assert!(ours.connection().info.server_name.is_some());
            session = client.session().or(session);
        }
    }
}

#[test]
fn a_rustls_client_resumes_at_our_server() {
    for agreed in Negotiated::all() {
        let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        let client = Arc::new(rustls_client_config(agreed.version, agreed.suite));
        for round in 0..3 {
            let mut ours = Adapter::<Ring>::over(server_handshake(server.clone()));
            let mut peer = RustlsPeer::client(client.clone());
            pump(&mut ours, &mut peer);
            exchange(&mut ours, &mut peer);
            assert_eq!((ours.resumed(), peer.resumed()), (round != 0, round != 0), "{agreed:?}");
        }
    }
}
