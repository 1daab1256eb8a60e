//! The error of suspending a connection, or giving a direction to the kernel.

/// The reason why a connection was not suspended, or not given to the kernel. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SuspendError {
    /// The connection is not at rest: bytes are unsent, a control record is due, a slot is
    /// reserved, or only a part of a handshake message has arrived. For the kernel also: only a
    /// part of a record has arrived.
    Busy,
    /// A direction has no application keys, or has failed. For the kernel also: it is closed, or
    /// its keys may seal no more data.
    NotEstablished,
    /// A padding function cannot be stored as bytes: set another policy before suspending, and
    /// [set](crate::Sealer::set_padding) the function again after resuming.
    PaddingFunction,
    /// The suspended connection could not be sealed.
    Crypto,
    /// Not possible for this connection, because one of these is missing:
    ///
    /// - the secret in memory: it is in a key store, and
    ///   [`traffic_secret`](crate::Extractable::traffic_secret) returned `None`;
    /// - to suspend: ChaCha20-Poly1305 of the provider, which seals suspended connections;
    /// - for the kernel: the cipher of the suite. It does not have AES-CCM with tags of 8 bytes.
    Unsupported,
}

impl core::fmt::Display for SuspendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Busy => "the connection is not at rest: send and receive first",
            Self::NotEstablished => "the connection is not established",
            Self::PaddingFunction => "a padding function cannot be suspended: remove it first",
            Self::Crypto => "the cipher failed",
            Self::Unsupported => "cipher not supported, or secret kept in a key store",
        })
    }
}

impl core::error::Error for SuspendError {}
