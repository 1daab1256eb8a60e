//! Two endpoints, their applications and the transport between them: all steps, in any order.

use stateright::{Model, Property};
use tls_record::close::{OnPeerClose, ReadState, WriteState};
use tls_record::{Fault, ReadEnd};
use tls_record_tests::records::Suite;

use crate::endpoint::{Endpoint, Rules};
use crate::kernel::Receiver;
use crate::mistake::Mistake;
use crate::properties;
use crate::wire::{Record, Wire};

/// The configuration of a run.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) suite: Suite,
    /// The reaction of each endpoint to the close_notify of the other.
    pub(crate) on_peer_close: [OnPeerClose; 2],
    /// TLS 1.3: whether each endpoint may request a KeyUpdate, once.
    pub(crate) requests: [bool; 2],
    /// The number of data records that each endpoint may send.
    pub(crate) data: [usize; 2],
    /// The number of records that a direction of the transport holds.
    pub(crate) capacity: usize,
    /// The number of failures that may happen in all.
    pub(crate) troubles: usize,
    /// Whether the halves of each endpoint are split.
    pub(crate) is_split: bool,
    /// Whether each endpoint may hand its halves to the kernel.
    pub(crate) hands_over: [bool; 2],
    /// Whether each endpoint may be suspended, once, and resumed.
    pub(crate) suspends: [bool; 2],
    pub(crate) mistake: Option<Mistake>,
}

impl Scenario {
    pub(crate) fn rules(&self, side: usize) -> Rules {
        Rules {
            on_peer_close: OnPeerClose::in_version(self.suite.version(), self.on_peer_close[side]),
            is_split: self.is_split,
            mistake: self.mistake,
        }
    }
}

/// How an application ends its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shutdown {
    /// It closes the transport after the close_notify.
    OneStep,
    /// It reads until the peer's close_notify first.
    TwoSteps,
}

/// A suspended connection. It has been resumed elsewhere and must not act any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Suspended {
    pub(crate) endpoint: Endpoint,
    /// Whether the application has closed and aborted it nevertheless.
    pub(crate) was_used: bool,
}

/// An application, and the endpoint that it drives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Side {
    pub(crate) endpoint: Endpoint,
    pub(crate) to_write: usize,
    pub(crate) may_request: bool,
    pub(crate) shutdown: Option<Shutdown>,
    /// The transport is closed.
    pub(crate) has_left: bool,
    /// The receiving direction, if the kernel has it.
    pub(crate) kernel: Option<Receiver>,
    /// The suspended connection that `endpoint` was resumed from.
    pub(crate) suspended: Option<Suspended>,
}

impl Side {
    /// The state of the receiving direction, here or in the kernel.
    pub(crate) fn read(&self) -> ReadState {
        self.kernel.as_ref().map_or(self.endpoint.read, Receiver::state)
    }

    /// The end of the receiving direction, here or in the kernel.
    pub(crate) fn read_end(&self) -> ReadEnd {
        self.kernel.as_ref().map_or(self.endpoint.end().read, |kernel| kernel.end)
    }

    /// Data that was delivered, here or by the kernel.
    pub(crate) fn delivered(&self) -> usize {
        self.endpoint.delivered + self.kernel.as_ref().map_or(0, |kernel| kernel.delivered)
    }

    pub(crate) fn is_reading(&self) -> bool {
        self.read() == ReadState::Open && !self.has_left
    }

    fn has_ended_writing(&self) -> bool {
        matches!(self.endpoint.current(), WriteState::Closed | WriteState::Failed)
            && self.endpoint.next_control().is_none()
            && self.endpoint.next_offer().is_none()
    }

    fn abort(&mut self, rules: Rules) {
        self.endpoint.abort(rules);
        if let Some(kernel) = &mut self.kernel {
            kernel.abort();
        }
    }

