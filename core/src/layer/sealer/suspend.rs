//! Packing a [`Sealer`] into bytes, and unpacking it.

use super::Sealer;
use crate::buffer::fields::{Packer, Unpacker};
use crate::crypto::keys::{Extractable, TrafficSecret};
use crate::crypto::padding::Padding;
use crate::layer::suspend_error::SuspendError;
use crate::protocol::close::{OnPeerClose, WriteState};
use crate::protocol::record::{Epoch, Role};

/// Secret, sequence number, KeyUpdates left and key limit, limits of a record, padding, and six
/// fields of one byte.
pub(crate) const PACKED_LEN: usize = TrafficSecret::<()>::PACKED_LEN + 8 + 12 + 6 + 3 + 6;

impl<K: Extractable> Sealer<K> {
    /// Checks that the half has application keys, and is in no state that cannot be packed.
    pub(crate) fn check_rest(&self) -> Result<(), SuspendError> {
        let has_keys = self.epoch == Epoch::Application && self.keys.get().is_some();
        if !has_keys {
            return Err(SuspendError::NotEstablished);
        }
        if self.has_control() || self.has_signal() || self.has_unsent {
            return Err(SuspendError::Busy);
        }
        Ok(())
    }

    /// Returns whether the padding policy is a function of the caller, which cannot be packed.
    pub(crate) const fn has_padding_function(&self) -> bool {
        matches!(self.padding, Padding::By(_))
    }

    /// Returns whether the secret of this direction is in memory.
    pub(crate) fn has_secret(&self) -> bool {
        self.keys.get().is_some_and(|keys| keys.schedule().traffic_secret().is_some())
    }

    /// Returns the secret and the sequence number of the next record, if another implementation can
    /// continue with them: the direction is open, and its keys may seal more data.
    pub(crate) fn next_record(&self) -> Result<(&TrafficSecret<K::Provider>, u64), SuspendError> {
        self.check_rest()?;
        if self.state != WriteState::Open || self.is_exhausted() {
            return Err(SuspendError::NotEstablished);
        }
        let keys = self.keys.get().ok_or(SuspendError::NotEstablished)?;
        let secret = keys.schedule().traffic_secret().ok_or(SuspendError::Unsupported)?;
        Ok((secret, keys.sequence()))
    }

    pub(crate) fn pack(&self, out: &mut Packer<'_>) -> Option<()> {
        let keys = self.keys.get()?;
        keys.schedule().traffic_secret()?.pack(out.next()?);
        out.put(keys.sequence().to_le_bytes())?;

        out.put(self.updates_left.to_le_bytes())?;
        out.put(self.key_limit.to_le_bytes())?;
        out.put(self.own_limit.to_le_bytes())?;
        out.put(self.chosen_limit.to_le_bytes())?;
        out.put(self.peer_limit.to_le_bytes())?;
        let (padding, size) = match self.padding {
            Padding::None => (0, 0),
            Padding::Block(size) => (1, size),
            Padding::PowerOfTwo => (2, 0),
            Padding::Size(size) => (3, size),
            Padding::By(_) => return None,
        };
        out.put([padding])?;
        out.put(size.to_le_bytes())?;
        out.put([
            match self.role {
                Role::Client => 0,
                Role::Server => 1,
            },
            match self.state {
                WriteState::Open => 0,
                WriteState::Closed => 1,
                _ => return None,
            },
            u8::from(self.request_outstanding),
            u8::from(self.is_truncated),
            u8::from(self.pads_control),
            match self.tls12_on_peer_close {
                OnPeerClose::HalfClose => 0,
                OnPeerClose::Reply => 1,
            },
        ])
    }

    /// Restores the half that was [packed](Self::pack). `self` must be a new half.
    pub(crate) fn unpack(&mut self, from: &mut Unpacker<'_>) -> Option<()> {
        let secret = TrafficSecret::unpack(from.next()?)?;
        let sequence = u64::from_le_bytes(from.take()?);

        self.updates_left = u64::from_le_bytes(from.take()?);
        self.key_limit = u32::from_le_bytes(from.take()?);
        self.own_limit = u16::from_le_bytes(from.take()?);
        self.chosen_limit = u16::from_le_bytes(from.take()?);
        self.peer_limit = u16::from_le_bytes(from.take()?);
        let [padding] = from.take()?;
        let size = u16::from_le_bytes(from.take()?);
        self.padding = match padding {
            1 => Padding::Block(size),
            2 => Padding::PowerOfTwo,
            3 => Padding::Size(size),
            _ => Padding::None,
        };
        let [role, state, request_outstanding, is_truncated, pads_control, on_peer_close] =
            from.take()?;
        self.role = if role == 0 { Role::Client } else { Role::Server };
        self.request_outstanding = request_outstanding != 0;
        self.is_truncated = is_truncated != 0;
        self.pads_control = pads_control != 0;
        self.tls12_on_peer_close =
            if on_peer_close == 0 { OnPeerClose::HalfClose } else { OnPeerClose::Reply };
        self.take_over(Epoch::Application, K::from(secret), sequence).ok()?;
        self.state = if state == 0 { WriteState::Open } else { WriteState::Closed };
        Some(())
    }
}
