//! Secrets leave no copies: the memory of the process is searched for them.
//!
//! ```text
//! cargo test --release -p tls-record-benches --test secrets
//! ```
//!
//! It is optimized code that the engine cleans up after; other code leaves more, and deeper down.
//!
//! A thread works on a connection and stops now and then, without a call that would overwrite what
//! is left on its stack. Meanwhile another one searches whatever can be written to.

#![cfg(target_os = "linux")]

mod adapter;
mod engine;
mod material;
mod memory;
mod takeover;
