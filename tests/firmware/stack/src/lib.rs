//! Measures the bytes of stack that calls of the engine take: the stack below the caller is
//! painted, and after the call the deepest byte with another value is searched.

#![no_std]

mod calls;
mod needs;
mod unscrubbed;

use core::arch::asm;

pub use calls::{measure, measure_connection};
pub use needs::Needs;
pub use unscrubbed::{Unscrubbed, UnscrubbedKey};

const PAINT: u32 = 0x5ca1_ab1e;

/// The distance below the stack pointer that is not painted: on x86_64, functions use 128 bytes
/// there.
const MARGIN: usize = 128;

/// The stack of this thread.
pub struct Stack {
    bottom: usize,
}

impl Stack {
    /// A stack that may be painted down to the address `bottom`.
    ///
    /// # Safety
    /// From there up to the stack pointer of any later call of [`Self::depth`], memory is the
    /// stack's, and no interrupt and no signal handler runs on it during the call.
    pub const unsafe fn new(bottom: usize) -> Self {
        Self { bottom: bottom.next_multiple_of(size_of::<u32>()) }
    }

    /// Returns the bytes of stack that `call` touches.
    ///
    /// # Panics
    /// If `call` touches all painted bytes.
    #[inline(never)]
    pub fn depth(&self, call: &mut dyn FnMut()) -> usize {
        let top = stack_pointer();
        let bottom = self.bottom as *mut u32;
        let words = (top - MARGIN - self.bottom) / size_of::<u32>();
        for word in 0..words {
            // SAFETY: this is stack that nothing uses now.
            unsafe { bottom.add(word).write_volatile(PAINT) };
        }
        call();
        let is_painted = |word: &usize| {
            // SAFETY: as above.
            unsafe { bottom.add(*word).read_volatile() == PAINT }
        };
        let untouched = (0..words).take_while(is_painted).count();
        assert!(untouched != 0, "no stack is left");
        top - (self.bottom + untouched * size_of::<u32>())
    }
}

#[inline(always)]
pub fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: it reads a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
        #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
        asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "x86_64")]
        asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

/// The greatest measured depth of each call.
#[derive(Clone, Copy, Default)]
pub struct Depths {
    calls: [(&'static str, usize); Self::MAX],
    len: usize,
}

impl Depths {
    const MAX: usize = 32;

    /// The greatest depth of each call, in the order of their first measurement.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.calls[..self.len].iter().copied()
    }

    /// The greatest depth of this call.
    ///
    /// # Panics
    /// If it was not measured.
    pub fn most(&self, name: &str) -> usize {
        self.iter().find(|(call, _)| *call == name).unwrap().1
    }

    fn keep(&mut self, name: &'static str, depth: usize) {
        let known = self.calls[..self.len].iter().position(|(call, _)| *call == name);
        let at = known.unwrap_or_else(|| {
            self.len += 1;
            self.len - 1
        });
        self.calls[at] = (name, depth.max(self.calls[at].1));
    }
}