    /// True if nothing of it has ended.
    pub(crate) fn is_untouched(&self) -> bool {
        (self.read(), self.endpoint.current()) == (ReadState::Open, WriteState::Open)
            && self.shutdown.is_none()
            && !self.has_left
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) sides: [Side; 2],
    /// The records that each side sends.
    pub(crate) wires: [Wire; 2],
    /// The number of failures so far.
    troubles: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    // The applications
    Write,
    RequestUpdate,
    Close(Shutdown),
    Cancel(Shutdown),
    HandSender,
    HandReceiver,
    Suspend,
    /// A suspended connection is closed and aborted nevertheless.
    UseSuspended,
    /// An abort after a fault in the kernel.
    AbortForKernel,
    // The drivers
    Seal,
    /// A due record is taken, and the kernel seals it.
    Offer,
    Open,
    Eof,
    Tell,
    Leave,
    // Failures: an application aborts; the transport changes a record of this side, or ends in one
    // direction or in both
    Abort,
    Forge,
    Cut,
    Reset,
}

impl Step {
    const fn is_trouble(self) -> bool {
        matches!(self, Self::Abort | Self::Forge | Self::Cut | Self::Reset)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) side: usize,
    pub(crate) step: Step,
}

impl Scenario {
    /// True if there is room for a record of `side`. A transport without a reader takes everything,
    /// and so does one whose reader has ended, because its driver discards what arrives.
    pub(crate) fn has_room(&self, state: &State, side: usize) -> bool {
        let wire = &state.wires[side];
        let reader = &state.sides[1 - side];
        let stays_full = self.rules(1 - side).makes(Mistake::FailedEndStopsDraining);
        let drains = reader.has_left || (!reader.is_reading() && !stays_full);
        drains || wire.ends_at.is_some() || wire.in_flight().len() < self.capacity
    }

    /// The steps that must happen sooner or later: drivers do their work, and an application that
    /// learns that its peer has ended ends too, unless the engine does that.
    fn due(&self, state: &State, side: usize, steps: &mut Vec<Step>) {
        let this = &state.sides[side];
        let rules = self.rules(side);
        if this.has_left {
            return;
        }
        let endpoint = &this.endpoint;
        let has_room = self.has_room(state, side)
            || rules.makes(Mistake::WouldBlockLosesAlert)
                && endpoint.write == WriteState::CloseQueued;
        if endpoint.next_control().is_some() && has_room {
            steps.push(Step::Seal);
        }
        if endpoint.next_offer().is_some() && has_room {
            steps.push(Step::Offer);
        }
        let incoming = &state.wires[1 - side];
        let is_deaf =
            rules.makes(Mistake::WaitsWithoutReading) && this.shutdown == Some(Shutdown::TwoSteps);
        if this.is_reading() && !is_deaf {
            if !incoming.in_flight().is_empty() {
                steps.push(Step::Open);
            } else if incoming.is_at_eof() && !rules.makes(Mistake::EofNotTold) {
                steps.push(Step::Eof);
            }
        }
        if endpoint.has_notice() {
            steps.push(Step::Tell);
        }
        if Self::must_close(this, rules) {
            steps.push(Step::Close(Shutdown::OneStep));
        }
        if Self::must_abort(this) {
            steps.push(Step::AbortForKernel);
        }
        let keeps = rules.makes(Mistake::FailedEndStays) && endpoint.read == ReadState::Failed;
        let is_done = this.read() != ReadState::Open || this.shutdown == Some(Shutdown::OneStep);
        // The engine does not learn of an alert that the kernel received: the application stops.
        let is_refused = this.kernel.is_some() && matches!(this.read_end(), ReadEnd::PeerAlert(_));
        if (this.has_ended_writing() && is_done && !keeps) || is_refused {
            steps.push(Step::Leave);
        }
    }

    /// True if the application has to end its direction because its peer has ended.
    fn must_close(side: &Side, rules: Rules) -> bool {
        let is_up_to_it = match side.read() {
            ReadState::PeerClosed => {
                rules.on_peer_close == OnPeerClose::HalfClose || side.kernel.is_some()
            }
            ReadState::Truncated => true,
            ReadState::Open | ReadState::Failed | ReadState::HandedOver => false,
        };
        is_up_to_it && side.endpoint.current() == WriteState::Open
    }

    /// True if the application has to send the alert for a record that the kernel cannot open.
    fn must_abort(side: &Side) -> bool {
        let is_ending = matches!(
            side.endpoint.current(),
            WriteState::Closed | WriteState::AlertQueued | WriteState::Failed
        );
        side.kernel.is_some()
            && side.read_end() == ReadEnd::Fault(Fault::BadRecordMac)
            && !is_ending
    }

