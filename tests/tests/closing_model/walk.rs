//! The model's endpoints and the engine's, side by side: random steps, and both are always the same.

use tls_record::close::ReadState;
use tls_record::{
    AlertDescription, CloseError, Config, ContentType, Control, End, Epoch, Fault, OpenError,
    Opener, Role, SealError, Sealer,
};
use tls_record_tests::records::{
    ALERT, DATA, Got, HANDSHAKE, Hand, Layer, Secret, key_update, open_all,
};

use crate::endpoint::ABORT;
use crate::model::{Action, Scenario, State, Step};
use crate::wire::Record;

/// Secrets are told apart by it.
const SECRETS: [u8; 2] = [0x40, 0x80];

struct Split {
    opener: Opener<Secret>,
    sealer: Sealer<Secret>,
}

enum Halves {
    Joined(Layer),
    Split(Split),
}

/// An end that is the engine's.
struct Engine {
    halves: Halves,
    /// Opens what it seals.
    mirror: Hand,
    sealed: Vec<Vec<u8>>,
}

/// Calls the layer, or the half whose method it is.
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
        let halves = if scenario.is_split {
            let (opener, sealer) = layer.split();
            Halves::Split(Split { opener, sealer })
        } else {
            Halves::Joined(layer)
        };
        Self { halves, mirror: Hand::established(suite, SECRETS[side]), sealed: Vec::new() }
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

    /// Keeps what was sealed, and takes it apart.
    fn keep(&mut self, record: &[u8]) -> (ContentType, Vec<u8>) {
        self.sealed.push(record.to_vec());
        let (content_type, content) = self.mirror.open(record);
        if content_type == HANDSHAKE {
            self.mirror.update();
        }
        (content_type, content)
    }
}

/// What a record of the model's is, byte by byte.
fn content(record: Record) -> (ContentType, Vec<u8>) {
    match record {
        Record::Data => (DATA, b"data".to_vec()),
        Record::Control(Control::KeyUpdate { request }) => (HANDSHAKE, key_update(request.into())),
        Record::Control(Control::Alert(description)) => {
            (ALERT, vec![1 + u8::from(record.is_fatal()), description.0])
        }
    }
}

/// What it means to the end that opens it.
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
            // Too late to send an alert, it still ends reading.
            Step::Abort => drop(call!(engine, sealer.abort(ABORT))),
            Step::Open => {
                let wire = self.engines[other].sealed[next[other]].clone();
                let engine = &mut self.engines[side];
                let opened = open_all(|input| call!(engine, opener.open(input)), &wire);
                assert_eq!(opened, meaning(self.state.wires[other].sealed[next[other]]));
            }
            Step::Forge => {
                let mut wire = engine.sealed[next[side]].clone();
                *wire.last_mut().expect("a tag") ^= 1;
                let opened = call!(self.engines[other], opener.open(&mut wire));
                assert_eq!(opened, Err(OpenError::Fault(Fault::BadRecordMac)));
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

    /// The close is queued. Of a truncation it tells as soon as the sealer knows.
    fn assert_closed(&self, side: usize, closed: Result<(), CloseError>) {
        let is_truncated = self.state.sides[side].endpoint.read == ReadState::Truncated;
        assert!(closed.is_ok() || (closed == Err(CloseError::Truncated) && is_truncated));
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
            // Without room nothing is sealed, but whether it might be is told.
            let sealed = call!(engine, sealer.seal(&[b"data"], &mut []));
            let may_write = matches!(sealed, Err(SealError::NoSpace { .. }));
            assert_eq!(may_write, endpoint.may_write(self.scenario.rules(side)), "{action:?}");
        }
    }
}
