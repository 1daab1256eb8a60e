//! Drives a handshake of rustls without I/O and stops where the engine takes over.
//!
//! rustls is shown one record at a time. Shown more, it would continue after the end of the
//! handshake and consume data, KeyUpdates and alerts that the engine must process. Its `discard`
//! count does not locate the next record: it is 0 while a handshake message is split over records.
//! So `shown` counts the bytes at the front of the input that rustls has seen and not discarded,
//! and [`Trial`] detects the records that rustls dropped without discarding them.

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

/// The most input to buffer, in bytes: the longest handshake message that rustls accepts may be split
/// over records, and is kept until it is whole.
pub(crate) const MAX_INPUT: usize = 0xffff + MAX_RECORD;

/// A handshake of rustls, without I/O.
///
/// Repeat these steps: pass received bytes to [`receive`](Self::receive), call
/// [`advance`](Self::advance), and send the [`unsent`](Self::unsent) bytes. When the handshake is
/// [complete](Progress::Complete), call [`finish`](Self::finish). With `std`, `complete` does this
/// over a transport.
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
///     // Send after an error too: there may be an alert.
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
/// // Data may have arrived with the last message. Bytes that the handshake took and did not use are in
/// // `connection.received`; bytes that it did not take are still in `input` and follow them.
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
    /// The server name that a client connects to.
    pub(crate) name: Option<ServerName<'static>>,
    pub(crate) received: Buffer,
    pub(crate) unsent: Buffer,
    shown: usize,
    /// Detects whether rustls drops the one record that is shown. `None` once rustls has processed
    /// it.
    trial: Option<Trial>,
    /// The peer has sent a change_cipher_spec. In TLS 1.2 its later records are protected.
    has_changed_cipher: bool,
    state: State,
}

/// The progress of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The handshake needs more bytes from the peer.
    NeedInput,
    /// The handshake is complete: send what is [unsent](Handshake::unsent) and call
    /// [`Handshake::finish`].
    Complete,
}

enum State {
    /// rustls has more to process or to send.
    Working,
    /// rustls needs another record.
    Waiting,
    Complete,
    Failed(HandshakeError),
}

/// The connection of rustls, for a client or a server.
pub(crate) enum Connection {
    Client(Box<UnbufferedClientConnection>, Option<Arc<dyn ClientSessionStore>>),
    Server(Box<UnbufferedServerConnection>, Arc<Recorder>),
}

impl Connection {
    /// Runs the next step of rustls. Returns how many bytes of `shown` to discard.
    fn process(&mut self, shown: &mut [u8], unsent: &mut Buffer) -> (usize, Step) {
        match self {
            Self::Client(connection, _) => step(connection.process_tls_records(shown), unsent),
            Self::Server(connection, _) => step(connection.process_tls_records(shown), unsent),
        }
    }

    pub(crate) const fn role(&self) -> Role {
        match self {
            Self::Client(..) => Role::Client,
            Self::Server(..) => Role::Server,
        }
    }

    /// Returns the state that both kinds of connection have.
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Self::Client(connection, _) => connection,
            Self::Server(connection, _) => connection,
        }
    }
}

/// The result of one step of rustls.
enum Step {
    /// rustls has more to do.
    Again,
    /// rustls needs another record.
    Blocked,
    /// Application data may be sent. For half-RTT data this is before the end of the handshake.
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
        // Early data is off, and the other states follow the end of the handshake.
        Ok(_) => Step::Failed(HandshakeError::Unexpected),
        Err(error) => Step::Failed(HandshakeError::Tls(error)),
    };
    (discard, step)
}