    /// The steps that may happen or not.
    fn optional(&self, state: &State, side: usize, steps: &mut Vec<Step>) {
        let this = &state.sides[side];
        let endpoint = &this.endpoint;
        let rules = self.rules(side);
        if !this.has_left {
            let is_handed_over = state.wires[side].handed_at.is_some();
            let may_write = if is_handed_over {
                endpoint.current() == WriteState::Open && endpoint.next_offer().is_none()
            } else {
                endpoint.may_write(rules)
            };
            if this.to_write > 0 && may_write && self.has_room(state, side) {
                steps.push(Step::Write);
            }
            if this.may_request && endpoint.write == WriteState::Open {
                steps.push(Step::RequestUpdate);
            }
            let may_close = endpoint.current() == WriteState::Open
                || rules.makes(Mistake::ClosesTwice) && endpoint.write == WriteState::Closed;
            if this.shutdown.is_none() && may_close && !Self::must_close(this, rules) {
                for shutdown in [Shutdown::OneStep, Shutdown::TwoSteps] {
                    steps.push(Step::Close(shutdown));
                    if this.read() == ReadState::Open {
                        steps.push(Step::Cancel(shutdown));
                    }
                }
            }
            self.hand_over(this, side, steps);
        }
        if state.troubles < self.troubles {
            self.trouble(state, side, steps);
        }
    }

    fn hand_over(&self, this: &Side, side: usize, steps: &mut Vec<Step>) {
        let endpoint = &this.endpoint;
        if self.hands_over[side] && endpoint.can_hand_sender() {
            steps.push(Step::HandSender);
        }
        if self.hands_over[side] && endpoint.can_hand_receiver() {
            steps.push(Step::HandReceiver);
        }
        match &this.suspended {
            None if self.suspends[side] && endpoint.can_suspend() => steps.push(Step::Suspend),
            Some(Suspended { was_used: false, .. }) => steps.push(Step::UseSuspended),
            _ => {}
        }
    }

    fn trouble(&self, state: &State, side: usize, steps: &mut Vec<Step>) {
        let this = &state.sides[side];
        let endpoint = &this.endpoint;
        let wire = &state.wires[side];
        let may_abort = !matches!(endpoint.current(), WriteState::AlertQueued | WriteState::Failed);
        let is_over = this.read() != ReadState::Open && this.has_ended_writing();
        if may_abort && !is_over && !this.has_left {
            steps.push(Step::Abort);
        }
        if state.sides[1 - side].is_reading() {
            if !wire.in_flight().is_empty() {
                steps.push(Step::Forge);
            }
            if wire.ends_at.is_none() {
                steps.push(Step::Cut);
            }
        }
        let may_reset = state.wires.iter().any(|wire| !wire.is_at_eof());
        if side == 0 && may_reset && state.sides.iter().any(Side::is_reading) {
            steps.push(Step::Reset);
        }
    }

    /// True if no step has to happen any more.
    pub(crate) fn is_quiescent(&self, state: &State) -> bool {
        let mut steps = Vec::new();
        (0..2).for_each(|side| self.due(state, side, &mut steps));
        steps.is_empty()
    }

