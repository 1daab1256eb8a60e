//! A reference receiver: slow and simple, to compare the engine with.
//!
//! It copies all data, opens records with [`Direction`], and reports only the alert of a fault. It
//! checks a record in the order header, protection, length, type, content.

use tls_record::aead::Provider;
use tls_record::{
    Config, ContentType, Epoch, Fault, HEADER_LEN, Header, KeyError, KeySchedule, Limits, Role,
    TrafficSecret, Version,
};

use crate::peer::{Direction, Record};
use crate::receiving::Way;

const UNEXPECTED_MESSAGE: u8 = 10;
const BAD_RECORD_MAC: u8 = 20;
const RECORD_OVERFLOW: u8 = 22;
const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const PROTOCOL_VERSION: u8 = 70;

const MAX_CONTENT: usize = 1 << 14;

/// The result of opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// More input is needed: this many bytes in total.
    NeedMore(usize),
    /// Application data.
    Data(Vec<u8>),
    /// A piece of a handshake message.
    Piece {
        /// The message type.
        message_type: u8,
        /// The length of the message body.
        length: u32,
        /// The offset of the piece in the body.
        offset: u32,
        /// The bytes of the piece.
        body: Vec<u8>,
    },
    /// A KeyUpdate.
    KeyUpdate {
        /// Whether it requests a KeyUpdate in return.
        requested: bool,
    },
    /// TLS 1.2: a change_cipher_spec, after which new keys are due.
    ChangeCipherSpec,
    /// An alert that does not end the connection.
    Warning(u8),
    /// The peer closed.
    Closed,
    /// A record with no effect.
    Nothing,
    /// A fault, with the alert to send, if any.
    Fault(Option<u8>),
    /// An error alert of the peer.
    PeerAlert(u8),
    /// The transport ended.
    Truncated,
    /// The keys were suspended or given to the kernel.
    HandedOver,
    /// The rest of a record is in the buffer of the other function. Not a permanent error.
    OtherBuffer,
}

