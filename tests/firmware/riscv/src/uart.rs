//! The UART of QEMU's machine `virt`: a 16550, polled.

use core::convert::Infallible;

use embedded_io::{ErrorType, Read, ReadReady, Write};

const BASE: *mut u8 = 0x1000_0000 as *mut u8;

// Offsets and bits of the registers.
const DATA: usize = 0;
const FIFO_CONTROL: usize = 2;
const FIFO_ENABLE: u8 = 1;
const LINE_STATUS: usize = 5;
const DATA_READY: u8 = 1;
const HOLDING_EMPTY: u8 = 1 << 5;

/// The only owner of the registers.
pub struct Uart(());

impl Uart {
    /// # Safety
    /// Call it once, on a machine that has this UART.
    pub unsafe fn new() -> Self {
        let mut this = Self(());
        this.set(FIFO_CONTROL, FIFO_ENABLE);
        this
    }

    fn get(&self, register: usize) -> u8 {
        // SAFETY: the registers are there, as `new` was promised.
        unsafe { BASE.add(register).read_volatile() }
    }

    fn set(&mut self, register: usize, value: u8) {
        // SAFETY: as in `get`.
        unsafe { BASE.add(register).write_volatile(value) }
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.get(LINE_STATUS) & DATA_READY != 0)
    }
}

impl Read for Uart {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let mut len = 0;
        for byte in out {
            while !self.read_ready()? {
                if len != 0 {
                    return Ok(len);
                }
            }
            *byte = self.get(DATA);
            len += 1;
        }
        Ok(len)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            while self.get(LINE_STATUS) & HOLDING_EMPTY == 0 {}
            self.set(DATA, *byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
