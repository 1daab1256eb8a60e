//! Ciphers that read the content from one place and write the record to another.

use std::cell::RefCell;
use std::ops::Range;

use tls_record::aead::null::{Null, NullAead};
use tls_record::aead::{Aead, AeadError, NONCE_LEN, Provider};
use tls_record::{Padding, TrafficSecret};
use zeroize::Zeroize;

use super::*;

thread_local! {
    /// Where the contents were that [`Engine`] has read.
    static READ: RefCell<Vec<Range<*const u8>>> = const { RefCell::new(Vec::new()) };
}

/// A DMA engine: the null cipher, out of place. Without `OWN` it has no `seal_from` of its own.
struct Dma<const OWN: bool>;

struct Engine<const OWN: bool>(NullAead);

impl<const OWN: bool> Provider for Dma<OWN> {
    type Aead = Engine<OWN>;
    const STACK: usize = 0;

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Engine<OWN>> {
        Null::aead(algorithm, key).map(Engine)
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        Null::hkdf_expand(algorithm, prk, info, out)
    }
}

impl<const OWN: bool> Zeroize for Engine<OWN> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<const OWN: bool> Aead for Engine<OWN> {
    const IS_OUT_OF_PLACE: bool = true;

    fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.0.has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        self.0.seal(nonce, additional_data, in_out, tag)
    }

    fn seal_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        content: &[u8],
        inner_type: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        if OWN {
            READ.with_borrow_mut(|read| read.push(content.as_ptr_range()));
        }
        self.0.seal_from(nonce, additional_data, content, inner_type, out)
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        self.0.open(nonce, additional_data, in_out, tag)
    }
}

fn layer<P: Provider>(version: Version, padding: Padding) -> RecordLayer<TrafficSecret<P>> {
    let secret = |byte| match version {
        Version::Tls13 => TrafficSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]),
        Version::Tls12 => TrafficSecret::tls12(Algorithm::Aes128Gcm, &[byte; 16], &[byte; 12]),
    };
    let mut layer = RecordLayer::new(Config::new(Role::Client));
    let [client, server] = [1, 2].map(|byte| (secret(byte).unwrap(), 1));
    layer.take_over(Epoch::Application, client, server).unwrap();
    layer.set_padding(padding);
    layer
}

/// Seals `parts` with a cipher that copies and one that does not, which must agree. Returns where in the
/// parts the latter has read.
fn read(version: Version, padding: Padding, parts: &[&[u8]]) -> Vec<Range<*const u8>> {
    fn seal<P: Provider>(version: Version, padding: Padding, parts: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; 100_000];
        let sealed = layer::<P>(version, padding).seal(parts, &mut out).unwrap();
        assert_eq!(sealed.taken, parts.concat().len());
        out.truncate(sealed.written);
        out
    }
    let expected = seal::<Null>(version, padding, parts);
    assert!(seal::<Dma<false>>(version, padding, parts) == expected);
    assert!(READ.take().is_empty());
    assert!(seal::<Dma<true>>(version, padding, parts) == expected);
    READ.take()
}

#[test]
fn a_slice_is_read_where_it_is() {
    for version in [Version::Tls13, Version::Tls12] {
        for len in [513, 1024, 16_384] {
            let content = vec![7; len];
            let read = read(version, Padding::None, &[&content]);
            assert_eq!(read, [content.as_ptr_range()], "{version:?}, {len} bytes");
        }
    }
}

#[test]
fn every_record_of_a_long_slice_is_read_where_it_is() {
    let content: Vec<u8> = (0..40_000).map(|i| (i % 251) as u8).collect();
    let expected: Vec<_> = content.chunks(16_384).map(|chunk| chunk.as_ptr_range()).collect();
    for parts in [&[&content[..]][..], &[&[], &content, &[]]] {
        assert_eq!(read(Version::Tls13, Padding::None, parts), expected);
    }
}

#[test]
fn the_records_that_lie_in_one_of_several_slices_are_read_where_they_are() {
    let (front, back) = (vec![1; 16_384], vec![2; 16_384 + 600]);
    let expected = [&front[..], &back[..16_384], &back[16_384..]].map(|part| part.as_ptr_range());
    assert_eq!(read(Version::Tls13, Padding::None, &[&front, &back]), expected);
    // The first record holds all of the one and a part of the other.
    let read = read(Version::Tls13, Padding::None, &[&front[1..], &back]);
    let expected = [&back[1..16_385], &back[16_385..]].map(|part| part.as_ptr_range());
    assert_eq!(read, expected);
}

#[test]
fn short_content_and_padded_content_are_copied() {
    let content = vec![7; 2000];
    for len in [1, 511, 512] {
        assert!(read(Version::Tls13, Padding::None, &[&content[..len]]).is_empty());
    }
    assert!(read(Version::Tls13, Padding::FULL, &[&content]).is_empty());
}
