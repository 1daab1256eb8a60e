//! The sending half: data in, record bytes out.
//!
//! Data and handshake messages are sealed on request. The caller does not seal alerts and KeyUpdates: the
//! close-state machine and the key limits decide when one is due, and [`Sealer::poll_control`] seals it.

mod closing;
mod control;
mod suspend;

pub(crate) use suspend::PACKED_LEN;

use crate::buffer::bytes::{Source, copy, copy_content, length};
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Padding;
use crate::crypto::protection::{CONTROL_RESERVE, Keys, Protection, is_out_of_place};
use crate::crypto::scrub::scrub_stack;
use crate::layer::config::Config;
use crate::layer::notice::Signal;
use crate::protocol::alert::AlertDescription;
use crate::protocol::close::{OnPeerClose, WriteState};
use crate::protocol::error::{KeyError, SealError};
use crate::protocol::handshake::{HandshakeHeader, HandshakeType};
use crate::protocol::record::{
    ContentType, Epoch, HEADER_LEN, Header, MAX_CONTENT, Role, VERSION_FIELD, VERSION_FIELD_FIRST,
    Version,
};
use crate::protocol::record_size_limit::RecordSizeLimit;
use crate::small::SMALL;

/// The most key updates that a connection may send (RFC 9846 section 4.7.3).
const MAX_KEY_UPDATES: u64 = (1 << 48) - 1;

/// The result of one call of [`Sealer::seal`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sealed {
    /// Number of bytes of content that were sealed.
    pub taken: usize,
    /// Number of bytes of records that were written to the front of the output.
    pub written: usize,
}

/// The sending half of a connection.
///
/// It starts without keys, so that a handshake can run on it from the ClientHello; a connection
/// whose handshake was made elsewhere [installs](Self::install) application keys at once.
///
/// The records of a connection must leave in the order in which they were sealed.
// In this order, because small processors reach fields at the front with the shortest instructions:
// the keys are long, and come last.
#[repr(C)]
pub struct Sealer<K: KeySchedule> {
    state: WriteState,
    epoch: Epoch,
    version: Option<Version>,
    /// The only version that may be negotiated.
    pinned: Option<Version>,
    role: Role,
    /// The closing state of this direction in the kernel; [`WriteState::HandedOver`] if the kernel
    /// does not have it.
    in_kernel: WriteState,
    /// The fatal alert that is queued or sealed.
    fatal: Option<AlertDescription>,
    /// A KeyUpdate is due, because the peer or the application asked for it.
    update_due: bool,
    /// A KeyUpdate with update_requested is due.
    request_due: bool,
    /// The peer has not answered our last update_requested.
    request_outstanding: bool,
    /// The transport ended before the peer's close_notify.
    is_truncated: bool,
    /// TLS 1.2: our change_cipher_spec is written, and the keys are not installed.
    keys_due: bool,
    /// TLS 1.2: refusals to renegotiate that are due.
    refusals_due: u8,
    /// Whether an unprotected record has been sealed.
    has_sealed_plaintext: bool,
    /// Whether the owner of this half has unsent records, or a slot that is reserved for one.
    has_unsent: bool,
    pads_control: bool,
    tls12_on_peer_close: OnPeerClose,
    padding: Padding,
    /// The most content of one record, under the current keys.
    max_content: u16,
    /// The peer's limit on protected records (RFC 8449).
    peer_limit: u16,
    /// The limit of the settings, or of a buffer that is shorter.
    own_limit: u16,
    /// The limit that was set since, in force if it is less.
    chosen_limit: u16,
    signal: Signal,
    key_limit: u32,
    /// The first sequence number that the current key keeps for control records.
    data_limit: u64,
    /// KeyUpdates that may still be sent.
    updates_left: u64,
    keys: Keys<K>,
}

