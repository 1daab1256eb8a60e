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
#[inline]
pub(crate) fn copy_content(from: &[u8], to: &mut [u8]) {
    const PIECE: usize = 1024;
    let len = from.len().min(to.len());
    let (from, from_rest) = from.get(..len).unwrap_or_default().as_chunks::<PIECE>();
    let (to, to_rest) = to.get_mut(..len).unwrap_or_default().as_chunks_mut::<PIECE>();
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    copy(from_rest, to_rest);
}
