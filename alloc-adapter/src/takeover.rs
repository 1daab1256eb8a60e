//! Handshakes of other TLS libraries than rustls.
//!
//! A [`Takeover`] shows the library one record at a time, follows what both sides send, and makes the
//! [`Established`] connection that every stream of this crate takes. The library works on memory, and tells
//! its secrets: implement [`Library`] for it, in about 50 lines. `Openssl` (feature `openssl`) is one.
//!
//! The library is dropped at the end of its handshake. It does not see any record of the peer after that.
//! What it leaves to the engine is less than rustls does:
//! - A client stores no session tickets of TLS 1.3, which come after the handshake. Those of TLS 1.2 come
//!   within it, and are the library's.
//! - There is no [`Exporter`](crate::Exporter): export keying material from the library before
//!   [`finish`](Takeover::finish).
//! - A server must not ask for a certificate after the handshake (RFC 9846 section 4.7.2): the library is not
//!   there to read it, nor that of a client to answer.
//! - [`Info`] lacks what the records do not show, unless the library [describes](Library::describe) it.
//!
//! Early data that the server accepts cannot be followed; a server of the library must reject it.

mod error;
#[cfg(feature = "openssl")]
mod openssl;
mod secrets;
#[cfg(feature = "std")]
mod transport;

use alloc::boxed::Box;
use alloc::vec::Vec;

use rustls::{CipherSuite, HandshakeKind};
use tls_record::aead::Provider;
use tls_record::takeover::{Follower, TakeoverError};
use tls_record::{
    Config, Event, HEADER_LEN, HandshakeType, Header, MAX_RECORD, Opened, Opener, RecordLayer,
    Role, Sealer, TrafficSecret, scrub_stack,
};
use zeroize::{Zeroize, Zeroizing};

use crate::buffer::Buffer;
use crate::error::HandshakeError;
use crate::established::{Established, Info};
use crate::handshake::Progress;
use crate::resumption::Resumption;

pub use error::LibraryError;
#[cfg(feature = "openssl")]
pub use openssl::Openssl;
pub use secrets::Secrets;

/// A connection of a TLS library that works on memory, as far as its handshake.
///
/// ```
/// # use tls_record_alloc::tls_record::Role;
/// use tls_record_alloc::Progress;
/// use tls_record_alloc::takeover::{Library, Secrets};
///
/// # mod library {
/// #     #[derive(Debug)]
/// #     pub struct Error;
/// #     impl std::fmt::Display for Error {
/// #         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("") }
/// #     }
/// #     impl std::error::Error for Error {}
/// #     pub struct Connection;
/// #     impl Connection {
/// #         pub fn read_tls(&mut self, _: &[u8]) {}
/// #         pub fn process(&mut self) -> Result<(), Error> { Ok(()) }
/// #         pub fn take_output(&mut self) -> Vec<u8> { Vec::new() }
/// #         pub fn is_handshaking(&self) -> bool { true }
/// #         pub fn take_key_log(&mut self) -> Vec<String> { Vec::new() }
/// #     }
/// # }
/// /// A client of your library.
/// struct Client(library::Connection);
///
/// impl Library for Client {
///     type Error = library::Error;
///
///     fn role(&self) -> Role {
///         Role::Client
///     }
///
///     fn advance(&mut self, record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, Self::Error> {
///         self.0.read_tls(record);
///         let processed = self.0.process();
///         sent.extend(self.0.take_output()); // After an error it is the alert.
///         processed?;
///         Ok(if self.0.is_handshaking() { Progress::NeedInput } else { Progress::Complete })
///     }
///
///     fn take_secrets(&mut self) -> Secrets {
///         let mut secrets = Secrets::new();
///         for line in self.0.take_key_log() {
///             secrets.push_line(line.as_bytes());
///         }
///         secrets
///     }
/// }
/// ```
pub trait Library {
    /// The error of a failed handshake.
    type Error: core::error::Error + Send + Sync + 'static;

    /// Returns the role of this side.
    fn role(&self) -> Role;

