//! Time in milliseconds for embassy, from SysTick.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;

use cortex_m::Peripherals;
use cortex_m::interrupt::{self, Mutex};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// The clock of the board, 25 MHz.
const PER_MILLISECOND: u32 = 25_000;

struct Clock {
    milliseconds: AtomicU32,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    milliseconds: AtomicU32::new(0),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

/// Starts the clock.
pub fn start(peripherals: Peripherals) {
    let mut timer = peripherals.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(PER_MILLISECOND - 1);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        self.milliseconds.load(Ordering::Relaxed).into()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        // The next tick looks at it.
        interrupt::free(|cs| self.queue.borrow(cs).borrow_mut().schedule_wake(at, waker));
    }
}

#[exception]
fn SysTick() {
    CLOCK.milliseconds.fetch_add(1, Ordering::Relaxed);
    interrupt::free(|cs| CLOCK.queue.borrow(cs).borrow_mut().next_expiration(CLOCK.now()));
}
