//! Performing a handshake over a transport, whichever library makes it.

use std::io::{self, ErrorKind, Read, Write};

#[cfg(feature = "tokio")]
use core::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};
#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite};

use crate::buffer::Buffer;
use crate::error::{HandshakeError, HandshakeFailed};
use crate::handshake::{Handshake, Progress};
use crate::transport::{flush, ignore_lasting, is_lasting, send};
#[cfg(feature = "tokio")]
use crate::transport::{poll_receive, poll_send};

/// A handshake without I/O.
pub(crate) trait Drive {
    fn advance(&mut self) -> Result<Progress, HandshakeError>;
    fn eof(&mut self) -> Result<(), HandshakeError>;
    fn received(&mut self) -> &mut Buffer;
    fn unsent(&mut self) -> &mut Buffer;
    /// Returns whether the last output of a complete handshake is tickets: that of a TLS 1.3 server.
    fn ends_with_tickets(&self) -> bool;

    /// Returns whether the peer needs the unsent bytes to complete its handshake, once ours is
    /// complete.
    ///
    /// It does not need tickets (RFC 9846 section 4.7.1). If nothing is unsent, it returns true: bytes
    /// that the transport has not flushed may be of any kind.
    fn must_send_all(&mut self) -> bool {
        self.unsent().is_empty() || !self.ends_with_tickets()
    }
}

impl Handshake {
    /// Performs the handshake over a transport.
    ///
    /// When it returns, the output of the handshake has been sent, so that the peer can complete it
    /// too. Two kinds of output may still be [unsent](Self::unsent): the tickets of a TLS 1.3
    /// server, and bytes that the transport refused with a permanent error.
    /// [`Stream::new`](crate::Stream::new) takes them over. After a failure, the alert of rustls is
    /// sent before the error is returned, unless the transport fails for good.
    ///
    /// # Errors
    /// - The errors of the transport. The call may be repeated after them.
    /// - [`HandshakeError`](crate::HandshakeError), as an inner error.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use tls_record_alloc::{Handshake, Stream};
    /// # use tls_record_alloc::tls_record::aead::ring::Ring;
    /// # fn example<T: Read + Write>(mut handshake: Handshake, mut transport: T) -> io::Result<()> {
    /// handshake.engine_config().fragment_limit = 1024;
    /// handshake.complete(&mut transport)?;
    /// let tls = Stream::<_, Ring>::new(handshake.finish()?, transport);
    /// # Ok(())
    /// # }
    /// ```
    pub fn complete<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        complete(self, transport)
    }

    /// Performs the handshake over a transport of tokio.
    ///
    /// The future may be dropped and the call repeated: all state is in the handshake. When it
    /// completes, the output of the handshake has been sent, so that the peer can complete it too.
    /// Some output may still be [unsent](Self::unsent): the tickets of a TLS 1.3 server, bytes that
    /// the transport refused with an error, and bytes for a peer that sends a full input buffer
    /// before it reads. [`TokioStream::new`](crate::TokioStream::new) takes them over. After a
    /// failure, the alert of rustls is sent before the error is returned.
    ///
    /// # Errors
    /// - The errors of the transport.
    /// - [`HandshakeError`](crate::HandshakeError), as an inner error.
    ///
    /// ```
    /// # use std::io;
    /// # use tls_record_alloc::{Handshake, TokioStream};
    /// # use tls_record_alloc::tls_record::aead::ring::Ring;
    /// # use tokio::io::{AsyncRead, AsyncWrite};
    /// # async fn example<T>(mut handshake: Handshake, mut transport: T) -> io::Result<()>
    /// # where T: AsyncRead + AsyncWrite + Unpin {
    /// handshake.engine_config().fragment_limit = 1024;
    /// handshake.complete_async(&mut transport).await?;
    /// let tls = TokioStream::<_, Ring>::new(handshake.finish()?, transport);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn complete_async<T>(&mut self, transport: &mut T) -> io::Result<()>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        poll_fn(|cx| poll_complete(self, transport, cx)).await
    }
}

