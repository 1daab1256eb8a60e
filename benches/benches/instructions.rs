//! Instruction counts under callgrind. The numbers depend on the compiler and the code alone, not on
//! what else the machine does.
//!
//! ```text
//! cargo install gungraun-runner --version 0.20.0
//! cargo bench -p tls-record-benches --bench instructions
//! ```
//!
//! Each benchmark is a function that is not inlined, with the engine inlined into it as into a
//! program of a user's, and is counted from its first instruction to its last: what it gets is a
//! reference, what it gives fits into registers or is what the engine gives. Setting up is not
//! counted.
//!
//! With the null AEAD, the engine alone is counted, and the budgets are limits: over one of them the
//! run fails. callgrind's CPU has neither VAES nor AVX-512, so that what is counted with ring is not
//! the code that a current CPU runs.

#![allow(missing_docs)] // Of the modules that gungraun's macros make.

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

/// A benchmark that may not take more instructions than this.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, instructions)]));
    config
}

// Alerts and headers

#[library_benchmark(config = at_most(6))]
#[bench::any(Alert::new(AlertDescription::BAD_RECORD_MAC))]
fn alert_encode(alert: Alert) -> [u8; 2] {
    alert.encode()
}

// With the level chosen and the header in front.
#[library_benchmark(config = at_most(24))]
#[bench::close_notify(AlertDescription::CLOSE_NOTIFY)]
#[bench::fatal(AlertDescription::BAD_RECORD_MAC)]
fn alert_record(description: AlertDescription) -> [u8; 7] {
    Alert::new(description).plaintext_record()
}

#[library_benchmark(config = at_most(18))]
#[bench::close_notify(&[1, 0])]
#[bench::fatal(&[2, 20])]
#[bench::too_short(&[2])]
fn alert_decode(message: &[u8]) -> Option<Alert> {
    Alert::decode(message)
}

#[library_benchmark(config = at_most(18))]
#[bench::application_data(&[23, 3, 3, 0x40, 0x11])]
fn header_decode(bytes: &[u8; HEADER_LEN]) -> Header {
    Header::decode(*bytes)
}

// The close-state machine: of the 28 and 84 inputs, those that take longest for each trigger.

#[library_benchmark(config = at_most(16))]
#[bench::close_notify(ReadState::Open, Trigger::PeerCloseNotify)]
#[bench::eof(ReadState::Open, Trigger::TransportEof)]
#[bench::too_late(ReadState::Failed, Trigger::PeerError)]
fn read_after(state: ReadState, trigger: Trigger) -> ReadState {
    state.after(trigger)
}

#[library_benchmark(config = at_most(16))]
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

/// A connection, and a record that it is to seal or to open.
struct Case<P: Provider> {
    layer: Layer<P>,
    content: Vec<u8>,
    record: Vec<u8>,
}

impl<P: Provider> Case<P> {
    /// Stays where it is: moving it is nothing to count.
    fn new(layer: Layer<P>, len: usize, record: Vec<u8>) -> &'static mut Self {
        Box::leak(Box::new(Self { layer, content: vec![0x5a; len], record }))
    }
}

/// A client, and room for a record of its own.
fn sealing<P: Provider>(version: Version, len: usize) -> &'static mut Case<P> {
    let (client, _) = established(version, Algorithm::Aes128Gcm);
    Case::new(client, len, vec![0x5a; MAX_RECORD])
}

/// A client, and the record that the server sealed for it.
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
    opening(version, |server, out| server.seal(&[&vec![0x5a; len]], out).unwrap().written)
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

#[library_benchmark]
#[bench::tls13_64(args = (sealing::<Null>(Tls13, 64)), config = at_most(120))]
#[bench::tls13_16384(args = (sealing::<Null>(Tls13, 16384)), config = at_most(120))]
#[bench::tls12_64(args = (sealing::<Null>(Tls12, 64)), config = at_most(120))]
#[bench::tls12_16384(args = (sealing::<Null>(Tls12, 16384)), config = at_most(120))]
#[bench::tls13_64_ring(sealing::<Ring>(Tls13, 64))]
#[bench::tls13_16384_ring(sealing::<Ring>(Tls13, 16384))]
#[bench::tls12_64_ring(sealing::<Ring>(Tls12, 64))]
#[bench::tls12_16384_ring(sealing::<Ring>(Tls12, 16384))]
fn seal_in_place<P: Provider>(case: &'static mut Case<P>) -> Result<usize, SealError> {
    case.layer.seal_in_place(&mut case.record, case.content.len())
}

