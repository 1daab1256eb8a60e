//! Fuzz targets of the record layer, as functions: `fuzz_targets/` wraps them for libFuzzer, and
//! `tests/stable.rs` runs each over seeded random input on a stable compiler.
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir fuzz --features libfuzzer open
//! ```

pub mod open;
