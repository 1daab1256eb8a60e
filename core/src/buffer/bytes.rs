//! Copying that cannot panic.

use crate::small::SMALL;

/// Copies as much of `from` as fits into `to`.
///
/// The compiler turns the loop into a `memcpy`, without a length check that could panic.
#[inline]
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Copies like [`copy`], but in pieces: for content that may be long.
///
/// A `memcpy` of a whole 16 KiB record runs some 25 times slower than it should when its target
/// lies a few bytes past its source modulo the page size, because the processor takes every load to
/// depend on a recent store. This happens with page-aligned buffers and a header of five bytes.
/// Short pieces avoid it. Small processors do not speculate on loads, and copy in one piece.
///
/// Not inlined: the compiler only knows that two slices do not overlap if they are parameters, and
/// it needs to know that to turn each piece into a `memcpy`. (Pieces of a constant length it would
/// join again.)
#[inline(never)]
pub(crate) fn copy_content(from: &[u8], to: &mut [u8]) {
    if SMALL || from.len() <= PIECE { copy(from, to) } else { copy_pieces(from, to) }
}

const PIECE: usize = 1024;

// Without `zip`, which counts the pieces by a division that can panic where it is not inlined.
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
    pub(crate) const fn new(parts: &'a [&'a [u8]]) -> Self {
        Self { part: &[], others: parts }
    }

    /// Returns a source of the bytes of one slice.
    pub(crate) const fn of(part: &'a [u8]) -> Self {
        Self { part, others: &[] }
    }

    /// Returns the next contiguous bytes, at most `most` of them; none at the end.
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

    /// Returns the next `len` bytes if they are contiguous, and skips them.
    pub(crate) fn whole(&mut self, len: usize) -> Option<&'a [u8]> {
        while self.part.is_empty() {
            let Some((part, others)) = self.others.split_first() else { break };
            (self.part, self.others) = (part, others);
        }
        let (whole, rest) = self.part.split_at_checked(len)?;
        self.part = rest;
        Some(whole)
    }

    /// Copies the next bytes to `to`: as many as it holds, or as are left.
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

    /// Skips `len` bytes, or as many as are left.
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

/// Returns the total length of `parts` in bytes.
#[inline(never)]
pub(crate) fn length(parts: &[&[u8]]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
}
