//! Accepting with a config that the ClientHello determines.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::boxed::Box;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Accepted, ClientHello};
use tokio::io::{AsyncRead, AsyncWrite};

use super::handshaking::Handshaking;
use crate::acceptor::Acceptor;
use crate::buffer::Buffer;
use crate::handshake::Handshake;

/// A future that reads a ClientHello, for a server that chooses its config by it.
///
/// After a failure, the alert is sent before the error is returned, and [`take_io`](Self::take_io) returns
/// the transport. There is no time limit: use a timeout. The future may be polled by reference and given up. If
/// it is polled again after a failure, it fails again.
///
/// # Errors
/// The errors of [`Acceptor::read_hello_async`].
///
/// ```
/// # use std::io;
/// # use std::sync::Arc;
/// # use tls_record_alloc::rustls::ServerConfig;
/// # use tokio::net::TcpStream;
/// use tls_record_alloc::Acceptor;
/// use tls_record_alloc::tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
///
/// async fn accept(
///     tcp: TcpStream,
///     choose: impl Fn(Option<&str>) -> Arc<ServerConfig>,
/// ) -> io::Result<TlsStream<TcpStream>> {
///     let start = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
///     let config = choose(start.client_hello().server_name());
///     start.into_stream(config).await
/// }
/// ```
#[derive(Debug)]
#[must_use = "the ClientHello is read only while this future is polled"]
pub struct LazyConfigAcceptor<IO> {
    acceptor: Acceptor,
    io: Option<IO>,
}

impl<IO> LazyConfigAcceptor<IO> {
    /// Creates a future that reads the ClientHello from `io`.
    ///
    /// `acceptor` is that of this crate, usually `Acceptor::default()`. It may hold bytes that were
    /// received before.
    pub const fn new(acceptor: Acceptor, io: IO) -> Self {
        Self { acceptor, io: Some(io) }
    }

    /// Takes the transport back: `None` once the ClientHello was read or the transport taken.
    pub const fn take_io(&mut self) -> Option<IO> {
        self.io.take()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Future for LazyConfigAcceptor<IO> {
    type Output = io::Result<StartHandshake<IO>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(io) = &mut this.io else {
            return Poll::Ready(Err(io::Error::new(ErrorKind::NotConnected, "no transport")));
        };
        ready!(this.acceptor.poll_hello(io, cx))?;
        // The acceptor keeps the failure, for a poll after this one.
        this.acceptor.hello()?;
        let (accepted, received) = core::mem::take(&mut this.acceptor).into_accepted()?;
        let Some(io) = this.io.take() else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        Poll::Ready(Ok(StartHandshake { io, accepted, received }))
    }
}

/// A connection whose ClientHello has been read.
#[non_exhaustive]
pub struct StartHandshake<IO> {
    /// The transport. Do not read from it or write to it before the handshake.
    pub io: IO,
    accepted: Box<Accepted>,
    received: Buffer,
}

impl<IO> StartHandshake<IO> {
    /// Returns the ClientHello.
    pub fn client_hello(&self) -> ClientHello<'_> {
        self.accepted.client_hello()
    }

    /// Continues the handshake with `config`.
    ///
    /// There is no time limit: use a timeout.
    pub fn into_stream(self, config: Arc<ServerConfig>) -> Handshaking<IO> {
        self.into_stream_with(config, |_| ())
    }

    /// Like [`into_stream`](Self::into_stream), and calls `f` before the handshake continues.
    ///
    /// `f` can change the [config of the engine](Handshake::engine_config). It is not called if rustls
    /// refuses the config.
    pub fn into_stream_with(
        self,
        config: Arc<ServerConfig>,
        f: impl FnOnce(&mut Handshake),
    ) -> Handshaking<IO> {
        let received = self.received;
        Handshaking::new(Handshake::server(config), self.io, |handshake| {
            handshake.received = received;
            f(handshake);
        })
    }
}

impl<IO> core::fmt::Debug for StartHandshake<IO> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StartHandshake").finish_non_exhaustive()
    }
}
