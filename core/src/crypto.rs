//! Keys, ciphers, and the protection of one record at a time.
//!
//! This folder uses only [`protocol`](crate::protocol) and the folders below it. It does not know
//! the state of a connection.

pub mod aead;
pub(crate) mod keys;
pub(crate) mod padding;
#[cfg(all(feature = "takeover", feature = "tls12"))]
pub(crate) mod prf;
pub(crate) mod protection;
pub(crate) mod scrub;
