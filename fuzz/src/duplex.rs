//! Two record layers, with a transport that splits, joins, stalls, cuts, flips bits and injects
//! bytes.
//!
//! In every case, the data delivered must be a prefix of the data sent, and both ends must agree on
//! how a direction ended, as far as they can know it.

use tls_record::close::{ReadState, WriteState};
use tls_record::{
    AlertDescription, CloseError, End, Epoch, Event, Fault, Limits, Mailbox, OpenError, Opened,
    Opener, ReadEnd, RecordBuffer, RecordTooLong, Role, Sealer, ShutdownError, TrafficSecret,
    WriteEnd,
};

use crate::checksum::Checksum;
use crate::input::input;
pub use crate::setup::{Few, Pad, Setup, Suite};

input! {
    /// Tampering with the bytes in transit.
    pub enum Trouble {
        /// A bit is flipped.
        Flip { at: u16, bit: u8, },
        /// Bytes are inserted before all others.
        Inject { bytes: Vec<u8>, },
        /// Bytes are removed.
        Drop { at: u16, len: u8, },
        /// The bytes in transit are duplicated.
        Replay,
    }
}

input! {
    /// One action of an end or of the transport.
    pub enum Call {
        /// An end sends data.
        Send { right: bool, len: u8, },
        /// An end seals the control records that are due.
        Control { right: bool, },
        /// Bytes arrive at an end.
        Bring { right: bool, len: u16, },
        /// An end exchanges the notice and the signal between its halves.
        Tell { right: bool, },
        /// An end updates its keys.
        Update { right: bool, request: bool, },
        /// An end closes.
        Close { right: bool, },
        /// An end cancels.
        Cancel { right: bool, },
        /// An end aborts.
        Abort { right: bool, description: u8, },
        /// The transport to an end is cut: nothing more arrives.
        Cut { right: bool, },
        /// The transport to an end is tampered with.
        Tamper { right: bool, trouble: Trouble, },
        /// An end checks whether the peer has closed. Received bytes are counted from then on.
        CheckClosed { right: bool, },
    }
}

