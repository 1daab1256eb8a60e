//! Random walks through the model and the engine, which must agree after each step.

use tls_record::aead::null::Null;
use tls_record::close::{ReadState, WriteState};
use tls_record::{
    AlertDescription, CloseError, Config, ContentType, Control, End, Epoch, Fault, KernelDirection,
    KeyError, OpenError, Opener, ReadEnd, Role, SealError, Sealer, SuspendError, WriteEnd,
};
use tls_record_tests::records::{
    ALERT, DATA, Got, HANDSHAKE, Hand, Layer, Secret, key_update, open_all,
};

use crate::endpoint::{ABORT, Endpoint};
use crate::model::{Action, Scenario, State, Step};
use crate::wire::Record;

/// Distinguishes secrets.
const SECRETS: [u8; 2] = [0x40, 0x80];

/// The key that seals suspended connections.
const KEY: [u8; 32] = [0x5e; 32];

struct Split {
    opener: Opener<Secret>,
    sealer: Sealer<Secret>,
}

enum Halves {
    Joined(Layer),
    Split(Split),
}

impl Halves {
    fn new(layer: Layer, is_split: bool) -> Self {
        if is_split {
            let (opener, sealer) = layer.split();
            Self::Split(Split { opener, sealer })
        } else {
            Self::Joined(layer)
        }
    }
}

/// A direction in the kernel, played by hand.
struct Kernel {
    direction: KernelDirection<Null>,
    hand: Hand,
}

impl Kernel {
    fn new(given: Result<KernelDirection<Null>, SuspendError>, hand: Hand) -> Self {
        let direction = given.expect("the half may be given to the kernel");
        let mut this = Self { direction, hand };
        this.take_keys();
        this
    }

    fn take_keys(&mut self) {
        let info = self.direction.crypto_info().expect("keys of this generation");
        assert_eq!(info.as_bytes().last_chunk(), Some(&self.hand.sequence.to_be_bytes()));
        assert_eq!(self.direction.crypto_info().err(), Some(KeyError::HandedOver));
    }

    /// Changes to the next keys after a KeyUpdate.
    fn update_after(&mut self, record: Record) {
        if record.is_key_update() {
            self.direction.update().expect("the next keys");
            self.hand.update();
            self.take_keys();
        }
    }
}

/// An endpoint of the engine.
struct Engine {
    halves: Halves,
    /// Opens the records that it seals.
    mirror: Hand,
    sealed: Vec<Vec<u8>>,
    /// Its directions that were given to the kernel.
    sender: Option<Kernel>,
    receiver: Option<Kernel>,
    /// The suspended connection that `halves` were resumed from.
    suspended: Option<Layer>,
}

/// Calls a method of the layer, or of the half that has it.
macro_rules! call {
    ($engine:expr, $half:ident.$method:ident($($argument:expr),*)) => {
        match &mut $engine.halves {
            Halves::Joined(layer) => layer.$method($($argument),*),
            Halves::Split(split) => {
                let returned = split.$half.$method($($argument),*);
                split.opener.apply(split.sealer.take_signal());
                returned
            }
        }
    };
}

impl Engine {
    fn new(scenario: &Scenario, side: usize) -> Self {
        let suite = scenario.suite;
        let mut config = Config::new([Role::Client, Role::Server][side]);
        config.tls12_on_peer_close = scenario.on_peer_close[side];
        let mut layer = Layer::new(config);
        let first = suite.first_sequence(Epoch::Application);
        let [client, server] = SECRETS.map(|byte| (suite.secret(byte), first));
        layer.take_over(Epoch::Application, client, server).expect("keys fit");
        Self {
            halves: Halves::new(layer, scenario.is_split),
            mirror: Hand::established(suite, SECRETS[side]),
            sealed: Vec::new(),
            sender: None,
            receiver: None,
            suspended: None,
        }
    }

    const fn halves(&self) -> (&Opener<Secret>, &Sealer<Secret>) {
        match &self.halves {
            Halves::Joined(layer) => (layer.opener(), layer.sealer()),
            Halves::Split(split) => (&split.opener, &split.sealer),
        }
    }

