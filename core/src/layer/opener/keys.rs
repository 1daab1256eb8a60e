//! When the keys of the receiving half change, and what its records may hold under them.

use super::{EarlyData, Opener};
use crate::crypto::keys::KeySchedule;
use crate::crypto::protection::Protection;
use crate::crypto::scrub::scrub_stack;
use crate::protocol::error::{Fault, KeyError, OpenError};
use crate::protocol::record::{
    Epoch, MAX_CONTENT, MAX_PROTECTED_TLS12, MAX_PROTECTED_TLS13, Role, Version,
};
use crate::protocol::record_size_limit::RecordSizeLimit;

impl<K: KeySchedule> Opener<K> {
    /// Sets the negotiated protocol version. Call it as soon as the ServerHello has been sent or read:
    /// before that, plaintext alerts are taken by the rules of TLS 1.2, if there is that feature, and
    /// a server refuses change_cipher_spec. Installing keys sets it too, and from then on it stays.
    /// The first call counts; a version other than that of [`Config::version`](crate::Config) changes
    /// nothing.
    pub fn set_version(&mut self, version: Version) {
        if self.version.is_none() && self.pinned.is_none_or(|pinned| pinned == version) {
            self.version = Some(version);
        }
    }

    /// Limits what the peer may send from now on to a record_size_limit of ours that it confirmed: see
    /// [`Config::record_size_limit`](crate::Config), which is for those who know it beforehand.
    pub fn set_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.record_size_limit = Some(limit);
        self.set_limits();
    }

    /// Opens records under these keys from the next one on, which has sequence number 0. Keys under
    /// which another implementation has opened records are [taken over](Self::take_over).
    ///
    /// In TLS 1.2 keys begin with the peer's Finished: install [`Epoch::Handshake`] at
    /// [`Event::ChangeCipherSpec`](crate::Event::ChangeCipherSpec), and
    /// [`establish`](Self::establish) when the Finished is verified.
    ///
    /// # Errors
    /// [`KeyError::Fault`] if a handshake message is split by the key change (RFC 9846 section 5.1):
    /// the connection has failed. [`KeyError::Epoch`] unless epochs go forward (in TLS 1.2: if there
    /// are keys already). [`KeyError::NonceReuse`] for [`Epoch::Application`] in TLS 1.2.
    /// [`KeyError::SameSecret`] if the keys in use are made of the same secret.
    /// [`KeyError::Mismatch`] if the keys are of another version than the connection.
    /// [`KeyError::ShortTag`] if early data is [skipped](Self::skip_early_data) by trial and the tags
    /// are shorter than 16 bytes. [`KeyError::Closed`] if this direction has ended,
    /// [`KeyError::HandedOver`] if its keys were handed over. [`KeyError::Crypto`] if the keys cannot
    /// be made.
    pub fn install(&mut self, epoch: Epoch, schedule: K) -> Result<(), KeyError> {
        self.take_over(epoch, schedule, 0)
    }

    /// Opens records under keys under which another implementation has opened some: `sequence` is
    /// the number of the next one. Keys that begin here are [installed](Self::install).
    ///
    /// After a handshake by another library this is 1 in TLS 1.2, where the Finished had number 0. In
    /// TLS 1.3 it is 0 in a server, and in a client the number of records, of NewSessionTickets for
    /// instance, that the library has opened under the application keys.
    ///
    /// # Errors
    /// Those of [`install`](Self::install), with [`KeyError::NonceReuse`] only for a `sequence` of 0.
    pub fn take_over(&mut self, epoch: Epoch, schedule: K, sequence: u64) -> Result<(), KeyError> {
        let installed = self.make_keys(epoch, schedule, sequence);
        scrub_stack(K::STACK);
        installed
    }

    /// Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    fn make_keys(&mut self, epoch: Epoch, schedule: K, sequence: u64) -> Result<(), KeyError> {
        self.check_state()?;
        let version = schedule.version();
        version.check_keys(self.version.or(self.pinned), self.epoch, epoch, sequence)?;
        // The same secret in a later epoch would begin its sequence numbers anew.
        if self.is_under(&schedule) {
            return Err(KeyError::SameSecret);
        }
        self.check_key_change()?;
        self.keys.make(schedule, sequence)?;
        let early_data = match (epoch, self.early_data) {
            (Epoch::EarlyData, _) => EarlyData::Accepted,
            (Epoch::Handshake, EarlyData::SkipUndecryptable) if !version.is_tls12() => {
                if self.has_short_tags() {
                    // There were none before: early data is skipped from the ClientHello on.
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
        self.set_limits();
        Ok(())
    }

    /// Whether there are keys whose tags are so short that a peer must not be let try many.
    fn has_short_tags(&self) -> bool {
        self.keys.get().is_some_and(|keys| keys.tag_len() < 16)
    }

    /// TLS 1.2: the peer's Finished is verified, application data may come.
    ///
    /// # Errors
    /// [`KeyError::Epoch`] unless TLS 1.2 keys are installed; [`KeyError::NonceReuse`] if no Finished
    /// was opened under them; [`KeyError::Fault`] if the Finished was not the end of its record;
    /// [`KeyError::Closed`] if this direction has ended, [`KeyError::HandedOver`] if its keys were
    /// handed over.
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

    /// Server, TLS 1.3: early data was offered and is rejected. It is skipped, as many bytes as
    /// [`Limits::early_data`](crate::Limits) allows on the wire: after a HelloRetryRequest up to the
    /// second ClientHello, otherwise up to the first record that opens under the handshake keys,
    /// which may be installed before or after this call, but before the next [`open`](Self::open).
    ///
    /// # Errors
    /// [`KeyError::Epoch`] under early data or application keys, after a record has opened under the
    /// handshake keys, on a client, and in TLS 1.2: every record that does not open is a forgery there.
    /// [`KeyError::ShortTag`] if tags are shorter than 16 bytes.
    pub fn skip_early_data(&mut self, after_hello_retry_request: bool) -> Result<(), KeyError> {
        self.early_data = match (after_hello_retry_request, self.epoch) {
            _ if self.is_tls12() || self.role == Role::Client => return Err(KeyError::Epoch),
            (true, Epoch::Plaintext) => EarlyData::SkipApplicationData,
            (false, Epoch::Plaintext) => EarlyData::SkipUndecryptable,
            (false, Epoch::Handshake) if self.sequence() == Some(0) => {
                if self.has_short_tags() {
                    return Err(KeyError::ShortTag);
                }
                EarlyData::SkipUndecryptable
            }
            _ => return Err(KeyError::Epoch),
        };
        Ok(())
    }

    /// Whether the keys now in use are made of the same secret as these.
    pub(crate) fn is_under(&self, schedule: &K) -> bool {
        self.keys.get().is_some_and(|keys| keys.schedule().is_same_secret(schedule))
    }

    /// The secret of the keys in use.
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

    /// RFC 9846 sections 5.2 and 5.4, RFC 5246 section 6.2.3, RFC 8449 section 4.
    fn set_limits(&mut self) {
        let Some(keys) = self.keys.get() else { return };
        let (is_tls12, expansion) = (keys.version.is_tls12(), keys.expansion());
        let (max_body, max_plaintext) = if is_tls12 {
            (MAX_PROTECTED_TLS12, MAX_CONTENT)
        } else {
            (MAX_PROTECTED_TLS13, MAX_CONTENT.wrapping_add(1))
        };
        (self.max_body, self.max_plaintext) = match self.record_size_limit {
            Some(limit) => {
                // In TLS 1.3 the limit counts the content type, which the expansion counts too.
                let counted = u16::from(!is_tls12);
                let limit = limit.get().min(max_plaintext);
                let expansion = expansion.wrapping_sub(counted);
                (limit.wrapping_add(expansion).min(max_body), limit)
            }
            None => (max_body, max_plaintext),
        };
    }
}
