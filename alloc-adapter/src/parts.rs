//! What is left of a stream that is taken apart, and of a handshake that failed.

use std::io;

use crate::buffer::Buffer;

/// The transport of a stream, and the bytes that the stream had of it.
///
/// Protocols that end TLS and go on in plaintext (FTP's CCC, LDAP) close both directions, take the
/// stream apart, and go on with [`received`](Self::received): what lies there is the first of what the
/// peer sent behind its close_notify. On a `TokioStream` that is `close`, reading to the end, and
/// `into_parts`; `shutdown` would end the transport as well.
///
/// ```
/// use std::io::{self, Read, Write};
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{Parts, Stream};
///
/// /// Ends TLS. Returns the transport and what has arrived for the protocol that follows.
/// fn clear_command_channel<T: Read + Write>(
///     mut tls: Stream<T, Ring>,
/// ) -> io::Result<(T, Vec<u8>)> {
///     tls.close_and_read_rest(1024, &mut io::sink())?;
///     let Parts { transport, received, .. } = tls.into_parts();
///     Ok((transport, received.filled().to_vec()))
/// }
/// ```
#[non_exhaustive]
pub struct Parts<T> {
    /// The transport. Nothing was shut down.
    pub transport: T,
    /// Data that was decrypted and not read.
    pub unread: Buffer,
    /// Bytes that were received and not opened: records, or what followed the peer's close_notify.
    pub received: Buffer,
    /// Records that the transport has not taken.
    pub unsent: Buffer,
}

impl<T> core::fmt::Debug for Parts<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Parts")
            .field("unread", &self.unread)
            .field("received", &self.received)
            .field("unsent", &self.unsent)
            .finish_non_exhaustive()
    }
}

/// A handshake that failed over a transport, which it gives back.
///
/// Where an [`io::Error`] is expected, `?` makes one of it. The alert has been sent, as far as the
/// transport took it. Closing a TCP connection at once may destroy it on its way:
/// [`disconnect`](crate::disconnect) does not.
pub struct HandshakeFailed<T> {
    /// Why: an error of the transport, or one with a [`HandshakeError`](crate::HandshakeError) inside.
    pub error: io::Error,
    /// The transport.
    pub transport: T,
}

impl<T> From<HandshakeFailed<T>> for io::Error {
    fn from(failed: HandshakeFailed<T>) -> Self {
        failed.error
    }
}

impl<T> core::fmt::Debug for HandshakeFailed<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("HandshakeFailed").field(&self.error).finish()
    }
}

impl<T> core::fmt::Display for HandshakeFailed<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> core::error::Error for HandshakeFailed<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}