    fn tell(&mut self) {
        if let Halves::Split(Split { opener, sealer }) = &mut self.halves {
            sealer.apply(opener.take_notice());
        }
    }

    fn hand_sender(&mut self) -> Result<KernelDirection<Null>, SuspendError> {
        match &mut self.halves {
            Halves::Joined(layer) => layer.hand_sender_to_kernel(),
            Halves::Split(split) => split.sealer.hand_to_kernel(),
        }
    }

    fn hand_receiver(&mut self) -> Result<KernelDirection<Null>, SuspendError> {
        match &mut self.halves {
            Halves::Joined(layer) => layer.hand_receiver_to_kernel(),
            Halves::Split(split) => split.opener.hand_to_kernel(),
        }
    }

    /// Suspends and resumes the connection. Split halves are joined first.
    fn suspend(&mut self) -> Result<(), SuspendError> {
        let nothing = Halves::Joined(Layer::new(Config::new(Role::Client)));
        let (mut layer, is_split) = match std::mem::replace(&mut self.halves, nothing) {
            Halves::Joined(layer) => (layer, false),
            Halves::Split(Split { opener, sealer }) => {
                (Layer::join(opener, sealer).expect("two halves"), true)
            }
        };
        let suspended = layer.suspend(&KEY);
        let Ok(mut bytes) = suspended else {
            self.halves = Halves::new(layer, is_split);
            return suspended.map(|_| ());
        };
        let resumed = Layer::resume(&mut bytes, &KEY).expect("the same key");
        self.halves = Halves::new(resumed, is_split);
        self.suspended = Some(layer);
        Ok(())
    }

    /// Keeps the sealed records, and opens them by hand.
    fn keep(&mut self, record: &[u8]) -> (ContentType, Vec<u8>) {
        self.sealed.push(record.to_vec());
        let (content_type, content) = self.mirror.open(record);
        if content_type == HANDSHAKE {
            self.mirror.update();
        }
        (content_type, content)
    }
}

/// Returns the bytes of a record of the model.
fn content(record: Record) -> (ContentType, Vec<u8>) {
    match record {
        Record::Data => (DATA, b"data".to_vec()),
        Record::Control(Control::KeyUpdate { request }) => (HANDSHAKE, key_update(request.into())),
        Record::Control(Control::Alert(description)) => {
            (ALERT, vec![1 + u8::from(record.is_fatal()), description.0])
        }
    }
}

/// Returns the event of a record at the endpoint that opens it.
fn meaning(record: Record) -> (Vec<Got>, Result<usize, OpenError>) {
    let got = match record {
        Record::Data => Got::Data(b"data".to_vec()),
        Record::Control(Control::KeyUpdate { request }) => Got::KeyUpdate(request),
        Record::CLOSE_NOTIFY => Got::Closed,
        Record::USER_CANCELED => Got::Warning(AlertDescription::USER_CANCELED),
        Record::Control(Control::Alert(description)) => {
            return (vec![], Err(OpenError::PeerAlert(description)));
        }
    };
    (vec![got], Ok(0))
}

pub(crate) struct Walk<'a> {
    scenario: &'a Scenario,
    pub(crate) state: State,
    engines: [Engine; 2],
}