/// Encodes the record of rustls into `unsent`. rustls drops a record that is not encoded without an
/// error.
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
    /// Creates a client's handshake with the server called `name`.
    ///
    /// It uses a copy of `config` with early data off. The session store and the key log stay
    /// shared with the original.
    ///
    /// # Errors
    /// [`HandshakeError::Tls`] if rustls refuses the config.
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

    /// Creates a server's handshake.
    ///
    /// It uses a copy of `config` with early data off. The session store, the ticketer and the key
    /// log stay shared with the original.
    ///
    /// # Errors
    /// [`HandshakeError::Tls`] if rustls refuses the config.
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

    /// Returns the config of the engine, which applies after the handshake.
    ///
    /// It holds the defaults of the role and the `max_fragment_size` of the rustls config. Do not
    /// change the settings for record_size_limit and post-handshake authentication: rustls
    /// negotiates neither.
    pub const fn engine_config(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Sets the session store of a client's config.
    ///
    /// [`Resumption`](crate::Resumption) needs it to forget the sessions if the connection fails:
    /// rustls does not tell which store a client's config has. A server's handshake ignores the
    /// call.
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

    /// Takes received bytes, cut at any position, and returns how many it took.
    ///
    /// It takes all of them unless about 80 KiB are buffered already. Pass the remaining bytes
    /// again after the next [`advance`](Self::advance). If that call
    /// [completes](Progress::Complete) the handshake, append them to
    /// [`Established::received`](crate::Established::received) instead.
    #[must_use = "bytes that were not taken must be passed again"]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.received.push(bytes)
    }

    /// Advances the handshake as far as the input allows.
    ///
    /// Send what is [`unsent`](Self::unsent) afterwards, also after an error.
    ///
    /// # Errors
    /// The handshake has failed. Every later call returns the same error. rustls sends an alert for
    /// most faults, but not for all.
    /// - [`HandshakeError::Tls`] if rustls finds a fault or the peer sends an alert.
    /// - [`HandshakeError::TooLong`] if a handshake message does not fit the input buffer. It is answered with a
    ///   decode_error.
    /// - [`HandshakeError::Unexpected`] if rustls reports a state that this crate does not handle.
    pub fn advance(&mut self) -> Result<Progress, HandshakeError> {
        loop {
            match &self.state {
                State::Working => self.work(),
                State::Waiting => match self.next_record() {
                    Next::Record(len) => self.show(len),
                    Next::Malformed => self.refuse(),
                    Next::TooLong => self.refuse_length(),
                    Next::Incomplete if self.received.is_full() => self.refuse_message(),
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

    /// Returns whether rustls may be a server that skips early data, with a suite that [`Trial`]
    /// supports.
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

    /// Runs one step of rustls.
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

    /// Discards the shown record if rustls has dropped it.
    fn forget_dropped(&mut self, trial: &Trial) {
        let record = self.received.filled().get(..self.shown).unwrap_or_default();
        if trial.is_dropped(record) {
            self.received.consume(self.shown);
            self.shown = 0;
        }
    }

    /// Returns the state after the handshake. The engine takes over at the start of a record, so a
    /// handshake message that rustls has seen in part is a fault.
    fn completed(&self) -> State {
        if self.shown == 0 {
            return State::Complete;
        }
        let fault = PeerMisbehaved::KeyEpochWithPendingFragment;
        State::Failed(HandshakeError::Tls(fault.into()))
    }

    /// Moves the alert of a failed connection to `unsent`.
    fn take_alert(&mut self) {
        // rustls may panic if it is called with nothing to send.
        while self.connection.common().wants_write() {
            let (_, Step::Again) = self.connection.process(&mut [], &mut self.unsent) else {
                break;
            };
        }
    }

    /// Looks for a record behind the shown bytes.
    fn next_record(&self) -> Next {
        let next = self.received.filled().get(self.shown..).unwrap_or_default();
        let Some(header) = next.first_chunk::<HEADER_LEN>() else {
            return Next::Incomplete;
        };
        let header = Header::decode(*header);
        let len = HEADER_LEN.saturating_add(usize::from(header.length));
        // Do not wait for the body of something that is not a TLS record: it may be HTTP.
        if !(20..=24).contains(&header.content_type.0) || header.version >> 8 != 3 {
            return Next::Malformed;
        }
        if len > self.record_limit(header.content_type) {
            return Next::TooLong;
        }
        if next.len() < len { Next::Incomplete } else { Next::Record(len) }
    }

    /// Returns the length limit for a record of the peer, with its header. rustls applies the limit
    /// for protected records (RFC 9846 section 5.2) and accepts plaintext that is too long (section
    /// 5.1).
    fn record_limit(&self, content_type: ContentType) -> usize {
        let is_tls12 =
            self.connection.common().protocol_version() == Some(ProtocolVersion::TLSv1_2);
        let is_protected =
            content_type == ContentType::APPLICATION_DATA || (is_tls12 && self.has_changed_cipher);
        if is_protected { MAX_RECORD } else { HEADER_LEN.saturating_add(usize::from(MAX_CONTENT)) }
    }

    /// Shows rustls only the header of the next record, so that it refuses it with an alert.
    fn refuse(&mut self) {
        self.shown = self.shown.saturating_add(HEADER_LEN);
        self.work();
        if !matches!(self.state, State::Failed(_)) {
            let error = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
            self.state = State::Failed(HandshakeError::Tls(error));
        }
    }

    /// Makes the length of the next record one that rustls refuses, with a decode_error alert.
    fn spoil_length(&mut self) {
        let next = self.received.filled_mut().get_mut(self.shown..).unwrap_or_default();
        if let Some([.., high, low]) = next.first_chunk_mut::<HEADER_LEN>() {
            (*high, *low) = (0xff, 0xff);
        }
    }

    /// Refuses a message that does not fit the input buffer, with a decode_error alert.
    fn refuse_message(&mut self) {
        // A header may be there in part, or not at all. rustls makes the alert, because it may be encrypted.
        self.received.set_ceiling(MAX_INPUT.saturating_add(HEADER_LEN));
        let _ = self.received.push(&[0xff; HEADER_LEN]);
        self.spoil_length();
        self.refuse();
        self.state = State::Failed(HandshakeError::TooLong);
    }

    /// Refuses the next record for its length, with a record_overflow alert.
    fn refuse_length(&mut self) {
        self.spoil_length();
        let before = self.unsent.filled().len();
        self.refuse();
        let alert = self.unsent.filled_mut().get_mut(before..).unwrap_or_default();
        // An encrypted alert is longer than this pattern and stays a decode_error.
        if let [21, _, _, 0, 2, _, description] = alert {
            *description = AlertDescription::RECORD_OVERFLOW.0;
        }
        self.state = State::Failed(HandshakeError::Tls(rustls::Error::PeerSentOversizedRecord));
    }

    /// Returns the bytes to send next. There may be some at any time, also after an error.
    pub fn unsent(&self) -> &[u8] {
        self.unsent.filled()
    }

    /// Removes the first `len` bytes of [`unsent`](Self::unsent), which the transport took.
    pub fn sent(&mut self, len: usize) {
        self.unsent.consume(len);
    }

    /// Reports the end of the transport.
    ///
    /// Pass all received bytes to [`receive`](Self::receive) first.
    ///
    /// # Errors
    /// - [`HandshakeError::Truncated`] if the handshake is not complete, even after a close_notify: rustls
    ///   ignores one during a TLS 1.2 handshake.
    /// - The errors of [`advance`](Self::advance).
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

#[cfg(feature = "std")]
impl crate::drive::Drive for Handshake {
    fn advance(&mut self) -> Result<Progress, HandshakeError> {
        Self::advance(self)
    }

    fn eof(&mut self) -> Result<(), HandshakeError> {
        Self::eof(self)
    }

    fn received(&mut self) -> &mut Buffer {
        &mut self.received
    }

    fn unsent(&mut self) -> &mut Buffer {
        &mut self.unsent
    }

    fn ends_with_tickets(&self) -> bool {
        let version = self.connection.common().protocol_version();
        self.connection.role() == Role::Server && version == Some(ProtocolVersion::TLSv1_3)
    }
}

/// Makes the config of the engine. rustls's `max_fragment_size` includes the record header, but not
/// the bytes that protection adds.
fn engine_config(role: Role, max_fragment_size: Option<usize>) -> Config {
    let mut config = Config::new(role);
    let limit = max_fragment_size.map(|size| size.saturating_sub(HEADER_LEN));
    if let Some(limit) = limit.and_then(|limit| u16::try_from(limit).ok()) {
        config.fragment_limit = limit.min(MAX_CONTENT);
    }
    config
}

/// The input behind the records that rustls has seen.
enum Next {
    Incomplete,
    /// A whole record, with its length in bytes.
    Record(usize),
    /// A header with an unknown content type or version.
    Malformed,
    /// A header whose length is over the limit.
    TooLong,
}

impl core::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match &self.state {
            State::Working | State::Waiting => "in progress",
            State::Complete => "complete",
            State::Failed(_) => "failed",
        };
        write!(f, "Handshake({:?}, {state})", self.config.role)
    }
}
