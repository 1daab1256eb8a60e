//! Record padding (RFC 9846 section 5.4): policies for records that are sent, and the removal of
//! padding from records that are received.
//!
//! Lengths here are those of the inner plaintext: content, one byte of content type, and padding.

use core::hint::black_box;

use crate::buffer::bytes::copy;
use crate::protocol::error::Fault;
use crate::protocol::record::ContentType;
use crate::small::SMALL;

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

/// The content type and the content of an inner plaintext.
pub(crate) struct Inner<'a> {
    pub(crate) content_type: ContentType,
    pub(crate) content: &'a [u8],
}

/// Finds the content type, which is the last byte that is not zero. Its time depends on the length
/// of the padding.
#[inline]
pub(crate) fn strip(inner: &[u8]) -> Result<Inner<'_>, Fault> {
    match inner.split_last() {
        Some((&last, content)) if last != 0 => {
            Ok(Inner { content_type: ContentType(last), content })
        }
        _ => strip_zeros(inner),
    }
}

fn strip_zeros(mut inner: &[u8]) -> Result<Inner<'_>, Fault> {
    while let Some((&last, content)) = inner.split_last() {
        if last != 0 {
            return Ok(Inner { content_type: ContentType(last), content });
        }
        inner = content;
    }
    Err(Fault::NoContentType)
}

/// Like [`strip`], but the instructions and memory accesses until the content type is known are the
/// same for every inner plaintext of one length.
pub(crate) fn strip_in_constant_time(inner: &[u8]) -> Result<Inner<'_>, Fault> {
    let (last, zeros) = scan_in_constant_time(inner);
    if last == 0 {
        return Err(Fault::NoContentType);
    }
    // Does not wrap: `last` and the zeros are bytes of `inner`.
    let len = inner.len().wrapping_sub(zeros).wrapping_sub(1);
    let content = inner.get(..len).unwrap_or_default();
    Ok(Inner { content_type: ContentType(last), content })
}

/// Returns the last byte that is not zero, and how many bytes are behind it. The byte is 0 if there
/// is none.
///
/// Not inlined, so that its instructions can be counted.
#[inline(never)]
fn scan_in_constant_time(inner: &[u8]) -> (u8, usize) {
    if SMALL { scan_bytes(inner) } else { scan_blocks(inner) }
}

fn scan_bytes(inner: &[u8]) -> (u8, usize) {
    let mut byte = Last::NONE;
    for &one in inner.iter().rev() {
        byte.look([one.into()]);
    }
    let [last] = byte.words;
    (last as u8, byte.behind)
}

fn scan_blocks(inner: &[u8]) -> (u8, usize) {
    let (front, blocks) = inner.as_rchunks();
    let mut block = Last::NONE;
    for bytes in blocks.iter().rev() {
        block.look(words(bytes));
    }
    // The bytes that are left at the front make one more block, behind zeros that do not count.
    let mut first = [0; BLOCK];
    let start = BLOCK.wrapping_sub(front.len());
    copy(front, first.get_mut(start..).unwrap_or_default());
    block.look(words(&first));

    let mut word = Last::NONE;
    for one in block.words.into_iter().rev() {
        word.look([one]);
    }
    let [last] = word.words;
    let (last, behind) = scan_bytes(&last.to_le_bytes());
    let words = block.behind.wrapping_mul(BLOCK / WORD).wrapping_add(word.behind);
    (last, words.wrapping_mul(WORD).wrapping_add(behind))
}

const WORD: usize = size_of::<usize>();

/// Long enough that looking at a block costs little more than reading it.
const BLOCK: usize = 8 * WORD;

fn words(block: &[u8; BLOCK]) -> [usize; BLOCK / WORD] {
    let mut words = [0; BLOCK / WORD];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = usize::from_le_bytes(*bytes);
    }
    words
}

/// The end of an inner plaintext that is read in parts, from its first to its last: the last byte that is
/// not zero, which is the content type, and how many bytes are behind it.
#[cfg(feature = "long-records")]
#[derive(Clone, Copy)]
pub(crate) struct Tail {
    zeros: u16,
    last: u8,
    in_constant_time: bool,
}

#[cfg(feature = "long-records")]
impl Tail {
    /// Returns the end of no bytes. Parts are read in the manner of [`strip`] or of
    /// [`strip_in_constant_time`].
    pub(crate) const fn new(in_constant_time: bool) -> Self {
        Self { zeros: 0, last: 0, in_constant_time }
    }

