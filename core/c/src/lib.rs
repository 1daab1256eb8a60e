//! The C API of [tls-record](tls_record): a header, `include/tls_record.h`, and these functions behind it.
//!
//! The header is the documentation: it says what each function does and when each status comes. A file
//! here has the functions of one type of the header, each a few lines: check the pointers, call the
//! engine, fill a structure. `memory.rs` is the only file that follows pointers, `key_store.rs` the only one
//! that calls C.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(missing_docs, reason = "tls_record.h documents the functions")]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(not(any(secrets, feature = "key-store")))]
compile_error!("no keys: enable `key-store`, or a cipher of RustCrypto");

mod buffer;
mod config;
mod connection;
#[cfg(all(feature = "takeover", secrets))]
mod follower;
mod half;
#[cfg(secrets)]
mod kernel;
#[cfg(feature = "key-store")]
mod key_store;
mod keys;
mod layer;
#[cfg(feature = "long-records")]
mod long_records;
mod mailbox;
mod memory;
mod numbers;
mod opener;
mod outcome;
mod sealer;
mod sizes;
mod status;
#[cfg(secrets)]
mod suspend;
mod text;
mod writer;

pub use buffer::*;
pub use config::*;
pub use connection::*;
#[cfg(all(feature = "takeover", secrets))]
pub use follower::*;
pub use half::*;
#[cfg(secrets)]
pub use kernel::*;
#[cfg(feature = "key-store")]
pub use key_store::{KeyStore, KeyStoreParts};
pub use keys::Secret;
pub use layer::*;
#[cfg(feature = "long-records")]
pub use long_records::*;
pub use mailbox::*;
pub use memory::*;
pub use opener::*;
pub use outcome::*;
pub use sealer::*;
pub use sizes::*;
pub use status::Status;
#[cfg(secrets)]
pub use suspend::*;
pub use text::*;
pub use writer::*;

/// Never called: tests/firmware/no-panic links all of the engine without it.
#[cfg(all(feature = "panic-handler", not(feature = "std")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
