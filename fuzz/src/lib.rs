//! Fuzz targets of the record layer, as functions.
//!
//! `fuzz_targets/` wraps them for libFuzzer. `tests/` runs each over its corpus and over seeded
//! random input with a stable compiler.
//!
//! Each target is a module with an `Input`, whose `run` checks what must hold. README.md describes
//! how to run the targets, and how to write one for your own transport.

pub mod alert;
pub mod c_api;
pub mod c_connection;
mod c_shared;
pub mod checksum;
pub mod close;
pub mod connection;
#[cfg(feature = "peers")]
pub mod differential;
#[cfg(feature = "peers")]
pub mod differential_openssl;
#[cfg(feature = "peers")]
pub mod differential_rustls;
pub mod duplex;
pub mod handshake_epochs;
pub mod header;
pub mod input;
pub mod open;
pub mod pack;
pub mod parts;
pub mod peer;
pub mod receiving;
pub mod recorder;
pub mod reference;
pub mod seal;
pub mod seeds;
pub mod setup;
#[cfg(feature = "peers")]
pub mod stream;
pub mod suspend;
pub mod takeover;
pub mod target;
pub mod words;

pub use target::{Input, Target};
pub use tls_record;

/// All targets.
pub const TARGETS: &[Target] = &[
    Target::of::<header::Input>(20_000),
    Target::of::<alert::Input>(20_000),
    Target::of::<close::Input>(20_000),
    Target::of::<open::Input>(20_000),
    Target::of::<seal::Input>(20_000),
    Target::of::<handshake_epochs::Input>(20_000),
    Target::of::<duplex::Input>(20_000),
    Target::of::<connection::Input>(20_000),
    Target::of::<suspend::Input>(20_000),
    Target::of::<takeover::Input>(20_000),
    Target::of::<parts::Input>(20_000),
    Target::of::<c_api::Input>(20_000),
    Target::of::<c_connection::Input>(20_000),
    #[cfg(feature = "peers")]
    Target::of::<stream::Input>(4_000),
    #[cfg(feature = "peers")]
    Target::of::<differential_rustls::Input>(4_000),
    #[cfg(feature = "peers")]
    Target::of::<differential_openssl::Input>(4_000),
];

/// Runs the example of README.md as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
