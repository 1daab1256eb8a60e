//! Compares the time of a record with the time of its AEAD alone, on the same bytes.
//!
//! ```text
//! cargo run --release -p tls-record-benches --features long-records --bin ratios
//! ```
//!
//! The engine and the AEAD take turns, and each pair of turns gives a ratio, so that the load of
//! the machine affects both. Each process computes the median and the quartiles of its ratios. The
//! table shows the median over several processes, because their memory layouts differ.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::Command;

use clap::Parser;
use tls_record::aead::{
    Aead, Algorithm, Provider,
    aws_lc::AwsLc,
    ring::Ring,
    rustcrypto::{RustCrypto, RustCryptoParts},
};
use tls_record::{Arrival, Arrived, Event, MAX_RECORD, Version};
use tls_record_benches::timing::{Page, Spread, nanoseconds};
use tls_record_benches::{Layer, established};

/// The number of turns of each process.
const TURNS: usize = 1_001;

/// Bytes of content of [`Work::SealBulk`].
const BULK: usize = 1 << 20;

#[derive(Parser)]
struct Arguments {
    /// The number of processes over which to take the median.
    #[arg(long, default_value_t = 5)]
    processes: usize,
    /// Measure only cases whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
    /// Measure once in this process, and print the figures.
    #[arg(long, hide = true)]
    one: bool,
}

/// The call that is measured.
#[derive(Clone, Copy, Debug)]
enum Work {
    SealInPlace,
    SealCopying,
    SealVectored,
    SealBulk,
    Open,
    /// Opening a record into another buffer.
    OpenInto,
    /// Opening a record that lies in pieces, by ciphers that work in parts.
    OpenPieces,
    /// The same as it arrives in a window.
    OpenArriving,
}

impl Work {
    const ALL: [Self; 8] = [
        Self::SealInPlace,
        Self::SealCopying,
        Self::SealVectored,
        Self::SealBulk,
        Self::Open,
        Self::OpenInto,
        Self::OpenPieces,
        Self::OpenArriving,
    ];

    const fn is_in_parts(self) -> bool {
        matches!(self, Self::OpenPieces | Self::OpenArriving)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SealInPlace => "seal in place",
            Self::SealCopying => "seal copying",
            Self::SealVectored => "seal three slices",
            Self::SealBulk => "seal in one call",
            Self::Open => "open",
            Self::OpenInto => "open into a slice",
            Self::OpenPieces => "open pieces",
            Self::OpenArriving => "open as it arrives",
        }
    }

    const fn lengths(self) -> &'static [usize] {
        match self {
            Self::SealBulk => &[BULK],
            Self::OpenPieces | Self::OpenArriving => &[16_384],
            _ => &[64, 1_024, 16_384],
        }
    }
}

/// An AEAD alone, on the bytes of a record.
struct Raw<P: Provider> {
    aead: P::Aead,
    additional_data: Vec<u8>,
    /// The position of the content and the inner content type in a record.
    start: usize,
    len: usize,
    count: u64,
}

impl<P: Provider> Raw<P> {
    /// Creates the AEAD for records with `content` bytes, with the key of the client of
    /// [`established`].
    fn new(version: Version, algorithm: Algorithm, content: usize) -> Self {
        let (additional_data, start, len) = match version {
            Version::Tls13 => (5, 5, content + 1),
            Version::Tls12 if algorithm.has_explicit_nonce() => (13, 13, content),
            Version::Tls12 => (13, 5, content),
        };
        let aead = P::aead(algorithm, &vec![2; algorithm.key_len()])
            .expect("every provider supports all three algorithms");
        Self { aead, additional_data: vec![0x17; additional_data], start, len, count: 0 }
    }

    fn nonce(&mut self) -> [u8; 12] {
        self.count += 1;
        let mut nonce = [2; 12];
        nonce[4..].copy_from_slice(&self.count.to_be_bytes());
        nonce
    }

    fn record_len(&self) -> usize {
        self.start + self.len + self.aead.tag_len()
    }

    fn seal(&mut self, record: &mut [u8]) {
        let nonce = self.nonce();
        let tag_len = self.aead.tag_len();
        let (inner, tag) = record[self.start..][..self.len + tag_len].split_at_mut(self.len);
        self.aead.seal(&nonce, &self.additional_data, inner, tag).expect("sealing succeeds");
    }

