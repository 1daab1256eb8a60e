//! Early data while it is rejected, or accepted (RFC 9846 section 4.3.10).

use super::{Event, Opened, Opener};
use crate::crypto::keys::KeySchedule;
use crate::protocol::error::{Fault, KeyError, OpenError};
use crate::protocol::record::{Epoch, MAX_PROTECTED_TLS13, Role};

/// How early data is handled while it is being rejected or accepted (RFC 9846 section 4.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EarlyData {
    /// There is none, or it is over.
    None,
    /// Its content is delivered.
    Accepted,
    /// Records that do not open are dropped, up to the first that does.
    SkipUndecryptable,
    /// Application data is dropped, up to the second ClientHello.
    SkipApplicationData,
}

impl EarlyData {
    /// Returns whether the body of a protected record is longer than `limit`. Skipped early data
    /// may have the full length of TLS 1.3, because the client did not know the limit yet.
    pub(super) fn is_over(self, limit: u16, length: u16) -> bool {
        length > limit && !(self == Self::SkipUndecryptable && length <= MAX_PROTECTED_TLS13)
    }
}

impl<K: KeySchedule> Opener<K> {
    /// Skips early data that was offered and is rejected. For servers, in TLS 1.3.
    ///
    /// As many bytes are skipped as [`Limits::early_data`](crate::Limits) allows on the wire. After
    /// a HelloRetryRequest, early data is skipped up to the second ClientHello, otherwise up to the
    /// first record that opens under the handshake keys. These may be installed before or after
    /// this call, but before the next [`open`](Self::open).
    ///
    /// # Errors
    /// - [`KeyError::Epoch`] under early data or application keys, after a record has opened under
    ///   the handshake keys, on a client, and in TLS 1.2, where every record that does not open is
    ///   a forgery. After a HelloRetryRequest also under handshake keys.
    /// - [`KeyError::ShortTag`] if the tags are shorter than 16 bytes.
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

    /// Handles a record that does not open: a forgery, or rejected early data (RFC 9846
    /// section 4.3.10).
    #[cold]
    #[inline(never)]
    pub(super) fn not_opened(&mut self, fault: Fault, total: usize) -> Result<Opened, OpenError> {
        if self.early_data != EarlyData::SkipUndecryptable {
            return Err(fault.into());
        }
        self.charge_early_data(total)?;
        Ok(Opened { consumed: total, event: Event::Nothing })
    }

    /// Ends the skipping of rejected early data: a record has opened.
    pub(super) fn early_data_opened(&mut self) {
        if self.early_data == EarlyData::SkipUndecryptable {
            self.early_data = EarlyData::None;
        }
    }

    pub(super) fn charge_early_data(&mut self, bytes: usize) -> Result<(), Fault> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if bytes > self.early_data_left {
            return Err(Fault::TooMuchEarlyData);
        }
        self.early_data_left = self.early_data_left.wrapping_sub(bytes);
        Ok(())
    }

    /// Returns whether there are keys with tags so short that a peer must not get many attempts to
    /// forge one.
    pub(super) fn has_short_tags(&self) -> bool {
        self.keys.get().is_some_and(|keys| keys.tag_len() < 16)
    }
}
