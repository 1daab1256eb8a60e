//! Counts the instructions of each call with callgrind.
//!
//! The counts depend only on the compiler and the code, not on the load of the machine.
//!
//! ```text
//! .ci/benches
//! ```
//!
//! compares them with `benches/instructions.budget`.
//!
//! Each benchmark is a function that is not inlined, with the engine inlined into it as into a
//! user's program, and is counted from its first instruction to its last. It takes a reference and
//! returns the result of the engine, or the range of the content for an opened record. Setup and
//! the check of the result are not counted.
//!
//! With the null cipher, only the engine is counted. The CPU that callgrind emulates has neither
//! VAES nor AVX-512, so the counts with ring are not those of the code that a current CPU runs.

#![allow(missing_docs)] // For the modules that the macros of gungraun make.

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use tls_record::Version::{Tls12, Tls13};
use tls_record::aead::{Algorithm, Provider, null::Null, ring::Ring};
use tls_record::close::{OnPeerClose, ReadState, Trigger, WriteState};
use tls_record::{
    Alert, AlertDescription, Event, HEADER_LEN, Header, MAX_RECORD, Opened, SealError, Sealed,
    Version,
};
use tls_record_benches::{Layer, established};

// Alerts and headers

#[library_benchmark]
#[bench::any(Alert::new(AlertDescription::BAD_RECORD_MAC))]
fn alert_encode(alert: Alert) -> [u8; 2] {
    alert.encode()
}

// With the choice of the level, and the record header.
#[library_benchmark]
#[bench::close_notify(AlertDescription::CLOSE_NOTIFY)]
#[bench::fatal(AlertDescription::BAD_RECORD_MAC)]
fn alert_record(description: AlertDescription) -> [u8; 7] {
    Alert::new(description).plaintext_record()
}

#[library_benchmark]
#[bench::close_notify(&[1, 0])]
#[bench::fatal(&[2, 20])]
#[bench::too_short(&[2])]
fn alert_decode(message: &[u8]) -> Option<Alert> {
    Alert::decode(message)
}

#[library_benchmark]
#[bench::application_data(&[23, 3, 3, 0x40, 0x11])]
fn header_decode(bytes: &[u8; HEADER_LEN]) -> Header {
    Header::decode(*bytes)
}

// The closing state machine: of the 28 and 84 inputs, the slowest for each trigger.

#[library_benchmark]
#[bench::close_notify(ReadState::Open, Trigger::PeerCloseNotify)]
#[bench::eof(ReadState::Open, Trigger::TransportEof)]
#[bench::peer_error(ReadState::Open, Trigger::PeerError)]
#[bench::fault(ReadState::Open, Trigger::Fault)]
#[bench::too_late(ReadState::Failed, Trigger::PeerError)]
fn read_after(state: ReadState, trigger: Trigger) -> ReadState {
    state.after(trigger)
}

#[library_benchmark]
#[bench::peer_close(WriteState::Open, OnPeerClose::Reply, Trigger::PeerCloseNotify)]
#[bench::peer_error(WriteState::Open, OnPeerClose::HalfClose, Trigger::PeerError)]
#[bench::fault(WriteState::Open, OnPeerClose::HalfClose, Trigger::Fault)]
#[bench::close(WriteState::Open, OnPeerClose::HalfClose, Trigger::Close)]
#[bench::cancel(WriteState::Open, OnPeerClose::HalfClose, Trigger::Cancel)]
#[bench::cancel_sealed(WriteState::CancelQueued, OnPeerClose::Reply, Trigger::AlertSealed)]
#[bench::close_sealed(WriteState::CloseQueued, OnPeerClose::Reply, Trigger::AlertSealed)]
#[bench::alert_sealed(WriteState::AlertQueued, OnPeerClose::Reply, Trigger::AlertSealed)]
fn write_after(state: WriteState, on_peer_close: OnPeerClose, trigger: Trigger) -> WriteState {
    state.after(on_peer_close, trigger)
}

// Records

/// A connection, and a record that it seals or opens.
struct Case<P: Provider> {
    layer: Layer<P>,
    content: Vec<u8>,
    record: Vec<u8>,
}

impl<P: Provider> Case<P> {
    /// Leaks the case, so that it is not moved while instructions are counted.
    fn new(layer: Layer<P>, len: usize, record: Vec<u8>) -> &'static mut Self {
        Box::leak(Box::new(Self { layer, content: vec![0x5a; len], record }))
    }
}

/// Returns a client, with a buffer for a record that it seals.
fn sealing<P: Provider>(version: Version, len: usize) -> &'static mut Case<P> {
    let (client, _) = established(version, Algorithm::Aes128Gcm);
    Case::new(client, len, vec![0x5a; MAX_RECORD])
}

/// Returns a client, with a record that the server sealed for it.
fn opening<P: Provider>(
    version: Version,
    seal: impl FnOnce(&mut Layer<P>, &mut [u8]) -> usize,
) -> &'static mut Case<P> {
    let (client, mut server) = established(version, Algorithm::Aes128Gcm);
    let mut record = vec![0; MAX_RECORD];
    let len = seal(&mut server, &mut record);
    record.truncate(len);
    Case::new(client, 0, record)
}

