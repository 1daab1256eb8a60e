//! The UART in two halves that wait for interrupts, with the traits of embedded-io-async.

use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use embassy_sync::waitqueue::AtomicWaker;
use embedded_io::ErrorType;
use embedded_io_async::{Read, Write};

use super::{
    CONTROL, DATA, INTERRUPTS, RECEIVER, RECEIVER_FULL, STATE, TRANSMITTER, TRANSMITTER_FULL, Uart,
    read, write,
};

/// An interrupt number of the UART.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Line(u16);

const RECEIVED: Line = Line(0);
const TRANSMITTED: Line = Line(1);

// SAFETY: these are two interrupt numbers of the board.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

/// Bits of the control register and of the interrupt register.
const INTERRUPT_ENABLE_SHIFT: u32 = 2;
const TRANSMITTED_BIT: u32 = 1 << 0;
const RECEIVED_BIT: u32 = 1 << 1;

static RECEIVING: AtomicWaker = AtomicWaker::new();
static TRANSMITTING: AtomicWaker = AtomicWaker::new();

/// The half that receives.
pub struct Receiver(());

/// The half that transmits.
pub struct Transmitter(());

impl Uart {
    /// Enables its interrupts: the handler has to call [`on_interrupt`].
    pub fn split(self) -> (Receiver, Transmitter) {
        let interrupts = (TRANSMITTED_BIT | RECEIVED_BIT) << INTERRUPT_ENABLE_SHIFT;
        write(CONTROL, TRANSMITTER | RECEIVER | interrupts);
        // SAFETY: no critical section is relied on that masks them.
        unsafe {
            NVIC::unmask(RECEIVED);
            NVIC::unmask(TRANSMITTED);
        }
        (Receiver(()), Transmitter(()))
    }
}

/// Handles an interrupt of the UART.
pub fn on_interrupt(number: i16) {
    match u16::try_from(number).map(Line) {
        Ok(RECEIVED) => {
            write(INTERRUPTS, RECEIVED_BIT);
            RECEIVING.wake();
        }
        Ok(TRANSMITTED) => {
            write(INTERRUPTS, TRANSMITTED_BIT);
            TRANSMITTING.wake();
        }
        _ => panic!("interrupt {number}"),
    }
}

/// Waits for this state.
async fn wait(waker: &AtomicWaker, is_reached: impl Fn(u32) -> bool) {
    poll_fn(|context| {
        waker.register(context.waker());
        if is_reached(read(STATE)) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl ErrorType for Receiver {
    type Error = Infallible;
}

impl ErrorType for Transmitter {
    type Error = Infallible;
}

impl Read for Receiver {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = out.first_mut() else { return Ok(0) };
        wait(&RECEIVING, |state| state & RECEIVER_FULL != 0).await;
        *first = read(DATA) as u8;
        Ok(1)
    }
}

impl Write for Transmitter {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(&first) = bytes.first() else { return Ok(0) };
        wait(&TRANSMITTING, |state| state & TRANSMITTER_FULL == 0).await;
        write(DATA, first.into());
        Ok(1)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        wait(&TRANSMITTING, |state| state & TRANSMITTER_FULL == 0).await;
        Ok(())
    }
}
