//! Measures the time of each call with criterion. The options of criterion apply:
//!
//! ```text
//! cargo bench -p tls-record-benches --bench records -- 'seal in place/Tls13/Aes128Gcm/ring'
//! ```
//!
//! The binary `ratios` alternates between a call and its AEAD alone, which criterion cannot do.

#![allow(missing_docs)] // For the functions that the macros of criterion make.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use tls_record::aead::{Algorithm, Provider, aws_lc::AwsLc, ring::Ring, rustcrypto::RustCrypto};
use tls_record::{Event, MAX_RECORD, Version};
use tls_record_benches::timing::Page;
use tls_record_benches::{Layer, established};

const LENGTHS: [usize; 4] = [2, 64, 1_024, 16_384];
const BULK: usize = 1 << 20;

/// The number of calls that are timed together, where each call needs setup.
const BATCH: BatchSize = BatchSize::NumIterations(16);

/// The parameters of a connection.
#[derive(Clone, Copy)]
struct Case {
    version: Version,
    algorithm: Algorithm,
    backend: &'static str,
}

impl Case {
    fn group<'a>(self, criterion: &'a mut Criterion, work: &str) -> BenchmarkGroup<'a, WallTime> {
        let Self { version, algorithm, backend } = self;
        criterion.benchmark_group(format!("{work}/{version:?}/{algorithm:?}/{backend}"))
    }

    /// Returns a client and a server. Every benchmark needs its own, because a key seals at most
    /// 2^24.5 records.
    fn ends<P: Provider>(self) -> (Layer<P>, Layer<P>) {
        established(self.version, self.algorithm)
    }
}

fn records<P: Provider>(criterion: &mut Criterion, backend: &'static str) {
    for version in [Version::Tls13, Version::Tls12] {
        for algorithm in [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305] {
            let case = Case { version, algorithm, backend };
            seal_in_place::<P>(criterion, case);
            seal::<P>(criterion, case, "seal", &LENGTHS, 1);
            seal::<P>(criterion, case, "seal three slices", &LENGTHS, 3);
            seal::<P>(criterion, case, "seal in one call", &[BULK], 1);
            open::<P>(criterion, case);
            close::<P>(criterion, case);
        }
    }
}

fn seal_in_place<P: Provider>(criterion: &mut Criterion, case: Case) {
    let mut group = case.group(criterion, "seal in place");
    let mut record = Page::new(MAX_RECORD);
    for len in LENGTHS {
        let (mut client, _) = case.ends::<P>();
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |bencher| {
            bencher.iter(|| client.seal_in_place(black_box(record.bytes()), len).unwrap());
        });
    }
    group.finish();
}

fn seal<P: Provider>(
    criterion: &mut Criterion,
    case: Case,
    work: &str,
    lengths: &[usize],
    slices: usize,
) {
    let mut group = case.group(criterion, work);
    for &len in lengths {
        let (mut client, _) = case.ends::<P>();
        let content = vec![0x5a; len];
        let parts: Vec<&[u8]> = content.chunks(len.div_ceil(slices)).collect();
        let mut out = Page::new(len.div_ceil(16_384) * MAX_RECORD);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |bencher| {
            bencher.iter(|| {
                let sealed = client.seal(black_box(&parts), out.bytes()).unwrap();
                assert_eq!(sealed.taken, len);
            });
        });
    }
    group.finish();
}

fn open<P: Provider>(criterion: &mut Criterion, case: Case) {
    let mut group = case.group(criterion, "open");
    for len in LENGTHS {
        let (mut client, mut server) = case.ends::<P>();
        let content = vec![0x5a; len];
        let mut sealed = || {
            let mut record = vec![0; len + 64];
            let sealed = server.seal(&[&content], &mut record).unwrap();
            record.truncate(sealed.written);
            record
        };
        let mut open = |mut record: Vec<u8>| {
            let opened = client.open(&mut record).unwrap();
            assert!(matches!(opened.event, Event::ApplicationData(_)));
            record
        };
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |bencher| {
            bencher.iter_batched(&mut sealed, &mut open, BATCH);
        });
    }
    group.finish();
}

fn close<P: Provider>(criterion: &mut Criterion, case: Case) {
    let mut group = case.group(criterion, "close_notify");
    group.bench_function("out", |bencher| {
        let close = |mut client: Box<Layer<P>>| {
            client.close().unwrap();
            client.poll_control(&mut [0; 64]).unwrap();
            client
        };
        bencher.iter_batched(|| Box::new(case.ends::<P>().0), close, BATCH);
    });
    group.bench_function("in", |bencher| {
        let closed = || {
            let (client, mut server) = case.ends::<P>();
            let mut record = [0; 64];
            server.close().unwrap();
            let len = server.poll_control(&mut record).unwrap();
            (Box::new(client), record, len)
        };
        let open = |(mut client, mut record, len): (Box<Layer<P>>, [u8; 64], usize)| {
            assert_eq!(client.open(&mut record[..len]).unwrap().event, Event::Closed);
            client
        };
        bencher.iter_batched(closed, open, BATCH);
    });
    group.finish();
}

fn all(criterion: &mut Criterion) {
    records::<Ring>(criterion, "ring");
    records::<AwsLc>(criterion, "AWS-LC");
    records::<RustCrypto>(criterion, "RustCrypto");
}

criterion_group! {
    name = benches;
    // Short enough to stay within the number of records that a key may seal.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700));
    targets = all
}
criterion_main!(benches);
