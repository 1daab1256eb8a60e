//! Changing the keys of the receiving half, and the limits on records under them.

use super::{EarlyData, Opener};
use crate::crypto::keys::KeySchedule;
use crate::crypto::protection::Protection;
use crate::crypto::scrub::scrub_stack;
use crate::protocol::error::{Fault, KeyError, OpenError};
use crate::protocol::record::{
    Epoch, MAX_CONTENT, MAX_PROTECTED_TLS12, MAX_PROTECTED_TLS13, Version,
};
use crate::protocol::record_size_limit::RecordSizeLimit;

impl<K: KeySchedule> Opener<K> {
    /// Sets the negotiated protocol version.
    ///
    /// Call it as soon as the ServerHello has been sent or read. Until then, plaintext alerts are
    /// handled by the rules of TLS 1.2 if the feature `tls12` is enabled, and a server refuses
    /// change_cipher_spec. Installing keys sets the version too. Once set, it does not change. A
    /// version other than that of [`Config::version`](crate::Config) is ignored.
    pub fn set_version(&mut self, version: Version) {
        if self.version.is_none() && self.pinned.is_none_or(|pinned| pinned == version) {
            self.version = Some(version);
        }
    }

    /// Limits received records from now on to the record_size_limit that this end announced.
    ///
    /// Call it when the peer has confirmed the limit. If it is known beforehand, set
    /// [`Config::record_size_limit`](crate::Config) instead.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Opener, RecordSizeLimit, Role, TrafficSecret};
    /// # let mut opener = Opener::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # opener.install(Epoch::Application, secret)?;
    /// opener.set_record_size_limit(RecordSizeLimit::new(512).unwrap());
    /// // The headers of records with 512 bytes of plaintext, and with one more; each has a tag of 16 bytes.
    /// assert_eq!(opener.needed(&[23, 3, 3, 2, 16]), 5 + 512 + 16);
    /// assert_eq!(opener.needed(&[23, 3, 3, 2, 17]), 0); // It will be refused.
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn set_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.record_size_limit = Some(limit);
        self.set_max_lengths();
    }

    /// Installs the keys of the next records, which start at sequence number 0.
    ///
    /// For keys under which another implementation has opened records, use
    /// [`take_over`](Self::take_over).
    ///
    /// In TLS 1.2 the first record under the keys is the peer's Finished: install them as
    /// [`Epoch::Handshake`] at [`Event::ChangeCipherSpec`](crate::Event::ChangeCipherSpec), and
    /// call [`establish`](Self::establish) when the Finished is verified.
    ///
    /// # Errors
    /// - [`KeyError::Fault`] if a handshake message spans the key change (RFC 9846 section 5.1):
    ///   the connection has failed.
    /// - [`KeyError::Epoch`] if `epoch` is not later than the current one; in TLS 1.2 also if there
    ///   are keys already, or for [`Epoch::EarlyData`].
    /// - [`KeyError::NonceReuse`] for [`Epoch::Application`] in TLS 1.2.
    /// - [`KeyError::SameSecret`] if the current keys have the same secret.
    /// - [`KeyError::Mismatch`] if the keys are of another version than the connection.
    /// - [`KeyError::ShortTag`] if early data is [skipped](Self::skip_early_data) by trial and the
    ///   tags are shorter than 16 bytes.
    /// - [`KeyError::Closed`] if this direction has ended.
    /// - [`KeyError::HandedOver`] if the keys of this direction were handed over.
    /// - [`KeyError::Length`] if the tags have no bytes, or more than 48.
    /// - [`KeyError::Crypto`] if the keys cannot be made.
    pub fn install(&mut self, epoch: Epoch, schedule: K) -> Result<(), KeyError> {
        self.take_over(epoch, schedule, 0)
    }

    /// Takes over keys under which another implementation has opened records.
    ///
    /// `sequence` is the sequence number of the next record. For new keys, use
    /// [`install`](Self::install).
    ///
    /// After a TLS 1.2 handshake by another library `sequence` is 1, because the Finished had
    /// number 0. In TLS 1.3 it is 0 in a server. In a client it is the number of records, such as
    /// those of NewSessionTickets, that the library has opened under the application keys.
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
        // Whatever the other checks say: see `KeySchedule::is_same_secret`.
        let is_in_use = self.has_secret_of(&schedule);
        self.check_state()?;
        let version = schedule.version();
        version.check_keys(self.version.or(self.pinned), self.epoch, epoch, sequence)?;
        // The same secret in a later epoch would start at sequence number 0 again.
        if is_in_use {
            return Err(KeyError::SameSecret);
        }
        self.check_key_change()?;
        self.keys.make(schedule, sequence)?;
        let early_data = match (epoch, self.early_data) {
            (Epoch::EarlyData, _) => EarlyData::Accepted,
            (Epoch::Handshake, EarlyData::SkipUndecryptable) if !version.is_tls12() => {
                if self.has_short_tags() {
                    // Nothing has changed then: there were no keys before, because early data is
                    // skipped from the ClientHello on.
                    self.keys.wipe();
                    return Err(KeyError::ShortTag);
                }
                EarlyData::SkipUndecryptable
            }
            _ => EarlyData::None,
        };
        self.version = Some(version);
        self.epoch = epoch;
        self.keys_due = false;
        self.early_data = early_data;
        self.set_fast();
        self.set_max_lengths();
        Ok(())
    }

    /// TLS 1.2: allows application data. Call it when the peer's Finished is verified.
    ///
    /// # Errors
    /// - [`KeyError::Epoch`] unless TLS 1.2 keys are installed as [`Epoch::Handshake`].
    /// - [`KeyError::NonceReuse`] if no record was opened under the keys: the Finished is missing.
    /// - [`KeyError::Fault`] if the Finished was not the end of its record: the connection has
    ///   failed.
    /// - [`KeyError::Closed`] if this direction has ended.
    /// - [`KeyError::HandedOver`] if the keys of this direction were handed over.
    pub fn establish(&mut self) -> Result<(), KeyError> {
        if self.epoch != Epoch::Handshake || !self.is_tls12() {
            return Err(KeyError::Epoch);
        }
        if self.sequence() == Some(0) {
            return Err(KeyError::NonceReuse);
        }
        self.check_key_change()?;
        self.epoch = Epoch::Application;
        self.set_fast();
        Ok(())
    }

    /// Returns whether the current keys have the same secret as `schedule`.
    pub(crate) fn has_secret_of(&self, schedule: &K) -> bool {
        self.keys.get().is_some_and(|keys| keys.schedule().is_same_secret(schedule))
    }

    /// Returns the schedule of the current keys, if there are keys.
    pub(crate) fn schedule(&self) -> Option<&K> {
        self.keys.get().map(Protection::schedule)
    }

    pub(crate) const fn version(&self) -> Option<Version> {
        self.version
    }

    fn check_key_change(&mut self) -> Result<(), KeyError> {
        self.check_state()?;
        if self.messages.is_partial() || self.rest != 0 {
            self.stop(OpenError::Fault(Fault::SpansKeyChange));
            return Err(KeyError::Fault(Fault::SpansKeyChange));
        }
        Ok(())
    }

    /// Sets the limits on the length of protected records (RFC 9846 sections 5.2 and 5.4, RFC 5246
    /// section 6.2.3, RFC 8449 section 4).
    fn set_max_lengths(&mut self) {
        let Some(keys) = self.keys.get() else { return };
        let (is_tls12, expansion) = (keys.version.is_tls12(), keys.expansion());
        let (max_body, max_plaintext) = if is_tls12 {
            (MAX_PROTECTED_TLS12, MAX_CONTENT)
        } else {
            (MAX_PROTECTED_TLS13, MAX_CONTENT.wrapping_add(1))
        };
        (self.max_body, self.max_plaintext) = match self.record_size_limit {
            Some(limit) => {
                // In TLS 1.3 both the limit and the expansion count the content type: count it
                // once.
                let counted = u16::from(!is_tls12);
                let limit = limit.get().min(max_plaintext);
                let expansion = expansion.wrapping_sub(counted);
                (limit.wrapping_add(expansion).min(max_body), limit)
            }
            None => (max_body, max_plaintext),
        };
    }
}
