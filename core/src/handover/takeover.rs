//! Takes connections over from the handshake of any TLS library, by the bytes and the secrets alone.
//!
//! The library works on memory. The caller moves its bytes between the library and the transport, and shows
//! each record to a [`Follower`] as well. The library reports its secrets by a callback, or as lines of a key
//! log (RFC 9850). When both Finished messages have passed, the follower makes a [`RecordLayer`] that goes on
//! where the library stopped, and the library is not needed any more.
//!
//! The library gets one record at a time, and no further one before that was followed: so it never sees a
//! record behind the peer's Finished, which is for the engine.
//!
//! ```
//! use tls_record::aead::ring::Ring;
//! use tls_record::takeover::{Follower, SecretKind, TakeoverError};
//! use tls_record::{Config, RecordLayer, Role, TrafficSecret};
//!
//! /// A client of your TLS library, over memory.
//! trait Library {
//!     /// Goes on with the handshake: takes a record of the peer, and returns the bytes for it.
//!     fn advance(&mut self, record: &[u8]) -> Vec<u8>;
//!     /// The secrets that its callback was given since the last call.
//!     fn secrets(&mut self) -> Vec<(SecretKind, Vec<u8>)>;
//!     /// Whether the handshake has succeeded. Only the library knows whether each Finished is right.
//!     fn is_done(&self) -> bool;
//! }
//!
//! fn connect(
//!     library: &mut dyn Library,
//!     mut receive_record: impl FnMut() -> Option<Vec<u8>>,
//!     mut send: impl FnMut(&[u8]),
//! ) -> Result<RecordLayer<TrafficSecret<Ring>>, TakeoverError> {
//!     let mut follower = Follower::<Ring>::new();
//!     let mut received = Vec::new();
//!     loop {
//!         let mut sent = library.advance(&received);
//!         for (kind, secret) in library.secrets() {
//!             follower.secret(kind, &secret)?;
//!         }
//!         send(&sent);
//!         // What the library has read, and then what it has written. It is decrypted where it lies.
//!         follow(&mut follower, Role::Server, &mut received)?;
//!         follow(&mut follower, Role::Client, &mut sent)?;
//!         if library.is_done() && follower.is_complete() {
//!             return follower.finish(Config::new(Role::Client));
//!         }
//!         // `None` at the end of the transport.
//!         received = receive_record().ok_or(TakeoverError::NotComplete)?;
//!     }
//! }
//!
//! /// `records` are whole.
//! fn follow(
//!     follower: &mut Follower<Ring>,
//!     sender: Role,
//!     mut records: &mut [u8],
//! ) -> Result<(), TakeoverError> {
//!     while !records.is_empty() {
//!         match follower.follow(sender, records)?.consumed {
//!             0 => return Err(TakeoverError::NotComplete),
//!             consumed => records = &mut records[consumed..],
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The follower also reads a connection from outside, recorded or mirrored, if its secrets are known: it
//! follows both directions to their ends, and never [finishes](Follower::finish).

mod error;
mod hello;
mod key_log;
mod keys;
mod messages;
mod secrets;

use crate::crypto::aead::{Algorithm, Provider};
use crate::crypto::keys::{KeySchedule, TrafficSecret};
use crate::crypto::scrub::{Scrub, scrub_stack};
use crate::layer::config::{Config, Limits};
use crate::layer::notice::Notice;
use crate::layer::opener::{Event, Opened, Opener};
use crate::layer::record_layer::RecordLayer;
use crate::protocol::record::{Epoch, Role, Version};

pub use error::TakeoverError;
use hello::{HelloReader, Hellos, RANDOM_LEN};
pub use key_log::{KeyLogLine, SecretKind};
use secrets::Secrets;

/// Bytes of stack that the functions here use while they handle secrets, besides those of the provider.
/// `benches/tests/secrets` searches for copies that remain.
const FRAMES: usize = 1024;

/// Follows a handshake of another TLS library until the engine can take the connection over.
///
/// Both directions are shown to [`follow`](Self::follow), in an order in which they can have happened: a
/// message before its answer. Secrets may come at any time before the first record under them.
pub struct Follower<P: Provider> {
    client: Direction<P>,
    server: Direction<P>,
    hellos: Hellos,
    reader: HelloReader,
    secrets: Secrets,
    /// The version and the cipher of the ServerHello, once it is complete.
    negotiated: Option<(Version, Algorithm)>,
    /// The error that ended the take-over: what was followed up to there is not the whole handshake.
    failed: Option<TakeoverError>,
}

/// The records of one sender.
struct Direction<P: Provider> {
    opener: Opener<TrafficSecret<P>>,
    /// The keys of the next record, while they are not installed.
    due: Option<Epoch>,
    is_finished: bool,
    /// TLS 1.2: whether an explicit nonce was seen that begins with a 0, and one with a 1.
    nonces: [bool; 2],
}

