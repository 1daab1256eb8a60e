//! OpenSSL and rustls accept the padding of the engine.

use std::sync::Arc;

use tls_record::aead::ring::Ring;
use tls_record::{Config, Epoch, RecordLayer, Role as End, TrafficSecret};
use tls_record_tests::peers::{
    Extras, Negotiated, OpensslContext, Peer, PeerEnd, Role, RustlsPeer, SecretLog, Secrets,
    Suite as PeerSuite, Version as PeerVersion, pump, rustls_client_config_with,
    rustls_server_config_with,
};

use super::POLICIES;

/// A server of OpenSSL or rustls after a handshake of TLS 1.3, and the secrets of the connection.
fn server(is_openssl: bool, suite: PeerSuite) -> (Box<dyn Peer>, Secrets) {
    let log = SecretLog::default();
    let extras = Extras { log: Some(log.clone()), ..Extras::default() };
    let agreed = Negotiated { version: PeerVersion::Tls13, suite };
    let config = rustls_client_config_with(agreed.version, suite, &extras);
    let mut client = RustlsPeer::client(Arc::new(config));
    let mut server: Box<dyn Peer> = if is_openssl {
        Box::new(OpensslContext::with(&agreed.setup(Role::Server), &extras).peer())
    } else {
        let config = rustls_server_config_with(agreed.version, suite, &extras);
        Box::new(RustlsPeer::server(Arc::new(config)))
    };
    let client_hello = client.take_output();
    server.receive(&client_hello);
    let flight = server.take_output();
    client.receive(&flight);
    let secrets = Secrets::new(&log, agreed, &client_hello, &flight);
    pump(&mut client, &mut *server);
    assert!(!client.is_handshaking() && !server.is_handshaking());
    (server, secrets)
}

#[test]
fn take_padded_records_of_every_policy() {
    for is_openssl in [false, true] {
        for suite in PeerSuite::ALL {
            for policy in POLICIES {
                let (mut peer, secrets) = server(is_openssl, suite);
                let mut config = Config::new(End::Client);
                (config.padding, config.pads_control) = (policy, true);
                let mut layer = RecordLayer::<TrafficSecret<Ring>>::new(config);
                let keys = |role| secrets.keys(role, Epoch::Application);
                layer.install(Epoch::Application, keys(Role::Client), keys(Role::Server)).unwrap();

                let mut out = vec![0; 20_000];
                let mut sent = vec![];
                for length in [1, 62, 63, 64, 65, 510, 511, 512, 1023, 1024, 16_383, 16_384] {
                    let content = vec![length as u8; length];
                    let sealed = layer.seal(&[&content], &mut out).unwrap();
                    assert_eq!(sealed.taken, length);
                    peer.receive(&out[..sealed.written]);
                    sent.extend(content);
                    // Cover traffic in between.
                    let length = layer.seal_in_place(&mut out, 0).unwrap();
                    peer.receive(&out[..length]);
                }
                layer.update_keys(false).unwrap();
                let length = layer.poll_control(&mut out).unwrap();
                peer.receive(&out[..length]);
                let sealed = layer.seal(&[b"after"], &mut out).unwrap();
                peer.receive(&out[..sealed.written]);
                sent.extend(b"after");
                layer.close().unwrap();
                let length = layer.poll_control(&mut out).unwrap();
                peer.receive(&out[..length]);
                assert_eq!(peer.end(), PeerEnd::CloseNotify, "{policy:?} {suite:?}");
                assert!(peer.read() == sent, "{policy:?} {suite:?}");
            }
        }
    }
}
