//! Copying, queueing and laying out bytes, whatever their meaning.
//!
//! This is the lowest folder: it uses nothing else of the crate but [`SMALL`](crate::small::SMALL).

pub(crate) mod byte_queue;
pub(crate) mod bytes;
pub(crate) mod fields;
pub(crate) mod front;
#[cfg(feature = "long-records")]
pub(crate) mod pieces;
