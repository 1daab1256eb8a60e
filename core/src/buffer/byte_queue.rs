//! A queue of bytes in a fixed buffer. The queued bytes are always contiguous, because ciphers and
//! transports need whole slices, which a ring buffer cannot provide.

use crate::buffer::bytes::copy_content;

/// A queue of bytes. The bytes from `start` to `end` are waiting; behind them is room for more.
///
/// `B` is an array, whose length the compiler folds, or a buffer of the caller's. If that buffer
/// changes its length, fewer bytes are waiting and there is less room; nothing panics.
#[derive(Clone)]
#[repr(C)]
pub(crate) struct ByteQueue<B> {
    start: u32,
    end: u32,
    bytes: B,
}

impl<const LEN: usize> ByteQueue<[u8; LEN]> {
    pub(crate) const fn new() -> Self {
        const { assert!(LEN as u64 <= u32::MAX as u64, "a buffer of more than 4 GiB") };
        Self::new_in([0; LEN])
    }
}

impl<B> ByteQueue<B> {
    /// Creates an empty queue in `bytes`, whose content does not matter.
    pub(crate) const fn new_in(bytes: B) -> Self {
        Self { bytes, start: 0, end: 0 }
    }

    pub(crate) const fn buffer(&self) -> &B {
        &self.bytes
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> ByteQueue<B> {
    /// Returns how many bytes the queue can hold: the length of the buffer, of which no more than
    /// 4 GiB are used.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.as_ref().len().min(u32::MAX as usize)
    }

    const fn start(&self) -> usize {
        self.start as usize
    }

    pub(crate) fn waiting(&self) -> &[u8] {
        self.bytes.as_ref().get(self.start()..self.end()).unwrap_or_default()
    }

    pub(crate) fn waiting_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.start(), self.end());
        self.bytes.as_mut().get_mut(start..end).unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    const fn len(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Returns the index at which the room behind the waiting bytes begins.
    pub(crate) const fn end(&self) -> usize {
        self.end as usize
    }

    /// Both are at most the capacity, which fits into a `u32`.
    const fn set(&mut self, start: usize, end: usize) {
        (self.start, self.end) = (start as u32, end as u32);
    }

    /// Returns how many bytes are free behind the waiting ones.
    pub(crate) fn room_behind(&self) -> usize {
        self.capacity().saturating_sub(self.end())
    }

    /// Returns how many bytes are free, before and behind the waiting ones.
    pub(crate) fn total_room(&self) -> usize {
        self.capacity().saturating_sub(self.len())
    }

    /// Returns the room behind the waiting bytes, up to index `limit` of the buffer.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn room(&mut self, limit: usize) -> &mut [u8] {
        let bytes = self.bytes.as_mut();
        let limit = limit.min(bytes.len());
        bytes.get_mut(self.end as usize..limit).unwrap_or_default()
    }

    /// Moves the waiting bytes to the front if `need` bytes have no room behind them, and then have.
    /// Returns whether they have moved. If they begin at the front, they never do: a loop that
    /// repeats what found no room comes to its end.
    pub(crate) fn make_room(&mut self, need: usize) -> bool {
        let (capacity, start, end) = (self.capacity(), self.start(), self.end());
        if need <= capacity.saturating_sub(end)
            || need > capacity.saturating_sub(end).wrapping_add(start)
        {
            return false;
        }
        let bytes = self.bytes.as_mut();
        let len = shift_down(bytes.get_mut(..end).unwrap_or_default(), start);
        self.set(0, len);
        true
    }

    /// Appends the first `len` bytes of the room to the waiting bytes.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn append(&mut self, len: usize) {
        self.set(self.start(), self.end().saturating_add(len).min(self.capacity()));
    }

    /// Appends `len` bytes of the room, which begin at index `at` of the buffer, to the waiting
    /// bytes. Closes the gap between them.
    pub(crate) fn append_from(&mut self, at: usize, len: usize) {
        if self.is_empty() {
            self.set(at, at);
            self.append(len);
        } else {
            let gap = at.saturating_sub(self.end());
            let moved = shift_down(self.room(at.wrapping_add(len)), gap);
            self.append(moved);
        }
    }

    /// Returns the buffer from index `at` on.
    pub(crate) fn from(&mut self, at: usize) -> &mut [u8] {
        self.bytes.as_mut().get_mut(at..).unwrap_or_default()
    }

    /// Removes the first `len` waiting bytes.
    pub(crate) fn consume(&mut self, len: usize) {
        self.consume_in_place(len);
        if self.is_empty() {
            self.clear();
        }
    }

    /// Removes the first `len` waiting bytes, and leaves the room where it is.
    pub(crate) fn consume_in_place(&mut self, len: usize) {
        self.set(self.start().saturating_add(len).min(self.end()), self.end());
    }

    pub(crate) const fn clear(&mut self) {
        self.set(0, 0);
    }
}

/// Moves the bytes from index `distance` on to the front, in pieces that do not overlap their target,
/// and returns how many they are.
#[inline(never)]
fn shift_down(mut bytes: &mut [u8], distance: usize) -> usize {
    let len = bytes.len().saturating_sub(distance);
    if distance != 0 {
        while let Some((to, from)) = bytes.split_at_mut_checked(distance) {
            copy_content(from, to);
            bytes = from;
        }
    }
    len
}
