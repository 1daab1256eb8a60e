//! TLS streams on the record layer [`tls_record`], with the handshake of rustls or OpenSSL.
//!
//! Other TLS libraries can perform the handshake, too. After it, `tls_record` seals and opens the
//! records, handles alerts and KeyUpdates, keeps the limits of the ciphers, and closes the connection:
//! this documentation calls it *the engine*. Its guides, in `tls_record::guide`, explain receiving,
//! closing, and handing a connection over.
//!
//! - [`Handshake`] drives rustls without I/O. [`Established`] is its result: an
//!   [`Opener`](tls_record::Opener) and a [`Sealer`](tls_record::Sealer) with their keys, the bytes
//!   received after the handshake messages, [tickets](Tickets), an [exporter](Exporter), the
//!   [sessions](Resumption) to forget if the connection fails, and the [negotiated parameters](Info).
//! - `Acceptor` (with `std`) reads a ClientHello, for a server that chooses its config by it.
//! - `Stream` (with `std`) is a connection over a blocking or non-blocking transport, `TokioStream`
//!   (with `tokio`) a connection over a transport of tokio, `FuturesStream` (with `futures-io`) one over a
//!   transport of smol or async-std. All split into a `ReadHalf` and a `WriteHalf` that do not wait for each other, and
//!   `disconnect` closes them together with their TCP connection.
//! - The module `tokio_rustls` (with `tokio`) has the types and calls of the crate tokio-rustls.
//! - `KernelStream` (with `ktls`, on Linux) is a connection whose records the kernel seals and opens.
//! - The module `takeover` (with the feature of this name) makes an [`Established`] of the handshake of
//!   another TLS library, such as OpenSSL.
//! - [`Buffer`] holds received bytes until their records can be opened.
//!
//! The rustls config determines the trusted certificates, the cipher suites and session resumption,
//! as it does without this crate. Early data is not supported: [`Handshake`] turns it off.
//!
//! # A connection in memory
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use tls_record_alloc::rustls::pki_types::PrivatePkcs8KeyDer;
//! use tls_record_alloc::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};
//! use tls_record_alloc::tls_record::{Event, aead::ring::Ring};
//! use tls_record_alloc::{Handshake, Progress};
//!
//! // A server with a certificate, and a client that trusts it.
//! let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
//! let certificate = identity.cert.der().clone();
//! let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
//! let mut roots = RootCertStore::empty();
//! roots.add(certificate.clone())?;
//! let provider = Arc::new(crypto::ring::default_provider());
//! let server = ServerConfig::builder_with_provider(provider.clone())
//!     .with_safe_default_protocol_versions()?
//!     .with_no_client_auth()
//!     .with_single_cert(vec![certificate], key.into())?;
//! let client = ClientConfig::builder_with_provider(provider)
//!     .with_safe_default_protocol_versions()?
//!     .with_root_certificates(roots)
//!     .with_no_client_auth();
//!
//! // The handshake.
//! let mut client = Handshake::client(Arc::new(client), "localhost".try_into()?)?;
//! let mut server = Handshake::server(Arc::new(server))?;
//! while [client.advance()?, server.advance()?] != [Progress::Complete; 2] {
//!     let taken = server.receive(client.unsent());
//!     client.sent(taken);
//!     let taken = client.receive(server.unsent());
//!     server.sent(taken);
//! }
//! let mut client = client.finish::<Ring>()?;
//! let mut server = server.finish::<Ring>()?;
//!
//! // The server sends. Bytes that its handshake left unsent (session tickets) go first.
//! let taken = client.received.push(server.unsent.filled());
//! assert_eq!(taken, server.unsent.len());
//! let mut record = [0; 64];
//! let sealed = server.sealer.seal(&[b"hello"], &mut record)?;
//! assert_eq!(client.received.push(&record[..sealed.written]), sealed.written);
//!
//! // The client receives.
//! let mut tickets = client.tickets.take().expect("this is TLS 1.3");
//! let (mut heard, mut stored) = (Vec::new(), 0);
//! loop {
//!     let input = client.received.filled_mut();
//!     let opened = client.opener.open(input)?;
//!     match opened.event {
//!         Event::NeedMore { .. } | Event::Closed => break,
//!         Event::Handshake(piece) => stored += i32::from(tickets.receive(&piece, input)?),
//!         Event::ApplicationData(range) => heard.extend_from_slice(&input[range]),
//!         _ => {}
//!     }
//!     client.received.consume(opened.consumed);
//! }
//! assert_eq!((heard, stored), (b"hello".to_vec(), 2));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! - `std` (default): `Stream`, `Acceptor`, and rustls's feature `std`. Without it the crate is `no_std`
//!   and needs only `alloc`.
//! - `tokio`: `TokioStream`, and the module `tokio_rustls`.
//! - `futures-io`: `FuturesStream`. It enables `tokio`, of which it needs the traits alone.
//! - `hyper`: the traits `Read` and `Write` of hyper's `rt` for `TokioStream`. `hyper-util`: the trait
//!   `Connection` of its client, too.
//! - `listener`: `TlsListener`, which performs the handshakes of a server in tasks of tokio. `axum`: its
//!   trait `Listener` for `TlsListener`.
//! - `ring` (default): ring for record protection, and rustls's feature `ring`.
//! - `aws-lc-rs`: AWS-LC for record protection, and rustls's feature `aws_lc_rs`, which rustls enables by
//!   default. If both this and `ring` are enabled, rustls cannot choose a default provider: call
//!   `CryptoProvider::install_default`, or use `builder_with_provider` for each config.
//! - `rustcrypto`: RustCrypto for record protection. The handshake uses the provider of its config.
//! - `takeover`: the module of this name, for the handshakes of TLS libraries other than rustls.
//! - `openssl`: `takeover::Openssl`, which links the OpenSSL of the system. `openssl-vendored` compiles
//!   OpenSSL from its sources, and links that.
//! - `ktls`: `KernelStream`, for the TLS of the Linux kernel. On other systems it adds nothing.
//!
//! TLS 1.2 is always enabled.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod acceptor;
mod buffer;
mod capture;
#[cfg(feature = "std")]
mod common_methods;
#[cfg(all(feature = "std", unix))]
mod descriptor;
#[cfg(feature = "std")]
mod disconnect;
#[cfg(feature = "std")]
mod drive;
mod error;
mod established;
mod exporter;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "futures-io")]
mod futures_stream;
#[cfg(feature = "std")]
mod halves;
mod handshake;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(all(feature = "ktls", target_os = "linux"))]
mod ktls;
#[cfg(feature = "listener")]
mod listener;
#[cfg(feature = "std")]
mod parts;
mod resumption;
#[cfg(feature = "std")]
mod session;
#[cfg(feature = "std")]
mod stream;
#[cfg(feature = "takeover")]
pub mod takeover;
mod tickets;
#[cfg(feature = "listener")]
mod time_limit;
#[cfg(all(
    feature = "tokio",
    any(feature = "ring", feature = "aws-lc-rs", feature = "rustcrypto")
))]
pub mod tokio_rustls;
#[cfg(feature = "tokio")]
mod tokio_stream;
#[cfg(feature = "std")]
mod transport;
mod trial;
#[cfg(feature = "tokio")]
mod wait;

