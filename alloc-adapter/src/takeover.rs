//! Connections after the handshake of a TLS library other than rustls.
//!
//! A [`Takeover`] passes the library one record at a time, and follows the records of both sides with the
//! secrets that the library reports. After the handshake it makes an [`Established`], from which every
//! stream of this crate can be made.
//!
//! The library must be able to work on memory, and to report its traffic secrets, by callback or key log.
//! `Openssl` (feature `openssl`) is the driver for OpenSSL. For another library, implement [`Library`]: about
//! 50 lines.
//!
//! The library is dropped at the end of its handshake, and does not see any later record. Compared with a
//! handshake of rustls:
//! - A client stores no session tickets of TLS 1.3, which arrive after the handshake. The library handles
//!   those of TLS 1.2, which arrive within it.
//! - There is no [`Exporter`](crate::Exporter): export keying material from the library before
//!   [`finish`](Takeover::finish).
//! - A server cannot request a certificate after the handshake (RFC 9846 section 4.7.2), and a client cannot
//!   answer such a request: the library does not see these messages.
//! - [`Info`] contains only what the records show, unless the library [adds](Library::describe) the rest.
//!
//! A server of the library must reject early data: accepted early data cannot be followed.

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

/// The handshake of one connection of a TLS library, without I/O.
///
/// Implement it for a library that takes received bytes from memory and writes its output to memory.
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

    /// Processes a record of the peer, and writes the output of this side.
    ///
    /// `record` is the next record of the peer. It is empty in the first call, and in calls without new
    /// input. Append the output to `sent`, also if this call fails. Return [`Progress::Complete`] as soon as
    /// the peer's Finished is verified and the own Finished is in the output.
    ///
    /// # Errors
    /// The error of the library if the handshake has failed. This function is not called again.
    fn advance(&mut self, record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, Self::Error>;

    /// Returns whether an error says that the peer has sent a fatal alert.
    ///
    /// An [`io::Error`](std::io::Error) of it has the kind
    /// [`ConnectionAborted`](std::io::ErrorKind::ConnectionAborted) then, and
    /// [`InvalidData`](std::io::ErrorKind::InvalidData) otherwise.
    fn is_alert(error: &Self::Error) -> bool {
        let _ = error;
        false
    }

    /// Returns the secrets that the library has reported since the last call.
    ///
    /// It is called after each successful [`advance`](Self::advance). Return at least the secrets of the
    /// encrypted records that this call processed or wrote. The lines of a key log (RFC 9850) are enough.
    fn take_secrets(&mut self) -> Secrets;

    /// Adds to `info` the parameters that the records do not show.
    ///
    /// It is called after the handshake. `info` contains the version, the cipher suite, the kind of
    /// handshake, and the application protocol if its name has at most 24 bytes. The other fields are empty.
    fn describe(&self, info: &mut Info) {
        let _ = info;
    }

    /// Returns a function that removes the session from the library's store, or `None` if there is none.
    ///
    /// The function is called after a fatal alert, because the session must not be resumed then: see
    /// [`Resumption`].
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
///     let taken = established.received.push(&input);
///     assert_eq!(taken, input.len());
///     Ok(established)
/// }
/// ```
pub struct Takeover<L, P: Provider> {
    library: L,
    /// Boxed, because moving keys leaves copies of them in memory.
    follower: Box<Follower<P>>,
    config: Config,
    received: Buffer,
    /// Output that has not been followed yet: between calls, at most an incomplete record.
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

/// The messages of the server that determine the kind of handshake.
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

    /// Returns the kind of handshake. A server that sends no certificate authenticates by a key of an earlier
    /// session (RFC 9846 section 2.2, RFC 5246 section 7.3). An external PSK (RFC 9846 section 4.3.11) counts
    /// as a resumption.
    const fn kind(&self) -> HandshakeKind {
        match (self.has_server_certificate, self.has_second_server_hello) {
            (false, _) => HandshakeKind::Resumed,
            (true, true) => HandshakeKind::FullWithHelloRetryRequest,
            (true, false) => HandshakeKind::Full,
        }
    }
}

impl<L: Library, P: Provider> Takeover<L, P> {
    /// Creates a takeover of a connection that has not sent or received anything.
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
    /// Initially it has the default values for the role. The role remains that of the library, whatever is
    /// set here. Record size limits that the library negotiates apply in addition.
    pub const fn engine_config(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Returns the library, for instance to ask it for a certificate or to export keying material.
    pub const fn library(&self) -> &L {
        &self.library
    }

    /// Returns a mutable reference to the library.
    ///
    /// Do not pass it received bytes. The next [`advance`](Self::advance) sends what it writes, unless the
    /// handshake is complete.
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
    /// Afterwards, send the [`unsent`](Self::unsent) bytes, also after an error. Each call continues a library
    /// that waits for something other than the peer, such as a signature.
    ///
    /// # Errors
    /// The handshake has failed. Every later call returns the same error.
    /// - [`HandshakeError::Library`] if the library fails. Its alert is among the unsent bytes.
    /// - [`HandshakeError::Takeover`] if the handshake cannot be followed: for instance, the library has not
    ///   reported a secret, or has negotiated a cipher suite that the engine does not have. No alert is sent,
    ///   so the peer sees a truncation.
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

    /// Returns the length of the next record for the library, or 0 if there is none. Records after the
    /// peer's Finished are for the engine.
    ///
    /// Returns the length of the header if the header is invalid: the body may never arrive, and the library
    /// sends the alert.
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
        self.config.role.peer()
    }

    /// Passes the next `len` bytes of input to the library, and follows them and its output.
    fn step(&mut self, len: usize) -> Result<Progress, HandshakeError> {
        let (role, peer) = (self.config.role, self.peer());
        let Self { library, follower, received, output, unsent, messages, .. } = self;
        let record = received.filled_mut().get_mut(..len).unwrap_or_default();
        let before = output.len();
        let advanced = library.advance(record, output);
        // It has no ceiling.
        let _ = unsent.push(output.get(before..).unwrap_or_default());
        let advanced = advanced.map_err(|error| {
            let is_alert = L::is_alert(&error);
            HandshakeError::Library(LibraryError::new(error, is_alert))
        })?;
        for (kind, secret) in library.take_secrets().iter() {
            follower.secret(kind, secret)?;
        }
        // They are decrypted in place: the library has read the input, and `unsent` has a copy of the output.
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

    /// Returns the bytes to send next. There may be bytes at any time, also after an error.
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
    /// complete, and with the errors of [`Follower::finish`] if the engine cannot continue the connection. No
    /// alert is sent, so the peer sees a truncation.
    pub fn finish(self) -> Result<Established<P>, HandshakeError> {
        let finished = self.hand_over();
        // The record layer passes through the frame of `hand_over`. The follower overwrites the stack below.
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

/// Follows all complete records of `bytes`, and returns their length.
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