    fn open(&mut self, record: &mut [u8]) {
        let nonce = self.nonce();
        let tag_len = self.aead.tag_len();
        let (inner, tag) = record[self.start..][..self.len + tag_len].split_at_mut(self.len);
        self.aead
            .open(&nonce, &self.additional_data, inner, tag)
            .expect("opening its own record succeeds");
    }
}

/// Length of the pieces and of the window of [`Work::OpenPieces`] and [`Work::OpenArriving`].
const PIECE: usize = 512;

type Parts = Layer<RustCryptoParts>;

fn open_pieces(layer: &mut Parts, record: &mut [u8]) {
    let mut pieces = record.chunks_mut(PIECE);
    let mut pieces: [&mut [u8]; MAX_RECORD / PIECE + 1] =
        std::array::from_fn(|_| pieces.next().unwrap_or_default());
    let opened = layer.open_pieces(&mut pieces).expect("a valid record");
    assert!(matches!(opened.event, Event::ApplicationData(_)));
}

fn open_arriving(layer: &mut Parts, mut record: &mut [u8]) {
    loop {
        let window = record.len().min(PIECE);
        let Arrived { consumed, event } =
            layer.open_arriving(&mut record[..window], PIECE).expect("a valid record");
        match event {
            Arrival::Provisional(part) => {
                black_box(part.expose_unauthenticated());
            }
            Arrival::Committed { .. } => return,
            event => panic!("{event:?}"),
        }
        record = &mut record[consumed..];
    }
}

/// Returns the nanoseconds per call of the engine over `P` and of the AEAD of `R`, for each turn. `open` opens
/// a record in parts.
fn measure<P: Provider, R: Provider>(
    work: Work,
    version: Version,
    algorithm: Algorithm,
    len: usize,
    open: fn(&mut Layer<P>, &mut [u8]),
) -> Vec<(f64, f64)> {
    let (mut client, mut server) = established::<P>(version, algorithm);
    let per_record = len.min(1 << 14);
    let mut raw = Raw::<R>::new(version, algorithm, per_record);
    let mut raw_server = Raw::<R>::new(version, algorithm, per_record);
    let turns = if len == BULK { TURNS / 10 } else { TURNS };
    let calls = match len {
        0..=100 => 64,
        101..=2_000 => 32,
        2_001..=20_000 => 4,
        _ => 1,
    };
    let content = vec![0x5a; len];
    let (front, rest) = content.split_at(len / 3);
    let (middle, back) = rest.split_at(rest.len() / 2);
    let parts = [front, middle, back];
    let room = if len == BULK { (BULK / per_record) * MAX_RECORD } else { MAX_RECORD };
    let mut ours: Vec<Page> = (0..calls).map(|_| Page::new(room)).collect();
    let mut theirs: Vec<Page> = (0..calls).map(|_| Page::new(room)).collect();
    let mut out = vec![0; MAX_RECORD];

    let turn = |turn: usize| {
        let mut lengths = vec![0; calls];
        if matches!(work, Work::Open | Work::OpenInto) || work.is_in_parts() {
            for ((ours, theirs), length) in ours.iter_mut().zip(&mut theirs).zip(&mut lengths) {
                *length = server
                    .seal(&[&content], ours.bytes())
                    .expect("the buffer is long enough")
                    .written;
                raw_server.seal(theirs.bytes());
            }
        }
        let mut engine = || {
            nanoseconds(calls, |i| {
                let record = black_box(ours[i].bytes());
                match work {
                    Work::SealInPlace => {
                        black_box(
                            client.seal_in_place(record, len).expect("the buffer is long enough"),
                        );
                    }
                    Work::SealCopying | Work::SealBulk => {
                        let sealed = client.seal(&[black_box(&content)], record);
                        assert_eq!(sealed.expect("the buffer is long enough").taken, len);
                    }
                    Work::SealVectored => {
                        let sealed = client.seal(black_box(&parts), record);
                        assert_eq!(sealed.expect("the buffer is long enough").taken, len);
                    }
                    Work::Open => {
                        let opened =
                            client.open(&mut record[..lengths[i]]).expect("a valid record");
                        let Event::ApplicationData(range) = opened.event else {
                            panic!("not application data")
                        };
                        black_box(&record[range]);
                    }
                    Work::OpenInto => {
                        let opened = client
                            .open_into(&[black_box(&record[..lengths[i]])], &mut out)
                            .expect("a valid record");
                        let Event::ApplicationData(range) = opened.event else {
                            panic!("not application data")
                        };
                        black_box(&out[range]);
                    }
                    Work::OpenPieces | Work::OpenArriving => {
                        open(&mut client, &mut record[..lengths[i]]);
                    }
                }
            })
        };
        let mut cipher = || {
            nanoseconds(calls, |i| {
                let record = black_box(theirs[i].bytes());
                match work {
                    Work::Open | Work::OpenInto | Work::OpenPieces | Work::OpenArriving => {
                        raw.open(record);
                    }
                    Work::SealBulk => {
                        let mut rest = record;
                        for _ in 0..BULK / per_record {
                            raw.seal(rest);
                            rest = &mut rest[raw.record_len()..];
                        }
                    }
                    _ => raw.seal(record),
                }
            })
        };
        // The order alternates, because the second one runs with warmer caches.
        if turn.is_multiple_of(2) {
            let ours = engine();
            (ours, cipher())
        } else {
            let cipher = cipher();
            (engine(), cipher)
        }
    };
    let mut turns: Vec<_> = (0..turns + turns / 10).map(turn).collect();
    turns.drain(..turns.len() / 11);
    turns
}

