//! The secrets that a library has reported, until the records under them come.

use zeroize::Zeroize;

use super::key_log::{MAX_SECRET_LEN, SecretKind};
use crate::buffer::bytes::copy;

/// Wiped when it is dropped.
pub(super) struct Secrets([Slot; 5]);

#[derive(Clone, Copy)]
struct Slot {
    bytes: [u8; MAX_SECRET_LEN],
    len: u8,
}

impl Secrets {
    pub(super) const fn new() -> Self {
        Self([Slot { bytes: [0; MAX_SECRET_LEN], len: 0 }; 5])
    }

    /// Keeps a secret. The first of its kind counts. `None` if it is too long.
    pub(super) fn put(&mut self, kind: SecretKind, secret: &[u8]) -> Option<()> {
        if secret.len() > MAX_SECRET_LEN {
            return None;
        }
        let slot = index(kind).and_then(|index| self.0.get_mut(index));
        if let Some(slot) = slot.filter(|slot| slot.len == 0) {
            copy(secret, &mut slot.bytes);
            slot.len = secret.len() as u8;
        }
        Some(())
    }

    pub(super) fn get(&self, kind: SecretKind) -> Option<&[u8]> {
        let slot = self.0.get(index(kind)?)?;
        slot.bytes.get(..slot.len.into()).filter(|secret| !secret.is_empty())
    }
}

/// Returns the slot of a secret. The version may not be known yet, so both versions have slots.
const fn index(kind: SecretKind) -> Option<usize> {
    match kind {
        SecretKind::ClientHandshake => Some(0),
        SecretKind::ServerHandshake => Some(1),
        SecretKind::ClientTraffic => Some(2),
        SecretKind::ServerTraffic => Some(3),
        SecretKind::Master => Some(4),
        SecretKind::Exporter => None,
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|slot| slot.bytes.zeroize());
    }
}
