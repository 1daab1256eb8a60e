//! A receiver from its first byte: plaintext, early data, handshake keys and application keys.
//!
//! Early data is accepted or skipped, and the fuzzer chooses where keys change. See
//! [`receiving`](crate::receiving).

use crate::checksum::Checksum;
use crate::input::input;
pub use crate::receiving::{Call, Kind, Limit, MessageKind, Stage};
use crate::receiving::{Way, World};
pub use crate::setup::{Few, Pad, Setup, Suite};

input! {
    /// A connection, and the calls on it.
    pub struct Input {
        /// The connection.
        pub setup: Setup,
        /// Whether records are opened into another buffer.
        pub into: bool,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "handshake_epochs";

    fn run(&self) {
        let way = if self.into { Way::Into } else { Way::InPlace };
        // The null cipher would open forged records, which could not be told from early data to skip.
        World::<Checksum>::new(&self.setup, way).run(&self.calls);
    }
}