impl<K: KeySchedule> Sealer<K> {
    /// Creates a sending half without keys.
    pub const fn new(config: Config) -> Self {
        Self {
            keys: Keys::none(),
            epoch: Epoch::Plaintext,
            version: None,
            pinned: config.version,
            state: WriteState::Open,
            in_kernel: WriteState::HandedOver,
            has_sealed_plaintext: false,
            has_unsent: false,
            fatal: None,
            update_due: false,
            request_due: false,
            request_outstanding: false,
            is_truncated: false,
            keys_due: false,
            refusals_due: 0,
            max_content: content_limit(config.fragment_limit),
            peer_limit: u16::MAX,
            data_limit: u64::MAX,
            updates_left: MAX_KEY_UPDATES,
            signal: Signal::NONE,
            role: config.role,
            own_limit: config.fragment_limit,
            chosen_limit: config.fragment_limit,
            key_limit: config.key_limit,
            padding: config.padding,
            pads_control: config.pads_control,
            tls12_on_peer_close: config.tls12_on_peer_close,
        }
    }

    // Application data

    /// Seals application data into as many records as fit into `out`.
    ///
    /// The data is the bytes of `parts`, one slice after the other. If it is empty, no record is
    /// sealed. Pass the bytes that were not taken again. Each byte is copied once.
    ///
    /// # Errors
    /// Nothing has changed, except after [`SealError::Crypto`].
    ///
    /// - [`SealError::NoSpace`] if `out` is shorter than the first record. Space for
    ///   [`record_len`](Self::record_len) of [`fragment_limit`](Self::fragment_limit) bytes is
    ///   always enough to make progress.
    /// - [`SealError::ControlFirst`] while a KeyUpdate is due.
    /// - [`SealError::Closed`] after [`close`](Self::close), or after a TLS 1.2 peer's close_notify if
    ///   it is replied to.
    /// - [`SealError::Failed`] if the connection has failed.
    /// - [`SealError::HandedOver`] after a suspend or a hand-over to the kernel.
    /// - [`SealError::NoKeys`] before there are keys for application data.
    /// - [`SealError::KeyExhausted`] if the keys may seal no more data and cannot be updated.
    /// - [`SealError::Crypto`] if the cipher failed: the connection has failed.
    ///
    /// ```
    /// use tls_record::aead::{Algorithm, ring::Ring};
    /// use tls_record::{Config, Epoch, Role, SealError, Sealer, TrafficSecret};
    ///
    /// let mut sealer = Sealer::new(Config::new(Role::Client));
    /// let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// sealer.install(Epoch::Application, secret)?;
    ///
    /// let mut out = [0; 32];
    /// assert_eq!(sealer.seal(&[b"some data"], &mut out[..8]), Err(SealError::NoSpace { need: 31 }));
    /// let sealed = sealer.seal(&[b"some data"], &mut out).unwrap();
    /// assert_eq!((sealed.taken, sealed.written), (9, 31));
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn seal(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError> {
        if let [content] = parts
            && !content.is_empty()
            && let Some(keys) = self.ready(content.len())
        {
            let data = ContentType::APPLICATION_DATA;
            let taken = content.len();
            let sealed = if is_out_of_place::<K>(taken) {
                keys.seal_from(data, content, out)
            } else {
                keys.seal_into(data, taken, out, |place| copy_content(content, place))
            };
            let written = self.check_sealed(sealed)?;
            return Ok(Sealed { taken, written });
        }
        self.seal_data(parts, out)
    }

    fn seal_data(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError> {
        self.check_data()?;
        self.seal_parts(ContentType::APPLICATION_DATA, parts, out)
    }

    /// Seals one record of application data in place. Returns the length of the record.
    ///
    /// The content is the `len` bytes of `record` behind the [`headroom`](Self::headroom). The
    /// length of the record is [`record_len`](Self::record_len) of `len`. Nothing is copied.
    ///
    /// With a `len` of 0 the record is empty: cover traffic (RFC 9846 section 5.4). It should be
    /// padded, because many peers tolerate only few empty records in a row.
    ///
    /// # Errors
    /// The errors of [`seal`](Self::seal), and [`SealError::TooLong`] if `len` is greater than
    /// [`fragment_limit`](Self::fragment_limit).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Role, Sealer, TrafficSecret};
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # sealer.install(Epoch::Application, secret)?;
    /// let mut record = [0; 64];
    /// let content = &mut record[sealer.headroom()..];
    /// content[..4].copy_from_slice(b"data");
    /// let length = sealer.seal_in_place(&mut record, 4).unwrap();
    /// assert_eq!(length, sealer.record_len(4));
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    #[inline]
    pub fn seal_in_place(&mut self, record: &mut [u8], len: usize) -> Result<usize, SealError> {
        let Some(keys) = self.ready(len) else { return self.seal_in_place_slowly(record, len) };
        let sealed = keys.seal_into(ContentType::APPLICATION_DATA, len, record, |_| {});
        self.check_sealed(sealed)
    }

    #[cfg_attr(target_pointer_width = "64", cold)]
    fn seal_in_place_slowly(&mut self, record: &mut [u8], len: usize) -> Result<usize, SealError> {
        self.check_data()?;
        if len > usize::from(self.max_content) {
            return Err(SealError::TooLong);
        }
        self.seal_record(ContentType::APPLICATION_DATA, &mut Source::of(&[]), len, record)
    }

    /// Returns the keys if a record with `len` bytes of application data can be sealed now and is not
    /// padded.
    fn ready(&mut self, len: usize) -> Option<&mut Protection<K>> {
        let is_ready = !SMALL
            && self.state == WriteState::Open
            && self.epoch == Epoch::Application
            && !self.update_due
            && !self.request_due
            && !self.pads()
            && len <= usize::from(self.max_content);
        self.keys.get_mut().filter(|keys| is_ready && keys.sequence() < self.data_limit)
    }

    /// Returns an error if no application data may be sealed now.
    pub(crate) fn check_data(&self) -> Result<(), SealError> {
        self.check_open()?;
        if !matches!(self.epoch, Epoch::EarlyData | Epoch::Application) {
            return Err(SealError::NoKeys);
        }
        self.check_keys()
    }

    fn check_open(&self) -> Result<(), SealError> {
        match self.state {
            WriteState::Open => Ok(()),
            WriteState::CancelQueued | WriteState::CloseQueued | WriteState::Closed => {
                Err(SealError::Closed)
            }
            WriteState::AlertQueued | WriteState::Failed => Err(SealError::Failed),
            WriteState::HandedOver => Err(SealError::HandedOver),
        }
    }

    fn check_keys(&self) -> Result<(), SealError> {
        if self.is_update_due() || self.request_due {
            return Err(SealError::ControlFirst);
        }
        if self.is_exhausted() {
            return Err(SealError::KeyExhausted);
        }
        Ok(())
    }

    const fn is_tls12(&self) -> bool {
        matches!(self.version, Some(version) if version.is_tls12())
    }

    /// Returns whether the current keys may only seal control records.
    fn is_exhausted(&self) -> bool {
        !self.may_seal(1)
    }

    /// Returns whether the current keys may seal this many records without using the control
    /// reserve.
    #[inline(never)]
    fn may_seal(&self, records: u32) -> bool {
        let left = |keys: &Protection<K>| self.data_limit.saturating_sub(keys.sequence());
        self.keys.get().is_none_or(|keys| left(keys) >= records.into())
    }

    /// Returns whether a KeyUpdate without a request is due, because it was asked for, or because
    /// the keys are exhausted (RFC 9846 section 5.5).
    fn is_update_due(&self) -> bool {
        (self.update_due && self.epoch == Epoch::Application)
            || (self.may_update() && self.is_exhausted())
    }

    fn may_update(&self) -> bool {
        self.state == WriteState::Open
            && self.epoch == Epoch::Application
            && !self.is_tls12()
            && self.updates_left != 0
    }

    // Handshake messages

    /// Seals whole handshake messages. Returns the number of bytes written.
    ///
    /// Several messages share records, and a long message is split. Without keys, the records are
    /// plaintext.
    ///
    /// It seals all messages or none, so that no other record comes between the fragments of a
    /// message (RFC 9846 section 5.1). A message before a key change must be the last one of its
    /// call.
    ///
    /// # Errors
    /// Nothing has changed, except that [`SealError::ControlFirst`] may come because this call made
    /// a KeyUpdate due.
    ///
    /// - [`SealError::NoSpace`] if `out` is too short for all of the records.
    /// - [`SealError::NotHandshake`] if `parts` are not whole messages, or hold a KeyUpdate, which
    ///   [`update_keys`](Self::update_keys) sends.
    /// - [`SealError::NoKeys`] in TLS 1.2, if our change_cipher_spec is written and its keys are
    ///   not installed.
    /// - [`SealError::KeyExhausted`] if the keys may not seal all of the records and cannot be
    ///   updated.
    /// - [`SealError::ControlFirst`], [`SealError::Closed`], [`SealError::Failed`],
    ///   [`SealError::HandedOver`] and [`SealError::Crypto`] as in [`seal`](Self::seal).
    ///
    /// ```
    /// use tls_record::{Config, Role, Sealer, TrafficSecret, aead::ring::Ring};
    ///
    /// let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Client));
    /// let client_hello = [1, 0, 0, 2, 3, 3]; // a short one
    /// let mut out = [0; 16];
    /// assert_eq!(sealer.seal_handshake(&[&client_hello], &mut out), Ok(11));
    /// assert_eq!(out[..5], [22, 3, 1, 0, 6]);
    /// ```
    pub fn seal_handshake(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SealError> {
        self.check_open()?;
        self.check_keys()?;
        if self.is_keys_due() {
            return Err(SealError::NoKeys);
        }
        let mut left = check_messages(parts)?;
        let mut need = 0_usize;
        let mut records = 0_u32;
        while left != 0 {
            let len = left.min(usize::from(self.max_content));
            left = left.wrapping_sub(len); // `len` is not greater
            need = need.saturating_add(self.padded_len(ContentType::HANDSHAKE, len));
            records = records.saturating_add(1);
        }
        let out = out.get_mut(..need).ok_or(SealError::NoSpace { need })?;
        if !self.may_seal(records) {
            if !self.may_update() || u64::from(records) > self.data_limit {
                return Err(SealError::KeyExhausted);
            }
            self.update_due = true;
            return Err(SealError::ControlFirst);
        }
        let sealed = self.seal_parts(ContentType::HANDSHAKE, parts, out)?;
        // There was room for all of the records: only the cipher can have failed.
        if sealed.written == need { Ok(need) } else { Err(SealError::Crypto) }
    }

    /// Writes a change_cipher_spec record, which is never protected. Returns the number of bytes
    /// written.
    ///
    /// In TLS 1.2 it announces new keys. In TLS 1.3 only the compatibility mode sends it (RFC 9846
    /// appendix E.4).
    ///
    /// # Errors
    /// - [`SealError::NoSpace`] if `out` is shorter than 6 bytes.
    /// - [`SealError::NotHandshake`] if it is not allowed at this point: before the version is
    ///   known, after the handshake, or a second time in TLS 1.2.
    /// - [`SealError::Closed`], [`SealError::Failed`] and [`SealError::HandedOver`] as in
    ///   [`seal`](Self::seal).
    pub fn change_cipher_spec(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        self.check_open()?;
        let is_expected = match self.version.or(self.pinned) {
            Some(Version::Tls13) => self.epoch < Epoch::Application,
            Some(Version::Tls12) => self.epoch == Epoch::Plaintext && !self.keys_due,
            None => false,
        };
        if !is_expected {
            return Err(SealError::NotHandshake);
        }
        const RECORD: [u8; 6] = [20, 3, 3, 0, 1, 1];
        let need = RECORD.len();
        let out = out.get_mut(..need).ok_or(SealError::NoSpace { need })?;
        copy(&RECORD, out);
        self.version = self.version.or(self.pinned);
        self.keys_due = self.is_tls12();
        Ok(need)
    }

    // Sealing

    /// Seals `parts` into as many records as fit into `out`. The caller has checked that the keys
    /// may seal the first.
    fn seal_parts(
        &mut self,
        content_type: ContentType,
        parts: &[&[u8]],
        out: &mut [u8],
    ) -> Result<Sealed, SealError> {
        let mut source = Source::new(parts);
        let mut left = length(parts);
        let mut sealed = Sealed::default();
        while left != 0 && (sealed.taken == 0 || self.check_keys().is_ok()) {
            let len = left.min(usize::from(self.max_content));
            let room = out.get_mut(sealed.written..).unwrap_or_default();
            match self.seal_record(content_type, &mut source, len, room) {
                // Nothing wraps: `len` is at most `left`, and the records fit into `out`.
                Ok(written) => {
                    left = left.wrapping_sub(len);
                    sealed.taken = sealed.taken.wrapping_add(len);
                    sealed.written = sealed.written.wrapping_add(written);
                }
                // The sealed records must still reach the peer. The next call returns the error.
                Err(_) if sealed.taken != 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sealed)
    }

    /// Seals a record of any content type with `len` bytes of content. Returns the length of the
    /// record.
    ///
    /// The content comes from `source`, or is already in `out`, behind the headroom: then `source`
    /// is empty.
    fn seal_record(
        &mut self,
        content_type: ContentType,
        source: &mut Source<'_>,
        len: usize,
        out: &mut [u8],
    ) -> Result<usize, SealError> {
        let zeros = self.zeros(content_type, len);
        if is_out_of_place::<K>(len)
            && zeros == 0
            && let Some(keys) = self.keys.get_mut()
            && let Some(content) = source.whole(len)
        {
            let sealed = keys.seal_from(content_type, content, out);
            return self.check_sealed(sealed);
        }
        let need = self.unpadded_len(len).saturating_add(zeros);
        let record = out.get_mut(..need).ok_or(SealError::NoSpace { need })?;
        let body = record.get_mut(self.headroom()..).unwrap_or_default();
        let (content, behind) = body.split_at_mut_checked(len).unwrap_or_default();
        source.copy_to(content);
        let (mut last_type, mut len) = (content_type, len);
        if let Some([inner_type, padding @ ..]) = behind.get_mut(..zeros) {
            *inner_type = content_type.0;
            padding.fill(0);
            // The last zero of the padding takes the place that the content type has without
            // padding.
            (last_type, len) = (ContentType(0), len.wrapping_add(zeros));
        }
        match self.keys.get_mut() {
            Some(keys) => {
                if keys.seal(last_type, record, len, None).is_err() {
                    return Err(self.crypto_failed());
                }
            }
            None => self.write_header(content_type, record),
        }
        Ok(need)
    }

    /// Writes the header of an unprotected record.
    fn write_header(&mut self, content_type: ContentType, record: &mut [u8]) {
        // RFC 9846 section 5.1: 0x0301 only in an initial ClientHello, not in the one after a
        // HelloRetryRequest.
        let is_first = !self.has_sealed_plaintext && self.version.is_none();
        let version = match (is_first, self.role, content_type) {
            (true, Role::Client, ContentType::HANDSHAKE) => VERSION_FIELD_FIRST,
            _ => VERSION_FIELD,
        };
        if let Some((header, content)) = record.split_first_chunk_mut() {
            *header = Header { content_type, version, length: content.len() as u16 }.encode();
        }
        self.has_sealed_plaintext = true;
    }

    /// Passes on the result of the cipher. Fails the connection if the cipher failed.
    fn check_sealed(&mut self, sealed: Result<usize, SealError>) -> Result<usize, SealError> {
        if sealed == Err(SealError::Crypto) {
            return Err(self.crypto_failed());
        }
        sealed
    }

    /// Fails the connection because its cipher failed. No alert is sent: it could not be sealed.
    pub(crate) fn crypto_failed(&mut self) -> SealError {
        // If an alert is queued, the opener knows of it already. It must not be told of a second
        // one.
        if self.current() != WriteState::AlertQueued {
            let stop = Signal::stop(AlertDescription::INTERNAL_ERROR);
            self.signal = self.signal.merge(stop).merge(Signal::CIPHER_FAILED);
        }
        self.fail();
        SealError::Crypto
    }

    /// Returns the number of bytes in front of the content of a record.
    ///
    /// These are the header and, in TLS 1.2 with GCM or CCM, the explicit nonce.
    pub fn headroom(&self) -> usize {
        self.keys.get().map_or(HEADER_LEN, Protection::headroom)
    }

    /// Returns the length on the wire of a record with `content` bytes of application data.
    ///
    /// Padding is included.
    pub fn record_len(&self, content: usize) -> usize {
        self.padded_len(ContentType::APPLICATION_DATA, content)
    }

    /// Returns the most application data that fits into a record of `space` bytes.
    ///
    /// Padding counts: this is the inverse of [`record_len`](Self::record_len). `None` if not even
    /// an empty record fits.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Padding, Role, Sealer, TrafficSecret};
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # sealer.install(Epoch::Application, secret)?;
    /// assert_eq!(sealer.content_len(64), Some(42));
    /// sealer.set_padding(Padding::Block(32));
    /// assert_eq!(sealer.content_len(64), Some(31));
    /// assert_eq!(sealer.content_len(20), None);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn content_len(&self, space: usize) -> Option<usize> {
        let unpadded = space.checked_sub(self.unpadded_len(0))?;
        let most = unpadded.min(usize::from(self.max_content));
        let fits = |&content: &usize| self.record_len(content) <= space;
        // A full record is not padded. A shorter one is padded up to a step of the policy: if
        // `most` does not fit, content that fills a lower step may.
        Some(most).filter(fits).or_else(|| self.padding.content_below(most, fits))
    }

    #[inline(never)]
    fn padded_len(&self, content_type: ContentType, content: usize) -> usize {
        self.unpadded_len(content).saturating_add(self.zeros(content_type, content))
    }

    /// Returns the length on the wire of a record with `content` bytes of content, without padding.
    pub(crate) fn unpadded_len(&self, content: usize) -> usize {
        match self.keys.get() {
            Some(keys) => keys.record_len(content),
            None => HEADER_LEN.saturating_add(content),
        }
    }

    /// Returns whether there is a padding policy.
    const fn pads(&self) -> bool {
        !matches!(self.padding, Padding::None)
    }

    /// Returns whether control records are padded too.
    pub(crate) const fn pads_control(&self) -> bool {
        self.pads() && self.pads_control
    }

    /// Returns the number of padding bytes (RFC 9846 section 5.4). The policy counts the content
    /// type too.
    fn zeros(&self, content_type: ContentType, content: usize) -> usize {
        let is_covered = self.pads_control || content_type == ContentType::APPLICATION_DATA;
        let is_tls13 = self.keys.get().is_some_and(|keys| !keys.version.is_tls12());
        if !is_covered || !is_tls13 {
            return 0;
        }
        self.padding.zeros(content_type, content, usize::from(self.max_content).saturating_add(1))
    }

    /// Returns how many records one key may seal, those not counted that are reserved for alerts and
    /// KeyUpdates.
    ///
    /// It is the limit of the cipher (RFC 9846 section 5.5), or [`Config::key_limit`](crate::Config) if
    /// that is lower. Without keys it is `u64::MAX`. The engine keeps to it. The TLS of Linux counts no
    /// records: count them for it, and [update](crate::KernelDirection::update) the keys in time.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Role, Sealer, TrafficSecret};
    /// let mut config = Config::new(Role::Client);
    /// config.key_limit = 1000;
    /// let mut sealer = Sealer::new(config);
    /// let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// sealer.take_over(Epoch::Application, secret, 0)?;
    /// assert_eq!(sealer.record_limit(), 996);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub const fn record_limit(&self) -> u64 {
        self.data_limit
    }

    /// Returns the most bytes of content that a record may carry now.
    ///
    /// This is the least of the limits that were set here, that of the peer, and that of the
    /// protocol.
    pub const fn fragment_limit(&self) -> u16 {
        self.max_content
    }

    /// Sets the limit on the content of a record, from the next one on.
    ///
    /// It is capped at [`Config::fragment_limit`]. [`RecordSizes`](crate::RecordSizes) chooses
    /// limits in the course of a stream.
    ///
    /// ```
    /// # use tls_record::{Config, Role, Sealer, TrafficSecret, aead::ring::Ring};
    /// # let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Server));
    /// sealer.set_fragment_limit(1_370); // a record in a packet
    /// assert_eq!(sealer.fragment_limit(), 1_370);
    /// ```
    pub const fn set_fragment_limit(&mut self, limit: u16) {
        self.chosen_limit = limit;
        self.set_max_content();
    }

    /// Lowers the limit of the settings, because the buffer of the owner has no room for longer
    /// records.
    pub(crate) const fn limit_fragments(&mut self, limit: u16) {
        self.own_limit = least(self.own_limit, limit);
        self.set_max_content();
    }

    /// Sets the padding policy, from the next record on. See [`Config::padding`].
    pub const fn set_padding(&mut self, padding: Padding) {
        self.padding = padding;
    }

    /// Limits protected records to what the peer accepts.
    ///
    /// This is the record_size_limit that it announced (RFC 8449 section 4), or the
    /// max_fragment_length that it confirmed (RFC 6066 section 4).
    pub const fn set_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.peer_limit = limit.get();
        self.set_max_content();
    }

    #[inline(never)]
    const fn set_max_content(&mut self) {
        let peer = match self.epoch {
            Epoch::Plaintext => MAX_CONTENT,
            _ if self.is_tls12() => self.peer_limit,
            _ => self.peer_limit.saturating_sub(1),
        };
        self.max_content = content_limit(least(peer, least(self.own_limit, self.chosen_limit)));
    }

    // Keys

    /// Sets the negotiated protocol version.
    ///
    /// Call it as soon as the ServerHello has been sent or read. Installing keys sets the version
    /// too. Once set, it does not change. A version other than that of
    /// [`Config::version`](crate::Config) is ignored.
    pub fn set_version(&mut self, version: Version) {
        if self.version.is_none() && self.pinned.is_none_or(|pinned| pinned == version) {
            self.version = Some(version);
        }
    }

    /// Installs the keys of the next records, which start at sequence number 0.
    ///
    /// For keys under which another implementation has sealed records, use
    /// [`take_over`](Self::take_over).
    ///
    /// In TLS 1.2 the first record under the keys is our Finished: install them as
    /// [`Epoch::Handshake`] after [`change_cipher_spec`](Self::change_cipher_spec), and call
    /// [`establish`](Self::establish) when application data may follow.
    ///
    /// A client that has installed [`Epoch::EarlyData`] cannot go back to plaintext for a second
    /// ClientHello: answer a HelloRetryRequest with a new connection without early data.
    ///
    /// # Errors
    /// - [`KeyError::Epoch`] if `epoch` is not later than the current one; in TLS 1.2 also if there
    ///   are keys already, or for [`Epoch::EarlyData`].
    /// - [`KeyError::NonceReuse`] for [`Epoch::Application`] in TLS 1.2.
    /// - [`KeyError::SameSecret`] if the current keys have the same secret.
    /// - [`KeyError::Mismatch`] if the keys are of another version than the connection.
    /// - [`KeyError::Closed`] if this direction is closing, is closed, or has failed, unless an
    ///   alert waits for these keys.
    /// - [`KeyError::HandedOver`] if the keys of this direction were handed over.
    /// - [`KeyError::Length`] if the tags are longer than 255 bytes.
    /// - [`KeyError::Crypto`] if the keys cannot be made.
    pub fn install(&mut self, epoch: Epoch, schedule: K) -> Result<(), KeyError> {
        self.take_over(epoch, schedule, 0)
    }

    /// Takes over keys under which another implementation has sealed records.
    ///
    /// `sequence` is the sequence number of the next record. **A number that was used before
    /// reveals content and allows forgeries** (RFC 5116 section 5.1.1). For new keys, use
    /// [`install`](Self::install).
    ///
    /// Ask the other implementation for the number: a TLS 1.3 server may have sent session tickets
    /// under its application keys, and in TLS 1.2 the Finished had number 0.
    ///
    /// # Errors
    /// The errors of [`install`](Self::install), with [`KeyError::NonceReuse`] only if `sequence`
    /// is 0.
    pub fn take_over(&mut self, epoch: Epoch, schedule: K, sequence: u64) -> Result<(), KeyError> {
        let installed = self.make_keys(epoch, schedule, sequence);
        scrub_stack(K::STACK);
        installed
    }

    /// Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    fn make_keys(&mut self, epoch: Epoch, schedule: K, sequence: u64) -> Result<(), KeyError> {
        self.check_install(epoch, &schedule, sequence)?;
        let version = schedule.version();
        self.keys.make(schedule, sequence)?;
        let limit = self.keys.get().map_or(0, Protection::confidentiality_limit);
        let limit = match self.key_limit {
            u32::MAX => limit,
            chosen => limit.min(chosen.into()),
        };
        self.data_limit = limit.max(CONTROL_RESERVE + 1).wrapping_sub(CONTROL_RESERVE);
        self.version = Some(version);
        self.epoch = epoch;
        self.keys_due = false;
        // TLS 1.2 has no KeyUpdate.
        self.update_due &= !version.is_tls12();
        self.set_max_content();
        Ok(())
    }

