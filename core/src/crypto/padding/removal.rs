//! The removal of padding from records that are received.

use super::constant_time::scan_in_constant_time;
#[cfg(feature = "long-records")]
use super::constant_time::zero_mask;
use crate::protocol::error::Fault;
use crate::protocol::record::ContentType;

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
}
