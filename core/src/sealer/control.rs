//! What the sending half sends on its own: alerts and KeyUpdates. What makes one due, in which order
//! they leave, and how the direction ends.

use super::Sealer;
use crate::SMALL;
use crate::alert::{ALERT_LEN, Alert, AlertClass, AlertDescription};
use crate::bytes::Source;
use crate::close::{OnPeerClose, Trigger, WriteState};
use crate::end::WriteEnd;
use crate::error::{CloseError, KeyError, SealError};
use crate::handshake::{HandshakeHeader, HandshakeType};
use crate::keys::KeySchedule;
use crate::notice::{Notice, Signal};
use crate::record::{ContentType, Epoch, Version};

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

impl<K: KeySchedule> Sealer<K> {
    // Sealing

    /// Whether [`poll_control`](Self::poll_control) has a record to seal. A driver asks after every
    /// call, so that an idle connection answers too.
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
        if self.state == WriteState::AlertQueued {
            return self.fatal.map(Control::Alert);
        }
        if self.is_update_due() {
            return Some(Control::KeyUpdate { request: false });
        }
        if self.request_due {
            return Some(Control::KeyUpdate { request: true });
        }
        match self.state {
            WriteState::CancelQueued => Some(Control::Alert(AlertDescription::USER_CANCELED)),
            WriteState::CloseQueued => Some(Control::Alert(AlertDescription::CLOSE_NOTIFY)),
            WriteState::Open
                if self.is_tls12() && self.refusals_due != 0 && !self.is_exhausted() =>
            {
                Some(Control::Alert(AlertDescription::NO_RENEGOTIATION))
            }
            _ => None,
        }
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

