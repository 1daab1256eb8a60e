//! Bytes: how they are copied, queued and laid out, whatever they mean.
//!
//! The lowest floor: it uses nothing of the crate but [`SMALL`](crate::small::SMALL).

pub(crate) mod byte_queue;
pub(crate) mod bytes;
pub(crate) mod fields;
