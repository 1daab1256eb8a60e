//! The receiving half: record bytes in, events out.
//!
//! [`Opener::open`] frames a record, `header.rs` checks its header, the keys remove its protection, and
//! `padding` its padding. `content.rs` handles what it holds, and `closing.rs` is how the direction ends.

#[cfg(feature = "long-records")]
pub(crate) mod arriving;
mod closing;
mod content;
mod early_data;
mod handshake;
mod header;
mod into;
mod keys;
pub(crate) mod out_of_place;
#[cfg(feature = "long-records")]
mod pieces;
mod suspend;

pub(crate) use suspend::PACKED_LEN;

use core::ops::Range;

use content::Plaintext;
use early_data::EarlyData;
use header::protecting;

use crate::buffer::front::Front;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::{self, Inner};
use crate::crypto::protection::{Keys, Protection};
use crate::layer::budget::Budget;
use crate::layer::config::{Config, Limits};
use crate::layer::notice::Notice;
use crate::protocol::alert::AlertDescription;
use crate::protocol::close::ReadState;
use crate::protocol::error::{Fault, OpenError};
use crate::protocol::handshake::{HandshakePiece, Messages};
use crate::protocol::record::{ContentType, Epoch, HEADER_LEN, Header, MAX_CONTENT, Role, Version};
use crate::protocol::record_size_limit::RecordSizeLimit;
use crate::small::SMALL;

/// The result of one call of [`Opener::open`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opened {
    /// Number of bytes at the front of the input that were consumed. Pass the rest again,
    /// unchanged.
    pub consumed: usize,
    /// The meaning of these bytes.
    pub event: Event,
}

/// The meaning of a record. Ranges are relative to the slice that was given to [`Opener::open`].
///
/// A driver needs no action for an event that it does not know: a future version adds only events that
/// may be ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The input does not hold a whole record. Call again when it holds `total` bytes.
    NeedMore {
        /// Total length of the record at the front of the input, or of a header until the header is
        /// complete.
        total: usize,
    },
    /// Application data, at this range of the input. Never empty.
    ApplicationData(Range<usize>),
    /// A handshake message, or a piece of one, without its header. After a TLS 1.2 handshake it is
    /// a request to renegotiate: answer it once, at its last piece, with
    /// [`Sealer::refuse_renegotiation`](crate::Sealer::refuse_renegotiation).
    Handshake(HandshakePiece),
    /// TLS 1.2: the next record is under new keys. [Install](Opener::install) them now.
    ChangeCipherSpec,
    /// The peer updated its sending keys, and this half its receiving keys.
    KeyUpdate {
        /// Whether the peer requests a KeyUpdate in return. The notice tells the
        /// [`Sealer`](crate::Sealer).
        requested: bool,
    },
    /// A warning alert, which does not end the connection: user_canceled, or any warning of TLS 1.2.
    Warning(AlertDescription),
    /// The peer's close_notify: it sends no more records. Bytes behind it are not TLS: later calls
    /// consume them without reading them and return this event again, or
    /// [`NeedMore`](Self::NeedMore) if the input is empty. A close_notify before the handshake is
    /// complete can be forged: [`end`](Opener::end) returns the epoch in which it came.
    Closed,
    /// A record with no effect: empty application data, a dropped change_cipher_spec, the first bytes
    /// of a split handshake message, skipped early data.
    Nothing,
}

/// Where the rest of a record is that was opened in part, and so which function must be called for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RestIn {
    /// In the input of [`Opener::open`]. Also if there is no rest.
    Input,
    /// In the output of [`Opener::open_into`].
    Output,
    /// In the pieces of [`Opener::open_pieces`].
    #[cfg(feature = "long-records")]
    Pieces,
    /// It has not arrived, or was not passed to [`Opener::open_arriving`] yet.
    #[cfg(feature = "long-records")]
    Arriving,
}

