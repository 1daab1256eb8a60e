//! Why a connection, or a half of it, is not given away.

/// Why a connection was not suspended. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SuspendError {
    /// It is not at rest: bytes are unsent, control is due, a slot is reserved, or a part of a
    /// handshake message has come.
    Busy,
    /// It has not both its application keys, or it has failed.
    NotEstablished,
    /// A padding function cannot be stored as bytes: take it away before, and
    /// [set](crate::Sealer::set_padding) it again after resuming.
    PaddingFunction,
    /// The bytes could not be sealed.
    Crypto,
    /// The kernel does not have the suite's cipher: AES-CCM with tags of 8 bytes. Or the provider does
    /// not have ChaCha20-Poly1305, which seals suspended connections: its feature of RustCrypto is off.
    Unsupported,
}

impl core::fmt::Display for SuspendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Busy => "the connection is not at rest",
            Self::NotEstablished => "the connection is not established",
            Self::PaddingFunction => "a padding function cannot be suspended",
            Self::Crypto => "the cipher failed",
            Self::Unsupported => "a cipher that the kernel or the provider does not have",
        })
    }
}

impl core::error::Error for SuspendError {}