const fn fault(alert: u8) -> Outcome {
    Outcome::Fault(Some(alert))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EarlyData {
    None,
    Accepted,
    SkipUndecryptable,
    SkipApplicationData,
}

/// The reference receiver.
pub struct Reference<P: Provider> {
    role: Role,
    limits: Limits,
    record_size_limit: Option<u16>,
    pinned: Option<Version>,
    post_handshake_auth: bool,
    incoming: Direction<P>,
    epoch: Epoch,
    version: Option<Version>,
    end: Option<Outcome>,
    /// The keys are wiped or handed over.
    has_lost_keys: bool,
    has_received: bool,
    /// The last input was too short.
    is_inside_record: bool,
    are_keys_due: bool,
    /// An incomplete handshake message, with its header.
    message: Vec<u8>,
    /// Unprocessed handshake content of an opened record, and the number of bytes of the record
    /// after it.
    rest: Vec<u8>,
    trailer: usize,
    /// The function that opened that record.
    rest_way: Way,
    /// The start of the rest, if the record was opened into another buffer.
    rest_at: usize,
    /// Bytes of records received since a shutdown began, if one has.
    drained: Option<u32>,
    early_data: EarlyData,
    early_bytes: usize,
    empty_records: usize,
    warnings: usize,
    key_updates: usize,
    renegotiations: usize,
    is_answer_expected: bool,
}

impl<P: Provider> Reference<P> {
    /// Creates a receiver without keys.
    pub fn new(config: &Config) -> Self {
        Self {
            role: config.role,
            limits: config.limits,
            record_size_limit: config.record_size_limit.map(|limit| limit.get()),
            pinned: config.version,
            post_handshake_auth: config.post_handshake_auth,
            incoming: Direction::plain(),
            epoch: Epoch::Plaintext,
            version: None,
            end: None,
            has_lost_keys: false,
            has_received: false,
            is_inside_record: false,
            are_keys_due: false,
            message: Vec::new(),
            rest: Vec::new(),
            trailer: 0,
            rest_way: Way::InPlace,
            rest_at: 0,
            drained: None,
            early_data: EarlyData::None,
            early_bytes: 0,
            empty_records: 0,
            warnings: 0,
            key_updates: 0,
            renegotiations: 0,
            is_answer_expected: false,
        }
    }

    // Calls of the application

    /// Sets the version. The first one counts.
    pub fn set_version(&mut self, version: Version) {
        if self.version.is_none() && self.pinned.is_none_or(|pinned| pinned == version) {
            self.version = Some(version);
        }
    }

    /// Installs keys at this sequence number.
    ///
    /// # Errors
    /// The error that the engine must return.
    pub fn take_over(
        &mut self,
        epoch: Epoch,
        secret: TrafficSecret<P>,
        number: u64,
    ) -> Result<(), KeyError> {
        self.check_open()?;
        let version = secret.version();
        check_keys(self.version.or(self.pinned), self.epoch, (version, epoch), number)?;
        // The sequence numbers would be used again.
        if self.is_under(&secret) {
            return Err(KeyError::SameSecret);
        }
        self.check_key_change()?;
        self.early_data = match (epoch, self.early_data) {
            (Epoch::EarlyData, _) => EarlyData::Accepted,
            (Epoch::Handshake, EarlyData::SkipUndecryptable) if version == Version::Tls13 => {
                EarlyData::SkipUndecryptable
            }
            _ => EarlyData::None,
        };
        (self.epoch, self.version) = (epoch, Some(version));
        self.are_keys_due = false;
        self.incoming = Direction::from(secret, number);
        Ok(())
    }

    /// Completes a TLS 1.2 handshake.
    ///
    /// # Errors
    /// The error that the engine must return.
    pub fn establish(&mut self) -> Result<(), KeyError> {
        if (self.epoch, self.version) != (Epoch::Handshake, Some(Version::Tls12)) {
            return Err(KeyError::Epoch);
        }
        if !self.has_lost_keys && self.incoming.sequence == 0 {
            // The Finished was not received.
            return Err(KeyError::NonceReuse);
        }
        self.check_open()?;
        self.check_key_change()?;
        self.epoch = Epoch::Application;
        Ok(())
    }

    fn check_open(&self) -> Result<(), KeyError> {
        match self.end {
            None => Ok(()),
            Some(Outcome::HandedOver) => Err(KeyError::HandedOver),
            Some(_) => Err(KeyError::Closed),
        }
    }

    /// Checks that no handshake message spans a key change (RFC 9846 section 5.1).
    fn check_key_change(&mut self) -> Result<(), KeyError> {
        if self.message.is_empty() && self.rest.is_empty() {
            return Ok(());
        }
        self.end_by(fault(UNEXPECTED_MESSAGE));
        Err(KeyError::Fault(Fault::SpansKeyChange))
    }

    /// Skips early data, which was rejected.
    ///
    /// # Errors
    /// The error that the engine must return.
    pub fn skip_early_data(&mut self, after_retry: bool) -> Result<(), KeyError> {
        let has_opened_nothing = !self.has_lost_keys && self.incoming.sequence == 0;
        self.early_data = match (after_retry, self.epoch) {
            _ if self.is_tls12() || self.role == Role::Client => return Err(KeyError::Epoch),
            (true, Epoch::Plaintext) => EarlyData::SkipApplicationData,
            (false, Epoch::Plaintext) => EarlyData::SkipUndecryptable,
            // After a record that opened there is no early data, so a record that does not open is
            // forged.
            (false, Epoch::Handshake) if has_opened_nothing => EarlyData::SkipUndecryptable,
            _ => return Err(KeyError::Epoch),
        };
        Ok(())
    }

    /// Returns whether the keys may be handed to the kernel: they must be those of application
    /// data, with no message or record received in part.
    pub fn may_hand_over(&self) -> bool {
        let is_at_rest = self.message.is_empty() && !self.is_inside_record();
        self.epoch == Epoch::Application && self.end.is_none() && is_at_rest
    }

    /// Hands the keys over.
    pub fn hand_over(&mut self) {
        self.end_by(Outcome::HandedOver);
    }

    /// Notes that a KeyUpdate was requested of the peer.
    pub fn expect_answer(&mut self) {
        self.is_answer_expected = true;
    }

    /// Starts a shutdown: received bytes are counted from now on.
    pub fn drain(&mut self) {
        self.drained.get_or_insert(0);
    }

    /// Ends the connection with a local alert.
    pub fn abort(&mut self, alert: u8) {
        self.end.get_or_insert(fault(alert));
        self.has_lost_keys = true;
    }

    /// Ends the transport.
    pub fn eof(&mut self) {
        self.end.get_or_insert(Outcome::Truncated);
    }

    // State

    /// Returns how receiving ended, if it has.
    pub fn end(&self) -> Option<&Outcome> {
        self.end.as_ref()
    }

    /// Returns the version, if it is known.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Returns the function that opened the record of which a rest is left.
    pub fn rest_way(&self) -> Option<Way> {
        (!self.rest.is_empty()).then_some(self.rest_way)
    }

    /// Returns whether a record was received in part.
    pub fn is_inside_record(&self) -> bool {
        self.is_inside_record || !self.rest.is_empty()
    }

    /// Returns the epoch of the keys.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the bytes of records received since a shutdown began.
    pub fn drained(&self) -> u32 {
        self.drained.unwrap_or(0)
    }

    /// Returns whether records are opened with this secret.
    pub fn is_under(&self, secret: &TrafficSecret<P>) -> bool {
        !self.has_lost_keys && self.incoming.is_under(secret)
    }

    /// Returns whether records are opened with the secret of this direction.
    pub fn is_under_secret_of(&self, direction: &Direction<P>) -> bool {
        !self.has_lost_keys && self.incoming.is_under_secret_of(direction)
    }

    /// Returns the sequence number of the next record.
    pub fn sequence(&self) -> u64 {
        self.incoming.sequence
    }

    fn end_by(&mut self, end: Outcome) {
        self.has_lost_keys |=
            matches!(end, Outcome::Fault(_) | Outcome::PeerAlert(_) | Outcome::HandedOver);
        self.end = Some(end);
    }

    fn is_tls12(&self) -> bool {
        self.version.or(self.pinned) == Some(Version::Tls12)
    }

    /// Returns the maximum lengths of the body and the plaintext of a protected record (RFC 9846
    /// sections 5.2 and 5.4, RFC 5246 section 6.2.3, RFC 8449 section 4).
    pub fn max_lengths(&self) -> (usize, usize) {
        let limit = self.record_size_limit.map_or(usize::MAX, usize::from);
        if self.is_tls12() {
            let plaintext = limit.min(MAX_CONTENT);
            let body = plaintext + self.incoming.expansion();
            (if limit == usize::MAX { MAX_CONTENT + 2048 } else { body }, plaintext)
        } else {
            let inner = limit.min(MAX_CONTENT + 1);
            (if limit == usize::MAX { MAX_CONTENT + 256 } else { inner + 16 }, inner)
        }
    }

    // Receiving

    /// Opens the record at the front of `shown`. Returns the number of bytes consumed, and the
    /// result.
    ///
    /// A record that is opened into another buffer has `room` bytes there.
    pub fn next(&mut self, way: Way, shown: &[u8], room: usize) -> (usize, Outcome) {
        match &self.end {
            // So that a loop that opens until more is needed ends.
            Some(Outcome::Closed) if shown.is_empty() => {
                return (0, Outcome::NeedMore(HEADER_LEN));
            }
            Some(Outcome::Closed) => return (shown.len(), Outcome::Closed),
            Some(end) => return (0, end.clone()),
            None => {}
        }
        if self.rest_way().is_some_and(|rest_way| rest_way != way) {
            return (0, Outcome::OtherBuffer);
        }
        self.rest_way = way;
        match self.try_next(shown, room) {
            Ok((consumed, outcome)) => {
                let is_rest = !self.rest.is_empty();
                self.rest_at = if is_rest { self.rest_at + consumed } else { 0 };
                if outcome == Outcome::Closed {
                    self.end_by(Outcome::Closed);
                }
                (consumed, outcome)
            }
            Err(end) => {
                self.end_by(end.clone());
                (0, end)
            }
        }
    }

    fn try_next(&mut self, shown: &[u8], room: usize) -> Result<(usize, Outcome), Outcome> {
        let needed = if !self.rest.is_empty() {
            self.rest.len() + self.trailer
        } else if let Some((head, _)) = shown.split_first_chunk() {
            self.check_header(head)?;
            HEADER_LEN + usize::from(Header::decode(*head).length)
        } else {
            HEADER_LEN
        };
        let end = self.rest_at + needed;
        // A header is checked without room for the record.
        let has_room = end <= room || end == HEADER_LEN;
        self.is_inside_record = (shown.len() < needed || !has_room) && !shown.is_empty();
        if shown.len() < needed {
            return Ok((0, Outcome::NeedMore(needed)));
        }
        if !has_room {
            return Ok((0, Outcome::NeedMore(end)));
        }
        if !self.rest.is_empty() {
            let content = std::mem::take(&mut self.rest);
            return self.handshake(content, 0, self.trailer);
        }
        self.has_received = true;
        let shown = &shown[..needed];
        let is_protected = match self.incoming.version() {
            None => false,
            Some(Version::Tls13) => shown[0] == ContentType::APPLICATION_DATA.0,
            Some(Version::Tls12) => true,
        };
        if !is_protected {
            let content_type = ContentType(shown[0]);
            let content = shown[HEADER_LEN..].to_vec();
            let record = Record { content_type, content, padding: 0, total: needed };
            return self.record(record, false);
        }
        let Some(record) = self.incoming.try_open(shown) else {
            if self.early_data == EarlyData::SkipUndecryptable && !self.is_tls12() {
                self.charge_early_data(needed)?;
                return Ok((needed, Outcome::Nothing));
            }
            return Err(fault(BAD_RECORD_MAC));
        };
        // In TLS 1.3 the content type is a part of the plaintext.
        let outside = self.incoming.expansion() - usize::from(!self.is_tls12());
        let plaintext = needed - HEADER_LEN - outside;
        if plaintext > self.max_lengths().1 {
            return Err(fault(RECORD_OVERFLOW));
        }
        self.record(record, true)
    }

    fn check_header(&self, head: &[u8; HEADER_LEN]) -> Result<(), Outcome> {
        let &[content_type, major, minor, high, low] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let refuse_if = |is_wrong, alert| if is_wrong { Err(fault(alert)) } else { Ok(()) };
        match self.incoming.version() {
            Some(Version::Tls12) => {
                refuse_if([major, minor] != [3, 3], PROTOCOL_VERSION)?;
                refuse_if(!(21..=23).contains(&content_type), UNEXPECTED_MESSAGE)?;
                refuse_if(length > self.max_lengths().0, RECORD_OVERFLOW)
            }
            Some(Version::Tls13) if content_type == 23 => {
                // Early data was sent before the peer knew the limit.
                let max = match self.early_data {
                    EarlyData::SkipUndecryptable => MAX_CONTENT + 256,
                    _ => self.max_lengths().0,
                };
                refuse_if(length > max, RECORD_OVERFLOW)
            }
            Some(Version::Tls13) => {
                let is_compatible = content_type == 20 && self.epoch != Epoch::Application;
                let is_first = self.epoch == Epoch::Handshake && self.incoming.sequence == 0;
                let is_early_failure = content_type == 21 && is_first;
                refuse_if(!is_compatible && !is_early_failure, UNEXPECTED_MESSAGE)?;
                refuse_if(length > MAX_CONTENT, RECORD_OVERFLOW)
            }
            None => {
                if !self.has_received && is_other_protocol(head) {
                    return Err(Outcome::Fault(None));
                }
                if content_type == 23 {
                    let skips = self.early_data == EarlyData::SkipApplicationData;
                    refuse_if(!skips, UNEXPECTED_MESSAGE)?;
                    return refuse_if(length > MAX_CONTENT + 256, RECORD_OVERFLOW);
                }
                let is_after_hello = self.role == Role::Client || self.version.is_some();
                let is_expected = match content_type {
                    20 => is_after_hello && !self.are_keys_due,
                    21 | 22 => !self.are_keys_due,
                    _ => false,
                };
                refuse_if(!is_expected, UNEXPECTED_MESSAGE)?;
                refuse_if(length > MAX_CONTENT, RECORD_OVERFLOW)
            }
        }
    }

    fn charge_early_data(&mut self, bytes: usize) -> Result<(), Outcome> {
        self.early_bytes += bytes;
        let is_too_much = self.early_bytes > self.limits.early_data as usize;
        if is_too_much { Err(fault(UNEXPECTED_MESSAGE)) } else { Ok(()) }
    }

    fn check_not_interleaved(&self) -> Result<(), Outcome> {
        let is_interleaved = !self.message.is_empty() && !self.is_tls12();
        if is_interleaved { Err(fault(UNEXPECTED_MESSAGE)) } else { Ok(()) }
    }

    fn count(counter: &mut usize, limit: u8) -> Result<(), Outcome> {
        *counter += 1;
        if *counter > limit.into() { Err(fault(UNEXPECTED_MESSAGE)) } else { Ok(()) }
    }

    fn record(&mut self, record: Record, is_protected: bool) -> Result<(usize, Outcome), Outcome> {
        let Record { content_type, content, padding, total } = record;
        self.drained = self.drained.map(|drained| drained.saturating_add(total as u32));
        if is_protected && content_type != ContentType(0) {
            // The first record that opens ends the early data.
            if self.early_data == EarlyData::SkipUndecryptable {
                self.early_data = EarlyData::None;
            }
        }
        let outcome = match content_type.0 {
            20 if !is_protected => self.change_cipher_spec(&content)?,
            21 => self.alert(&content, is_protected)?,
            22 => {
                if content.is_empty() {
                    return Err(fault(UNEXPECTED_MESSAGE));
                }
                let behind = if !is_protected {
                    0
                } else if self.is_tls12() {
                    16
                } else {
                    1 + padding + 16
                };
                let start = total - behind - content.len();
                return self.handshake(content, start, behind);
            }
            23 => self.data(content, padding, total)?,
            _ => return Err(fault(UNEXPECTED_MESSAGE)),
        };
        Ok((total, outcome))
    }

    fn data(&mut self, content: Vec<u8>, padding: usize, total: usize) -> Result<Outcome, Outcome> {
        match (self.epoch, self.early_data) {
            (Epoch::Plaintext, _) => {
                self.charge_early_data(total)?;
                return Ok(Outcome::Nothing);
            }
            (Epoch::EarlyData, _) => {
                self.check_not_interleaved()?;
                self.charge_early_data(content.len())?;
            }
            (Epoch::Handshake, _) => return Err(fault(UNEXPECTED_MESSAGE)),
            (Epoch::Application, _) => self.check_not_interleaved()?,
        }
        if content.is_empty() {
            if padding == 0 {
                Self::count(&mut self.empty_records, self.limits.empty_records)?;
            }
            return Ok(Outcome::Nothing);
        }
        (self.empty_records, self.warnings, self.key_updates) = (0, 0, 0);
        Ok(Outcome::Data(content))
    }

    fn alert(&mut self, content: &[u8], is_protected: bool) -> Result<Outcome, Outcome> {
        let (level, description) = match *content {
            [] => return Err(fault(UNEXPECTED_MESSAGE)),
            [level, description] => (level, description),
            _ => return Err(fault(DECODE_ERROR)),
        };
        let is_tls13 = self.version.or(self.pinned) == Some(Version::Tls13);
        let is_error = match (is_tls13, description) {
            (_, 0) => false,
            (true, _) => description != 90,
            (false, _) => level == 2,
        };
        if !is_tls13 && !matches!(level, 1 | 2) {
            return Err(fault(ILLEGAL_PARAMETER));
        }
        if is_error {
            return Err(Outcome::PeerAlert(description));
        }
        self.check_not_interleaved()?;
        if !is_protected && self.incoming.version().is_some() {
            return Err(fault(UNEXPECTED_MESSAGE));
        }
        if description == 0 {
            return Ok(Outcome::Closed);
        }
        Self::count(&mut self.warnings, self.limits.warnings)?;
        Ok(Outcome::Warning(description))
    }

    fn change_cipher_spec(&mut self, content: &[u8]) -> Result<Outcome, Outcome> {
        if content != [1] || (self.is_tls12() && !self.message.is_empty()) {
            return Err(fault(UNEXPECTED_MESSAGE));
        }
        if self.is_tls12() {
            self.are_keys_due = true;
            return Ok(Outcome::ChangeCipherSpec);
        }
        self.check_not_interleaved()?;
        Self::count(&mut self.empty_records, self.limits.empty_records)?;
        Ok(Outcome::Nothing)
    }

    /// Processes one message of `content`, which starts at `start` in the input.
    fn handshake(
        &mut self,
        mut content: Vec<u8>,
        start: usize,
        trailer: usize,
    ) -> Result<(usize, Outcome), Outcome> {
        (self.empty_records, self.warnings) = (0, 0);
        if self.early_data == EarlyData::SkipApplicationData {
            // This is the second ClientHello.
            self.early_data = EarlyData::None;
        }
        let all = content.len();
        let header_left = 4_usize.saturating_sub(self.message.len());
        let is_new = header_left != 0;
        self.message.extend(content.drain(..header_left.min(content.len())));
        let Some(&[message_type, a, b, c]) = self.message.first_chunk() else {
            return Ok((start + all + trailer, Outcome::Nothing));
        };
        let length = u32::from_be_bytes([0, a, b, c]);
        if is_new {
            self.check_message(message_type, length)?;
            if content.is_empty() && length != 0 {
                return Ok((start + all + trailer, Outcome::Nothing));
            }
        }
        let offset = self.message.len() - 4;
        let left = length as usize - offset;
        let body: Vec<u8> = content.drain(..left.min(content.len())).collect();
        self.message.extend(&body);
        if body.len() == left {
            self.message.clear();
        }
        let mut consumed = start + all - content.len();
        if content.is_empty() {
            consumed += trailer;
        }
        (self.rest, self.trailer) = (content, trailer);

        if message_type == 24 {
            let requested = match body[..] {
                [0] => false,
                [1] => true,
                _ => return Err(fault(ILLEGAL_PARAMETER)),
            };
            // RFC 9846 section 5.1.
            if !self.rest.is_empty() {
                return Err(fault(UNEXPECTED_MESSAGE));
            }
            if !std::mem::take(&mut self.is_answer_expected) {
                Self::count(&mut self.key_updates, self.limits.key_updates)?;
            }
            self.incoming.update();
            return Ok((consumed, Outcome::KeyUpdate { requested }));
        }
        if self.is_tls12() && self.epoch == Epoch::Application && offset == 0 {
            Self::count(&mut self.renegotiations, self.limits.renegotiations)?;
        }
        Ok((consumed, Outcome::Piece { message_type, length, offset: offset as u32, body }))
    }

    /// Checks a message type and length (RFC 9846 sections 4.7 and 5.1).
    fn check_message(&self, message_type: u8, length: u32) -> Result<(), Outcome> {
        let is_client = self.role == Role::Client;
        let is_expected = match (self.epoch, message_type) {
            (Epoch::Plaintext | Epoch::Handshake, 24) => false,
            (Epoch::Plaintext | Epoch::Handshake, _) => true,
            (Epoch::EarlyData, _) => message_type == 5,
            (Epoch::Application, 0) => self.is_tls12() && is_client,
            (Epoch::Application, 1) => self.is_tls12() && !is_client,
            (Epoch::Application, _) if self.is_tls12() => false,
            (Epoch::Application, 4) => is_client,
            (Epoch::Application, 13) => is_client && self.post_handshake_auth,
            (Epoch::Application, 11 | 15 | 20) => !is_client && self.post_handshake_auth,
            (Epoch::Application, _) => message_type == 24,
        };
        if !is_expected {
            return Err(fault(UNEXPECTED_MESSAGE));
        }
        // RFC 5246 sections 7.4.1.1 and 7.4.5; RFC 9846 sections 4.6 and 4.7.3.
        let is_length_right = match message_type {
            24 => length == 1,
            0 | 5 | 14 => length == 0,
            _ => true,
        };
        if !is_length_right {
            return Err(fault(DECODE_ERROR));
        }
        if length > self.limits.handshake_message {
            return Err(fault(ILLEGAL_PARAMETER));
        }
        Ok(())
    }
}

/// Returns whether the bytes are an SSLv2 hello, or the start of HTTP: a method with its target, or
/// `HTTP/`.
fn is_other_protocol(head: &[u8; HEADER_LEN]) -> bool {
    (head[0] >= 0x80 && head[2] == 1)
        || head.iter().all(|byte| byte.is_ascii_uppercase() || b" /*".contains(byte))
}

/// Checks whether keys of this version, epoch and sequence number may follow those of the epoch
/// `current`, on a connection with the version `known`.
///
/// # Errors
/// The error that the engine must return.
pub fn check_keys(
    known: Option<Version>,
    current: Epoch,
    (version, epoch): (Version, Epoch),
    number: u64,
) -> Result<(), KeyError> {
    let comes_next = match version {
        Version::Tls13 => epoch > current,
        Version::Tls12 => current == Epoch::Plaintext && epoch >= Epoch::Handshake,
    };
    // In TLS 1.2 the Finished had sequence number 0 with these keys.
    let was_used = version == Version::Tls12 && epoch == Epoch::Application && number == 0;
    if known.is_some_and(|known| known != version) {
        Err(KeyError::Mismatch)
    } else if !comes_next {
        Err(KeyError::Epoch)
    } else if was_used {
        Err(KeyError::NonceReuse)
    } else {
        Ok(())
    }
}