impl<P: Provider> Direction<P> {
    /// `sender` writes the records, so that the opener has the other role.
    fn new(sender: Role) -> Self {
        let mut config = Config::new(sender.peer());
        // The library judges its peer. What does not fit its limits ends the handshake there.
        config.limits = Limits {
            empty_records: u8::MAX,
            warnings: u8::MAX,
            key_updates: u8::MAX,
            renegotiations: 0,
            handshake_message: u32::MAX,
            early_data: u32::MAX,
        };
        config.post_handshake_auth = true;
        Self { opener: Opener::new(config), due: None, is_finished: false, nonces: [false; 2] }
    }
}

impl<P: Provider> Follower<P> {
    /// Returns a follower of a connection whose ClientHello has not been sent yet.
    pub fn new() -> Self {
        Self {
            client: Direction::new(Role::Client),
            server: Direction::new(Role::Server),
            hellos: Hellos::new(),
            reader: HelloReader::new(),
            secrets: Secrets::new(),
            negotiated: None,
            failed: None,
        }
    }

    /// Follows the next record of `sender`, or the next handshake message of a record that holds several.
    ///
    /// `input` begins with that record and is decrypted in place: give a copy of what the library has to
    /// see, too. [`Opened::consumed`] bytes are done with; an [`Event::NeedMore`] consumes none, and the
    /// record is to be given again when more of it is there.
    ///
    /// # Errors
    /// [`TakeoverError::MissingSecret`] if the record is under a secret that is not known yet: nothing has
    /// changed, and the record can be given again. All other errors end the take-over, and every later
    /// call returns the same: see [`TakeoverError`]. The connection itself goes on, if the library's caller
    /// lets it.
    pub fn follow(&mut self, sender: Role, input: &mut [u8]) -> Result<Opened, TakeoverError> {
        self.check_not_failed()?;
        let followed = self.follow_next(sender, input);
        if let Err(error) = followed {
            self.failed =
                Some(error).filter(|error| !matches!(error, TakeoverError::MissingSecret(_)));
        }
        followed
    }

    fn follow_next(&mut self, sender: Role, input: &mut [u8]) -> Result<Opened, TakeoverError> {
        if let Some(epoch) = self.due(sender, input) {
            let installed = self.install(sender, epoch);
            scrub_stack(FRAMES.saturating_add(P::STACK));
            installed?;
        }
        if !self.direction(sender).opener.is_amid_record() {
            if let Some(skipped) = self.skip_early_data(sender, input) {
                return Ok(skipped);
            }
            self.note_nonce(sender, input);
        }
        let opened = self.direction(sender).opener.open(input)?;
        match &opened.event {
            Event::Handshake(piece) => {
                let body = input.get(piece.body.clone()).unwrap_or_default();
                self.message(sender, piece, body)?;
            }
            Event::ChangeCipherSpec => self.direction(sender).due = Some(Epoch::Handshake),
            // It answers what the other direction has asked for, if that has (RFC 9846 section 4.7.3).
            Event::KeyUpdate { .. } => {
                let asking = match sender {
                    Role::Client => &mut self.server,
                    Role::Server => &mut self.client,
                };
                let _: Notice = asking.opener.take_notice();
            }
            _ => {}
        }
        Ok(opened)
    }

    fn check_not_failed(&self) -> Result<(), TakeoverError> {
        self.failed.map_or(Ok(()), Err)
    }

    /// Returns whether the Finished of `sender` was followed. Records of this direction that come later
    /// belong to the engine, not to the library.
    pub fn is_finished(&self, sender: Role) -> bool {
        match sender {
            Role::Client => self.client.is_finished,
            Role::Server => self.server.is_finished,
        }
    }

    /// Returns whether both Finished messages were followed.
    ///
    /// The follower does not verify them, the library does: take the connection over only if the library
    /// reports that its handshake has succeeded.
    pub fn is_complete(&self) -> bool {
        self.client.is_finished && self.server.is_finished
    }

    /// Takes a secret from a line of the library's key log. Returns whether it was one of this connection:
    /// lines of others, comments, and malformed lines change nothing. Every line is one of others until
    /// the ClientHello was followed.
    ///
    /// # Errors
    /// The errors of [`secret`](Self::secret).
    pub fn key_log(&mut self, line: &[u8]) -> Result<bool, TakeoverError> {
        let taken = self.parse(line);
        scrub_stack(FRAMES);
        taken
    }

