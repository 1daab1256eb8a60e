//! The board: QEMU's mps2-an386, with a Cortex-M4. The log goes to QEMU's standard output, and QEMU
//! returns the exit status, both through semihosting.

#![no_std]

pub mod instructions;
pub mod slot;
pub mod uart;

use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
// The critical section that the logger requires.
use cortex_m as _;
use defmt_semihosting as _;

/// The key that seals suspended connections. A product takes it from the key store of the chip.
pub const SUSPEND_KEY: [u8; 32] = *b"a key that only this part knows!";

/// Ends the emulator, with status 0 only if all went well.
pub fn end<E: defmt::Format>(result: Result<(), E>) -> ! {
    debug::exit(match result {
        Ok(()) => EXIT_SUCCESS,
        Err(error) => {
            defmt::error!("failed: {}", error);
            EXIT_FAILURE
        }
    });
    unreachable!("the emulator has ended");
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    debug::exit(EXIT_FAILURE);
    loop {}
}
