//! Searches the memory of the process for copies of secrets that the library must have wiped.
//!
//! ```text
//! cargo test --release -p tls-record-benches --test secrets
//! ```
//!
//! The tests need optimized code: unoptimized code leaves more copies, deeper in the stack than the
//! engine overwrites.
//!
//! A worker thread runs a connection and stops at certain steps, without a call that would
//! overwrite the copies on its stack. While it is stopped, the searcher thread searches all
//! writable memory.

#![cfg(target_os = "linux")]

mod adapter;
mod adapter_takeover;
mod engine;
mod material;
mod memory;
#[expect(dead_code, unreachable_pub, reason = "a module of another package, used in part")]
#[path = "../../../tests/src/mixed_keys.rs"]
mod mixed_keys;
mod takeover;