fn opening_data<P: Provider>(version: Version, len: usize) -> &'static mut Case<P> {
    opening(version, |server, out| match len {
        0 => server.seal_in_place(out, 0).unwrap(),
        _ => server.seal(&[&vec![0x5a; len]], out).unwrap().written,
    })
}

fn opening_close<P: Provider>(version: Version) -> &'static mut Case<P> {
    opening(version, |server, out| {
        server.close().unwrap();
        server.poll_control(out).unwrap()
    })
}

fn opening_key_update<P: Provider>() -> &'static mut Case<P> {
    opening(Tls13, |server, out| {
        server.update_keys(true).unwrap();
        server.poll_control(out).unwrap()
    })
}

fn connection<P: Provider>(version: Version) -> &'static mut Option<Layer<P>> {
    Box::leak(Box::new(Some(established(version, Algorithm::Aes128Gcm).0)))
}

// Checks of the results

fn assert_sealed(sealed: Result<usize, SealError>) {
    sealed.unwrap();
}

fn assert_taken(sealed: Result<Sealed, SealError>) {
    assert_ne!(sealed.unwrap().taken, 0);
}

fn assert_content((start, end): (usize, usize)) {
    assert!(start < end);
}

fn assert_true(is_true: bool) {
    assert!(is_true);
}

#[library_benchmark(teardown = assert_sealed)]
#[bench::tls13_null_0(sealing::<Null>(Tls13, 0))]
#[bench::tls13_null_64(sealing::<Null>(Tls13, 64))]
#[bench::tls13_null_1024(sealing::<Null>(Tls13, 1024))]
#[bench::tls13_null_16384(sealing::<Null>(Tls13, 16384))]
#[bench::tls13_ring_0(sealing::<Ring>(Tls13, 0))]
#[bench::tls13_ring_64(sealing::<Ring>(Tls13, 64))]
#[bench::tls13_ring_1024(sealing::<Ring>(Tls13, 1024))]
#[bench::tls13_ring_16384(sealing::<Ring>(Tls13, 16384))]
#[bench::tls12_null_0(sealing::<Null>(Tls12, 0))]
#[bench::tls12_null_64(sealing::<Null>(Tls12, 64))]
#[bench::tls12_null_1024(sealing::<Null>(Tls12, 1024))]
#[bench::tls12_null_16384(sealing::<Null>(Tls12, 16384))]
#[bench::tls12_ring_0(sealing::<Ring>(Tls12, 0))]
#[bench::tls12_ring_64(sealing::<Ring>(Tls12, 64))]
#[bench::tls12_ring_1024(sealing::<Ring>(Tls12, 1024))]
#[bench::tls12_ring_16384(sealing::<Ring>(Tls12, 16384))]
fn seal_in_place<P: Provider>(case: &'static mut Case<P>) -> Result<usize, SealError> {
    case.layer.seal_in_place(&mut case.record, case.content.len())
}

// Without a length of 0: sealing no data makes no record.
#[library_benchmark(teardown = assert_taken)]
#[bench::tls13_null_64(sealing::<Null>(Tls13, 64))]
#[bench::tls13_null_1024(sealing::<Null>(Tls13, 1024))]
#[bench::tls13_null_16384(sealing::<Null>(Tls13, 16384))]
#[bench::tls13_ring_64(sealing::<Ring>(Tls13, 64))]
#[bench::tls13_ring_1024(sealing::<Ring>(Tls13, 1024))]
#[bench::tls13_ring_16384(sealing::<Ring>(Tls13, 16384))]
#[bench::tls12_null_64(sealing::<Null>(Tls12, 64))]
#[bench::tls12_null_1024(sealing::<Null>(Tls12, 1024))]
#[bench::tls12_null_16384(sealing::<Null>(Tls12, 16384))]
#[bench::tls12_ring_64(sealing::<Ring>(Tls12, 64))]
#[bench::tls12_ring_1024(sealing::<Ring>(Tls12, 1024))]
#[bench::tls12_ring_16384(sealing::<Ring>(Tls12, 16384))]
fn seal<P: Provider>(case: &'static mut Case<P>) -> Result<Sealed, SealError> {
    case.layer.seal(&[&case.content], &mut case.record)
}

#[library_benchmark(teardown = assert_content)]
#[bench::tls13_null_64(opening_data::<Null>(Tls13, 64))]
#[bench::tls13_null_1024(opening_data::<Null>(Tls13, 1024))]
#[bench::tls13_null_16384(opening_data::<Null>(Tls13, 16384))]
#[bench::tls13_ring_64(opening_data::<Ring>(Tls13, 64))]
#[bench::tls13_ring_1024(opening_data::<Ring>(Tls13, 1024))]
#[bench::tls13_ring_16384(opening_data::<Ring>(Tls13, 16384))]
#[bench::tls12_null_64(opening_data::<Null>(Tls12, 64))]
#[bench::tls12_null_1024(opening_data::<Null>(Tls12, 1024))]
#[bench::tls12_null_16384(opening_data::<Null>(Tls12, 16384))]
#[bench::tls12_ring_64(opening_data::<Ring>(Tls12, 64))]
#[bench::tls12_ring_1024(opening_data::<Ring>(Tls12, 1024))]
#[bench::tls12_ring_16384(opening_data::<Ring>(Tls12, 16384))]
fn open<P: Provider>(case: &'static mut Case<P>) -> (usize, usize) {
    match case.layer.open(&mut case.record) {
        Ok(Opened { event: Event::ApplicationData(range), .. }) => (range.start, range.end),
        _ => (0, 0),
    }
}

