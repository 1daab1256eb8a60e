//! Accepting with a rustls config.

use std::sync::Arc;

use rustls::ServerConfig;

use super::handshaking::Handshaking;
use crate::handshake::Handshake;

/// Performs the handshakes of servers with one rustls config.
///
/// [`TlsConnector`](super::TlsConnector) has an example with both.
#[derive(Clone, Debug)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
}

impl From<Arc<ServerConfig>> for TlsAcceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }
}

impl TlsAcceptor {
    /// Starts a handshake with the client at the other end of `stream`.
    ///
    /// Nothing is received before the future is polled. There is no time limit: use a timeout.
    pub fn accept<IO>(&self, stream: IO) -> Handshaking<IO> {
        self.accept_with(stream, |_| ())
    }

    /// Like [`accept`](Self::accept), and calls `f` before the handshake.
    ///
    /// `f` can change the [config of the engine](Handshake::engine_config). It is not called if rustls
    /// refuses the config.
    ///
    /// ```
    /// # use std::io;
    /// # use tokio::net::TcpStream;
    /// use tls_record_alloc::tls_record::close::OnPeerClose;
    /// use tls_record_alloc::tokio_rustls::{TlsAcceptor, server::TlsStream};
    ///
    /// /// For a proxy, which forwards the end of each direction separately.
    /// async fn accept(acceptor: TlsAcceptor, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    ///     let keep_open = OnPeerClose::HalfClose;
    ///     acceptor.accept_with(tcp, |tls| tls.engine_config().tls12_on_peer_close = keep_open).await
    /// }
    /// ```
    pub fn accept_with<IO>(&self, stream: IO, f: impl FnOnce(&mut Handshake)) -> Handshaking<IO> {
        Handshaking::new(Handshake::server(self.config.clone()), stream, f)
    }

    /// Returns the config.
    pub const fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }
}
