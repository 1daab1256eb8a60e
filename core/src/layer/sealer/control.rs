//! Control records, which the sending half makes by itself: which are due, in which order they are sealed,
//! and those that the caller asks for.

use super::Sealer;
use crate::buffer::bytes::Source;
use crate::crypto::keys::KeySchedule;
use crate::layer::notice::Signal;
use crate::protocol::alert::{ALERT_LEN, Alert, AlertDescription};
use crate::protocol::close::{OnPeerClose, Trigger, WriteState};
use crate::protocol::control::{Control, KEY_UPDATE_LEN};
use crate::protocol::error::{KeyError, SealError};
use crate::protocol::record::{ContentType, Epoch, Version};
use crate::small::SMALL;

impl<K: KeySchedule> Sealer<K> {
    // Sealing

    /// Returns whether [`poll_control`](Self::poll_control) has a record to seal.
    ///
    /// Check it after every call, so that the peer is answered even if there is no data to send.
    pub fn has_control(&self) -> bool {
        self.next_control().is_some()
    }

    /// Returns the record that [`poll_control`](Self::poll_control) seals next.
    ///
    /// With it, the caller can log the alerts that are sent (RFC 9846 section 6.2).
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
        // After our change_cipher_spec the peer opens records under its keys: an alert waits for
        // them.
        if self.is_keys_due() { None } else { self.control_in(self.state) }
    }

    /// Returns the control record that is due in a direction in this state.
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

    /// Takes the alert or KeyUpdate that is due in a direction that the [kernel
    /// has](Self::hand_to_kernel).
    ///
    /// The caller sends it through the kernel, as a record of the content type of its
    /// [`message`](Control::message). Each is returned once, and each call returns one. `None` if
    /// nothing is due, or if the kernel does not have the direction.
    ///
    /// Call it after every other call, keep what it returns until the kernel has taken it, and
    /// write no data before it. After a KeyUpdate, give the kernel the [next
    /// keys](crate::KernelDirection::update).
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
            Control::KeyUpdate { request } => self.on_key_update_sent(request),
        }
        Some(control)
    }

    /// Seals the alert or KeyUpdate that is due. Returns the number of bytes written: 0 if none is
    /// due.
    ///
    /// Each call seals one record, under the current keys, or in plaintext if there are none
    /// (RFC 9846 section 6).
    ///
    /// # Errors
    /// - [`SealError::NoSpace`] if `out` is shorter than the record. Nothing has changed: the
    ///   record stays due.
    /// - [`SealError::Crypto`] if the cipher failed: the connection has failed.
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

    /// Returns how many KeyUpdates are due before data: one without a request, one with a request.
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
            return self.check_sealed(sealed);
        }
        let message = control.message();
        let bytes = message.as_bytes();
        let written =
            self.seal_record(message.content_type(), &mut Source::of(bytes), bytes.len(), out)?;
        self.has_sealed = true;
        Ok(written)
    }

    fn alert_sealed(&mut self) {
        // The only alert of an open direction is a refusal to renegotiate.
        if self.is_tls12() && self.state == WriteState::Open {
            self.refusals_due = self.refusals_due.saturating_sub(1);
            return;
        }
        self.state = self.state.after(OnPeerClose::HalfClose, Trigger::AlertSealed);
        if self.state == WriteState::Failed {
            self.keys.wipe();
        }
    }

    /// Replaces the keys after a KeyUpdate was sealed (RFC 9846 section 4.7.3).
    fn key_update_sealed(&mut self, request: bool, out: &mut [u8]) -> Result<(), SealError> {
        if let Some(keys) = self.keys.get_mut()
            && keys.update().is_err()
        {
            // Without new keys the KeyUpdate must not be sent.
            out.fill(0);
            return Err(self.crypto_failed());
        }
        self.on_key_update_sent(request);
        Ok(())
    }

    /// Counts a KeyUpdate that was sealed, or taken for the kernel.
    fn on_key_update_sent(&mut self, request: bool) {
        // Does not wrap: no KeyUpdate is due when none is left.
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

    // KeyUpdates and refusals on request

    /// Queues a KeyUpdate for [`poll_control`](Self::poll_control) (RFC 9846 section 4.7.3).
    ///
    /// After the KeyUpdate this half seals records under its next generation of keys. With
    /// `request`, the peer is asked to update its keys too. No data is sealed before the KeyUpdate.
    ///
    /// # Errors
    /// - [`KeyError::NoUpdate`] unless TLS 1.3 application keys are installed and fewer than 2^48 -
    ///   1 KeyUpdates were sent.
    /// - [`KeyError::RequestOutstanding`] if `request` is set and the peer has not answered the
    ///   last request.
    /// - [`KeyError::Closed`] if this direction is closing, is closed, or has failed.
    /// - [`KeyError::HandedOver`] if the keys of this direction were handed over.
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

    /// TLS 1.2: queues a warning of no_renegotiation, to refuse a renegotiation.
    ///
    /// It answers a HelloRequest or a ClientHello on an established connection (RFC 5246
    /// section 7.2.2). If the kernel has this direction,
    /// [`take_kernel_control`](Self::take_kernel_control) returns the alert.
    ///
    /// # Errors
    /// - [`KeyError::Epoch`] in TLS 1.3, where it is never sent, and before the handshake is
    ///   complete.
    /// - [`KeyError::Closed`] if this direction is closing, is closed, or has failed, or if its
    ///   keys may only seal the alerts that end it.
    /// - [`KeyError::HandedOver`] if the keys of this direction were suspended.
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
}

#[cfg(all(test, feature = "null-aead"))]
mod tests {
    use super::*;
    use crate::crypto::aead::Algorithm;
    use crate::crypto::aead::null::Null;
    use crate::crypto::keys::TrafficSecret;
    use crate::layer::config::Config;
    use crate::layer::notice::Notice;
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
        // Two KeyUpdates are due, and only one may still be sent.
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
