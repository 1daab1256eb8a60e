//! Captures values that rustls passes to callbacks and does not return later.
//!
//! These are the traffic secrets, the exporter secret and the server name that a client asked for.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use rustls::KeyLog;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// The longest secret: the hash length of SHA-384, in bytes.
const MAX_SECRET: usize = 48;

/// The longest DNS name in text form, in bytes.
const MAX_NAME: usize = 255;

/// Wraps the [`KeyLog`] of a config: keeps the secrets and forwards every call.
///
/// At the end of a handshake rustls extracts the keys, but not the traffic secrets that the next
/// generation of keys is derived from (RFC 9846 section 7.2). Its key log receives them.
pub(crate) struct Capture {
    key_log: Arc<dyn KeyLog>,
    pub(crate) client_secret: Slot<MAX_SECRET>,
    pub(crate) server_secret: Slot<MAX_SECRET>,
    pub(crate) exporter_secret: Slot<MAX_SECRET>,
    pub(crate) server_name: Slot<MAX_NAME>,
}

impl Capture {
    pub(crate) fn new(key_log: Arc<dyn KeyLog>) -> Self {
        Self {
            key_log,
            client_secret: Slot::new(),
            server_secret: Slot::new(),
            exporter_secret: Slot::new(),
            server_name: Slot::new(),
        }
    }

    fn slot(&self, label: &str) -> Option<&Slot<MAX_SECRET>> {
        match label {
            "CLIENT_TRAFFIC_SECRET_0" => Some(&self.client_secret),
            "SERVER_TRAFFIC_SECRET_0" => Some(&self.server_secret),
            "EXPORTER_SECRET" => Some(&self.exporter_secret),
            _ => None,
        }
    }
}

impl KeyLog for Capture {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if let Some(slot) = self.slot(label) {
            slot.put(secret);
        }
        if self.key_log.will_log(label) {
            self.key_log.log(label, client_random, secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        self.slot(label).is_some() || self.key_log.will_log(label)
    }
}

impl core::fmt::Debug for Capture {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Capture(redacted)")
    }
}

/// Wraps the certificate resolver of a server's config: keeps the server name and forwards every
/// call.
///
/// An unbuffered connection of rustls gives the name that the client asked for nowhere else.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) resolver: Arc<dyn ResolvesServerCert>,
    pub(crate) capture: Arc<Capture>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = client_hello.server_name() {
            self.capture.server_name.put(name.as_bytes());
        }
        self.resolver.resolve(client_hello)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.resolver.only_raw_public_keys()
    }
}

/// Holds a few bytes that are stored through a shared reference and taken once.
///
/// The bytes are wiped when they are taken and when the slot is dropped. rustls requires its key
/// log to be `Sync`, and without `std` there is no lock. Atomics are enough, because only one
/// thread drives a handshake.
pub(crate) struct Slot<const N: usize> {
    bytes: [AtomicU8; N],
    len: AtomicUsize,
}

impl<const N: usize> Slot<N> {
    pub(crate) fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; N], len: AtomicUsize::new(0) }
    }

    /// Stores `bytes`, unless they are longer than the slot.
    pub(crate) fn put(&self, bytes: &[u8]) {
        if bytes.len() > N {
            return;
        }
        for (to, from) in self.bytes.iter().zip(bytes) {
            to.store(*from, Ordering::Relaxed);
        }
        self.len.store(bytes.len(), Ordering::Release);
    }

    /// Takes the bytes stored last. Returns `None` if there are none or they were taken already.
    pub(crate) fn take(&self) -> Option<Zeroizing<Vec<u8>>> {
        let len = self.len.swap(0, Ordering::AcqRel);
        let mut taken = Zeroizing::new(Vec::with_capacity(len));
        taken.extend(self.bytes.iter().take(len).map(|byte| byte.load(Ordering::Relaxed)));
        self.wipe();
        (len != 0).then_some(taken)
    }

    fn wipe(&self) {
        for byte in &self.bytes {
            // The compiler does not remove atomic stores.
            byte.store(0, Ordering::SeqCst);
        }
    }
}

impl<const N: usize> Drop for Slot<N> {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_from_a_slot_returns_the_last_bytes_and_wipes_them() {
        let slot = Slot::<4>::new();
        assert_eq!(slot.take(), None);
        slot.put(b"abcd");
        slot.put(b"xyz");
        assert_eq!(slot.take().as_deref(), Some(&b"xyz".to_vec()));
        assert_eq!(slot.take(), None);
        assert!(slot.bytes.iter().all(|byte| byte.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn bytes_longer_than_the_slot_are_not_stored() {
        let slot = Slot::<4>::new();
        slot.put(b"abcde");
        assert_eq!(slot.take(), None);
    }
}