// Empty records, for instance cover traffic.
#[library_benchmark(teardown = assert_true)]
#[bench::tls13_null_0(opening_data::<Null>(Tls13, 0))]
#[bench::tls13_ring_0(opening_data::<Ring>(Tls13, 0))]
#[bench::tls12_null_0(opening_data::<Null>(Tls12, 0))]
#[bench::tls12_ring_0(opening_data::<Ring>(Tls12, 0))]
fn open_empty<P: Provider>(case: &'static mut Case<P>) -> bool {
    matches!(case.layer.open(&mut case.record), Ok(Opened { event: Event::Nothing, .. }))
}

// Control

#[library_benchmark(teardown = assert_sealed)]
#[bench::tls13_null(sealing::<Null>(Tls13, 0))]
#[bench::tls13_ring(sealing::<Ring>(Tls13, 0))]
#[bench::tls12_null(sealing::<Null>(Tls12, 0))]
#[bench::tls12_ring(sealing::<Ring>(Tls12, 0))]
fn close_notify_out<P: Provider>(case: &'static mut Case<P>) -> Result<usize, SealError> {
    if case.layer.close().is_err() {
        return Err(SealError::Closed);
    }
    case.layer.poll_control(&mut case.record)
}

#[library_benchmark(teardown = assert_true)]
#[bench::tls13_null(opening_close::<Null>(Tls13))]
#[bench::tls13_ring(opening_close::<Ring>(Tls13))]
#[bench::tls12_null(opening_close::<Null>(Tls12))]
#[bench::tls12_ring(opening_close::<Ring>(Tls12))]
fn close_notify_in<P: Provider>(case: &'static mut Case<P>) -> bool {
    matches!(case.layer.open(&mut case.record), Ok(Opened { event: Event::Closed, .. }))
}

// Dropping a connection: it overwrites the keys of both directions and their copies on the stack.
#[library_benchmark]
#[bench::tls13_null(connection::<Null>(Tls13))]
#[bench::tls13_ring(connection::<Ring>(Tls13))]
#[bench::tls12_null(connection::<Null>(Tls12))]
#[bench::tls12_ring(connection::<Ring>(Tls12))]
fn wipe<P: Provider>(layer: &'static mut Option<Layer<P>>) {
    *layer = None;
}

#[library_benchmark(teardown = assert_sealed)]
#[bench::null(sealing::<Null>(Tls13, 0))]
#[bench::ring(sealing::<Ring>(Tls13, 0))]
fn key_update_out<P: Provider>(case: &'static mut Case<P>) -> Result<usize, SealError> {
    if case.layer.update_keys(true).is_err() {
        return Err(SealError::Closed);
    }
    case.layer.poll_control(&mut case.record)
}

// The peer requests a KeyUpdate in return. The answer is not counted here.
#[library_benchmark(teardown = assert_true)]
#[bench::null(opening_key_update::<Null>())]
#[bench::ring(opening_key_update::<Ring>())]
fn key_update_in<P: Provider>(case: &'static mut Case<P>) -> bool {
    matches!(case.layer.open(&mut case.record), Ok(Opened { event: Event::KeyUpdate { .. }, .. }))
}

// Includes wiping the keys of both directions.
#[library_benchmark(teardown = assert_sealed)]
#[bench::tls13_null(sealing::<Null>(Tls13, 0))]
#[bench::tls13_ring(sealing::<Ring>(Tls13, 0))]
#[bench::tls12_null(sealing::<Null>(Tls12, 0))]
#[bench::tls12_ring(sealing::<Ring>(Tls12, 0))]
fn fatal_alert_out<P: Provider>(case: &'static mut Case<P>) -> Result<usize, SealError> {
    if case.layer.abort(AlertDescription::INTERNAL_ERROR).is_err() {
        return Err(SealError::Closed);
    }
    case.layer.poll_control(&mut case.record)
}

library_benchmark_group!(
    name = words,
    benchmarks = [alert_encode, alert_record, alert_decode, header_decode, read_after, write_after]
);
library_benchmark_group!(name = records, benchmarks = [seal_in_place, seal, open, open_empty]);
library_benchmark_group!(
    name = control,
    benchmarks =
        [close_notify_out, close_notify_in, wipe, key_update_out, key_update_in, fatal_alert_out]
);

main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]).format([EventKind::Ir])),
    library_benchmark_groups = [words, records, control]
);
