//! How the sending direction ends, and what it learns of the other one.

use super::Sealer;
use crate::crypto::keys::KeySchedule;
use crate::layer::notice::{Notice, Signal};
use crate::protocol::alert::{AlertClass, AlertDescription};
use crate::protocol::close::{OnPeerClose, Trigger, WriteState};
use crate::protocol::end::WriteEnd;
use crate::protocol::error::{CloseError, SealError};
use crate::protocol::record::{Epoch, Version};
use crate::small::SMALL;

impl<K: KeySchedule> Sealer<K> {
    // Closing

    /// Closes the sending direction: queues a close_notify for
    /// [`poll_control`](Self::poll_control).
    ///
    /// No data may follow it. The receiving direction stays open (RFC 9846 section 6.1). If it is
    /// called again, the alert is still sent only once.
    ///
    /// # Errors
    /// - [`CloseError::AlreadyClosed`] if our close_notify is sealed.
    /// - [`CloseError::Failed`] if the connection has failed.
    /// - [`CloseError::HandedOver`] if the keys of this direction were handed over.
    /// - [`CloseError::Truncated`] if the transport had ended before the peer's close_notify. Ours
    ///   is queued all the same.
    pub fn close(&mut self) -> Result<(), CloseError> {
        self.end_by(Trigger::Close)
    }

    /// Cancels a handshake: queues a user_canceled, and a close_notify behind it.
    ///
    /// After the handshake, [`close`](Self::close) is more appropriate (RFC 9846 section 6.1): some
    /// peers treat a record after a user_canceled as an error.
    ///
    /// # Errors
    /// The errors of [`close`](Self::close).
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

    /// Returns the closing state of this direction, here or in the kernel.
    pub(super) const fn current(&self) -> WriteState {
        match self.state {
            WriteState::HandedOver => self.in_kernel,
            state => state,
        }
    }

    /// Applies `trigger` to the closing state, here or in the kernel. Returns whether that changed.
    #[inline]
    pub(super) fn trigger(&mut self, trigger: Trigger) -> bool {
        // `on_peer_close` matters only for the peer's close_notify.
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

    /// Ends the connection with a fatal alert, as a handshake does when it fails (RFC 9846
    /// section 6.2).
    ///
    /// Records that are already sealed are still to be sent before it.
    ///
    /// # Errors
    /// - [`CloseError::NotAnErrorAlert`] for close_notify and user_canceled, and for alerts that
    ///   are reserved or only sent as a warning (no_renegotiation).
    /// - [`CloseError::AlreadyClosed`] if our close_notify is sealed: no alert is sent.
    /// - [`CloseError::Failed`] if the connection has failed: no alert is sent.
    /// - [`CloseError::HandedOver`] if the keys of this direction were handed over. The receiving
    ///   direction ends all the same.
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        // RFC 9846 appendix B: alerts that only older versions used must not be sent.
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
        // The opener is told of one alert only, and is told even if our close_notify is sealed.
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

    /// Passes on the result of the cipher. Fails the connection if the cipher failed.
    pub(super) fn check_sealed(
        &mut self,
        sealed: Result<usize, SealError>,
    ) -> Result<usize, SealError> {
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

    /// Fails the connection without an alert.
    pub(crate) fn fail(&mut self) {
        if self.trigger(Trigger::PeerError) {
            self.fatal = None;
        }
        self.clear_updates();
        self.keys.wipe();
    }

    /// Ends this half: another owner of the keys seals the records from now on. `in_kernel` is true
    /// if that is the kernel.
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
        // Before the version is known, the reply would be plaintext: do not reply.
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

    /// Returns whether the transport ended before the peer's close_notify.
    pub(crate) const fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Returns whether our close_notify is queued or sealed.
    pub(crate) const fn is_closing(&self) -> bool {
        matches!(
            self.state,
            WriteState::CancelQueued | WriteState::CloseQueued | WriteState::Closed
        )
    }

    /// Returns the closing state of this direction.
    pub const fn state(&self) -> WriteState {
        self.state
    }

    // The other half

    /// Applies a notice of the [`Opener`](crate::Opener) of this connection.
    pub fn apply(&mut self, notice: Notice) {
        if notice.contains(Notice::PEER_CLOSED) {
            self.trigger(Trigger::PeerCloseNotify);
        }
        // Usually this is the only flag.
        if SMALL || notice != Notice::PEER_CLOSED {
            self.apply_others(notice);
        }
    }

    /// Applies everything except the peer's close_notify.
    fn apply_others(&mut self, notice: Notice) {
        if notice.contains(Notice::PEER_ANSWERED) {
            self.request_outstanding = false;
        }
        // The server may ask a client before the client has application keys to update.
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

    /// Returns whether a notice makes a KeyUpdate due, now or when there are application keys.
    fn answers(&self, notice: Notice) -> bool {
        notice.contains(Notice::UPDATE_REQUESTED)
            && self.version == Some(Version::Tls13)
            && self.current() == WriteState::Open
            && self.updates_left != 0
    }

    /// Returns whether a KeyUpdate is the next control record once this notice is applied.
    pub(crate) fn would_answer(&self, notice: Notice) -> bool {
        self.answers(notice) && self.state == WriteState::Open && self.epoch == Epoch::Application
    }

    /// Takes the signal for the [`Opener`](crate::Opener) of this connection.
    ///
    /// Apply it there before the record that caused it is sent, because the peer may answer at
    /// once. It is kept until it is taken.
    pub const fn take_signal(&mut self) -> Signal {
        core::mem::replace(&mut self.signal, Signal::NONE)
    }

    /// Returns whether there is a signal to [take](Self::take_signal).
    pub const fn has_signal(&self) -> bool {
        !self.signal.is_empty()
    }
}
