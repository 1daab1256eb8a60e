//! The errors of a failed handshake.

#[cfg(feature = "std")]
mod failed;

#[cfg(feature = "std")]
pub use failed::HandshakeFailed;

use tls_record::KeyError;
#[cfg(feature = "takeover")]
use tls_record::takeover::TakeoverError;

#[cfg(feature = "takeover")]
use crate::takeover::LibraryError;

/// An error during the handshake or the handover of its keys to the engine.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// rustls failed: it refused the config or a message of the peer, or received an alert.
    Tls(rustls::Error),
    /// The transport ended before the handshake was complete.
    Truncated,
    /// A handshake message exceeds the limit of rustls or of the input buffer (about 80 KiB).
    TooLong,
    /// The engine or the AEAD provider does not support the cipher suite, or refuses the keys.
    Keys(KeyError),
    /// rustls reported a state that this crate does not handle. The peer is not at fault.
    Unexpected,
    /// Another TLS library failed: it refused a message of the peer, or received an alert.
    #[cfg(feature = "takeover")]
    Library(LibraryError),
    /// The handshake of another TLS library cannot be followed, or its connection not taken over.
    #[cfg(feature = "takeover")]
    Takeover(TakeoverError),
}

impl From<rustls::Error> for HandshakeError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

#[cfg(feature = "takeover")]
impl From<TakeoverError> for HandshakeError {
    fn from(error: TakeoverError) -> Self {
        Self::Takeover(error)
    }
}

impl From<KeyError> for HandshakeError {
    fn from(error: KeyError) -> Self {
        Self::Keys(error)
    }
}

impl core::fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let message = match self {
            Self::Tls(error) => return write!(f, "handshake failed: {error}"),
            Self::Keys(error) => return write!(f, "record layer cannot use the keys: {error}"),
            #[cfg(feature = "takeover")]
            Self::Library(error) => return write!(f, "handshake failed: {error}"),
            #[cfg(feature = "takeover")]
            Self::Takeover(error) => return write!(f, "connection not taken over: {error}"),
            Self::Truncated => "the transport ended before the handshake was complete",
            Self::TooLong => "handshake message too long",
            Self::Unexpected => "rustls reported an unexpected state",
        };
        f.write_str(message)
    }
}

impl core::error::Error for HandshakeError {}

#[cfg(feature = "std")]
impl From<HandshakeError> for std::io::Error {
    fn from(error: HandshakeError) -> Self {
        use std::io::ErrorKind;

        let kind = match &error {
            HandshakeError::Truncated => ErrorKind::UnexpectedEof,
            HandshakeError::Tls(rustls::Error::AlertReceived(_)) => ErrorKind::ConnectionAborted,
            HandshakeError::Tls(_) | HandshakeError::TooLong => ErrorKind::InvalidData,
            #[cfg(feature = "takeover")]
            HandshakeError::Library(error) if error.is_alert() => ErrorKind::ConnectionAborted,
            #[cfg(feature = "takeover")]
            HandshakeError::Library(_) => ErrorKind::InvalidData,
            #[cfg(feature = "takeover")]
            HandshakeError::Takeover(_) => ErrorKind::Other,
            HandshakeError::Keys(_) | HandshakeError::Unexpected => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
