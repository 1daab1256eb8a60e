//! Connections that continue elsewhere: suspended into bytes, or handed to the kernel.
//!
//! This folder uses [`connection`](crate::connection) and the folders below it, but not `stream`,
//! which is on the same level. The halves pack their own private fields in
//! `layer/opener/suspend.rs` and `layer/sealer/suspend.rs`.

pub(crate) mod kernel;
pub(crate) mod suspend;
#[cfg(feature = "takeover")]
pub mod takeover;