/// Returns an error if there is no room to receive: a read of nothing would look like the end of the
/// transport. The library then waits for something else than the peer.
fn check_room(received: &Buffer) -> io::Result<()> {
    if received.is_full() {
        return Err(io::Error::other("the TLS library waits for something else than the peer"));
    }
    Ok(())
}

pub(crate) fn complete(
    handshake: &mut impl Drive,
    transport: &mut (impl Read + Write),
) -> io::Result<()> {
    loop {
        let progress = handshake.advance();
        let sent = send(handshake.unsent(), transport).and_then(|()| flush(transport));
        match progress {
            Ok(Progress::Complete) => {
                return if handshake.must_send_all() { ignore_lasting(sent) } else { Ok(()) };
            }
            // The peer may not read until we read, so receive even if nothing can be sent.
            Ok(Progress::NeedInput) => match sent {
                Err(error) if !is_lasting(&error) => {}
                sent => sent?,
            },
            Err(error) => {
                ignore_lasting(sent)?;
                return Err(error.into());
            }
        }
        check_room(handshake.received())?;
        match transport.read(handshake.received().room()) {
            Ok(0) => handshake.eof()?,
            Ok(len) => handshake.received().commit(len),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Performs a handshake that is not repeated after an error, and finishes it.
pub(crate) fn establish<H: Drive, T: Read + Write, E>(
    mut handshake: H,
    mut transport: T,
    finish: impl FnOnce(H) -> Result<E, HandshakeError>,
) -> Result<(E, T), HandshakeFailed<T>> {
    // The reason of a failure is returned even if its alert could not be sent yet.
    let completed = complete(&mut handshake, &mut transport)
        .map_err(|error| handshake.advance().err().map_or(error, io::Error::from));
    match completed.and_then(|()| Ok(finish(handshake)?)) {
        Ok(established) => Ok((established, transport)),
        Err(error) => Err(HandshakeFailed { error, transport }),
    }
}

/// [`establish`] over a transport of tokio.
#[cfg(feature = "tokio")]
pub(crate) async fn establish_async<H: Drive, T: AsyncRead + AsyncWrite + Unpin, E>(
    mut handshake: H,
    mut transport: T,
    finish: impl FnOnce(H) -> Result<E, HandshakeError>,
) -> Result<(E, T), HandshakeFailed<T>> {
    let completed = poll_fn(|cx| poll_complete(&mut handshake, &mut transport, cx)).await;
    match completed.and_then(|()| Ok(finish(handshake)?)) {
        Ok(established) => Ok((established, transport)),
        Err(error) => Err(HandshakeFailed { error, transport }),
    }
}

#[cfg(feature = "tokio")]
pub(crate) fn poll_complete<T: AsyncRead + AsyncWrite + Unpin>(
    handshake: &mut impl Drive,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        let progress = handshake.advance();
        let is_complete = matches!(progress, Ok(Progress::Complete));
        let sent = match poll_send(handshake.unsent(), transport, cx) {
            Poll::Ready(Ok(())) => Pin::new(&mut *transport).poll_flush(cx),
            sent => sent,
        };
        match progress {
            // The peer may be gone after sending data, so an error of sending is ignored.
            Ok(Progress::Complete) if sent.is_pending() && handshake.must_send_all() => {
                // The peer may not read until we read, so receive, up to the limit of the buffer.
                if handshake.received().is_full() {
                    return Poll::Ready(Ok(()));
                }
            }
            Ok(Progress::Complete) => return Poll::Ready(Ok(())),
            Ok(Progress::NeedInput) => {
                if let Poll::Ready(sent) = sent {
                    sent?;
                }
            }
            Err(error) => return sent.map(|_| Err(error.into())),
        }
        check_room(handshake.received())?;
        match ready!(poll_receive(handshake.received(), transport, cx))? {
            0 if is_complete => return Poll::Ready(Ok(())),
            0 => handshake.eof()?,
            len => handshake.received().commit(len),
        }
    }
}
