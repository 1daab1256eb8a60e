//! `tls-record-alloc` with OpenSSL and rustls as peers.

mod acceptor;
mod disconnect;
mod early_data;
mod edges;
mod embedded_stream;
mod endpoint;
mod every_stream;
mod halves;
mod handshake;
mod http;
mod interop;
#[cfg(target_os = "linux")]
mod kernel;
mod polling;
mod random_calls;
mod resumption;
mod stream;
mod support;
mod suspend;
mod tokio_stream;
mod wire;