    /// Goes on with the handshake.
    ///
    /// `record` is the next record of the peer. It is empty in the first call, and when the caller tries
    /// again without one. Append the output to `sent`, also if this call fails. Return
    /// [`Progress::Complete`] when the peer's Finished was verified and the own one is sent.
    ///
    /// # Errors
    /// The handshake has failed. It is not called again.
    fn advance(&mut self, record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, Self::Error>;

    /// Returns the secrets that the library told since the last call.
    ///
    /// Those of the records that [`advance`](Self::advance) took and made must be among them. A library
    /// that has a key log tells all that are needed.
    fn take_secrets(&mut self) -> Secrets;

    /// Completes the parameters of the complete handshake.
    ///
    /// The version, the cipher suite, the kind of handshake, and the application protocol if its name has
    /// at most 24 bytes are known from the records. The rest is empty.
    fn describe(&self, info: &mut Info) {
        let _ = info;
    }

    /// Returns what removes the session of the complete handshake from its store.
    ///
    /// It is called after a fatal alert, after which a session must not be resumed: see [`Resumption`].
    fn forget_session(self) -> Option<Box<dyn FnOnce() + Send + Sync>>
    where
        Self: Sized,
    {
        None
    }
}

/// A handshake of a TLS [`Library`], without I/O.
///
/// It is used like [`Handshake`](crate::Handshake): pass received bytes to [`receive`](Self::receive), call
/// [`advance`](Self::advance), and send the [`unsent`](Self::unsent) bytes. When the handshake is
/// [complete](Progress::Complete), call [`finish`](Self::finish). With `std`, `complete` does this over a
/// transport, and `Stream::from_takeover` makes a stream. `P` is the AEAD provider of the engine.
///
/// ```
/// # use std::error::Error;
/// # use tls_record_alloc::tls_record::aead::ring::Ring;
/// # use tls_record_alloc::{Established, Progress};
/// use tls_record_alloc::takeover::{Library, Takeover};
///
/// fn connect(
///     library: impl Library,
///     receive: &mut dyn FnMut() -> Option<Vec<u8>>,
///     send: &mut dyn FnMut(&[u8]),
/// ) -> Result<Established<Ring>, Box<dyn Error>> {
///     let mut takeover = Takeover::new(library);
///     let mut input = Vec::new();
///     loop {
///         let progress = takeover.advance();
///         // Send after an error too: there may be an alert.
///         send(takeover.unsent());
///         takeover.sent(takeover.unsent().len());
///         match progress? {
///             Progress::Complete => break,
///             Progress::NeedInput if input.is_empty() => match receive() {
///                 Some(bytes) => input = bytes,
///                 None => takeover.eof()?,
///             },
///             Progress::NeedInput => {
///                 let taken = takeover.receive(&input);
///                 input.drain(..taken);
///             }
///         }
///     }
///     let mut established = takeover.finish()?;
///     // What the takeover did not take follows what it took and did not use.
///     established.received.set_ceiling(usize::MAX);
///     established.received.push(&input);
///     Ok(established)
/// }
/// ```
pub struct Takeover<L, P: Provider> {
    library: L,
    /// Boxed, because moving keys leaves copies of them in memory.
    follower: Box<Follower<P>>,
    config: Config,
    received: Buffer,
    /// Output that was not followed yet: at the end of a call, at most a part of a record.
    output: Zeroizing<Vec<u8>>,
    unsent: Buffer,
    messages: Messages,
    state: State,
}

enum State {
    Working,
    Complete,
    Failed(HandshakeError),
}

/// The messages that tell the kind of the handshake.
#[derive(Default)]
struct Messages {
    has_server_hello: bool,
    has_second_server_hello: bool,
    has_server_certificate: bool,
}

impl Messages {
    /// CompressedCertificate (RFC 8879 section 4).
    const COMPRESSED_CERTIFICATE: HandshakeType = HandshakeType(25);

    fn note(&mut self, sender: Role, event: &Event) {
        let Event::Handshake(piece) = event else { return };
        if sender == Role::Client || piece.offset != 0 {
            return;
        }
        match piece.header.message_type {
            HandshakeType::SERVER_HELLO => {
                self.has_second_server_hello = self.has_server_hello;
                self.has_server_hello = true;
            }
            HandshakeType::CERTIFICATE | Self::COMPRESSED_CERTIFICATE => {
                self.has_server_certificate = true;
            }
            _ => {}
        }
    }

