//! Connections that go on elsewhere: suspended into bytes, or given to the kernel.
//!
//! The floor uses [`connection`](crate::connection) and what is below it, but not the stream, which is
//! beside it. What the halves pack of their own fields is with them, because no other module sees those:
//! `layer/opener/suspend.rs`, `layer/sealer/suspend.rs`.

pub(crate) mod kernel;
pub(crate) mod suspend;
