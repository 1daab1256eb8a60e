//! Favours speed on 64-bit processors, and code size on small ones, which have little flash.
//!
//! - **Code.** Where a short way beside the general one would save instructions, small processors go
//!   the general one: `if SMALL` is decided at compile time.
//! - **Attributes.** Some functions that records pass through are `cold`, `inline` or `inline(never)`
//!   for one width alone: on the other the code would be larger by it, or slower. An attribute cannot
//!   ask [`SMALL`], so these ask `target_pointer_width`.

/// Whether the processor is a small one.
pub(crate) const SMALL: bool = usize::BITS < 64;
