//! The receiving half: record bytes in, events out.
//!
//! A record passes through the functions of this file from top to bottom: [`Opener::open`] frames
//! it, `judge_*` check its header, the keys remove its protection, `padding` removes its padding,
//! and `deliver` handles its content by content type.

#[cfg(feature = "long-records")]
pub(crate) mod arriving;
mod handshake;
mod into;
mod keys;
#[cfg(feature = "long-records")]
mod pieces;
mod suspend;

pub(crate) use suspend::PACKED_LEN;

use core::ops::{Deref, Range};

use crate::buffer::bytes::copy_content;
use crate::buffer::front::Front;
use crate::crypto::aead::Aead;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::{self, Inner};
use crate::crypto::protection::{Keys, Protection};
use crate::layer::budget::Budget;
use crate::layer::config::{Config, Limits};
use crate::layer::notice::{Notice, Signal};
use crate::layer::shutdown_error::ShutdownError;
use crate::protocol::alert::{Alert, AlertClass, AlertDescription, AlertLevel};
use crate::protocol::close::{ReadState, Trigger};
use crate::protocol::end::ReadEnd;
use crate::protocol::error::{Fault, Flood, KeyError, OpenError};
use crate::protocol::handshake::{HandshakePiece, Messages};
use crate::protocol::record::{
    ContentType, Epoch, HEADER_LEN, Header, MAX_CONTENT, MAX_PROTECTED_TLS13, Role, VERSION_FIELD,
    Version, is_not_tls,
};
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

/// How early data is handled while it is being rejected or accepted (RFC 9846 section 4.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EarlyData {
    /// There is none, or it is over.
    None,
    /// Its content is delivered.
    Accepted,
    /// Records that do not open are dropped, up to the first that does.
    SkipUndecryptable,
    /// Application data is dropped, up to the second ClientHello.
    SkipApplicationData,
}

impl EarlyData {
    /// Returns whether the body of a protected record is longer than `limit`. Skipped early data
    /// may have the full length of TLS 1.3, because the client did not know the limit yet.
    fn is_over(self, limit: u16, length: u16) -> bool {
        length > limit && !(self == Self::SkipUndecryptable && length <= MAX_PROTECTED_TLS13)
    }
}

