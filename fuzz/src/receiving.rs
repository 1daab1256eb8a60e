//! A connection of the engine with a peer that sends arbitrary bytes, compared with the
//! [`Reference`].
//!
//! For all input, in all pieces, the engine and the reference must return the same results. The
//! engine must send what is due according to [`Facts`], with the keys that the peer expects.

mod calls;
mod keys;

pub use calls::{Call, Kind, Limit, MessageKind, Secrets, Stage};
pub(crate) use keys::check_kernel;

use tls_record::aead::Provider;
use tls_record::close::{OnPeerClose, ReadState, Trigger, WriteState};
use tls_record::{
    AlertDescription, CloseError, ContentType, Control, Epoch, Event, KeyError, OpenError, Opened,
    Padding, ReadEnd, RecordLayer, Role, SealError, ShutdownError, TrafficSecret, Version,
    WriteEnd,
};

use crate::close::{Alert, Facts, check_abort};
use crate::peer::{Direction, header};
use crate::reference::{Outcome, Reference};
use crate::setup::{Setup, Suite};
use crate::words;

/// An unlimited length.
const ALL: usize = usize::MAX;

/// The function that opens records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// [`RecordLayer::open`], in place.
    InPlace,
    /// [`RecordLayer::open_into`], from two pieces into another buffer.
    Into,
}

impl Way {
    const fn other(self) -> Self {
        match self {
            Self::InPlace => Self::Into,
            Self::Into => Self::InPlace,
        }
    }
}

/// The engine, its peer and the reference.
pub struct World<P: Provider> {
    suite: Suite,
    role: Role,
    /// The first sequence number at which a key may seal only control records.
    data_limit: u64,
    on_peer_close: OnPeerClose,
    way: Way,
    layer: RecordLayer<TrafficSecret<P>>,
    reference: Reference<P>,
    facts: Facts,
    /// The bytes that the peer sent and the engine has not consumed.
    wire: Vec<u8>,
    peer_out: Direction<P>,
    peer_in: Direction<P>,
    /// The buffers for records opened out of place, and for sealed records.
    opened: Vec<u8>,
    out: Vec<u8>,
    /// The fatal alert that is due or was sent.
    fatal: Option<u8>,
    /// A KeyUpdate is due, because the peer requested one.
    is_update_due: bool,
    /// A KeyUpdate was opened, and there may be more of the same input: the sending half learns of
    /// the KeyUpdate, and of a request in it, after the input is opened.
    is_update_untold: bool,
    is_request_untold: bool,
    /// The input ended with data: the sending half takes the pending notice when it is next called.
    is_told_when_asked: bool,
    /// The kernel seals the records that are sent.
    is_in_kernel: bool,
    /// The sending half has the keys of `peer_in`.
    has_own_keys: bool,
    /// The version of the sending half.
    own_version: Option<Version>,
    /// The number of no_renegotiation alerts that are due.
    refusals: u8,
}

impl<P: Provider> World<P> {
    /// Creates a connection before its first byte.
    pub fn new(setup: &Setup, way: Way) -> Self {
        let config = setup.config();
        Self {
            suite: setup.suite.clone(),
            role: setup.role(),
            data_limit: setup.data_limit(),
            on_peer_close: config.tls12_on_peer_close,
            way,
            layer: RecordLayer::new(config),
            reference: Reference::new(&config),
            facts: Facts::default(),
            wire: Vec::new(),
            peer_out: Direction::plain(),
            peer_in: Direction::start(setup.role()),
            opened: Vec::new(),
            // Enough for 255 bytes in the smallest records, or for padding to the largest record.
            out: vec![0; if config.padding == Padding::None { 2048 } else { 1 << 15 }],
            fatal: None,
            is_update_due: false,
            is_update_untold: false,
            is_told_when_asked: false,
            is_request_untold: false,
            is_in_kernel: false,
            has_own_keys: false,
            own_version: None,
            refusals: 0,
        }
    }

