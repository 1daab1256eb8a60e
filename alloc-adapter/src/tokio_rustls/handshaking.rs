//! The future of a handshake.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::TlsStream;
use crate::drive;
use crate::error::HandshakeError;
use crate::handshake::Handshake;

/// The future of a handshake, which returns the stream.
///
/// After a failure, the alert is sent before the error is returned, and the transport is dropped.
/// [`into_fallible`](Self::into_fallible) returns the transport too.
///
/// # Errors
/// - The errors of the transport.
/// - [`HandshakeError`](crate::HandshakeError), as an inner error.
///
/// # Panics
/// If it is polled after it has completed.
#[must_use = "the handshake makes progress only while this future is polled"]
pub struct Handshaking<IO> {
    /// `None` once it has completed.
    pending: Option<(Result<Handshake, HandshakeError>, IO)>,
}

impl<IO> Handshaking<IO> {
    pub(super) fn new(
        mut handshake: Result<Handshake, HandshakeError>,
        transport: IO,
        configure: impl FnOnce(&mut Handshake),
    ) -> Self {
        if let Ok(handshake) = &mut handshake {
            configure(handshake);
        }
        Self { pending: Some((handshake, transport)) }
    }

    /// Returns the transport, or `None` once the handshake has completed.
    pub fn get_ref(&self) -> Option<&IO> {
        self.pending.as_ref().map(|(_, transport)| transport)
    }

    /// Returns the transport, or `None` once the handshake has completed.
    ///
    /// Do not read from it or write to it.
    pub fn get_mut(&mut self) -> Option<&mut IO> {
        self.pending.as_mut().map(|(_, transport)| transport)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Handshaking<IO> {
    /// Returns the same future, but its error contains the transport.
    ///
    /// ```
    /// # use std::io;
    /// # use std::{future::{Ready, ready}, time::Duration};
    /// # use tokio::net::TcpStream;
    /// # fn sleep(_: Duration) -> Ready<()> { ready(()) }
    /// use tls_record_alloc::disconnect_async;
    /// use tls_record_alloc::tokio_rustls::{TlsAcceptor, server::TlsStream};
    ///
    /// async fn accept(acceptor: &TlsAcceptor, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    ///     match acceptor.accept(tcp).into_fallible().await {
    ///         Ok(tls) => Ok(tls),
    ///         Err((error, tcp)) => {
    ///             // The alert must not be destroyed by a TCP reset.
    ///             let patience = sleep(Duration::from_secs(2)); // tokio::time::sleep
    ///             disconnect_async(tcp, 65_536, patience).await;
    ///             Err(error)
    ///         }
    ///     }
    /// }
    /// ```
    pub fn into_fallible(
        mut self,
    ) -> impl Future<Output = Result<TlsStream<IO>, (io::Error, IO)>> + use<IO> {
        poll_fn(move |cx| self.poll_fallible(cx))
    }

    fn poll_fallible(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<TlsStream<IO>, (io::Error, IO)>> {
        let mut completed = Ok(());
        if let Some((Ok(handshake), transport)) = &mut self.pending {
            completed = ready!(drive::poll_complete(handshake, transport, cx));
        }
        #[expect(clippy::expect_used, reason = "documented, and what futures do")]
        let (handshake, transport) = self.pending.take().expect("polled after completion");
        let finish = |handshake: Handshake| Ok(handshake.finish()?);
        let established = completed.and_then(|()| finish(handshake?));
        Poll::Ready(match established {
            Ok(established) => Ok(TlsStream::new(established, transport)),
            Err(error) => Err((error, transport)),
        })
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Future for Handshaking<IO> {
    type Output = io::Result<TlsStream<IO>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_fallible(cx).map_err(|(error, _)| error)
    }
}

impl<IO> core::fmt::Debug for Handshaking<IO> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handshaking").finish_non_exhaustive()
    }
}