#[library_benchmark]
#[bench::tls13_64(args = (sealing::<Null>(Tls13, 64)), config = at_most(165))]
#[bench::tls13_16384(sealing::<Null>(Tls13, 16384))]
#[bench::tls12_64(args = (sealing::<Null>(Tls12, 64)), config = at_most(165))]
#[bench::tls12_16384(sealing::<Null>(Tls12, 16384))]
#[bench::tls13_64_ring(sealing::<Ring>(Tls13, 64))]
#[bench::tls13_16384_ring(sealing::<Ring>(Tls13, 16384))]
#[bench::tls12_64_ring(sealing::<Ring>(Tls12, 64))]
#[bench::tls12_16384_ring(sealing::<Ring>(Tls12, 16384))]
fn seal<P: Provider>(case: &'static mut Case<P>) -> Result<Sealed, SealError> {
    case.layer.seal(&[&case.content], &mut case.record)
}

#[library_benchmark]
#[bench::tls13_64(args = (opening_data::<Null>(Tls13, 64)), config = at_most(140))]
#[bench::tls13_16384(args = (opening_data::<Null>(Tls13, 16384)), config = at_most(140))]
#[bench::tls12_64(args = (opening_data::<Null>(Tls12, 64)), config = at_most(150))]
#[bench::tls12_16384(args = (opening_data::<Null>(Tls12, 16384)), config = at_most(150))]
#[bench::tls13_64_ring(opening_data::<Ring>(Tls13, 64))]
#[bench::tls13_16384_ring(opening_data::<Ring>(Tls13, 16384))]
#[bench::tls12_64_ring(opening_data::<Ring>(Tls12, 64))]
#[bench::tls12_16384_ring(opening_data::<Ring>(Tls12, 16384))]
fn open<P: Provider>(case: &'static mut Case<P>) -> Option<&'static [u8]> {
    match case.layer.open(&mut case.record) {
        Ok(Opened { event: Event::ApplicationData(range), .. }) => case.record.get(range),
        _ => None,
    }
}

// Control

#[library_benchmark]
#[bench::tls13(args = (sealing::<Null>(Tls13, 0)), config = at_most(150))]
#[bench::tls12(args = (sealing::<Null>(Tls12, 0)), config = at_most(150))]
#[bench::tls13_ring(sealing::<Ring>(Tls13, 0))]
#[bench::tls12_ring(sealing::<Ring>(Tls12, 0))]
fn close_notify_out<P: Provider>(case: &'static mut Case<P>) -> Result<usize, SealError> {
    if case.layer.close().is_err() {
        return Err(SealError::Closed);
    }
    case.layer.poll_control(&mut case.record)
}

#[library_benchmark]
#[bench::tls13(args = (opening_close::<Null>(Tls13)), config = at_most(210))]
#[bench::tls12(args = (opening_close::<Null>(Tls12)), config = at_most(210))]
#[bench::tls13_ring(opening_close::<Ring>(Tls13))]
#[bench::tls12_ring(opening_close::<Ring>(Tls12))]
fn close_notify_in<P: Provider>(case: &'static mut Case<P>) -> bool {
    matches!(case.layer.open(&mut case.record), Ok(Opened { event: Event::Closed, .. }))
}

#[library_benchmark]
#[bench::null(sealing::<Null>(Tls13, 0))]
#[bench::ring(sealing::<Ring>(Tls13, 0))]
fn key_update_out<P: Provider>(case: &'static mut Case<P>) -> Result<usize, SealError> {
    if case.layer.update_keys(true).is_err() {
        return Err(SealError::Closed);
    }
    case.layer.poll_control(&mut case.record)
}

// The peer asks for one in return: the answer is not counted here.
#[library_benchmark]
#[bench::null(opening_key_update::<Null>())]
#[bench::ring(opening_key_update::<Ring>())]
fn key_update_in<P: Provider>(case: &'static mut Case<P>) -> bool {
    matches!(case.layer.open(&mut case.record), Ok(Opened { event: Event::KeyUpdate { .. }, .. }))
}

// With the keys of both directions wiped.
#[library_benchmark]
#[bench::tls13(sealing::<Null>(Tls13, 0))]
#[bench::tls13_ring(sealing::<Ring>(Tls13, 0))]
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
library_benchmark_group!(name = records, benchmarks = [seal_in_place, seal, open]);
library_benchmark_group!(
    name = control,
    benchmarks =
        [close_notify_out, close_notify_in, key_update_out, key_update_in, fatal_alert_out]
);

main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]).format([EventKind::Ir])),
    library_benchmark_groups = [words, records, control]
);
