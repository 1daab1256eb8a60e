//! Connecting with a rustls config.

use std::sync::Arc;
use std::vec::Vec;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::handshaking::Handshaking;
use crate::handshake::Handshake;

/// Performs the handshakes of clients with one rustls config.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use tls_record_alloc::rustls::pki_types::PrivatePkcs8KeyDer;
/// # use tls_record_alloc::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};
/// # let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
/// # let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
/// # let mut roots = RootCertStore::empty();
/// # roots.add(identity.cert.der().clone())?;
/// # let provider = Arc::new(crypto::ring::default_provider());
/// # let mut server = ServerConfig::builder_with_provider(provider.clone())
/// #     .with_safe_default_protocol_versions()?
/// #     .with_no_client_auth()
/// #     .with_single_cert(vec![identity.cert.der().clone()], key.into())?;
/// # server.alpn_protocols = vec![b"h2".to_vec()];
/// # let client = ClientConfig::builder_with_provider(provider)
/// #     .with_safe_default_protocol_versions()?
/// #     .with_root_certificates(roots)
/// #     .with_no_client_auth();
/// use tls_record_alloc::tokio_rustls::{TlsAcceptor, TlsConnector};
///
/// let acceptor = TlsAcceptor::from(Arc::new(server));
/// let connector = TlsConnector::from(Arc::new(client));
/// let (near, far) = tokio::io::duplex(1024);
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let accepting = tokio::spawn(acceptor.accept(far));
/// let protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
/// let name = "localhost".try_into()?;
/// let tls = connector.with_alpn(protocols).connect(name, near).await?;
/// assert_eq!(tls.info().alpn.as_deref(), Some(&b"h2"[..]));
/// accepting.await??;
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
}

impl From<Arc<ClientConfig>> for TlsConnector {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }
}

impl TlsConnector {
    /// Starts a handshake with the server called `domain`.
    ///
    /// Nothing is sent before the future is polled. There is no time limit: use a timeout.
    pub fn connect<IO>(&self, domain: ServerName<'static>, stream: IO) -> Handshaking<IO> {
        self.connect_with(domain, stream, |_| ())
    }

    /// Like [`connect`](Self::connect), and calls `f` before the handshake.
    ///
    /// `f` can change the [config of the engine](Handshake::engine_config). It is not called if rustls
    /// refuses the config.
    pub fn connect_with<IO>(
        &self,
        domain: ServerName<'static>,
        stream: IO,
        f: impl FnOnce(&mut Handshake),
    ) -> Handshaking<IO> {
        Handshaking::new(Handshake::client(self.config.clone(), domain), stream, f)
    }

    /// Returns a connector that offers these application protocols in place of the config's.
    pub fn with_alpn(&self, alpn_protocols: Vec<Vec<u8>>) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = alpn_protocols;
        Self { config: Arc::new(config) }
    }

    /// Returns the config.
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}
