//! The sending half: data in, record bytes out.
//!
//! Data and handshake messages are sealed on request. The caller does not seal alerts and KeyUpdates: the
//! close-state machine and the key limits decide when one is due, and [`Sealer::poll_control`] seals it.

mod closing;
mod control;
mod handshake;
mod keys;
mod lengths;
mod suspend;

pub(crate) use suspend::PACKED_LEN;

use crate::buffer::bytes::{Source, copy_content, length};
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Padding;
use crate::crypto::protection::{Keys, Protection, is_out_of_place, not_sealed};
use crate::layer::config::Config;
use crate::layer::notice::Signal;
use crate::protocol::alert::AlertDescription;
use crate::protocol::close::{OnPeerClose, WriteState};
use crate::protocol::error::SealError;
use crate::protocol::record::{
    ContentType, Epoch, Header, Role, VERSION_FIELD, VERSION_FIELD_FIRST, Version,
};
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
    /// Whether a handshake message or a control record has been sealed.
    has_sealed: bool,
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
            has_sealed: false,
            has_unsent: false,
            fatal: None,
            update_due: false,
            request_due: false,
            request_outstanding: false,
            is_truncated: false,
            keys_due: false,
            refusals_due: 0,
            max_content: lengths::content_limit(config.fragment_limit),
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
    /// Nothing has changed, except after [`SealError::Crypto`]: then the record is overwritten with zeros. So
    /// is one that follows sealed records, whose lengths are returned.
    ///
    /// - [`SealError::NoSpace`] if `out` is shorter than the first record. Space for
    ///   [`record_len`](Self::record_len) of [`fragment_limit`](Self::fragment_limit) bytes is
    ///   always enough to make progress.
    /// - [`SealError::ControlFirst`] while a KeyUpdate is due.
    /// - [`SealError::Closed`] after [`close`](Self::close) or [`cancel`](Self::cancel), or after a TLS 1.2
    ///   peer's close_notify if it is replied to.
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

    /// Returns whether TLS 1.2 was negotiated. To be the only version that may be is not enough.
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
                // The sealed records must still reach the peer. The next call fails.
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
                    let error = not_sealed(record);
                    return self.check_sealed(Err(error));
                }
            }
            None => self.write_header(content_type, record),
        }
        Ok(need)
    }

    /// Writes the header of an unprotected record.
    fn write_header(&self, content_type: ContentType, record: &mut [u8]) {
        // RFC 9846 section 5.1: 0x0301 only in an initial ClientHello, not in the one after a
        // HelloRetryRequest.
        let is_first = !self.has_sealed && self.version.is_none();
        let version = match (is_first, self.role, content_type) {
            (true, Role::Client, ContentType::HANDSHAKE) => VERSION_FIELD_FIRST,
            _ => VERSION_FIELD,
        };
        if let Some((header, content)) = record.split_first_chunk_mut() {
            *header = Header { content_type, version, length: content.len() as u16 }.encode();
        }
    }

    // State

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

    /// Returns whether an unprotected record has been sealed, or the version is known.
    pub(crate) const fn is_started(&self) -> bool {
        self.has_sealed || self.version.is_some()
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
