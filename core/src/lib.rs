//! A sans-IO record layer for TLS 1.2 and TLS 1.3.
//!
//! **Record bytes go in, events come out; data goes in, record bytes come out. No I/O, no clock, no
//! heap, no lock, no panic.**
//!
//! A handshake supplies the traffic secrets. The engine then seals and opens records in the
//! caller's buffers, answers KeyUpdates, and closes the connection as RFC 9846 section 6 requires:
//! it sends a `close_notify` once, sends at most one fatal alert, and never reports a truncated
//! stream as a clean end.
//!
//! - [`Opener`] is the receiving half: [`open`](Opener::open) turns record bytes into [`Event`]s.
//! - [`Sealer`] is the sending half: [`seal`](Sealer::seal) turns data into records, and
//!   [`poll_control`](Sealer::poll_control) seals the alerts and KeyUpdates that are due.
//! - [`RecordLayer`] combines both halves and carries the messages between them. If the halves run
//!   in two threads, tasks or interrupt levels, [`Linked`] halves exchange them through a
//!   [`Mailbox`].
//! - [`Connection`] is a record layer that keeps its sealed records until the transport has taken
//!   them. It shuts down in [one step](Connection::shutdown) or [two](Connection::shutdown_both). A
//!   [`ConnectionSet`] holds many connections.
//! - [`close`] is the state machine of closing. [`End`] tells, at any time, how each direction
//!   ended.
//! - [`TrafficSecret`] holds the secret of one direction. The traits in [`aead`] plug in a cipher.
//! - `takeover`, of the feature of this name, follows the handshake of any TLS library and takes the
//!   connection over.
//! - A connection at rest can be [suspended](RecordLayer::suspend) into a few bytes, or handed to
//!   the [TLS of the Linux kernel](KernelDirection).
//!
//! Which type to use:
//!
//! | your program | uses |
//! |---|---|
//! | sends each record as soon as it is sealed | [`RecordLayer`] |
//! | takes over from a TLS library that reports its secrets, by callback or key log | `takeover::Follower` (feature `takeover`), which makes a [`RecordLayer`] |
//! | has traffic secrets in use elsewhere, and knows their sequence numbers | [`take_over`](RecordLayer::take_over) of [`RecordLayer`] or [`Connection`] |
//! | runs a handshake on the engine | [`Connection`], [`write_handshake`](Connection::write_handshake), [`Event::Handshake`] and [`install_one`](Connection::install_one); [`expand_label`] and [`Algorithm::from_suite`](aead::Algorithm::from_suite) |
//! | has a transport that may take only some of the bytes, or none for now | [`Connection`], [`unsent`](Connection::unsent) and [`sent`](Connection::sent) |
//! | learns the length of its buffers at run time | [`ConnectionIn`] and [`RecordBufferIn`] |
//! | gives bytes to io_uring or DMA, which read them later | [`Connection`], [`begin_send`](Connection::begin_send) and [`sent`](Connection::sent) |
//! | reads and writes in two threads, tasks or interrupt levels | [`RecordLayer::split_over`] or [`Connection::split_over`] |
//! | wants a stream over an embedded-io transport | `EmbeddedStream`, of the features `embedded-io` and `embedded-io-async` |
//! | sends or receives through the TLS of the Linux kernel | [`RecordLayer`] for the other direction, and [`take_kernel_control`](RecordLayer::take_kernel_control) |
//!
//! # Driving a connection
//!
//! ```
//! use tls_record::aead::{Algorithm, ring::Ring};
//! use tls_record::{Config, Epoch, Event, OpenError, Opened, RecordLayer, Role, TrafficSecret};
//!
//! type Layer = RecordLayer<TrafficSecret<Ring>>;
//!
//! /// Opens the complete records in `buffer`, and returns their length. The caller removes them, and
//! /// calls again when more bytes have arrived. At the end of the transport it calls `layer.eof()`.
//! fn received(
//!     layer: &mut Layer,
//!     buffer: &mut [u8],
//!     data: &mut Vec<u8>,
//!     send: &mut dyn FnMut(&[u8]),
//! ) -> Result<usize, OpenError> {
//!     let mut done = 0;
//!     loop {
//!         let opened = layer.open(&mut buffer[done..]);
//!         // Before `opened` is looked at: if it is an error, its alert must be sent.
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
//! # Guides
//!
//! - [Handshake](guide::handshake): a handshake of your own, epoch by epoch, with the records of RFC 8448.
//! - [Transports](guide::transports): sockets, io_uring, smoltcp, message buses.
//! - [Receiving](guide::receiving): input in pieces and around the end of a ring, limits and floods.
//! - [Closing](guide::closing): one step or two, and what each answer says.
//! - [Handing over](guide::handing_over): suspending a connection, kernel TLS, and taking over from another library.
//! - [Firmware](guide::firmware): no heap, interrupts, DMA, and what it costs.
//! - [Backends](guide::backends): ring, RustCrypto, AWS-LC or your own.
//! - [Fuzzing](guide::fuzzing): a protocol above the engine, without its ciphers.
//!
//! # Features
//!
//! - `ring` (default), `rustcrypto`, `aws-lc-rs`: the ciphers and the key schedule of one library each.
//! - `rustcrypto-aes128-gcm`, `rustcrypto-aes256-gcm`, `rustcrypto-chacha20-poly1305`,
//!   `rustcrypto-aes128-ccm`: single ciphers of RustCrypto. `rustcrypto` enables all four.
//! - `tls12` (default): TLS 1.2 records.
//! - `takeover`: following the handshake of another TLS library.
//! - `long-records`: records that are longer than the receive buffer, or lie in several.
//! - `embedded-io`, `embedded-io-async`: `EmbeddedStream`, over transports of these crates.
//! - `portable-atomic`: [`Mailbox`] on targets without compare-and-swap.
//! - `defmt`: `defmt::Format` on every public type that has `Debug`.
//! - `null-aead`: a cipher that protects nothing, for tests and fuzzing.
//!
//! A program without an operating system uses `default-features = false, features = ["rustcrypto"]`. The
//! default `ring` does not compile there for Arm; for RISC-V it does, if the program implements getrandom.
//!
//! RustCrypto takes less flash if
//! - only the ciphers in use are enabled. AES-256-GCM is the largest, because it alone needs SHA-384;
//!   [suspended](RecordLayer::suspend) connections need ChaCha20-Poly1305;
//! - `RUSTFLAGS='--cfg sha2_backend_soft="compact" --cfg aes_backend_soft="compact"'` is set, which keeps
//!   SHA-2 and AES from being unrolled.

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

