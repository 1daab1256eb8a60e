//! Runs each fuzz target over its committed corpus and over seeded random inputs, with a stable
//! compiler.
//!
//! The inputs are the same in every run.

use std::fs;

use tls_record_fuzz::{TARGETS, Target, pack, seeds};

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

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target of this name")
}

fn run(name: &str) {
    let target = target(name);
    for input in pack::corpus(name).expect("a corpus") {
        (target.run)(&input);
    }
    for seed in 0..target.inputs {
        let mut random = Random(seed);
        let len = random.next() % 400;
        let bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        (target.run)(&bytes);
    }
}

macro_rules! targets {
    ($($(#[$attribute:meta])? $name:ident,)*) => { $(
        $(#[$attribute])?
        #[test]
        fn $name() {
            run(stringify!($name));
        }
    )* };
}

targets! {
    header,
    alert,
    close,
    open,
    seal,
    handshake_epochs,
    duplex,
    connection,
    suspend,
    takeover,
    parts,
    c_api,
    c_connection,
    #[cfg(feature = "peers")] stream,
    #[cfg(feature = "peers")] differential_rustls,
    #[cfg(feature = "peers")] differential_openssl,
}

#[test]
fn corpora_written_by_hand_match_their_source() {
    for (target, name, bytes) in seeds::all() {
        let file = fs::read(pack::corpora().join(target).join(name));
        assert_eq!(file.ok(), Some(bytes), "{target}/{name}: run `corpus seeds`");
    }
}

#[test]
fn corpora_are_small() {
    let mut total = 0;
    for target in TARGETS {
        for input in pack::corpus(target.name).expect("a corpus") {
            total += input.len();
            let canonical = (target.canonical)(&input);
            assert_eq!(
                (target.canonical)(&canonical),
                canonical,
                "encoding and decoding again must change nothing"
            );
        }
    }
    assert!(total < 2 << 20, "{total} bytes");
}

#[test]
fn unpacking_a_pack_returns_its_inputs() {
    let inputs = vec![vec![], vec![1], vec![2, 3, 4]];
    assert_eq!(pack::unpack(&pack::pack(inputs.clone())).expect("a pack"), inputs);
    assert!(pack::unpack(&[5, 0, 1]).is_err(), "the pack ends within an input");
}
