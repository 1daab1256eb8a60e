//! The configuration of all libraries and both ends: one cipher suite of one provider.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use clap::ValueEnum;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{CipherSuite, ClientConfig, RootCertStore, ServerConfig, version};

/// The TLS version to measure.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Tls {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

/// The configurations of all connections.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) client: Arc<ClientConfig>,
    pub(crate) server: Arc<ServerConfig>,
    no_delay: bool,
}

impl Setup {
    /// Uses AES-128-GCM of ring, ECDSA, and no resumption. Sets TCP_NODELAY if `no_delay` is set.
    pub(crate) fn new(tls: Tls, no_delay: bool) -> Self {
        let (version, suite) = match tls {
            Tls::Tls12 => (&version::TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
            Tls::Tls13 => (&version::TLS13, CipherSuite::TLS13_AES_128_GCM_SHA256),
        };
        let mut provider = ring::default_provider();
        provider.cipher_suites.retain(|candidate| candidate.suite() == suite);
        let provider = Arc::new(provider);

        let identity =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a valid name");
        let certificate = identity.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");

        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("the cipher suite belongs to this version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Without resumption, every connection makes the same handshake.
        client.resumption = Resumption::disabled();
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("the cipher suite belongs to this version")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .expect("the key belongs to the certificate");
        Self { client: Arc::new(client), server: Arc::new(server), no_delay }
    }

    /// Returns both ends of a TCP connection over loopback.
    pub(crate) fn tcp_pair(&self) -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let one = TcpStream::connect(listener.local_addr()?)?;
        let (other, _) = listener.accept()?;
        one.set_nodelay(self.no_delay)?;
        other.set_nodelay(self.no_delay)?;
        Ok((one, other))
    }
}

/// Returns the name of every server.
pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a DNS name")
}