/// Where the rest of a record is that was opened in part, and so the function to which it belongs.
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
        let opened = self.open_next(input, None);
        if let Err(error) = opened {
            self.stop(error);
        }
        opened
    }

    /// Opens what is at the front of `input`: in place, or if it lies at `from`, from there. In that case
    /// `input` needs to hold only what is in front of the ciphertext.
    #[inline]
    fn open_next(&mut self, input: &mut [u8], from: Option<&[u8]>) -> Result<Opened, OpenError> {
        if self.rest != 0 {
            return self.open_rest(input);
        }
        let available = input.len();
        let Some((header, after)) = input.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(self.need_more(available, HEADER_LEN));
        };
        let Header { content_type, version, length } = Header::decode(*header);
        let Some(keys) = protecting(self.keys.get_mut(), content_type, version)? else {
            if K::Aead::IS_OUT_OF_PLACE
                && let Some(from) = from
            {
                copy_content(from.get(HEADER_LEN..).unwrap_or_default(), after);
            }
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
        let from = from.and_then(|from| from.get(HEADER_LEN..));
        let (start, plaintext) = match keys.open(header, body, from) {
            Ok(plaintext) => plaintext,
            Err(fault) => return self.not_opened(fault, total),
        };
        if plaintext.len() > usize::from(self.max_plaintext) {
            return Err(Fault::RecordOverflow.into());
        }
        let Inner { content_type, content } = if is_tls12 {
            Inner { content_type, content: plaintext }
        } else if self.constant_time_padding {
            padding::strip_in_constant_time(plaintext)?
        } else {
            padding::strip(plaintext)?
        };
        let start = HEADER_LEN.wrapping_add(start);
        // Fast path: a record with application data on an established connection.
        if !SMALL
            && content_type == ContentType::APPLICATION_DATA
            && !content.is_empty()
            && self.is_fast
            && (!self.messages.is_partial() || self.is_tls12())
        {
            self.budget.data_arrived(&self.limits);
            let end = start.wrapping_add(content.len());
            return Ok(Opened { consumed: total, event: Event::ApplicationData(start..end) });
        }
        self.has_more_input = total != available;
        self.early_data_opened();
        let is_padded = !is_tls12 && content.len().wrapping_add(1) != plaintext.len();
        let content = Front::whole(content);
        let record = Unprotected { content_type, content, start, is_padded, was_protected: true };
        self.deliver(record, total)
    }

    /// Returns how many bytes of input [`open`](Self::open) needs to return more than
    /// [`Event::NeedMore`].
    ///
    /// It is 0 if this direction has ended, or if `open` will refuse the header. So a call of
    /// `open` makes progress if `needed(input) <= input.len()`. This can be asked before `input` is
    /// writable, and before waiting for the transport.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Opener, Role, TrafficSecret};
    /// # let mut opener = Opener::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # opener.install(Epoch::Application, secret)?;
    /// assert_eq!(opener.needed(&[]), 5); // a header
    /// assert_eq!(opener.needed(&[23, 3, 3, 0, 30, 1]), 35); // a record of 30 bytes
    /// assert_eq!(opener.needed(b"HTTP/1.1"), 0); // refused by its header
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn needed(&self, input: &[u8]) -> usize {
        if self.state != ReadState::Open {
            return 0;
        }
        if self.rest != 0 {
            return usize::from(self.rest).wrapping_add(self.trailer.into());
        }
        let Some(header) = input.first_chunk() else { return HEADER_LEN };
        let Header { content_type, version, length } = Header::decode(*header);
        let is_refused = match protecting(self.keys.get(), content_type, version) {
            Ok(Some(_)) => self.early_data.is_over(self.max_body, length),
            Ok(None) => self.judge_unprotected(header).is_err(),
            Err(_) => true,
        };
        if is_refused { 0 } else { HEADER_LEN.wrapping_add(length.into()) }
    }

    /// Opens an unprotected record. `after` is the input behind its header.
    #[cfg_attr(target_pointer_width = "64", cold)]
    fn open_unprotected(
        &mut self,
        header: &[u8; HEADER_LEN],
        after: &[u8],
    ) -> Result<Opened, OpenError> {
        self.judge_unprotected(header)?;
        let Header { content_type, length, .. } = Header::decode(*header);
        let available = HEADER_LEN.wrapping_add(after.len());
        let total = HEADER_LEN.wrapping_add(length.into());
        let Some(content) = after.get(..length.into()) else {
            return Ok(self.need_more(available, total));
        };
        self.inside_record = false;
        self.is_first = false;
        self.has_more_input = total != available;
        let (content, start) = (Front::whole(content), HEADER_LEN);
        let (is_padded, was_protected) = (false, false);
        let record = Unprotected { content_type, content, start, is_padded, was_protected };
        self.deliver(record, total)
    }

    fn need_more(&mut self, available: usize, total: usize) -> Opened {
        self.has_more_input = false;
        self.inside_record = available != 0;
        Opened { consumed: 0, event: Event::NeedMore { total } }
    }

    /// Checks the header of an unprotected record (RFC 9846 section 5.1).
    ///
    /// Before there are keys, every record is unprotected. After that, TLS 1.3 has two: the
    /// change_cipher_spec of the compatibility mode (section 5), and the error alert of a peer that
    /// failed before it had keys.
    fn judge_unprotected(&self, header: &[u8; HEADER_LEN]) -> Result<(), Fault> {
        let Header { content_type, length, .. } = Header::decode(*header);
        if self.is_first && self.epoch == Epoch::Plaintext && is_not_tls(*header) {
            return Err(Fault::NotTls);
        }
        let mut longest = MAX_CONTENT;
        let is_expected = match (self.epoch, content_type) {
            (Epoch::Plaintext, ContentType::HANDSHAKE | ContentType::ALERT) => !self.is_keys_due(),
            // It must follow the first ClientHello. A client has sent its own before it receives
            // anything, and a server has received one if it knows the version.
            (Epoch::Plaintext, ContentType::CHANGE_CIPHER_SPEC) => {
                let is_after_hello = self.role == Role::Client || self.version.is_some();
                is_after_hello && !self.is_keys_due()
            }
            (Epoch::Plaintext, ContentType::APPLICATION_DATA) => {
                longest = MAX_PROTECTED_TLS13;
                self.early_data == EarlyData::SkipApplicationData
            }
            (Epoch::EarlyData | Epoch::Handshake, ContentType::CHANGE_CIPHER_SPEC) => true,
            (Epoch::Handshake, ContentType::ALERT) => self.sequence() == Some(0),
            _ => false,
        };
        if !is_expected {
            return Err(Fault::UnexpectedContentType);
        }
        if length > longest {
            return Err(Fault::RecordOverflow);
        }
        Ok(())
    }

    /// Handles a record that does not open: a forgery, or rejected early data (RFC 9846
    /// section 4.3.10).
    #[cold]
    #[inline(never)]
    fn not_opened(&mut self, fault: Fault, total: usize) -> Result<Opened, OpenError> {
        if self.early_data != EarlyData::SkipUndecryptable {
            return Err(fault.into());
        }
        self.charge_early_data(total)?;
        Ok(Opened { consumed: total, event: Event::Nothing })
    }

    /// Ends the skipping of rejected early data: a record has opened.
    fn early_data_opened(&mut self) {
        if self.early_data == EarlyData::SkipUndecryptable {
            self.early_data = EarlyData::None;
        }
    }

    fn charge_early_data(&mut self, bytes: usize) -> Result<(), Fault> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if bytes > self.early_data_left {
            return Err(Fault::TooMuchEarlyData);
        }
        self.early_data_left = self.early_data_left.wrapping_sub(bytes);
        Ok(())
    }

    // Content

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn deliver(&mut self, record: Unprotected<'_>, total: usize) -> Result<Opened, OpenError> {
        let Unprotected { content_type, content, start, is_padded, was_protected } = record;
        // Does not wrap: the content ends within the record.
        let end = start.wrapping_add(content.len());
        if self.is_draining {
            self.drained = self.drained.saturating_add(total as u32); // 5 bytes and a 16-bit length
        }
        match content_type {
            ContentType::APPLICATION_DATA => self.other_data(start..end, is_padded, total),
            ContentType::ALERT => self.alert(content.bytes(), was_protected, total),
            ContentType::HANDSHAKE => self.handshake(content, start, total.wrapping_sub(end)),
            ContentType::CHANGE_CIPHER_SPEC if !was_protected => {
                self.change_cipher_spec(content.bytes(), total)
            }
            _ => Err(Fault::UnexpectedContentType.into()),
        }
    }

    fn is_tls12(&self) -> bool {
        self.version.or(self.pinned).is_some_and(Version::is_tls12)
    }

    fn is_keys_due(&self) -> bool {
        self.is_tls12() && self.keys_due
    }

    /// Refuses a record between the fragments of a handshake message (RFC 9846 section 5.1), which
    /// TLS 1.2 allows (RFC 5246 section 6.2.1).
    fn check_not_interleaved(&self) -> Result<(), Fault> {
        if self.messages.is_partial() && !self.is_tls12() {
            return Err(Fault::Interleaved);
        }
        Ok(())
    }

    /// Handles application data off the fast path: empty records and early data.
    #[cfg_attr(target_pointer_width = "64", cold)]
    fn other_data(
        &mut self,
        range: Range<usize>,
        is_padded: bool,
        total: usize,
    ) -> Result<Opened, OpenError> {
        match (self.epoch, self.early_data) {
            (Epoch::Plaintext, EarlyData::SkipApplicationData) => {
                self.charge_early_data(total)?;
                return Ok(Opened { consumed: total, event: Event::Nothing });
            }
            (Epoch::EarlyData, EarlyData::Accepted) => {
                self.check_not_interleaved()?;
                self.charge_early_data(range.len())?;
            }
            (Epoch::Application, _) => self.check_not_interleaved()?,
            _ => return Err(Fault::UnexpectedContentType.into()),
        }
        if !range.is_empty() {
            self.budget.data_arrived(&self.limits);
            return Ok(Opened { consumed: total, event: Event::ApplicationData(range) });
        }
        if !is_padded {
            self.budget.spend(Flood::EmptyRecords)?;
        }
        Ok(Opened { consumed: total, event: Event::Nothing })
    }

    /// Handles an alert (RFC 9846 section 6, RFC 5246 section 7.2).
    fn alert(
        &mut self,
        content: &[u8],
        is_protected: bool,
        total: usize,
    ) -> Result<Opened, OpenError> {
        if content.is_empty() {
            return Err(Fault::EmptyAlert.into());
        }
        let alert = Alert::decode(content).ok_or(Fault::AlertLength)?;
        let mut class = alert.description.class();
        // In TLS 1.2 the level decides. It also decides before the version is known, because a
        // TLS 1.2 server may send a warning before its ServerHello.
        let version = self.version.or(self.pinned);
        if cfg!(feature = "tls12") && version != Some(Version::Tls13) {
            class = match (alert.level, class) {
                (AlertLevel::WARNING | AlertLevel::FATAL, AlertClass::Closure) => class,
                (AlertLevel::WARNING, _) => AlertClass::UserCanceled,
                (AlertLevel::FATAL, _) => AlertClass::Error,
                _ => return Err(Fault::AlertLevel.into()),
            };
        }
        if class == AlertClass::Error {
            return Err(OpenError::PeerAlert(alert.description));
        }
        self.check_not_interleaved()?;
        if !is_protected && self.keys.get().is_some() {
            // An unprotected alert can be forged, and must not count as the peer's.
            return Err(Fault::UnexpectedContentType.into());
        }
        if class == AlertClass::Closure {
            self.end_by(Trigger::PeerCloseNotify, Notice::PEER_CLOSED);
            return Ok(Opened { consumed: total, event: Event::Closed });
        }
        self.budget.spend(Flood::Warnings)?;
        Ok(Opened { consumed: total, event: Event::Warning(alert.description) })
    }

    /// Handles a change_cipher_spec (RFC 9846 section 5, RFC 5246 section 7.1).
    fn change_cipher_spec(&mut self, content: &[u8], total: usize) -> Result<Opened, OpenError> {
        if content != [1] {
            return Err(Fault::BadChangeCipherSpec.into());
        }
        if self.is_tls12() {
            if self.messages.is_partial() {
                return Err(Fault::SpansKeyChange.into());
            }
            self.keys_due = true;
            return Ok(Opened { consumed: total, event: Event::ChangeCipherSpec });
        }
        self.check_not_interleaved()?;
        self.budget.spend(Flood::ChangeCipherSpecs)?;
        Ok(Opened { consumed: total, event: Event::Nothing })
    }

    // End of the direction

    /// Ends this half with `error`, and makes the notice for the sealer.
    #[cfg_attr(target_pointer_width = "64", cold)]
    fn stop(&mut self, error: OpenError) {
        let (trigger, notice) = match error {
            OpenError::Fault(fault) => {
                (Trigger::Fault, fault.alert().map_or(Notice::PEER_FAILED, Notice::fatal))
            }
            OpenError::PeerAlert(_) => (Trigger::PeerError, Notice::PEER_FAILED),
            OpenError::Truncated => (Trigger::TransportEof, Notice::TRUNCATED),
            OpenError::HandedOver => (Trigger::ReadHandedOver, Notice::NONE),
            // Nothing has ended: the caller called the wrong function.
            OpenError::OtherBuffer => return,
        };
        self.error = Some(error);
        self.end_by(trigger, notice);
        // Within a record that arrives, because an accelerator may be waiting for the rest of it.
        if matches!(self.state, ReadState::Failed | ReadState::HandedOver) || self.is_arriving() {
            self.keys.wipe();
        }
    }

    /// Ends this half: another owner of the keys opens the records from now on.
    pub(crate) fn hand_over(&mut self) {
        self.stop(OpenError::HandedOver);
    }

    /// Returns an error if this direction has ended, so that keys cannot be installed.
    const fn check_state(&self) -> Result<(), KeyError> {
        match self.state {
            ReadState::Open => Ok(()),
            ReadState::HandedOver => Err(KeyError::HandedOver),
            ReadState::PeerClosed | ReadState::Truncated | ReadState::Failed => {
                Err(KeyError::Closed)
            }
        }
    }

    fn end_by(&mut self, trigger: Trigger, notice: Notice) {
        self.state = self.state.after(trigger);
        self.notice = self.notice.merge(notice);
    }

    #[cold]
    fn open_after_end(&self, available: usize) -> Result<Opened, OpenError> {
        match self.error {
            Some(error) => Err(error),
            // So that a loop which opens until `NeedMore` ends after a close_notify, too.
            None if available == 0 => {
                Ok(Opened { consumed: 0, event: Event::NeedMore { total: HEADER_LEN } })
            }
            None => Ok(Opened { consumed: available, event: Event::Closed }),
        }
    }

    /// Handles the end of the transport. Returns how this direction ended.
    ///
    /// Call it after everything that arrived was passed to [`open`](Self::open). Without a
    /// close_notify before it, the data is truncated (RFC 9846 section 6.1).
    pub fn eof(&mut self) -> ReadEnd {
        if self.state == ReadState::Open {
            self.stop(OpenError::Truncated);
        }
        self.end()
    }

    /// Returns how this direction ended, or that it is open.
    pub const fn end(&self) -> ReadEnd {
        let epoch = self.epoch;
        match (self.error, self.state) {
            (Some(OpenError::Fault(fault)), _) => ReadEnd::Fault(fault),
            (Some(OpenError::PeerAlert(description)), _) => ReadEnd::PeerAlert(description),
            (Some(OpenError::Truncated), _) => {
                let inside_record = self.inside_record || self.rest != 0;
                ReadEnd::Truncated { epoch, inside_record }
            }
            (Some(OpenError::HandedOver), _) => ReadEnd::HandedOver,
            // `OtherBuffer` is never stored.
            (Some(OpenError::OtherBuffer), _) | (None, ReadState::Open) => ReadEnd::Open,
            (None, _) => ReadEnd::Closed { epoch },
        }
    }

    /// Checks whether the peer has closed its direction: the second step of a shutdown.
    ///
    /// The first step is [`Writer::shutdown`](crate::Writer::shutdown) or
    /// [`Sealer::close`](crate::Sealer::close).
    ///
    /// This half counts the bytes of records that arrive, from the first call on. In a
    /// [`RecordLayer`](crate::RecordLayer) or a [`Connection`](crate::Connection) it counts from
    /// the start of the shutdown on. `budget` is the number of bytes to wait for.
    ///
    /// # Errors
    /// - [`ShutdownError::AwaitingPeer`] if this direction is open.
    /// - [`ShutdownError::BudgetSpent`] if it is open, and more than `budget` bytes have arrived.
    /// - [`ShutdownError::Truncated`] if the transport ended before the peer's close_notify.
    /// - [`ShutdownError::ClosedInHandshake`] if the close_notify came before the handshake was
    ///   complete.
    /// - [`ShutdownError::NotTls`] if the peer does not speak TLS.
    /// - [`ShutdownError::Failed`] if the connection failed otherwise.
    /// - [`ShutdownError::HandedOver`] if the keys of this direction were handed over.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    /// use tls_record::ShutdownError;
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// let (mut opener, mut sealer) = layer.split();
    /// sealer.close().unwrap();
    /// assert_eq!(opener.check_closed(1 << 16), Err(ShutdownError::AwaitingPeer { drained: 0 }));
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub const fn check_closed(&mut self, budget: u32) -> Result<(), ShutdownError> {
        self.drain();
        let drained = self.drained;
        Err(match self.end() {
            ReadEnd::Closed { epoch: Epoch::Application } => return Ok(()),
            ReadEnd::Closed { .. } => ShutdownError::ClosedInHandshake,
            ReadEnd::Open if drained > budget => ShutdownError::BudgetSpent { drained },
            ReadEnd::Open => ShutdownError::AwaitingPeer { drained },
            ReadEnd::Truncated { .. } => ShutdownError::Truncated,
            ReadEnd::Fault(Fault::NotTls) => ShutdownError::NotTls,
            ReadEnd::PeerAlert(_) | ReadEnd::Fault(_) => ShutdownError::Failed,
            ReadEnd::HandedOver => ShutdownError::HandedOver,
        })
    }

    /// Counts the bytes of records that arrive from now on.
    pub(crate) const fn drain(&mut self) {
        self.is_draining = true;
        self.is_fast = false;
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

    // The other half

    /// Takes the notice for the [`Sealer`](crate::Sealer) of this connection.
    ///
    /// It is kept until it is taken, so that an early return on an error loses no alert.
    pub const fn take_notice(&mut self) -> Notice {
        let notice = core::mem::replace(&mut self.notice, Notice::NONE);
        if notice.can_wait() {
            self.set_fast();
        }
        notice
    }

    /// Returns whether there is a notice to [take](Self::take_notice).
    pub const fn has_notice(&self) -> bool {
        !self.notice.is_empty()
    }

    /// Returns the notice without taking it.
    pub(crate) const fn notice(&self) -> Notice {
        self.notice
    }

    /// Returns whether the last record holds handshake messages that were not returned yet.
    #[cfg(feature = "takeover")]
    pub(crate) const fn is_amid_record(&self) -> bool {
        self.rest != 0
    }

    /// Returns whether the notice waits until all of the input is opened, so that several requests
    /// for a KeyUpdate in one read of the transport get one answer (RFC 9846 section 4.7.3).
    pub(crate) const fn is_notice_waiting(&self) -> bool {
        (self.has_more_input || self.rest != 0 && !self.is_arriving()) && self.notice.can_wait()
    }

    /// Returns whether a record is being opened as it arrives.
    const fn is_arriving(&self) -> bool {
        #[cfg(feature = "long-records")]
        return matches!(self.rest_in, RestIn::Arriving);
        #[cfg(not(feature = "long-records"))]
        return false;
    }

    /// Applies a signal of the [`Sealer`](crate::Sealer) of this connection.
    pub fn apply(&mut self, signal: Signal) {
        if signal.contains(Signal::UPDATE_REQUESTED) {
            self.answer_expected = true;
        }
        if let Some(description) = signal.alert() {
            if self.state == ReadState::Open {
                self.state = self.state.after(Trigger::Fault);
                self.error = Some(OpenError::Fault(if signal.contains(Signal::CIPHER_FAILED) {
                    Fault::Crypto
                } else {
                    Fault::Aborted(description)
                }));
            }
            self.keys.wipe();
        }
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

/// An unprotected record, or one whose protection was removed. `start` is where its content begins.
struct Unprotected<'a> {
    content_type: ContentType,
    content: Front<'a>,
    start: usize,
    is_padded: bool,
    was_protected: bool,
}

/// Returns the keys that protect a record, or `None` if it is not protected.
fn protecting<K: KeySchedule, P: Deref<Target = Protection<K>>>(
    keys: Option<P>,
    content_type: ContentType,
    version: u16,
) -> Result<Option<P>, Fault> {
    match keys {
        Some(keys) if keys.version.is_tls12() => {
            judge_tls12(content_type, version)?;
            Ok(Some(keys))
        }
        // RFC 9846 section 5.2.
        Some(keys) if content_type == ContentType::APPLICATION_DATA => Ok(Some(keys)),
        _ => Ok(None),
    }
}

/// Checks the header of a record under TLS 1.2 keys (RFC 5246 sections 6.1 and 6.2.3).
fn judge_tls12(content_type: ContentType, version: u16) -> Result<(), Fault> {
    if version != VERSION_FIELD {
        return Err(Fault::RecordVersion);
    }
    match content_type {
        ContentType::APPLICATION_DATA | ContentType::ALERT | ContentType::HANDSHAKE => Ok(()),
        _ => Err(Fault::UnexpectedContentType),
    }
}
