//! A byte queue in contiguous memory that grows with the bytes it receives.

use alloc::vec::Vec;
use core::hint::black_box;

/// Least free bytes at the end. With less, the filled bytes move to the front, or the memory grows.
const LEAST_ROOM: usize = 512;

/// Bytes of memory that a buffer starts with and may keep when it is idle.
const FIRST_LEN: usize = 2048;

/// A byte queue: bytes are added at the back and consumed at the front, and form one slice.
///
/// The memory grows when a read fills all of it, up to a ceiling. It is sized by the bytes that
/// arrived, never by a length field of the peer. Consuming is cheap: the remaining bytes seldom
/// move. The memory is overwritten before it is freed, because it may hold decrypted data.
///
/// ```
/// use tls_record_alloc::Buffer;
///
/// let mut buffer = Buffer::new(4);
/// assert_eq!(buffer.push(b"received"), 4);
/// buffer.consume(3);
/// assert_eq!(buffer.filled(), b"e");
/// buffer.room()[..2].copy_from_slice(b"nd");
/// buffer.commit(2);
/// assert_eq!(buffer.filled(), b"end");
/// ```
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
    end: usize,
    ceiling: usize,
    /// The last commit filled all of the room.
    was_filled: bool,
    /// Bytes of memory to have at once when the first [`FIRST_LEN`] are filled after a
    /// [`release`](Self::release).
    needed: usize,
    /// The largest `end` since the last release.
    peak: usize,
}

impl Buffer {
    /// Creates an empty buffer for at most `ceiling` bytes. It allocates nothing yet.
    ///
    /// A ceiling of [`MAX_RECORD`](tls_record::MAX_RECORD) is enough for an
    /// [`Opener`](tls_record::Opener).
    pub const fn new(ceiling: usize) -> Self {
        Self {
            memory: Vec::new(),
            start: 0,
            end: 0,
            ceiling,
            was_filled: false,
            needed: 0,
            peak: 0,
        }
    }

    /// Returns the bytes in the buffer.
    pub fn filled(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// Returns the bytes in the buffer, for an [`Opener`](tls_record::Opener) to decrypt in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Returns the number of bytes in the buffer.
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Returns whether the buffer is empty.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Returns whether the buffer holds as many bytes as the ceiling allows.
    pub const fn is_full(&self) -> bool {
        self.len() >= self.ceiling
    }

    /// Removes `len` bytes from the front, or all bytes if there are fewer.
    pub fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
    }

    /// Returns free memory behind the bytes in the buffer, to read more into.
    ///
    /// It is empty only if the buffer [is full](Self::is_full). Call [`commit`](Self::commit) with
    /// the number of bytes that were written into it.
    pub fn room(&mut self) -> &mut [u8] {
        self.rewind_if_empty();
        if self.needs_room() {
            self.compact();
            let len = self.memory.len();
            if self.needs_room() && len < self.ceiling {
                let more = match len {
                    0 => FIRST_LEN,
                    len => len.saturating_mul(2).max(self.needed),
                };
                self.resize(more.min(self.ceiling));
            }
            self.was_filled = false;
        }
        let limit = self.start.saturating_add(self.ceiling).min(self.memory.len());
        self.memory.get_mut(self.end..limit).unwrap_or_default()
    }

    /// Returns whether to make room. A read that filled all of it could probably have read more.
    fn needs_room(&self) -> bool {
        self.was_filled || self.memory.len().saturating_sub(self.end) < LEAST_ROOM
    }

