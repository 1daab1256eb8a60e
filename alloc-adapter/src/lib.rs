//! tls-record with a heap.
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

mod buffer;
mod capture;
mod established;
mod exporter;
mod handshake;
#[cfg(feature = "std")]
mod stream;
mod tickets;

pub use rustls;
pub use tls_record;

pub use buffer::Buffer;
pub use established::{Established, Info};
pub use exporter::{ExportError, Exporter};
pub use handshake::{Handshake, HandshakeError, Progress};
#[cfg(feature = "std")]
pub use stream::Stream;
pub use tickets::Tickets;
