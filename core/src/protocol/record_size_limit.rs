//! The limit on the length of protected records (RFC 8449).

use core::num::NonZeroU16;

use crate::protocol::record::{HEADER_LEN, MAX_CONTENT};

/// The most plaintext that a protected record may carry, in bytes.
///
/// This is a record_size_limit (RFC 8449 section 4) or a max_fragment_length (RFC 6066 section 4).
///
/// In TLS 1.3 it counts the content type and the padding, in TLS 1.2 the content alone. For a
/// max_fragment_length of M use M, as the limit on sealed records in either version (RFC 9846
/// section 5.4). On received records use M + 1 in TLS 1.3, because some peers do not count the content type.
///
/// ```
/// use tls_record::{Config, RecordSizeLimit, Role};
///
/// const LIMIT: RecordSizeLimit = RecordSizeLimit::new(1024).unwrap();
/// let mut config = Config::new(Role::Client);
/// config.record_size_limit = Some(LIMIT);
/// // A buffer for the longest record that may arrive after the handshake.
/// let buffer = [0; LIMIT.max_record_len()];
/// assert_eq!(buffer.len(), 1053);
/// assert_eq!(RecordSizeLimit::new(63), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordSizeLimit(NonZeroU16);

impl RecordSizeLimit {
    /// The least valid limit in bytes: an endpoint that receives a smaller one answers with
    /// illegal_parameter (RFC 8449 section 4).
    pub const MIN: u16 = 64;

    /// Creates a limit in bytes; `None` below [`MIN`](Self::MIN). A limit over 2^14 + 1 has no
    /// effect.
    pub const fn new(limit: u16) -> Option<Self> {
        if limit < Self::MIN {
            return None;
        }
        match NonZeroU16::new(limit) {
            Some(limit) => Some(Self(limit)),
            None => None,
        }
    }

    /// Returns the limit in bytes.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// Returns the length of the longest protected record that obeys this limit, in bytes.
    ///
    /// The header is included. The length holds for either version and for tags of 16 bytes. A
    /// receive buffer must be at least that long.
    ///
    /// The limit does not bind unprotected records: while a handshake runs on the engine, its
    /// messages may fill records of [`MAX_CONTENT`](crate::MAX_CONTENT) bytes. Nor does it bind
    /// records of early data that is skipped, because the client did not know the limit.
    pub const fn max_record_len(self) -> usize {
        const MOST: usize = MAX_CONTENT as usize + 1;
        let limit = if self.get() as usize > MOST { MOST } else { self.get() as usize };
        // TLS 1.2 adds the most: an explicit nonce of 8 bytes, and a tag of 16.
        limit.saturating_add(HEADER_LEN + 8 + 16)
    }
}
