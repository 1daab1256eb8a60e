//! Measures how deep into the stack the backends go, where they may leave secrets, and compares it
//! with `Provider::STACK` and `Aead::STACK`, which the engine overwrites afterwards.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};

use semihosting::{println, process};
use stack::{Needs, Stack};
use tls_record::aead::{Provider, ring::Ring, rustcrypto::RustCrypto};

/// Bytes of stack that are painted.
const PAINTED: usize = 32 * 1024;

#[riscv_rt::entry]
fn main() -> ! {
    // SAFETY: there is as much memory below, and nothing uses it: no interrupt is enabled.
    let stack = unsafe { Stack::new(stack::stack_pointer() - PAINTED) };
    let are_met = [are_met::<Ring>(&stack, "ring"), are_met::<RustCrypto>(&stack, "RustCrypto")];
    process::exit(if are_met == [true; 2] { 0 } else { 1 })
}

fn are_met<P: Provider>(stack: &Stack, name: &str) -> bool {
    let needs = Needs::of::<P>(stack);
    println!("{name}: {needs}");
    needs.are_met()
}

/// ring links `alloc`. Sealing and opening never call it.
struct NoHeap;

// SAFETY: it allocates nothing.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: NoHeap = NoHeap;

getrandom::register_custom_getrandom!(no_randomness);

fn no_randomness(_: &mut [u8]) -> Result<(), getrandom::Error> {
    Err(getrandom::Error::UNSUPPORTED)
}
