//! Why a connection cannot be taken over.

use super::key_log::SecretKind;
use crate::layer::suspend_error::SuspendError;
use crate::protocol::error::{KeyError, OpenError};

/// The reason why a handshake was not followed, or its connection not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TakeoverError {
    /// The next record is under this secret, which is not known yet. Nothing has changed: give the record
    /// again when the library has reported the secret.
    MissingSecret(SecretKind),
    /// A secret of more than 48 bytes.
    SecretLength,
    /// The version of the ServerHello is neither TLS 1.2 nor TLS 1.3, or a feature is missing.
    Version(u16),
    /// The cipher suite is not one of AES-GCM, AES-128-CCM and ChaCha20-Poly1305: CBC, for instance.
    Suite(u16),
    /// The server accepted early data, whose records are not followed.
    EarlyData,
    /// A length in a ClientHello, ServerHello or EncryptedExtensions exceeds what is around it, or the message
    /// ends too early.
    Malformed,
    /// TLS 1.2: the explicit nonces of the library leave no range to the engine: they begin with either bit.
    ExplicitNonces,
    /// A Finished message is missing.
    NotComplete,
    /// A record or a handshake message was followed in part, or a KeyUpdate is not answered: follow more
    /// first.
    Busy,
    /// A direction was closed, or its keys are used up.
    Ended,
    /// A record is not what it should be, or holds a fatal alert: the handshake has failed.
    Open(OpenError),
    /// The engine does not take the keys, for instance because its provider has no such cipher.
    Key(KeyError),
}

impl From<OpenError> for TakeoverError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<KeyError> for TakeoverError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<SuspendError> for TakeoverError {
    fn from(error: SuspendError) -> Self {
        if error == SuspendError::Busy { Self::Busy } else { Self::Ended }
    }
}

impl core::fmt::Display for TakeoverError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::MissingSecret(kind) => write!(f, "missing secret: {}", kind.label()),
            Self::SecretLength => f.write_str("a secret of more than 48 bytes"),
            Self::Version(version) => write!(f, "protocol version {version:#06x} is not supported"),
            Self::Suite(suite) => write!(f, "cipher suite {suite:#06x} is not supported"),
            Self::EarlyData => f.write_str("the server accepted early data"),
            Self::Malformed => f.write_str("a malformed hello message"),
            Self::ExplicitNonces => f.write_str("explicit nonces that cannot be continued"),
            Self::NotComplete => f.write_str("the handshake is not complete"),
            Self::Busy => f.write_str("a message or a KeyUpdate is not complete"),
            Self::Ended => f.write_str("a direction of the connection has ended"),
            Self::Open(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TakeoverError {}