    /// A server authenticates by its certificate, or by a key that both know from an earlier session (RFC
    /// 9846 section 2.2; RFC 5246 section 7.3). An external key (section 4.3.11) counts as a resumption.
    const fn kind(&self) -> HandshakeKind {
        match (self.has_server_certificate, self.has_second_server_hello) {
            (false, _) => HandshakeKind::Resumed,
            (true, true) => HandshakeKind::FullWithHelloRetryRequest,
            (true, false) => HandshakeKind::Full,
        }
    }
}

impl<L: Library, P: Provider> Takeover<L, P> {
    /// Creates the handshake of a connection of the library that has not sent or received anything.
    pub fn new(library: L) -> Self {
        Self {
            config: Config::new(library.role()),
            library,
            follower: Box::default(),
            received: Buffer::new(MAX_RECORD),
            output: Zeroizing::default(),
            unsent: Buffer::new(usize::MAX),
            messages: Messages::default(),
            state: State::Working,
        }
    }

    /// Returns the config of the engine, which applies after the handshake.
    ///
    /// It holds the defaults of the role, which stays that of the library. Limits of record sizes that the library negotiates come on top of
    /// it.
    pub const fn engine_config(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Returns the library, for instance to ask it for a certificate or to export keying material.
    pub const fn library(&self) -> &L {
        &self.library
    }

    /// Returns the library.
    ///
    /// Do not have it receive anything. What it writes is sent by the next [`advance`](Self::advance), as
    /// long as the handshake is not complete.
    pub const fn library_mut(&mut self) -> &mut L {
        &mut self.library
    }

    /// Takes received bytes, cut at any position, and returns how many it took.
    ///
    /// It takes all of them unless about 18 KiB are buffered already. Pass the remaining bytes again after
    /// the next [`advance`](Self::advance). If that call [completes](Progress::Complete) the handshake,
    /// append them to [`Established::received`] instead.
    #[must_use = "bytes that were not taken must be passed again"]
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.received.push(bytes)
    }

    /// Advances the handshake as far as the input allows.
    ///
    /// Send what is [`unsent`](Self::unsent) afterwards, also after an error. A library that waits for
    /// something else than the peer, such as a signature, is asked again by every call.
    ///
    /// # Errors
    /// The handshake has failed. Every later call returns the same error.
    /// - [`HandshakeError::Library`] if the library fails. Its alert is unsent.
    /// - [`HandshakeError::Takeover`] if the handshake cannot be followed: for instance the library has not
    ///   told a secret, or chose a cipher suite that the engine does not have. No alert is sent, so the peer
    ///   sees a truncation.
    pub fn advance(&mut self) -> Result<Progress, HandshakeError> {
        self.config.role = self.library.role();
        let mut len = self.next_record();
        while let State::Working = self.state {
            match self.step(len) {
                Ok(Progress::Complete) => self.state = State::Complete,
                Ok(Progress::NeedInput) => {
                    len = self.next_record();
                    if len == 0 {
                        return Ok(Progress::NeedInput);
                    }
                }
                Err(error) => self.state = State::Failed(error),
            }
        }
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            State::Working | State::Complete => Ok(Progress::Complete),
        }
    }

    /// Returns the length of the next record for the library, or 0 if there is none: what follows the
    /// peer's Finished is for the engine.
    ///
    /// Of a record that cannot be right it is the header: the body may never come, and the library sends
    /// the alert.
    fn next_record(&self) -> usize {
        let received = self.received.filled();
        let Some(header) = received.first_chunk::<HEADER_LEN>() else { return 0 };
        if self.follower.is_finished(self.peer()) {
            return 0;
        }
        let header = Header::decode(*header);
        let len = HEADER_LEN.saturating_add(usize::from(header.length));
        let is_tls = (20..=24).contains(&header.content_type.0) && header.version >> 8 == 3;
        if !is_tls || len > MAX_RECORD {
            HEADER_LEN
        } else if received.len() < len {
            0
        } else {
            len
        }
    }

    fn peer(&self) -> Role {
        match self.config.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }

