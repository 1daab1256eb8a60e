//! A serial line as a message bus: an interrupt brings a byte at a time, and every 64 bytes are a message.

use heapless::Vec;
use heapless::spsc::Consumer;

use super::driver::{Bus, MESSAGE};

/// How many bytes the interrupt handler can be ahead. One place of a queue stays empty.
pub const QUEUE: usize = 2 * MESSAGE + 1;

/// The end of the main loop. The interrupt handler has the other end of the queue, a
/// [`Producer`](heapless::spsc::Producer), and puts each byte into it that the UART has received.
pub struct SerialLine<'q, U> {
    received: Consumer<'q, u8>,
    message: Vec<u8, MESSAGE>,
    uart: U,
}

impl<'q, U: FnMut(&[u8; MESSAGE]) -> bool> SerialLine<'q, U> {
    /// `uart` starts to transmit a message, by DMA for instance, or returns false if it still transmits
    /// another.
    pub fn new(received: Consumer<'q, u8>, uart: U) -> Self {
        Self { received, message: Vec::new(), uart }
    }
}

impl<U: FnMut(&[u8; MESSAGE]) -> bool> Bus for SerialLine<'_, U> {
    fn send(&mut self, message: &[u8; MESSAGE]) -> bool {
        (self.uart)(message)
    }

    fn receive(&mut self) -> Option<[u8; MESSAGE]> {
        while !self.message.is_full() {
            let _ = self.message.push(self.received.dequeue()?);
        }
        core::mem::take(&mut self.message).into_array().ok()
    }
}