/// The receiving half of a connection.
///
/// It starts without keys, so that a handshake can run on it from the ClientHello; a connection
/// whose handshake was made elsewhere [installs](Self::install) application keys at once.
///
/// It does no I/O and buffers no records: input is decrypted in the caller's buffer, and bytes that
/// are not consumed stay there. Every call returns at once and is cancel-safe.
// In this order, because small processors reach fields at the front with the shortest instructions:
// the keys are long, and come last.
#[repr(C)]
pub struct Opener<K: KeySchedule> {
    state: ReadState,
    epoch: Epoch,
    version: Option<Version>,
    /// The only version that may be negotiated.
    pinned: Option<Version>,
    role: Role,
    /// Whether application data takes the fast path: the connection is established, received bytes
    /// are not counted for a shutdown, and no notice waits for the end of the input.
    is_fast: bool,
    /// Whether the last input continued behind the record that was opened. The fast path does not
    /// update it.
    has_more_input: bool,
    /// Whether the bytes of received records are counted in `drained`, because the connection is
    /// being shut down.
    is_draining: bool,
    /// Whether no record has arrived yet.
    is_first: bool,
    /// Whether the last input ended inside a record.
    inside_record: bool,
    /// True while a KeyUpdate that was requested from the peer is outstanding.
    answer_expected: bool,
    /// TLS 1.2: the peer's change_cipher_spec has arrived, and its keys are not installed.
    keys_due: bool,
    early_data: EarlyData,
    budget: Budget,
    constant_time_padding: bool,
    post_handshake_auth: bool,
    /// The error that ended this direction. `None` while it is open, and after the peer's
    /// close_notify.
    error: Option<OpenError>,
    /// The longest body that a protected record may have, and the longest plaintext in it.
    max_body: u16,
    max_plaintext: u16,
    /// Number of decrypted handshake bytes that the caller passes again, and of the bytes of their
    /// record behind them: padding and tag. While a record is opened as it arrives, number of its bytes
    /// that were not passed yet, and 0.
    rest: u16,
    trailer: u16,
    rest_in: RestIn,
    /// Where they are in the output of [`Self::open_into`]; where they are in the plaintext of a record
    /// that is opened as it arrives.
    rest_at: u16,
    /// The end of the inner plaintext of that record, as far as it has arrived.
    #[cfg(feature = "long-records")]
    tail: crate::crypto::padding::Tail,
    record_size_limit: Option<RecordSizeLimit>,
    notice: Notice,
    /// Bytes of records that arrived since `is_draining` was set.
    drained: u32,
    /// Bytes of early data that may still come.
    early_data_left: u32,
    messages: Messages,
    limits: Limits,
    keys: Keys<K>,
}

impl<K: KeySchedule> Opener<K> {
    /// Creates a receiving half without keys.
    pub const fn new(config: Config) -> Self {
        Self {
            keys: Keys::none(),
            epoch: Epoch::Plaintext,
            version: None,
            pinned: config.version,
            state: ReadState::Open,
            is_fast: false,
            has_more_input: false,
            is_draining: false,
            is_first: true,
            inside_record: false,
            answer_expected: false,
            keys_due: false,
            max_body: MAX_CONTENT,
            max_plaintext: MAX_CONTENT,
            rest: 0,
            trailer: 0,
            rest_in: RestIn::Input,
            rest_at: 0,
            #[cfg(feature = "long-records")]
            tail: crate::crypto::padding::Tail::new(false),
            drained: 0,
            messages: Messages::new(),
            budget: Budget::new(&config.limits),
            early_data: EarlyData::None,
            early_data_left: config.limits.early_data,
            notice: Notice::NONE,
            error: None,
            role: config.role,
            limits: config.limits,
            record_size_limit: config.record_size_limit,
            constant_time_padding: config.constant_time_padding,
            post_handshake_auth: config.post_handshake_auth,
        }
    }

