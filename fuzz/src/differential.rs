//! Gives the same records to the engine and to another implementation, and compares the results.
//!
//! They must agree, except for the named differences. See [`tls_record_tests::differential`]: a
//! test runs it with random plans, and this target with the plans of a fuzzer.
//!
//! Each run makes a handshake. The keys are new each time, and the result does not depend on them.

use std::cell::LazyCell;

use tls_record_tests::differential::{self, Plan, Stack, Stage};
use tls_record_tests::peers::{Role, Suite, Version};

use crate::input::input;
pub use crate::receiving::Kind;

input! {
    /// A part of a stream.
    pub enum Part {
        /// Data, in records of at most `fragment` bytes.
        Data { len: u16, fragment: u16, },
        /// A record of data, which is padded in TLS 1.3.
        Padded { len: u8, padding: u8, },
        /// Empty records.
        Empty { count: u8, },
        /// KeyUpdates, in TLS 1.3.
        KeyUpdates { requested: bool, count: u8, },
        /// A KeyUpdate in two records, in TLS 1.3.
        SplitKeyUpdate { at: u8, },
        /// A record with too much content.
        TooLong { excess: u8, },
        /// Alerts.
        Alerts { level: u8, description: u8, count: u8, },
        /// An alert record whose content is not an alert.
        NoAlert { content: Vec<u8>, },
        /// A close_notify.
        Close,
    }
}

impl Part {
    /// Converts the part. A count is small, or more than is tolerated.
    fn step(&self) -> differential::Step {
        use differential::Step;
        let few = |count: u8| usize::from(if count < 224 { count % 4 } else { count % 40 });
        match *self {
            Self::Data { len, fragment } => {
                let fragment = 1 + usize::from(fragment) % 16_384;
                let len = usize::from(if len % 8 == 0 { len } else { len % 300 });
                Step::Data { len: len.min(fragment * 40), fragment }
            }
            Self::Padded { len, padding } => {
                Step::Padded { len: len.into(), padding: padding.into() }
            }
            Self::Empty { count } => Step::Empty { count: few(count) },
            Self::KeyUpdates { requested, count } => {
                Step::KeyUpdates { value: requested.into(), count: few(count) }
            }
            Self::SplitKeyUpdate { at } => Step::SplitKeyUpdate { at: usize::from(at % 5) },
            Self::TooLong { excess } => Step::TooLong { excess: 1 + usize::from(excess % 20) },
            Self::Alerts { level, description, count } => Step::Alerts {
                content: vec![1 + level % 2, description],
                count: 1 + usize::from(count % 6),
            },
            Self::NoAlert { ref content } => {
                let mut content = content.clone();
                content.truncate(3);
                Step::Alerts { content, count: 1 }
            }
            Self::Close => Step::Alerts { content: vec![1, 0], count: 1 },
        }
    }
}

input! {
    /// What is done to the stream.
    pub enum Tampering {
        /// Nothing.
        None,
        /// It ends early.
        Truncate { at: u16, },
        /// A bit of a header is flipped.
        FlipHeader { record: u8, byte: u8, bit: u8, },
        /// A bit of a body is flipped.
        FlipBody { record: u8, byte: u16, bit: u8, },
        /// An unprotected record is inserted.
        Inject { before: u8, kind: Kind, content: Vec<u8>, },
    }
}

impl Tampering {
    fn plan(&self) -> differential::Tampering {
        use differential::Tampering as Plan;
        match self {
            Self::None => Plan::None,
            Self::Truncate { at } => Plan::Truncate { at: (*at).into() },
            Self::FlipHeader { record, byte, bit } => Plan::FlipHeader {
                record: (*record).into(),
                byte: usize::from(byte % 5),
                bit: bit % 8,
            },
            Self::FlipBody { record, byte, bit } => {
                Plan::FlipBody { record: (*record).into(), byte: (*byte).into(), bit: bit % 8 }
            }
            Self::Inject { before, kind, content } => Plan::Inject {
                before: (*before).into(),
                content_type: match kind {
                    // Another content type is the same as a flipped bit of the header.
                    Kind::Other { .. } => Kind::Data.content_type(),
                    kind => kind.content_type(),
                },
                content: content.clone(),
            },
        }
    }
}

input! {
    /// A stream of records, and its receiver.
    pub struct Case {
        /// TLS 1.2.
        pub tls12: bool,
        /// The receiver is the server.
        pub is_server: bool,
        /// The cipher suite.
        pub suite: u8,
        /// The length of the pieces in which the stream arrives.
        pub piece: u16,
        /// What is done to the stream.
        pub tampering: Tampering,
        /// The parts of the stream.
        pub parts: Vec<Part>,
    }
}

/// The stages of both versions, whose certificates and configurations are made once.
struct Stages {
    tls12: Stage,
    tls13: Stage,
}

impl Stages {
    fn new(stack: Stack) -> Self {
        Self { tls12: Stage::new(stack, Version::Tls12), tls13: Stage::new(stack, Version::Tls13) }
    }
}

thread_local! {
    static OPENSSL: LazyCell<Stages> = LazyCell::new(|| Stages::new(Stack::Openssl));
    static RUSTLS: LazyCell<Stages> = LazyCell::new(|| Stages::new(Stack::Rustls));
}

impl Case {
    /// Gives the stream to the implementation and to the engine.
    ///
    /// # Panics
    /// If they differ, and the difference has no name.
    pub fn run(&self, stack: Stack) {
        let plan = Plan {
            role: if self.is_server { Role::Server } else { Role::Client },
            suite: Suite::ALL[usize::from(self.suite) % Suite::ALL.len()],
            // More steps have found nothing more.
            steps: self.parts.iter().take(8).map(Part::step).collect(),
            tampering: self.tampering.plan(),
            pieces: vec![1 + usize::from(self.piece)],
        };
        let stages = match stack {
            Stack::Openssl => &OPENSSL,
            Stack::Rustls => &RUSTLS,
        };
        let checked = stages.with(|stages| {
            let stage = if self.tls12 { &stages.tls12 } else { &stages.tls13 };
            stage.check(&plan)
        });
        if let Err(difference) = checked {
            panic!("{difference}");
        }
    }
}
