//! Copies of keys on the stack.

use core::hint::black_box;

/// Bytes of one frame of [`scrub_stack`] that are overwritten.
const BLOCK: usize = 256;

/// And what else the frame has at least: the address of the return, the depth, the address of the block.
const FRAME: usize = BLOCK + 3 * size_of::<usize>();

/// Overwrites the stack below the frame of the caller, `depth` bytes of it: what functions left there
/// that it called and that have returned. Moving a key from one function to the next leaves a copy
/// behind each time. Registers are out of reach, and so are the frames of the caller's callers.
///
/// The functions that are cleaned up after must not be inlined into the caller, or their frames are
/// its own.
#[inline(never)]
pub(crate) fn scrub_stack(depth: usize) {
    if depth == 0 {
        return;
    }
    let mut block = [0_u8; BLOCK];
    black_box(&mut block);
    scrub_stack(depth.saturating_sub(FRAME));
    // Used again, so that the call before it does not take over this frame.
    black_box(&mut block);
}

/// [Overwrites the stack](scrub_stack), so deep, when it is dropped: after a function's last
/// expression has put what it returns where the caller wants it. A variable in between would be one
/// more copy.
pub(crate) struct Scrub(pub(crate) usize);

impl Drop for Scrub {
    #[inline]
    fn drop(&mut self) {
        scrub_stack(self.0);
    }
}
