//! The model's endpoints and the engine's, side by side: random steps, and both are always the same.

use tls_record::ContentType;
use tls_record::{
    AlertDescription, CloseError, Config, Control, KeyError, OpenError, Opener, Role, SealError,
    Sealer,
};
use tls_record_tests::records::{
    ALERT, DATA, Got, HANDSHAKE, Hand, Layer, Secret, key_update, open_all,
};

use crate::endpoint::ABORT;
use crate::model::{Action, Scenario, State, Step};
use crate::wire::Record;

/// Secrets are told apart by it.
const SECRETS: [u8; 2] = [0x40, 0x80];

enum Halves {
    Joined(Layer),
    Split(Opener<Secret>, Sealer<Secret>),
}

/// An end that is the engine's.
struct Engine {
    halves: Halves,
    /// Opens what it seals.
    mirror: Hand,
    sealed: Vec<Vec<u8>>,
}

impl Engine {
    fn new(scenario: &Scenario, side: usize) -> Self {
        let suite = scenario.suite;
        let mut config = Config::new([Role::Client, Role::Server][side]);
        config.tls12_on_peer_close = scenario.on_peer_close[side];
        let mut layer = Layer::new(config);
        let [read, write] = [1 - side, side].map(|side| suite.secret(SECRETS[side]));
        layer.install(tls_record::Epoch::Application, read, write).expect("keys fit");
        let halves = if scenario.is_split {
            let (opener, sealer) = layer.split();
            Halves::Split(opener, sealer)
        } else {
            Halves::Joined(layer)
        };
        Self { halves, mirror: Hand::new(suite, SECRETS[side]), sealed: Vec::new() }
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Opener<Secret>, &mut Sealer<Secret>) -> T) -> T {
        match &mut self.halves {
            Halves::Joined(layer) => layer.with_halves(call),
            Halves::Split(opener, sealer) => {
                let returned = call(opener, sealer);
                opener.apply(sealer.take_signal());
                returned
            }
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
fn meaning(record: Record) -> Result<Got, OpenError> {
    Ok(match record {
        Record::Data => Got::Data(b"data".to_vec()),
        Record::Control(Control::KeyUpdate { request }) => Got::KeyUpdate(request),
        Record::Control(Control::Alert(description)) => match description {
            AlertDescription::CLOSE_NOTIFY => Got::Closed,
            AlertDescription::USER_CANCELED => Got::Warning(description),
            _ => return Err(OpenError::PeerAlert(description)),
        },
    })
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
        let arriving = self.state.wires[other].opened;
        self.scenario.take(&mut self.state, action);
        match step {
            Step::Write | Step::Seal => {
                let mut out = [0; 64];
                let engine = &mut self.engines[side];
                let written = engine.call(|_, sealer| match step {
                    Step::Write => sealer.seal(&[b"data"], &mut out).map(|sealed| sealed.written),
                    _ => sealer.poll_control(&mut out),
                });
                let sent = engine.keep(&out[..written.expect("there is something to seal")]);
                let expected = self.state.wires[side].sealed.last().copied().map(content);
                assert_eq!(Some(sent), expected);
            }
            Step::RequestUpdate => {
                let updated = self.engines[side].call(|_, sealer| sealer.update_keys(true));
                assert_eq!(updated, Ok::<_, KeyError>(()));
            }
            Step::Close(_) | Step::Cancel(_) => {
                let closed = self.engines[side].call(|_, sealer| match step {
                    Step::Close(_) => sealer.close(),
                    _ => sealer.cancel(),
                });
                assert_eq!(closed, Ok::<_, CloseError>(()));
            }
            // It ends reading also where it comes too late to send an alert.
            Step::Abort => drop(self.engines[side].call(|_, sealer| sealer.abort(ABORT))),
            Step::Open => {
                let record = self.state.wires[other].sealed[arriving];
                let wire = self.engines[other].sealed[arriving].clone();
                let (got, left) = self.engines[side]
                    .call(|opener, _| open_all(|input| opener.open(input), &wire));
                assert_eq!(
                    left.map(|left| (got.as_slice(), left)),
                    match &meaning(record) {
                        Ok(meaning) => Ok((std::slice::from_ref(meaning), 0)),
                        Err(error) => Err(*error),
                    }
                );
            }
            Step::Forge => {
                let next = self.state.wires[side].opened;
                let mut wire = self.engines[side].sealed[next].clone();
                *wire.last_mut().expect("a tag") ^= 1;
                assert!(self.engines[other].call(|opener, _| opener.open(&mut wire)).is_err());
            }
            Step::Eof => drop(self.engines[side].call(|opener, _| opener.eof())),
            Step::Tell => {
                self.engines[side].call(|opener, sealer| sealer.apply(opener.take_notice()));
            }
            Step::Leave | Step::Cut | Step::Reset => {}
        }
        self.assert_same(action);
    }

    fn assert_same(&mut self, action: Action) {
        for side in [0, 1] {
            let endpoint = &self.state.sides[side].endpoint;
            let rules = self.scenario.rules(side);
            self.engines[side].call(|opener, sealer| {
                assert_eq!((opener.state(), sealer.state()), (endpoint.read, endpoint.write));
                let end = endpoint.end();
                assert_eq!((opener.end(), sealer.end()), (end.read, end.write), "{action:?}");
                assert_eq!(sealer.next_control(), endpoint.next_control(), "{action:?}");
                let may_write =
                    matches!(sealer.seal(&[b"x"], &mut []), Err(SealError::NoSpace { .. }));
                assert_eq!(may_write, endpoint.may_write(rules), "{action:?}");
                assert!(opener.has_notice() || !endpoint.has_notice(), "{action:?}");
            });
        }
    }
}