impl<'a> Walk<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        let engines = [0, 1].map(|side| Engine::new(scenario, side));
        Self { scenario, state: State::new(scenario), engines }
    }

    pub(crate) fn take(&mut self, action: Action) {
        let Action { side, step } = action;
        let other = 1 - side;
        let next = self.state.wires.each_ref().map(|wire| wire.opened);
        self.scenario.take(&mut self.state, action);
        let engine = &mut self.engines[side];
        match step {
            Step::Write if engine.sender.is_some() => self.relay(side),
            Step::Write => {
                let mut out = [0; 64];
                let sealed = call!(engine, sealer.seal(&[b"data"], &mut out));
                let written = sealed.expect("data may be sealed").written;
                self.assert_sent(side, &out[..written]);
            }
            Step::Seal => {
                let mut out = [0; 64];
                let written = call!(engine, sealer.poll_control(&mut out)).expect("room");
                self.assert_sent(side, &out[..written]);
            }
            Step::RequestUpdate => assert_eq!(call!(engine, sealer.update_keys(true)), Ok(())),
            Step::Close(_) => {
                let closed = call!(engine, sealer.close());
                self.assert_closed(side, closed);
            }
            Step::Cancel(_) => {
                let closed = call!(engine, sealer.cancel());
                self.assert_closed(side, closed);
            }
            // It is too late to send an alert, but reading still ends.
            Step::Abort | Step::AbortForKernel => drop(call!(engine, sealer.abort(ABORT))),
            Step::HandSender => {
                let hand = engine.mirror.clone();
                engine.sender = Some(Kernel::new(engine.hand_sender(), hand));
            }
            Step::HandReceiver => {
                let opened = &self.engines[other].sealed[..next[other]];
                let mut hand = Hand::established(self.scenario.suite, SECRETS[other]);
                for record in opened {
                    if hand.open(record).0 == HANDSHAKE {
                        hand.update();
                    }
                }
                let engine = &mut self.engines[side];
                engine.receiver = Some(Kernel::new(engine.hand_receiver(), hand));
            }
            Step::Suspend => assert_eq!(engine.suspend(), Ok(())),
            Step::UseSuspended => {
                let wire = self.engines[other].sealed.get(next[other]).cloned();
                use_suspended(self.engines[side].suspended.as_mut().expect("suspended"), wire);
            }
            Step::Offer => {
                let record = *self.state.wires[side].sealed.last().expect("a record");
                let Record::Control(control) = record else { panic!("{record:?} is not offered") };
                assert_eq!(call!(engine, sealer.take_kernel_control()), Some(control));
                let message = control.message();
                assert_eq!((message.content_type(), message.as_bytes().to_vec()), content(record));
                self.relay(side);
            }
            Step::Open => {
                let wire = self.engines[other].sealed[next[other]].clone();
                let record = self.state.wires[other].sealed[next[other]];
                let engine = &mut self.engines[side];
                let opened = open_all(|input| call!(engine, opener.open(input)), &wire);
                let Some(kernel) = &mut engine.receiver else {
                    assert_eq!(opened, meaning(record));
                    return self.assert_same(action);
                };
                assert_eq!(opened, (vec![], Err(OpenError::HandedOver)));
                assert_eq!(kernel.hand.open(&wire), content(record));
                kernel.update_after(record);
                if record == Record::Control(Control::KeyUpdate { request: true }) {
                    let is_open = self.state.sides[side].endpoint.write == WriteState::Open;
                    assert_eq!(call!(engine, sealer.update_keys(false)).is_ok(), is_open);
                }
            }
            Step::Forge => {
                let mut wire = engine.sealed[next[side]].clone();
                *wire.last_mut().expect("a tag") ^= 1;
                let engine = &mut self.engines[other];
                let opened = call!(engine, opener.open(&mut wire));
                let error = match engine.receiver {
                    Some(_) => OpenError::HandedOver,
                    None => OpenError::Fault(Fault::BadRecordMac),
                };
                assert_eq!(opened, Err(error));
            }
            Step::Eof => drop(call!(engine, opener.eof())),
            Step::Tell => engine.tell(),
            Step::Leave | Step::Cut | Step::Reset => {}
        }
        self.assert_same(action);
    }

    fn assert_sent(&mut self, side: usize, record: &[u8]) {
        let sent = self.engines[side].keep(record);
        assert_eq!(Some(sent), self.state.wires[side].sealed.last().copied().map(content));
    }

    /// The kernel seals the last record.
    fn relay(&mut self, side: usize) {
        let record = *self.state.wires[side].sealed.last().expect("a record");
        let (content_type, bytes) = content(record);
        let kernel = self.engines[side].sender.as_mut().expect("the kernel has it");
        let sealed = kernel.hand.seal(content_type, &bytes);
        kernel.update_after(record);
        self.engines[side].keep(&sealed);
    }

    /// Checks the result of a close. A truncation is an error as soon as the sealer knows of it.
    fn assert_closed(&self, side: usize, closed: Result<(), CloseError>) {
        let endpoint = &self.state.sides[side].endpoint;
        let is_truncated = endpoint.read == ReadState::Truncated;
        if endpoint.write == WriteState::HandedOver {
            assert_eq!(closed, Err(CloseError::HandedOver));
        } else {
            assert!(closed.is_ok() || (closed == Err(CloseError::Truncated) && is_truncated));
        }
    }

    fn assert_same(&mut self, action: Action) {
        for (side, engine) in self.engines.iter_mut().enumerate() {
            let endpoint = &self.state.sides[side].endpoint;
            let (opener, sealer) = engine.halves();
            assert_eq!((opener.state(), sealer.state()), (endpoint.read, endpoint.write));
            let end = End { read: opener.end(), write: sealer.end() };
            assert_eq!(end, endpoint.end(), "{action:?}");
            assert_eq!(sealer.next_control(), endpoint.next_control(), "{action:?}");
            assert!(opener.has_notice() || !endpoint.has_notice(), "{action:?}");
            // Without room nothing is sealed, but the error says whether something is due.
            let sealed = call!(engine, sealer.seal(&[b"data"], &mut []));
            let may_write = matches!(sealed, Err(SealError::NoSpace { .. }));
            assert_eq!(may_write, endpoint.may_write(self.scenario.rules(side)), "{action:?}");
            assert_nothing_else_is_possible(engine, endpoint);
            if let Some(suspended) = &self.state.sides[side].suspended {
                let layer = engine.suspended.as_mut().expect("suspended");
                assert_eq!(layer.end(), suspended.endpoint.end(), "{action:?}");
                assert_eq!(layer.poll_control(&mut [0; 64]), Ok(0), "{action:?}");
                let offered = layer.take_kernel_control();
                assert_eq!(offered, suspended.endpoint.next_offer(), "{action:?}");
            }
        }
    }
}

