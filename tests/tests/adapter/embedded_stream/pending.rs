//! `has_pending`: whether reading goes on without the transport.

use embedded_io::Read;
use embedded_io_async as asynch;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{EmbeddedStream, MAX_RECORD, RecordBuffer};
use tls_record_tests::peers::{Negotiated, Peer, Role};

use crate::endpoint::embedded::{Calls, Tls, read_some, settle, stream, stream_to};
use crate::polling::poll_once;
use crate::support::{Adapter, Stack, TLS12, TLS13};
use crate::wire::Wire;

/// Receives a record and, in the same read of the transport, the bytes that `behind` adds, and
/// reads the record. Returns whether `has_pending` is true then, and checks it by reading once
/// more.
fn goes_on<const RX: usize>(
    calls: Calls,
    agreed: Negotiated,
    behind: impl FnOnce(&mut Wire<dyn Peer>),
) -> bool {
    let peer = Stack::Rustls.peer(Role::Client, agreed);
    let mut tls = stream_to::<_, RX>(Role::Server, agreed, peer);
    tls.transport_mut().peer.write(b"first");
    behind(tls.transport_mut());
    assert!(!tls.has_pending(), "nothing is received");
    assert_eq!(Read::read(&mut tls, &mut [0; 4]), Ok(4));
    assert!(tls.has_pending(), "a byte is not read");
    assert_eq!(Read::read(&mut tls, &mut [0; 4]), Ok(1));
    let (has_pending, reads) = (tls.has_pending(), tls.transport_mut().reads);
    match calls {
        Calls::Blocking => drop(Read::read(&mut tls, &mut [0])),
        Calls::Asynchronous => drop(poll_once(asynch::Read::read(&mut tls, &mut [0]))),
    }
    assert_eq!(has_pending, tls.transport_mut().reads == reads);
    has_pending
}

#[test]
fn a_whole_record_is_pending_and_a_part_of_one_is_not() {
    for calls in Calls::BOTH {
        for agreed in [TLS12, TLS13] {
            let mut is_whole = false;
            for len in 0.. {
                let has_pending = goes_on::<MAX_RECORD>(calls, agreed, |wire| {
                    let first = wire.collect().len();
                    wire.peer.write(b"second");
                    is_whole = len == wire.collect().len() - first;
                    wire.incoming.truncate(first + len);
                });
                assert_eq!(has_pending, is_whole, "{agreed:?} {len}");
                if is_whole {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_header_that_will_be_refused_is_pending_when_it_is_whole() {
    const OVER_THE_LIMIT: [u8; 5] = [23, 3, 3, 0x49, 0];
    const OF_NO_TYPE: [u8; 5] = [99, 3, 3, 0, 30];
    const OF_ANOTHER_VERSION: [u8; 5] = [23, 3, 1, 0, 30];
    /// A record of 600 bytes, for a buffer of 512.
    const LONGER_THAN_THE_BUFFER: [u8; 5] = [23, 3, 3, 2, 0x53];
    for calls in Calls::BOTH {
        for (agreed, header, is_refused) in [
            (TLS12, OVER_THE_LIMIT, true),
            (TLS13, OVER_THE_LIMIT, true),
            (TLS12, OF_NO_TYPE, true),
            (TLS13, OF_NO_TYPE, true),
            (TLS12, OF_ANOTHER_VERSION, true),
            (TLS13, OF_ANOTHER_VERSION, false),
            (TLS12, LONGER_THAN_THE_BUFFER, true),
            (TLS13, LONGER_THAN_THE_BUFFER, true),
        ] {
            for len in 0..=5 {
                let behind = |wire: &mut Wire<dyn Peer>| wire.collect().extend(&header[..len]);
                let has_pending = goes_on::<512>(calls, agreed, behind);
                assert_eq!(has_pending, is_refused && len == 5, "{agreed:?} {header:?} {len}");
            }
        }
    }
}

#[test]
fn a_record_without_data_is_pending() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().peer.write(b"data");
    tls.transport_mut().peer.key_update(false);
    assert_eq!(read_some(&mut tls), b"data");
    assert!(tls.has_pending());
    settle(&mut tls);
    assert!(!tls.has_pending());
}

// A handshake may have opened a record in part.
#[test]
fn the_rest_of_a_record_that_was_opened_in_part_is_pending() {
    const TICKET: [u8; 5] = [4, 0, 0, 1, 9];
    let peer = Box::new(Adapter::<Ring>::new(Role::Server, TLS13));
    let mut tls = stream_to::<_, MAX_RECORD>(Role::Client, TLS13, peer);
    settle(&mut tls);
    tls.transport_mut().peer.write_handshake(&[TICKET, TICKET].concat());
    let mut record = Vec::from(std::mem::take(tls.transport_mut().collect()));
    let (mut connection, _, wire) = tls.into_parts();
    let opened = connection.received(&mut record).unwrap();
    assert_ne!(opened.consumed, record.len());
    let rest = &record[opened.consumed..];

    let mut received = RecordBuffer::new();
    received.room().unwrap()[..rest.len()].copy_from_slice(rest);
    received.received(rest.len() - 1);
    let tls: Tls<_> = EmbeddedStream::new(connection, received, wire);
    assert!(!tls.has_pending());
    let (connection, mut received, wire) = tls.into_parts();
    received.received(1);
    let mut tls: Tls<_> = EmbeddedStream::new(connection, received, wire);
    assert!(tls.has_pending());
    settle(&mut tls);
    assert!(!tls.has_pending());
}
