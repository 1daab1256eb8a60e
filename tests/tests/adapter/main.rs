//! `tls-record-alloc` with OpenSSL and rustls as peers.

mod handshake;
mod interop;
mod resumption;
mod stream;
mod support;
mod suspend;
