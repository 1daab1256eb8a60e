//! Arbitrary calls with arbitrary buffers on a sender, whose results are predicted.
//!
//! The target predicts every result exactly: the error, the bytes taken, the lengths of the records
//! and their padding. It opens every record with the expected keys and sequence number. An error
//! must change nothing.

mod expected;
mod notices;
mod sealing;

use core::time::Duration;

use tls_record::close::{Trigger, WriteState};
use tls_record::{
    AlertDescription, CloseError, Config, Epoch, KeyError, RecordSizeLimit, RecordSizes, Sealer,
    SuspendError, TrafficSecret, Version, WriteEnd,
};

use crate::checksum::Checksum;
use crate::close::{Alert, Facts, check_abort};
use crate::input::input;
use crate::peer::Direction;
pub use crate::receiving::Stage;
use crate::receiving::check_kernel;
use crate::reference::check_keys;
pub use crate::setup::{Few, Pad, Setup, Suite};
use crate::words;

input! {
    /// The length of the output.
    pub enum Room {
        /// More than is needed.
        Plenty,
        /// Exactly what the first record needs, or a whole flight.
        Exact,
        /// One byte less than needed.
        Short,
        /// This length.
        Of { len: u16, },
    }
}

input! {
    /// An event that the receiving half reports.
    pub enum News {
        /// The peer requested a KeyUpdate.
        UpdateRequested,
        /// The peer closed.
        PeerClosed,
        /// The peer sent an error alert.
        PeerFailed,
        /// The transport ended.
        Truncated,
        /// The peer broke the protocol.
        Fault,
    }
}

input! {
    /// One call on a sender.
    pub enum Call {
        /// Seals data from three slices.
        Seal { len: u16, first: u8, room: Room, },
        /// Seals data in place.
        SealInPlace { len: u16, room: Room, },
        /// Seals handshake messages of one type and length. The last one may lack some bytes.
        Handshake { message_type: u8, len: u16, count: u8, lacks: u8, room: Room, },
        /// Seals a change_cipher_spec.
        ChangeCipherSpec { room: Room, },
        /// Seals the control record that is due.
        Control { room: Room, },
        /// Updates the keys.
        Update { request: bool, },
        /// Refuses a renegotiation.
        Refuse,
        /// Closes.
        Close,
        /// Cancels: a user_canceled before the close_notify.
        Cancel,
        /// Aborts with a fatal alert.
        Abort { description: u8, },
        /// The receiving half reports an event.
        News { news: News, },
        /// The peer answered a KeyUpdate request.
        Answered,
        /// Installs keys.
        Install { stage: Stage, },
        /// Sets the version.
        SetVersion,
        /// Completes a TLS 1.2 handshake.
        Establish,
        /// Sets the fragment limit.
        FragmentLimit { limit: u16, },
        /// Sets the peer's record_size_limit.
        PeerLimit { limit: u16, },
        /// Sets the padding policy.
        Padding { padding: Pad, },
        /// Advances the clock, which changes the record size.
        Tick { milliseconds: u8, },
        /// Applies a notice of arbitrary bits, which no receiving half made.
        Foreign { low: u16, high: u16, },
        /// Takes over keys of another implementation, at this sequence number.
        TakeOver { stage: Stage, number: u8, },
        /// Sets the other version.
        SetOtherVersion,
        /// Hands the keys to the kernel.
        HandToKernel,
        /// Asks how much content fits into `space` bytes.
        ContentLen { space: u16, },
        /// Installs the handshake secret again for these keys.
        InstallAgain { stage: Stage, },
    }
}

