//! The sending half that owns its output.

use super::alert_log::AlertLog;
use crate::buffer::byte_queue::ByteQueue;
use crate::crypto::keys::KeySchedule;
use crate::layer::config::Config;
use crate::layer::notice::{Notice, Signal};
use crate::layer::sealer::{Control, KEY_UPDATE_LEN, Sealed, Sealer};
use crate::layer::shutdown::ShutdownError;
use crate::protocol::alert::AlertDescription;
use crate::protocol::end::WriteEnd;
use crate::protocol::error::{CloseError, KeyError, SealError};
use crate::protocol::record::HEADER_LEN;

/// Bytes of a record that are not content, at most: header, explicit nonce or inner type, tag.
const MAX_OVERHEAD: usize = HEADER_LEN + 8 + 16;

/// Bytes that a [`Writer`] at rest adds to those of its [`Sealer`].
pub(crate) const WRITER_LEN: usize = 5;

/// A place for the content of a record, behind the waiting bytes.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Where the record begins.
    at: u32,
    /// The most content that it takes.
    len: u16,
}

impl Slot {
    const fn at(self) -> usize {
        self.at as usize
    }
}

/// A [`Sealer`] that owns what the transport has not taken yet: `TX` bytes of records.
///
/// It is the sending half of a [`Connection`](crate::Connection), whose methods say what each does;
/// [`Connection::split_over`](crate::Connection::split_over) makes one for a thread, task or interrupt
/// handler of its own. The owner of one that [`Connection::split`](crate::Connection::split) made
/// carries the [`Notice`] and the [`Signal`].
///
/// Alerts and KeyUpdates that are due are sealed by themselves as soon as there is room for them:
/// after every call, send [`unsent`](Self::unsent).
// In this order, because what lies at the front has the shortest instructions on small processors.
#[repr(C)]
pub struct Writer<K: KeySchedule, const TX: usize> {
    /// Bytes that waited were discarded, because the peer failed.
    is_cut: bool,
    /// A shutdown has been told that the close_notify left.
    is_told: bool,
    /// The transport failed before the end of our direction had left.
    is_broken: bool,
    log: AlertLog,
    /// How many of the unsent bytes the transport reads, so that they must not be moved.
    in_flight: usize,
    slot: Option<Slot>,
    sealer: Sealer<K>,
    unsent: ByteQueue<TX>,
}

impl<K: KeySchedule, const TX: usize> Writer<K, TX> {
    /// Takes over a sending half, whose records have all been sent.
    pub fn new(sealer: Sealer<K>) -> Self {
        let mut this = Self::unsettled(sealer);
        this.settle();
        this
    }

    /// To be [settled](Self::settle), where it stays: what is changed here would be copied once more.
    pub(super) const fn unsettled(sealer: Sealer<K>) -> Self {
        const {
            assert!(TX >= 128, "TX has room for no record");
            assert!(TX as u64 <= u32::MAX as u64, "TX is more than a slot can count");
        }
        Self {
            sealer,
            unsent: ByteQueue::new(),
            slot: None,
            is_cut: false,
            is_told: false,
            is_broken: false,
            log: AlertLog::EMPTY,
            in_flight: 0,
        }
    }

    /// [`new`](Self::new) for a sending half without keys, which has nothing to seal.
    pub(super) const fn without_keys(config: Config) -> Self {
        let mut this = Self::unsettled(Sealer::new(config));
        this.limit_fragments(MAX_OVERHEAD);
        this
    }

    /// Limits records to what has room, and seals what is due.
    pub(super) fn settle(&mut self) {
        // Keys may come later, and those of a cipher of the caller's may have longer tags.
        self.limit_fragments(self.sealer.unpadded_len(0).max(MAX_OVERHEAD));
        self.seal_control();
    }

    /// Sees to it that the longest record fits with the longest control record before it.
    const fn limit_fragments(&mut self, overhead: usize) {
        let room = if self.sealer.pads_control() {
            (TX / 2).saturating_sub(overhead)
        } else {
            TX.saturating_sub(overhead).saturating_sub(overhead).saturating_sub(KEY_UPDATE_LEN)
        };
        self.sealer.limit_fragments(if room < u16::MAX as usize { room as u16 } else { u16::MAX });
    }

    // Data in

    /// See [`Connection::write`](crate::Connection::write).
    ///
    /// # Errors
    /// Those of [`Connection::write`](crate::Connection::write).
    pub fn write(&mut self, parts: &[&[u8]]) -> Result<usize, SealError> {
        self.append(|sealer, room| sealer.seal(parts, room)).map(|sealed| sealed.taken)
    }

