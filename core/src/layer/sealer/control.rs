//! The records that the sending half sends by itself: alerts and KeyUpdates. When each is due, in which
//! order they are sealed, and how the direction ends.

use super::Sealer;
use crate::buffer::bytes::Source;
use crate::crypto::keys::KeySchedule;
use crate::layer::notice::{Notice, Signal};
use crate::protocol::alert::{ALERT_LEN, Alert, AlertClass, AlertDescription};
use crate::protocol::close::{OnPeerClose, Trigger, WriteState};
use crate::protocol::end::WriteEnd;
use crate::protocol::error::{CloseError, KeyError, SealError};
use crate::protocol::handshake::{HandshakeHeader, HandshakeType};
use crate::protocol::record::{ContentType, Epoch, Version};
use crate::small::SMALL;

/// A KeyUpdate: the header of the message and one byte.
pub(crate) const KEY_UPDATE_LEN: usize = HandshakeHeader::LEN + 1;

/// A record that the engine makes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Control {
    /// An alert.
    Alert(AlertDescription),
    /// A KeyUpdate (RFC 9846 section 4.7.3).
    KeyUpdate {
        /// Whether it asks the peer for one in return.
        request: bool,
    },
}

impl Control {
    /// The record's content type and content, without protection: what the kernel is given of a
    /// record that is not application data, after [`Sealer::take_kernel_control`].
    ///
    /// ```
    /// use tls_record::{AlertDescription, ContentType, Control};
    ///
    /// let message = Control::Alert(AlertDescription::CLOSE_NOTIFY).message();
    /// assert_eq!(message.content_type(), ContentType::ALERT);
    /// assert_eq!(message.as_bytes(), [1, 0]);
    /// let message = Control::KeyUpdate { request: true }.message();
    /// assert_eq!(message.content_type(), ContentType::HANDSHAKE);
    /// assert_eq!(message.as_bytes(), [24, 0, 0, 1, 1]);
    /// ```
    #[inline]
    pub const fn message(self) -> ControlMessage {
        match self {
            Self::Alert(description) => {
                let [level, description] = Alert::new(description).encode();
                ControlMessage {
                    content_type: ContentType::ALERT,
                    bytes: [level, description, 0, 0, 0],
                }
            }
            Self::KeyUpdate { request } => {
                let header = HandshakeHeader { message_type: HandshakeType::KEY_UPDATE, length: 1 };
                let [a, b, c, d] = header.encode();
                ControlMessage {
                    content_type: ContentType::HANDSHAKE,
                    bytes: [a, b, c, d, request as u8],
                }
            }
        }
    }
}

/// The content of a [`Control`] record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ControlMessage {
    content_type: ContentType,
    bytes: [u8; KEY_UPDATE_LEN],
}

impl ControlMessage {
    /// alert or handshake.
    pub const fn content_type(&self) -> ContentType {
        self.content_type
    }

    /// An alert or a KeyUpdate.
    pub fn as_bytes(&self) -> &[u8] {
        let [alert @ .., _, _, _] = &self.bytes;
        if self.content_type == ContentType::ALERT { alert } else { &self.bytes }
    }
}

impl<K: KeySchedule> Sealer<K> {
    // Sealing

    /// Returns whether [`poll_control`](Self::poll_control) has a record to seal. Ask after every call, so
    /// that a connection without data answers too.
    #[inline]
    pub fn has_control(&self) -> bool {
        self.next_control().is_some()
    }

