//! Connections whose records are all of one length and differ in their padding.

use tls_record::aead::{Algorithm, Provider};
use tls_record::{Event, Padding, Version};

use crate::{Layer, configured};

/// How the padding is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// From the back, up to the first byte that is not zero.
    Naive,
    /// With `Config::constant_time_padding`.
    ConstantTime,
}

/// A client, and a server that makes every inner plaintext `inner` bytes long.
pub fn pair<P: Provider>(scan: Scan, inner: u16) -> (Layer<P>, Layer<P>) {
    configured(Version::Tls13, Algorithm::Aes128Gcm, |config| {
        config.constant_time_padding = scan == Scan::ConstantTime;
        config.padding = Padding::Size(inner);
    })
}

/// Seals a record with this much content.
///
/// # Panics
/// If `out` is too short for it.
pub fn seal<P: Provider>(server: &mut Layer<P>, content: usize, out: &mut [u8]) -> usize {
    out[5..][..content].fill(0x5a);
    server.seal_in_place(out, content).expect("there is room for it")
}

/// Opens a record: the length of its content. Not inlined, so that a tool can count it.
#[inline(never)]
pub fn open<P: Provider>(client: &mut Layer<P>, record: &mut [u8]) -> Option<usize> {
    match client.open(record).ok()?.event {
        Event::ApplicationData(range) => Some(range.len()),
        _ => None,
    }
}