input! {
    /// Two ends, and the calls on them.
    pub struct Input {
        /// The setup of the left end.
        pub setup: Setup,
        /// Whether the right end stays open when a TLS 1.2 peer closes.
        pub right_half_closes: bool,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

/// The buffer of an end, in bytes: a little more than the longest record.
const BUFFER: usize = 1024;

/// One end: two halves that share only a mailbox, and the application.
struct Side {
    opener: Opener<TrafficSecret<Checksum>>,
    sealer: Sealer<TrafficSecret<Checksum>>,
    mailbox: Mailbox,
    received: RecordBuffer<BUFFER>,
    sent: Vec<u8>,
    delivered: Vec<u8>,
    error: Option<OpenError>,
    has_aborted: bool,
    /// The bytes received since the first check whether the peer has closed, if there was one.
    drained: Option<u32>,
}

/// A direction of the transport.
#[derive(Default)]
struct Wire {
    bytes: Vec<u8>,
    is_cut: bool,
    is_tampered: bool,
}

impl Side {
    fn new(setup: &Setup, role: Role, half_closes: bool, secrets: (u8, u8)) -> Self {
        let mut setup = setup.clone();
        setup.half_closes = half_closes;
        let mut config = setup.config();
        config.role = role;
        // Honest ends must stay within the limits and the buffer.
        config.limits = Limits::DEFAULT;
        config.limits.key_updates = u8::MAX;
        config.record_size_limit = None;
        config.fragment_limit = config.fragment_limit.min(300);
        let (opener, sealer) = setup.established(config, secrets.0, secrets.1).split();
        Self {
            opener,
            sealer,
            mailbox: Mailbox::new(),
            received: RecordBuffer::new(),
            sent: Vec::new(),
            delivered: Vec::new(),
            error: None,
            has_aborted: false,
            drained: None,
        }
    }

    fn end(&self) -> End {
        End { read: self.opener.end(), write: self.sealer.end() }
    }

    fn send(&mut self, len: usize, wire: &mut Wire) {
        self.sealer.apply(self.mailbox.take_notice());
        let start = self.sent.len();
        let data: Vec<u8> = (start..start + len).map(|at| (at % 251) as u8).collect();
        let mut out = vec![0; 1 << 15];
        if let Ok(sealed) = self.sealer.seal(&[&data], &mut out) {
            assert!(self.sealer.state() == WriteState::Open);
            self.sent.extend(&data[..sealed.taken]);
            self.leave(&out[..sealed.written], wire);
        }
    }

    fn control(&mut self, wire: &mut Wire) -> bool {
        self.sealer.apply(self.mailbox.take_notice());
        let mut out = vec![0; 1 << 15];
        let len = self.sealer.poll_control(&mut out).expect("the buffer is long enough");
        self.leave(&out[..len], wire);
        len != 0
    }

    /// Posts the signal before the record is sent, because the answer may arrive at once.
    fn leave(&mut self, record: &[u8], wire: &mut Wire) {
        self.mailbox.post_signal(self.sealer.take_signal());
        wire.bytes.extend(record);
    }

    fn abort(&mut self, description: AlertDescription) {
        let aborted = self.sealer.abort(description);
        // After our close_notify no alert is sent, but reading ends as well.
        self.has_aborted |= matches!(aborted, Ok(()) | Err(CloseError::AlreadyClosed));
    }

    fn check_closed(&mut self) {
        let drained = *self.drained.get_or_insert(0);
        let closed = self.opener.check_closed(drained);
        if self.opener.end() != ReadEnd::Open {
            return;
        }
        assert_eq!(closed, Err(ShutdownError::AwaitingPeer { drained }));
        if let Some(less) = drained.checked_sub(1) {
            let spent = self.opener.check_closed(less);
            assert_eq!(spent, Err(ShutdownError::BudgetSpent { drained }));
        }
    }

    fn tell(&mut self) {
        self.sealer.apply(self.mailbox.take_notice());
        self.mailbox.post_signal(self.sealer.take_signal());
        self.opener.apply(self.mailbox.take_signal());
        self.mailbox.post_notice(self.opener.take_notice());
    }

    /// Receives up to `len` bytes. Returns whether any arrived.
    fn bring(&mut self, len: usize, wire: &mut Wire) -> bool {
        let room = match self.received.room() {
            Ok(room) => room,
            Err(RecordTooLong { total }) => {
                // The application aborts, because its buffer can never hold the record.
                assert!(total > BUFFER && wire.is_tampered);
                self.abort(AlertDescription::INTERNAL_ERROR);
                wire.bytes.clear();
                wire.is_cut = true;
                self.discard();
                return true;
            }
        };
        let len = len.min(wire.bytes.len()).min(room.len());
        room[..len].copy_from_slice(&wire.bytes[..len]);
        wire.bytes.drain(..len);
        self.received.received(len);
        self.open();
        len != 0
    }

    /// Discards the received bytes.
    fn discard(&mut self) {
        let consumed = self.received.filled().len();
        self.received.consume(&Opened { consumed, event: Event::Nothing });
    }

    fn open(&mut self) {
        loop {
            self.opener.apply(self.mailbox.take_signal());
            let opened = self.opener.open(self.received.filled());
            self.mailbox.post_notice(self.opener.take_notice());
            let opened = match opened {
                Ok(opened) => opened,
                Err(error) => {
                    assert_eq!(
                        *self.error.get_or_insert(error),
                        error,
                        "every later call must return the same error"
                    );
                    self.discard();
                    return;
                }
            };
            if let Event::ApplicationData(range) = &opened.event {
                self.delivered.extend(&self.received.filled()[range.clone()]);
            }
            self.received.consume(&opened);
            self.drained = self.drained.map(|drained| drained + opened.consumed as u32);
            if matches!(opened.event, Event::NeedMore { .. }) {
                return;
            }
        }
    }
}

struct World {
    sides: [Side; 2],
    /// The bytes in transit *to* each end.
    wires: [Wire; 2],
}

impl World {
    fn new(input: &Input) -> Self {
        let setup = &input.setup;
        let [left, right] = match setup.role() {
            Role::Client => [Role::Client, Role::Server],
            Role::Server => [Role::Server, Role::Client],
        };
        let sides = [
            Side::new(setup, left, setup.half_closes, (1, 2)),
            Side::new(setup, right, input.right_half_closes, (2, 1)),
        ];
        Self { sides, wires: Default::default() }
    }

    /// Returns an end, and the wire that it sends to.
    fn side(&mut self, right: bool) -> (&mut Side, &mut Wire) {
        let at = usize::from(right);
        (&mut self.sides[at], &mut self.wires[1 - at])
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Send { right, len } => {
                let (side, wire) = self.side(*right);
                side.send((*len).into(), wire);
            }
            Call::Control { right } => {
                let (side, wire) = self.side(*right);
                side.control(wire);
            }
            Call::Bring { right, len } => {
                let at = usize::from(*right);
                self.sides[at].bring((*len).into(), &mut self.wires[at]);
            }
            Call::Tell { right } => self.side(*right).0.tell(),
            Call::Update { right, request } => {
                let _ = self.side(*right).0.sealer.update_keys(*request);
            }
            Call::Close { right } => drop(self.side(*right).0.sealer.close()),
            Call::Cancel { right } => drop(self.side(*right).0.sealer.cancel()),
            Call::Abort { right, description } => {
                self.side(*right).0.abort(AlertDescription(*description));
            }
            Call::Cut { right } => {
                let wire = &mut self.wires[usize::from(*right)];
                wire.is_cut = true;
                wire.bytes.clear();
            }
            Call::Tamper { right, trouble } => {
                self.wires[usize::from(*right)].tamper(trouble);
            }
            Call::CheckClosed { right } => self.side(*right).0.check_closed(),
        }
        for wire in &mut self.wires {
            if wire.is_cut {
                wire.bytes.clear();
            }
        }
    }

    /// Delivers everything in transit, and ends the transport.
    fn finish(&mut self) {
        for _ in 0..10_000 {
            let mut is_moving = false;
            for at in 0..2 {
                self.sides[at].tell();
                is_moving |= self.sides[at].control(&mut self.wires[1 - at]);
                let wire = &mut self.wires[at];
                if wire.is_cut {
                    wire.bytes.clear();
                }
                is_moving |= self.sides[at].bring(usize::MAX, wire);
            }
            if !is_moving {
                for side in &mut self.sides {
                    let is_closed = matches!(side.opener.eof(), ReadEnd::Closed { .. });
                    assert_eq!(side.opener.check_closed(u32::MAX).is_ok(), is_closed);
                    side.tell();
                }
                return;
            }
        }
        panic!("the two ends never stop sending");
    }

    /// Compares what each end knows of its receiving direction with what the other end did.
    fn check(&self, is_over: bool) {
        for at in 0..2 {
            let (this, other, wire) = (&self.sides[at], &self.sides[1 - at], &self.wires[at]);
            assert!(
                other.sent.starts_with(&this.delivered),
                "data must be a prefix of the data sent"
            );
            if wire.is_tampered {
                continue;
            }
            let end = this.end();
            match end.read {
                ReadEnd::Closed { epoch } => {
                    assert_eq!(epoch, Epoch::Application);
                    assert_eq!(
                        other.sealer.state(),
                        WriteState::Closed,
                        "the peer must have closed"
                    );
                    assert_eq!(this.delivered, other.sent, "no data may be missing");
                }
                ReadEnd::PeerAlert(description) => {
                    assert_eq!(other.end().write, WriteEnd::AlertSent(description));
                    assert_eq!(this.delivered, other.sent, "no data may be missing");
                }
                ReadEnd::Fault(Fault::Aborted(_)) => assert!(this.has_aborted),
                ReadEnd::Fault(Fault::Flood(_)) => {}
                ReadEnd::Fault(fault) => panic!("a fault without misbehaviour: {fault}"),
                ReadEnd::Truncated { inside_record, .. } => {
                    let is_silent = matches!(other.end().write, WriteEnd::Open | WriteEnd::Failed);
                    assert!(wire.is_cut || is_silent, "{:?}", other.end());
                    assert!(wire.is_cut || !inside_record);
                }
                ReadEnd::Open => assert!(!is_over),
                ReadEnd::HandedOver => panic!("nothing was handed over"),
            }
            if end.is_clean() {
                assert_eq!(this.sealer.state(), WriteState::Closed);
            }
            let is_failed = this.opener.state() == ReadState::Failed;
            assert_eq!(is_failed, matches!(end.read, ReadEnd::PeerAlert(_) | ReadEnd::Fault(_)));
        }
    }
}

impl Wire {
    fn tamper(&mut self, trouble: &Trouble) {
        match trouble {
            Trouble::Flip { at, bit } => {
                let len = self.bytes.len();
                if let Some(byte) = self.bytes.get_mut(usize::from(*at) % len.max(1)) {
                    *byte ^= 1 << (bit % 8);
                    self.is_tampered = true;
                }
            }
            Trouble::Inject { bytes } => {
                self.is_tampered |= !bytes.is_empty();
                self.bytes.splice(..0, bytes.iter().copied());
            }
            Trouble::Drop { at, len } => {
                let start = usize::from(*at).min(self.bytes.len());
                let end = (start + usize::from(*len)).min(self.bytes.len());
                self.is_tampered |= start != end;
                self.bytes.drain(start..end);
            }
            // Replaying doubles the bytes, so limit them.
            Trouble::Replay if self.bytes.len() > 1 << 14 => {}
            Trouble::Replay => {
                self.is_tampered |= !self.bytes.is_empty();
                self.bytes.extend_from_within(..);
            }
        }
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "duplex";

    fn run(&self) {
        let mut world = World::new(self);
        for call in &self.calls {
            world.call(call);
        }
        world.check(false);
        world.finish();
        world.check(true);
    }
}
