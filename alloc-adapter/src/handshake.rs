//! Drives a handshake of rustls, and stops where the engine takes over.
//!
//! rustls sees one record at a time. Shown more, it would go on behind the end of the handshake and
//! swallow data, KeyUpdates and alerts that belong to the engine. How many bytes it wants discarded
//! tells nothing of where the next record begins: none while a handshake message is split over
//! records. Hence `shown`, the bytes at the front of the input that it has seen and not discarded, and
//! [`Trial`] for those that it will not want again.

use alloc::boxed::Box;
use alloc::sync::Arc;

use rustls::client::{ClientSessionStore, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{
    CipherSuite, ClientConfig, CommonState, InvalidMessage, PeerMisbehaved, ProtocolVersion,
    ServerConfig,
};
use tls_record::{
    AlertDescription, Config, ContentType, HEADER_LEN, Header, MAX_CONTENT, MAX_RECORD, Role,
};

use crate::buffer::Buffer;
use crate::capture::{Capture, Resolver};
use crate::error::HandshakeError;
use crate::resumption::Recorder;
use crate::trial::Trial;

/// The most input that waits: the longest handshake message that rustls takes may be split over
/// records, and is kept until it is whole.
pub(crate) const MAX_INPUT: usize = 0xffff + MAX_RECORD;

/// A handshake by rustls, without I/O.
///
/// Give it what the transport brings, [advance](Self::advance) it, and send what is
/// [unsent](Self::unsent), over and over; when it is [complete](Progress::Complete),
/// [finish](Self::finish) it. With `std`, `complete` does all of that over a transport.
///
/// ```
/// # use std::error::Error;
/// # use std::sync::Arc;
/// # use tls_record_alloc::tls_record::{Event, aead::ring::Ring};
/// # use tls_record_alloc::{Handshake, HandshakeError, Progress, rustls};
/// # fn connection(
/// #     config: Arc<rustls::ClientConfig>,
/// #     receive: &mut dyn FnMut() -> Option<Vec<u8>>,
/// #     send: &mut dyn FnMut(&[u8]),
/// #     deliver: &mut dyn FnMut(&[u8]),
/// # ) -> Result<(), Box<dyn Error>> {
/// let mut handshake = Handshake::client(config, "example.org".try_into()?)?;
/// let mut input = Vec::new();
/// loop {
///     let progress = handshake.advance();
///     // Also after an error, when there may be an alert to send.
///     send(handshake.unsent());
///     handshake.sent(handshake.unsent().len());
///     match progress? {
///         Progress::Complete => break,
///         Progress::NeedInput if input.is_empty() => match receive() {
///             Some(bytes) => input = bytes,
///             None => handshake.eof()?,
///         },
///         Progress::NeedInput => {
///             let taken = handshake.receive(&input);
///             input.drain(..taken);
///         }
///     }
/// }
///
/// // Data may have come with the last message: more than the handshake takes, so that some of it
/// // is still in `input`. It goes behind what the handshake took and did not need.
/// let mut connection = handshake.finish::<Ring>()?;
/// loop {
///     let taken = connection.received.push(&input);
///     input.drain(..taken);
///     let record = connection.received.filled_mut();
///     let opened = connection.opener.open(record)?;
///     match opened.event {
///         Event::ApplicationData(range) => deliver(&record[range]),
///         Event::NeedMore { .. } => match receive() {
///             Some(bytes) => input.extend(bytes),
///             None => {
///                 connection.opener.eof();
///             }
///         },
///         Event::Closed => break,
///         _ => {}
///     }
///     connection.received.consume(opened.consumed);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Handshake {
    pub(crate) connection: Connection,
    pub(crate) capture: Arc<Capture>,
    pub(crate) config: Config,
    /// The name that a client asks for.
    pub(crate) name: Option<ServerName<'static>>,
    pub(crate) received: Buffer,
    pub(crate) unsent: Buffer,
    shown: usize,
    /// Whether the only record that is shown was dropped, until rustls has come to an end with it.
    trial: Option<Trial>,
    /// The peer has sent a change_cipher_spec. In TLS 1.2 its records are protected from then on.
    has_changed_cipher: bool,
    state: State,
}

/// How far a handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits for the peer.
    NeedInput,
    /// It is over: [`Handshake::finish`] it. What is [unsent](Handshake::unsent) still has to leave.
    Complete,
}

enum State {
    /// rustls has something to do or to say.
    Working,
    /// It needs another record.
    Waiting,
    Complete,
    Failed(HandshakeError),
}

/// The two kinds of connection that rustls has.
pub(crate) enum Connection {
    Client(Box<UnbufferedClientConnection>, Option<Arc<dyn ClientSessionStore>>),
    Server(Box<UnbufferedServerConnection>, Arc<Recorder>),
}

