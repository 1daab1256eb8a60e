//! The error of a failed handshake, with the transport.

use std::io;

/// The error of a failed handshake, with the transport.
///
/// In a function that returns [`io::Result`], `?` takes the [`error`](Self::error) out of it and drops the
/// transport. Elsewhere, call [`into_error`](Self::into_error) first: a `Box<dyn Error>` of it would keep the
/// transport open, and would require it to be `'static`.
///
/// The alert has been sent, as far as the transport took it. Closing a TCP connection at once may destroy the alert
/// on its way: call [`disconnect`](crate::disconnect) instead.
///
/// The message says only that the handshake failed. The reason is the [`source`](core::error::Error::source), which
/// is the `error`.
///
/// ```
/// use std::error::Error;
/// use std::net::TcpStream;
/// use std::sync::Arc;
/// use tls_record_alloc::rustls::ServerConfig;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{HandshakeFailed, Stream};
///
/// type Tls = Stream<TcpStream, Ring>;
///
/// fn accept(config: Arc<ServerConfig>, tcp: TcpStream) -> Result<Tls, Box<dyn Error>> {
///     Ok(Stream::accept(config, tcp).map_err(HandshakeFailed::into_error)?)
/// }
/// ```
pub struct HandshakeFailed<T> {
    /// An error of the transport, or one with a [`HandshakeError`](crate::HandshakeError) inside.
    pub error: io::Error,
    /// The transport.
    pub transport: T,
}

impl<T> HandshakeFailed<T> {
    /// Returns the error and drops the transport.
    pub fn into_error(self) -> io::Error {
        self.error
    }

    /// Returns the error and the transport.
    pub fn into_parts(self) -> (io::Error, T) {
        (self.error, self.transport)
    }
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
        f.write_str("the TLS handshake failed")
    }
}

impl<T> core::error::Error for HandshakeFailed<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}
