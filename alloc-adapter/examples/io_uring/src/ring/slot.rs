//! Memory for bytes to send.

/// Memory with bytes to send at its front, and room behind them.
///
/// It is moved into [`Ring::send`](super::Ring::send), so that nobody can change or free the bytes while the
/// kernel reads them.
#[derive(Debug)]
pub(crate) struct Slot {
    // Its bytes stay where they are when the slot is moved.
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Slot {
    /// Creates an empty slot of `len` bytes.
    pub(crate) fn new(len: usize) -> Self {
        Self { memory: vec![0; len].into(), start: 0, end: 0 }
    }

    /// Returns the bytes to send.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Returns whether there is nothing to send.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Returns the room behind the bytes to send.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.memory[self.end..]
    }

    /// Returns the length of the [`room`](Self::room).
    pub(crate) const fn room_len(&self) -> usize {
        self.memory.len() - self.end
    }

    /// Adds the first `len` bytes of the [`room`](Self::room).
    pub(crate) fn commit(&mut self, len: usize) {
        self.end += len.min(self.room_len());
    }

    /// Copies as many of the bytes as there is room for, and returns their number.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.room_len());
        self.room()[..len].copy_from_slice(&bytes[..len]);
        self.commit(len);
        len
    }

    /// Drops the bytes to send.
    pub(crate) fn clear(&mut self) {
        self.consume(self.end);
    }

    pub(super) fn consume(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }
}
