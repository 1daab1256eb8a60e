//! Packing an [`Opener`] into bytes, and unpacking it.

use super::Opener;
use crate::buffer::fields::{Packer, Unpacker};
use crate::crypto::keys::{Extractable, TrafficSecret};
use crate::layer::budget::Budget;
use crate::layer::config::Limits;
use crate::layer::suspend_error::SuspendError;
use crate::protocol::close::ReadState;
use crate::protocol::error::OpenError;
use crate::protocol::record::{Epoch, Role};
use crate::protocol::record_size_limit::RecordSizeLimit;

/// Secret, sequence number, limits, their budgets, record_size_limit, drained bytes, and seven
/// fields of one byte.
pub(crate) const PACKED_LEN: usize = TrafficSecret::<()>::PACKED_LEN + 8 + 12 + 4 + 2 + 4 + 7;

impl<K: Extractable> Opener<K> {
    /// Checks that the half has application keys, and is in no state that cannot be packed.
    pub(crate) fn check_rest(&self) -> Result<(), SuspendError> {
        let has_keys = self.epoch == Epoch::Application && self.keys.get().is_some();
        if !has_keys {
            return Err(SuspendError::NotEstablished);
        }
        if self.messages.is_partial() || self.rest != 0 || self.has_notice() {
            return Err(SuspendError::Busy);
        }
        Ok(())
    }

    /// Returns whether the secret of this direction is in memory.
    pub(crate) fn has_secret(&self) -> bool {
        self.keys.get().is_some_and(|keys| keys.schedule().traffic_secret().is_some())
    }

    /// Returns the secret and the sequence number of the next record, if another implementation can
    /// continue with them: the direction is open, and the input did not end inside a record.
    pub(crate) fn next_record(&self) -> Result<(&TrafficSecret<K::Provider>, u64), SuspendError> {
        self.check_rest()?;
        if self.state != ReadState::Open {
            return Err(SuspendError::NotEstablished);
        }
        if self.inside_record {
            return Err(SuspendError::Busy);
        }
        let keys = self.keys.get().ok_or(SuspendError::NotEstablished)?;
        let secret = keys.schedule().traffic_secret().ok_or(SuspendError::Unsupported)?;
        Ok((secret, keys.sequence()))
    }

    pub(crate) fn pack(&self, out: &mut Packer<'_>) -> Option<()> {
        let keys = self.keys.get()?;
        keys.schedule().traffic_secret()?.pack(out.next()?);
        out.put(keys.sequence().to_le_bytes())?;

        let Limits {
            empty_records,
            warnings,
            key_updates,
            renegotiations,
            handshake_message,
            early_data,
        } = self.limits;
        out.put([empty_records, warnings, key_updates, renegotiations])?;
        out.put(handshake_message.to_le_bytes())?;
        out.put(early_data.to_le_bytes())?;
        out.put(self.budget.to_bytes())?;
        out.put(self.record_size_limit.map_or(0, RecordSizeLimit::get).to_le_bytes())?;
        out.put(self.drained.to_le_bytes())?;
        out.put([
            match self.role {
                Role::Client => 0,
                Role::Server => 1,
            },
            match self.state {
                ReadState::Open => 0,
                ReadState::PeerClosed => 1,
                ReadState::Truncated => 2,
                ReadState::Failed | ReadState::HandedOver => return None,
            },
            u8::from(self.is_draining),
            u8::from(self.inside_record),
            u8::from(self.answer_expected),
            u8::from(self.constant_time_padding),
            u8::from(self.post_handshake_auth),
        ])
    }

    /// Restores the half that was [packed](Self::pack). `self` must be a new half.
    pub(crate) fn unpack(&mut self, from: &mut Unpacker<'_>) -> Option<()> {
        let secret = TrafficSecret::unpack(from.next()?)?;
        let sequence = u64::from_le_bytes(from.take()?);

        let [empty_records, warnings, key_updates, renegotiations] = from.take()?;
        self.limits = Limits {
            empty_records,
            warnings,
            key_updates,
            renegotiations,
            handshake_message: u32::from_le_bytes(from.take()?),
            early_data: u32::from_le_bytes(from.take()?),
        };
        self.budget = Budget::from_bytes(from.take()?);
        self.early_data_left = self.limits.early_data;
        self.record_size_limit = RecordSizeLimit::new(u16::from_le_bytes(from.take()?));
        self.drained = u32::from_le_bytes(from.take()?);
        let [role, state, is_draining, inside_record, answer_expected, constant_time_padding, auth] =
            from.take()?;
        self.role = if role == 0 { Role::Client } else { Role::Server };
        self.constant_time_padding = constant_time_padding != 0;
        self.post_handshake_auth = auth != 0;
        self.is_draining = is_draining != 0;
        self.take_over(Epoch::Application, K::from(secret), sequence).ok()?;
        (self.state, self.error) = match state {
            0 => (ReadState::Open, None),
            1 => (ReadState::PeerClosed, None),
            _ => (ReadState::Truncated, Some(OpenError::Truncated)),
        };
        self.is_first = false;
        self.inside_record = inside_record != 0;
        self.answer_expected = answer_expected != 0;
        Some(())
    }
}