input! {
    /// A sender, and the calls on it.
    pub struct Input {
        /// The connection.
        pub setup: Setup,
        /// The installed keys, if any.
        pub stage: Option<Stage>,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "seal";

    fn run(&self) {
        let mut world = World::new(&self.setup);
        if let Some(stage) = &self.stage {
            world.install(stage);
        }
        for call in &self.calls {
            world.call(call);
            world.check();
        }
        while world.control(&Room::Exact) {
            world.check();
        }
    }
}

type Secret = TrafficSecret<Checksum>;

/// The fill byte of memory that must not be written to.
const UNTOUCHED: u8 = 0xa5;

struct World {
    setup: Setup,
    config: Config,
    sealer: Sealer<Secret>,
    mirror: Direction<Checksum>,
    out: Vec<u8>,
    // The expected state
    facts: Facts,
    epoch: Epoch,
    version: Option<Version>,
    fatal: Option<u8>,
    is_update_wanted: bool,
    is_request_due: bool,
    is_request_outstanding: bool,
    refusals: u8,
    are_keys_due: bool,
    is_truncated: bool,
    /// The kernel seals the records.
    is_in_kernel: bool,
    chosen_limit: u16,
    peer_limit: Option<u16>,
    padding: Pad,
    sizes: RecordSizes,
    now: Duration,
    /// The bytes sealed since the last pause, and the time of the last ones.
    run: usize,
    last: Duration,
}

/// Converts a length. Most are short, because otherwise a fuzzer spends its time copying.
fn length(len: u16) -> usize {
    let (len, is_long) = (len >> 4, len & 0xf == 0);
    if is_long { usize::from(len) * 8 } else { usize::from(len % 300) }
}

const SMALL: u16 = 10;
const WARM_UP: usize = 100;
const IDLE: Duration = Duration::from_millis(200);

impl World {
    fn new(setup: &Setup) -> Self {
        let config = setup.config();
        Self {
            setup: setup.clone(),
            config,
            sealer: Sealer::new(config),
            mirror: Direction::start(setup.role()),
            out: Vec::new(),
            facts: Facts::default(),
            epoch: Epoch::Plaintext,
            version: None,
            fatal: None,
            is_update_wanted: false,
            is_request_due: false,
            is_request_outstanding: false,
            refusals: 0,
            are_keys_due: false,
            is_truncated: false,
            is_in_kernel: false,
            chosen_limit: u16::MAX,
            peer_limit: None,
            padding: setup.padding.clone(),
            sizes: RecordSizes::new(SMALL, WARM_UP, IDLE),
            now: Duration::ZERO,
            run: 0,
            last: Duration::ZERO,
        }
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Seal { len, first, room } => self.seal(length(*len), (*first).into(), room),
            Call::SealInPlace { len, room } => self.seal_in_place(length(*len), room),
            Call::Handshake { message_type, len, count, lacks, room } => {
                let len = length(*len);
                let [.., high, low] = len.to_be_bytes();
                let header = [*message_type, 0, high, low];
                let message = [&header[..], &vec![7; len]].concat();
                let mut messages = message.repeat(usize::from(count % 4));
                messages.truncate(messages.len() - usize::from(lacks % 8).min(messages.len()));
                self.handshake(&messages, *message_type, message.len(), room);
            }
            Call::ChangeCipherSpec { room } => self.change_cipher_spec(room),
            Call::Control { room } => drop(self.control(room)),
            Call::Update { request } => self.update(*request),
            Call::Refuse => self.refuse(),
            Call::Close => {
                let expected = self.check_close();
                assert_eq!(self.sealer.close(), expected);
                self.note(Trigger::Close);
            }
            Call::Cancel => {
                let expected = self.check_close();
                assert_eq!(self.sealer.cancel(), expected);
                self.note(Trigger::Cancel);
            }
            Call::Abort { description } => {
                let expected = check_abort(self.state(), *description);
                let aborted = self.sealer.abort(AlertDescription(*description));
                assert_eq!(aborted, expected);
                match aborted {
                    Ok(()) => {
                        self.fail(*description);
                        assert!(
                            self.sealer.has_signal(),
                            "the receiving half must be told to stop"
                        );
                    }
                    Err(CloseError::HandedOver) => self.fail(*description),
                    Err(_) => {}
                }
            }
            Call::News { news } => self.news(news),
            Call::Answered => {
                // Without a request there is no answer.
                if self.is_request_outstanding {
                    self.sealer.apply(self.answer());
                    self.is_request_outstanding = false;
                }
            }
            Call::Install { stage } => self.install(stage),
            Call::TakeOver { stage, number } => {
                self.take_over(stage, stage.seeds().1, (*number).into());
            }
            Call::InstallAgain { stage } => self.take_over(stage, Stage::Handshake.seeds().1, 0),
            Call::SetVersion => self.set_version(self.setup.version()),
            Call::SetOtherVersion => {
                self.set_version(self.setup.suite.of_other_version().version());
            }
            Call::Establish => {
                let is_tls12 = self.version == Some(Version::Tls12);
                let expected = if self.epoch != Epoch::Handshake || !is_tls12 {
                    Err(KeyError::Epoch)
                } else if self.mirror.version().is_some() && self.mirror.sequence == 0 {
                    // The Finished was not sent.
                    Err(KeyError::NonceReuse)
                } else {
                    match self.state() {
                        WriteState::Open => Ok(()),
                        WriteState::HandedOver => Err(KeyError::HandedOver),
                        _ => Err(KeyError::Closed),
                    }
                };
                assert_eq!(self.sealer.establish(), expected);
                if expected.is_ok() {
                    self.epoch = Epoch::Application;
                }
            }
            Call::FragmentLimit { limit } => {
                self.sealer.set_fragment_limit(*limit);
                self.chosen_limit = *limit;
            }
            Call::PeerLimit { limit } => {
                // Small limits are the interesting ones.
                let limit = if limit % 4 == 0 { *limit } else { limit / 4 % 256 };
                let size = RecordSizeLimit::new(limit);
                assert_eq!(size.is_some(), limit >= 64);
                if let Some(size) = size {
                    assert_eq!(size.get(), limit);
                    self.sealer.set_record_size_limit(size);
                    self.peer_limit = Some(limit);
                }
            }
            Call::Padding { padding } => {
                self.sealer.set_padding(padding.policy());
                self.padding = padding.clone();
            }
            Call::Tick { milliseconds } => {
                self.now += Duration::from_millis((*milliseconds).into());
                if self.now - self.last >= IDLE {
                    self.run = 0;
                }
                self.chosen_limit = if self.run < WARM_UP { SMALL } else { u16::MAX };
                let limit = self.sizes.limit(self.now);
                assert_eq!(limit, self.chosen_limit);
                self.sealer.set_fragment_limit(limit);
            }
            Call::Foreign { low, high } => {
                self.foreign(u32::from(*high) << 16 | u32::from(*low));
            }
            Call::HandToKernel => self.hand_to_kernel(),
            Call::ContentLen { space } => self.content_len(length(*space)),
        }
    }

    fn update(&mut self, request: bool) {
        let expected = if self.is_in_kernel {
            Err(KeyError::HandedOver)
        } else if self.facts.write() != WriteState::Open {
            Err(KeyError::Closed)
        } else if !self.may_update() {
            Err(KeyError::NoUpdate)
        } else if request && (self.is_request_outstanding || self.is_request_due) {
            Err(KeyError::RequestOutstanding)
        } else {
            Ok(())
        };
        assert_eq!(self.sealer.update_keys(request), expected);
        let _ = expected.inspect_err(words::check);
        if expected.is_ok() {
            self.is_request_due |= request;
            self.is_update_wanted |= !request;
        }
    }

    fn refuse(&mut self) {
        let is_established = self.epoch == Epoch::Application;
        let expected = if !is_established || self.version != Some(Version::Tls12) {
            Err(KeyError::Epoch)
        } else if self.facts.write() != WriteState::Open || self.is_exhausted() {
            Err(KeyError::Closed)
        } else {
            Ok(())
        };
        assert_eq!(self.sealer.refuse_renegotiation(), expected);
        if expected.is_ok() {
            self.refusals = self.refusals.saturating_add(1);
        }
    }

    /// Installs new keys, at the first sequence number of the epoch.
    fn install(&mut self, stage: &Stage) {
        self.take_over(stage, stage.seeds().1, self.setup.suite.first_number(stage.epoch()));
    }

    fn take_over(&mut self, stage: &Stage, seed: u8, number: u64) {
        let (epoch, version) = (stage.epoch(), self.setup.version());
        let known = self.version.or(self.setup.suite.pinned());
        let secret = || self.setup.suite.secret(seed);
        let mut expected = match self.state() {
            WriteState::HandedOver => Err(KeyError::HandedOver),
            WriteState::Closed | WriteState::Failed => Err(KeyError::Closed),
            // An alert that waits for keys accepts them.
            state if state != WriteState::Open && !self.is_keys_due() => Err(KeyError::Closed),
            _ => check_keys(known, self.epoch, (version, epoch), number),
        };
        if expected.is_ok() && self.mirror.is_under(&secret()) {
            expected = Err(KeyError::SameSecret);
        }
        let installed = match number {
            0 => self.sealer.install(epoch, secret()),
            _ => self.sealer.take_over(epoch, secret(), number),
        };
        assert_eq!(installed, expected);
        let _ = expected.inspect_err(words::check);
        if expected.is_ok() {
            self.mirror = Direction::from(secret(), number);
            (self.epoch, self.version) = (epoch, Some(version));
            self.are_keys_due = false;
        }
    }

    fn set_version(&mut self, version: Version) {
        self.sealer.set_version(version);
        let is_allowed = self.setup.suite.pinned().is_none_or(|pinned| pinned == version);
        if self.version.is_none() && is_allowed {
            self.version = Some(version);
            self.mirror.version_is_known();
        }
    }

    /// Hands the keys to the kernel. Control messages that become due are offered as values.
    fn hand_to_kernel(&mut self) {
        let _ = self.sealer.take_signal();
        let has_keys = self.epoch == Epoch::Application && self.mirror.version().is_some();
        let expected = if !has_keys {
            Err(SuspendError::NotEstablished)
        } else if self.due().is_some() {
            Err(SuspendError::Busy)
        } else if self.state() != WriteState::Open || self.is_exhausted() {
            Err(SuspendError::NotEstablished)
        } else {
            Ok(())
        };
        match self.sealer.hand_to_kernel() {
            Ok(direction) => {
                assert_eq!(expected, Ok(()));
                check_kernel(direction, self.mirror.sequence);
                self.is_in_kernel = true;
                assert_eq!(self.sealer.sequence(), None, "the keys must be wiped");
                self.mirror = Direction::plain();
            }
            Err(error) => {
                assert_eq!(Err(error), expected);
                words::check(&error);
            }
        }
    }

    /// Checks `content_len`, the inverse of `record_len`.
    fn content_len(&self, space: usize) {
        let fits = |content| self.sealer.record_len(content) <= space;
        match self.sealer.content_len(space) {
            Some(content) => {
                assert!(content <= self.max_content() && fits(content));
                assert!(content == self.max_content() || !fits(content + 1), "more content fits");
            }
            None => assert!(!fits(0)),
        }
    }

    /// Checks what must hold after every call.
    fn check(&self) {
        assert_eq!(self.sealer.state(), self.state());
        let has_control = self.due().is_some() && !self.is_in_kernel;
        assert_eq!(self.sealer.has_control(), has_control);
        assert_eq!(self.sealer.epoch(), self.epoch);
        assert_eq!(usize::from(self.sealer.fragment_limit()), self.max_content());
        if let Some(sequence) = self.sealer.sequence() {
            assert_eq!(sequence, self.mirror.sequence);
        }
        if self.is_in_kernel {
            assert_eq!((self.sealer.end(), self.sealer.sequence()), (WriteEnd::HandedOver, None));
            return;
        }
        let is_failed = self.facts.write() == WriteState::Failed;
        if is_failed && self.facts.sent().contains(&Alert::Fatal) {
            let alert = self.fatal.map(AlertDescription).expect("an alert was sent");
            assert_eq!(self.sealer.end(), WriteEnd::AlertSent(alert));
        } else if is_failed {
            assert_eq!(self.sealer.end(), WriteEnd::Failed);
        }
    }
}
