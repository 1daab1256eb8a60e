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
    let (mut skip, mut left) = (range.start, range.len());
    pieces.iter().filter_map(move |piece| {
        let piece = piece.as_ref();
        let slice = piece.get(next(&mut skip, &mut left, piece.len()));
        slice.filter(|slice| !slice.is_empty())
    })
}

/// Calls `visit` with the slices of [`slices_of`], in order. Returns `None` as soon as `visit` does.
///
/// Neither generic nor inlined: four loops would take more flash than one function.
#[inline(never)]
pub(crate) fn visit(
    pieces: &mut [&mut [u8]],
    range: Range<usize>,
    visit: &mut dyn FnMut(&mut [u8]) -> Option<()>,
) -> Option<()> {
    let (mut skip, mut left) = (range.start, range.len());
    for piece in pieces {
        if left == 0 {
            break; // The front of a record is in the first pieces of many.
        }
        let slice = piece.get_mut(next(&mut skip, &mut left, piece.len())).unwrap_or_default();
        if !slice.is_empty() {
            visit(slice)?;
        }
    }
    Some(())
}

/// Returns the range of the next piece, which has `len` bytes, behind `skip` bytes and up to `left`
/// bytes. Subtracts what the piece has from both.
fn next(skip: &mut usize, left: &mut usize, len: usize) -> Range<usize> {
    let start = len.min(*skip);
    // None of them wraps: `start` and `here` are not more than what they are subtracted from.
    let here = len.wrapping_sub(start).min(*left);
    *skip = skip.wrapping_sub(start);
    *left = left.wrapping_sub(here);
    start..start.wrapping_add(here)
}

/// Copies the bytes that begin at `start`: as many as `to` holds, or as are there. Returns them.
#[inline(never)]
pub(crate) fn gather<'a>(pieces: &mut [&mut [u8]], start: usize, to: &'a mut [u8]) -> &'a mut [u8] {
    let (mut filled, end) = (0_usize, start.saturating_add(to.len()));
    let _ = visit(pieces, start..end, &mut |slice| {
        copy(slice, to.get_mut(filled..).unwrap_or_default());
        filled = filled.wrapping_add(slice.len()); // not more than the length of `to`
        Some(())
    });
    to.get_mut(..filled).unwrap_or_default()
}

/// Returns the number of bytes of `pieces`.
pub(crate) fn total(pieces: &[&mut [u8]]) -> usize {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.len()))
}
