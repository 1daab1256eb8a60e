//! The receiving half: record bytes in, events out.
//!
//! A record passes through the functions of this file from top to bottom: [`Opener::open`] frames
//! it, `judge_*` refuse it by its header, the keys take its protection off, `inner_plaintext` its
//! padding, and `deliver` and what it calls decide what the content means.

use core::ops::Range;

use crate::alert::{Alert, AlertClass, AlertDescription, AlertLevel};
use crate::budget::Budget;
use crate::close::{ReadState, Trigger};
use crate::config::Config;
use crate::end::ReadEnd;
use crate::error::{Fault, KeyError, OpenError};
use crate::handshake::{HandshakeHeader, HandshakePiece, HandshakeType, Messages, Step};
use crate::keys::KeySchedule;
use crate::notice::{Notice, Signal};
use crate::protection::{Keys, Protection};
use crate::record::{
    ContentType, Epoch, HEADER_LEN, Header, MAX_CONTENT, MAX_PROTECTED_TLS12, MAX_PROTECTED_TLS13,
    Role, VERSION_FIELD, Version, is_not_tls,
};

/// What one call of [`Opener::open`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opened {
    /// Bytes at the front of the slice that are done with. The rest must be shown again, unchanged.
    pub consumed: usize,
    /// What they meant.
    pub event: Event,
}

/// What a record meant. Ranges are relative to the slice that was given to [`Opener::open`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// The slice does not hold a whole record: show it again when it holds `total` bytes.
    NeedMore {
        /// Length of the record at the front of the slice, or of its header while that is not
        /// there.
        total: usize,
    },
    /// Application data lies here. Never empty.
    ApplicationData(Range<usize>),
    /// A handshake message, or a piece of one, without its header. After the handshake of TLS 1.2
    /// this is a request to renegotiate:
    /// [`Sealer::refuse_renegotiation`](crate::Sealer::refuse_renegotiation) is the answer.
    Handshake(HandshakePiece),
    /// TLS 1.2: the next record is under new keys. [Install](Opener::install) them now.
    ChangeCipherSpec,
    /// The peer went on to its next generation of keys, and so did we.
    KeyUpdate {
        /// Whether it asks the same of us. The [`Sealer`](crate::Sealer) learns it by the notice.
        requested: bool,
    },
    /// An alert that ends nothing: user_canceled, or a TLS 1.2 warning. For a log.
    Warning(AlertDescription),
    /// The peer's close_notify: it sends no more. Bytes behind it are not TLS; in later calls they
    /// are consumed unseen.
    Closed,
    /// A record that says nothing: empty application data, a change_cipher_spec of TLS 1.3's
    /// compatibility mode, the first bytes of a split handshake message, skipped early data.
    Nothing,
}

/// What to do with early data (RFC 9846 section 4.3.10), and how many bytes of it are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EarlyData {
    /// There is none, or it is over.
    None,
    /// Its content is delivered.
    Accepted(u32),
    /// Records that do not open are dropped, up to the first that does.
    SkipUndecryptable(u32),
    /// Application data is dropped, up to the second ClientHello.
    SkipApplicationData(u32),
}

/// The receiving half of a connection.
///
/// It starts without keys, so that a handshake can run on it from the ClientHello; a connection
/// whose handshake was made elsewhere [installs](Self::install) application keys at once.
///
/// It does no I/O and holds no bytes of the stream: input lies in the caller's buffer, is decrypted
/// there, and what is not consumed stays there. Every call returns at once and is cancel-safe.
pub struct Opener<K: KeySchedule> {
    keys: Keys<K>,
    epoch: Epoch,
    version: Option<Version>,
    state: ReadState,
    /// Whether no record has arrived yet.
    is_first: bool,
    /// Whether the transport holds a part of a record that was shown and not consumed.
    inside_record: bool,
    /// Whether a KeyUpdate that answers ours may arrive.
    answer_expected: bool,
    /// TLS 1.2: the peer's change_cipher_spec has arrived, and its keys are not installed.
    keys_due: bool,
    /// The longest body that a protected record may have, and the longest plaintext in it.
    max_body: u16,
    max_plaintext: u16,
    /// Decrypted handshake bytes at the front of the caller's buffer, and what lies behind them.
    rest: u16,
    trailer: u16,
    messages: Messages,
    budget: Budget,
    early_data: EarlyData,
    notice: Notice,
    end: ReadEnd,
    config: Config,
}