// Above all floors, and in the documentation alone.
#[cfg(any(doc, doctest))]
pub mod guide;

#[cfg(feature = "long-records")]
pub use buffer::pieces::slices_of;
pub use connection::{
    BufferTooShort, Connection, ConnectionIn, ConnectionSet, Handle, InvalidHandle, RecordSizes,
    Writer, WriterIn,
};
pub use crypto::aead;
pub use crypto::keys::{DirectionKeys, Extractable, KeySchedule, TrafficSecret, expand_label};
pub use crypto::padding::{Padding, PaddingFn};
pub use crypto::scrub::scrub_stack;
pub use handover::kernel::{CryptoInfo, KernelDirection};
pub use handover::suspend::{ResumeError, SUSPENDED_LEN};
#[cfg(feature = "takeover")]
pub use handover::takeover;
pub use layer::config::{Config, Limits};
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
pub use layer::mailbox::{Linked, Mailbox};
pub use layer::notice::{Notice, Signal};
#[cfg(feature = "long-records")]
pub use layer::opener::arriving::{Arrival, Arrived, Provisional};
pub use layer::opener::out_of_place::OpenedIn;
pub use layer::opener::{Event, Opened, Opener};
pub use layer::record_buffer::{RecordBuffer, RecordBufferIn, RecordTooLong};
pub use layer::record_layer::RecordLayer;
pub use layer::sealer::{Sealed, Sealer};
pub use layer::shutdown_error::ShutdownError;
pub use layer::suspend_error::SuspendError;
pub use protocol::alert::{ALERT_LEN, Alert, AlertClass, AlertDescription, AlertLevel};
pub use protocol::close;
pub use protocol::control::{Control, ControlMessage};
pub use protocol::end::{End, ReadEnd, WriteEnd};
pub use protocol::error::{CloseError, Fault, Flood, KeyError, OpenError, SealError};
pub use protocol::handshake::{HandshakeHeader, HandshakePiece, HandshakeType};
pub use protocol::record::{
    ContentType, Epoch, HEADER_LEN, Header, MAX_CONTENT, MAX_RECORD, Role, Version,
};
pub use protocol::record_size_limit::RecordSizeLimit;
#[cfg(feature = "embedded-io")]
pub use stream::{EmbeddedStream, StreamError};

/// Runs the examples of the README as doc tests.
#[cfg(all(doctest, feature = "ring", feature = "tls12"))]
#[doc = include_str!("../README.md")]
struct Readme;
