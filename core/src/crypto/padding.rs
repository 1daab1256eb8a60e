//! Record padding (RFC 9846 section 5.4): policies for records that are sent here, and below the removal
//! of padding from records that are received.
//!
//! Lengths here are those of the inner plaintext: content, one byte of content type, and padding.

mod constant_time;
mod removal;

#[cfg(feature = "long-records")]
pub(crate) use removal::Tail;
pub(crate) use removal::{Inner, strip, strip_in_constant_time};

use crate::protocol::record::ContentType;

/// A padding policy for TLS 1.3 records (RFC 9846 section 5.4). TLS 1.2 and plaintext records have no
/// padding.
///
/// Lengths are those of the inner plaintext: the content, one byte of content type, and the
/// padding. On the wire, header and tag are added. No policy makes a record longer than a full one
/// ([`Sealer::fragment_limit`](crate::Sealer::fragment_limit)), or shorter than its content.
///
/// ```
/// use tls_record::{Config, Padding, Role};
/// let mut config = Config::new(Role::Client);
/// config.padding = Padding::Block(256);
/// config.pads_control = true;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Padding {
    /// No padding.
    None,
    /// Pads the inner plaintext to a multiple of this many bytes.
    Block(u16),
    /// Pads the inner plaintext to a power of two.
    PowerOfTwo,
    /// Pads the inner plaintext to this many bytes.
    Size(u16),
    /// Pads to the length that a function of the caller returns.
    By(PaddingFn),
}

impl Padding {
    /// Pads every record to the length of a full one.
    pub const FULL: Self = Self::Size(u16::MAX);

    /// Returns how many zeros follow the content type in a record with `content` bytes of content,
    /// whose inner plaintext may be `max` bytes long.
    pub(crate) fn zeros(self, content_type: ContentType, content: usize, max: usize) -> usize {
        let unpadded = content.saturating_add(1);
        let padded = match self {
            Self::None => unpadded,
            Self::Block(size) => {
                unpadded.checked_next_multiple_of(usize::from(size)).unwrap_or(unpadded)
            }
            Self::PowerOfTwo => unpadded.checked_next_power_of_two().unwrap_or(unpadded),
            Self::Size(size) => usize::from(size),
            Self::By(PaddingFn(length)) => length(content_type, unpadded),
        };
        padded.min(max).saturating_sub(unpadded)
    }

    /// Returns the most content below `most` that `fits`: content that fills a step of the policy.
    pub(crate) fn content_below(self, most: usize, fits: impl Fn(&usize) -> bool) -> Option<usize> {
        let inner = most.saturating_add(1);
        let step = match self {
            Self::None | Self::Size(_) => 0,
            Self::Block(size) => inner.saturating_sub(inner.checked_rem(size.into())?),
            Self::PowerOfTwo => 1_usize.checked_shl(inner.ilog2()).unwrap_or(0),
            // A function may have steps anywhere.
            Self::By(_) => return (0..most).rev().find(fits),
        };
        step.checked_sub(1).filter(fits)
    }
}

/// A padding policy of the caller.
///
/// The function gets the content type, and the length of the inner plaintext without padding: 1 for
/// an empty record. It returns the length with padding. It must always return the same length for
/// the same arguments, because it is called when the length of a record is computed, and again when
/// the record is sealed.
///
/// ```
/// use tls_record::{ContentType, Padding, PaddingFn};
/// /// Pads short records to the same length, and does not pad long ones.
/// fn at_least_512(_: ContentType, length: usize) -> usize {
///     length.max(512)
/// }
/// let padding = Padding::By(PaddingFn(at_least_512));
/// # assert_eq!(padding, padding);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PaddingFn(pub fn(ContentType, usize) -> usize);

/// Equal if the addresses are equal. One function can have several addresses.
impl PartialEq for PaddingFn {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for PaddingFn {}

#[cfg(feature = "defmt")]
impl defmt::Format for PaddingFn {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "PaddingFn");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: ContentType = ContentType::APPLICATION_DATA;

    /// Miri is slow.
    const STRIDE: usize = if cfg!(miri) { 23 } else { 1 };
    #[test]
    fn no_policy_exceeds_the_limit() {
        let policies = [
            Padding::None,
            Padding::Block(0),
            Padding::Block(1),
            Padding::Block(100),
            Padding::Block(u16::MAX),
            Padding::PowerOfTwo,
            Padding::Size(0),
            Padding::Size(100),
            Padding::FULL,
            Padding::By(PaddingFn(|_, _| 0)),
            Padding::By(PaddingFn(|_, _| usize::MAX)),
        ];
        for policy in policies {
            for max in [1, 2, 64, 512, 16_385] {
                for content in (0..max).step_by(STRIDE).chain([usize::MAX]) {
                    let zeros = policy.zeros(DATA, content, max);
                    let inner = content.saturating_add(1).checked_add(zeros);
                    assert!(inner.unwrap() <= max.max(content.saturating_add(1)));
                }
            }
        }
    }

    #[test]
    fn policies_pad_to_their_lengths() {
        assert_eq!(Padding::Block(64).zeros(DATA, 63, 16_385), 0);
        assert_eq!(Padding::Block(64).zeros(DATA, 64, 16_385), 63);
        assert_eq!(Padding::PowerOfTwo.zeros(DATA, 64, 16_385), 63);
        assert_eq!(Padding::Size(100).zeros(DATA, 0, 16_385), 99);
        assert_eq!(Padding::FULL.zeros(DATA, 0, 16_385), 16_384);
        assert_eq!(Padding::FULL.zeros(DATA, 16_384, 16_385), 0);
    }
}