    /// Reads the next part. An inner plaintext is shorter than 2^16 bytes.
    pub(crate) fn read(&mut self, part: &[u8]) {
        let (last, zeros) = if self.in_constant_time {
            scan_in_constant_time(part)
        } else {
            let at = part.iter().rposition(|byte| *byte != 0);
            // Does not wrap: `at` is the index of a byte of `part`.
            let zeros = at.map_or(0, |at| part.len().wrapping_sub(at).wrapping_sub(1));
            (at.and_then(|at| part.get(at)).copied().unwrap_or(0), zeros)
        };
        // All ones if the part is nothing but zeros.
        let mask = zero_mask(last.into());
        self.last = last | self.last & mask as u8;
        let zeros = zeros & !mask | part.len() & mask;
        self.zeros = (self.zeros & mask as u16).wrapping_add(zeros as u16);
    }

    /// Returns the content type and the length of the content, of an inner plaintext of `len` bytes.
    pub(crate) fn strip(self, len: usize) -> Result<(ContentType, usize), Fault> {
        if self.last == 0 {
            return Err(Fault::NoContentType);
        }
        // Does not wrap: the last byte and the zeros were among those that were read.
        Ok((ContentType(self.last), len.wrapping_sub(self.zeros.into()).wrapping_sub(1)))
    }
}

/// The last of several pieces that is not all zeros; zeros if there is none.
struct Last<const N: usize> {
    words: [usize; N],
    /// How many pieces are behind it.
    behind: usize,
    /// All ones until the piece is found, then zero.
    searching: usize,
}

impl<const N: usize> Last<N> {
    const NONE: Self = Self { words: [0; N], behind: 0, searching: usize::MAX };

    /// Looks at the next piece, from the last to the first.
    fn look(&mut self, piece: [usize; N]) {
        const HALF: u32 = usize::BITS / 2;
        for (found, word) in self.words.iter_mut().zip(piece) {
            *found |= word & self.searching;
        }
        let any = piece.into_iter().fold(0, |any, word| any | word);
        let any = (any | any >> HALF) & (usize::MAX >> HALF);
        self.searching &= zero_mask(any);
        self.behind = self.behind.wrapping_add(self.searching & 1);
    }
}

/// Returns all ones for 0, and 0 for any other number below half of the largest.
#[inline(always)]
fn zero_mask(number: usize) -> usize {
    // The number is so small that only for 0 the subtraction gives a negative number. `black_box`
    // hides that from the compiler, which could otherwise see a condition and make a branch of it.
    (black_box(number).wrapping_sub(1).cast_signed() >> (usize::BITS - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: ContentType = ContentType::APPLICATION_DATA;

    /// Miri is slow.
    const STRIDE: usize = if cfg!(miri) { 23 } else { 1 };

    #[test]
    fn both_scans_find_the_same() {
        for len in (0..200).step_by(STRIDE) {
            for at in (0..len).step_by(STRIDE) {
                let mut inner = [0; 200];
                inner[..at].fill(0x5a);
                inner[at] = 23;
                let inner = &inner[..len];
                for strip in [strip, strip_in_constant_time] {
                    let found = strip(inner).unwrap();
                    assert_eq!((found.content_type, found.content.len()), (DATA, at));
                }
                for byte in [1, 0x5a, 0x80, 0xff] {
                    // Zeros in the content are not padding.
                    let mut sparse = [0; 200];
                    sparse[at] = byte;
                    // All words are the same, and so are both of their halves.
                    let mut even = [0; 200];
                    even[..=at].fill(byte);
                    for inner in [&sparse[..len], &even[..len]] {
                        for strip in [strip, strip_in_constant_time] {
                            let found = strip(inner).unwrap();
                            assert_eq!((found.content_type.0, found.content.len()), (byte, at));
                        }
                    }
                }
            }
            for strip in [strip, strip_in_constant_time] {
                assert_eq!(strip(&[0; 200][..len]).err(), Some(Fault::NoContentType));
            }
        }
    }

    #[cfg(feature = "long-records")]
    #[test]
    fn an_inner_plaintext_in_parts_has_the_same_end() {
        for (len, at) in [(1, 0), (9, 0), (9, 8), (100, 3), (150, 70), (150, 149)] {
            let mut inner = [0; 150];
            // The first byte, and the content type.
            inner[0] = 5;
            inner[at] = 23;
            for all in [&inner[..len], &[0; 150][..len]] {
                let expected =
                    strip(all).ok().map(|inner| (inner.content_type, inner.content.len()));
                for (first, second) in (0..=len).flat_map(|first| [(first, first), (first, len)]) {
                    for in_constant_time in [false, true] {
                        let mut tail = Tail::new(in_constant_time);
                        tail.read(&all[..first]);
                        tail.read(&all[first..second]);
                        tail.read(&all[second..]);
                        assert_eq!(tail.strip(len).ok(), expected);
                    }
                }
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
                for content in (0..max).step_by(STRIDE).chain([usize::MAX]) {
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
