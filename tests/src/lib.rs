//! Support for the tests of tls-record: real peers in memory, records by hand, and published
//! vectors.

#[cfg(feature = "ring")]
pub mod breakable;
pub mod chip;
#[cfg(feature = "peers")]
pub mod differential;
pub mod mixed_keys;
#[cfg(feature = "peers")]
pub mod peers;
pub mod records;
pub mod rfc8448;
pub mod watched;

/// Selects from many similar cases: all of them, or a few under Miri, which is a thousand times
/// slower.
pub const STRIDE: usize = if cfg!(miri) { 90 } else { 1 };

/// A real cipher, where the choice does not matter.
#[cfg(feature = "ring")]
pub use tls_record::aead::ring::Ring as Backend;
#[cfg(not(feature = "ring"))]
pub use tls_record::aead::rustcrypto::RustCrypto as Backend;

/// The examples of the README are run.
#[cfg(all(doctest, feature = "peers"))]
#[doc = include_str!("../../README.md")]
struct Readme;