impl<K: KeySchedule> Opener<K> {
    /// A receiving half without keys.
    pub const fn new(config: Config) -> Self {
        Self {
            keys: Keys::NONE,
            epoch: Epoch::Plaintext,
            version: None,
            state: ReadState::Open,
            is_first: true,
            inside_record: false,
            answer_expected: false,
            keys_due: false,
            max_body: MAX_CONTENT,
            max_plaintext: MAX_CONTENT,
            rest: 0,
            trailer: 0,
            messages: Messages::new(),
            budget: Budget::new(&config.limits),
            early_data: EarlyData::None,
            notice: Notice::NONE,
            end: ReadEnd::Open,
            config,
        }
    }

    /// Opens the record at the front of `input`, in place: one record a call, or one handshake
    /// message of a record that holds several. Call it until it says [`Event::NeedMore`].
    ///
    /// The header is judged as soon as it is there, before the body is waited for.
    ///
    /// # Errors
    /// The connection has failed, and every later call gives the same error:
    /// [`OpenError::Fault`] if the peer broke the protocol (the alert is in the
    /// [notice](Self::take_notice)), [`OpenError::PeerAlert`] if it sent an error alert,
    /// [`OpenError::Truncated`] after [`eof`](Self::eof).
    ///
    /// ```
    /// use tls_record::aead::{Algorithm, ring::Ring};
    /// use tls_record::{Config, Epoch, Event, Opener, Role, Sealer, TrafficSecret};
    ///
    /// let secret = || TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    /// let mut sealer = Sealer::new(Config::new(Role::Client));
    /// let mut opener = Opener::new(Config::new(Role::Server));
    /// sealer.install(Epoch::Application, secret(), 0)?;
    /// opener.install(Epoch::Application, secret(), 0)?;
    ///
    /// let mut wire = [0; 64];
    /// let sealed = sealer.seal(&[b"over ", b"the wire"], &mut wire).unwrap();
    /// let opened = opener.open(&mut wire[..sealed.written]).unwrap();
    /// assert_eq!(opened.consumed, sealed.written);
    /// let Event::ApplicationData(range) = opened.event else { panic!() };
    /// assert_eq!(&wire[range], b"over the wire");
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    #[inline]
    pub fn open(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        if self.state != ReadState::Open {
            return self.open_after_end(input.len());
        }
        match self.open_next(input) {
            Ok(opened) => Ok(opened),
            Err(stop) => Err(self.stop(stop)),
        }
    }

    #[inline]
    fn open_next(&mut self, input: &mut [u8]) -> Result<Opened, Stop> {
        if self.rest != 0 {
            return self.open_rest(input);
        }
        let available = input.len();
        let Some((header, after)) = input.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(self.need_more(available, HEADER_LEN));
        };
        let length = match self.keys.get() {
            Some(keys) if keys.version.is_tls12() => self.judge_tls12(header)?,
            Some(_) => self.judge_tls13(header)?,
            None => self.judge_plaintext(header)?,
        };
        let content_type = Header::decode(*header).content_type;
        let length = usize::from(length);
        // A header and a 16-bit length: far from the end of any usize.
        let total = HEADER_LEN.wrapping_add(length);
        let Some(body) = after.get_mut(..length) else {
            return Ok(self.need_more(available, total));
        };
        self.inside_record = false;
        self.is_first = false;

