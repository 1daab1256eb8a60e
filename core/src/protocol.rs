//! The rules of the RFCs for records, alerts, closing and errors, without keys or buffers.
//!
//! Read it beside RFC 9846 sections 5 and 6. This folder uses only [`buffer`](crate::buffer), for
//! copying.

pub(crate) mod alert;
pub mod close;
pub(crate) mod control;
pub(crate) mod end;
pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod record;
pub(crate) mod record_size_limit;
