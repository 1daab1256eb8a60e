//! Counts the instructions of calls through the C API with callgrind, in a program of its own because its
//! library has the null cipher in place of others.
//!
//! `.ci/benches` runs it with `--features c`, and compares the counts with `benches/instructions.budget`. What the
//! caller does is counted, too: passing arguments, checking the status, and reading the result.

#![allow(missing_docs)] // For the modules that the macros of gungraun make.
#![allow(unsafe_code, reason = "a caller in C")]

use std::mem::MaybeUninit;
use std::ptr::null;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use tls_record::Version::{self, Tls12, Tls13};
use tls_record::aead::Algorithm;
use tls_record::aead::null::Null;
use tls_record::{HEADER_LEN, MAX_RECORD};
use tls_record_benches::{Layer, established};
use tls_record_c::{Bytes, BytesMut, Handle, In, Memory, Opened, Out, Sealed, Secret, Status};

/// Memory of a caller in C.
struct Case {
    layer: MaybeUninit<Memory<tls_record_c::Layer>>,
    opened: MaybeUninit<Opened>,
    sealed: MaybeUninit<Sealed>,
    content: Vec<u8>,
    record: Vec<u8>,
}

impl Case {
    /// Makes the client of [`established`].
    fn new(version: Version, content: Vec<u8>, record: Vec<u8>) -> &'static mut Self {
        // Leaked, because a layer stays where it was made.
        let this = Box::leak(Box::new(Self {
            layer: MaybeUninit::uninit(),
            opened: MaybeUninit::uninit(),
            sealed: MaybeUninit::uninit(),
            content,
            record,
        }));
        let layer = this.layer.as_mut_ptr();
        let size = size_of_val(&this.layer);
        let mut config = MaybeUninit::uninit();
        // SAFETY: all of this lives longer than the calls, and nothing else uses it.
        unsafe {
            let (client, application) = (1, 4);
            check(tls_record_c::config_init(Out::new(config.as_mut_ptr()), client));
            check(tls_record_c::layer_init(Handle::new(layer), size, In::new(config.as_ptr())));
            let secrets = [[1; 32], [2; 32]];
            let [client, server] = secrets.each_ref().map(|secret| of_bytes(version, secret));
            let (client, server) = (In::new(&client), In::new(&server));
            check(tls_record_c::layer_install(Handle::new(layer), application, client, server));
        }
        this
    }
}

/// # Safety
/// The structure is used only while the bytes are there.
unsafe fn of_bytes(version: Version, bytes: &[u8; 32]) -> Secret<'_> {
    let (secret_len, iv_len, suite, sequence) = match version {
        Tls13 => (32, 0, 0x1301, 0),
        // The Finished had sequence number 0.
        Tls12 => (16, 12, 0xc02f, 1),
    };
    // SAFETY: the caller keeps them.
    let (secret, iv) = unsafe { (Bytes::new(bytes.as_ptr()), Bytes::new(bytes.as_ptr())) };
    Secret { secret, secret_len, iv, iv_len, store: null(), handle: 0, sequence, suite }
}

fn check(status: Status) {
    assert_eq!(status, Status::OK);
}

fn sealing(version: Version) -> &'static mut Case {
    Case::new(version, vec![0x5a; 64], vec![0x5a; MAX_RECORD])
}

/// Returns a client, with a record that the server sealed for it.
fn opening(version: Version) -> &'static mut Case {
    let (_, mut server): (_, Layer<Null>) = established(version, Algorithm::Aes128Gcm);
    let mut record = vec![0; MAX_RECORD];
    let len = server.seal(&[&[0x5a; 64]], &mut record).unwrap().written;
    record.truncate(len);
    Case::new(version, Vec::new(), record)
}

fn assert_not_empty(len: usize) {
    assert!(len > HEADER_LEN);
}

fn assert_content((offset, len): (usize, usize)) {
    assert!(offset >= HEADER_LEN && len == 64);
}

#[library_benchmark(teardown = assert_not_empty)]
#[bench::tls13_null_64(sealing(Tls13))]
#[bench::tls12_null_64(sealing(Tls12))]
fn c_seal_in_place(case: &'static mut Case) -> usize {
    // SAFETY: all of it is part of the case, and does not overlap.
    let status = unsafe {
        tls_record_c::layer_seal_in_place(
            Handle::new(case.layer.as_mut_ptr()),
            BytesMut::new(case.record.as_mut_ptr()),
            case.record.len(),
            case.content.len(),
            Out::new(case.sealed.as_mut_ptr()),
        )
    };
    // SAFETY: it is written then.
    if status == Status::OK { unsafe { case.sealed.assume_init_ref() }.written } else { 0 }
}

#[library_benchmark(teardown = assert_not_empty)]
#[bench::tls13_null_64(sealing(Tls13))]
#[bench::tls12_null_64(sealing(Tls12))]
fn c_seal(case: &'static mut Case) -> usize {
    // SAFETY: all of it is part of the case, and does not overlap.
    let status = unsafe {
        tls_record_c::layer_seal(
            Handle::new(case.layer.as_mut_ptr()),
            Bytes::new(case.content.as_ptr()),
            case.content.len(),
            BytesMut::new(case.record.as_mut_ptr()),
            case.record.len(),
            Out::new(case.sealed.as_mut_ptr()),
        )
    };
    // SAFETY: it is written then.
    if status == Status::OK { unsafe { case.sealed.assume_init_ref() }.written } else { 0 }
}

#[library_benchmark(teardown = assert_content)]
#[bench::tls13_null_64(opening(Tls13))]
#[bench::tls12_null_64(opening(Tls12))]
fn c_open(case: &'static mut Case) -> (usize, usize) {
    // SAFETY: all of it is part of the case, and does not overlap.
    let status = unsafe {
        tls_record_c::layer_open(
            Handle::new(case.layer.as_mut_ptr()),
            BytesMut::new(case.record.as_mut_ptr()),
            case.record.len(),
            Out::new(case.opened.as_mut_ptr()),
        )
    };
    if status != Status::OK {
        return (0, 0);
    }
    // SAFETY: it is written then.
    let opened = unsafe { case.opened.assume_init_ref() };
    if opened.event == 2 { (opened.offset, opened.len) } else { (0, 0) }
}

library_benchmark_group!(name = through_c, benchmarks = [c_seal_in_place, c_seal, c_open]);

main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]).format([EventKind::Ir])),
    library_benchmark_groups = [through_c]
);