    /// Shows the library the next `len` bytes of input, and follows them and its output.
    fn step(&mut self, len: usize) -> Result<Progress, HandshakeError> {
        let (role, peer) = (self.config.role, self.peer());
        let Self { library, follower, received, output, unsent, messages, .. } = self;
        let record = received.filled_mut().get_mut(..len).unwrap_or_default();
        let before = output.len();
        let advanced = library.advance(record, output);
        unsent.push(output.get(before..).unwrap_or_default());
        let advanced =
            advanced.map_err(|error| HandshakeError::Library(LibraryError::new(error)))?;
        for (kind, secret) in library.take_secrets().iter() {
            follower.secret(kind, secret)?;
        }
        // Decrypted where they lie: the library has taken the one, and the other is copied already.
        if follow(follower, messages, peer, record)? != len {
            return Err(TakeoverError::Malformed.into());
        }
        received.consume(len);
        let followed = follow(follower, messages, role, output)?;
        let rest = output.split_off(followed);
        output.zeroize();
        **output = rest;
        let is_complete = output.is_empty() && follower.is_complete();
        Ok(if is_complete { advanced } else { Progress::NeedInput })
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
    /// - [`HandshakeError::Truncated`] if the handshake is not complete.
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

    /// Hands the connection over to the engine, and drops the library.
    ///
    /// # Errors
    /// [`HandshakeError::Takeover`] with [`NotComplete`](TakeoverError::NotComplete) if the handshake is not
    /// complete, and with the errors of [`Follower::finish`]: the engine cannot go on where the library
    /// stopped. No alert is sent, so the peer sees a truncation.
    pub fn finish(self) -> Result<Established<P>, HandshakeError> {
        let finished = self.hand_over();
        // The record layer passes through that frame. What is below it, the follower overwrites.
        scrub_stack(size_of::<RecordLayer<TrafficSecret<P>>>().saturating_mul(2));
        finished
    }

    /// Not inlined: [`scrub_stack`] must reach its stack frame.
    #[inline(never)]
    fn hand_over(mut self) -> Result<Established<P>, HandshakeError> {
        if !matches!(self.state, State::Complete) {
            return Err(TakeoverError::NotComplete.into());
        }
        self.config.role = self.library.role();
        let info = self.info().ok_or(HandshakeError::Unexpected)?;
        let Self { library, mut follower, config, received, unsent, .. } = self;
        let resumption = Resumption::by(library.forget_session());
        let (mut opener, mut sealer) =
            (Box::new(Opener::new(config)), Box::new(Sealer::new(config)));
        let mut layer = follower.finish(config)?;
        layer.with_halves(|made_opener, made_sealer| {
            core::mem::swap(made_opener, &mut *opener);
            core::mem::swap(made_sealer, &mut *sealer);
        });
        Ok(Established {
            opener,
            sealer,
            received,
            unsent,
            tickets: None,
            resumption,
            exporter: None,
            info,
        })
    }

    fn info(&self) -> Option<Info> {
        let mut info = Info {
            version: self.follower.negotiated()?.0,
            suite: CipherSuite::from(self.follower.suite()?),
            group: None,
            kind: self.messages.kind(),
            alpn: self.follower.alpn().map(Vec::from),
            peer_certificates: Vec::new(),
            server_name: None,
        };
        self.library.describe(&mut info);
        Some(info)
    }
}

/// Follows all whole records of `bytes`. Returns their length.
fn follow<P: Provider>(
    follower: &mut Follower<P>,
    messages: &mut Messages,
    sender: Role,
    bytes: &mut [u8],
) -> Result<usize, TakeoverError> {
    let mut followed: usize = 0;
    while let Some(rest @ [_, ..]) = bytes.get_mut(followed..) {
        let Opened { consumed, event } = follower.follow(sender, rest)?;
        messages.note(sender, &event);
        if let Event::NeedMore { .. } = event {
            break;
        }
        followed = followed.saturating_add(consumed);
    }
    Ok(followed)
}

impl<L, P: Provider> core::fmt::Debug for Takeover<L, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = match &self.state {
            State::Working => "in progress",
            State::Complete => "complete",
            State::Failed(_) => "failed",
        };
        write!(f, "Takeover({:?}, {state})", self.config.role)
    }
}
