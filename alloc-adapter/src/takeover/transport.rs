//! A takeover over a transport, and the streams that are made of it.

use std::io::{self, Read, Write};

use tls_record::aead::Provider;
use tls_record::{Role, Version};
#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Library, Takeover};
use crate::buffer::Buffer;
use crate::drive::{self, Drive};
use crate::error::{HandshakeError, HandshakeFailed};
use crate::handshake::Progress;
use crate::stream::Stream;
#[cfg(feature = "tokio")]
use crate::tokio_stream::TokioStream;

impl<L: Library, P: Provider> Drive for Takeover<L, P> {
    fn advance(&mut self) -> Result<Progress, HandshakeError> {
        Self::advance(self)
    }

    fn eof(&mut self) -> Result<(), HandshakeError> {
        Self::eof(self)
    }

    fn received(&mut self) -> &mut Buffer {
        &mut self.received
    }

    fn unsent(&mut self) -> &mut Buffer {
        &mut self.unsent
    }

    fn ends_with_tickets(&self) -> bool {
        let is_tls13 = matches!(self.follower.negotiated(), Some((Version::Tls13, _)));
        self.config.role == Role::Server && is_tls13
    }
}

impl<L: Library, P: Provider> Takeover<L, P> {
    /// Performs the handshake over a transport, like [`Handshake::complete`](crate::Handshake::complete).
    ///
    /// The library must not wait for anything other than the peer.
    ///
    /// # Errors
    /// - The errors of the transport. The call may be repeated after them.
    /// - [`Other`](io::ErrorKind::Other) if the library waits while about 18 KiB are buffered. The call may be
    ///   repeated.
    /// - [`HandshakeError`], as an inner error.
    pub fn complete<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        drive::complete(self, transport)
    }

    /// Performs the handshake over a transport of tokio, like
    /// [`Handshake::complete_async`](crate::Handshake::complete_async).
    ///
    /// The library must not wait for anything other than the peer. The future may be dropped and the call
    /// repeated.
    ///
    /// # Errors
    /// The errors of [`complete`](Self::complete).
    #[cfg(feature = "tokio")]
    pub async fn complete_async<T>(&mut self, transport: &mut T) -> io::Result<()>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        core::future::poll_fn(|cx| drive::poll_complete(self, transport, cx)).await
    }
}

impl<T: Read + Write, P: Provider> Stream<T, P> {
    /// Performs the handshake of a TLS library other than rustls, and returns the stream.
    ///
    /// # Errors
    /// The errors of [`Takeover::complete`] and [`Takeover::finish`]. The error contains the transport, but
    /// not the handshake: over a non-blocking transport, call these two functions instead.
    pub fn from_takeover<L: Library>(
        takeover: Takeover<L, P>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        let (established, transport) = drive::establish(takeover, transport, Takeover::finish)?;
        Ok(Self::new(established, transport))
    }
}

#[cfg(feature = "tokio")]
impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> TokioStream<T, P> {
    /// Performs the handshake of a TLS library other than rustls, and returns the stream.
    ///
    /// # Errors
    /// The errors of [`Takeover::complete_async`] and [`Takeover::finish`]. The error contains the
    /// transport.
    pub async fn from_takeover<L: Library>(
        takeover: Takeover<L, P>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        let (established, transport) =
            drive::establish_async(takeover, transport, Takeover::finish).await?;
        Ok(Self::new(established, transport))
    }
}
