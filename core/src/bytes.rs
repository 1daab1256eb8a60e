//! Copying that cannot panic.

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
/// just made. Page-aligned buffers and a five-byte header are that case. Short pieces avoid it.
///
/// Not inlined: only between parameters does the compiler know that the slices do not overlap, which
/// is what makes a `memcpy` of each piece. (Pieces of a constant length it would join again.)
#[inline(never)]
pub(crate) fn copy_content(from: &[u8], to: &mut [u8]) {
    if from.len() <= PIECE { copy(from, to) } else { copy_pieces(from, to) }
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
    pub(crate) fn new(parts: &'a [&'a [u8]]) -> Self {
        match parts.split_first() {
            Some((part, others)) => Self { part, others },
            None => Self { part: &[], others: &[] },
        }
    }

    /// Fills `to`, which is no longer than what is left.
    #[inline]
    pub(crate) fn copy_to(&mut self, mut to: &mut [u8]) {
        loop {
            let len = self.part.len().min(to.len());
            copy_content(self.part, to);
            self.part = self.part.get(len..).unwrap_or_default();
            to = to.get_mut(len..).unwrap_or_default();
            if to.is_empty() {
                return;
            }
            let Some((part, others)) = self.others.split_first() else { return };
            (self.part, self.others) = (part, others);
        }
    }
}

/// How many bytes `parts` have together.
#[inline]
pub(crate) fn length(parts: &[&[u8]]) -> usize {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
}
