//! Copying that cannot panic.

use crate::small::SMALL;

/// Copies as much of `from` as fits into `to`.
///
/// The compiler makes a `memcpy` of the loop, and no length check that could panic.
#[inline]
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// [`copy`] for content that may be long, in pieces.
///
/// A `memcpy` of a whole 16 KiB record runs some 25 times slower than it should when its target lies
/// a few bytes past its source modulo the page size, because every load seems to depend on a store
/// just made. Page-aligned buffers and a five-byte header are that case. Short pieces avoid it. Small
/// processors guess nothing about loads.
///
/// Not inlined: only between parameters does the compiler know that the slices do not overlap, which
/// is what makes a `memcpy` of each piece. (Pieces of a constant length it would join again.)
#[inline(never)]
pub(crate) fn copy_content(from: &[u8], to: &mut [u8]) {
    if SMALL || from.len() <= PIECE { copy(from, to) } else { copy_pieces(from, to) }
}

const PIECE: usize = 1024;

// Not with `zip`, which counts the pieces by a division that can panic where it is not inlined.
#[inline(never)]
fn copy_pieces(from: &[u8], to: &mut [u8]) {
    let mut pieces = from.chunks(PIECE);
    for to in to.chunks_mut(PIECE) {
        let Some(from) = pieces.next() else { return };
        copy(from, to);
    }
}

/// The bytes of several slices, one after the other.
pub(crate) struct Source<'a> {
    /// What is left of the slice that is being read.
    part: &'a [u8],
    others: &'a [&'a [u8]],
}

impl<'a> Source<'a> {
    #[inline]
    pub(crate) const fn new(parts: &'a [&'a [u8]]) -> Self {
        Self { part: &[], others: parts }
    }

    /// Of one slice.
    pub(crate) const fn of(part: &'a [u8]) -> Self {
        Self { part, others: &[] }
    }

    /// The next bytes that lie in one piece, `most` of them at most; none at the end.
    #[inline(never)]
    fn next(&mut self, most: usize) -> &'a [u8] {
        while self.part.is_empty() {
            let Some((part, others)) = self.others.split_first() else { break };
            (self.part, self.others) = (part, others);
        }
        let (piece, rest) = self.part.split_at_checked(most).unwrap_or((self.part, &[]));
        self.part = rest;
        piece
    }

    /// Fills `to`, as far as there is something left.
    pub(crate) fn copy_to(&mut self, mut to: &mut [u8]) {
        loop {
            let piece = self.next(to.len());
            if piece.is_empty() {
                return;
            }
            copy_content(piece, to);
            to = to.get_mut(piece.len()..).unwrap_or_default();
        }
    }

    /// Leaves out `len` bytes, as far as there is something left.
    pub(crate) fn skip(&mut self, mut len: usize) {
        loop {
            let piece = self.next(len);
            if piece.is_empty() {
                return;
            }
            len = len.wrapping_sub(piece.len());
        }
    }
}

/// How many bytes `parts` have together.
#[inline(never)] // One copy for all who ask.
pub(crate) fn length(parts: &[&[u8]]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
}