impl Connection {
    /// Lets rustls do its next step. Returns how many bytes of `shown` it is done with.
    fn process(&mut self, shown: &mut [u8], unsent: &mut Buffer) -> (usize, Step) {
        match self {
            Self::Client(connection, _) => step(connection.process_tls_records(shown), unsent),
            Self::Server(connection, _) => step(connection.process_tls_records(shown), unsent),
        }
    }

    /// What rustls knows of the connection.
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Self::Client(connection, _) => connection,
            Self::Server(connection, _) => connection,
        }
    }
}

/// What a step of rustls came to.
enum Step {
    /// It has more to do.
    Again,
    /// It needs another record.
    Blocked,
    /// Application data might be sent. With half-RTT data that is before the handshake ends.
    MayWrite,
    Failed(HandshakeError),
}

fn step<Data>(status: UnbufferedStatus<'_, '_, Data>, unsent: &mut Buffer) -> (usize, Step) {
    let UnbufferedStatus { discard, state } = status;
    let step = match state {
        Ok(ConnectionState::EncodeTlsData(data)) => encode(data, unsent),
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Step::Again
        }
        Ok(ConnectionState::BlockedHandshake) => Step::Blocked,
        Ok(ConnectionState::WriteTraffic(_)) => Step::MayWrite,
        // Early data is not accepted, and the others come after the end.
        Ok(_) => Step::Failed(HandshakeError::Unexpected),
        Err(error) => Step::Failed(HandshakeError::Tls(error)),
    };
    (discard, step)
}

/// A record that is not encoded would be lost in silence.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, unsent: &mut Buffer) -> Step {
    let need = match data.encode(&mut []) {
        Ok(_) => return Step::Again,
        Err(EncodeError::InsufficientSize(error)) => error.required_size,
        Err(EncodeError::AlreadyEncoded) => return Step::Failed(HandshakeError::Unexpected),
    };
    match data.encode(unsent.space(need)) {
        Ok(written) => {
            unsent.commit(written);
            Step::Again
        }
        Err(_) => Step::Failed(HandshakeError::Unexpected),
    }
}

