//! When the keys of the receiving half change, and what its records may hold under them.

use core::num::NonZeroU16;

use super::{EarlyData, Opener};
use crate::close::ReadState;
use crate::error::{Fault, KeyError, OpenError};
use crate::keys::KeySchedule;
use crate::record::{Epoch, MAX_CONTENT, MAX_PROTECTED_TLS12, MAX_PROTECTED_TLS13, Version};
use crate::scrub::scrub_stack;

impl<K: KeySchedule> Opener<K> {
    /// Says which version the handshake chose, as soon as it did: before that, plaintext alerts are
    /// taken by the rules of TLS 1.2, if there is that feature, and a server refuses
    /// change_cipher_spec. Installing keys says it too, and from then on it stays.
    pub const fn set_version(&mut self, version: Version) {
        if matches!(self.epoch, Epoch::Plaintext) {
            self.version = Some(version);
        }
    }

    /// The peer confirmed this record_size_limit of ours, which binds what it sends from now on: see
    /// [`Config::record_size_limit`](crate::Config), which is for those who know it beforehand.
    pub fn set_record_size_limit(&mut self, limit: u16) {
        self.record_size_limit = NonZeroU16::new(limit);
        self.set_limits();
    }

    /// From the next record on, the peer protects with these keys. `sequence` is the number of that
    /// record: 0, unless another implementation has opened some.
    ///
    /// For TLS 1.2, install [`Epoch::Handshake`] at
    /// [`Event::ChangeCipherSpec`](crate::Event::ChangeCipherSpec), and
    /// [`establish`](Self::establish) when the Finished is verified; or [`Epoch::Application`] if
    /// the handshake was made elsewhere.
    ///
    /// # Errors
    /// [`KeyError::Fault`] if a handshake message is split by the key change (RFC 9846 section 5.1):
    /// the connection has failed. [`KeyError::Epoch`] unless epochs go forward (in TLS 1.2: if there
    /// are keys already). [`KeyError::Closed`] if this direction has ended. [`KeyError::Crypto`] if
    /// the keys cannot be made.
    pub fn install(&mut self, epoch: Epoch, schedule: K, sequence: u64) -> Result<(), KeyError> {
        let installed = self.make_keys(epoch, schedule, sequence);
        scrub_stack(K::STACK);
        installed
    }

    /// Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    fn make_keys(&mut self, epoch: Epoch, schedule: K, sequence: u64) -> Result<(), KeyError> {
        let version = schedule.version();
        if !version.has_keys(self.epoch, epoch) {
            return Err(KeyError::Epoch);
        }
        self.check_key_change()?;
        self.keys.make(schedule, sequence)?;
        self.version = Some(version);
        self.epoch = epoch;
        self.keys_due = false;
        self.early_data = match (epoch, self.early_data) {
            (Epoch::EarlyData, _) => EarlyData::Accepted,
            (Epoch::Handshake, EarlyData::SkipUndecryptable) if !version.is_tls12() => {
                EarlyData::SkipUndecryptable
            }
            _ => EarlyData::None,
        };
        self.set_limits();
        Ok(())
    }

    /// TLS 1.2: the peer's Finished is verified, application data may come.
    ///
    /// # Errors
    /// [`KeyError::Epoch`] unless TLS 1.2 keys are installed; [`KeyError::Fault`] if the Finished was
    /// not the end of its record; [`KeyError::Closed`] if this direction has ended.
    pub fn establish(&mut self) -> Result<(), KeyError> {
        if self.epoch != Epoch::Handshake || !self.is_tls12() {
            return Err(KeyError::Epoch);
        }
        self.check_key_change()?;
        self.epoch = Epoch::Application;
        Ok(())
    }

    /// Server, TLS 1.3: early data was offered and is rejected. It is skipped, as many bytes as
    /// [`Limits::early_data`](crate::Limits) allows on the wire: after a HelloRetryRequest up to the
    /// second ClientHello, otherwise up to the first record that opens under the handshake keys,
    /// which may be installed before or after this call, but before the next [`open`](Self::open).
    ///
    /// # Errors
    /// [`KeyError::Epoch`] under early data or application keys, and in TLS 1.2, where every record
    /// that does not open is a forgery.
    pub fn skip_early_data(&mut self, after_hello_retry_request: bool) -> Result<(), KeyError> {
        self.early_data = match (after_hello_retry_request, self.epoch) {
            _ if self.is_tls12() => return Err(KeyError::Epoch),
            (true, Epoch::Plaintext) => EarlyData::SkipApplicationData,
            (false, Epoch::Plaintext | Epoch::Handshake) => EarlyData::SkipUndecryptable,
            _ => return Err(KeyError::Epoch),
        };
        Ok(())
    }

    fn check_key_change(&mut self) -> Result<(), KeyError> {
        if self.state != ReadState::Open {
            return Err(KeyError::Closed);
        }
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