    /// What [`poll_control`](Self::poll_control) seals next: for a log of the alerts that are sent
    /// (RFC 9846 section 6.2).
    ///
    /// ```
    /// use tls_record::{AlertDescription, Config, Control, Role, Sealer, TrafficSecret};
    /// use tls_record::aead::ring::Ring;
    ///
    /// let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Server));
    /// sealer.abort(AlertDescription::HANDSHAKE_FAILURE)?;
    /// let alert = Control::Alert(AlertDescription::HANDSHAKE_FAILURE);
    /// assert_eq!(sealer.next_control(), Some(alert));
    /// # Ok::<(), tls_record::CloseError>(())
    /// ```
    pub fn next_control(&self) -> Option<Control> {
        // Behind our change_cipher_spec the peer reads under its keys: an alert waits for them.
        if self.is_keys_due() { None } else { self.control_in(self.state) }
    }

    /// What is due in a direction that is so far.
    fn control_in(&self, state: WriteState) -> Option<Control> {
        match state {
            WriteState::AlertQueued => self.fatal.map(Control::Alert),
            WriteState::Closed | WriteState::Failed | WriteState::HandedOver => None,
            _ if self.is_update_due() => Some(Control::KeyUpdate { request: false }),
            _ if self.request_due => Some(Control::KeyUpdate { request: true }),
            WriteState::CancelQueued => Some(Control::Alert(AlertDescription::USER_CANCELED)),
            WriteState::CloseQueued => Some(Control::Alert(AlertDescription::CLOSE_NOTIFY)),
            WriteState::Open
                if self.is_tls12() && self.refusals_due != 0 && !self.is_exhausted() =>
            {
                Some(Control::Alert(AlertDescription::NO_RENEGOTIATION))
            }
            WriteState::Open => None,
        }
    }

