//! A peer over rustls.

use std::{
    io::{ErrorKind, Read, Write},
    mem,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, Connection, Error, HandshakeKind, RootCertStore, ServerConfig,
    ServerConnection, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    server::WebPkiClientVerifier,
    version,
};

use super::{
    Extras, Group, Negotiated, Peer, PeerEnd, Role, SERVER_NAME, Setup, Suite, Version, identity,
};

/// A client's configuration for one version and cipher suite, which trusts the authority of
/// [`identity()`].
pub fn rustls_client_config(version: Version, suite: Suite) -> ClientConfig {
    rustls_client_config_with(version, suite, &Extras::default())
}

/// A client's configuration with options.
pub fn rustls_client_config_with(version: Version, suite: Suite, extras: &Extras) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider(version, suite, extras))
        .with_protocol_versions(&[protocol_version(version)])
        .expect("the cipher suite belongs to the version")
        .with_root_certificates(roots());
    let mut config = if extras.client_auth {
        let (chain, key) = certificate();
        builder.with_client_auth_cert(chain, key).expect("the key is that of the certificate")
    } else {
        builder.with_no_client_auth()
    };
    config.enable_early_data = extras.early_data > 0;
    if let Some(log) = extras.log.clone() {
        config.key_log = Arc::new(log);
    }
    config
}

/// A server's configuration for one version and cipher suite, with the certificate of
/// [`identity()`].
pub fn rustls_server_config(version: Version, suite: Suite) -> ServerConfig {
    rustls_server_config_with(version, suite, &Extras::default())
}

/// A server's configuration with options.
pub fn rustls_server_config_with(version: Version, suite: Suite, extras: &Extras) -> ServerConfig {
    let provider = provider(version, suite, extras);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[protocol_version(version)])
        .expect("the cipher suite belongs to the version");
    let (chain, key) = certificate();
    let mut config = if extras.client_auth {
        let verifier = WebPkiClientVerifier::builder_with_provider(roots().into(), provider)
            .build()
            .expect("there is an authority");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    }
    .with_single_cert(chain, key)
    .expect("the key is that of the certificate");
    config.max_early_data_size = extras.early_data;
    if let Some(log) = extras.log.clone() {
        config.key_log = Arc::new(log);
    }
    config
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(identity().authority.clone()).expect("the authority's certificate is well-formed");
    roots
}

fn certificate() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    (vec![identity().certificate.clone()], identity().key.clone_key().into())
}

fn provider(version: Version, suite: Suite, extras: &Extras) -> Arc<CryptoProvider> {
    let code_point = suite.code_point(version);
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|supported| u16::from(supported.suite()) == code_point);
    if !extras.groups.is_empty() {
        provider.kx_groups = extras
            .groups
            .iter()
            .map(|group| match group {
                Group::X25519 => ring::kx_group::X25519,
                Group::P256 => ring::kx_group::SECP256R1,
            })
            .collect();
    }
    Arc::new(provider)
}

fn protocol_version(version: Version) -> &'static SupportedProtocolVersion {
    match version {
        Version::Tls12 => &version::TLS12,
        Version::Tls13 => &version::TLS13,
    }
}

/// One end of a TLS connection by rustls, with its buffered interface and the ring provider.
///
/// A server that accepts early data reads it like other data.
///
/// Of the two kinds of KeyUpdate it can send only the one that asks for another:
/// [`Peer::key_update`] panics unless `request` is set. The other kind it sends in answer, within
/// the [`Peer::receive`] that takes the request, once for all requests in it. It fails at the 33rd
/// KeyUpdate without application data in between.
#[derive(Debug)]
pub struct RustlsPeer {
    connection: Connection,
    received: Vec<u8>,
    end: PeerEnd,
    closing: bool,
}

impl RustlsPeer {
    /// A peer with a configuration, and thus a session store, of its own.
    pub fn new(setup: &Setup) -> Self {
        let &Setup { version, suite, .. } = setup;
        match setup.role {
            Role::Client => Self::client(Arc::new(rustls_client_config(version, suite))),
            Role::Server => Self::server(Arc::new(rustls_server_config(version, suite))),
        }
    }

