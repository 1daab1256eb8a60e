//! Reading with a cipher that opens records out of place, into the caller's slice.

use tls_record_alloc::tls_record::ReadEnd;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_tests::peers::{Peer, Role, Version};
use tokio::io::AsyncReadExt;

use crate::endpoint::{
    Endpoint, Failure, Kind, OPENED_OUT_OF_PLACE, RingOutOfPlace, tokio as tokio_stream,
};
use crate::polling::now;
use crate::support::{Adapter, TLS12, TLS13, message};

/// Runs a test over every kind of stream. The peer is an engine of ours, and the handshake is over.
fn for_each_stream(test: impl Fn(Box<dyn Endpoint<Adapter<Ring>>>, Version)) {
    for kind in Kind::all() {
        for agreed in [TLS12, TLS13] {
            println!("{kind:?} {agreed:?}");
            let peer = Box::new(Adapter::new(Role::Server, agreed));
            let mut tls = kind.stream_by::<_, RingOutOfPlace>(Role::Client, agreed, peer);
            assert!(tls.is_idle());
            OPENED_OUT_OF_PLACE.take();
            test(tls, agreed.version);
        }
    }
}

/// The length of the plaintext of a record: in TLS 1.3, with its content type.
fn plaintext_len(version: Version, content: usize) -> usize {
    content + usize::from(version == Version::Tls13)
}

#[test]
fn data_is_opened_in_a_slice_that_holds_all_of_its_record() {
    for_each_stream(|mut tls, version| {
        for content in [1_000, 16_384] {
            let data = message(content);
            let plaintext = plaintext_len(version, content);
            for room in [plaintext, plaintext + 1, 40_000] {
                tls.wire().peer.write(&data);
                let mut out = vec![0; room];
                assert_eq!(tls.read(&mut out), Ok(content));
                assert_eq!(out[..content], data);
                assert_eq!(OPENED_OUT_OF_PLACE.take(), [plaintext]);
            }
            // In place, and the rest of the record is read later.
            for room in [1, content - 1, plaintext - 1] {
                tls.wire().peer.write(&data);
                assert_eq!(tls.read_exactly(room), data[..room]);
                if room < content {
                    assert_eq!(tls.read_exactly(content - room), data[room..]);
                }
                assert!(OPENED_OUT_OF_PLACE.take().is_empty());
            }
        }
        assert!(tls.is_idle());
    });
}

#[test]
fn buffered_reading_stays_in_place() {
    for_each_stream(|mut tls, _| {
        tls.wire().peer.write(&message(1_000));
        assert_eq!(tls.fill_buf(), Ok(&*message(1_000)));
        tls.consume(1_000);
        assert!(OPENED_OUT_OF_PLACE.take().is_empty());
    });
}

#[test]
fn several_records_fill_one_slice() {
    for_each_stream(|mut tls, _| {
        for part in message(10_000).chunks(1_000) {
            tls.wire().peer.write(part);
        }
        assert_eq!(tls.read_exactly(10_000), message(10_000));
        assert!(!OPENED_OUT_OF_PLACE.take().is_empty());
        assert!(tls.is_idle());
    });
}

#[test]
fn key_updates_and_the_end_between_records_are_seen() {
    for_each_stream(|mut tls, version| {
        let mut out = vec![0; 20_000];
        tls.wire().peer.write(&message(1_000));
        if version == Version::Tls13 {
            tls.wire().peer.key_update(true);
        }
        tls.wire().peer.write(&message(2_000));
        tls.wire().peer.close();
        let mut data = Vec::new();
        loop {
            match tls.read(&mut out).unwrap() {
                0 => break,
                len => data.extend_from_slice(&out[..len]),
            }
        }
        assert_eq!(data, [message(1_000), message(2_000)].concat());
        assert!(matches!(tls.end().read, ReadEnd::Closed { .. }));
        assert_eq!(OPENED_OUT_OF_PLACE.take().len(), 2);
    });
}

#[test]
fn a_forged_record_leaves_no_plaintext_in_the_slice() {
    for_each_stream(|mut tls, _| {
        tls.wire().peer.write(&[7; 1_000]);
        let wire = tls.wire();
        *wire.collect().back_mut().unwrap() ^= 1;
        let mut out = vec![0; 20_000];
        assert!(matches!(tls.read(&mut out), Err(Failure::Open(_))));
        assert!(!out.contains(&7));
        assert!(matches!(tls.read(&mut out), Err(Failure::Open(_))));
    });
}

#[test]
fn memory_that_is_not_initialized_is_read_into_by_a_copy() {
    let peer = Box::new(Adapter::<Ring>::new(Role::Server, TLS13));
    let mut tls = tokio_stream::stream_by::<_, RingOutOfPlace>(Role::Client, TLS13, peer);
    tls.transport_mut().peer.write(&message(1_000));
    let mut out = Vec::with_capacity(20_000);
    assert_eq!(now(tls.read_buf(&mut out)).unwrap(), 1_000);
    assert_eq!(out, message(1_000));
    assert!(OPENED_OUT_OF_PLACE.take().is_empty());
}
