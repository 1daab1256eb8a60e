//! Keys, ciphers, and the protection of one record at a time.
//!
//! The floor uses [`protocol`](crate::protocol) and what is below it. It knows nothing of the state of a
//! connection.

pub mod aead;
pub(crate) mod keys;
pub(crate) mod padding;
pub(crate) mod protection;
pub(crate) mod scrub;