    /// Returns an error if keys for `epoch` cannot be [taken over](Self::take_over).
    pub(crate) fn check_install(
        &self,
        epoch: Epoch,
        schedule: &K,
        sequence: u64,
    ) -> Result<(), KeyError> {
        // Whatever the other checks say: see `KeySchedule::is_same_secret`.
        let is_in_use = self.has_secret_of(schedule);
        match self.state {
            WriteState::Open => {}
            WriteState::CancelQueued | WriteState::CloseQueued | WriteState::AlertQueued
                if self.is_keys_due() => {}
            WriteState::HandedOver => return Err(KeyError::HandedOver),
            WriteState::CancelQueued
            | WriteState::CloseQueued
            | WriteState::AlertQueued
            | WriteState::Closed
            | WriteState::Failed => return Err(KeyError::Closed),
        }
        let known = self.version.or(self.pinned);
        schedule.version().check_keys(known, self.epoch, epoch, sequence)?;
        // The same secret in a later epoch would start at sequence number 0 again.
        if is_in_use {
            return Err(KeyError::SameSecret);
        }
        Ok(())
    }

    /// TLS 1.2: returns whether our change_cipher_spec is written and its keys are not installed.
    /// The peer would open a record that is sent now under these keys.
    pub(crate) const fn is_keys_due(&self) -> bool {
        self.keys_due && self.is_tls12()
    }

