//! Tests whether the time of `open` depends on the padding, with the method of dudect (Reparaz,
//! Balasch, Verbauwhede: Dude, is my code constant time?, 2017).
//!
//! ```text
//! cargo run --release -p tls-record-benches --bin padding_timing
//! ```
//!
//! Records of one length, half of them without padding and half with one byte of content, arrive in
//! random order. Welch's t-test compares the times of opening them. `benches/README.md` explains
//! the result.

use std::hint::black_box;
use std::time::Instant;

use tls_record::aead::null::Null;
use tls_record_benches::padded::{Scan, open, pair, seal};

const RECORDS: usize = 400_000;
const BATCH: usize = 64;

/// The mean and the variance of one class, by Welford's algorithm.
#[derive(Default)]
struct Class {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Class {
    fn add(&mut self, time: f64) {
        self.count += 1.0;
        let distance = time - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (time - self.mean);
    }

    /// Returns the variance of the mean.
    fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// Returns Welch's t of the times up to `limit`.
fn t(times: &[(bool, f64)], limit: f64) -> f64 {
    let mut classes = [Class::default(), Class::default()];
    for &(is_padded, time) in times.iter().filter(|(_, time)| *time <= limit) {
        classes[usize::from(is_padded)].add(time);
    }
    let [unpadded, padded] = classes;
    (padded.mean - unpadded.mean) / (padded.variance() + unpadded.variance()).sqrt()
}

/// Opens records with an inner plaintext of `inner` bytes, and returns the time of each in
/// nanoseconds.
fn measure(scan: Scan, inner: u16) -> Vec<(bool, f64)> {
    let (mut client, mut server) = pair::<Null>(scan, inner);
    let mut wire = vec![vec![0; usize::from(inner) + 64]; BATCH];
    let mut times = Vec::with_capacity(RECORDS);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    while times.len() < RECORDS {
        let batch: Vec<_> = wire
            .iter_mut()
            .map(|out| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let is_padded = random >> 63 == 1;
                let content = if is_padded { 1 } else { usize::from(inner) - 1 };
                (is_padded, seal(&mut server, content, out))
            })
            .collect();
        for (out, (is_padded, length)) in wire.iter_mut().zip(batch) {
            let before = Instant::now();
            black_box(open(&mut client, black_box(&mut out[..length])));
            times.push((is_padded, before.elapsed().as_nanos() as f64));
        }
    }
    times
}

fn main() {
    println!("Welch's t of padded and unpadded records, without the slowest 10, 1 and 0 %");
    for inner in [1_024, 16_385] {
        for scan in [Scan::Naive, Scan::ConstantTime] {
            let times = measure(scan, inner);
            let mut sorted: Vec<_> = times.iter().map(|(_, time)| *time).collect();
            sorted.sort_by(f64::total_cmp);
            let [most, nearly_all, all] =
                [90, 99, 100].map(|percent| t(&times, sorted[(RECORDS - 1) * percent / 100]));
            println!(
                "{scan:?}, {inner} bytes: {most:.1} {nearly_all:.1} {all:.1} (median {} ns)",
                sorted[RECORDS / 2]
            );
        }
    }
}
