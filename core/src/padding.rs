//! Zeros behind the content of a TLS 1.3 record, which hide its length (RFC 9846 section 5.4): how
//! many we send, and how those of the peer are taken off.
//!
//! Lengths here are those of the inner plaintext: content, one byte of content type, and padding.

use core::hint::black_box;

use crate::bytes::copy;
use crate::error::Fault;
use crate::record::ContentType;

/// How long the records of TLS 1.3 are made (RFC 9846 section 5.4). TLS 1.2 and plaintext have no
/// padding.
///
/// The length that counts is that of the inner plaintext: the content, one byte of content type,
/// and the padding. On the wire it takes the header and the tag more. No policy makes a record
/// longer than one that is full ([`Sealer::fragment_limit`](crate::Sealer::fragment_limit)), or
/// shorter than its content.
///
/// ```
/// use tls_record::{Config, Padding, Role};
/// let mut config = Config::new(Role::Client);
/// config.padding = Padding::Block(256);
/// config.pads_control = true;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Padding {
    /// None: records are as long as their content makes them.
    None,
    /// To a multiple of this many bytes.
    Block(u16),
    /// To a power of two.
    PowerOfTwo,
    /// To this many bytes.
    Size(u16),
    /// To what a function of the caller's says.
    By(PaddingFn),
}

impl Padding {
    /// Every record is as long as one that is full.
    pub const FULL: Self = Self::Size(u16::MAX);

    /// How many zeros follow the content type in a record with `content` bytes of content, whose
    /// inner plaintext may be `max` bytes long.
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
}

/// A padding policy of the caller's.
///
/// The function is given the content type and the length of the inner plaintext without padding: at
/// least 1, which is an empty record. It returns the length that it shall have. It must give the
/// same answer to the same question, because it is asked when the space that a record takes is
/// reckoned, and again when the record is made.
///
/// ```
/// use tls_record::{ContentType, Padding, PaddingFn};
/// /// Short requests look alike, and long ones as they are.
/// fn at_least_512(_: ContentType, length: usize) -> usize {
///     length.max(512)
/// }
/// let padding = Padding::By(PaddingFn(at_least_512));
/// # assert_eq!(padding, padding);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PaddingFn(pub fn(ContentType, usize) -> usize);

/// Equal when it is the same function at the same address; one function can have several.
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

/// An inner plaintext, taken apart.
pub(crate) struct Inner {
    pub(crate) content_type: ContentType,
    /// Length of the content.
    pub(crate) len: usize,
    pub(crate) is_padded: bool,
}

/// Finds the content type: the last byte that is not zero. The time it takes tells how long the
/// padding is.
#[inline]
pub(crate) fn strip(inner: &[u8]) -> Result<Inner, Fault> {
    match inner.split_last() {
        Some((&last, content)) if last != 0 => {
            Ok(Inner { content_type: ContentType(last), len: content.len(), is_padded: false })
        }
        _ => strip_zeros(inner),
    }
}

#[cold]
fn strip_zeros(inner: &[u8]) -> Result<Inner, Fault> {
    let len = inner.iter().rposition(|&byte| byte != 0).ok_or(Fault::NoContentType)?;
    let &content_type = inner.get(len).ok_or(Fault::NoContentType)?;
    Ok(Inner { content_type: ContentType(content_type), len, is_padded: true })
}

