//! Consecutive bytes that lie in several pieces of memory.

use core::ops::Range;

use crate::buffer::bytes::copy;

/// Returns the slices of `pieces` that hold the bytes of `range`, a range of the bytes of all pieces.
///
/// The slices are in order, and none is empty. Bytes that the pieces do not have are left out.
///
/// ```
/// # use tls_record::slices_of;
/// let pieces = [&b"over"[..], b" the ", b"wire"];
/// assert!(slices_of(&pieces, 5..11).eq([&b"the "[..], b"wi"]));
/// ```
pub fn slices_of<P: AsRef<[u8]>>(pieces: &[P], range: Range<usize>) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    pieces.iter().filter_map(move |piece| {
        let piece = piece.as_ref();
        let slice = piece.get(overlap(&mut at, piece.len(), &range));
        slice.filter(|slice| !slice.is_empty())
    })
}

/// Returns the slices of [`slices_of`], to be changed.
pub(crate) fn slices_of_mut<'a>(
    pieces: &'a mut [&mut [u8]],
    range: Range<usize>,
) -> impl Iterator<Item = &'a mut [u8]> {
    let mut at = 0;
    pieces.iter_mut().filter_map(move |piece| {
        let overlap = overlap(&mut at, piece.len(), &range);
        piece.get_mut(overlap).filter(|slice| !slice.is_empty())
    })
}

/// Returns the part of `range` that is in the next piece, and adds the length of the piece to `at`.
fn overlap(at: &mut usize, len: usize, range: &Range<usize>) -> Range<usize> {
    let [start, end] = [range.start, range.end].map(|edge| edge.saturating_sub(*at).min(len));
    *at = at.saturating_add(len);
    start..end
}

/// Copies the bytes that begin at `start`: as many as `to` holds, or as are there. Returns them.
pub(crate) fn gather<'a>(pieces: &[&mut [u8]], start: usize, to: &'a mut [u8]) -> &'a [u8] {
    let mut filled = 0_usize;
    for slice in slices_of(pieces, start..start.saturating_add(to.len())) {
        copy(slice, to.get_mut(filled..).unwrap_or_default());
        filled = filled.saturating_add(slice.len());
    }
    to.get(..filled).unwrap_or_default()
}

/// Returns the number of bytes of `pieces`.
pub(crate) fn total(pieces: &[&mut [u8]]) -> usize {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.len()))
}
