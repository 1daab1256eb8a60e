//! A TLS record layer without I/O: **bytes in, events out; calls in, record bytes out; no I/O, no
//! clock, no heap, no lock, no panic.**
//!
//! A handshake gives it traffic secrets. From then on it opens and seals the records of TLS 1.2 and
//! TLS 1.3 in buffers of the caller's, answers KeyUpdates, and ends the connection as RFC 9846
//! section 6 says: one `close_notify`, one fatal alert, and a truncated stream is never a clean end.
//!
//! - [`Opener`] is the receiving half: [`open`](Opener::open) turns records into [`Event`]s.
//! - [`Sealer`] is the sending half: [`seal`](Sealer::seal) turns data into records, and
//!   [`poll_control`](Sealer::poll_control) seals the alerts and KeyUpdates that are due.
//! - [`RecordLayer`] is both, wired together. With the halves in two threads, tasks or interrupt
//!   levels, a [`Mailbox`] is the wire between [`Linked`] halves.
//! - [`Connection`] is a record layer that owns its output, for transports that take a part of it; its
//!   [`shutdown`](Connection::shutdown) has one step or two. A [`ConnectionSet`] holds many.
//! - [`close`] is the state machine of closing, and [`End`] tells how a connection ended, at any time.
//! - [`TrafficSecret`] holds the keys; [`aead`] plugs in the cipher.
//! - A connection at rest can be [suspended](RecordLayer::suspend) into a few bytes, or given to
//!   the [kernel](KernelDirection).
//!
//! Which type is for whom:
//!
//! | the driver | takes |
//! |---|---|
//! | sends each record as soon as it is sealed | [`RecordLayer`] |
//! | has keys that another library uses already | the same or one of the next, and [`take_over`](RecordLayer::take_over) |
//! | makes a handshake on the engine | [`Connection`], [`write_handshake`](Connection::write_handshake), [`Event::Handshake`] and [`install_one`](Connection::install_one); [`expand_label`] and [`Algorithm::from_suite`](aead::Algorithm::from_suite) |
//! | has a transport that takes a part of what it is given, or is busy | [`Connection`], [`unsent`](Connection::unsent) and [`sent`](Connection::sent) |
//! | gives bytes to io_uring or DMA, which read them later | [`Connection`], [`begin_send`](Connection::begin_send) and [`sent`](Connection::sent) |
//! | reads and writes in two threads, tasks or interrupt levels | [`RecordLayer::split_over`] or [`Connection::split_over`] |
//! | has a transport of embedded-io, and wants a stream | `EmbeddedStream`, of the features `embedded-io` and `embedded-io-async` |
//! | sends or receives through the kernel's TLS | the other half, and [`take_kernel_control`](RecordLayer::take_kernel_control) |
//!
//! # Driving a connection
//!
//! ```
//! use tls_record::aead::{Algorithm, ring::Ring};
//! use tls_record::{Config, Epoch, Event, OpenError, Opened, RecordLayer, Role, TrafficSecret};
//!
//! type Layer = RecordLayer<TrafficSecret<Ring>>;
//!
//! /// Handles the bytes that a transport brought. Returns how many are done with: the others are to be
//! /// shown again when more has come. When no more will come, call `layer.eof()`.
//! fn received(
//!     layer: &mut Layer,
//!     buffer: &mut [u8],
//!     data: &mut Vec<u8>,
//!     send: &mut dyn FnMut(&[u8]),
//! ) -> Result<usize, OpenError> {
//!     let mut done = 0;
//!     loop {
//!         let opened = layer.open(&mut buffer[done..]);
//!         // First of all, because it is also how a fault reaches the peer.
//!         let mut record = [0; 64];
//!         while layer.has_control() {
//!             let length = layer.poll_control(&mut record).expect("64 bytes are enough");
//!             send(&record[..length]);
//!         }
//!         let Opened { consumed, event } = opened?;
//!         match event {
//!             Event::NeedMore { .. } => return Ok(done),
//!             Event::ApplicationData(range) => data.extend_from_slice(&buffer[done..][range]),
//!             // The peer sends no more, as `layer.end()` says from now on.
//!             Event::Closed => return Ok(buffer.len()),
//!             _ => {}
//!         }
//!         done += consumed;
//!     }
//! }
//!
//! # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
//! # let mut layer = Layer::new(Config::new(Role::Client));
//! # layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
//! # let (mut data, mut sent) = (Vec::new(), 0);
//! # let mut forged = [23, 3, 3, 0, 1, 0];
//! # received(&mut layer, &mut forged, &mut data, &mut |bytes| sent += bytes.len()).unwrap_err();
//! # assert_eq!(sent, 24);
//! ```
//!
//! # Features
//!
//! `ring` (default), `rustcrypto`, `aws-lc-rs`: backends; `rustcrypto-aes128-gcm`,
//! `rustcrypto-aes256-gcm`, `rustcrypto-chacha20-poly1305`, `rustcrypto-aes128-ccm`: some of the
//! ciphers of RustCrypto, alone or together, where `rustcrypto` has all of them; `tls12` (default); `defmt`: logging of
//! every public type; `embedded-io`, `embedded-io-async`: `EmbeddedStream`, over their transports;
//! `portable-atomic`: [`Mailbox`] on targets without compare-and-swap; `null-aead`: no protection at
//! all, for tests and fuzzing.
//!
//! Without an operating system the default features do not compile, because ring asks getrandom:
//! `default-features = false, features = ["rustcrypto"]`. To be small, firmware takes only the ciphers
//! that it speaks, and has
//! `RUSTFLAGS='--cfg sha2_backend_soft="compact" --cfg aes_backend_soft="compact"'`: RustCrypto's SHA-2
//! and AES are not unrolled then. AES-256-GCM brings SHA-384, the largest part of what is unrolled;
//! ChaCha20-Poly1305 is also what seals [suspended](RecordLayer::suspend) connections.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
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