    /// The alert or KeyUpdate that is due in a direction which the
    /// [kernel has](Self::hand_to_kernel): the caller sends it, as a record of its own kind, by the
    /// kernel's control message. One a call, each once; `None` if nothing is due, and while the
    /// direction is not in the kernel.
    ///
    /// Ask after every call, keep what this returns until the kernel has taken it, and write no data
    /// before it. Behind a KeyUpdate the kernel is to be given the
    /// [next keys](crate::KernelDirection::update).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Role, Sealer, TrafficSecret};
    /// use tls_record::{AlertDescription, CloseError, Control};
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # sealer.install(Epoch::Application, secret)?;
    ///
    /// let kernel = sealer.hand_to_kernel().unwrap();
    /// assert_eq!(sealer.close(), Err(CloseError::HandedOver));
    /// let control = sealer.take_kernel_control();
    /// assert_eq!(control, Some(Control::Alert(AlertDescription::CLOSE_NOTIFY)));
    /// // sendmsg(socket, TLS_SET_RECORD_TYPE: message.content_type(), message.as_bytes())
    /// assert_eq!(sealer.take_kernel_control(), None);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn take_kernel_control(&mut self) -> Option<Control> {
        let control = self.control_in(self.in_kernel)?;
        match control {
            Control::Alert(AlertDescription::NO_RENEGOTIATION) => {
                self.refusals_due = self.refusals_due.saturating_sub(1);
            }
            Control::Alert(_) => {
                self.trigger(Trigger::AlertSealed);
            }
            Control::KeyUpdate { request } => self.key_update_is_out(request),
        }
        Some(control)
    }

    /// Seals the alert or KeyUpdate that is due, one record a call, under the current keys or in
    /// plaintext if there are none (RFC 9846 section 6). Returns the bytes written: 0 if nothing is
    /// due.
    ///
    /// # Errors
    /// [`SealError::NoSpace`]: nothing has changed, and what is due stays due.
    /// [`SealError::Crypto`] fails the connection.
    ///
    /// ```
    /// use tls_record::{Config, Role, Sealer, TrafficSecret, aead::ring::Ring};
    ///
    /// let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Server));
    /// sealer.close()?;
    /// let mut out = [0; 64];
    /// assert_eq!(sealer.poll_control(&mut out), Ok(7));
    /// assert_eq!(out[..7], [21, 3, 3, 0, 2, 1, 0]);
    /// assert_eq!(sealer.poll_control(&mut out), Ok(0));
    /// # Ok::<(), tls_record::CloseError>(())
    /// ```
    pub fn poll_control(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        let Some(control) = self.next_control() else { return Ok(0) };
        let written = self.seal_control(control, out)?;
        match control {
            Control::Alert(_) => self.alert_sealed(),
            Control::KeyUpdate { request } => self.key_update_sealed(request, out)?,
        }
        Ok(written)
    }

    /// Returns the length of the longest record that [`poll_control`](Self::poll_control) can seal now.
    pub fn control_len(&self) -> usize {
        let alert = self.padded_len(ContentType::ALERT, ALERT_LEN);
        match self.version {
            Some(Version::Tls13) => {
                alert.max(self.padded_len(ContentType::HANDSHAKE, KEY_UPDATE_LEN))
            }
            Some(Version::Tls12) | None => alert,
        }
    }

    /// How many KeyUpdates data has to wait for: one that the peer asked for, one that asks the peer.
    pub(crate) fn updates_due(&self) -> usize {
        usize::from(self.is_update_due()).saturating_add(self.request_due.into())
    }

    fn seal_control(&mut self, control: Control, out: &mut [u8]) -> Result<usize, SealError> {
        if !SMALL
            && let Control::Alert(description) = control
            && !self.pads()
            && let Some(keys) = self.keys.get_mut()
        {
            let sealed = keys.seal_into(ContentType::ALERT, ALERT_LEN, out, |place| {
                if let Some(place) = place.first_chunk_mut() {
                    *place = Alert::new(description).encode();
                }
            });
            return self.sealed(sealed);
        }
        let message = control.message();
        let bytes = message.as_bytes();
        self.seal_record(message.content_type(), &mut Source::of(bytes), bytes.len(), out)
    }

    fn alert_sealed(&mut self) {
        // The only alert that ends nothing is a refusal to renegotiate.
        if self.is_tls12() && self.state == WriteState::Open {
            self.refusals_due = self.refusals_due.saturating_sub(1);
            return;
        }
        self.state = self.state.after(OnPeerClose::HalfClose, Trigger::AlertSealed);
        if self.state == WriteState::Failed {
            self.keys.wipe();
        }
    }

    /// The next record is under the next keys (RFC 9846 section 4.7.3).
    fn key_update_sealed(&mut self, request: bool, out: &mut [u8]) -> Result<(), SealError> {
        if let Some(keys) = self.keys.get_mut()
            && keys.update().is_err()
        {
            // Without new keys it must not be sent.
            out.fill(0);
            return Err(self.crypto_failed());
        }
        self.key_update_is_out(request);
        Ok(())
    }

    /// Counts a KeyUpdate.
    fn key_update_is_out(&mut self, request: bool) {
        // None is due when none is left.
        self.updates_left = self.updates_left.wrapping_sub(1);
        if request {
            self.request_due = false;
            self.request_outstanding = true;
            self.signal = self.signal.merge(Signal::UPDATE_REQUESTED);
        } else {
            self.update_due = false;
        }
        if self.updates_left == 0 {
            self.update_due = false;
            self.request_due = false;
        }
    }

    // Closing

    /// Closes our direction: a close_notify is queued for [`poll_control`](Self::poll_control), and
    /// no data follows it. The receiving direction stays open (RFC 9846 section 6.1). Safe to repeat:
    /// the alert is sent once.
    ///
    /// # Errors
    /// [`CloseError::AlreadyClosed`] if our close_notify is sealed; [`CloseError::Failed`] if the
    /// connection has failed; [`CloseError::HandedOver`] if the keys of this direction were handed
    /// over; [`CloseError::Truncated`] if the transport had ended before the peer's close_notify, and
    /// then ours is queued all the same.
    pub fn close(&mut self) -> Result<(), CloseError> {
        self.end_by(Trigger::Close)
    }

    /// Gives up a handshake: user_canceled, then close_notify. After the handshake,
    /// [`close`](Self::close) is more appropriate (RFC 9846 section 6.1): some peers take what follows
    /// a user_canceled for an error.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub fn cancel(&mut self) -> Result<(), CloseError> {
        self.end_by(Trigger::Cancel)
    }

    fn end_by(&mut self, trigger: Trigger) -> Result<(), CloseError> {
        match self.state {
            WriteState::Closed => return Err(CloseError::AlreadyClosed),
            WriteState::AlertQueued | WriteState::Failed => return Err(CloseError::Failed),
            WriteState::HandedOver => {
                self.trigger(trigger);
                return Err(CloseError::HandedOver);
            }
            WriteState::Open | WriteState::CancelQueued | WriteState::CloseQueued => {}
        }
        self.state = self.state.after(OnPeerClose::HalfClose, trigger);
        if self.is_truncated { Err(CloseError::Truncated) } else { Ok(()) }
    }

    /// How far this direction is, here or in the kernel.
    pub(super) const fn current(&self) -> WriteState {
        match self.state {
            WriteState::HandedOver => self.in_kernel,
            state => state,
        }
    }

    /// Moves this direction on, here or in the kernel. Returns whether it has moved.
    #[inline]
    fn trigger(&mut self, trigger: Trigger) -> bool {
        // It counts for a close_notify of the peer alone.
        let on_peer_close = match trigger {
            Trigger::PeerCloseNotify => self.on_peer_close(),
            _ => OnPeerClose::HalfClose,
        };
        let state = match self.state {
            WriteState::HandedOver => &mut self.in_kernel,
            _ => &mut self.state,
        };
        let before = *state;
        *state = before.after(on_peer_close, trigger);
        *state != before
    }

    /// Ends the connection with a fatal alert: what a handshake does when it fails
    /// (RFC 9846 section 6.2). Data that is sealed already still goes out before it.
    ///
    /// # Errors
    /// [`CloseError::NotAnErrorAlert`] for close_notify, user_canceled and the other alerts that are no errors;
    /// [`CloseError::AlreadyClosed`] if our close_notify is sealed, [`CloseError::Failed`] if the
    /// connection has failed: no alert is sent then. [`CloseError::HandedOver`] if the keys of this
    /// direction were handed over; the other one is closed all the same.
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        // RFC 9846 appendix B: what older versions used must not be sent.
        let is_reserved = matches!(description.0, 21 | 30 | 41 | 60 | 100 | 111 | 114);
        if description.class() != AlertClass::Error || is_reserved {
            return Err(CloseError::NotAnErrorAlert);
        }
        match self.state {
            WriteState::AlertQueued | WriteState::Failed => return Err(CloseError::Failed),
            WriteState::Open
            | WriteState::CancelQueued
            | WriteState::CloseQueued
            | WriteState::Closed
            | WriteState::HandedOver => {}
        }
        let before = self.state;
        // Of one connection one alert is told, once, though its close_notify is sealed.
        if self.fatal.is_none() {
            self.signal = self.signal.merge(Signal::stop(description));
        }
        self.queue_fatal(description);
        self.fatal.get_or_insert(description);
        match before {
            WriteState::Closed => Err(CloseError::AlreadyClosed),
            WriteState::HandedOver => Err(CloseError::HandedOver),
            _ => Ok(()),
        }
    }

    fn queue_fatal(&mut self, description: AlertDescription) {
        if self.trigger(Trigger::Fault) {
            self.fatal = Some(description);
        }
        self.clear_updates();
    }

    /// The connection has failed and there is no alert to send.
    pub(crate) fn fail(&mut self) {
        if self.trigger(Trigger::PeerError) {
            self.fatal = None;
        }
        self.clear_updates();
        self.keys.wipe();
    }

    /// Ends this half: another owner of the keys seals the records from now on. `in_kernel` if it is the
    /// kernel.
    pub(crate) fn hand_over(&mut self, in_kernel: bool) {
        let before = self.state;
        self.state = before.after(OnPeerClose::HalfClose, Trigger::WriteHandedOver);
        if in_kernel && self.state != before {
            self.in_kernel = before;
        }
        self.keys.wipe();
    }

    fn clear_updates(&mut self) {
        self.update_due = false;
        self.request_due = false;
        self.refusals_due = 0;
    }

    fn on_peer_close(&self) -> OnPeerClose {
        // Before the version is known there is nothing to reply with but plaintext.
        let version = self.version.unwrap_or(Version::Tls13);
        OnPeerClose::in_version(version, self.tls12_on_peer_close)
    }

    /// Returns how this direction ended, or that it is open.
    pub fn end(&self) -> WriteEnd {
        match (self.state, self.fatal) {
            (WriteState::Open, _) => WriteEnd::Open,
            (WriteState::CancelQueued | WriteState::CloseQueued, _) => WriteEnd::Closing,
            (WriteState::Closed, _) => WriteEnd::Closed,
            (WriteState::HandedOver, _) => WriteEnd::HandedOver,
            (WriteState::AlertQueued, Some(description)) => WriteEnd::AlertQueued(description),
            (WriteState::Failed, Some(description)) => WriteEnd::AlertSent(description),
            (WriteState::AlertQueued | WriteState::Failed, None) => WriteEnd::Failed,
        }
    }

    /// Whether the transport ended before the peer's close_notify.
    pub(crate) const fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Whether our close_notify is queued or sealed.
    pub(crate) const fn is_closing(&self) -> bool {
        matches!(
            self.state,
            WriteState::CancelQueued | WriteState::CloseQueued | WriteState::Closed
        )
    }

    /// How far this direction is.
    pub const fn state(&self) -> WriteState {
        self.state
    }

    // KeyUpdates and refusals on request

    /// Queues a KeyUpdate for [`poll_control`](Self::poll_control) (RFC 9846 section 4.7.3): with
    /// it this half goes on to its next generation of keys, and `request` asks the peer to do the
    /// same. Data waits for it.
    ///
    /// # Errors
    /// [`KeyError::NoUpdate`] unless TLS 1.3 application keys are installed and fewer than 2^48 - 1
    /// updates were sent; [`KeyError::RequestOutstanding`] if the peer has not answered the last
    /// request; [`KeyError::Closed`] if this direction is closed or has failed,
    /// [`KeyError::HandedOver`] if its keys were handed over.
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        match self.state {
            WriteState::Open => {}
            WriteState::HandedOver => return Err(KeyError::HandedOver),
            _ => return Err(KeyError::Closed),
        }
        if !self.may_update() {
            return Err(KeyError::NoUpdate);
        }
        if !request {
            self.update_due = true;
        } else if self.request_outstanding || self.request_due {
            return Err(KeyError::RequestOutstanding);
        } else {
            self.request_due = true;
        }
        Ok(())
    }

    /// TLS 1.2: queues the warning no_renegotiation, the answer to a HelloRequest or a ClientHello on
    /// an established connection (RFC 5246 section 7.2.2).
    ///
    /// # Errors
    /// [`KeyError::Epoch`] in TLS 1.3, where it is never sent, and before the handshake is over;
    /// [`KeyError::Closed`] if this direction is closed or has failed, or if the keys may seal no
    /// more than its end; [`KeyError::HandedOver`] if they were suspended. In a direction which the
    /// kernel has, [`take_kernel_control`](Self::take_kernel_control) gives the alert.
    pub fn refuse_renegotiation(&mut self) -> Result<(), KeyError> {
        if self.epoch != Epoch::Application || !self.is_tls12() {
            return Err(KeyError::Epoch);
        }
        match self.current() {
            WriteState::Open if !self.is_exhausted() => {}
            WriteState::HandedOver => return Err(KeyError::HandedOver),
            _ => return Err(KeyError::Closed),
        }
        self.refusals_due = self.refusals_due.saturating_add(1);
        Ok(())
    }

    // The other half

    /// Applies a notice of the [`Opener`](crate::Opener) of this connection.
    pub fn apply(&mut self, notice: Notice) {
        if notice.contains(Notice::PEER_CLOSED) {
            self.trigger(Trigger::PeerCloseNotify);
        }
        // Usually the only flag set.
        if SMALL || notice != Notice::PEER_CLOSED {
            self.apply_others(notice);
        }
    }

    /// Everything but the peer's close_notify.
    fn apply_others(&mut self, notice: Notice) {
        if notice.contains(Notice::PEER_ANSWERED) {
            self.request_outstanding = false;
        }
        // A client may be asked before it has application keys of its own.
        self.update_due |= self.answers(notice);
        if notice.contains(Notice::TRUNCATED) {
            self.is_truncated = true;
        }
        if let Some(description) = notice.alert() {
            self.queue_fatal(description);
        }
        if notice.contains(Notice::PEER_FAILED) {
            self.fail();
        }
    }

    /// Whether a notice makes a KeyUpdate due, now or when there are application keys.
    fn answers(&self, notice: Notice) -> bool {
        notice.contains(Notice::UPDATE_REQUESTED)
            && self.version == Some(Version::Tls13)
            && self.current() == WriteState::Open
            && self.updates_left != 0
    }

    /// Whether a KeyUpdate is the next control record when this notice is applied.
    pub(crate) fn would_answer(&self, notice: Notice) -> bool {
        self.answers(notice) && self.state == WriteState::Open && self.epoch == Epoch::Application
    }

    /// Takes the signal for the [`Opener`](crate::Opener) of this connection. Apply it there before the
    /// record that caused it is sent, because the peer may answer at once. It is kept until it is taken.
    pub const fn take_signal(&mut self) -> Signal {
        core::mem::replace(&mut self.signal, Signal::NONE)
    }

    /// Whether [`take_signal`](Self::take_signal) has something.
    #[inline]
    pub const fn has_signal(&self) -> bool {
        !self.signal.is_empty()
    }
}