/// Makes calls that are not allowed now. They must change nothing, which the next comparison shows.
fn assert_nothing_else_is_possible(engine: &mut Engine, endpoint: &Endpoint) {
    if endpoint.next_control().is_none() {
        assert_eq!(call!(engine, sealer.poll_control(&mut [0; 64])), Ok(0));
    }
    // A due record is offered once, and only in the kernel.
    if endpoint.next_offer().is_none() {
        assert_eq!(call!(engine, sealer.take_kernel_control()), None);
    }
    if matches!(endpoint.read, ReadState::Failed | ReadState::HandedOver) {
        let opened = call!(engine, opener.open(&mut [23, 3, 3, 0, 0]));
        assert!(opened.is_err(), "{opened:?}");
    }
    if !endpoint.can_hand_sender() {
        assert!(engine.hand_sender().is_err());
    }
    if !endpoint.can_hand_receiver() {
        assert!(engine.hand_receiver().is_err());
    }
    // Joining delivers the notice to the sealer, which the model has not done yet.
    if !endpoint.can_suspend() && !endpoint.has_notice() {
        assert!(engine.suspend().is_err());
    }
}

/// Makes every call that an application might still make with a suspended connection.
fn use_suspended(layer: &mut Layer, wire: Option<Vec<u8>>) {
    let mut out = [0; 64];
    assert_eq!(layer.seal(&[b"data"], &mut out), Err(SealError::HandedOver));
    if let Some(mut wire) = wire {
        assert_eq!(layer.open(&mut wire), Err(OpenError::HandedOver));
    }
    assert_eq!(layer.close(), Err(CloseError::HandedOver));
    assert_eq!(layer.cancel(), Err(CloseError::HandedOver));
    assert_eq!(layer.update_keys(true), Err(KeyError::HandedOver));
    assert_eq!(layer.abort(ABORT), Err(CloseError::HandedOver));
    assert_eq!(layer.eof(), ReadEnd::HandedOver);
    assert_eq!(layer.suspend(&KEY).err(), Some(SuspendError::NotEstablished));
    assert_eq!(layer.hand_sender_to_kernel().err(), Some(SuspendError::NotEstablished));
    assert_eq!(layer.hand_receiver_to_kernel().err(), Some(SuspendError::NotEstablished));
    assert_eq!(layer.end(), End { read: ReadEnd::HandedOver, write: WriteEnd::HandedOver });
    assert_eq!(out, [0; 64]);
}
