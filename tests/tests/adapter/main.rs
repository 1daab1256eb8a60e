//! `tls-record-alloc` with OpenSSL and rustls as peers.

mod acceptor;
#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(unix)]
mod both_write;
mod changing_over;
mod disconnect;
mod dying;
mod early_data;
mod edges;
mod embedded_stream;
mod endpoint;
mod every_stream;
mod futures_stream;
mod halves;
mod handshake;
mod http;
mod interop;
#[cfg(target_os = "linux")]
mod kernel;
mod listener;
mod polling;
mod random_calls;
mod resumption;
mod stream;
mod support;
mod suspend;
mod takeover;
mod tokio_stream;
mod wire;
