//! The record layer: the receiving half, the sending half, and what they tell each other.
//!
//! The floor uses [`crypto`](crate::crypto) and what is below it. Every buffer is the caller's, but for
//! [`record_buffer`], which a caller may take for its input.

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
pub(crate) mod shutdown;
pub(crate) mod suspend_error;