    /// Returns whether the current keys have the same secret as `schedule`.
    pub(crate) fn has_secret_of(&self, schedule: &K) -> bool {
        self.keys.get().is_some_and(|keys| keys.schedule().is_same_secret(schedule))
    }

    pub(crate) const fn version(&self) -> Option<Version> {
        self.version
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// Sets whether there are unsent records, which must leave before the keys may be handed over.
    pub(crate) const fn set_has_unsent(&mut self, has_unsent: bool) {
        self.has_unsent = has_unsent;
    }

    /// TLS 1.2: allows application data.
    ///
    /// A client may call it when its Finished is sealed (False Start), or when the server's is
    /// verified.
    ///
    /// # Errors
    /// - [`KeyError::Epoch`] unless TLS 1.2 keys are installed as [`Epoch::Handshake`].
    /// - [`KeyError::NonceReuse`] if no record was sealed under the keys: the Finished is missing.
    ///   If another implementation sealed it, [take over](Self::take_over) the keys.
    pub fn establish(&mut self) -> Result<(), KeyError> {
        if self.epoch != Epoch::Handshake || !self.is_tls12() {
            return Err(KeyError::Epoch);
        }
        if self.sequence() == Some(0) {
            return Err(KeyError::NonceReuse);
        }
        self.epoch = Epoch::Application;
        Ok(())
    }

    /// Returns whether an unprotected record has been sealed, or the version is known.
    pub(crate) const fn is_started(&self) -> bool {
        self.has_sealed_plaintext || self.version.is_some()
    }

    /// Returns the epoch whose keys protect the records of this direction.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the sequence number of the next record, if there are keys.
    pub fn sequence(&self) -> Option<u64> {
        self.keys.get().map(Protection::sequence)
    }
}

impl<K: KeySchedule> core::fmt::Debug for Sealer<K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (state, epoch, sequence) = (self.state, self.epoch, self.sequence());
        write!(f, "Sealer({state:?}, {epoch:?} keys, record {sequence:?})")
    }
}

