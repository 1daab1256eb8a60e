//! The error of a failed handshake, with the transport.

use std::io;

/// The error of a failed handshake, with the transport.
///
/// In a function that returns [`io::Result`], `?` takes the [`error`](Self::error) out of it and drops the
/// transport. Elsewhere, do so first: a `Box<dyn Error>` of it would keep the transport open.
///
/// The alert has been sent, as far as the transport took it. Closing a TCP connection at once may destroy the alert on its way: call
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