        let unprotected = match self.keys.get_mut() {
            Some(keys) if keys.version.is_tls12() => {
                let (start, len) = keys.open_tls12(header, body)?;
                if len > usize::from(self.max_plaintext) {
                    return Err(Fault::RecordOverflow.into());
                }
                let start = HEADER_LEN.wrapping_add(start);
                Unprotected { content_type, start, len, is_padded: false, is_protected: true }
            }
            Some(keys) if content_type == ContentType::APPLICATION_DATA => {
                match keys.open_tls13(header, body) {
                    Ok(inner_len) => self.inner_plaintext(body, inner_len)?,
                    Err(fault) => return self.not_opened(fault, total),
                }
            }
            _ => Unprotected {
                content_type,
                start: HEADER_LEN,
                len: length,
                is_padded: false,
                is_protected: false,
            },
        };
        self.deliver(unprotected, total, input)
    }

    #[inline]
    fn need_more(&mut self, available: usize, total: usize) -> Opened {
        self.inside_record = available != 0;
        Opened { consumed: 0, event: Event::NeedMore { total } }
    }

    // By the header alone

    /// RFC 9846 section 5.2. Returns the length of the body.
    #[inline]
    fn judge_tls13(&self, header: &[u8; HEADER_LEN]) -> Result<u16, Fault> {
        let header = Header::decode(*header);
        if header.content_type == ContentType::APPLICATION_DATA {
            if header.length > self.max_body {
                return Err(Fault::RecordOverflow);
            }
            return Ok(header.length);
        }
        self.judge_unprotected_under_keys(header)
    }

    /// Records that are not protected although there are keys: a change_cipher_spec of the
    /// compatibility mode (RFC 9846 section 5), and the error alert of a peer that failed before it
    /// had keys.
    #[cold]
    fn judge_unprotected_under_keys(&self, header: Header) -> Result<u16, Fault> {
        if header.length > MAX_CONTENT {
            return Err(Fault::RecordOverflow);
        }
        let is_first = self.keys.get().is_some_and(|keys| keys.sequence() == 0);
        match header.content_type {
            ContentType::CHANGE_CIPHER_SPEC if self.epoch < Epoch::Application => Ok(header.length),
            ContentType::ALERT if self.epoch == Epoch::Handshake && is_first => Ok(header.length),
            _ => Err(Fault::UnexpectedContentType),
        }
    }

    /// RFC 5246 section 6.2.3.
    #[inline]
    fn judge_tls12(&self, header: &[u8; HEADER_LEN]) -> Result<u16, Fault> {
        let header = Header::decode(*header);
        if header.version != VERSION_FIELD {
            return Err(Fault::RecordVersion);
        }
        match header.content_type {
            ContentType::APPLICATION_DATA | ContentType::ALERT | ContentType::HANDSHAKE => {}
            _ => return Err(Fault::UnexpectedContentType),
        }
        if header.length > self.max_body {
            return Err(Fault::RecordOverflow);
        }
        Ok(header.length)
    }

    /// RFC 9846 section 5.1.
    fn judge_plaintext(&self, first: &[u8; HEADER_LEN]) -> Result<u16, Fault> {
        let header = Header::decode(*first);
        if self.is_first && is_not_tls(*first) {
            return Err(Fault::NotTls);
        }
        let is_expected = match header.content_type {
            ContentType::HANDSHAKE | ContentType::ALERT => !self.keys_due,
            ContentType::CHANGE_CIPHER_SPEC => self.version.is_some() && !self.keys_due,
            ContentType::APPLICATION_DATA => {
                if !matches!(self.early_data, EarlyData::SkipApplicationData(_)) {
                    return Err(Fault::UnexpectedContentType);
                }
                if header.length > MAX_PROTECTED_TLS13 {
                    return Err(Fault::RecordOverflow);
                }
                return Ok(header.length);
            }
            _ => false,
        };
        if !is_expected {
            return Err(Fault::UnexpectedContentType);
        }
        if header.length > MAX_CONTENT {
            return Err(Fault::RecordOverflow);
        }
        Ok(header.length)
    }

    // Without its protection

    /// Finds the content type behind the content and in front of the padding
    /// (RFC 9846 section 5.4).
    #[inline]
    fn inner_plaintext(&self, body: &[u8], inner_len: usize) -> Result<Unprotected, Fault> {
        if inner_len > usize::from(self.max_plaintext) {
            return Err(Fault::RecordOverflow);
        }
        let inner = body.get(..inner_len).unwrap_or_default();
        let (content_type, content, is_padded) = match inner.split_last() {
            Some((&last, content)) if last != 0 => (last, content, false),
            _ => {
                let (content_type, content) = strip_padding(inner)?;
                (content_type, content, true)
            }
        };
        Ok(Unprotected {
            content_type: ContentType(content_type),
            start: HEADER_LEN,
            len: content.len(),
            is_padded,
            is_protected: true,
        })
    }

    /// A record that does not open is a forgery, or early data that we rejected
    /// (RFC 9846 section 4.3.10).
    #[cold]
    fn not_opened(&mut self, fault: Fault, total: usize) -> Result<Opened, Stop> {
        let EarlyData::SkipUndecryptable(left) = self.early_data else {
            return Err(fault.into());
        };
        self.early_data = EarlyData::SkipUndecryptable(charge(left, total)?);
        Ok(Opened { consumed: total, event: Event::Nothing })
    }

    // What it means

    #[inline]
    fn deliver(
        &mut self,
        record: Unprotected,
        total: usize,
        input: &mut [u8],
    ) -> Result<Opened, Stop> {
        let Unprotected { content_type, start, len, is_padded, is_protected } = record;
        // The sum of two lengths within a record.
        let end = start.wrapping_add(len);
        if content_type == ContentType::APPLICATION_DATA
            && len != 0
            && self.epoch == Epoch::Application
            && (!self.messages.is_partial() || self.may_interleave())
        {
            self.budget.data_arrived(&self.config.limits);
            return Ok(Opened { consumed: total, event: Event::ApplicationData(start..end) });
        }
        if is_protected && matches!(self.early_data, EarlyData::SkipUndecryptable(_)) {
            self.early_data = EarlyData::None;
        }
        let content = input.get(start..end).unwrap_or_default();
        let event = match content_type {
            ContentType::APPLICATION_DATA => self.other_data(start..end, is_padded, total)?,
            ContentType::ALERT => self.alert(content, is_protected)?,
            ContentType::HANDSHAKE => {
                let trailer = total.wrapping_sub(end);
                return self.handshake(content, start, trailer);
            }
            ContentType::CHANGE_CIPHER_SPEC if !is_protected => self.change_cipher_spec(content)?,
            _ => return Err(Fault::UnexpectedContentType.into()),
        };
        Ok(Opened { consumed: total, event })
    }

    /// TLS 1.2 lets other records come between the fragments of a handshake message
    /// (RFC 5246 section 6.2.1); RFC 9846 section 5.1 does not.
    fn may_interleave(&self) -> bool {
        self.version.is_some_and(Version::is_tls12)
    }

    fn check_not_interleaved(&self) -> Result<(), Fault> {
        if self.messages.is_partial() && !self.may_interleave() {
            return Err(Fault::Interleaved);
        }
        Ok(())
    }

    /// Application data that is empty, early, or too early.
    #[cold]
    fn other_data(
        &mut self,
        range: Range<usize>,
        is_padded: bool,
        total: usize,
    ) -> Result<Event, Fault> {
        match (self.epoch, self.early_data) {
            (Epoch::Plaintext, EarlyData::SkipApplicationData(left)) => {
                self.early_data = EarlyData::SkipApplicationData(charge(left, total)?);
                return Ok(Event::Nothing);
            }
            (Epoch::EarlyData, EarlyData::Accepted(left)) => {
                self.check_not_interleaved()?;
                self.early_data = EarlyData::Accepted(charge(left, range.len())?);
            }
            (Epoch::Application, _) => self.check_not_interleaved()?,
            _ => return Err(Fault::UnexpectedContentType),
        }
        if !range.is_empty() {
            self.budget.data_arrived(&self.config.limits);
            return Ok(Event::ApplicationData(range));
        }
        if !is_padded {
            self.budget.empty_record()?;
        }
        Ok(Event::Nothing)
    }

    /// RFC 9846 section 6, RFC 5246 section 7.2.
    #[cold]
    fn alert(&mut self, content: &[u8], is_protected: bool) -> Result<Event, Stop> {
        if content.is_empty() {
            return Err(Fault::EmptyAlert.into());
        }
        let alert = Alert::decode(content).ok_or(Fault::AlertLength)?;
        let class = match self.version {
            Some(Version::Tls13) => alert.description.class(),
            // The level decides, also before the version is known: a TLS 1.2 server may warn first.
            _ => match (alert.level, alert.description.class()) {
                (AlertLevel::WARNING | AlertLevel::FATAL, AlertClass::Closure) => {
                    AlertClass::Closure
                }
                (AlertLevel::WARNING, _) => AlertClass::UserCanceled,
                (AlertLevel::FATAL, _) => AlertClass::Error,
                _ => return Err(Fault::AlertLevel.into()),
            },
        };
        if class == AlertClass::Error {
            return Err(Stop::PeerAlert(alert.description));
        }
        self.check_not_interleaved()?;
        if !is_protected && self.keys.get().is_some() {
            // Anyone can forge one: it must not pass for the peer's.
            return Err(Fault::UnexpectedContentType.into());
        }
        if class == AlertClass::Closure {
            self.state = self.state.after(Trigger::PeerCloseNotify);
            self.end = ReadEnd::Closed { epoch: self.epoch };
            self.notice = self.notice.merge(Notice::PEER_CLOSED);
            return Ok(Event::Closed);
        }
        self.budget.warning()?;
        Ok(Event::Warning(alert.description))
    }

    /// RFC 9846 section 5, RFC 5246 section 7.1.
    #[cold]
    fn change_cipher_spec(&mut self, content: &[u8]) -> Result<Event, Fault> {
        if content != [1] {
            return Err(Fault::BadChangeCipherSpec);
        }
        if self.version.is_some_and(Version::is_tls12) {
            if self.messages.is_partial() {
                return Err(Fault::SpansKeyChange);
            }
            self.keys_due = true;
            return Ok(Event::ChangeCipherSpec);
        }
        self.check_not_interleaved()?;
        self.budget.empty_record()?;
        Ok(Event::Nothing)
    }

    // Handshake messages

    /// Handshake content that [`Self::handshake`] left for the next call. It is decrypted already.
    #[cold]
    fn open_rest(&mut self, input: &mut [u8]) -> Result<Opened, Stop> {
        let (rest, trailer) = (usize::from(self.rest), usize::from(self.trailer));
        let total = rest.wrapping_add(trailer);
        if input.len() < total {
            return Ok(self.need_more(input.len(), total));
        }
        let content = input.get(..rest).unwrap_or_default();
        self.handshake(content, 0, trailer)
    }

    /// Hands over one message of `content`, which lies at `start` and has `trailer` bytes behind it.
    #[cold]
    fn handshake(&mut self, content: &[u8], start: usize, trailer: usize) -> Result<Opened, Stop> {
        if content.is_empty() {
            return Err(Fault::EmptyHandshakeRecord.into());
        }
        self.budget.content_arrived(&self.config.limits);
        if matches!(self.early_data, EarlyData::SkipApplicationData(_)) {
            // The second ClientHello: no early data after it.
            self.early_data = EarlyData::None;
        }
        let judgement = Judgement::of(self);
        let step = self.messages.next(content, |header| judgement.of_message(header))?;
        let (header, offset, body) = match step {
            Step::Header => {
                self.rest = 0;
                let consumed = start.wrapping_add(content.len()).wrapping_add(trailer);
                return Ok(Opened { consumed, event: Event::Nothing });
            }
            Step::Body { header, offset, start, len } => {
                (header, offset, start..start.wrapping_add(len))
            }
        };
        let rest = content.len().saturating_sub(body.end);
        let mut consumed = start.wrapping_add(body.end);
        if rest == 0 {
            consumed = consumed.wrapping_add(trailer);
        }
        // Both are less than the length of a record.
        self.rest = rest as u16;
        self.trailer = trailer as u16;

        if header.message_type == HandshakeType::KEY_UPDATE {
            let requested = match content.get(body) {
                Some([0]) => false,
                Some([1]) => true,
                _ => return Err(Fault::KeyUpdateValue.into()),
            };
            self.key_update(requested)?;
            return Ok(Opened { consumed, event: Event::KeyUpdate { requested } });
        }
        if judgement.is_renegotiation && offset == 0 {
            self.budget.renegotiation()?;
        }
        let body = start.wrapping_add(body.start)..start.wrapping_add(body.end);
        let piece = HandshakePiece { header, offset, body };
        Ok(Opened { consumed, event: Event::Handshake(piece) })
    }

    /// RFC 9846 section 4.7.3.
    fn key_update(&mut self, requested: bool) -> Result<(), Fault> {
        if self.rest != 0 {
            return Err(Fault::SpansKeyChange);
        }
        if core::mem::take(&mut self.answer_expected) {
            self.notice = self.notice.merge(Notice::PEER_ANSWERED);
        } else {
            self.budget.key_update()?;
        }
        let keys = self.keys.get_mut().ok_or(Fault::UnexpectedHandshake)?;
        let next = keys.derive_next().map_err(|_| Fault::Crypto)?;
        keys.switch(next);
        if requested {
            self.notice = self.notice.merge(Notice::UPDATE_REQUESTED);
        }
        Ok(())
    }

    // How it ends

    #[cold]
    fn stop(&mut self, stop: Stop) -> OpenError {
        match stop {
            Stop::Fault(fault) => {
                self.state = self.state.after(Trigger::Fault);
                self.end = ReadEnd::Fault(fault);
                let notice = fault.alert().map_or(Notice::PEER_FAILED, Notice::fatal);
                self.notice = self.notice.merge(notice);
                self.keys.wipe();
                OpenError::Fault(fault)
            }
            Stop::PeerAlert(description) => {
                self.state = self.state.after(Trigger::PeerError);
                self.end = ReadEnd::PeerAlert(description);
                // What else there was to tell does not matter any more.
                self.notice = Notice::PEER_FAILED;
                self.keys.wipe();
                OpenError::PeerAlert(description)
            }
        }
    }

    #[cold]
    fn open_after_end(&self, available: usize) -> Result<Opened, OpenError> {
        match self.end {
            ReadEnd::Fault(fault) => Err(OpenError::Fault(fault)),
            ReadEnd::PeerAlert(description) => Err(OpenError::PeerAlert(description)),
            ReadEnd::Truncated { .. } => Err(OpenError::Truncated),
            ReadEnd::Closed { .. } | ReadEnd::Open => {
                Ok(Opened { consumed: available, event: Event::Closed })
            }
        }
    }

    /// The transport has no more bytes: everything that arrived was shown to [`open`](Self::open).
    /// Without a close_notify before it, that is a truncation (RFC 9846 section 6.1).
    pub fn eof(&mut self) -> ReadEnd {
        if self.state == ReadState::Open {
            self.state = self.state.after(Trigger::TransportEof);
            let inside_record = self.inside_record || self.rest != 0;
            self.end = ReadEnd::Truncated { epoch: self.epoch, inside_record };
        }
        self.end
    }

    /// How this direction ended, or that it has not.
    pub const fn end(&self) -> ReadEnd {
        self.end
    }

    // Keys

    /// Says which version the handshake chose, as soon as it did: before that, plaintext alerts and
    /// change_cipher_spec cannot be told apart, and the latter is refused. Installing keys says it
    /// too.
    pub const fn set_version(&mut self, version: Version) {
        self.version = Some(version);
    }

    /// From the next record on, the peer protects with these keys. `sequence` is the number of that
    /// record: 0, unless another implementation has opened some.
    ///
    /// For TLS 1.2, install [`Epoch::Handshake`] at [`Event::ChangeCipherSpec`], and
    /// [`establish`](Self::establish) when the Finished is verified; or [`Epoch::Application`] if the
    /// handshake was made elsewhere.
    ///
    /// # Errors
    /// [`KeyError::Fault`] if a handshake message is split by the key change (RFC 9846 section 5.1):
    /// the connection has failed. [`KeyError::Epoch`] unless epochs go forward. [`KeyError::Closed`]
    /// if this direction has ended. [`KeyError::Crypto`] if the keys cannot be made.
    pub fn install(&mut self, epoch: Epoch, schedule: K, sequence: u64) -> Result<(), KeyError> {
        let version = schedule.version();
        if epoch <= self.epoch || !has_keys(version, epoch) {
            return Err(KeyError::Epoch);
        }
        self.check_key_change()?;
        let protection = Protection::new(schedule, sequence)?;
        self.version = Some(version);
        self.epoch = epoch;
        self.keys_due = false;
        self.early_data = match (epoch, self.early_data) {
            (Epoch::EarlyData, _) => EarlyData::Accepted(self.config.limits.early_data),
            (Epoch::Handshake, EarlyData::SkipUndecryptable(left)) => {
                EarlyData::SkipUndecryptable(left)
            }
            _ => EarlyData::None,
        };
        self.set_limits(version, &protection);
        self.keys.replace(protection);
        Ok(())
    }

    /// TLS 1.2: the peer's Finished is verified, application data may come.
    ///
    /// # Errors
    /// [`KeyError::Epoch`] unless TLS 1.2 keys are installed; [`KeyError::Fault`] if the Finished was
    /// not the end of its record; [`KeyError::Closed`] if this direction has ended.
    pub fn establish(&mut self) -> Result<(), KeyError> {
        if self.epoch != Epoch::Handshake || !self.version.is_some_and(Version::is_tls12) {
            return Err(KeyError::Epoch);
        }
        self.check_key_change()?;
        self.epoch = Epoch::Application;
        Ok(())
    }

    /// Server, TLS 1.3: early data was offered and is rejected. It is skipped, as many bytes as
    /// [`Limits::early_data`](crate::Limits) allows on the wire: after a HelloRetryRequest up to the
    /// second ClientHello, otherwise up to the first record that opens under the handshake keys,
    /// which may be installed before or after this call.
    ///
    /// # Errors
    /// [`KeyError::Epoch`] under early data or application keys.
    pub fn skip_early_data(&mut self, after_hello_retry_request: bool) -> Result<(), KeyError> {
        let budget = self.config.limits.early_data;
        self.early_data = match (after_hello_retry_request, self.epoch) {
            (true, Epoch::Plaintext) => EarlyData::SkipApplicationData(budget),
            (false, Epoch::Plaintext | Epoch::Handshake) => EarlyData::SkipUndecryptable(budget),
            _ => return Err(KeyError::Epoch),
        };
        Ok(())
    }

    fn check_key_change(&mut self) -> Result<(), KeyError> {
        if self.state != ReadState::Open {
            return Err(KeyError::Closed);
        }
        if self.messages.is_partial() || self.rest != 0 {
            self.stop(Stop::Fault(Fault::SpansKeyChange));
            return Err(KeyError::Fault(Fault::SpansKeyChange));
        }
        Ok(())
    }

    /// RFC 9846 sections 5.2 and 5.4, RFC 5246 section 6.2.3, RFC 8449 section 4.
    fn set_limits(&mut self, version: Version, protection: &Protection<K>) {
        let (max_body, max_plaintext) = match version {
            Version::Tls13 => (MAX_PROTECTED_TLS13, MAX_CONTENT.wrapping_add(1)),
            Version::Tls12 => (MAX_PROTECTED_TLS12, MAX_CONTENT),
        };
        (self.max_body, self.max_plaintext) = match self.config.record_size_limit {
            Some(limit) => {
                // In TLS 1.3 the limit counts the content type, which the expansion counts too.
                let counted = u16::from(version == Version::Tls13);
                let limit = limit.min(max_plaintext);
                let expansion = protection.expansion().saturating_sub(counted);
                (limit.saturating_add(expansion).min(max_body), limit)
            }
            None => (max_body, max_plaintext),
        };
    }

    /// What the records of this direction are protected with.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The number of the next record, if there are keys.
    pub fn sequence(&self) -> Option<u64> {
        self.keys.get().map(Protection::sequence)
    }

    /// How far this direction is.
    pub const fn state(&self) -> ReadState {
        self.state
    }

    // The other half

    /// What the [`Sealer`](crate::Sealer) of this connection must be told. Kept until it is taken,
    /// so that returning early on an error loses no alert.
    pub const fn take_notice(&mut self) -> Notice {
        core::mem::replace(&mut self.notice, Notice::NONE)
    }

    /// Whether [`take_notice`](Self::take_notice) has something.
    #[inline]
    pub const fn has_notice(&self) -> bool {
        !self.notice.is_empty()
    }

    /// Takes in what the [`Sealer`](crate::Sealer) has to tell.
    pub fn apply(&mut self, signal: Signal) {
        if signal.contains(Signal::UPDATE_REQUESTED) {
            self.answer_expected = true;
        }
        if let Some(description) = signal.alert() {
            if self.state == ReadState::Open {
                self.state = self.state.after(Trigger::Fault);
                self.end = ReadEnd::Fault(Fault::Aborted(description));
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

/// A record without its protection: what is in it, and where in the record it lies.
struct Unprotected {
    content_type: ContentType,
    start: usize,
    len: usize,
    is_padded: bool,
    is_protected: bool,
}

/// Why a direction stops.
enum Stop {
    Fault(Fault),
    PeerAlert(AlertDescription),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Which handshake messages may come, as far as it is for a record layer to say.
#[derive(Clone, Copy)]
struct Judgement {
    role: Role,
    epoch: Epoch,
    version: Option<Version>,
    max_len: u32,
    post_handshake_auth: bool,
    /// An established TLS 1.2 connection: what comes now asks for another handshake.
    is_renegotiation: bool,
}

impl Judgement {
    fn of<K: KeySchedule>(opener: &Opener<K>) -> Self {
        Self {
            role: opener.config.role,
            epoch: opener.epoch,
            version: opener.version,
            max_len: opener.config.limits.handshake_message,
            post_handshake_auth: opener.config.post_handshake_auth,
            is_renegotiation: opener.epoch == Epoch::Application
                && opener.version.is_some_and(Version::is_tls12),
        }
    }

    fn of_message(self, header: HandshakeHeader) -> Result<(), Fault> {
        use HandshakeType as Type;
        let message_type = header.message_type;
        let is_expected = match self.epoch {
            Epoch::Plaintext | Epoch::Handshake => message_type != Type::KEY_UPDATE,
            Epoch::EarlyData => message_type == Type::END_OF_EARLY_DATA,
            Epoch::Application => match (self.version, self.role) {
                (Some(Version::Tls12), Role::Client) => message_type == Type::HELLO_REQUEST,
                (Some(Version::Tls12), Role::Server) => message_type == Type::CLIENT_HELLO,
                (_, Role::Client) => match message_type {
                    Type::KEY_UPDATE | Type::NEW_SESSION_TICKET => true,
                    Type::CERTIFICATE_REQUEST => self.post_handshake_auth,
                    _ => false,
                },
                (_, Role::Server) => match message_type {
                    Type::KEY_UPDATE => true,
                    Type::CERTIFICATE | Type::CERTIFICATE_VERIFY | Type::FINISHED => {
                        self.post_handshake_auth
                    }
                    _ => false,
                },
            },
        };
        if !is_expected {
            return Err(Fault::UnexpectedHandshake);
        }
        if message_type == Type::KEY_UPDATE && header.length != 1 {
            return Err(Fault::KeyUpdateLength);
        }
        if header.length > self.max_len {
            return Err(Fault::HandshakeTooLong);
        }
        Ok(())
    }
}

/// Whether a version protects anything with the keys of this epoch.
pub(crate) const fn has_keys(version: Version, epoch: Epoch) -> bool {
    match (version, epoch) {
        (_, Epoch::Plaintext) | (Version::Tls12, Epoch::EarlyData) => false,
        (Version::Tls12, Epoch::Handshake | Epoch::Application) => true,
        (Version::Tls13, Epoch::EarlyData | Epoch::Handshake | Epoch::Application) => true,
    }
}

/// Takes `bytes` from what is left of the early data.
fn charge(left: u32, bytes: usize) -> Result<u32, Fault> {
    let bytes = u32::try_from(bytes).map_err(|_| Fault::TooMuchEarlyData)?;
    left.checked_sub(bytes).ok_or(Fault::TooMuchEarlyData)
}

/// Splits a padded inner plaintext into its content type and its content.
#[cold]
fn strip_padding(inner: &[u8]) -> Result<(u8, &[u8]), Fault> {
    let at = inner.iter().rposition(|&byte| byte != 0).ok_or(Fault::NoContentType)?;
    let (content, type_and_padding) = inner.split_at_checked(at).ok_or(Fault::NoContentType)?;
    let &content_type = type_and_padding.first().ok_or(Fault::NoContentType)?;
    Ok((content_type, content))
}
