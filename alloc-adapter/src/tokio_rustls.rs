//! The types and calls of the crate tokio-rustls, over the streams of this crate.
//!
//! A program that was written for tokio-rustls changes its imports: [`TlsConnector`], [`TlsAcceptor`] and
//! [`LazyConfigAcceptor`] are made from the same rustls configs and called in the same way. Their streams
//! are [`TokioStream`]s. The README of this crate has a table of
//! what differs.
//!
//! ```no_run
//! use std::io;
//! use std::sync::Arc;
//! use tls_record_alloc::rustls::{ClientConfig, ServerConfig};
//! use tls_record_alloc::tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! async fn connect(config: Arc<ClientConfig>) -> io::Result<client::TlsStream<TcpStream>> {
//!     let tcp = TcpStream::connect("example.org:443").await?;
//!     let name = "example.org".try_into().expect("a DNS name");
//!     TlsConnector::from(config).connect(name, tcp).await
//! }
//!
//! async fn accept(
//!     config: Arc<ServerConfig>,
//!     listener: &TcpListener,
//! ) -> io::Result<server::TlsStream<TcpStream>> {
//!     let (tcp, _) = listener.accept().await?;
//!     TlsAcceptor::from(config).accept(tcp).await
//! }
//! ```

mod acceptor;
mod connector;
mod handshaking;
mod lazy;

pub use acceptor::TlsAcceptor;
pub use connector::TlsConnector;
pub use handshaking::Handshaking;
pub use lazy::{LazyConfigAcceptor, StartHandshake};
pub use rustls;

use crate::tokio_stream::TokioStream;

/// The provider that protects the records of these streams: ring, or AWS-LC or RustCrypto without it.
///
/// It depends on the enabled features alone. To choose another one, use [`TokioStream`].
#[cfg(feature = "ring")]
pub type DefaultProvider = tls_record::aead::ring::Ring;
/// The provider that protects the records of these streams: AWS-LC, because ring is not enabled.
#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
pub type DefaultProvider = tls_record::aead::aws_lc::AwsLc;
/// The provider that protects the records of these streams: RustCrypto, because no other is enabled.
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub type DefaultProvider = tls_record::aead::rustcrypto::RustCrypto;

/// The stream of a client or of a server.
///
/// The three types of this name are one type, so `From` and `into` between them change nothing.
pub type TlsStream<IO> = TokioStream<IO, DefaultProvider>;

/// The future of [`TlsAcceptor::accept`] and [`StartHandshake::into_stream`].
pub type Accept<IO> = Handshaking<IO>;

/// The future of [`TlsConnector::connect`].
pub type Connect<IO> = Handshaking<IO>;

/// The stream of a client, at the path that it has in tokio-rustls.
pub mod client {
    /// The stream of a client: see [`TokioStream`](crate::TokioStream).
    pub type TlsStream<IO> = super::TlsStream<IO>;
}

/// The stream of a server, at the path that it has in tokio-rustls.
pub mod server {
    /// The stream of a server: see [`TokioStream`](crate::TokioStream).
    pub type TlsStream<IO> = super::TlsStream<IO>;
}