    /// Adds the first `len` bytes of the last [`room`](Self::room) to the buffer. Others may have been consumed
    /// since.
    pub fn commit(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.memory.len());
        self.was_filled = self.end == self.memory.len();
        self.peak = self.peak.max(self.end);
    }

    /// Appends a copy of `bytes` up to the ceiling, and returns the number of bytes appended.
    #[must_use = "bytes that were not taken must be pushed again"]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let mut left = bytes;
        while !left.is_empty() {
            let room = self.room();
            if room.is_empty() {
                break;
            }
            let (now, later) = left.split_at_checked(room.len()).unwrap_or((left, &[]));
            for (to, from) in room.iter_mut().zip(now) {
                *to = *from;
            }
            self.commit(now.len());
            left = later;
        }
        bytes.len().saturating_sub(left.len())
    }

    /// Sets the most bytes that the buffer may hold. Bytes in excess of it stay in the buffer.
    pub const fn set_ceiling(&mut self, ceiling: usize) {
        self.ceiling = ceiling;
    }

    /// Frees the memory of an empty buffer.
    ///
    /// A buffer of 2 KiB, the size that a new one starts with, is kept. Call it when a connection
    /// waits for the peer, so that idle connections use little memory. When a read fills those 2
    /// KiB, the buffer grows to its earlier size at once, or to half of it if it did not use that
    /// size the last time.
    ///
    /// ```
    /// use tls_record_alloc::Buffer;
    ///
    /// let mut buffer = Buffer::new(65_536);
    /// assert_eq!(buffer.push(&[0; 10_000]), 10_000);
    /// buffer.consume(10_000);
    /// buffer.release();
    /// assert_eq!(buffer.room().len(), 2048);
    /// buffer.commit(2048);
    /// assert!(buffer.room().len() >= 8000);
    /// ```
    pub fn release(&mut self) {
        if !self.is_empty() || (self.peak == 0 && self.memory.len() <= FIRST_LEN) {
            return;
        }
        self.needed = if self.peak > self.needed / 2 { self.memory.len() } else { self.needed / 2 };
        self.peak = 0;
        self.was_filled = false;
        if self.memory.len() > FIRST_LEN {
            self.resize(0);
        }
    }

    /// Returns whether the last read filled all of the room, so that more is likely to be available.
    #[cfg(feature = "std")]
    pub(crate) const fn was_filled(&self) -> bool {
        self.was_filled
    }

    /// Returns `len` bytes of room, regardless of the ceiling: for output, whose length we choose.
    pub(crate) fn space(&mut self, len: usize) -> &mut [u8] {
        self.rewind_if_empty();
        if self.memory.len().saturating_sub(self.end) < len {
            self.compact();
            let need = self.end.saturating_add(len);
            if need > self.memory.len() {
                self.resize(need);
            }
        }
        self.memory.get_mut(self.end..).and_then(|room| room.get_mut(..len)).unwrap_or_default()
    }

    /// Moves the room of an empty buffer to its front.
    const fn rewind_if_empty(&mut self) {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }

    fn compact(&mut self) {
        if self.start != 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
    }

    /// Moves the filled bytes to new memory of `len` bytes, which must hold them.
    fn resize(&mut self, len: usize) {
        self.compact();
        let mut memory = Vec::new();
        if len != 0 {
            memory.reserve_exact(len);
            memory.extend_from_slice(self.filled());
            memory.resize(len, 0);
        }
        self.wipe();
        self.memory = memory;
    }

    fn wipe(&mut self) {
        self.memory.fill(0);
        // Without it the compiler may remove stores to memory that is not read again.
        black_box(&mut self.memory);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl core::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The contents are not printed: they may be decrypted data.
        write!(f, "Buffer({} of {} bytes)", self.filled().len(), self.ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_consumed_in_the_order_in_which_they_were_pushed() {
        let mut buffer = Buffer::new(3000);
        let (mut next_in, mut next_out) = (0_u8, 0_u8);
        for round in 0..2000 {
            let bytes: Vec<u8> =
                (0..round % 700).map(|i: usize| next_in.wrapping_add(i as u8)).collect();
            let pushed = buffer.push(&bytes);
            next_in = next_in.wrapping_add(pushed as u8);
            let take = (round * 7 % 600).min(buffer.filled().len());
            for &byte in &buffer.filled()[..take] {
                assert_eq!(byte, next_out);
                next_out = next_out.wrapping_add(1);
            }
            buffer.consume(take);
            assert!(buffer.filled().len() <= 3000);
        }
    }

    #[test]
    fn memory_grows_with_the_bytes_that_arrived() {
        let mut buffer = Buffer::new(1 << 20);
        assert_eq!(buffer.memory.len(), 0);
        for filled in 0..100_000_usize {
            assert!(buffer.memory.len() <= FIRST_LEN.max(2 * (filled + LEAST_ROOM)));
            assert_eq!(buffer.push(&[1]), 1);
        }
    }

    #[test]
    fn the_ceiling_holds_and_can_be_lowered() {
        let mut buffer = Buffer::new(5000);
        assert_eq!(buffer.push(&[0; 6000]), 5000);
        assert!(buffer.is_full() && buffer.room().is_empty());
        assert_eq!(buffer.memory.len(), 5000);
        buffer.set_ceiling(1000);
        assert!(buffer.room().is_empty());
        buffer.consume(4500);
        assert!(!buffer.is_full());
        assert_eq!(buffer.push(&[0; 6000]), 500);
    }

    #[test]
    fn consuming_more_than_the_length_empties_the_buffer() {
        let mut buffer = Buffer::new(8);
        assert_eq!(buffer.push(b"abc"), 3);
        buffer.consume(usize::MAX);
        assert!(buffer.is_empty());
        assert_eq!(buffer.push(b"de"), 2);
        assert_eq!(buffer.filled(), b"de");
    }

    #[test]
    fn a_read_that_fills_the_room_doubles_the_memory_even_if_all_is_consumed() {
        let mut buffer = Buffer::new(16_000);
        for expected in [2048, 4096, 8192, 16_000, 16_000] {
            let room = buffer.room().len();
            assert_eq!(room, expected);
            buffer.commit(room);
            buffer.consume(room);
        }
        // One byte less than the room: there was no more to read, and the memory stays.
        buffer.room();
        buffer.commit(15_999);
        buffer.consume(15_999);
        assert_eq!(buffer.memory.len(), 16_000);
    }

    #[test]
    fn an_idle_buffer_uses_as_little_memory_as_a_new_one_and_regrows_to_its_earlier_size() {
        let mut buffer = Buffer::new(1 << 20);
        assert_eq!(buffer.push(&[1; 100_000]), 100_000);
        buffer.consume(99_999);
        buffer.release();
        assert_eq!(buffer.filled(), [1]);
        buffer.consume(1);
        let mut needed = buffer.memory.len();
        while needed > 2 * FIRST_LEN {
            buffer.release();
            assert_eq!(buffer.memory.capacity(), 0);
            assert_eq!(buffer.room().len(), FIRST_LEN);
            buffer.commit(FIRST_LEN);
            assert_eq!(buffer.room().len(), needed - FIRST_LEN, "grows in one step");
            buffer.consume(usize::MAX);
            // Only half is remembered, because this size was not used.
            needed /= 2;
        }
        buffer.release();
        for _ in 0..3 {
            assert_eq!(buffer.push(b"a short message"), 15);
            buffer.consume(usize::MAX);
            buffer.release();
            assert_eq!(buffer.memory.capacity(), FIRST_LEN);
        }
        assert!(buffer.needed <= FIRST_LEN);
    }

    #[test]
    fn the_room_stays_where_it_is_while_bytes_are_consumed() {
        let mut buffer = Buffer::new(4096);
        assert_eq!(buffer.push(b"old"), 3);
        buffer.room()[..3].copy_from_slice(b"new");
        buffer.consume(3);
        buffer.commit(3);
        assert_eq!(buffer.filled(), b"new");
        buffer.consume(3);
        assert_eq!(buffer.room().len(), FIRST_LEN, "all of it");
    }

    #[test]
    fn space_ignores_the_ceiling() {
        let mut buffer = Buffer::new(1);
        buffer.space(7000).fill(1);
        buffer.commit(7000);
        buffer.consume(100);
        assert_eq!(buffer.space(200).len(), 200);
        assert_eq!(buffer.filled(), [1; 6900]);
    }
}
