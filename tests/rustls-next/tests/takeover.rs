//! Connections between rustls 0.24 and rustls 0.23, both with the streams of `tls-record-alloc`.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls_next as next;
use tls_record_alloc::rustls::crypto::ring;
use tls_record_alloc::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tls_record_alloc::rustls::version::{TLS12, TLS13};
use tls_record_alloc::rustls::{
    ClientConfig, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use tls_record_alloc::takeover::Takeover;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::{HandshakeFailed, Stream};
use tls_record_rustls_next::Rustls;

type Tls = Stream<TcpStream, Ring>;

fn exchange(accepted: Result<Tls, HandshakeFailed<TcpStream>>) -> io::Result<HandshakeKind> {
    let mut tls = accepted?;
    let data: Vec<u8> = (0..100_000).map(|i| (i % 251) as u8).collect();
    for piece in data.chunks(10_000) {
        tls.write_all(piece)?;
        let mut read = vec![0; piece.len()];
        tls.read_exact(&mut read)?;
        assert!(read == piece);
        // TLS 1.2 has no KeyUpdate, and the answer to the last request may be under way.
        let _ = tls.update_keys(true);
    }
    tls.close_and_read_rest(1 << 16, &mut io::sink())?;
    assert!(tls.end().is_clean());
    Ok(tls.info().kind)
}

/// Runs both ends. Returns the kinds of handshakes that the client and the server saw.
fn connect(
    client: impl FnOnce(TcpStream) -> Result<Tls, HandshakeFailed<TcpStream>>,
    server: impl FnOnce(TcpStream) -> Result<Tls, HandshakeFailed<TcpStream>> + Send + 'static,
) -> [HandshakeKind; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = thread::spawn(move || exchange(server(listener.accept().unwrap().0)));
    let client = exchange(client(TcpStream::connect(addr).unwrap()));
    [client.unwrap(), serving.join().unwrap().unwrap()]
}

fn provider(version: &SupportedProtocolVersion) -> Arc<next::crypto::CryptoProvider> {
    Arc::new(if version == &TLS12 {
        rustls_ring::DEFAULT_TLS12_PROVIDER
    } else {
        rustls_ring::DEFAULT_TLS13_PROVIDER
    })
}

#[test]
fn rustls_0_24_is_taken_over_in_both_roles_and_versions() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    for version in [&TLS12, &TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let old_client = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let old_server = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.clone_key().into())
            .unwrap();
        let mut roots = next::RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let new_client = next::ClientConfig::builder(provider(version))
            .with_root_certificates(roots)
            .with_no_client_auth()
            .unwrap();
        let identity = next::crypto::Identity::from_cert_chain(vec![certificate.clone()]).unwrap();
        let new_server = next::ServerConfig::builder(provider(version))
            .with_no_client_auth()
            .with_single_cert(Arc::new(identity), key.clone_key().into())
            .unwrap();

        let (old_client, old_server) = (Arc::new(old_client), Arc::new(old_server));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            println!("{version:?}, {kind:?}");
            let (client, server) = (old_client.clone(), new_server.clone());
            let kinds = connect(
                |tcp| Tls::connect(client, "localhost".try_into().unwrap(), tcp),
                |tcp| Tls::from_takeover(Takeover::new(Rustls::server(server)), tcp),
            );
            assert_eq!(kinds, [kind; 2]);
        }
        // Its tickets of TLS 1.3 come after the handshake.
        let second = if version == &TLS12 { HandshakeKind::Resumed } else { HandshakeKind::Full };
        for kind in [HandshakeKind::Full, second] {
            println!("{version:?}, {kind:?}");
            let library = Rustls::client(new_client.clone(), "localhost".try_into().unwrap());
            let server = old_server.clone();
            let kinds = connect(
                |tcp| Tls::from_takeover(Takeover::new(library.unwrap()), tcp),
                |tcp| Tls::accept(server, tcp),
            );
            assert_eq!(kinds, [kind; 2]);
        }
    }
}
