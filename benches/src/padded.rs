//! Connections whose records have the same length and different padding.

use tls_record::aead::{Algorithm, Provider};
use tls_record::{Event, Padding, Version};

use crate::{Layer, configured};

/// How the end of the content is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// By a scan from the end to the first byte that is not zero.
    Naive,
    /// With `Config::constant_time_padding`.
    ConstantTime,
}

/// Returns a client, and a server that pads every inner plaintext to `inner` bytes.
pub fn pair<P: Provider>(scan: Scan, inner: u16) -> (Layer<P>, Layer<P>) {
    configured(Version::Tls13, Algorithm::Aes128Gcm, |config| {
        config.constant_time_padding = scan == Scan::ConstantTime;
        config.padding = Padding::Size(inner);
    })
}

/// Seals a record with `content` bytes of content, and returns its length.
///
/// # Panics
/// If `out` is too short for the record.
pub fn seal<P: Provider>(server: &mut Layer<P>, content: usize, out: &mut [u8]) -> usize {
    out[5..][..content].fill(0x5a);
    server.seal_in_place(out, content).expect("`out` is long enough")
}

/// Opens a record and returns the length of its content. Not inlined, so that callgrind can count it.
#[inline(never)]
pub fn open<P: Provider>(client: &mut Layer<P>, record: &mut [u8]) -> Option<usize> {
    match client.open(record).ok()?.event {
        Event::ApplicationData(range) => Some(range.len()),
        _ => None,
    }
}
