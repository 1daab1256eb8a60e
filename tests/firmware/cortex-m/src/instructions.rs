//! Counts instructions. Run it with `-icount shift=0`, where an instruction takes a nanosecond.

use core::hint::black_box;

use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// The board's clock has 25 MHz.
const INSTRUCTIONS_A_TICK: u32 = 40;

/// Length of the data in each record.
pub const CONTENT: usize = 64;
/// Number of records that are measured.
pub const RECORDS: usize = 200;

/// Room for a record and its protection.
pub type Place = [u8; CONTENT + 32];

/// A timer of the processor.
pub struct Timer(SYST);

impl Timer {
    /// Starts the timer. Called once.
    pub fn start() -> Self {
        let mut timer = defmt::unwrap!(Peripherals::take()).SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(0x00ff_ffff);
        timer.enable_counter();
        Self(timer)
    }

    /// Returns the average instructions of `work` for a record, with those of the loop.
    #[inline(never)]
    pub fn each(
        &mut self,
        records: &mut [Place; RECORDS],
        mut work: impl FnMut(&mut Place),
    ) -> u32 {
        self.0.clear_current();
        let start = SYST::get_current();
        for record in records {
            work(black_box(record));
        }
        // It counts down, and has 24 bits.
        let ticks = start.wrapping_sub(SYST::get_current()) & 0x00ff_ffff;
        ticks * INSTRUCTIONS_A_TICK / RECORDS as u32
    }
}