    /// Creates a connection with the keys of this stage.
    pub fn at(setup: &Setup, way: Way, stage: &Stage) -> Self {
        let mut world = Self::new(setup, way);
        world.install(stage);
        world.peer_keys(stage);
        world
    }

    /// Makes all calls, and then opens and seals what is left.
    pub fn run(mut self, calls: &[Call]) {
        for call in calls {
            self.call(call);
            self.check();
        }
        // Use the function that opened the first part of a record.
        while self.open_by(self.reference.rest_way().unwrap_or(self.way), self.wire.len(), ALL) {}
        while self.control() {}
        self.check();
        self.check_shutdown();
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Raw { bytes } => self.wire.extend(bytes),
            Call::Record { kind, content, padding } => {
                self.send(kind.content_type(), content, (*padding).into());
            }
            Call::Forged { kind, content } => {
                let mut record = self.peer_out.seal(kind.content_type(), content, 0);
                self.peer_out.sequence -= u64::from(self.peer_out.version().is_some());
                if let Some(last) = record.last_mut() {
                    *last ^= 0x40;
                }
                self.wire.extend(record);
            }
            Call::Plain { kind, content } => {
                self.wire.extend(header(kind.content_type(), content.len()));
                self.wire.extend(content);
            }
            Call::Edge { limit, kind, by, padding } => {
                let len = self.length_at(limit, *by);
                match limit {
                    Limit::Plaintext => {
                        self.wire.extend(header(kind.content_type(), len));
                        self.wire.resize(self.wire.len() + len, 1);
                    }
                    Limit::Inner => {
                        let inner_type =
                            usize::from(self.peer_out.version() == Some(Version::Tls13));
                        let content = len.saturating_sub(inner_type);
                        let padding = usize::from(*padding).min(content);
                        self.send(kind.content_type(), &vec![1; content - padding], padding);
                    }
                    Limit::Body => {
                        let content = len.saturating_sub(self.peer_out.expansion());
                        self.send(kind.content_type(), &vec![1; content], 0);
                    }
                }
            }
            Call::Header { content_type, version, limit, by } => {
                let [high, low] = (self.length_at(limit, *by) as u16).to_be_bytes();
                let [major, minor] = version.to_be_bytes();
                self.wire.extend([*content_type, major, minor, high, low]);
            }
            Call::Alert { level, description } => {
                self.send(ContentType::ALERT, &[*level, *description], 0);
            }
            Call::PeerClose => self.send(ContentType::ALERT, &[1, 0], 0),
            Call::Messages { kind, body, twice, at } => {
                let [.., high, low] = body.len().to_be_bytes();
                let mut messages = [&[kind.number(), 0, high, low], &body[..]].concat();
                if *twice {
                    messages.extend_from_within(..);
                }
                match messages.split_at_checked(usize::from(*at)) {
                    Some((front, back)) => {
                        self.send(ContentType::HANDSHAKE, front, 0);
                        self.send(ContentType::HANDSHAKE, back, 0);
                    }
                    None => self.send(ContentType::HANDSHAKE, &messages, 0),
                }
            }
            Call::PeerUpdate { requested } => {
                self.send(ContentType::HANDSHAKE, &[24, 0, 0, 1, u8::from(*requested)], 0);
                if self.peer_out.version() == Some(Version::Tls13) {
                    self.peer_out.update();
                }
            }
            Call::PeerKeys { stage } => self.peer_keys(stage),
            Call::Cut { len } => {
                self.open(usize::from(*len).min(self.wire.len()));
            }
            Call::Open => while self.open(self.wire.len()) {},
            Call::Eof => self.eof(),
            Call::Install { stage } => self.install(stage),
            Call::SetVersion => self.set_version(self.suite.version()),
            Call::SetOtherVersion => self.set_version(self.suite.of_other_version().version()),
            Call::Establish => {
                self.tell();
                let expected = self.check_own_establish();
                let (opened, sealed) = self
                    .layer
                    .with_halves(|opener, sealer| (opener.establish(), sealer.establish()));
                assert_eq!(sealed, expected);
                assert_eq!(opened, self.reference.establish());
                self.share_version();
                self.learn_of_keys(opened);
            }
            Call::SkipEarlyData { after_retry } => {
                self.tell();
                let skips =
                    self.layer.with_halves(|opener, _| opener.skip_early_data(*after_retry));
                assert_eq!(skips, self.reference.skip_early_data(*after_retry));
                self.share_version();
            }
            Call::Seal { len } => self.seal((*len).into()),
            Call::Update { request } => {
                self.tell();
                let updated = self.layer.update_keys(*request);
                let _ = updated.inspect_err(words::check);
                assert_eq!(updated == Err(KeyError::HandedOver), self.is_in_kernel);
            }
            Call::Refuse => {
                let expected = self.check_refusal();
                assert_eq!(self.layer.refuse_renegotiation(), expected);
                self.refusals = self.refusals.saturating_add(expected.is_ok().into());
            }
            Call::Close => {
                self.tell();
                let closed = self.layer.close();
                self.reference.drain();
                self.check_close(closed);
                self.note(Trigger::Close);
            }
            Call::Cancel => {
                self.tell();
                let closed = self.layer.cancel();
                self.reference.drain();
                self.check_close(closed);
                self.note(Trigger::Cancel);
            }
            Call::Abort { description } => self.abort(*description),
            Call::Control => drop(self.control()),
            Call::OpenOther => {
                self.open_by(self.way.other(), self.wire.len(), ALL);
            }
            Call::OpenInto { len, room } => {
                let len = usize::from(*len).min(self.wire.len());
                self.open_by(Way::Into, len, (*room).into());
            }
            Call::TakeOver { stage, number, secrets } => {
                self.take_over(stage, (*number).into(), secrets);
            }
            Call::InstallOne { stage, ours, crossed } => self.install_one(stage, *ours, *crossed),
            Call::InstallAgain { stage, ours } => self.install_again(stage, *ours),
            Call::HandOver { sender: false } => self.hand_receiver_over(),
            Call::HandOver { sender: true } => self.hand_sender_over(),
        }
    }

    // The peer

    fn send(&mut self, content_type: ContentType, content: &[u8], padding: usize) {
        let record = self.peer_out.seal(content_type, content, padding);
        self.wire.extend(record);
    }

    fn peer_keys(&mut self, stage: &Stage) {
        let number = self.suite.first_number(stage.epoch());
        self.peer_out = Direction::from(self.suite.secret(stage.seeds().0), number);
    }

    fn length_at(&self, limit: &Limit, by: u8) -> usize {
        let (body, inner) = self.reference.max_lengths();
        let limit = match limit {
            Limit::Plaintext => 1 << 14,
            Limit::Inner => inner,
            Limit::Body => body,
        };
        limit + usize::from(by % 8) - 4
    }

    // The engine and the reference

    /// Shows the engine the first `len` bytes of the input. Returns whether it made progress.
    fn open(&mut self, len: usize) -> bool {
        self.open_by(self.way, len, ALL)
    }

    /// Like [`open`](Self::open), with the function `way` and an output of `room` bytes.
    fn open_by(&mut self, way: Way, len: usize, room: usize) -> bool {
        self.opened.resize(self.opened.len().max(len), 0);
        let room = room.min(self.opened.len());
        let bound = if way == Way::Into { room } else { ALL };
        let (expected_len, expected) = self.reference.next(way, &self.wire[..len], bound);
        let (opened, buffer) = match way {
            Way::InPlace => {
                let opened = self.layer.open(&mut self.wire[..len]);
                (opened, &self.wire[..len])
            }
            Way::Into => {
                let (front, back) = self.wire[..len].split_at(len / 3);
                let out = &mut self.opened[..room];
                let opened = self.layer.open_into(&[front, &[], back], out);
                (opened, &self.opened[..])
            }
        };
        let consumed = opened.as_ref().map_or(0, |opened| opened.consumed);
        let outcome = outcome(&opened, buffer);
        if let Err(error) = opened
            && self.facts.read() == ReadState::Open
        {
            words::check_open(error);
        }
        assert_eq!((consumed, &outcome), (expected_len, &expected));
        self.wire.drain(..consumed);
        // A notice that waits for the end of the input still waits if receiving has ended, or if
        // this was the wrong function.
        let was_open = self.facts.read() == ReadState::Open;
        self.learn(&outcome);
        let is_told = match &opened {
            // While the rest of an opened record is not shown, this is not the end of the input.
            Ok(Opened { event: Event::NeedMore { .. }, .. }) => self.reference.rest_way().is_none(),
            Ok(Opened { event: Event::Closed, .. }) => true,
            Ok(_) => consumed == len,
            Err(error) => was_open && *error != OpenError::OtherBuffer,
        };
        if is_told {
            self.tell();
            self.is_told_when_asked = way == Way::InPlace
                && matches!(opened, Ok(Opened { event: Event::ApplicationData(_), .. }));
        }
        consumed != 0
    }

    /// Updates the facts after the engine has opened a record.
    fn learn(&mut self, outcome: &Outcome) {
        if self.facts.read() != ReadState::Open {
            return;
        }
        match *outcome {
            Outcome::Closed => self.note(Trigger::PeerCloseNotify),
            Outcome::Fault(Some(alert)) => self.fail(alert),
            // The peer would not understand an alert.
            Outcome::PeerAlert(_) | Outcome::Fault(None) => {
                self.note(Trigger::PeerError);
                self.has_own_keys = false;
            }
            Outcome::KeyUpdate { requested } => {
                self.is_update_untold = true;
                self.is_request_untold |= requested;
            }
            _ => {}
        }
    }

    /// Passes the peer's KeyUpdates on to the sending half: several requests count once.
    fn tell(&mut self) {
        self.is_update_untold = false;
        self.is_told_when_asked = false;
        let is_requested = std::mem::take(&mut self.is_request_untold);
        let may_answer =
            self.facts.write() == WriteState::Open && self.own_version == Some(Version::Tls13);
        self.is_update_due |= is_requested && may_answer;
    }

    /// Sets the version. The first allowed one counts.
    fn set_version(&mut self, version: Version) {
        self.layer.set_version(version);
        self.reference.set_version(version);
        if self.own_version.is_none() && self.suite.pinned().is_none_or(|pinned| pinned == version)
        {
            self.own_version = Some(version);
        }
    }

    /// Shares the version: after a call on both halves, each knows the version of the other.
    fn share_version(&mut self) {
        self.own_version = self.own_version.or(self.reference.version());
        if let Some(version) = self.own_version {
            self.reference.set_version(version);
        }
    }

    /// Returns the state of the sending direction of the engine.
    fn write_state(&self) -> WriteState {
        if self.is_in_kernel { WriteState::HandedOver } else { self.facts.write() }
    }

    /// Records a fault: its alert is due, if an alert can still be sent.
    fn fail(&mut self, alert: u8) {
        let is_first = self.facts.due() != Some(Alert::Fatal);
        self.note(Trigger::Fault);
        if is_first && self.facts.due() == Some(Alert::Fatal) {
            self.fatal = Some(alert);
        }
    }

    fn note(&mut self, trigger: Trigger) {
        let version = self.own_version.unwrap_or(Version::Tls13);
        self.facts.note(OnPeerClose::in_version(version, self.on_peer_close), trigger);
        if matches!(self.facts.write(), WriteState::AlertQueued | WriteState::Failed) {
            (self.is_update_due, self.refusals) = (false, 0);
        }
        self.has_own_keys &= self.facts.write() != WriteState::Failed;
    }

    fn eof(&mut self) {
        self.tell();
        let inside_record = self.reference.is_inside_record();
        let end = self.layer.eof();
        if self.facts.read() == ReadState::Open {
            let epoch = self.reference.epoch();
            assert_eq!(end, ReadEnd::Truncated { epoch, inside_record });
            self.reference.eof();
            self.note(Trigger::TransportEof);
        }
    }

    // The application

    fn seal(&mut self, len: usize) {
        let content = vec![0x5a; len];
        self.tell();
        match self.layer.seal(&[&content], &mut self.out) {
            Ok(sealed) => {
                assert_eq!(self.write_state(), WriteState::Open);
                let epoch = self.layer.sealer().epoch();
                assert!(matches!(epoch, Epoch::EarlyData | Epoch::Application));
                assert!(
                    !self.is_update_due || epoch == Epoch::EarlyData,
                    "an answer to a KeyUpdate must come first"
                );
                let (mut taken, mut at) = (0, 0);
                while at < sealed.written {
                    let record = self.peer_in.open(&self.out[at..sealed.written]);
                    assert_eq!(record.content_type, ContentType::APPLICATION_DATA);
                    assert!(record.content.iter().all(|&byte| byte == 0x5a));
                    taken += record.content.len();
                    at += record.total;
                }
                assert_eq!(taken, sealed.taken);
                assert!(taken != 0 || len == 0, "a call must take some data");
            }
            Err(error) => {
                let state = self.write_state();
                let is_failed = matches!(state, WriteState::AlertQueued | WriteState::Failed);
                assert_eq!(error == SealError::Failed, is_failed);
                assert_eq!(error == SealError::HandedOver, self.is_in_kernel);
                let is_closed = !is_failed && !self.is_in_kernel && state != WriteState::Open;
                assert_eq!(error == SealError::Closed, is_closed);
            }
        }
    }

    fn check_close(&self, closed: Result<(), CloseError>) {
        let expected = match self.write_state() {
            WriteState::Closed => Err(CloseError::AlreadyClosed),
            WriteState::AlertQueued | WriteState::Failed => Err(CloseError::Failed),
            WriteState::HandedOver => Err(CloseError::HandedOver),
            _ if self.facts.read() == ReadState::Truncated => Err(CloseError::Truncated),
            _ => Ok(()),
        };
        assert_eq!(closed, expected);
        let _ = closed.inspect_err(words::check);
    }

    fn abort(&mut self, description: u8) {
        let expected = check_abort(self.write_state(), description);
        let aborted = self.layer.abort(AlertDescription(description));
        assert_eq!(aborted, expected);
        // The receiving half stops in any case.
        use CloseError::{AlreadyClosed, HandedOver};
        if matches!(aborted, Ok(()) | Err(AlreadyClosed | HandedOver)) {
            self.fail(description);
            self.reference.abort(description);
        }
    }

    /// Seals a control record, first with too little space, or takes it for the kernel. Returns
    /// whether there was one.
    fn control(&mut self) -> bool {
        let next = if self.is_in_kernel {
            self.tell();
            assert_eq!((self.layer.has_control(), self.layer.next_control()), (false, None));
            assert_eq!(
                self.layer.poll_control(&mut self.out),
                Ok(0),
                "the kernel seals control messages"
            );
            self.layer.take_kernel_control()
        } else {
            assert_eq!(self.layer.has_control(), self.layer.next_control().is_some());
            self.layer.next_control()
        };
        let state = self.facts.write();
        let is_established = self.layer.sealer().epoch() == Epoch::Application;
        let is_tls13 = self.own_version == Some(Version::Tls13);
        match (&next, self.facts.due()) {
            (Some(Control::Alert(description)), Some(Alert::Fatal)) => {
                assert_eq!(Some(description.0), self.fatal);
            }
            (_, Some(Alert::Fatal)) => panic!("{next:?} before a fatal alert"),
            (Some(Control::KeyUpdate { request }), _) => {
                assert!(is_established && is_tls13);
                assert!(
                    !request || !self.is_update_due,
                    "an answer to a KeyUpdate must come first"
                );
                if !request {
                    self.is_update_due = false;
                }
            }
            _ if self.is_update_due && is_established => panic!("{next:?} before a KeyUpdate"),
            (Some(Control::Alert(description)), Some(Alert::UserCanceled)) => {
                assert_eq!(description.0, 90);
            }
            (Some(Control::Alert(description)), Some(Alert::CloseNotify)) => {
                assert_eq!(description.0, 0);
            }
            (Some(Control::Alert(description)), None) => {
                assert_eq!(description.0, 100);
                assert!(is_established && !is_tls13 && state == WriteState::Open);
                assert!(self.refusals != 0 && !self.is_exhausted());
            }
            (None, due) => {
                assert_eq!(due, None);
                let is_refused = state == WriteState::Open && self.refusals != 0;
                assert!(!is_refused || self.is_exhausted(), "a no_renegotiation alert was lost");
            }
        }
        let Some(next) = next else {
            assert_eq!(self.layer.poll_control(&mut self.out), Ok(0));
            return false;
        };
        if self.is_in_kernel {
            let message = next.message();
            self.control_sealed(next, message.content_type(), message.as_bytes());
            return true;
        }
        let Err(SealError::NoSpace { need }) = self.layer.poll_control(&mut []) else {
            panic!("sealed into an empty buffer");
        };
        let short = self.layer.poll_control(&mut self.out[..need - 1]);
        assert_eq!(short, Err(SealError::NoSpace { need }));
        assert_eq!(self.layer.next_control(), Some(next), "an error must change nothing");
        assert_eq!(self.layer.poll_control(&mut self.out[..need]), Ok(need));
        let record = self.peer_in.open(&self.out[..need]);
        assert_eq!(record.total, need, "one control record at a time");
        self.control_sealed(next, record.content_type, &record.content);
        if matches!(next, Control::KeyUpdate { .. }) {
            self.peer_in.update();
        }
        true
    }

    /// Checks and records a control record with this content.
    fn control_sealed(&mut self, control: Control, content_type: ContentType, content: &[u8]) {
        match control {
            Control::KeyUpdate { request } => {
                assert_eq!(content_type, ContentType::HANDSHAKE);
                assert_eq!(content, [24, 0, 0, 1, u8::from(request)]);
                if request {
                    self.reference.expect_answer();
                }
            }
            Control::Alert(description) => {
                assert_eq!(content_type, ContentType::ALERT);
                let level = if matches!(description.0, 0 | 90 | 100) { 1 } else { 2 };
                assert_eq!(content, [level, description.0]);
                if self.facts.due().is_some() {
                    self.note(Trigger::AlertSealed);
                } else {
                    self.refusals -= 1;
                }
            }
        }
    }

    /// Checks what must hold after every call.
    fn check(&self) {
        let (opener, sealer) = (self.layer.opener(), self.layer.sealer());
        assert!(!sealer.has_signal(), "the record layer must pass it on");
        let may_wait = self.is_update_untold || self.is_told_when_asked;
        assert!(!opener.has_notice() || may_wait, "the record layer must pass it on");
        assert!(opener.has_notice() || !self.is_request_untold, "a KeyUpdate request was lost");
        let (read, write) = (self.facts.read(), self.write_state());
        assert_eq!((opener.state(), sealer.state()), (read, write));
        assert_eq!(opener.epoch(), self.reference.epoch());
        let end = self.layer.end();
        match (end.read, self.reference.end()) {
            (ReadEnd::Open, None) => {
                let sequence = opener.sequence();
                assert!(sequence.is_none_or(|number| number == self.reference.sequence()));
            }
            (ReadEnd::Closed { epoch }, Some(Outcome::Closed)) => {
                assert_eq!(epoch, self.reference.epoch());
            }
            (ReadEnd::Truncated { .. }, Some(Outcome::Truncated)) => {}
            (ReadEnd::HandedOver, Some(Outcome::HandedOver)) => {}
            (ReadEnd::PeerAlert(description), Some(Outcome::PeerAlert(alert))) => {
                assert_eq!(description.0, *alert);
            }
            (ReadEnd::Fault(fault), Some(Outcome::Fault(alert))) => {
                assert_eq!(fault.alert().map(|alert| alert.0), *alert);
            }
            ends => panic!("{ends:?}"),
        }
        let fatal = self.fatal.map(AlertDescription);
        let expected = match (write, fatal) {
            (WriteState::Open, _) => WriteEnd::Open,
            (WriteState::CancelQueued | WriteState::CloseQueued, _) => WriteEnd::Closing,
            (WriteState::Closed, _) => WriteEnd::Closed,
            (WriteState::HandedOver, _) => WriteEnd::HandedOver,
            (WriteState::AlertQueued, Some(alert)) => WriteEnd::AlertQueued(alert),
            (WriteState::Failed, Some(alert)) if self.facts.sent().contains(&Alert::Fatal) => {
                WriteEnd::AlertSent(alert)
            }
            _ => WriteEnd::Failed,
        };
        assert_eq!(end.write, expected);
        use WriteState::{Closed, Failed, HandedOver};
        let is_over = matches!(write, Closed | Failed | HandedOver);
        assert!(!is_over || !self.layer.has_control(), "control is due after the end");
    }

    /// Checks the result of the second step of a shutdown. Called last, because it starts to count
    /// the bytes received.
    fn check_shutdown(&mut self) {
        use ShutdownError::{
            AwaitingPeer, BudgetSpent, ClosedInHandshake, Failed, HandedOver, NotTls, Truncated,
        };
        let drained = self.reference.drained();
        let expected = match self.reference.end() {
            None => {
                assert_eq!(self.layer.check_closed(drained), Err(AwaitingPeer { drained }));
                if let Some(less) = drained.checked_sub(1) {
                    assert_eq!(self.layer.check_closed(less), Err(BudgetSpent { drained }));
                }
                return;
            }
            Some(Outcome::Closed) if self.reference.epoch() == Epoch::Application => Ok(()),
            Some(Outcome::Closed) => Err(ClosedInHandshake),
            Some(Outcome::Truncated) => Err(Truncated),
            Some(Outcome::HandedOver) => Err(HandedOver),
            Some(Outcome::Fault(None)) => Err(NotTls),
            Some(_) => Err(Failed),
        };
        assert_eq!(self.layer.check_closed(0), expected);
    }
}

