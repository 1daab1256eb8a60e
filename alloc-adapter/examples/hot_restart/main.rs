//! A TLS server that is replaced while it runs. The new process takes over the connections of the old one,
//! without a new handshake and without losing a byte.
//!
//! ```sh
//! head -c 32 /dev/urandom > secret
//! cargo run --example hot_restart -- --listen 127.0.0.1:4433 --secret secret --socket restart &
//! openssl s_client -connect 127.0.0.1:4433 -quiet
//! ```
//!
//! Type lines into `s_client`, and run the second command again in another terminal: the first process ends,
//! and the second answers the next line.
//!
//! - `handover.rs` gives and takes connections, and is written to be copied. Its head documents the messages
//!   between the processes, what happens when either of them is killed or fails, and why no nonce is used twice.
//! - `client.rs` is a connection, and how it is taken apart and put together.
//! - `server.rs` serves the clients, and lets `handover.rs` give or take a few of them at a time.
//!
//! It works on Linux only: other systems have no Unix sockets that preserve messages. It has no time limits for its
//! clients, which a server needs.

#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod handover;
#[cfg(target_os = "linux")]
mod server;
#[allow(dead_code)] // The other examples use the rest.
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    server::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("hot_restart: this example needs Linux");
}
