//! What a record holds: data, an alert, or a change_cipher_spec. `handshake.rs` handles the messages of
//! a handshake.

use core::ops::Range;

use super::early_data::EarlyData;
use super::{Event, Opened, Opener};
use crate::buffer::front::Front;
use crate::crypto::keys::KeySchedule;
use crate::layer::notice::Notice;
use crate::protocol::alert::{Alert, AlertClass, AlertLevel};
use crate::protocol::close::Trigger;
use crate::protocol::error::{Fault, Flood, OpenError};
use crate::protocol::record::{ContentType, Epoch, Version};

/// An unprotected record, or one whose protection was removed. `start` is where its content begins.
pub(super) struct Plaintext<'a> {
    pub(super) content_type: ContentType,
    pub(super) content: Front<'a>,
    pub(super) start: usize,
    /// Length of the plaintext: in TLS 1.3, with the content type and the padding.
    pub(super) len: usize,
    pub(super) was_protected: bool,
}

impl<K: KeySchedule> Opener<K> {
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(super) fn deliver(
        &mut self,
        record: Plaintext<'_>,
        total: usize,
    ) -> Result<Opened, OpenError> {
        let Plaintext { content_type, content, start, len, was_protected } = record;
        // Does not wrap: the content ends within the record.
        let end = start.wrapping_add(content.len());
        if self.is_draining {
            self.drained = self.drained.saturating_add(total as u32); // 5 bytes and a 16-bit length
        }
        match content_type {
            ContentType::APPLICATION_DATA => self.other_data(start..end, len, total),
            ContentType::ALERT => self.alert(content.bytes(), was_protected, total),
            ContentType::HANDSHAKE => self.handshake(content, start, total.wrapping_sub(end)),
            ContentType::CHANGE_CIPHER_SPEC if !was_protected => {
                self.change_cipher_spec(content.bytes(), total)
            }
            _ => Err(Fault::UnexpectedContentType.into()),
        }
    }

    /// Refuses a record between the fragments of a handshake message (RFC 9846 section 5.1), which
    /// TLS 1.2 allows (RFC 5246 section 6.2.1).
    pub(super) fn check_not_interleaved(&self) -> Result<(), Fault> {
        if self.messages.is_partial() && !self.is_tls12() {
            return Err(Fault::Interleaved);
        }
        Ok(())
    }

    /// Handles application data off the fast path: empty records and early data.
    #[cfg_attr(target_pointer_width = "64", cold)]
    fn other_data(
        &mut self,
        range: Range<usize>,
        plaintext_len: usize,
        total: usize,
    ) -> Result<Opened, OpenError> {
        match (self.epoch, self.early_data) {
            (Epoch::Plaintext, EarlyData::SkipApplicationData) => {
                self.charge_early_data(total)?;
                return Ok(Opened { consumed: total, event: Event::Nothing });
            }
            (Epoch::EarlyData, EarlyData::Accepted) => {
                self.check_not_interleaved()?;
                self.charge_early_data(range.len())?;
            }
            (Epoch::Application, _) => self.check_not_interleaved()?,
            _ => return Err(Fault::UnexpectedContentType.into()),
        }
        if !range.is_empty() {
            self.budget.data_arrived(&self.limits);
            return Ok(Opened { consumed: total, event: Event::ApplicationData(range) });
        }
        // A record of padding is cover traffic (RFC 9846 section 5.4).
        if plaintext_len <= 1 {
            self.budget.spend(Flood::EmptyRecords)?;
        }
        Ok(Opened { consumed: total, event: Event::Nothing })
    }

    /// Handles an alert (RFC 9846 section 6, RFC 5246 section 7.2).
    fn alert(
        &mut self,
        content: &[u8],
        is_protected: bool,
        total: usize,
    ) -> Result<Opened, OpenError> {
        if content.is_empty() {
            return Err(Fault::EmptyAlert.into());
        }
        let alert = Alert::decode(content).ok_or(Fault::AlertLength)?;
        let mut class = alert.description.class();
        // In TLS 1.2 the level decides. It also decides before the version is known, because a
        // TLS 1.2 server may send a warning before its ServerHello.
        let version = self.version.or(self.pinned);
        if cfg!(feature = "tls12") && version != Some(Version::Tls13) {
            class = match (alert.level, class) {
                (AlertLevel::WARNING | AlertLevel::FATAL, AlertClass::Closure) => class,
                (AlertLevel::WARNING, _) => AlertClass::UserCanceled,
                (AlertLevel::FATAL, _) => AlertClass::Error,
                _ => return Err(Fault::AlertLevel.into()),
            };
        }
        if class == AlertClass::Error {
            return Err(OpenError::PeerAlert(alert.description));
        }
        self.check_not_interleaved()?;
        if !is_protected && self.keys.get().is_some() {
            // An unprotected alert can be forged, and must not count as the peer's.
            return Err(Fault::UnexpectedContentType.into());
        }
        if class == AlertClass::Closure {
            self.end_by(Trigger::PeerCloseNotify, Notice::PEER_CLOSED);
            return Ok(Opened { consumed: total, event: Event::Closed });
        }
        self.budget.spend(Flood::Warnings)?;
        Ok(Opened { consumed: total, event: Event::Warning(alert.description) })
    }

    /// Handles a change_cipher_spec (RFC 9846 section 5, RFC 5246 section 7.1).
    fn change_cipher_spec(&mut self, content: &[u8], total: usize) -> Result<Opened, OpenError> {
        if content != [1] {
            return Err(Fault::BadChangeCipherSpec.into());
        }
        if self.is_tls12() {
            if self.messages.is_partial() {
                return Err(Fault::SpansKeyChange.into());
            }
            self.keys_due = true;
            return Ok(Opened { consumed: total, event: Event::ChangeCipherSpec });
        }
        self.check_not_interleaved()?;
        self.budget.spend(Flood::ChangeCipherSpecs)?;
        Ok(Opened { consumed: total, event: Event::Nothing })
    }
}
