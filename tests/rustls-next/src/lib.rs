//! rustls 0.24 as a library that `Takeover` takes connections over from.
//!
//! Its handshake is a state that each step consumes. It keeps the input that it has not used, such as a
//! part of a handshake message.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use rustls_next::client::ClientHandshake;
use rustls_next::pki_types::ServerName;
use rustls_next::server::ServerHandshake;
use rustls_next::{ClientConfig, Error, KeyLog, ServerConfig, VecInput};
use tls_record_alloc::Progress;
use tls_record_alloc::takeover::{Library, Secrets};
use tls_record_alloc::tls_record::Role;
use tls_record_alloc::tls_record::takeover::SecretKind;

/// A connection of rustls 0.24, as far as its handshake.
#[derive(Debug)]
pub struct Rustls {
    role: Role,
    /// `None` after a failure.
    state: Option<State>,
    input: VecInput,
    /// Output of the first step, before the first call of `advance`.
    output: Vec<u8>,
    told: Arc<Told>,
}

#[derive(Debug)]
enum State {
    Client(ClientHandshake),
    Server(ServerHandshake, Arc<ServerConfig>),
}

impl Rustls {
    /// Makes a client, whose sessions are those of the config.
    ///
    /// # Errors
    /// rustls refuses the config.
    pub fn client(mut config: ClientConfig, name: ServerName<'static>) -> Result<Self, Error> {
        let (told, mut output) = (Arc::<Told>::default(), Vec::new());
        config.key_log = told.clone();
        let handshake = Arc::new(config).connect(name).start_handshake(&mut output)?;
        let state = State::Client(ClientHandshake::NeedsInput(handshake));
        Ok(Self::new(Role::Client, state, output, told))
    }

    /// Makes a server, whose sessions are those of the config.
    pub fn server(mut config: ServerConfig) -> Self {
        let told = Arc::<Told>::default();
        config.key_log = told.clone();
        let handshake = ServerHandshake::NeedsInput(ServerHandshake::start());
        Self::new(Role::Server, State::Server(handshake, config.into()), Vec::new(), told)
    }

    fn new(role: Role, state: State, output: Vec<u8>, told: Arc<Told>) -> Self {
        Self { role, state: Some(state), input: VecInput::default(), output, told }
    }
}

impl State {
    /// Makes one step. Returns the progress, or `None` if there is another step to make.
    fn step(
        self,
        input: &mut VecInput,
        sent: &mut Vec<u8>,
    ) -> Result<(Self, Option<Progress>), Error> {
        Ok(match self {
            Self::Client(ClientHandshake::NeedsInput(state)) => match state.process(input, sent)? {
                next @ ClientHandshake::NeedsInput(_) => {
                    (Self::Client(next), Some(Progress::NeedInput))
                }
                next => (Self::Client(next), None),
            },
            Self::Server(ServerHandshake::NeedsInput(state), config) => {
                match state.process(input, sent)? {
                    next @ ServerHandshake::NeedsInput(_) => {
                        (Self::Server(next, config), Some(Progress::NeedInput))
                    }
                    next => (Self::Server(next, config), None),
                }
            }
            Self::Client(ClientHandshake::VerifyServerIdentity(state)) => {
                (Self::Client(state.with_config(sent)?), None)
            }
            Self::Server(ServerHandshake::VerifyClientIdentity(state), config) => {
                (Self::Server(state.with_config(sent)?, config), None)
            }
            Self::Server(ServerHandshake::Accepted(state), config) => {
                (Self::Server(state.choose_config(config.clone(), sent)?, config), None)
            }
            state @ (Self::Client(ClientHandshake::Complete(_))
            | Self::Server(ServerHandshake::Complete(_), _)) => (state, Some(Progress::Complete)),
            _ => return Err(Error::HandshakeNotComplete),
        })
    }
}

impl Library for Rustls {
    type Error = Error;

    fn role(&self) -> Role {
        self.role
    }

    fn advance(&mut self, mut record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, Error> {
        sent.append(&mut self.output);
        while !record.is_empty() {
            self.input.read(&mut record).map_err(|error| Error::General(error.to_string()))?;
        }
        loop {
            let state = self.state.take().ok_or(Error::HandshakeNotComplete)?;
            let (state, progress) = state.step(&mut self.input, sent)?;
            self.state = Some(state);
            if let Some(progress) = progress {
                return Ok(progress);
            }
        }
    }

    fn take_secrets(&mut self) -> Secrets {
        mem::take(&mut *self.told.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The key log of one connection.
#[derive(Debug, Default)]
struct Told(Mutex<Secrets>);

impl KeyLog for Told {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        if let Some(kind) = SecretKind::from_label(label) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(kind, secret);
        }
    }
}
