//! An [`Opener`] at rest, in bytes.

use core::num::NonZeroU16;

use super::Opener;
use crate::aead::Provider;
use crate::budget::Budget;
use crate::close::ReadState;
use crate::config::{Config, Limits};
use crate::error::OpenError;
use crate::kernel::KernelDirection;
use crate::keys::TrafficSecret;
use crate::record::{Epoch, Role};
use crate::suspend::{Packer, SuspendError, Unpacker};

/// Sequence number, limits, their budget, the rest.
pub(crate) const PACKED_LEN: usize = TrafficSecret::<()>::PACKED_LEN + 8 + 12 + 4 + 2 + 6;

impl<P: Provider> Opener<TrafficSecret<P>> {
    /// Whether nothing is under way that bytes cannot tell.
    pub(crate) fn check_rest(&self) -> Result<(), SuspendError> {
        let has_keys = self.epoch == Epoch::Application && self.keys.get().is_some();
        if !has_keys || self.state == ReadState::Failed {
            return Err(SuspendError::NotEstablished);
        }
        if self.messages.is_partial() || self.rest != 0 || self.has_notice() {
            return Err(SuspendError::Busy);
        }
        Ok(())
    }

    /// Gives this direction to the kernel, which opens its records from now on. Here a half without
    /// keys is left, as a new one.
    ///
    /// # Errors
    /// [`SuspendError::Busy`], also while a part of a record was read from the transport; and
    /// [`SuspendError::NotEstablished`], also if the direction has ended;
    /// [`SuspendError::Unsupported`]. Nothing has changed then.
    pub fn hand_to_kernel(&mut self) -> Result<KernelDirection<P>, SuspendError> {
        self.check_rest()?;
        if self.state != ReadState::Open {
            return Err(SuspendError::NotEstablished);
        }
        if self.inside_record {
            return Err(SuspendError::Busy);
        }
        let keys = self.keys.get().ok_or(SuspendError::NotEstablished)?;
        let direction = KernelDirection::new(keys.schedule(), keys.sequence())?;
        *self = Self::new(Config::new(self.role));
        Ok(direction)
    }

    pub(crate) fn pack(&self, out: &mut Packer<'_>) -> Option<()> {
        let keys = self.keys.get()?;
        keys.schedule().pack(out.next()?);
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
        out.put(self.record_size_limit.map_or(0, NonZeroU16::get).to_le_bytes())?;
        out.put([
            match self.role {
                Role::Client => 0,
                Role::Server => 1,
            },
            match self.state {
                ReadState::Open => 0,
                ReadState::PeerClosed => 1,
                ReadState::Truncated => 2,
                ReadState::Failed => return None,
            },
            u8::from(self.inside_record),
            u8::from(self.answer_expected),
            u8::from(self.constant_time_padding),
            u8::from(self.post_handshake_auth),
        ])
    }

    /// Makes this half, which is a new one, the one that was [packed](Self::pack).
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
        self.record_size_limit = NonZeroU16::new(u16::from_le_bytes(from.take()?));
        let [role, state, inside_record, answer_expected, constant_time_padding, auth] =
            from.take()?;
        self.role = if role == 0 { Role::Client } else { Role::Server };
        self.constant_time_padding = constant_time_padding != 0;
        self.post_handshake_auth = auth != 0;
        self.install(Epoch::Application, secret, sequence).ok()?;
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