/// [`strip`] with the same instructions and the same memory accesses for every inner plaintext of
/// one length, up to its verdict.
#[inline(never)]
pub(crate) fn strip_in_constant_time(inner: &[u8]) -> Result<Inner, Fault> {
    let (front, blocks) = inner.as_rchunks::<BLOCK>();
    let mut block = Last::of(blocks);
    // What is left at the front is a block too, behind zeros that nothing looks behind.
    let mut first = [0; BLOCK];
    let (_, back) = first
        .as_mut_slice()
        .split_at_mut_checked(BLOCK.wrapping_sub(front.len()))
        .unwrap_or_default();
    copy(front, back);
    block.look(&first);
    let word = Last::of(block.bytes.as_chunks::<WORD>().0);
    let byte = Last::of(word.bytes.as_chunks::<1>().0);

    let [content_type] = byte.bytes;
    if content_type == 0 {
        return Err(Fault::NoContentType);
    }
    // Each is at most the length of a record.
    let zeros = block.behind.wrapping_add(word.behind).wrapping_add(byte.behind);
    Ok(Inner {
        content_type: ContentType(content_type),
        len: inner.len().wrapping_sub(zeros).wrapping_sub(1),
        is_padded: zeros != 0,
    })
}

/// Long enough that looking at a block costs little more than reading it.
const BLOCK: usize = 64;
const WORD: usize = 8;

/// The last of some pieces that is not all zeros; of pieces that all are, zeros.
struct Last<const N: usize> {
    bytes: [u8; N],
    /// Bytes behind it.
    behind: usize,
    /// All ones, and zero when it is found.
    searching: u32,
}

impl<const N: usize> Last<N> {
    fn of(pieces: &[[u8; N]]) -> Self {
        let mut this = Self { bytes: [0; N], behind: 0, searching: u32::MAX };
        for piece in pieces.iter().rev() {
            this.look(piece);
        }
        this
    }

    /// Looks at the piece in front of those that it has seen.
    #[inline]
    fn look(&mut self, piece: &[u8; N]) {
        for (found, byte) in self.bytes.iter_mut().zip(piece) {
            *found |= byte & self.searching as u8;
        }
        let any = piece.iter().fold(0, |any, byte| any | byte);
        // All ones if `any` is 0. What the black box gives might be any number, so that no compiler
        // sees a condition here and makes a branch of it.
        let is_zero = black_box(u32::from(any)).wrapping_sub(1) >> 8;
        self.searching &= is_zero;
        self.behind = self.behind.wrapping_add(N & self.searching as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: ContentType = ContentType::APPLICATION_DATA;

    #[test]
    fn both_scans_find_the_same() {
        for len in 0..200 {
            for at in 0..len {
                let mut inner = [0; 200];
                inner[..at].fill(0x5a);
                inner[at] = 23;
                let inner = &inner[..len];
                for strip in [strip, strip_in_constant_time] {
                    let found = strip(inner).unwrap();
                    assert_eq!((found.content_type, found.len), (DATA, at));
                    assert_eq!(found.is_padded, at + 1 != len);
                }
                // Zeros in the content are none of the padding.
                let mut sparse = [0; 200];
                sparse[at] = 0x80;
                for strip in [strip, strip_in_constant_time] {
                    let found = strip(&sparse[..len]).unwrap();
                    assert_eq!((found.content_type.0, found.len), (0x80, at));
                }
            }
            for strip in [strip, strip_in_constant_time] {
                assert_eq!(strip(&[0; 200][..len]).err(), Some(Fault::NoContentType));
            }
        }
    }

    #[test]
    fn nothing_is_over_the_limit_or_shorter_than_its_content() {
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
                for content in (0..max).chain([usize::MAX]) {
                    let zeros = policy.zeros(DATA, content, max);
                    let inner = content.saturating_add(1).checked_add(zeros);
                    assert!(inner.unwrap() <= max.max(content.saturating_add(1)));
                }
            }
        }
        assert_eq!(Padding::Block(64).zeros(DATA, 63, 16_385), 0);
        assert_eq!(Padding::Block(64).zeros(DATA, 64, 16_385), 63);
        assert_eq!(Padding::PowerOfTwo.zeros(DATA, 64, 16_385), 63);
        assert_eq!(Padding::Size(100).zeros(DATA, 0, 16_385), 99);
        assert_eq!(Padding::FULL.zeros(DATA, 0, 16_385), 16_384);
        assert_eq!(Padding::FULL.zeros(DATA, 16_384, 16_385), 0);
    }
}
