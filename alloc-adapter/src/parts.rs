//! The parts of a stream after `into_parts`, and the error that returns the transport.

use std::io;

use crate::buffer::Buffer;

/// The transport of a stream and the bytes that the stream had buffered.
///
/// Protocols that end TLS and continue in plaintext (FTP's CCC, LDAP) close both directions, call
/// `into_parts`, and continue with [`received`](Self::received), the first bytes that the peer sent
/// after its close_notify. On a `TokioStream`, call `close`, read to the end, and call
/// `into_parts`; `shutdown` would shut down the transport as well.
///
/// ```
/// use std::io::{self, Read, Write};
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{Parts, Stream};
///
/// /// Ends TLS. Returns the transport and the bytes received for the protocol that follows.
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
    /// The transport, which has not been shut down.
    pub transport: T,
    /// Decrypted data that was not read.
    pub unread: Buffer,
    /// Received bytes that were not opened: records, or what followed the peer's close_notify.
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

/// The error of a failed handshake, with the transport.
///
/// `?` converts it to an [`io::Error`]. The alert has been sent, as far as the transport took it.
/// Closing a TCP connection at once may destroy the alert on its way: call
/// [`disconnect`](crate::disconnect) instead.
pub struct HandshakeFailed<T> {
    /// An error of the transport, or one with a [`HandshakeError`](crate::HandshakeError) inside.
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
