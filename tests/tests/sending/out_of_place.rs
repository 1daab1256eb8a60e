//! Ciphers that read the content from one place and write the record to another.

use std::cell::RefCell;
use std::ops::Range;

use tls_record::aead::{AeadError, Provider, null::Null};
use tls_record::{Padding, TrafficSecret};
use tls_record_tests::watched::{Call, Watch, Watched};

use super::*;

thread_local! {
    /// Where the contents were that [`Dma`] has read.
    static READ: RefCell<Vec<Range<*const u8>>> = const { RefCell::new(Vec::new()) };
}

/// A DMA engine: the null cipher, out of place.
enum Dma {}

impl Watch for Dma {
    type Inner = Null;
    const IS_OUT_OF_PLACE: bool = true;

    fn before(call: Call, text: &[u8]) -> Result<(), AeadError> {
        if call == Call::SealFrom {
            READ.with_borrow_mut(|read| read.push(text.as_ptr_range()));
        }
        Ok(())
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
    assert!(seal::<Watched<Dma>>(version, padding, parts) == expected);
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
