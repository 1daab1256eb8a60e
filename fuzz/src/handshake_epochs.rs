//! A receiver from its first byte: plaintext, early data that is taken or skipped, handshake keys,
//! application keys, each change of keys at a place of the fuzzer's choice. See
//! [`receiving`](crate::receiving).

use crate::checksum::Checksum;
use crate::input::input;
pub use crate::receiving::{Call, Kind, Limit, MessageKind, Stage};
use crate::receiving::{Way, World};
pub use crate::setup::{Few, Pad, Setup, Suite};

input! {
    /// A connection and what happens to it.
    pub struct Input {
        /// The connection.
        pub setup: Setup,
        /// Whether records are opened into another buffer.
        pub into: bool,
        /// What happens, in this order.
        pub calls: Vec<Call>,
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "handshake_epochs";

    fn run(&self) {
        let way = if self.into { Way::Into } else { Way::InPlace };
        // A forgery that passed could not be told from early data that is to be skipped.
        World::<Checksum>::new(&self.setup, way).run(&self.calls);
    }
}
