//! A TLS server and a TLS relay on io_uring.
//!
//! `ring` is io_uring behind a safe interface. `driver` carries bytes between the ring and the connections, `ending` ends
//! them, `connection` is the I/O state of one, `link` its TLS without I/O, and `service` what it is for. `relay` joins
//! two.

#[cfg(target_os = "linux")]
mod connection;
#[cfg(target_os = "linux")]
mod driver;
#[cfg(target_os = "linux")]
mod ending;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(target_os = "linux")]
mod service;
#[cfg(target_os = "linux")]
#[allow(dead_code)] // Other examples use the remaining items.
#[path = "../../support/mod.rs"]
mod support;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    program::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("io_uring is there on Linux only");
    ExitCode::FAILURE
}