#[cfg(all(test, feature = "null-aead"))]
mod tests {
    use super::*;
    use crate::crypto::aead::Algorithm;
    use crate::crypto::aead::null::Null;
    use crate::crypto::keys::TrafficSecret;
    use crate::layer::config::Config;
    use crate::protocol::record::Role;

    // RFC 9846 section 4.7.3: the number of key updates must not exceed 2^48 - 1; at the cap a request
    // of the peer is ignored, and the connection ends when the keys are used up.
    #[test]
    fn the_last_key_update_is_number_2_to_the_48_minus_1() {
        let mut config = Config::new(Role::Client);
        config.key_limit = 6;
        let mut sealer = Sealer::new(config);
        let secret = TrafficSecret::<Null>::tls13(Algorithm::Aes128Gcm, &[0; 32]).unwrap();
        sealer.install(Epoch::Application, secret).unwrap();
        assert_eq!(sealer.updates_left, (1 << 48) - 1);
        sealer.updates_left = 1;

        let mut out = [0; 64];
        // Two are due, and only one is left.
        sealer.apply(Notice::UPDATE_REQUESTED);
        sealer.update_keys(true).unwrap();
        assert_eq!(sealer.poll_control(&mut out), Ok(27));
        assert!(!sealer.has_control());

        sealer.apply(Notice::UPDATE_REQUESTED);
        assert!(!sealer.has_control());
        assert_eq!(sealer.update_keys(false), Err(KeyError::NoUpdate));
        for _ in 0..2 {
            sealer.seal(&[b"data"], &mut out).unwrap();
        }
        assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::KeyExhausted));
        sealer.close().unwrap();
        assert_eq!(sealer.poll_control(&mut out), Ok(24));
    }
}