/// Measures calls that take whole records.
fn whole<P: Provider>(
    work: Work,
    version: Version,
    algorithm: Algorithm,
    len: usize,
) -> Vec<(f64, f64)> {
    measure::<P, P>(work, version, algorithm, len, |_, _| unreachable!("a whole record"))
}

fn for_each_case(only: &str, mut run: impl FnMut(&str, &dyn Fn() -> Vec<(f64, f64)>)) {
    for work in Work::ALL {
        for &len in work.lengths() {
            for version in [Version::Tls13, Version::Tls12] {
                for algorithm in
                    [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305]
                {
                    let mut run = |backend, measure: &dyn Fn() -> Vec<(f64, f64)>| {
                        let work = work.name();
                        let name =
                            format!("{work} | {len} | {version:?} | {algorithm:?} | {backend}");
                        if name.contains(only) {
                            run(&name, measure);
                        }
                    };
                    if work.is_in_parts() {
                        let open = match work {
                            Work::OpenPieces => open_pieces,
                            _ => open_arriving,
                        };
                        // Beside the AEAD that takes whole records.
                        run("RustCryptoParts", &|| {
                            measure::<RustCryptoParts, RustCrypto>(
                                work, version, algorithm, len, open,
                            )
                        });
                        continue;
                    }
                    run("ring", &|| whole::<Ring>(work, version, algorithm, len));
                    run("AWS-LC", &|| whole::<AwsLc>(work, version, algorithm, len));
                    run("RustCrypto", &|| whole::<RustCrypto>(work, version, algorithm, len));
                    run("RustCryptoParts", &|| {
                        whole::<RustCryptoParts>(work, version, algorithm, len)
                    });
                }
            }
        }
    }
}

/// Measures in this process, and prints one case on each line.
fn one(only: &str) {
    for_each_case(only, |name, measure| {
        let turns = measure();
        let ratio = Spread::of(turns.iter().map(|(ours, raw)| ours / raw).collect());
        let ours = Spread::of(turns.iter().map(|(ours, _)| *ours).collect());
        let raw = Spread::of(turns.iter().map(|(_, raw)| *raw).collect());
        let Spread { low, median, high } = ratio;
        println!("{name}\t{low}\t{median}\t{high}\t{}\t{}", ours.median, raw.median);
    });
}

fn main() {
    let arguments = Arguments::parse();
    if arguments.one {
        return one(&arguments.only);
    }
    let mut results: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
    for process in 1..=arguments.processes {
        eprintln!("process {process} of {}", arguments.processes);
        let output = Command::new(std::env::current_exe().expect("a program has a path"))
            .args(["--one", "--only", &arguments.only])
            .output()
            .expect("this program starts again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout).expect("UTF-8 output").lines() {
            let mut fields = line.split('\t');
            let name = fields.next().expect("a name").to_owned();
            let numbers = fields.map(|field| field.parse().expect("a number")).collect();
            results.entry(name).or_default().push(numbers);
        }
    }
    println!(
        "| call | content, bytes | version | AEAD | backend | time / time of the AEAD | quartiles | ns per call | AEAD, ns per call |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for_each_case(&arguments.only, |name, _| {
        let processes = &results[name];
        let of = |which: usize| {
            Spread::of(processes.iter().map(|numbers| numbers[which]).collect()).median
        };
        let [low, ratio, high, ours, raw] = [0, 1, 2, 3, 4].map(of);
        println!("| {name} | {ratio:.3} | {low:.3} to {high:.3} | {ours:.0} | {raw:.0} |");
    });
}
