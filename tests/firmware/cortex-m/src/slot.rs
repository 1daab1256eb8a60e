//! A slot for a firmware image, in the external RAM of the board.
//!
//! What it holds behind its valid bytes is overwritten, as FRAM and PSRAM allow. A slot in NOR flash, where
//! each byte is written once, would keep the last page in RAM until its record is committed.

/// The external RAM, which nothing else uses.
const MEMORY: *mut u8 = 0x2100_0000 as *mut u8;
const LEN: usize = 2 << 20;

/// The slot. Its first `valid` bytes are authentic.
pub struct Slot {
    memory: &'static mut [u8],
    pub valid: usize,
}

impl Slot {
    /// Returns the slot, without valid bytes. There must be only one.
    pub fn empty() -> Self {
        // SAFETY: the board has this memory, and nothing else uses it.
        let memory = unsafe { core::slice::from_raw_parts_mut(MEMORY, LEN) };
        Self { memory, valid: 0 }
    }

    /// Writes `bytes`, which begin `offset` bytes behind the valid ones.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.memory[self.valid + offset..][..bytes.len()].copy_from_slice(bytes);
    }

    pub fn content(&self) -> &[u8] {
        &self.memory[..self.valid]
    }
}