#[cfg(feature = "defmt")]
impl<K: KeySchedule> defmt::Format for Sealer<K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (state, epoch, sequence) = (self.state, self.epoch, self.sequence());
        defmt::write!(f, "Sealer({}, {} keys, record {})", state, epoch, sequence);
    }
}

/// Clamps `limit` to what the protocol allows, and to at least 1: with 0 there is no progress.
const fn content_limit(limit: u16) -> u16 {
    if limit == 0 { 1 } else { least(limit, MAX_CONTENT) }
}

const fn least(a: u16, b: u16) -> u16 {
    if a < b { a } else { b }
}

/// Returns the length of `parts` if they are whole handshake messages of types that the caller may
/// send.
fn check_messages(parts: &[&[u8]]) -> Result<usize, SealError> {
    let mut source = Source::new(parts);
    let total = length(parts);
    let mut left = total;
    while left != 0 {
        let mut header = [0; HandshakeHeader::LEN];
        source.copy_to(&mut header);
        let HandshakeHeader { message_type, length } = HandshakeHeader::decode(header);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        source.skip(length);
        left = match left.checked_sub(length.saturating_add(HandshakeHeader::LEN)) {
            Some(left) if message_type != HandshakeType::KEY_UPDATE => left,
            _ => return Err(SealError::NotHandshake),
        };
    }
    Ok(total)
}