    /// Not inlined, nor is [`install`](Self::install): their frames have to be ones that [`scrub_stack`]
    /// reaches.
    #[inline(never)]
    fn parse(&mut self, line: &[u8]) -> Result<bool, TakeoverError> {
        match KeyLogLine::parse(line) {
            Some(line)
                if self.hellos.has_client_random
                    && line.client_random() == self.client_random() =>
            {
                self.secret(line.kind(), line.secret())?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Takes a secret of this connection. One that is not needed, or not any more, changes nothing, nor does
    /// a second one of the same kind.
    ///
    /// # Errors
    /// [`TakeoverError::SecretLength`] for a secret of more than 48 bytes.
    pub fn secret(&mut self, kind: SecretKind, secret: &[u8]) -> Result<(), TakeoverError> {
        self.secrets.put(kind, secret).ok_or(TakeoverError::SecretLength)
    }

    /// Returns the random value of the ClientHello, by which a key log names the connection: zeros before
    /// it was followed.
    pub fn client_random(&self) -> &[u8; RANDOM_LEN] {
        &self.hellos.client_random
    }

    /// Returns the version and the cipher of the ServerHello, once that was followed.
    pub fn negotiated(&self) -> Option<(Version, Algorithm)> {
        self.negotiated
    }

    /// Returns the number of the cipher suite of the ServerHello, once that was followed. In TLS 1.2 it names
    /// the key exchange and the kind of certificate, too.
    pub fn suite(&self) -> Option<u16> {
        self.negotiated.map(|_| self.hellos.suite)
    }

    /// Returns the application protocol that the server chose (RFC 7301), as far as it was followed.
    /// `None` if it chose none, or one with a name of more than 24 bytes.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.hellos.alpn()
    }

    /// Makes the record layer that goes on where the library stopped, and wipes the secrets here. `config` is
    /// the engine's; its role is that of the library. The sizes of records that the handshake agreed on
    /// (RFC 8449, RFC 6066 section 4) come on top of it.
    ///
    /// Everything that the library has written must have been followed before. What it writes from now on,
    /// such as a close_notify when it is dropped, must not be sent: its nonces are those of the engine.
    ///
    /// # Errors
    /// - [`TakeoverError::NotComplete`] unless [`is_complete`](Self::is_complete), and after a success.
    /// - [`TakeoverError::MissingSecret`] if no record came under the secret, and it was not given.
    /// - [`TakeoverError::Busy`] if a record or a message was followed in part, or a KeyUpdate is not
    ///   answered.
    /// - [`TakeoverError::Ended`] if a direction was closed.
    /// - [`TakeoverError::ExplicitNonces`] if those of the library leave none to the engine.
    /// - [`TakeoverError::Key`] if the engine does not take the keys.
    /// - The error with which [`follow`](Self::follow) has failed.
    pub fn finish(
        &mut self,
        config: Config,
    ) -> Result<RecordLayer<TrafficSecret<P>>, TakeoverError> {
        self.finish_as(config)
    }

    /// [Finishes](Self::finish) with keys of another type, which is made of the secrets: one that
    /// may also hold handles of a key store, for instance. See [`Extractable`](crate::Extractable).
    ///
    /// # Errors
    /// The errors of [`finish`](Self::finish).
    pub fn finish_as<K: KeySchedule + From<TrafficSecret<P>>>(
        &mut self,
        config: Config,
    ) -> Result<RecordLayer<K>, TakeoverError> {
        let _after_the_return = Scrub(
            FRAMES
                .saturating_add(K::STACK.max(P::STACK))
                .saturating_add(size_of::<RecordLayer<K>>()),
        );
        self.layer(config)
    }

    /// Not inlined, so that [`Scrub`] reaches its frame.
    #[inline(never)]
    fn layer<K: KeySchedule + From<TrafficSecret<P>>>(
        &mut self,
        config: Config,
    ) -> Result<RecordLayer<K>, TakeoverError> {
        self.check_not_failed()?;
        if !self.is_complete() {
            return Err(TakeoverError::NotComplete);
        }
        let client = self.next_record(Role::Client, config.role)?;
        let server = self.next_record(Role::Server, config.role)?;
        let mut layer = RecordLayer::new(config);
        layer.take_over(Epoch::Application, client, server)?;
        self.limit_records(&mut layer);
        self.secrets = Secrets::new();
        for direction in [&mut self.client, &mut self.server] {
            direction.opener.hand_over();
            direction.due = None;
            direction.is_finished = false;
        }
        Ok(layer)
    }

    fn direction(&mut self, sender: Role) -> &mut Direction<P> {
        match sender {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

impl<P: Provider> Default for Follower<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Provider> core::fmt::Debug for Follower<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Follower({:?}, {:?})", self.client.opener, self.server.opener)
    }
}

#[cfg(feature = "defmt")]
impl<P: Provider> defmt::Format for Follower<P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Follower({}, {})", self.client.opener, self.server.opener);
    }
}
