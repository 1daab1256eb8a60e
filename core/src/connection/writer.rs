//! The sending half of a [`Connection`](crate::Connection), which owns the unsent records.

use super::alert_log::AlertLog;
use super::in_buffer::MIN_LEN;
use crate::buffer::byte_queue::ByteQueue;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Padding;
use crate::layer::config::Config;
use crate::layer::notice::{Notice, Signal};
use crate::layer::sealer::{Sealed, Sealer};
use crate::layer::shutdown_error::ShutdownError;
use crate::protocol::alert::{ALERT_LEN, AlertDescription};
use crate::protocol::close::WriteState;
use crate::protocol::control::{Control, KEY_UPDATE_LEN};
use crate::protocol::end::WriteEnd;
use crate::protocol::error::{CloseError, KeyError, SealError};
use crate::protocol::record::HEADER_LEN;

/// The most bytes that a record adds to its content: header, explicit nonce or content type, tag.
const MAX_OVERHEAD: usize = HEADER_LEN + 8 + 16;

/// Bytes that a suspended [`Writer`] adds to those of its [`Sealer`].
pub(crate) const WRITER_LEN: usize = 5;

/// A reserved place in the buffer, behind the unsent bytes, for one record.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Where the record begins in the buffer.
    at: u32,
    /// The most content that the record may have.
    len: u16,
}

impl Slot {
    const fn at(self) -> usize {
        self.at as usize
    }
}

/// A [`Sealer`] that keeps up to `TX` bytes of records until the transport has taken them.
///
/// It is the sending half of a [`Connection`](crate::Connection), where its methods are documented;
/// that of a [`ConnectionIn`](crate::ConnectionIn) is a [`WriterIn`](crate::WriterIn).
/// [`Connection::split_over`](crate::Connection::split_over) makes one for a thread, task or interrupt
/// handler of its own. If [`Connection::split`](crate::Connection::split) made it, its owner carries
/// the [`Notice`] and the [`Signal`] between the halves.
///
/// Alerts and KeyUpdates that are due are sealed automatically as soon as there is room for them:
/// after every call, send the [`unsent`](Self::unsent) bytes.
// In this order, because the fields at the front have the shortest instructions on small
// processors.
#[repr(C)]
pub struct Writer<K: KeySchedule, const TX: usize, B = [u8; TX]> {
    /// Unsent bytes were discarded, because the peer or the transport failed.
    has_discarded: bool,
    /// [`shutdown`](Self::shutdown) has returned `Ok`: the close_notify was sent.
    is_close_reported: bool,
    /// The transport failed before it had taken our close_notify or fatal alert.
    has_transport_failed: bool,
    log: AlertLog,
    /// How many of the unsent bytes the transport is reading: they must not be moved.
    in_flight: usize,
    /// It stays when the direction ends, until it is discarded, and nothing else uses its memory: whoever fills
    /// it may not know that yet, and what DMA writes there would be sent.
    slot: Option<Slot>,
    sealer: Sealer<K>,
    pub(super) unsent: ByteQueue<B>,
}

impl<K: KeySchedule, const TX: usize> Writer<K, TX> {
    /// Creates a writer from a sending half whose sealed records have all been sent.
    pub fn new(sealer: Sealer<K>) -> Self {
        let mut this = Self::unsettled(sealer);
        this.settle();
        this
    }

    /// Returns an unsettled writer. The caller must [settle](Self::settle) it in its final place,
    /// because settling it here would copy it once more.
    pub(super) const fn unsettled(sealer: Sealer<K>) -> Self {
        const {
            assert!(TX >= MIN_LEN, "TX must be at least 128 bytes, to have room for a record");
            assert!(TX as u64 <= u32::MAX as u64, "TX must be less than 4 GiB");
        }
        Self::over(sealer, ByteQueue::new())
    }

    /// [`new`](Self::new) for a sending half without keys, which has nothing to seal.
    pub(super) const fn without_keys(config: Config) -> Self {
        let mut this = Self::unsettled(Sealer::new(config));
        this.limit_fragments(TX, MAX_OVERHEAD);
        this
    }
}

impl<K: KeySchedule, const TX: usize, B> Writer<K, TX, B> {
    /// Returns an unsettled writer over an empty queue.
    pub(super) const fn over(sealer: Sealer<K>, unsent: ByteQueue<B>) -> Self {
        Self {
            sealer,
            unsent,
            slot: None,
            has_discarded: false,
            is_close_reported: false,
            has_transport_failed: false,
            log: AlertLog::EMPTY,
            in_flight: 0,
        }
    }
}

impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> Writer<K, TX, B> {
    /// Limits fragments to what fits into the buffer, and seals the control records that are due.
    pub(super) fn settle(&mut self) {
        // Keys may come later, and those of a cipher of the caller's may have longer tags.
        let overhead = self.sealer.unpadded_len(0).max(MAX_OVERHEAD);
        self.limit_fragments(self.unsent.capacity(), overhead);
        self.seal_control();
    }

    /// Limits fragments so that the longest record and the longest control record before it fit into
    /// a buffer of `capacity` bytes.
    const fn limit_fragments(&mut self, capacity: usize, overhead: usize) {
        let room = if self.sealer.pads_control() {
            (capacity / 2).saturating_sub(overhead)
        } else {
            capacity
                .saturating_sub(overhead)
                .saturating_sub(overhead)
                .saturating_sub(KEY_UPDATE_LEN)
        };
        self.sealer.limit_fragments(if room < u16::MAX as usize { room as u16 } else { u16::MAX });
    }

    // Data in

    /// Seals application data: see [`Connection::write`](crate::Connection::write).
    ///
    /// # Errors
    /// The errors of [`Connection::write`](crate::Connection::write).
    pub fn write(&mut self, parts: &[&[u8]]) -> Result<usize, SealError> {
        self.append(|sealer, room| sealer.seal(parts, room)).map(|sealed| sealed.taken)
    }

    /// Seals whole handshake messages: see
    /// [`Connection::write_handshake`](crate::Connection::write_handshake).
    ///
    /// # Errors
    /// The errors of [`Connection::write_handshake`](crate::Connection::write_handshake).
    pub fn write_handshake(&mut self, parts: &[&[u8]]) -> Result<(), SealError> {
        self.append(|sealer, room| {
            let written = sealer.seal_handshake(parts, room)?;
            Ok(Sealed { taken: 0, written })
        })?;
        Ok(())
    }

    /// Writes a change_cipher_spec record: see
    /// [`Connection::write_change_cipher_spec`](crate::Connection::write_change_cipher_spec).
    ///
    /// # Errors
    /// The errors of
    /// [`Connection::write_change_cipher_spec`](crate::Connection::write_change_cipher_spec).
    pub fn write_change_cipher_spec(&mut self) -> Result<(), SealError> {
        self.append(|sealer, room| {
            let written = sealer.change_cipher_spec(room)?;
            Ok(Sealed { taken: 0, written })
        })?;
        Ok(())
    }

    /// Appends the records that `seal` writes, and makes room for them if necessary.
    #[inline]
    fn append(
        &mut self,
        mut seal: impl FnMut(&mut Sealer<K>, &mut [u8]) -> Result<Sealed, SealError>,
    ) -> Result<Sealed, SealError> {
        if self.slot().is_some() {
            return Err(SealError::SlotReserved);
        }
        loop {
            match seal(&mut self.sealer, self.unsent.room(self.unsent.capacity())) {
                Ok(sealed) => {
                    self.unsent.append(sealed.written);
                    self.seal_control();
                    return Ok(sealed);
                }
                Err(SealError::NoSpace { need }) if self.make_room(need) => {}
                Err(SealError::ControlFirst) => self.seal_before_data()?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves the unsent bytes to the front of the buffer if `need` bytes have no room behind them,
    /// and then have. Returns whether they have moved. Bytes in flight are not moved.
    fn make_room(&mut self, need: usize) -> bool {
        need <= self.room() && self.unsent.make_room(need)
    }

    /// Returns how much room there is behind the unsent bytes once [`make_room`](Self::make_room)
    /// has moved them.
    fn room(&self) -> usize {
        if self.in_flight != 0 { self.unsent.room_behind() } else { self.unsent.total_room() }
    }

    /// Reserves a slot for application data: see
    /// [`Connection::reserve`](crate::Connection::reserve).
    ///
    /// # Errors
    /// The errors of [`Connection::reserve`](crate::Connection::reserve).
    pub fn reserve(&mut self, len: usize) -> Result<&mut [u8], SealError> {
        if self.slot().is_some() {
            return Err(SealError::SlotReserved);
        }
        match self.sealer.check_data() {
            Err(SealError::ControlFirst) => self.seal_before_data()?,
            checked => checked?,
        }
        let Some(slot_len) =
            u16::try_from(len).ok().filter(|&len| len <= self.sealer.fragment_limit())
        else {
            return Err(SealError::TooLong);
        };
        // A control record that falls due before the slot is committed is sent before the slot.
        let gap = self.sealer.control_len();
        let need = gap.saturating_add(self.sealer.record_len(len));
        self.make_room(need);
        if need > self.unsent.room_behind() {
            return Err(SealError::NoSpace { need });
        }
        let at = self.unsent.end().saturating_add(gap) as u32;
        self.slot = Some(Slot { at, len: slot_len });
        self.slot_mut().ok_or(SealError::NoSlot)
    }

    /// Returns the slot, unless the direction has ended, so that it can never be sealed.
    const fn slot(&self) -> Option<Slot> {
        if matches!(self.sealer.state(), WriteState::Open) { self.slot } else { None }
    }

    /// Returns the reserved slot, if there is one.
    pub fn slot_mut(&mut self) -> Option<&mut [u8]> {
        let slot = self.slot()?;
        let headroom = self.sealer.headroom();
        self.unsent.from(slot.at()).get_mut(headroom..)?.get_mut(..usize::from(slot.len))
    }

    /// Seals the reserved slot: see [`Connection::commit`](crate::Connection::commit).
    ///
    /// # Errors
    /// The errors of [`Connection::commit`](crate::Connection::commit).
    pub fn commit(&mut self, len: usize) -> Result<(), SealError> {
        let slot = self.slot().ok_or(SealError::NoSlot)?;
        if len > usize::from(slot.len) {
            return Err(SealError::TooLong);
        }
        loop {
            let record = self.unsent.from(slot.at());
            match self.sealer.seal_in_place(record, len) {
                Ok(written) => {
                    self.slot = None;
                    self.unsent.append_from(slot.at(), written);
                    self.seal_control();
                    return Ok(());
                }
                // There is room for one control record before the slot, and for more when all
                // unsent bytes are sent.
                Err(SealError::ControlFirst) => self.seal_before_data()?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Releases the reserved slot: see [`Connection::discard`](crate::Connection::discard).
    ///
    /// # Errors
    /// The errors of [`Connection::discard`](crate::Connection::discard).
    pub fn discard(&mut self) -> Result<(), SealError> {
        let slot = self.slot();
        self.slot = None;
        slot.ok_or(SealError::NoSlot)?;
        self.seal_control();
        Ok(())
    }

    /// Returns whether the state of the connection allows application data.
    pub fn may_write(&self) -> bool {
        matches!(self.sealer.check_data(), Ok(()) | Err(SealError::ControlFirst))
    }

    /// Returns whether a record of any length can be written now: see
    /// [`Connection::can_write`](crate::Connection::can_write).
    pub fn can_write(&self) -> bool {
        let content = usize::from(self.sealer.fragment_limit());
        // If no KeyUpdate is due, one may fall due.
        let before = self.sealer.control_len().saturating_mul(self.sealer.updates_due().max(1));
        let need = self.sealer.record_len(content).saturating_add(before);
        self.slot.is_none() && self.may_write() && need <= self.room()
    }

    /// Limits the content of a record: see [`Sealer::set_fragment_limit`].
    pub const fn set_fragment_limit(&mut self, limit: u16) {
        self.sealer.set_fragment_limit(limit);
    }

    // Records out

    /// Returns the records that the transport has not taken: see
    /// [`Connection::unsent`](crate::Connection::unsent).
    pub fn unsent(&self) -> &[u8] {
        self.unsent.waiting()
    }

    /// Returns the unsent bytes for a transport that reads them later: see
    /// [`Connection::begin_send`](crate::Connection::begin_send).
    pub fn begin_send(&mut self) -> &[u8] {
        if self.in_flight != 0 {
            return &[];
        }
        self.in_flight = self.unsent().len();
        self.unsent()
    }

    /// Reports how many bytes the transport took: see
    /// [`Connection::sent`](crate::Connection::sent).
    pub fn sent(&mut self, len: usize) {
        let len = if self.in_flight == 0 { len } else { len.min(self.in_flight) };
        self.in_flight = 0;
        self.unsent.consume(len);
        self.seal_control();
    }

    /// Reports that the transport failed: see
    /// [`Connection::transport_failed`](crate::Connection::transport_failed). Call
    /// [`eof`](crate::Opener::eof) on the receiving half as well.
    pub fn transport_failed(&mut self) {
        // A direction that has ended before keeps its own result of `shutdown`.
        self.has_transport_failed |= !matches!(
            self.end(),
            WriteEnd::Closed | WriteEnd::AlertSent(_) | WriteEnd::Failed | WriteEnd::HandedOver
        );
        self.discard_unsent();
        self.sealer.fail();
    }

    /// Discards the sealed records that the transport has not taken.
    fn discard_unsent(&mut self) {
        self.has_discarded |= !self.unsent.is_empty();
        self.unsent.clear();
    }

    /// Returns whether sealed records have been discarded.
    #[cfg(feature = "embedded-io")]
    pub(crate) const fn has_discarded(&self) -> bool {
        self.has_discarded
    }

    /// Seals the control records that are due. Every function that can make one due, or make room
    /// for one, calls this before it returns.
    ///
    /// A KeyUpdate waits while bytes are unsent, so that requests that arrive meanwhile get one
    /// answer (RFC 9846 section 4.7.3). While bytes are unsent, it is sealed only if data or the
    /// close_notify is to follow it.
    fn seal_control(&mut self) {
        while let Some(control) = self.sealer.next_control() {
            let may_wait =
                matches!(control, Control::KeyUpdate { .. }) && !self.sealer.is_closing();
            if (may_wait && !self.unsent.is_empty()) || self.seal_next(control).is_err() {
                break;
            }
        }
    }

    /// Seals the control records that must precede application data.
    fn seal_before_data(&mut self) -> Result<(), SealError> {
        while let Some(control) = self.sealer.next_control() {
            self.seal_next(control)?;
        }
        Ok(())
    }

    /// Seals the next control record into the room before the slot, or behind all unsent bytes.
    ///
    /// There is room for one before a slot. The alert that ends a connection waits for a KeyUpdate there
    /// until the transport has taken it.
    fn seal_next(&mut self, control: Control) -> Result<(), SealError> {
        loop {
            let limit = self.slot.map_or(self.unsent.capacity(), Slot::at);
            match self.sealer.poll_control(self.unsent.room(limit)) {
                Ok(written) => {
                    self.unsent.append(written);
                    if let Control::Alert(description) = control {
                        self.log.sealed(description);
                    }
                    return Ok(());
                }
                Err(SealError::NoSpace { need }) if self.slot.is_none() && self.make_room(need) => {
                }
                // Padding that was set since the slot was reserved has made the last alert longer.
                Err(SealError::NoSpace { need })
                    if self.unsent.is_empty()
                        && self.slot.is_some()
                        && self.slot().is_none()
                        && need > self.sealer.unpadded_len(ALERT_LEN) =>
                {
                    self.sealer.set_padding(Padding::None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    // Closing

    /// Closes the sending direction: see [`Connection::shutdown`](crate::Connection::shutdown).
    ///
    /// # Errors
    /// The errors of [`Connection::shutdown`](crate::Connection::shutdown), with two differences,
    /// because this half does not know what the other has received: [`ShutdownError::Failed`] is
    /// returned in place of [`ShutdownError::NotTls`], and [`ShutdownError::NotStarted`] as long as
    /// this half has sent nothing and has no version, even if records have arrived.
    pub fn shutdown(&mut self) -> Result<(), ShutdownError> {
        self.shutdown_if(self.sealer.is_started())
    }

    /// [`shutdown`](Self::shutdown), given whether a record has been sealed or has arrived.
    pub(super) fn shutdown_if(&mut self, is_started: bool) -> Result<(), ShutdownError> {
        if self.has_transport_failed {
            return Err(ShutdownError::TransportFailed);
        }
        if self.slot().is_some() {
            return Err(ShutdownError::SlotReserved);
        }
        if !is_started && self.sealer.end() == WriteEnd::Open {
            return Err(ShutdownError::NotStarted);
        }
        if self.sealer.close() == Err(CloseError::Failed) {
            return Err(ShutdownError::Failed);
        }
        self.seal_control();
        match self.end() {
            WriteEnd::HandedOver => Err(ShutdownError::HandedOver),
            WriteEnd::Closing if self.sealer.is_keys_due() => Err(ShutdownError::NoKeys),
            WriteEnd::Closed if self.is_close_reported => Err(ShutdownError::AlreadyClosed),
            WriteEnd::Failed => Err(ShutdownError::Failed),
            _ if self.sealer.is_truncated() => Err(ShutdownError::Truncated),
            WriteEnd::Closed => {
                self.is_close_reported = true;
                Ok(())
            }
            _ => Err(ShutdownError::WouldBlock),
        }
    }

    /// Ends the connection with a fatal alert: see [`Sealer::abort`]. A reserved slot is dropped.
    ///
    /// # Errors
    /// The errors of [`Sealer::abort`].
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.sealer.abort(description);
        self.seal_control();
        aborted
    }

    /// Returns the oldest alert that was sealed and not returned here yet: see
    /// [`Connection::take_sealed_alert`](crate::Connection::take_sealed_alert).
    pub fn take_sealed_alert(&mut self) -> Option<AlertDescription> {
        let fatal = match self.sealer.end() {
            WriteEnd::AlertSent(description) => Some(description),
            _ => None,
        };
        self.log.take(fatal)
    }

    /// Returns how the sending direction ended, or that it is open: see
    /// [`Connection::end`](crate::Connection::end).
    pub fn end(&self) -> WriteEnd {
        match self.sealer.end() {
            WriteEnd::Closed | WriteEnd::AlertSent(_) if self.has_discarded => WriteEnd::Failed,
            WriteEnd::Closed if !self.unsent.is_empty() => WriteEnd::Closing,
            WriteEnd::AlertSent(description) if !self.unsent.is_empty() => {
                WriteEnd::AlertQueued(description)
            }
            end => end,
        }
    }

    // Keys

    /// Updates the keys of this direction: see [`Sealer::update_keys`].
    ///
    /// # Errors
    /// The errors of [`Sealer::update_keys`].
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.sealer.update_keys(request)?;
        self.seal_control();
        Ok(())
    }

    /// Refuses a TLS 1.2 renegotiation: see [`Sealer::refuse_renegotiation`].
    ///
    /// # Errors
    /// The errors of [`Sealer::refuse_renegotiation`].
    pub fn refuse_renegotiation(&mut self) -> Result<(), KeyError> {
        self.sealer.refuse_renegotiation()?;
        self.seal_control();
        Ok(())
    }

    /// Takes the alert or KeyUpdate that is due in a direction that the kernel has: see
    /// [`Sealer::take_kernel_control`].
    pub fn take_kernel_control(&mut self) -> Option<Control> {
        self.sealer.take_kernel_control()
    }

    /// Returns the [`Sealer`] inside.
    pub const fn sealer(&self) -> &Sealer<K> {
        &self.sealer
    }

    /// Returns the fields that a suspended connection has besides those of its halves.
    pub(super) fn pack(&self) -> [u8; WRITER_LEN] {
        let [a, b, c, d] = self.log.to_bytes();
        [a, b, c, d, self.is_close_reported.into()]
    }

    pub(super) const fn unpack(&mut self, bytes: [u8; WRITER_LEN]) {
        let [a, b, c, d, is_close_reported] = bytes;
        self.log = AlertLog::from_bytes([a, b, c, d]);
        self.is_close_reported = is_close_reported != 0;
    }

    /// Clears everything but the sending half of a writer [at rest](Self::is_at_rest). The buffer
    /// is overwritten, because it may still hold plaintext that was written into a slot.
    pub(super) fn empty(&mut self) {
        self.unpack([0; WRITER_LEN]);
        self.has_discarded = false;
        self.has_transport_failed = false;
        self.in_flight = 0;
        self.unsent.from(0).fill(0);
    }

    /// Returns whether nothing is unsent and nobody may be filling a slot.
    pub(super) const fn is_at_rest(&self) -> bool {
        self.unsent.is_empty() && self.slot.is_none()
    }

    /// Gives `call` the sending half, to install keys for instance, and settles the writer again.
    pub(super) fn with_sealer<R>(&mut self, call: impl FnOnce(&mut Sealer<K>) -> R) -> R {
        self.sealer.set_has_unsent(!self.is_at_rest());
        let returned = call(&mut self.sealer);
        self.sealer.set_has_unsent(false);
        self.settle();
        returned
    }

    // The other half

    /// Applies a notice of the other half: see [`Sealer::apply`]. If the peer failed, the unsent
    /// records are discarded (RFC 9846 section 6).
    pub fn apply(&mut self, notice: Notice) {
        self.sealer.apply(notice);
        if notice.contains(Notice::PEER_FAILED) {
            self.discard_unsent();
        }
        self.seal_control();
    }

    /// Takes the signal for the other half: see [`Sealer::take_signal`].
    pub const fn take_signal(&mut self) -> Signal {
        self.sealer.take_signal()
    }

    /// Returns whether [`take_signal`](Self::take_signal) has a signal.
    pub const fn has_signal(&self) -> bool {
        self.sealer.has_signal()
    }
}

impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> core::fmt::Debug
    for Writer<K, TX, B>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Writer({:?}, {} bytes unsent)", self.sealer, self.unsent().len())
    }
}

#[cfg(feature = "defmt")]
impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> defmt::Format
    for Writer<K, TX, B>
{
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Writer({}, {} bytes unsent)", self.sealer, self.unsent().len());
    }
}
