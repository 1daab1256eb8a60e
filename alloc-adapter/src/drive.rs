//! Performing a handshake over a transport, whichever library makes it.

use std::io::{self, ErrorKind, Read, Write};

#[cfg(feature = "tokio")]
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};
#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite};

use crate::buffer::Buffer;
use crate::error::HandshakeError;
use crate::handshake::Progress;
use crate::parts::HandshakeFailed;
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
                Err(error) if !is_lasting(error.kind()) => {}
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
    let established = match complete(&mut handshake, &mut transport) {
        Ok(()) => finish(handshake).map_err(io::Error::from),
        // The reason of a failure, also if its alert was to be sent first.
        Err(error) => Err(handshake.advance().err().map_or(error, io::Error::from)),
    };
    match established {
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
