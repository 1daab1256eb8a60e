//! Guides: one subject each, with examples that the tests of this crate compile and run.
//!
//! This module exists only in the documentation. It is not compiled into programs.

#[doc = include_str!("../guide/handshake.md")]
pub mod handshake {}

#[doc = include_str!("../guide/transports.md")]
pub mod transports {}

#[doc = include_str!("../guide/receiving.md")]
pub mod receiving {}

#[doc = include_str!("../guide/closing.md")]
pub mod closing {}

#[doc = include_str!("../guide/handing_over.md")]
pub mod handing_over {}

#[doc = include_str!("../guide/firmware.md")]
pub mod firmware {}

#[doc = include_str!("../guide/backends.md")]
pub mod backends {}

#[doc = include_str!("../guide/fuzzing.md")]
pub mod fuzzing {}