    /// A client with this configuration; two that share one resume each other's sessions.
    pub fn client(config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from(SERVER_NAME).expect("the server's name is a DNS name");
        let connection =
            ClientConnection::new(config, name).expect("rustls takes the configuration");
        Self::over(connection.into())
    }

    /// A server with this configuration; two that share one resume each other's sessions.
    pub fn server(config: Arc<ServerConfig>) -> Self {
        let connection = ServerConnection::new(config).expect("rustls takes the configuration");
        Self::over(connection.into())
    }

    fn over(mut connection: Connection) -> Self {
        connection.set_buffer_limit(None);
        Self { connection, received: Vec::new(), end: PeerEnd::Open, closing: false }
    }

    /// Sends early data, all of it, with the ClientHello of a client that resumes a session.
    ///
    /// # Panics
    ///
    /// Unless it is a client whose configuration and session allow as much.
    pub fn write_early(&mut self, data: &[u8]) {
        let Connection::Client(client) = &mut self.connection else {
            panic!("it is clients that send early data");
        };
        let mut early_data = client.early_data().expect("the session allows early data");
        early_data.write_all(data).expect("the session allows as much");
    }

    /// Takes in some of `bytes` and moves past them.
    fn process(&mut self, bytes: &mut &[u8]) {
        self.connection
            .read_tls(bytes)
            .expect("there is room for input, as all earlier input was processed");
        match self.connection.process_new_packets() {
            Ok(state) if state.peer_has_closed() => self.end = PeerEnd::CloseNotify,
            Ok(_) => {}
            Err(Error::AlertReceived(alert)) => self.end = PeerEnd::Alert(alert.into()),
            Err(error) => self.end = PeerEnd::Failed(error.to_string()),
        }
        if let Connection::Server(server) = &mut self.connection
            && let Some(mut early_data) = server.early_data()
        {
            early_data.read_to_end(&mut self.received).expect("rustls has read it");
        }
        if let Err(error) = self.connection.reader().read_to_end(&mut self.received) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "rustls reads: {error}");
        }
    }

    /// Sends pending records: the answer to a KeyUpdate, and the `close_notify`.
    fn flush(&mut self) {
        if self.connection.is_handshaking() || !self.end.lets_write() {
            return;
        }
        if self.closing {
            // Only the first call has an effect.
            self.connection.send_close_notify();
        } else {
            // An answer to a KeyUpdate is kept for the next write, even of nothing.
            self.put(&[]);
        }
    }

    fn put(&mut self, data: &[u8]) {
        // Not `write_all`, which does nothing for no data.
        let written = self.connection.writer().write(data);
        assert_eq!(
            written.expect("rustls writes to memory"),
            data.len(),
            "rustls takes all data at once, as its buffers are unlimited"
        );
    }
}

impl Peer for RustlsPeer {
    fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.end == PeerEnd::Open {
            self.process(&mut bytes);
        }
        self.flush();
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut output).expect("a vector takes all output");
        }
        output
    }

    fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn write(&mut self, data: &[u8]) {
        assert!(!self.closing, "data is written after the close");
        if self.end.lets_write() {
            self.put(data);
        }
    }

    fn read(&mut self) -> Vec<u8> {
        mem::take(&mut self.received)
    }

    fn close(&mut self) {
        self.closing = true;
        self.flush();
    }

    fn key_update(&mut self, request: bool) {
        assert!(request, "rustls cannot send a KeyUpdate that asks for no answer");
        assert!(!self.closing, "a KeyUpdate is sent after the close");
        self.connection
            .refresh_traffic_keys()
            .expect("keys are updated in TLS 1.3, after the handshake");
    }

    fn end(&self) -> PeerEnd {
        self.end.clone()
    }

    fn resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn negotiated(&self) -> Option<Negotiated> {
        if self.is_handshaking() {
            return None;
        }
        let version = self.connection.protocol_version()?;
        let suite = self.connection.negotiated_cipher_suite()?.suite();
        Negotiated::from_code_points(version.into(), suite.into())
    }
}
