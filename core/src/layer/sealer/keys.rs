//! Changing the keys of the sending half.

use super::Sealer;
use crate::crypto::keys::KeySchedule;
use crate::crypto::protection::{CONTROL_RESERVE, Protection};
use crate::crypto::scrub::scrub_stack;
use crate::protocol::close::WriteState;
use crate::protocol::error::KeyError;
use crate::protocol::record::{Epoch, Version};

impl<K: KeySchedule> Sealer<K> {
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
    /// - [`KeyError::Length`] if the tags have no bytes, or more than 48.
    /// - [`KeyError::Crypto`] if the keys cannot be made.
    pub fn install(&mut self, epoch: Epoch, schedule: K) -> Result<(), KeyError> {
        self.take_over(epoch, schedule, 0)
    }

    /// Takes over keys under which another implementation has sealed records.
    ///
    /// `sequence` is the sequence number of the next record. **A number that was used before
    /// reveals content and allows forgeries** (RFC 5116 section 5.1.1). No record has the number
    /// `u64::MAX`: sealing one fails. For new keys, use [`install`](Self::install).
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

    /// TLS 1.2: allows application data.
    ///
    /// A client may call it when its Finished is sealed (False Start), or when the server's is
    /// verified.
    ///
    /// # Errors
    /// - [`KeyError::Epoch`] unless TLS 1.2 keys are installed as [`Epoch::Handshake`].
    /// - [`KeyError::NonceReuse`] if no record was sealed under the keys: the Finished is missing.
    ///   If another implementation sealed it, [take over](Self::take_over) the keys.
    /// - [`KeyError::Closed`] if this direction is closing, is closed, or has failed.
    /// - [`KeyError::HandedOver`] if the keys of this direction were handed over.
    pub fn establish(&mut self) -> Result<(), KeyError> {
        if self.epoch != Epoch::Handshake || !self.is_tls12() {
            return Err(KeyError::Epoch);
        }
        if self.sequence() == Some(0) {
            return Err(KeyError::NonceReuse);
        }
        match self.state {
            WriteState::Open => {}
            WriteState::HandedOver => return Err(KeyError::HandedOver),
            _ => return Err(KeyError::Closed),
        }
        self.epoch = Epoch::Application;
        Ok(())
    }
}
