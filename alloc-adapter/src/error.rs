//! Why a handshake failed.

use tls_record::KeyError;

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// rustls found a fault, or received an alert.
    Tls(rustls::Error),
    /// The transport ended before the handshake.
    Truncated,
    /// A handshake message takes more input than is kept, some 80 KiB.
    TooLong,
    /// The engine cannot use the keys: the suite is none of its own, or the provider has it not.
    Keys(KeyError),
    /// rustls did something that this crate does not know of. That is no fault of the peer.
    Unexpected,
}

impl From<rustls::Error> for HandshakeError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
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
            Self::Keys(error) => return write!(f, "keys not taken over: {error}"),
            Self::Truncated => "the transport ended before the handshake",
            Self::TooLong => "handshake message too long",
            Self::Unexpected => "rustls in an unknown state",
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
            HandshakeError::Keys(_) | HandshakeError::Unexpected => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
