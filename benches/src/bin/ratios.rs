//! How much longer a record takes than its AEAD alone, on the same bytes.
//!
//! ```text
//! cargo run --release -p tls-record-benches --bin ratios
//! ```
//!
//! Engine and cipher take turns, and each turn of both gives a ratio, so that what else the machine
//! does cancels out. A process gives the median of its ratios and their quartiles; the table has the
//! median over several processes, because where things lie in memory differs between them.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::Command;

use clap::Parser;
use tls_record::aead::{
    Aead, Algorithm, Provider, aws_lc::AwsLc, ring::Ring, rustcrypto::RustCrypto,
};
use tls_record::{Event, MAX_RECORD, Version};
use tls_record_benches::established;
use tls_record_benches::timing::{Page, Spread, nanoseconds};

/// Turns of each process.
const TURNS: usize = 1_001;

/// The content of `bulk`.
const BULK: usize = 1 << 20;

#[derive(Parser)]
struct Arguments {
    /// How many processes to take the median of.
    #[arg(long, default_value_t = 5)]
    processes: usize,
    /// Only what has this in its name.
    #[arg(long, default_value = "")]
    only: String,
    /// Run once, here, and print numbers for the table.
    #[arg(long, hide = true)]
    one: bool,
}

/// What the engine does with a record.
#[derive(Clone, Copy, Debug)]
enum Work {
    SealInPlace,
    SealCopying,
    SealVectored,
    SealBulk,
    Open,
}

impl Work {
    const ALL: [Self; 5] =
        [Self::SealInPlace, Self::SealCopying, Self::SealVectored, Self::SealBulk, Self::Open];

    const fn name(self) -> &'static str {
        match self {
            Self::SealInPlace => "seal in place",
            Self::SealCopying => "seal copying",
            Self::SealVectored => "seal three slices",
            Self::SealBulk => "seal in one call",
            Self::Open => "open",
        }
    }

    const fn lengths(self) -> &'static [usize] {
        match self {
            Self::SealBulk => &[BULK],
            _ => &[64, 1_024, 16_384],
        }
    }
}

/// A cipher by itself, on the bytes of a record.
struct Raw<P: Provider> {
    aead: P::Aead,
    additional_data: Vec<u8>,
    /// Where content and inner type lie in a record.
    start: usize,
    len: usize,
    count: u64,
}

impl<P: Provider> Raw<P> {
    /// On records with `content` bytes, with the keys of the client of [`established`].
    fn new(version: Version, algorithm: Algorithm, content: usize) -> Self {
        let (additional_data, start, len) = match version {
            Version::Tls13 => (5, 5, content + 1),
            Version::Tls12 if algorithm.has_explicit_nonce() => (13, 13, content),
            Version::Tls12 => (13, 5, content),
        };
        let aead = P::aead(algorithm, &vec![2; algorithm.key_len()]).expect("there are all three");
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
        self.aead.seal(&nonce, &self.additional_data, inner, tag).expect("a cipher that works");
    }

    fn open(&mut self, record: &mut [u8]) {
        let nonce = self.nonce();
        let tag_len = self.aead.tag_len();
        let (inner, tag) = record[self.start..][..self.len + tag_len].split_at_mut(self.len);
        self.aead.open(&nonce, &self.additional_data, inner, tag).expect("what it sealed itself");
    }
}

/// Nanoseconds of the engine and of its cipher, turn by turn.
fn measure<P: Provider>(
    work: Work,
    version: Version,
    algorithm: Algorithm,
    len: usize,
) -> Vec<(f64, f64)> {
    let (mut client, mut server) = established::<P>(version, algorithm);
    let per_record = len.min(1 << 14);
    let mut raw = Raw::<P>::new(version, algorithm, per_record);
    let mut raw_server = Raw::<P>::new(version, algorithm, per_record);
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

    let turn = |turn: usize| {
        let mut lengths = vec![0; calls];
        if matches!(work, Work::Open) {
            for ((ours, theirs), length) in ours.iter_mut().zip(&mut theirs).zip(&mut lengths) {
                *length = server.seal(&[&content], ours.bytes()).expect("room for it").written;
                raw_server.seal(theirs.bytes());
            }
        }
        let mut engine = || {
            nanoseconds(calls, |i| {
                let record = black_box(ours[i].bytes());
                match work {
                    Work::SealInPlace => {
                        black_box(client.seal_in_place(record, len).expect("room for it"));
                    }
                    Work::SealCopying | Work::SealBulk => {
                        let sealed = client.seal(&[black_box(&content)], record);
                        assert_eq!(sealed.expect("room for it").taken, len);
                    }
                    Work::SealVectored => {
                        let sealed = client.seal(black_box(&parts), record);
                        assert_eq!(sealed.expect("room for it").taken, len);
                    }
                    Work::Open => {
                        let opened = client.open(&mut record[..lengths[i]]).expect("a good record");
                        let Event::ApplicationData(range) = opened.event else { panic!("no data") };
                        black_box(&record[range]);
                    }
                }
            })
        };
        let mut cipher = || {
            nanoseconds(calls, |i| {
                let record = black_box(theirs[i].bytes());
                match work {
                    Work::Open => raw.open(record),
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
        // Whoever comes second finds a warmer processor.
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
                    run("ring", &|| measure::<Ring>(work, version, algorithm, len));
                    run("AWS-LC", &|| measure::<AwsLc>(work, version, algorithm, len));
                    run("RustCrypto", &|| measure::<RustCrypto>(work, version, algorithm, len));
                }
            }
        }
    }
}

/// Prints the numbers of this process: a case on a line.
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
            .expect("it runs again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout).expect("text").lines() {
            let mut fields = line.split('\t');
            let name = fields.next().expect("a name").to_owned();
            let numbers = fields.map(|field| field.parse().expect("a number")).collect();
            results.entry(name).or_default().push(numbers);
        }
    }
    println!("| | bytes | version | AEAD | backend | over the AEAD | quartiles | ns | AEAD, ns |");
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
