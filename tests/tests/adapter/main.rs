//! `tls-record-alloc` with OpenSSL and rustls as peers.

mod handshake;
mod interop;
#[cfg(target_os = "linux")]
mod kernel;
mod resumption;
mod stream;
mod support;
mod suspend;
mod tokio_stream;
