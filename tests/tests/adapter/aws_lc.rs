//! AWS-LC for the handshake, by rustls, and for the records.

use std::sync::Arc;

use tls_record_alloc::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tls_record_alloc::rustls::{ClientConfig, RootCertStore, ServerConfig, version};
use tls_record_alloc::tls_record::aead::aws_lc::AwsLc;
use tls_record_tests::peers::{Negotiated, Peer, Role, Version, identity, pump};

use crate::support::{Adapter, ROLES, Stack, client_handshake, other, server_handshake};

fn provider(agreed: Negotiated) -> Arc<CryptoProvider> {
    let suite = agreed.suite.code_point(agreed.version);
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|supported| u16::from(supported.suite()) == suite);
    Arc::new(provider)
}

fn ours(role: Role, agreed: Negotiated) -> Adapter<AwsLc> {
    let versions = match agreed.version {
        Version::Tls12 => &[&version::TLS12],
        Version::Tls13 => &[&version::TLS13],
    };
    let identity = identity();
    match role {
        Role::Client => {
            let mut roots = RootCertStore::empty();
            roots.add(identity.authority.clone()).unwrap();
            let config = ClientConfig::builder_with_provider(provider(agreed))
                .with_protocol_versions(versions)
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            Adapter::over(client_handshake(Arc::new(config)))
        }
        Role::Server => {
            let chain = vec![identity.certificate.clone()];
            let config = ServerConfig::builder_with_provider(provider(agreed))
                .with_protocol_versions(versions)
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, identity.key.clone_key().into())
                .unwrap();
            Adapter::over(server_handshake(Arc::new(config)))
        }
    }
}

#[test]
fn its_handshakes_and_records_go_both_ways_and_end() {
    for role in ROLES {
        for agreed in Negotiated::all() {
            for stack in Stack::ALL {
                println!("{role:?} {agreed:?} {stack:?}");
                let mut ours = ours(role, agreed);
                let mut peer = stack.peer(other(role), agreed);
                pump(&mut ours, &mut *peer);
                assert_eq!(ours.negotiated(), Some(agreed));
                assert_eq!(peer.negotiated(), Some(agreed));
                let data = vec![7; 20_000];
                ours.write(&data);
                peer.write(&data[1..]);
                pump(&mut ours, &mut *peer);
                assert_eq!(peer.read(), data);
                assert_eq!(ours.read(), data[1..]);
                ours.close();
                pump(&mut ours, &mut *peer);
                peer.close();
                pump(&mut ours, &mut *peer);
                assert!(ours.connection_end().is_clean());
            }
        }
    }
}
