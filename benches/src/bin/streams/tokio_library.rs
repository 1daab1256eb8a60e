//! The interface to compare libraries with streams over transports of tokio.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ServerConfig};
use tls_record_alloc::TokioStream;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Builder;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::setup::server_name;

/// A stream or a transport of tokio.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// A library with streams for tokio.
pub(crate) trait TokioLibrary {
    /// Performs the handshake of a client.
    fn connect<T: Duplex>(
        config: Arc<ClientConfig>,
        transport: T,
    ) -> impl Future<Output = io::Result<impl Duplex>>;

    /// Performs the handshake of a server.
    fn accept<T: Duplex>(
        config: Arc<ServerConfig>,
        transport: T,
    ) -> impl Future<Output = io::Result<impl Duplex>>;
}

/// The adapter's [`TokioStream`].
pub(crate) struct Ours;

impl TokioLibrary for Ours {
    async fn connect<T: Duplex>(
        config: Arc<ClientConfig>,
        transport: T,
    ) -> io::Result<impl Duplex> {
        Ok(TokioStream::<_, Ring>::connect(config, server_name(), transport).await?)
    }

    async fn accept<T: Duplex>(config: Arc<ServerConfig>, transport: T) -> io::Result<impl Duplex> {
        Ok(TokioStream::<_, Ring>::accept(config, transport).await?)
    }
}

/// The streams of tokio-rustls.
pub(crate) struct TokioRustls;

impl TokioLibrary for TokioRustls {
    async fn connect<T: Duplex>(
        config: Arc<ClientConfig>,
        transport: T,
    ) -> io::Result<impl Duplex> {
        TlsConnector::from(config).connect(server_name(), transport).await
    }

    async fn accept<T: Duplex>(config: Arc<ServerConfig>, transport: T) -> io::Result<impl Duplex> {
        TlsAcceptor::from(config).accept(transport).await
    }
}

/// Runs the measured side in this thread.
pub(crate) fn block_on(
    subject: impl Future<Output = io::Result<Duration>>,
) -> io::Result<Duration> {
    Builder::new_current_thread().enable_io().build()?.block_on(subject)
}

/// Converts a socket to one of tokio. Must be called inside [`block_on`].
pub(crate) fn adopt(tcp: TcpStream) -> io::Result<tokio::net::TcpStream> {
    tcp.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(tcp)
}
