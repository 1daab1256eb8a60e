//! Arbitrary bytes and records to a receiver, with keys of every epoch, version and cipher.
//!
//! See [`receiving`](crate::receiving).

use tls_record::aead::null::Null;
use tls_record::aead::ring::Ring;

use crate::checksum::Checksum;
use crate::input::input;
pub use crate::receiving::{Call, Kind, Limit, MessageKind, Stage};
use crate::receiving::{Way, World};
pub use crate::setup::{Few, Pad, Setup, Suite};

input! {
    /// The cipher of the engine.
    pub enum Cipher {
        /// The null cipher: coverage is not stopped by the tag, and forged records can open.
        Null,
        /// The checksum cipher, which detects every change.
        Checksum,
        /// The ciphers of ring.
        Ring,
    }
}

input! {
    /// A connection, and the calls on it.
    pub struct Input {
        /// The connection.
        pub setup: Setup,
        /// Its cipher.
        pub cipher: Cipher,
        /// Whether records are opened into another buffer.
        pub into: bool,
        /// The installed keys.
        pub stage: Stage,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "open";

    fn run(&self) {
        let Self { setup, cipher, into, stage, calls } = self;
        let way = if *into { Way::Into } else { Way::InPlace };
        match cipher {
            Cipher::Null => World::<Null>::at(setup, way, stage).run(calls),
            Cipher::Checksum => World::<Checksum>::at(setup, way, stage).run(calls),
            Cipher::Ring => World::<Ring>::at(setup, way, stage).run(calls),
        }
    }
    fn has_real_cipher(&self) -> bool {
        self.cipher == Cipher::Ring
    }
}