    pub(crate) fn take(&self, state: &mut State, Action { side, step }: Action) {
        let rules = self.rules(side);
        let has_room = self.has_room(state, side);
        state.troubles += usize::from(step.is_trouble());
        let [near, far] = &mut state.wires;
        let (outgoing, incoming) = if side == 0 { (near, far) } else { (far, near) };
        let other = 1 - side;
        let this = &mut state.sides[side];
        match step {
            Step::Write => {
                this.to_write -= 1;
                if outgoing.handed_at.is_some() {
                    outgoing.relay(Record::Data);
                } else {
                    outgoing.sealed.push(Record::Data);
                }
            }
            Step::RequestUpdate => {
                this.may_request = false;
                this.endpoint.request_update();
            }
            Step::Close(shutdown) | Step::Cancel(shutdown) => {
                this.shutdown = Some(shutdown);
                this.endpoint.close(matches!(step, Step::Cancel(_)), rules);
            }
            Step::HandSender => {
                outgoing.handed_at = Some(outgoing.sealed.len());
                this.endpoint.hand_sender(rules);
            }
            Step::HandReceiver => {
                this.kernel = Some(Receiver::new(this.endpoint.generation));
                this.endpoint.hand_receiver(rules);
            }
            Step::Suspend => {
                let resumed = this.endpoint.suspend(rules);
                let endpoint = std::mem::replace(&mut this.endpoint, resumed);
                this.suspended = Some(Suspended { endpoint, was_used: false });
            }
            Step::UseSuspended => {
                let suspended = this.suspended.as_mut().expect("it was suspended");
                suspended.was_used = true;
                suspended.endpoint.close(false, rules);
                suspended.endpoint.abort(rules);
            }
            Step::Abort | Step::AbortForKernel => this.abort(rules),
            Step::Seal => {
                let control = this.endpoint.next_control().expect("something is due");
                this.endpoint.sealed(control, rules);
                if has_room {
                    // The kernel seals everything that is written to its socket as application
                    // data.
                    let is_handed_over = outgoing.handed_at.is_some();
                    let record =
                        if is_handed_over { Record::Data } else { Record::Control(control) };
                    outgoing.sealed.push(record);
                }
            }
            Step::Offer => {
                let control = this.endpoint.take_kernel_control(rules).expect("something is due");
                outgoing.relay(Record::Control(control));
            }
            Step::Open => {
                let generation = incoming.generation();
                let record = incoming.in_flight()[0];
                match &mut this.kernel {
                    None => this.endpoint.open(record, generation, rules),
                    Some(kernel) => {
                        if kernel.open(record, generation) {
                            this.endpoint.answer_update();
                        }
                    }
                }
                incoming.opened += 1;
            }
            Step::Eof => match &mut this.kernel {
                None => this.endpoint.eof(rules),
                Some(kernel) => kernel.eof(),
            },
            Step::Tell => this.endpoint.tell(rules),
            Step::Leave => {
                this.has_left = true;
                outgoing.end();
            }
            Step::Forge => {
                outgoing.was_forged = true;
                let reader = &mut state.sides[other];
                match &mut reader.kernel {
                    None => reader.endpoint.open_forged(self.rules(other)),
                    Some(kernel) => kernel.open_forged(),
                }
            }
            Step::Cut => outgoing.cut(false),
            Step::Reset => state.wires.iter_mut().for_each(|wire| wire.cut(true)),
        }
    }
}

impl State {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let side = |side: usize| Side {
            endpoint: Endpoint::new(),
            to_write: scenario.data[side],
            may_request: scenario.requests[side],
            shutdown: None,
            has_left: false,
            kernel: None,
            suspended: None,
        };
        Self { sides: [0, 1].map(side), wires: Default::default(), troubles: 0 }
    }

    /// A measure of the steps so far, which grows with every step.
    fn progress(&self) -> usize {
        let of_side = |side: &Side| {
            2 * usize::from(side.endpoint.read != ReadState::Open)
                + usize::from(!side.endpoint.has_notice())
                + usize::from(!side.may_request)
                + usize::from(side.shutdown.is_some())
                + usize::from(side.has_left)
                + usize::from(side.endpoint.has_aborted)
                + side.kernel.as_ref().map_or(0, |kernel| usize::from(kernel.end != ReadEnd::Open))
                + side.suspended.as_ref().map_or(0, |it| 1 + usize::from(it.was_used))
        };
        let of_wire = |wire: &Wire| {
            wire.sealed.len() + 2 * wire.opened + usize::from(wire.handed_at.is_some())
        };
        self.sides.iter().map(of_side).sum::<usize>()
            + self.wires.iter().map(of_wire).sum::<usize>()
            + self.troubles
    }
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for side in 0..2 {
            let mut steps = Vec::new();
            self.due(state, side, &mut steps);
            self.optional(state, side, &mut steps);
            actions.extend(steps.into_iter().map(|step| Action { side, step }));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.take(&mut next, action);
        // Because of this every run ends.
        if self.mistake.is_none() {
            assert!(next.progress() > state.progress(), "{action:?} leads nowhere from {state:#?}");
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = properties::required();
        if self.mistake.is_none() {
            all.extend(properties::reached(self));
        }
        all
    }
}
