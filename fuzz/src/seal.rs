//! Arbitrary calls with arbitrary buffers on a sender, whose results are predicted.
//!
//! The target predicts every result exactly: the error, the bytes taken, the lengths of the records
//! and their padding. It opens every record with the expected keys and sequence number. An error
//! must change nothing.

use core::time::Duration;

use tls_record::close::{OnPeerClose, Trigger, WriteState};
use tls_record::{
    AlertDescription, CloseError, Config, ContentType, Control, Epoch, Fault, KeyError, Notice,
    Opener, ReadEnd, RecordSizeLimit, RecordSizes, SealError, Sealed, Sealer, Signal, SuspendError,
    TrafficSecret, Version, WriteEnd,
};

use crate::checksum::Checksum;
use crate::close::{Alert, Facts};
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
                match self.sealer.abort(AlertDescription(*description)) {
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

    // The expected state

    fn is_tls13(&self) -> bool {
        self.version == Some(Version::Tls13)
    }

    fn max_content(&self) -> usize {
        let own = self.config.fragment_limit.min(self.chosen_limit).min(1 << 14);
        let peer = match self.peer_limit {
            Some(limit) if self.epoch != Epoch::Plaintext => {
                // RFC 8449 section 4: the limit includes the content type in TLS 1.3.
                limit - u16::from(self.is_tls13())
            }
            _ => u16::MAX,
        };
        usize::from(own.min(peer).max(1))
    }

    /// Returns the length of a record with `content` bytes of content, and the length of its padding.
    fn record_len(&self, content_type: ContentType, content: usize) -> (usize, usize) {
        let unpadded = 5 + content + self.mirror.expansion();
        let is_covered = content_type == ContentType::APPLICATION_DATA || self.setup.pads_control;
        if self.mirror.version() != Some(Version::Tls13) || !is_covered {
            return (unpadded, 0);
        }
        let padding = self.padding.padded(content + 1, self.max_content() + 1) - (content + 1);
        (unpadded + padding, padding)
    }

    /// Returns the first sequence number at which the key may seal only control records.
    fn data_limit(&self) -> u64 {
        if self.mirror.version().is_none() {
            return u64::MAX;
        }
        self.setup.data_limit()
    }

    fn is_exhausted(&self) -> bool {
        self.mirror.sequence >= self.data_limit()
    }

    fn may_update(&self) -> bool {
        let is_open = self.state() == WriteState::Open;
        self.is_tls13() && self.epoch == Epoch::Application && is_open
    }

    /// TLS 1.2: returns whether a change_cipher_spec was sent, but its keys are not installed yet.
    fn is_keys_due(&self) -> bool {
        self.are_keys_due && self.version == Some(Version::Tls12)
    }

    /// Returns the state of the sending direction of the engine. [`Facts`] continues in the kernel.
    fn state(&self) -> WriteState {
        if self.is_in_kernel { WriteState::HandedOver } else { self.facts.write() }
    }

    fn is_update_due(&self) -> bool {
        let is_wanted =
            self.is_update_wanted && self.is_tls13() && self.epoch == Epoch::Application;
        is_wanted || (self.is_exhausted() && self.may_update())
    }

    fn check_close(&self) -> Result<(), CloseError> {
        match self.state() {
            WriteState::Closed => Err(CloseError::AlreadyClosed),
            WriteState::AlertQueued | WriteState::Failed => Err(CloseError::Failed),
            WriteState::HandedOver => Err(CloseError::HandedOver),
            _ if self.is_truncated => Err(CloseError::Truncated),
            _ => Ok(()),
        }
    }

    fn check_open(&self) -> Result<(), SealError> {
        match self.state() {
            WriteState::Open => Ok(()),
            WriteState::CancelQueued | WriteState::CloseQueued | WriteState::Closed => {
                Err(SealError::Closed)
            }
            WriteState::AlertQueued | WriteState::Failed => Err(SealError::Failed),
            WriteState::HandedOver => Err(SealError::HandedOver),
        }
    }

    fn check_keys(&self) -> Result<(), SealError> {
        if self.is_update_due() || self.is_request_due {
            return Err(SealError::ControlFirst);
        }
        if self.is_exhausted() { Err(SealError::KeyExhausted) } else { Ok(()) }
    }

    fn check_data(&self) -> Result<(), SealError> {
        self.check_open()?;
        if !matches!(self.epoch, Epoch::EarlyData | Epoch::Application) {
            return Err(SealError::NoKeys);
        }
        self.check_keys()
    }

    fn note(&mut self, trigger: Trigger) {
        let version = self.version.unwrap_or(Version::Tls13);
        let rule = OnPeerClose::in_version(version, self.config.tls12_on_peer_close);
        self.facts.note(rule, trigger);
        if matches!(self.facts.write(), WriteState::AlertQueued | WriteState::Failed) {
            (self.is_update_wanted, self.is_request_due) = (false, false);
            self.refusals = 0;
        }
        if self.facts.write() == WriteState::Failed {
            // RFC 9846 section 6: the keys are wiped.
            assert_eq!(self.sealer.sequence(), None);
            self.mirror = Direction::plain();
        }
    }

    fn fail(&mut self, alert: u8) {
        let is_first = self.facts.due() != Some(Alert::Fatal);
        self.note(Trigger::Fault);
        if is_first && self.facts.due() == Some(Alert::Fatal) {
            self.fatal = Some(alert);
        }
        (self.is_update_wanted, self.is_request_due, self.refusals) = (false, false, 0);
    }

    // Sealing

    /// Prepares an output, and returns its length.
    fn room(&mut self, room: &Room, need: usize) -> usize {
        let len = match *room {
            Room::Plenty => need + 1000,
            Room::Exact => need,
            Room::Short => need.saturating_sub(1),
            Room::Of { len } => length(len),
        };
        self.out.clear();
        self.out.resize(len, UNTOUCHED);
        len
    }

    #[track_caller]
    fn assert_untouched(&self, from: usize) {
        // Comparing byte by byte would dominate the time of an unoptimized test.
        const BLOCK: [u8; 1024] = [UNTOUCHED; 1024];
        let are_untouched = |bytes: &[u8]| bytes == &BLOCK[..bytes.len()];
        assert!(
            self.out[from..].chunks(BLOCK.len()).all(are_untouched),
            "memory was written that must not be"
        );
    }

    /// Opens the sealed records, which must have this content and these lengths.
    fn take_apart(&mut self, content_type: ContentType, content: &[u8], lens: &[usize]) {
        let (mut at, mut taken) = (0, 0);
        for &len in lens {
            let (total, padding) = self.record_len(content_type, len);
            let record = self.mirror.open(&self.out[at..]);
            assert_eq!((record.content_type, record.total), (content_type, total));
            assert_eq!(record.padding, padding);
            assert_eq!(record.content, &content[taken..][..len]);
            at += total;
            taken += len;
        }
        if !lens.is_empty() {
            self.mirror.end_of_call();
        }
        self.assert_untouched(at);
    }

    fn seal(&mut self, len: usize, first: usize, room: &Room) {
        const DATA: ContentType = ContentType::APPLICATION_DATA;
        let mut content: Vec<u8> = (0..=u8::MAX).collect::<Vec<_>>().repeat(len.div_ceil(256));
        content.truncate(len);
        let (need, _) = self.record_len(DATA, len.min(self.max_content()));
        let room = self.room(room, need);

        let (mut lens, mut expected) = (vec![], self.check_data().map(|()| Sealed::default()));
        if let Ok(Sealed { taken, written }) = &mut expected {
            while *taken < len {
                let numbers = self.mirror.sequence + lens.len() as u64;
                if !lens.is_empty() && numbers >= self.data_limit() {
                    break;
                }
                let part = (len - *taken).min(self.max_content());
                let (total, _) = self.record_len(DATA, part);
                if *written + total > room {
                    break;
                }
                lens.push(part);
                (*taken, *written) = (*taken + part, *written + total);
            }
        }
        if expected.is_ok() && lens.is_empty() && len != 0 {
            expected = Err(SealError::NoSpace { need });
        }
        let (front, back) = content.split_at(first.min(len));
        let sealed = match first {
            0 => self.sealer.seal(&[&content], &mut self.out),
            _ => self.sealer.seal(&[front, &[], back], &mut self.out),
        };
        assert_eq!(sealed, expected);
        let _ = sealed.inspect_err(words::check);
        self.take_apart(DATA, &content, &lens);
        if let Ok(Sealed { taken, .. }) = sealed {
            self.sizes.sealed(taken, self.now);
            (self.run, self.last) = (self.run + taken, self.now);
        }
    }

    fn seal_in_place(&mut self, len: usize, room: &Room) {
        const DATA: ContentType = ContentType::APPLICATION_DATA;
        let max = self.max_content();
        let (need, _) = self.record_len(DATA, len);
        let room = self.room(room, need);
        let expected = match self.check_data() {
            Ok(()) if len > max => Err(SealError::TooLong),
            Ok(()) if need > room => Err(SealError::NoSpace { need }),
            checked => checked.map(|()| need),
        };
        if len <= max {
            assert_eq!(self.sealer.record_len(len), need);
        }
        let sealed = self.sealer.seal_in_place(&mut self.out, len);
        assert_eq!(sealed, expected);
        match sealed {
            Ok(_) => self.take_apart(DATA, &vec![UNTOUCHED; len], &[len]),
            Err(_) => self.assert_untouched(0),
        }
    }

    fn handshake(&mut self, messages: &[u8], message_type: u8, whole: usize, room: &Room) {
        const HANDSHAKE: ContentType = ContentType::HANDSHAKE;
        let max = self.max_content();
        let lens: Vec<usize> = messages.chunks(max).map(<[u8]>::len).collect();
        let need = lens.iter().map(|&len| self.record_len(HANDSHAKE, len).0).sum();
        let room = self.room(room, need);
        let are_whole = messages.len().is_multiple_of(whole);
        let names_update = message_type == 24 && messages.len() >= 4;
        let records = lens.len() as u64;
        let mut falls_due = false;
        let expected = match self.check_open().and_then(|()| self.check_keys()) {
            Ok(()) if self.is_keys_due() => Err(SealError::NoKeys),
            Ok(()) if names_update || !are_whole => Err(SealError::NotHandshake),
            Ok(()) if need > room => Err(SealError::NoSpace { need }),
            Ok(()) if self.mirror.sequence + records > self.data_limit() => {
                falls_due = self.may_update() && records <= self.data_limit();
                Err(if falls_due { SealError::ControlFirst } else { SealError::KeyExhausted })
            }
            checked => checked.map(|()| need),
        };
        let (front, back) = messages.split_at(messages.len().min(3));
        let sealed = self.sealer.seal_handshake(&[front, back], &mut self.out);
        assert_eq!(sealed, expected);
        let _ = sealed.inspect_err(words::check);
        self.is_update_wanted |= falls_due;
        match sealed {
            Ok(_) => self.take_apart(HANDSHAKE, messages, &lens),
            Err(_) => self.assert_untouched(0),
        }
    }

    fn change_cipher_spec(&mut self, room: &Room) {
        let room = self.room(room, 6);
        let version = self.version.or(self.setup.suite.pinned());
        let is_expected = match version {
            Some(Version::Tls13) => self.epoch != Epoch::Application,
            Some(Version::Tls12) => self.epoch == Epoch::Plaintext && !self.are_keys_due,
            None => false,
        };
        let expected = match self.check_open() {
            Ok(()) if !is_expected => Err(SealError::NotHandshake),
            Ok(()) if room < 6 => Err(SealError::NoSpace { need: 6 }),
            checked => checked.map(|()| 6),
        };
        let written = self.sealer.change_cipher_spec(&mut self.out);
        assert_eq!(written, expected);
        if written.is_ok() {
            assert_eq!(self.out[..6], [20, 3, 3, 0, 1, 1]);
            self.version = version;
            self.mirror.version_is_known();
            self.are_keys_due = version == Some(Version::Tls12);
        }
        self.assert_untouched(written.unwrap_or(0));
    }

    /// Returns the control message that is due, with its content type and bytes.
    fn due(&self) -> Option<(Control, ContentType, Vec<u8>)> {
        if self.is_keys_due() {
            // Control waits for the keys.
            return None;
        }
        let alert = |description, level| {
            let control = Control::Alert(AlertDescription(description));
            (control, ContentType::ALERT, vec![level, description])
        };
        let update = |request| {
            let message = vec![24, 0, 0, 1, u8::from(request)];
            (Control::KeyUpdate { request }, ContentType::HANDSHAKE, message)
        };
        let due = self.facts.due();
        if due == Some(Alert::Fatal) {
            return self.fatal.map(|description| alert(description, 2));
        }
        if self.is_update_due() {
            return Some(update(false));
        }
        if self.is_request_due {
            return Some(update(true));
        }
        let is_open = self.facts.write() == WriteState::Open;
        match due {
            Some(Alert::UserCanceled) => Some(alert(90, 1)),
            Some(_) => Some(alert(0, 1)),
            None => {
                let refuses = self.refusals != 0 && is_open && !self.is_exhausted();
                refuses.then(|| alert(100, 1))
            }
        }
    }

    /// Seals the control record that is due. Returns whether there was one.
    fn control(&mut self, room: &Room) -> bool {
        let due = self.due();
        if self.is_in_kernel {
            self.room(room, 0);
            assert_eq!((self.sealer.has_control(), self.sealer.next_control()), (false, None));
            assert_eq!(
                self.sealer.poll_control(&mut self.out),
                Ok(0),
                "the kernel seals control messages"
            );
            self.assert_untouched(0);
        }
        let in_kernel = self.sealer.take_kernel_control();
        if self.is_in_kernel {
            assert_eq!(in_kernel, due.as_ref().map(|(control, ..)| *control));
            let Some((control, content_type, content)) = due else { return false };
            let message = control.message();
            assert_eq!((message.content_type(), message.as_bytes()), (content_type, &content[..]));
            self.control_sealed(control);
            return true;
        }
        assert_eq!(in_kernel, None, "without the kernel, control is sealed here");
        assert_eq!(self.sealer.next_control(), due.as_ref().map(|(control, ..)| *control));
        assert_eq!(self.sealer.has_control(), due.is_some());
        let Some((control, content_type, message)) = due else {
            self.room(room, 0);
            assert_eq!(self.sealer.poll_control(&mut self.out), Ok(0));
            self.assert_untouched(0);
            return false;
        };
        let (need, _) = self.record_len(content_type, message.len());
        assert!(need <= self.sealer.control_len(), "control_len must be enough");
        let room = self.room(room, need);
        let sealed = self.sealer.poll_control(&mut self.out);
        if room < need {
            assert_eq!(sealed, Err(SealError::NoSpace { need }));
            self.assert_untouched(0);
            return true;
        }
        assert_eq!(sealed, Ok(need));
        self.take_apart(content_type, &message, &[message.len()]);
        if matches!(control, Control::KeyUpdate { .. }) {
            self.mirror.update();
        }
        self.control_sealed(control);
        true
    }

    /// Records that a control message was sent.
    fn control_sealed(&mut self, control: Control) {
        match control {
            Control::KeyUpdate { request } => {
                if request {
                    self.is_request_due = false;
                    self.is_request_outstanding = true;
                    assert!(self.sealer.has_signal(), "the receiving half must be told");
                } else {
                    self.is_update_wanted = false;
                }
            }
            Control::Alert(AlertDescription::NO_RENEGOTIATION) => self.refusals -= 1,
            Control::Alert(_) => self.note(Trigger::AlertSealed),
        }
    }

    // Calls

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

    // The receiving half

    fn news(&mut self, news: &News) {
        if self.facts.read() != tls_record::close::ReadState::Open {
            // After the end it reports nothing more.
            return;
        }
        match news {
            News::UpdateRequested => {
                if self.setup.version() == Version::Tls13 {
                    let notice = self.notice(ContentType::HANDSHAKE, &[24, 0, 0, 1, 1]);
                    self.sealer.apply(notice);
                    let is_open = self.facts.write() == WriteState::Open;
                    self.is_update_wanted |= is_open && self.is_tls13();
                }
            }
            News::PeerClosed => {
                let notice = self.notice(ContentType::ALERT, &[1, 0]);
                self.sealer.apply(notice);
                self.note(Trigger::PeerCloseNotify);
            }
            News::PeerFailed => {
                let notice = self.notice(ContentType::ALERT, &[2, 80]);
                self.sealer.apply(notice);
                self.note(Trigger::PeerError);
                // Also after our close_notify was sent.
                assert_eq!(self.sealer.sequence(), None);
                self.mirror = Direction::plain();
            }
            News::Truncated => {
                let mut opener = Opener::<Secret>::new(self.config);
                opener.eof();
                self.sealer.apply(opener.take_notice());
                self.note(Trigger::TransportEof);
                self.is_truncated = true;
                let closed = self.sealer.close();
                assert_eq!(closed, self.check_close());
                self.note(Trigger::Close);
                assert!(closed.is_err(), "a close reports the truncation");
            }
            News::Fault => {
                let notice = self.notice(ContentType::ALERT, &[]);
                self.sealer.apply(notice);
                self.fail(AlertDescription::UNEXPECTED_MESSAGE.0);
            }
        }
    }

    /// Applies a notice of arbitrary bits, which no receiving half would make.
    fn foreign(&mut self, bits: u32) {
        let notice = Notice::from_bits(bits);
        assert_eq!(Notice::from_bits(notice.bits()), notice);
        let has = |bit: u32| bits >> bit & 1 == 1;
        let alert = has(8).then_some(match bits.to_le_bytes()[0] {
            // Alerts that do not end the connection.
            0 | 90 | 100 => AlertDescription::INTERNAL_ERROR.0,
            alert => alert,
        });
        assert_eq!(notice.bits() >> 8, bits >> 8 & 0x3f);
        assert_eq!(notice.bits().to_le_bytes()[0], alert.unwrap_or(0));

        self.foreign_signal(bits, alert.map(AlertDescription));
        self.sealer.apply(notice);
        // The sending half does not know the state of the receiving half, so a notice may
        // contradict it.
        self.facts.forget_receiving();
        if has(10) {
            self.note(Trigger::PeerCloseNotify);
            self.facts.forget_receiving();
        }
        self.is_request_outstanding &= !has(12);
        let may_answer = self.facts.write() == WriteState::Open && self.is_tls13();
        self.is_update_wanted |= has(11) && may_answer;
        self.is_truncated |= has(13);
        if let Some(alert) = alert {
            self.fail(alert);
            self.facts.forget_receiving();
        }
        if has(9) {
            self.note(Trigger::PeerError);
            (self.is_update_wanted, self.is_request_due, self.refusals) = (false, false, 0);
            self.mirror = Direction::plain();
        }
        self.facts.forget_receiving();
    }

    /// Applies the same bits to a receiving half: only an alert in them ends it.
    fn foreign_signal(&self, bits: u32, alert: Option<AlertDescription>) {
        let signal = Signal::from_bits(bits);
        assert_eq!(Signal::from_bits(signal.bits()), signal);
        let (mut opener, mut peer) = self.established();
        opener.apply(signal);
        let by_cipher = bits >> 10 & 1 == 1;
        let end = match alert {
            Some(_) if by_cipher => ReadEnd::Fault(Fault::Crypto),
            Some(alert) => ReadEnd::Fault(Fault::Aborted(alert)),
            None => ReadEnd::Open,
        };
        assert_eq!(opener.end(), end);
        let mut record = peer.seal(ContentType::APPLICATION_DATA, b"data", 0);
        assert_eq!(opener.open(&mut record).is_ok(), alert.is_none());
        assert!(!opener.has_notice(), "there must be no notice");
    }

    /// Returns the notice of a receiving half that opened this record.
    fn notice(&self, content_type: ContentType, content: &[u8]) -> Notice {
        let (mut opener, mut peer) = self.established();
        let _ = opener.open(&mut peer.seal(content_type, content, 0));
        let notice = opener.take_notice();
        assert_eq!(Notice::from_bits(notice.bits()), notice);
        assert_ne!(format!("{notice:?}"), format!("{:?}", Notice::NONE));
        notice
    }

    /// Returns the notice of a receiving half when the peer answers a request.
    fn answer(&self) -> Notice {
        let (mut opener, mut peer) = self.established();
        let mut sealer = Sealer::<Secret>::new(self.config);
        sealer.install(Epoch::Application, self.setup.suite.secret(1)).expect("valid keys");
        sealer.update_keys(true).expect("a request");
        sealer.poll_control(&mut vec![0; 1 << 15]).expect("the buffer is long enough");
        opener.apply(sealer.take_signal());
        let _ = opener.open(&mut peer.seal(ContentType::HANDSHAKE, &[24, 0, 0, 1, 0], 0));
        opener.take_notice()
    }

    fn established(&self) -> (Opener<Secret>, Direction<Checksum>) {
        let mut config = self.config;
        config.limits = tls_record::Limits::DEFAULT;
        config.record_size_limit = None;
        let mut opener = Opener::new(config);
        let secret = || self.setup.suite.secret(1);
        let number = self.setup.suite.first_number(Epoch::Application);
        opener.take_over(Epoch::Application, secret(), number).expect("valid keys");
        (opener, Direction::from(secret(), number))
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
