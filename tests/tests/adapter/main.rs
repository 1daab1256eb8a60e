//! `tls-record-alloc` with OpenSSL and rustls as peers.

mod acceptor;
mod attack;
mod disconnect;
mod early_data;
mod embedded_stream;
mod halves;
mod handshake;
mod http;
mod interop;
#[cfg(target_os = "linux")]
mod kernel;
mod resumption;
mod stream;
mod support;
mod suspend;
mod tokio_stream;