// The floors of the engine, the lowest first. Each uses those before it, and no other:
// tests/tests/layout.rs checks it. Links in the documentation may lead anywhere.
mod small;

mod buffer;

mod protocol;

mod crypto;

mod layer;

mod connection;

mod handover;
#[cfg(feature = "embedded-io")]
mod stream;

pub use connection::{Connection, ConnectionSet, Handle, InvalidHandle, RecordSizes, Writer};
pub use crypto::aead;
pub use crypto::keys::{DirectionKeys, KeySchedule, TrafficSecret, expand_label};
pub use crypto::padding::{Padding, PaddingFn};
pub use crypto::scrub::scrub_stack;
pub use handover::kernel::{CryptoInfo, KernelDirection};
pub use handover::suspend::{ResumeError, SUSPENDED_LEN};
pub use layer::config::{Config, Limits};
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub use layer::mailbox::{Linked, Mailbox};
pub use layer::notice::{Notice, Signal};
pub use layer::opener::{Event, Opened, Opener};
pub use layer::record_buffer::{RecordBuffer, RecordTooLong};
pub use layer::record_layer::RecordLayer;
pub use layer::sealer::{Control, ControlMessage, Sealed, Sealer};
pub use layer::shutdown::ShutdownError;
pub use layer::suspend_error::SuspendError;
pub use protocol::alert::{ALERT_LEN, Alert, AlertClass, AlertDescription, AlertLevel};
pub use protocol::close;
pub use protocol::end::{End, ReadEnd, WriteEnd};
pub use protocol::error::{CloseError, Fault, Flood, KeyError, OpenError, SealError};
pub use protocol::handshake::{HandshakeHeader, HandshakePiece, HandshakeType};
pub use protocol::record::{
    ContentType, Epoch, HEADER_LEN, Header, MAX_CONTENT, MAX_RECORD, Role, Version,
};
pub use protocol::record_size_limit::RecordSizeLimit;
#[cfg(feature = "embedded-io")]
pub use stream::{EmbeddedStream, StreamError};

/// The examples of the README are run with those of this crate.
#[cfg(all(doctest, feature = "ring", feature = "tls12"))]
#[doc = include_str!("../README.md")]
struct Readme;
