//! The record layer: the receiving half, the sending half, and the flags that they exchange.
//!
//! This folder uses only [`crypto`](crate::crypto) and the folders below it. The caller owns every
//! buffer; [`record_buffer`] offers one for received records.

pub(crate) mod budget;
pub(crate) mod config;
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub(crate) mod mailbox;
pub(crate) mod notice;
pub(crate) mod opener;
pub(crate) mod pair;
pub(crate) mod record_buffer;
pub(crate) mod record_layer;
pub(crate) mod sealer;
pub(crate) mod shutdown_error;
pub(crate) mod suspend_error;
