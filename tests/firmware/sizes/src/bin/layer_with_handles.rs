//! `layer` with keys of the kind that the C API has: numbers of a key store, behind a table of functions, which are
//! destroyed when they are dropped.

#![no_std]
#![no_main]

use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN};
use tls_record::{DirectionKeys, KeyError, KeySchedule, RecordLayer, Version};
use zeroize::Zeroize;

sizes::keep! {
    RecordLayer<Secret>: new open eof seal seal_in_place seal_handshake poll_control next_control close
        cancel abort update_keys set_version install end;
    Wiped: wipe;
}

struct Wiped;

impl Wiped {
    fn wipe(layer: &mut Option<RecordLayer<Secret>>) {
        *layer = None;
    }
}

struct Store {
    keys: fn(usize, &mut [u8; NONCE_LEN]) -> Option<usize>,
    update: fn(&mut usize) -> bool,
    seal: fn(usize, &[u8; NONCE_LEN], &[u8], &mut [u8], &mut [u8]) -> bool,
    open: fn(usize, &[u8; NONCE_LEN], &[u8], &mut [u8], &[u8]) -> bool,
    destroy: fn(usize),
}

/// A number of the store.
struct Handle {
    store: &'static Store,
    number: usize,
    version: Version,
    algorithm: Algorithm,
    is_destroyed: bool,
}

impl Zeroize for Handle {
    #[inline(never)]
    fn zeroize(&mut self) {
        if !self.is_destroyed {
            self.is_destroyed = true;
            (self.store.destroy)(self.number);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.zeroize();
    }
}

struct Secret(Handle);

impl Zeroize for Secret {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl KeySchedule for Secret {
    type Aead = Key;

    fn version(&self) -> Version {
        self.0.version
    }

    fn keys(&self) -> Result<DirectionKeys<Key>, KeyError> {
        let Handle { store, number, version, algorithm, .. } = self.0;
        let mut iv = [0; NONCE_LEN];
        let number = (store.keys)(number, &mut iv).ok_or(KeyError::Crypto)?;
        let handle = Handle { store, number, version, algorithm, is_destroyed: false };
        Ok(DirectionKeys { aead: Key(handle), iv })
    }

    fn is_same_secret(&self, other: &Self) -> bool {
        core::ptr::eq(self.0.store, other.0.store) && self.0.number == other.0.number
    }

    fn update(&mut self) -> Result<(), KeyError> {
        if self.0.version == Version::Tls12 {
            return Err(KeyError::NoUpdate);
        }
        if (self.0.store.update)(&mut self.0.number) { Ok(()) } else { Err(KeyError::Crypto) }
    }
}

struct Key(Handle);

impl Zeroize for Key {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Aead for Key {
    fn tag_len(&self) -> usize {
        self.0.algorithm.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.algorithm.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.0.algorithm.has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        let is_sealed = (self.0.store.seal)(self.0.number, nonce, additional_data, in_out, tag);
        if is_sealed { Ok(()) } else { Err(AeadError) }
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        let is_open = (self.0.store.open)(self.0.number, nonce, additional_data, in_out, tag);
        if is_open { Ok(()) } else { Err(AeadError) }
    }
}