    /// Bytes that the longest record of [`poll_control`](Self::poll_control) takes now.
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
        let (alert, update);
        let (content_type, message): (_, &[u8]) = match control {
            Control::Alert(description) => {
                alert = Alert::new(description).encode();
                if !SMALL
                    && !self.pads()
                    && let Some(keys) = self.keys.get_mut()
                {
                    let sealed = keys.seal_into(ContentType::ALERT, ALERT_LEN, out, |place| {
                        if let Some(place) = place.first_chunk_mut() {
                            *place = alert;
                        }
                    });
                    return self.sealed(sealed);
                }
                (ContentType::ALERT, &alert)
            }
            Control::KeyUpdate { request } => {
                let message_type = HandshakeType::KEY_UPDATE;
                let [a, b, c, d] = HandshakeHeader { message_type, length: 1 }.encode();
                update = [a, b, c, d, u8::from(request)];
                (ContentType::HANDSHAKE, &update)
            }
        };
        self.seal_record(content_type, &mut Source::of(message), message.len(), out)
    }

    fn alert_sealed(&mut self) {
        // The only alert that ends nothing is a refusal to renegotiate.
        if self.is_tls12() && self.state == WriteState::Open {
            self.refusals_due = self.refusals_due.saturating_sub(1);
            return;
        }
        self.state = self.state.after(self.on_peer_close(), Trigger::AlertSealed);
        if self.state == WriteState::Failed {
            self.keys.wipe();
        }
    }

    /// The next record is under the next keys (RFC 9846 section 4.7.3).
    fn key_update_sealed(&mut self, request: bool, out: &mut [u8]) -> Result<(), SealError> {
        if let Some(keys) = self.keys.get_mut()
            && keys.update().is_err()
        {
            // Nobody may send it: there are no keys to follow it.
            out.fill(0);
            return Err(self.crypto_failed());
        }
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
        Ok(())
    }

    // Closing

    /// Closes our direction: a close_notify is queued for [`poll_control`](Self::poll_control), and
    /// no data follows it. The receiving direction stays open (RFC 9846 section 6.1). Safe to repeat:
    /// the alert is sent once.
    ///
    /// # Errors
    /// [`CloseError::AlreadyClosed`] if our close_notify is sealed; [`CloseError::Failed`] if the
    /// connection has failed; [`CloseError::Truncated`] if the transport had ended before the peer's
    /// close_notify, and then ours is queued all the same.
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
            WriteState::Open | WriteState::CancelQueued | WriteState::CloseQueued => {}
        }
        self.state = self.state.after(self.on_peer_close(), trigger);
        if self.is_truncated { Err(CloseError::Truncated) } else { Ok(()) }
    }

    /// Ends the connection with a fatal alert: what a handshake does when it fails
    /// (RFC 9846 section 6.2). Data that is sealed already still goes out before it.
    ///
    /// # Errors
    /// [`CloseError::NotAnErrorAlert`] for the alerts that this is no way to send;
    /// [`CloseError::AlreadyClosed`] if our close_notify is sealed, [`CloseError::Failed`] if the
    /// connection has failed: no alert is sent then.
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
            | WriteState::Closed => {}
        }
        let is_closed = self.state == WriteState::Closed;
        // Of one connection one alert is told, once, though its close_notify is sealed.
        if self.fatal.is_none() {
            self.signal = self.signal.merge(Signal::stop(description));
        }
        self.queue_fatal(description);
        self.fatal.get_or_insert(description);
        if is_closed { Err(CloseError::AlreadyClosed) } else { Ok(()) }
    }

    fn queue_fatal(&mut self, description: AlertDescription) {
        let before = self.state;
        self.state = before.after(self.on_peer_close(), Trigger::Fault);
        if before != self.state {
            self.fatal = Some(description);
        }
        self.clear_updates();
    }

    /// The connection has failed and there is no alert to send.
    pub(super) fn fail(&mut self) {
        if self.state != WriteState::Failed {
            self.fatal = None;
        }
        self.state = self.state.after(self.on_peer_close(), Trigger::PeerError);
        self.clear_updates();
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

    /// How this direction ended, or that it has not.
    pub fn end(&self) -> WriteEnd {
        match (self.state, self.fatal) {
            (WriteState::Open, _) => WriteEnd::Open,
            (WriteState::CancelQueued | WriteState::CloseQueued, _) => WriteEnd::Closing,
            (WriteState::Closed, _) => WriteEnd::Closed,
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

    /// Queues a KeyUpdate for [`poll_control`](Self::poll_control) (RFC 9846 section 4.7.3): we go on
    /// to our next generation of keys, and `request` asks the peer to do the same. Data waits for it.
    ///
    /// # Errors
    /// [`KeyError::NoUpdate`] unless TLS 1.3 application keys are installed and fewer than 2^48 - 1
    /// updates were sent; [`KeyError::RequestOutstanding`] if the peer has not answered the last
    /// request; [`KeyError::Closed`] if this direction is closed or has failed.
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        if self.state != WriteState::Open {
            return Err(KeyError::Closed);
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
    /// more than its end.
    pub fn refuse_renegotiation(&mut self) -> Result<(), KeyError> {
        if self.epoch != Epoch::Application || !self.is_tls12() {
            return Err(KeyError::Epoch);
        }
        if self.state != WriteState::Open || self.is_exhausted() {
            return Err(KeyError::Closed);
        }
        self.refusals_due = self.refusals_due.saturating_add(1);
        Ok(())
    }

    // The other half

    /// Takes in what the [`Opener`](crate::Opener) of this connection found out.
    pub fn apply(&mut self, notice: Notice) {
        if notice.contains(Notice::PEER_CLOSED) {
            self.state = self.state.after(self.on_peer_close(), Trigger::PeerCloseNotify);
        }
        // It comes alone most often.
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
        if notice.contains(Notice::UPDATE_REQUESTED)
            && self.state == WriteState::Open
            && self.updates_left != 0
        {
            self.update_due = true;
        }
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

    /// What the [`Opener`](crate::Opener) of this connection must be told, before the record that
    /// made it leaves: the answer may come at once. Kept until it is taken.
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
    use crate::aead::Algorithm;
    use crate::aead::null::Null;
    use crate::{Config, Role, TrafficSecret};

    // RFC 9846 section 4.7.3: the number of key updates must not exceed 2^48 - 1; at the cap a request
    // of the peer is ignored, and the connection ends when the keys are used up.
    #[test]
    fn the_last_key_update_is_number_2_to_the_48_minus_1() {
        let mut config = Config::new(Role::Client);
        config.key_limit = 6;
        let mut sealer = Sealer::new(config);
        let secret = TrafficSecret::<Null>::tls13(Algorithm::Aes128Gcm, &[0; 32]).unwrap();
        sealer.install(Epoch::Application, secret, 0).unwrap();
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
