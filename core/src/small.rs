//! Favours speed on 64-bit processors, and code size on small ones, which have little flash.
//!
//! - **Code.** Fast paths that only save instructions are left out on small processors: `if SMALL` is
//!   decided at compile time.
//! - **Attributes.** `cold`, `inline`, `inline(always)` and `inline(never)` are used only where a measured
//!   gain pays for the line: 70 bytes of text on thumbv7em (1 % of the record layer) in one row of
//!   `.ci/firmware sizes`, or 100 bytes over all rows; 8 bytes of the stack of a call that
//!   `.ci/firmware cortex_m` measures; or two instructions of a call on x86_64, as `.ci/benches` counts
//!   them. Measure with and without an attribute before you add one. If the two widths need different
//!   attributes, each one tests `target_pointer_width`, because an attribute cannot test [`SMALL`]; the
//!   one for 64 bits comes first.
//! - **Frames.** `inline(never)` needs no gain where a function must have a frame of its own, so that
//!   `scrub_stack` reaches it, or where its instructions are counted. Its doc says so.

/// Whether the processor is a small one.
pub(crate) const SMALL: bool = usize::BITS < 64;