    /// See [`Connection::write_handshake`](crate::Connection::write_handshake).
    ///
    /// # Errors
    /// Those of [`Connection::write_handshake`](crate::Connection::write_handshake).
    pub fn write_handshake(&mut self, parts: &[&[u8]]) -> Result<(), SealError> {
        self.append(|sealer, room| {
            let written = sealer.seal_handshake(parts, room)?;
            Ok(Sealed { taken: 0, written })
        })?;
        Ok(())
    }

    /// See [`Connection::write_change_cipher_spec`](crate::Connection::write_change_cipher_spec).
    ///
    /// # Errors
    /// Those of [`Connection::write_change_cipher_spec`](crate::Connection::write_change_cipher_spec).
    pub fn write_change_cipher_spec(&mut self) -> Result<(), SealError> {
        self.append(|sealer, room| {
            let written = sealer.change_cipher_spec(room)?;
            Ok(Sealed { taken: 0, written })
        })?;
        Ok(())
    }

    /// Appends what `seal` seals, and makes room for it if need be.
    #[inline]
    fn append(
        &mut self,
        mut seal: impl FnMut(&mut Sealer<K>, &mut [u8]) -> Result<Sealed, SealError>,
    ) -> Result<Sealed, SealError> {
        if self.slot.is_some() {
            return Err(SealError::SlotReserved);
        }
        loop {
            match seal(&mut self.sealer, self.unsent.room(TX)) {
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

    /// Whether there are `need` bytes of room behind what is unsent, which is moved for it, unless it
    /// is in flight.
    fn make_room(&mut self, need: usize) -> bool {
        need <= self.room() && self.unsent.make_room(need)
    }

    /// Bytes of room that there can be behind what is unsent.
    const fn room(&self) -> usize {
        if self.in_flight != 0 {
            TX.saturating_sub(self.unsent.end())
        } else {
            self.unsent.total_room()
        }
    }

    /// See [`Connection::reserve`](crate::Connection::reserve).
    ///
    /// # Errors
    /// Those of [`Connection::reserve`](crate::Connection::reserve).
    pub fn reserve(&mut self, len: usize) -> Result<&mut [u8], SealError> {
        if self.slot.is_some() {
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
        // Control may fall due before the slot is committed, and leaves before it.
        let gap = self.sealer.control_len();
        let need = gap.saturating_add(self.sealer.record_len(len));
        if !self.make_room(need) {
            return Err(SealError::NoSpace { need });
        }
        let at = self.unsent.end().saturating_add(gap) as u32;
        self.slot = Some(Slot { at, len: slot_len });
        self.slot_mut().ok_or(SealError::NoSlot)
    }

    /// See [`Connection::slot_mut`](crate::Connection::slot_mut).
    pub fn slot_mut(&mut self) -> Option<&mut [u8]> {
        let slot = self.slot?;
        let headroom = self.sealer.headroom();
        self.unsent.from(slot.at()).get_mut(headroom..)?.get_mut(..usize::from(slot.len))
    }

    /// See [`Connection::commit`](crate::Connection::commit).
    ///
    /// # Errors
    /// Those of [`Connection::commit`](crate::Connection::commit).
    pub fn commit(&mut self, len: usize) -> Result<(), SealError> {
        let slot = self.slot.ok_or(SealError::NoSlot)?;
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
                // Before the slot there is room for one, and again when all that waits is sent.
                Err(SealError::ControlFirst) => self.seal_before_data()?,
                Err(error) => {
                    self.drop_slot_if_ended();
                    return Err(error);
                }
            }
        }
    }

    /// See [`Connection::discard`](crate::Connection::discard).
    ///
    /// # Errors
    /// Those of [`Connection::discard`](crate::Connection::discard).
    pub fn discard(&mut self) -> Result<(), SealError> {
        self.slot.take().ok_or(SealError::NoSlot)?;
        self.seal_control();
        Ok(())
    }

    /// See [`Connection::may_write`](crate::Connection::may_write).
    pub fn may_write(&self) -> bool {
        matches!(self.sealer.check_data(), Ok(()) | Err(SealError::ControlFirst))
    }

    /// See [`Connection::can_write`](crate::Connection::can_write).
    pub fn can_write(&self) -> bool {
        let content = usize::from(self.sealer.fragment_limit());
        // One more may fall due, if none is.
        let before = self.sealer.control_len().saturating_mul(self.sealer.updates_due().max(1));
        let need = self.sealer.record_len(content).saturating_add(before);
        self.slot.is_none() && self.may_write() && need <= self.room()
    }

    /// See [`Sealer::set_fragment_limit`].
    pub const fn set_fragment_limit(&mut self, limit: u16) {
        self.sealer.set_fragment_limit(limit);
    }

    // Records out

    /// See [`Connection::unsent`](crate::Connection::unsent).
    pub fn unsent(&self) -> &[u8] {
        self.unsent.waiting()
    }

    /// See [`Connection::begin_send`](crate::Connection::begin_send).
    pub fn begin_send(&mut self) -> &[u8] {
        if self.in_flight != 0 {
            return &[];
        }
        self.in_flight = self.unsent().len();
        self.unsent()
    }

    /// See [`Connection::sent`](crate::Connection::sent).
    pub fn sent(&mut self, len: usize) {
        let len = if self.in_flight == 0 { len } else { len.min(self.in_flight) };
        self.in_flight = 0;
        self.unsent.consume(len);
        self.seal_control();
    }

    /// See [`Connection::transport_failed`](crate::Connection::transport_failed). The receiving half is
    /// told by its own [`eof`](crate::Opener::eof).
    pub fn transport_failed(&mut self) {
        // What has ended before keeps its own answer.
        self.is_broken |= !matches!(
            self.end(),
            WriteEnd::Closed | WriteEnd::AlertSent(_) | WriteEnd::Failed | WriteEnd::HandedOver
        );
        self.drop_unsent();
        self.sealer.fail();
        self.drop_slot_if_ended();
    }

    /// Drops the sealed records that the transport has not taken.
    fn drop_unsent(&mut self) {
        self.is_cut |= !self.unsent.is_empty();
        self.unsent.clear();
    }

    /// Whether bytes that were taken have been discarded.
    #[cfg(feature = "embedded-io")]
    pub(crate) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Seals what is due. Whatever makes something due, or makes room, ends with it.
    ///
    /// A KeyUpdate waits while the transport does, so that requests that come meanwhile get one answer
    /// (RFC 9846 section 4.7.3); only data that comes after it, or an end, has it sealed at once.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn seal_control(&mut self) {
        while let Some(control) = self.sealer.next_control() {
            let may_wait =
                matches!(control, Control::KeyUpdate { .. }) && !self.sealer.is_closing();
            if (may_wait && !self.unsent.is_empty()) || self.seal_next(control).is_err() {
                break;
            }
        }
        self.drop_slot_if_ended();
    }

    /// Seals all that data has to wait for.
    #[cfg_attr(target_pointer_width = "64", cold)]
    fn seal_before_data(&mut self) -> Result<(), SealError> {
        while let Some(control) = self.sealer.next_control() {
            if let Err(error) = self.seal_next(control) {
                self.drop_slot_if_ended();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Seals what is next into the room before a slot, or behind everything, if there is room.
    fn seal_next(&mut self, control: Control) -> Result<(), SealError> {
        loop {
            let limit = self.slot.map_or(TX, Slot::at);
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
                Err(error) => return Err(error),
            }
        }
    }

    /// What ends the direction takes the slot away: nothing may be sealed into it any more.
    fn drop_slot_if_ended(&mut self) {
        if self.sealer.end() != WriteEnd::Open {
            self.slot = None;
        }
    }

    // Its end

    /// See [`Connection::shutdown`](crate::Connection::shutdown). This half does not know of
    /// [`ShutdownError::NotTls`], which is [`ShutdownError::Failed`] here, nor of what has arrived
    /// before it sent anything: it is [`ShutdownError::NotStarted`] then.
    ///
    /// # Errors
    /// Those of [`Connection::shutdown`](crate::Connection::shutdown).
    pub fn shutdown(&mut self) -> Result<(), ShutdownError> {
        self.shutdown_if(self.sealer.is_started())
    }

    /// [`Self::shutdown`] of a connection that has started, or has not.
    pub(super) fn shutdown_if(&mut self, is_started: bool) -> Result<(), ShutdownError> {
        if self.is_broken {
            return Err(ShutdownError::TransportFailed);
        }
        if self.slot.is_some() {
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
            WriteEnd::Closed if self.is_told => Err(ShutdownError::AlreadyClosed),
            WriteEnd::Failed => Err(ShutdownError::Failed),
            _ if self.sealer.is_truncated() => Err(ShutdownError::Truncated),
            WriteEnd::Closed => {
                self.is_told = true;
                Ok(())
            }
            _ => Err(ShutdownError::WouldBlock),
        }
    }

    /// See [`Sealer::abort`].
    ///
    /// # Errors
    /// Those of [`Sealer::abort`].
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.sealer.abort(description);
        self.drop_slot_if_ended();
        self.seal_control();
        aborted
    }

    /// See [`Connection::take_sealed_alert`](crate::Connection::take_sealed_alert).
    pub fn take_sealed_alert(&mut self) -> Option<AlertDescription> {
        let fatal = match self.sealer.end() {
            WriteEnd::AlertSent(description) => Some(description),
            _ => None,
        };
        self.log.take(fatal)
    }

    /// See [`Connection::end`](crate::Connection::end).
    pub fn end(&self) -> WriteEnd {
        match self.sealer.end() {
            WriteEnd::Closed | WriteEnd::AlertSent(_) if self.is_cut => WriteEnd::Failed,
            WriteEnd::Closed if !self.unsent.is_empty() => WriteEnd::Closing,
            WriteEnd::AlertSent(description) if !self.unsent.is_empty() => {
                WriteEnd::AlertQueued(description)
            }
            end => end,
        }
    }

    // Keys

    /// See [`Sealer::update_keys`].
    ///
    /// # Errors
    /// Those of [`Sealer::update_keys`].
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.sealer.update_keys(request)?;
        self.seal_control();
        Ok(())
    }

    /// See [`Sealer::refuse_renegotiation`].
    ///
    /// # Errors
    /// Those of [`Sealer::refuse_renegotiation`].
    pub fn refuse_renegotiation(&mut self) -> Result<(), KeyError> {
        self.sealer.refuse_renegotiation()?;
        self.seal_control();
        Ok(())
    }

    /// See [`Sealer::take_kernel_control`].
    pub fn take_kernel_control(&mut self) -> Option<Control> {
        self.sealer.take_kernel_control()
    }

    /// The sending half itself, to look at.
    pub const fn sealer(&self) -> &Sealer<K> {
        &self.sealer
    }

    /// What a connection at rest knows besides its halves.
    pub(super) fn pack(&self) -> [u8; WRITER_LEN] {
        let [a, b, c, d] = self.log.to_bytes();
        [a, b, c, d, self.is_told.into()]
    }

    pub(super) const fn unpack(&mut self, bytes: [u8; WRITER_LEN]) {
        let [a, b, c, d, is_told] = bytes;
        self.log = AlertLog::from_bytes([a, b, c, d]);
        self.is_told = is_told != 0;
    }

    /// Forgets, [at rest](Self::is_at_rest), all but the sending half: in the buffer may lie what was
    /// written into a slot.
    pub(super) fn empty(&mut self) {
        self.unpack([0; WRITER_LEN]);
        self.is_cut = false;
        self.is_broken = false;
        self.in_flight = 0;
        self.unsent.from(0).fill(0);
    }

    /// Whether nothing waits for the transport and no slot is reserved.
    pub(super) const fn is_at_rest(&self) -> bool {
        self.unsent.is_empty() && self.slot.is_none()
    }

    /// A call on the sending half itself: installing keys, for instance.
    pub(super) fn with_sealer<R>(&mut self, call: impl FnOnce(&mut Sealer<K>) -> R) -> R {
        self.sealer.set_has_unsent(!self.is_at_rest());
        let returned = call(&mut self.sealer);
        self.sealer.set_has_unsent(false);
        self.settle();
        returned
    }

    // The other half

    /// See [`Sealer::apply`]. If the peer failed, what waits is discarded (RFC 9846 section 6).
    pub fn apply(&mut self, notice: Notice) {
        self.sealer.apply(notice);
        if notice.contains(Notice::PEER_FAILED) {
            self.drop_unsent();
        }
        self.drop_slot_if_ended();
        self.seal_control();
    }

    /// See [`Sealer::take_signal`].
    pub const fn take_signal(&mut self) -> Signal {
        self.sealer.take_signal()
    }

    /// See [`Sealer::has_signal`].
    #[inline]
    pub const fn has_signal(&self) -> bool {
        self.sealer.has_signal()
    }
}

impl<K: KeySchedule, const TX: usize> core::fmt::Debug for Writer<K, TX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Writer({:?}, {} bytes unsent)", self.sealer, self.unsent().len())
    }
}

#[cfg(feature = "defmt")]
impl<K: KeySchedule, const TX: usize> defmt::Format for Writer<K, TX> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Writer({}, {} bytes unsent)", self.sealer, self.unsent().len());
    }
}