#[cfg(feature = "openssl")]
pub use openssl;
pub use rustls;
pub use tls_record;

#[cfg(feature = "std")]
pub use acceptor::Acceptor;
pub use buffer::Buffer;
#[cfg(feature = "std")]
pub use disconnect::disconnect;
#[cfg(feature = "tokio")]
pub use disconnect::disconnect_async;
pub use error::HandshakeError;
#[cfg(feature = "std")]
pub use error::HandshakeFailed;
pub use established::{Established, Info};
pub use exporter::{ExportError, Exporter};
#[cfg(feature = "futures-io")]
pub use futures_io::FuturesIo;
#[cfg(feature = "futures-io")]
pub use futures_stream::FuturesStream;
#[cfg(feature = "std")]
pub use halves::{ReadHalf, WriteHalf};
pub use handshake::{Handshake, Progress};
#[cfg(all(feature = "ktls", target_os = "linux"))]
pub use ktls::{KernelStream, KernelTlsError, NotInKernel};
#[cfg(feature = "listener")]
pub use listener::TlsListener;
#[cfg(feature = "std")]
pub use parts::Parts;
pub use resumption::Resumption;
#[cfg(feature = "std")]
pub use stream::Stream;
pub use tickets::{TicketError, Tickets};
#[cfg(feature = "tokio")]
pub use tokio_stream::{Shutdown, TokioStream};

/// Runs the examples of the README as doc tests.
#[cfg(all(doctest, feature = "std", feature = "ring"))]
#[doc = include_str!("../README.md")]
struct Readme;
