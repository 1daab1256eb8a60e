//! What the standards say of records, alerts, closing and errors, without keys and without buffers.
//!
//! This is what a reader checks against RFC 9846 sections 5 and 6. The floor uses [`buffer`](crate::buffer)
//! alone, for copying.

pub(crate) mod alert;
pub mod close;
pub(crate) mod end;
pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod record;
pub(crate) mod record_size_limit;
