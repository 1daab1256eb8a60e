//! Each fuzz target over seeded random input, on a stable compiler: the same input in every run.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use arbitrary::{Arbitrary, Unstructured};
use tls_record_fuzz::open;

const INPUTS: u64 = 20_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Runs a target over all inputs; prints the one that fails.
fn run<I>(target: impl Fn(&I))
where
    I: for<'a> Arbitrary<'a> + std::fmt::Debug,
{
    for seed in 0..INPUTS {
        let mut random = Random(seed);
        let len = random.next() % 600;
        let bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        let Ok(input) = I::arbitrary_take_rest(Unstructured::new(&bytes)) else { continue };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            eprintln!("seed {seed}: {input:#?}");
            resume_unwind(panic);
        }
    }
}

#[test]
fn open() {
    run(open::run);
}