/// Converts a result of the engine to an [`Outcome`], with the bytes that it refers to.
pub(crate) fn outcome(opened: &Result<Opened, OpenError>, buffer: &[u8]) -> Outcome {
    let event = match opened {
        Ok(opened) => &opened.event,
        Err(OpenError::Fault(fault)) => {
            return Outcome::Fault(fault.alert().map(|alert| alert.0));
        }
        Err(OpenError::PeerAlert(description)) => return Outcome::PeerAlert(description.0),
        Err(OpenError::Truncated) => return Outcome::Truncated,
        Err(OpenError::HandedOver) => return Outcome::HandedOver,
        Err(OpenError::OtherBuffer) => return Outcome::OtherBuffer,
        Err(other) => unreachable!("an error that the reference does not know: {other:?}"),
    };
    match event {
        Event::NeedMore { total } => Outcome::NeedMore(*total),
        Event::ApplicationData(range) => Outcome::Data(buffer[range.clone()].to_vec()),
        Event::Handshake(piece) => {
            let is_last =
                u64::from(piece.offset) + piece.body.len() as u64 == u64::from(piece.header.length);
            assert_eq!(piece.is_last(), is_last);
            Outcome::Piece {
                message_type: piece.header.message_type.0,
                length: piece.header.length,
                offset: piece.offset,
                body: buffer[piece.body.clone()].to_vec(),
            }
        }
        Event::ChangeCipherSpec => Outcome::ChangeCipherSpec,
        Event::KeyUpdate { requested } => Outcome::KeyUpdate { requested: *requested },
        Event::Warning(description) => Outcome::Warning(description.0),
        Event::Closed => Outcome::Closed,
        Event::Nothing => Outcome::Nothing,
        other => unreachable!("an event that the reference does not know: {other:?}"),
    }
}
