//! Each fuzz target over seeded random input, on a stable compiler: the same input in every run.

use tls_record_fuzz::{TARGETS, Target};

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

fn random(name: &str) {
    let target = target(name);
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
            random(stringify!($name));
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
    #[cfg(feature = "peers")] stream,
    #[cfg(feature = "peers")] differential_rustls,
    #[cfg(feature = "peers")] differential_openssl,
}