impl Handshake {
    /// A client's handshake with the server of this name.
    ///
    /// It works on a copy of `config`, with early data off; what the config shares stays shared
    /// (session store, key log).
    ///
    /// # Errors
    /// [`HandshakeError::Tls`] if rustls does not take the config.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, HandshakeError> {
        let mut config = Arc::unwrap_or_clone(config);
        let capture = Arc::new(Capture::new(config.key_log));
        config.key_log = capture.clone();
        config.enable_secret_extraction = true;
        config.enable_early_data = false;
        let engine_config = engine_config(Role::Client, config.max_fragment_size);
        let connection = UnbufferedClientConnection::new(Arc::new(config), name.clone())?;
        let connection = Connection::Client(Box::new(connection), None);
        Ok(Self::new(connection, capture, engine_config, Some(name)))
    }

    /// A server's handshake.
    ///
    /// It works on a copy of `config`, with early data off; what the config shares stays shared
    /// (session store, ticketer, key log).
    ///
    /// # Errors
    /// [`HandshakeError::Tls`] if rustls does not take the config.
    pub fn server(config: Arc<ServerConfig>) -> Result<Self, HandshakeError> {
        let mut config = Arc::unwrap_or_clone(config);
        let capture = Arc::new(Capture::new(config.key_log));
        config.key_log = capture.clone();
        config.cert_resolver =
            Arc::new(Resolver { resolver: config.cert_resolver, capture: capture.clone() });
        let recorder = Arc::new(Recorder::new(config.session_storage, config.send_tls13_tickets));
        config.session_storage = recorder.clone();
        config.enable_secret_extraction = true;
        config.max_early_data_size = 0;
        let engine_config = engine_config(Role::Server, config.max_fragment_size);
        let connection = UnbufferedServerConnection::new(Arc::new(config))?;
        let connection = Connection::Server(Box::new(connection), recorder);
        Ok(Self::new(connection, capture, engine_config, None))
    }

    fn new(
        connection: Connection,
        capture: Arc<Capture>,
        config: Config,
        name: Option<ServerName<'static>>,
    ) -> Self {
        Self {
            connection,
            capture,
            config,
            name,
            received: Buffer::new(MAX_INPUT),
            unsent: Buffer::new(usize::MAX),
            shown: 0,
            trial: None,
            has_changed_cipher: false,
            state: State::Working,
        }
    }

    /// How the engine is to behave after the handshake. It starts with the defaults of the role and
    /// the `max_fragment_size` of the rustls config. rustls negotiates neither a record_size_limit nor
    /// post-handshake authentication: leave those alone.
    pub const fn engine_config(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Names the store in which the config of a client keeps its sessions, for
    /// [`Resumption`](crate::Resumption) to forget them if the connection fails: rustls does not tell
    /// which one its config has. A server's handshake knows its own, and ignores the call.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::sync::Arc;
    /// # use tls_record_alloc::rustls::client::{ClientSessionMemoryCache, Resumption};
    /// # use tls_record_alloc::rustls::{ClientConfig, RootCertStore, crypto};
    /// # use tls_record_alloc::Handshake;
    /// # let provider = Arc::new(crypto::ring::default_provider());
    /// # let mut config = ClientConfig::builder_with_provider(provider)
    /// #     .with_safe_default_protocol_versions()?
    /// #     .with_root_certificates(RootCertStore::empty())
    /// #     .with_no_client_auth();
    /// let store = Arc::new(ClientSessionMemoryCache::new(256));
    /// config.resumption = Resumption::store(store.clone());
    ///
    /// let mut handshake = Handshake::client(Arc::new(config), "example.org".try_into()?)?;
    /// handshake.session_store(store);
    /// # Ok(())
    /// # }
    /// ```
    pub fn session_store(&mut self, store: Arc<dyn ClientSessionStore>) {
        if let Connection::Client(_, named) = &mut self.connection {
            *named = Some(store);
        }
    }

    /// Takes bytes from the transport, cut anywhere, and returns how many: all of them, unless some
    /// 80 KiB wait already. Give the rest again after the next [`advance`](Self::advance); if that
    /// [completes](Progress::Complete) the handshake, to [`received`](crate::Established::received).
    #[must_use = "the rest of the bytes is to be given again"]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.received.push(bytes)
    }

    /// Goes on as far as the input allows. Afterwards, whatever it returns, send what is
    /// [`unsent`](Self::unsent).
    ///
    /// # Errors
    /// The handshake has failed, and every later call gives the same error. rustls sends an alert
    /// for most faults, not for all.
    pub fn advance(&mut self) -> Result<Progress, HandshakeError> {
        loop {
            match &self.state {
                State::Working => self.work(),
                State::Waiting => match self.next_record() {
                    Next::Record(len) => self.show(len),
                    Next::Malformed => self.refuse(),
                    Next::TooLong => self.refuse_length(),
                    Next::Incomplete if self.received.is_full() => {
                        self.state = State::Failed(HandshakeError::TooLong);
                    }
                    Next::Incomplete => return Ok(Progress::NeedInput),
                },
                State::Complete => return Ok(Progress::Complete),
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    /// Shows rustls the next record.
    fn show(&mut self, len: usize) {
        let record = self.received.filled().get(self.shown..).unwrap_or_default();
        self.has_changed_cipher |= record.first() == Some(&ContentType::CHANGE_CIPHER_SPEC.0);
        if self.shown == 0 && self.may_drop_records() {
            self.trial = record.get(..len).and_then(Trial::new);
        }
        self.shown = self.shown.saturating_add(len);
        self.state = State::Working;
    }

    /// Whether rustls may be a server that skips early data, under a suite that [`Trial`] knows.
    fn may_drop_records(&self) -> bool {
        use CipherSuite::{
            TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
        };
        let suite = self.connection.common().negotiated_cipher_suite().map(|suite| suite.suite());
        matches!(self.connection, Connection::Server(..))
            && matches!(
                suite,
                Some(
                    TLS13_AES_128_GCM_SHA256
                        | TLS13_AES_256_GCM_SHA384
                        | TLS13_CHACHA20_POLY1305_SHA256
                )
            )
    }

    /// Lets rustls do a step.
    fn work(&mut self) {
        let shown = self.received.filled_mut().get_mut(..self.shown).unwrap_or_default();
        let (discard, step) = self.connection.process(shown, &mut self.unsent);
        self.received.consume(discard);
        self.shown = self.shown.saturating_sub(discard);
        let is_blocked = matches!(step, Step::Blocked | Step::MayWrite);
        if (discard != 0 || is_blocked)
            && let Some(trial) = self.trial.take()
            && discard == 0
        {
            self.forget_dropped(&trial);
        }
        self.state = match step {
            Step::Again => State::Working,
            Step::MayWrite if !self.connection.common().is_handshaking() => self.completed(),
            Step::Blocked | Step::MayWrite => State::Waiting,
            Step::Failed(error) => {
                self.take_alert();
                State::Failed(error)
            }
        };
    }

    /// Discards the record that is shown if rustls has dropped it.
    fn forget_dropped(&mut self, trial: &Trial) {
        let record = self.received.filled().get(..self.shown).unwrap_or_default();
        if trial.is_dropped(record) {
            self.received.consume(self.shown);
            self.shown = 0;
        }
    }

    /// The engine takes over at the edge of a record, so that nothing that was shown may be left.
    fn completed(&self) -> State {
        if self.shown == 0 {
            return State::Complete;
        }
        let fault = PeerMisbehaved::KeyEpochWithPendingFragment;
        State::Failed(HandshakeError::Tls(fault.into()))
    }

    /// Takes what a failed connection still has to send.
    fn take_alert(&mut self) {
        // rustls may panic if it is asked for more than that.
        while self.connection.common().wants_write() {
            let (_, Step::Again) = self.connection.process(&mut [], &mut self.unsent) else {
                break;
            };
        }
    }

    /// Looks for a record behind what is shown.
    fn next_record(&self) -> Next {
        let next = self.received.filled().get(self.shown..).unwrap_or_default();
        let Some(header) = next.first_chunk::<HEADER_LEN>() else {
            return Next::Incomplete;
        };
        let header = Header::decode(*header);
        let len = HEADER_LEN.saturating_add(usize::from(header.length));
        // Waiting for the body of a record that cannot be one would take long: it may be HTTP.
        if !(20..=24).contains(&header.content_type.0) || header.version >> 8 != 3 {
            return Next::Malformed;
        }
        if len > self.record_limit(header.content_type) {
            return Next::TooLong;
        }
        if next.len() < len { Next::Incomplete } else { Next::Record(len) }
    }

    /// The longest record of the peer, with its header. rustls judges by what is protected in it
    /// (RFC 9846 section 5.2), and takes plaintext that is too long (RFC 9846 section 5.1).
    fn record_limit(&self, content_type: ContentType) -> usize {
        let is_tls12 =
            self.connection.common().protocol_version() == Some(ProtocolVersion::TLSv1_2);
        let is_protected =
            content_type == ContentType::APPLICATION_DATA || (is_tls12 && self.has_changed_cipher);
        if is_protected { MAX_RECORD } else { HEADER_LEN.saturating_add(usize::from(MAX_CONTENT)) }
    }

    /// Has rustls refuse the next record by its header, with its alert.
    fn refuse(&mut self) {
        self.shown = self.shown.saturating_add(HEADER_LEN);
        self.work();
        if !matches!(self.state, State::Failed(_)) {
            let error = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
            self.state = State::Failed(HandshakeError::Tls(error));
        }
    }

    /// Refuses the next record for its length, with a record_overflow.
    fn refuse_length(&mut self) {
        let next = self.received.filled_mut().get_mut(self.shown..).unwrap_or_default();
        if let Some([.., high, low]) = next.first_chunk_mut::<HEADER_LEN>() {
            // Too long for rustls too, which answers with a decode_error.
            (*high, *low) = (0xff, 0xff);
        }
        let before = self.unsent.filled().len();
        self.refuse();
        let alert = self.unsent.filled_mut().get_mut(before..).unwrap_or_default();
        // One that is encrypted is longer, and stays a decode_error.
        if let [21, _, _, 0, 2, _, description] = alert {
            *description = AlertDescription::RECORD_OVERFLOW.0;
        }
        self.state = State::Failed(HandshakeError::Tls(rustls::Error::PeerSentOversizedRecord));
    }

    /// The bytes to send next. There may be some at any time, and also after an error.
    pub fn unsent(&self) -> &[u8] {
        self.unsent.filled()
    }

    /// The transport took the first `len` bytes of [`unsent`](Self::unsent).
    pub fn sent(&mut self, len: usize) {
        self.unsent.consume(len);
    }

    /// The transport has no more bytes: everything that arrived was [received](Self::receive).
    ///
    /// # Errors
    /// [`HandshakeError::Truncated`] if the handshake is not complete, whatever came before: rustls
    /// overlooks a close_notify during a TLS 1.2 handshake. Otherwise as [`advance`](Self::advance).
    pub fn eof(&mut self) -> Result<(), HandshakeError> {
        match self.advance()? {
            Progress::Complete => Ok(()),
            Progress::NeedInput => {
                self.state = State::Failed(HandshakeError::Truncated);
                Err(HandshakeError::Truncated)
            }
        }
    }

    pub(crate) const fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }
}

/// The `max_fragment_size` of rustls counts the header, and not what protection adds.
fn engine_config(role: Role, max_fragment_size: Option<usize>) -> Config {
    let mut config = Config::new(role);
    let limit = max_fragment_size.map(|size| size.saturating_sub(HEADER_LEN));
    if let Some(limit) = limit.and_then(|limit| u16::try_from(limit).ok()) {
        config.fragment_limit = limit.min(MAX_CONTENT);
    }
    config
}

/// What lies behind the records that rustls has seen.
enum Next {
    Incomplete,
    /// A whole record, of this length.
    Record(usize),
    /// A header that rustls does not take.
    Malformed,
    /// A header with a length that is not allowed.
    TooLong,
}

impl core::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match &self.state {
            State::Working | State::Waiting => "under way",
            State::Complete => "complete",
            State::Failed(_) => "failed",
        };
        write!(f, "Handshake({:?}, {state})", self.config.role)
    }
}
