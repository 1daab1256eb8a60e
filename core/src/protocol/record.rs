//! Record headers (RFC 9846 section 5.1, RFC 5246 section 6.2.1), and the basic types of the crate:
//! versions, roles, epochs, content types.

use crate::protocol::error::KeyError;

/// Length of a record header in bytes.
pub const HEADER_LEN: usize = 5;

/// The most content that one record may carry, in bytes: 2^14.
pub const MAX_CONTENT: u16 = 1 << 14;

/// The longest body of a protected TLS 1.3 record, in bytes: 2^14 + 256 (RFC 9846 section 5.2).
pub(crate) const MAX_PROTECTED_TLS13: u16 = MAX_CONTENT + 256;

/// The longest body of a protected TLS 1.2 record, in bytes: 2^14 + 2048 (RFC 5246 section 6.2.3).
pub(crate) const MAX_PROTECTED_TLS12: u16 = MAX_CONTENT + 2048;

/// The longest record of any version on the wire, header included, in bytes.
///
/// A receive buffer of this size holds every record that the engine does not refuse by its header.
/// If a smaller limit was negotiated ([`Config::record_size_limit`](crate::Config)), a shorter
/// buffer will do.
///
/// ```
/// assert_eq!(tls_record::MAX_RECORD, 5 + 16_384 + 2_048);
/// ```
pub const MAX_RECORD: usize = HEADER_LEN + MAX_PROTECTED_TLS12 as usize;

/// A protocol version that the engine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Version {
    /// TLS 1.2 (RFC 5246), with AEAD suites only.
    Tls12,
    /// TLS 1.3 (RFC 9846).
    Tls13,
}

impl Version {
    /// Returns whether this is TLS 1.2: always `false`, at compile time, without the feature
    /// `tls12`.
    pub(crate) const fn is_tls12(self) -> bool {
        cfg!(feature = "tls12") && matches!(self, Self::Tls12)
    }

    /// Checks that keys of this version for the epoch `next` may follow those of `current` on a
    /// connection of version `known`, and may start at `sequence`. Epochs only go forward. TLS 1.2
    /// has one set of keys: installed a second time, they would repeat nonces.
    pub(crate) fn check_keys(
        self,
        known: Option<Self>,
        current: Epoch,
        next: Epoch,
        sequence: u64,
    ) -> Result<(), KeyError> {
        if known.is_some_and(|known| known != self) {
            return Err(KeyError::Mismatch);
        }
        let is_next = match self {
            Self::Tls13 => next > current,
            Self::Tls12 => {
                cfg!(feature = "tls12") && current == Epoch::Plaintext && next >= Epoch::Handshake
            }
        };
        if !is_next {
            return Err(KeyError::Epoch);
        }
        if self.is_tls12() && next == Epoch::Application && sequence == 0 {
            return Err(KeyError::NonceReuse);
        }
        Ok(())
    }
}

/// The end of the connection on which the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// The end that sends the ClientHello.
    Client,
    /// The end that answers it.
    Server,
}

impl Role {
    /// Returns the role of the other end.
    ///
    /// ```
    /// assert_eq!(tls_record::Role::Client.peer(), tls_record::Role::Server);
    /// ```
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The keys that protect the records of one direction, in the order in which they change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Epoch {
    /// No keys: records are not protected.
    Plaintext,
    /// The client's early traffic secret (TLS 1.3 0-RTT).
    EarlyData,
    /// The handshake traffic secrets of TLS 1.3; the keys of TLS 1.2 until the Finished.
    Handshake,
    /// Application keys of any generation.
    Application,
}

/// The content type of a record (RFC 9846 section 5.1). Unknown values are kept.
///
/// ```
/// use tls_record::ContentType;
/// assert_eq!(ContentType::ALERT, ContentType(21));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContentType(pub u8);

impl ContentType {
    /// change_cipher_spec
    pub const CHANGE_CIPHER_SPEC: Self = Self(20);
    /// alert
    pub const ALERT: Self = Self(21);
    /// handshake
    pub const HANDSHAKE: Self = Self(22);
    /// application_data
    pub const APPLICATION_DATA: Self = Self(23);
}

/// A record header.
///
/// ```
/// use tls_record::{ContentType, Header};
/// let header = Header::decode([23, 3, 3, 0x40, 0x11]);
/// assert_eq!(header.content_type, ContentType::APPLICATION_DATA);
/// assert_eq!(header.length, 16_401);
/// assert_eq!(header.encode(), [23, 3, 3, 0x40, 0x11]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// The outer content type.
    pub content_type: ContentType,
    /// `legacy_record_version` in TLS 1.3, `version` in TLS 1.2, as on the wire.
    pub version: u16,
    /// Number of bytes that follow the header.
    pub length: u16,
}

impl Header {
    /// Decodes a header.
    ///
    /// Any five bytes decode. [`Opener`](crate::Opener), which knows the state of the connection,
    /// decides whether the header is acceptable.
    pub const fn decode(bytes: [u8; HEADER_LEN]) -> Self {
        let [content_type, major, minor, high, low] = bytes;
        Self {
            content_type: ContentType(content_type),
            version: u16::from_be_bytes([major, minor]),
            length: u16::from_be_bytes([high, low]),
        }
    }

    /// Encodes a header.
    pub const fn encode(self) -> [u8; HEADER_LEN] {
        let [major, minor] = self.version.to_be_bytes();
        let [high, low] = self.length.to_be_bytes();
        [self.content_type.0, major, minor, high, low]
    }
}

/// The version field of every record except a first ClientHello (RFC 9846 section 5.1).
pub(crate) const VERSION_FIELD: u16 = 0x0303;

/// The version field that a first ClientHello should carry (RFC 9846 section 5.1).
pub(crate) const VERSION_FIELD_FIRST: u16 = 0x0301;

/// Returns whether the first bytes of a connection are an SSLv2 hello, or plain HTTP: a method in
/// capital letters, or `HTTP/`.
pub(crate) fn is_not_tls(first: &[u8; HEADER_LEN]) -> bool {
    let [high, _, message_type, ..] = *first;
    let is_sslv2 = high & 0x80 != 0 && message_type == 1;
    is_sslv2 || first.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b' ' | b'/' | b'*'))
}
