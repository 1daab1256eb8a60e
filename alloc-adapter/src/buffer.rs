//! A queue of bytes in one piece of memory that follows what passes through it.

use alloc::vec::Vec;
use core::hint::black_box;

/// With less room than this at the end, in bytes, what is filled moves to the front, or the memory
/// grows.
const LEAST_ROOM: usize = 512;

/// Bytes of memory that a buffer starts with, and that an idle one keeps.
const FIRST_LEN: usize = 2048;

/// Bytes come in at the back and go out at the front; those in between are one slice.
///
/// Its memory grows when a read fills all of it, up to a ceiling: it follows the bytes that arrived,
/// never a length that a peer claims. Taking bytes out is cheap; the rest seldom moves. The memory is
/// overwritten before it is given back, because it may hold decrypted data.
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
    /// The last fill left no room.
    was_filled: bool,
    /// Bytes of memory that were needed before they were [released](Self::release).
    needed: usize,
    /// The most bytes that there were since.
    peak: usize,
}

impl Buffer {
    /// An empty buffer for `ceiling` bytes at most. It has no memory yet.
    ///
    /// An [`Opener`](tls_record::Opener) gets along with [`MAX_RECORD`](tls_record::MAX_RECORD).
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

    /// The bytes that are there.
    pub fn filled(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// The bytes that are there, for an [`Opener`](tls_record::Opener) to decrypt.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// How many bytes are there.
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether there are as many as the ceiling allows.
    pub const fn is_full(&self) -> bool {
        self.len() >= self.ceiling
    }

    /// Takes `len` bytes out at the front, or all of them if there are fewer.
    pub fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Memory behind the bytes that are there, to read more into: empty only if the buffer
    /// [is full](Self::is_full). What is written counts from [`commit`](Self::commit) on.
    pub fn room(&mut self) -> &mut [u8] {
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

    /// A read that filled all of the room would have brought more.
    fn needs_room(&self) -> bool {
        self.was_filled || self.memory.len().saturating_sub(self.end) < LEAST_ROOM
    }

    /// Adds the first `len` bytes of the [`room`](Self::room) to those that are there.
    pub fn commit(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.memory.len());
        self.was_filled = self.end == self.memory.len();
        self.peak = self.peak.max(self.end);
    }

    /// Adds a copy of `bytes`, as far as the ceiling allows. Returns how many.
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

    /// Lets the buffer hold `ceiling` bytes from now on. If there are more, they stay.
    pub const fn set_ceiling(&mut self, ceiling: usize) {
        self.ceiling = ceiling;
    }

    /// Gives memory back if the buffer is empty, except for the 2 KiB that a new one starts with. For a
    /// connection that waits: many that are idle need little memory. When a read fills those 2 KiB, the
    /// buffer has at once what it needed before, or half of it if that was not needed the last time.
    ///
    /// ```
    /// use tls_record_alloc::Buffer;
    ///
    /// let mut buffer = Buffer::new(65_536);
    /// buffer.push(&[0; 10_000]);
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

    /// Whether the last read filled all of the room: more is likely to come at once.
    #[cfg(feature = "std")]
    pub(crate) const fn was_filled(&self) -> bool {
        self.was_filled
    }

    /// `len` bytes of room, whatever the ceiling: for output, whose length is our own choice.
    pub(crate) fn space(&mut self, len: usize) -> &mut [u8] {
        if self.memory.len().saturating_sub(self.end) < len {
            self.compact();
            let need = self.end.saturating_add(len);
            if need > self.memory.len() {
                self.resize(need);
            }
        }
        self.memory.get_mut(self.end..).and_then(|room| room.get_mut(..len)).unwrap_or_default()
    }

    fn compact(&mut self) {
        if self.start != 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
    }

    /// Moves what is filled to other memory, of `len` bytes, which is enough for it.
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
        // Otherwise the compiler may leave out what nobody reads.
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
        // What it holds may be decrypted.
        write!(f, "Buffer({} of {} bytes)", self.filled().len(), self.ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
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
    fn memory_follows_the_bytes_that_arrived() {
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
    fn consuming_too_much_empties_it() {
        let mut buffer = Buffer::new(8);
        buffer.push(b"abc");
        buffer.consume(usize::MAX);
        assert!(buffer.is_empty());
        assert_eq!(buffer.push(b"de"), 2);
        assert_eq!(buffer.filled(), b"de");
    }

    #[test]
    fn a_read_that_fills_the_room_doubles_the_memory_although_it_is_used_up() {
        let mut buffer = Buffer::new(16_000);
        for expected in [2048, 4096, 8192, 16_000, 16_000] {
            let room = buffer.room().len();
            assert_eq!(room, expected);
            buffer.commit(room);
            buffer.consume(room);
        }
        // One byte less than the room, and there was no more to read.
        buffer.room();
        buffer.commit(15_999);
        buffer.consume(15_999);
        assert_eq!(buffer.memory.len(), 16_000);
    }

    #[test]
    fn an_idle_buffer_has_no_more_memory_than_a_new_one_and_remembers_what_it_needed() {
        let mut buffer = Buffer::new(1 << 20);
        buffer.push(&[1; 100_000]);
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
            assert_eq!(buffer.room().len(), needed - FIRST_LEN, "at once");
            buffer.consume(usize::MAX);
            // It was not needed.
            needed /= 2;
        }
        buffer.release();
        for _ in 0..3 {
            buffer.push(b"a short message");
            buffer.consume(usize::MAX);
            buffer.release();
            assert_eq!(buffer.memory.capacity(), FIRST_LEN);
        }
        assert!(buffer.needed <= FIRST_LEN);
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