    /// Opens the record at the front of `input`, in place.
    ///
    /// Each call opens one record, or returns one handshake message of a record that holds several.
    /// Call it until it returns [`Event::NeedMore`], and then receive more from the transport.
    /// After [`Event::Closed`] there is nothing more to receive.
    ///
    /// If a record was opened in part, its rest is already decrypted: pass it to this function
    /// again, not to [`open_into`](Self::open_into).
    ///
    /// The header is checked as soon as it is complete, before the body has arrived.
    ///
    /// # Errors
    /// Every later call returns the same error, except after [`OpenError::OtherBuffer`].
    ///
    /// - [`OpenError::Fault`] if the peer broke the protocol: the connection has failed, and the
    ///   alert is in the [notice](Self::take_notice). The same error comes after an abort.
    /// - [`OpenError::PeerAlert`] if the peer sent an error alert: the connection has failed.
    /// - [`OpenError::Truncated`] after [`eof`](Self::eof) without a close_notify.
    /// - [`OpenError::HandedOver`] after a suspend or a hand-over to the kernel.
    /// - [`OpenError::OtherBuffer`] if another function, such as [`open_into`](Self::open_into), opened
    ///   the last record in part. Nothing has changed.
    ///
    /// ```
    /// use tls_record::aead::{Algorithm, ring::Ring};
    /// use tls_record::{Config, Epoch, Event, Opener, Role, Sealer, TrafficSecret};
    ///
    /// let secret = || TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    /// let mut sealer = Sealer::new(Config::new(Role::Client));
    /// let mut opener = Opener::new(Config::new(Role::Server));
    /// sealer.install(Epoch::Application, secret())?;
    /// opener.install(Epoch::Application, secret())?;
    ///
    /// let mut wire = [0; 64];
    /// let sealed = sealer.seal(&[b"over ", b"the wire"], &mut wire).unwrap();
    /// let opened = opener.open(&mut wire[..sealed.written]).unwrap();
    /// assert_eq!(opened.consumed, sealed.written);
    /// let Event::ApplicationData(range) = opened.event else { panic!() };
    /// assert_eq!(&wire[range], b"over the wire");
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    #[cfg_attr(target_pointer_width = "64", inline)]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub fn open(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        if self.state != ReadState::Open {
            return self.open_after_end(input.len());
        }
        let opened = self.open_next(input);
        if let Err(error) = opened {
            self.stop(error);
        }
        opened
    }

    #[inline]
    fn open_next(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        if self.rest != 0 {
            return self.open_rest(input);
        }
        let available = input.len();
        let Some((header, after)) = input.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(self.need_more(available, HEADER_LEN));
        };
        let Header { content_type, version, length } = Header::decode(*header);
        let Some(keys) = protecting(self.keys.get_mut(), content_type, version)? else {
            return self.open_unprotected(header, after);
        };
        if self.early_data.is_over(self.max_body, length) {
            return Err(Fault::RecordOverflow.into());
        }
        let length = usize::from(length);
        // Does not wrap: 5 bytes and a 16-bit length.
        let total = HEADER_LEN.wrapping_add(length);
        let Some(body) = after.get_mut(..length) else {
            return Ok(self.need_more(available, total));
        };
        self.inside_record = false;
        self.is_first = false;

        let is_tls12 = keys.version.is_tls12();
        let (start, plaintext) = match keys.open(header, body) {
            Ok(plaintext) => plaintext,
            Err(fault) => return self.not_opened(fault, total),
        };
        let record = self.strip(content_type, plaintext, is_tls12, start)?;
        self.deliver_protected(record, total, available)
    }

    /// Checks the length of a plaintext, and strips it of the content type and the padding of TLS 1.3.
    /// `content_type` is that of the header, and `start` where the plaintext begins in the body.
    #[inline(always)]
    fn strip<'a>(
        &self,
        content_type: ContentType,
        plaintext: &'a [u8],
        is_tls12: bool,
        start: usize,
    ) -> Result<Plaintext<'a>, Fault> {
        if plaintext.len() > usize::from(self.max_plaintext) {
            return Err(Fault::RecordOverflow);
        }
        let Inner { content_type, content } = if is_tls12 {
            Inner { content_type, content: plaintext }
        } else if self.constant_time_padding {
            padding::strip_in_constant_time(plaintext)?
        } else {
            padding::strip(plaintext)?
        };
        let (content, start) = (Front::whole(content), HEADER_LEN.wrapping_add(start));
        let len = plaintext.len();
        Ok(Plaintext { content_type, content, start, len, was_protected: true })
    }

    /// Delivers what a record of `total` bytes holds. `available` is the length of the input.
    #[inline(always)]
    fn deliver_protected(
        &mut self,
        record: Plaintext<'_>,
        total: usize,
        available: usize,
    ) -> Result<Opened, OpenError> {
        // Fast path: a record with application data on an established connection.
        if !SMALL
            && record.content_type == ContentType::APPLICATION_DATA
            && !record.content.is_empty()
            && self.is_fast
            && (!self.messages.is_partial() || self.is_tls12())
        {
            self.budget.data_arrived(&self.limits);
            let end = record.start.wrapping_add(record.content.len());
            let event = Event::ApplicationData(record.start..end);
            return Ok(Opened { consumed: total, event });
        }
        self.has_more_input = total != available;
        self.early_data_opened();
        self.deliver(record, total)
    }

    /// Opens an unprotected record. `after` is the input behind its header.
    #[cfg_attr(target_pointer_width = "64", cold)]
    fn open_unprotected(
        &mut self,
        header: &[u8; HEADER_LEN],
        after: &[u8],
    ) -> Result<Opened, OpenError> {
        self.check_unprotected(header)?;
        let Header { content_type, length, .. } = Header::decode(*header);
        let available = HEADER_LEN.wrapping_add(after.len());
        let total = HEADER_LEN.wrapping_add(length.into());
        let Some(content) = after.get(..length.into()) else {
            return Ok(self.need_more(available, total));
        };
        self.inside_record = false;
        self.is_first = false;
        self.has_more_input = total != available;
        let (len, content, start) = (content.len(), Front::whole(content), HEADER_LEN);
        let record = Plaintext { content_type, content, start, len, was_protected: false };
        self.deliver(record, total)
    }

    fn need_more(&mut self, available: usize, total: usize) -> Opened {
        self.has_more_input = false;
        self.inside_record = available != 0;
        Opened { consumed: 0, event: Event::NeedMore { total } }
    }

    fn is_tls12(&self) -> bool {
        self.version.or(self.pinned).is_some_and(Version::is_tls12)
    }

    fn is_keys_due(&self) -> bool {
        self.is_tls12() && self.keys_due
    }

    const fn set_fast(&mut self) {
        if SMALL {
            return; // There is no fast path.
        }
        self.is_fast =
            matches!(self.epoch, Epoch::Application) && !self.is_draining && self.notice.is_empty();
    }

    /// Returns the limits on what the peer may send without progress: those of
    /// [`Config::limits`](crate::Config).
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns which end of the connection this is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Returns the epoch whose keys protect the records of this direction.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the sequence number of the next record, if there are keys.
    pub fn sequence(&self) -> Option<u64> {
        self.keys.get().map(Protection::sequence)
    }

    /// Returns whether a record has arrived, or the version is known.
    pub(crate) const fn is_started(&self) -> bool {
        !self.is_first || self.version.is_some()
    }

    /// Returns the closing state of this direction.
    pub const fn state(&self) -> ReadState {
        self.state
    }

    /// Returns whether the last record holds handshake messages that were not returned yet.
    #[cfg(feature = "takeover")]
    pub(crate) const fn is_amid_record(&self) -> bool {
        self.rest != 0
    }

    /// Returns whether a record is being opened as it arrives.
    const fn is_arriving(&self) -> bool {
        #[cfg(feature = "long-records")]
        return matches!(self.rest_in, RestIn::Arriving);
        #[cfg(not(feature = "long-records"))]
        return false;
    }
}

impl<K: KeySchedule> core::fmt::Debug for Opener<K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (state, epoch, sequence) = (self.state, self.epoch, self.sequence());
        write!(f, "Opener({state:?}, {epoch:?} keys, record {sequence:?})")
    }
}

#[cfg(feature = "defmt")]
impl<K: KeySchedule> defmt::Format for Opener<K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (state, epoch, sequence) = (self.state, self.epoch, self.sequence());
        defmt::write!(f, "Opener({}, {} keys, record {})", state, epoch, sequence);
    }
}
