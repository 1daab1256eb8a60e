//! UART0 of the board (Arm's CMSDK) with the traits of embedded-io.

mod halves;

pub use halves::{Receiver, Transmitter, on_interrupt};

use core::convert::Infallible;

use cortex_m_semihosting::syscall;
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};

/// The registers: data, state, control, interrupt status, and the divider of the clock.
const BASE: *mut u32 = 0x4000_4000 as *mut u32;
const DATA: usize = 0;
const STATE: usize = 1;
const CONTROL: usize = 2;
const INTERRUPTS: usize = 3;
const DIVIDER: usize = 4;

const TRANSMITTER_FULL: u32 = 1 << 0;
const RECEIVER_FULL: u32 = 1 << 1;

const TRANSMITTER: u32 = 1 << 0;
const RECEIVER: u32 = 1 << 1;

/// The UART, which waits for every byte.
pub struct Uart(());

impl Uart {
    /// Switches it on. There must be only one.
    pub fn switch_on() -> Self {
        write(DIVIDER, 16);
        write(CONTROL, TRANSMITTER | RECEIVER);
        Self(())
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(read(STATE) & RECEIVER_FULL != 0)
    }
}

impl WriteReady for Uart {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(read(STATE) & TRANSMITTER_FULL == 0)
    }
}

impl Read for Uart {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = out.first_mut() else { return Ok(0) };
        while !self.read_ready()? {}
        *first = read(DATA) as u8;
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(&first) = bytes.first() else { return Ok(0) };
        while !self.write_ready()? {}
        write(DATA, first.into());
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while !self.write_ready()? {}
        Ok(())
    }
}

/// Waits for a byte. Returns whether none has come for three seconds: a UART does not tell that its cable was
/// pulled out.
pub fn is_silent(uart: &mut Uart) -> bool {
    const CENTISECONDS: usize = 300;
    // SAFETY: the call asks for the time since the start of the emulator, and writes nothing.
    let clock = || unsafe { syscall!(CLOCK) };
    let start = clock();
    loop {
        // Asking for the time stops the emulator for a while.
        for _ in 0..10_000 {
            if uart.read_ready() == Ok(true) {
                return false;
            }
        }
        if clock() - start > CENTISECONDS {
            return true;
        }
    }
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of the UART, which nothing else uses.
    unsafe { BASE.add(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the UART, which nothing else uses.
    unsafe { BASE.add(register).write_volatile(value) }
}
