//! Stubs for ciphers, keys and a transport. They do nothing, but the optimizer cannot know this,
//! and must expect any answer.

#![no_std]

use core::hint::black_box;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
#[cfg(feature = "long-records")]
use tls_record::aead::multi_part::MultiPart;
use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider};
use tls_record::{DirectionKeys, KeyError, KeySchedule, Version};
use zeroize::Zeroize;

/// A key, whose cipher can be out of place. Sealing and opening from another place is that of [`Aead`] then.
pub struct Key<const OUT_OF_PLACE: bool = false>;

impl<const OUT_OF_PLACE: bool> Zeroize for Key<OUT_OF_PLACE> {
    fn zeroize(&mut self) {}
}

impl<const OUT_OF_PLACE: bool> Aead for Key<OUT_OF_PLACE> {
    const IS_OUT_OF_PLACE: bool = OUT_OF_PLACE;

    fn tag_len(&self) -> usize {
        black_box(16)
    }

    fn confidentiality_limit(&self) -> u64 {
        black_box(1 << 24)
    }

    fn has_explicit_nonce(&self) -> bool {
        black_box(true)
    }

    #[inline(never)]
    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        black_box((nonce, additional_data, in_out, tag));
        black_box(Ok(()))
    }

    #[inline(never)]
    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        black_box((nonce, additional_data, in_out, tag));
        black_box(Ok(()))
    }
}

#[cfg(feature = "long-records")]
impl<const OUT_OF_PLACE: bool> MultiPart for Key<OUT_OF_PLACE> {
    #[inline(never)]
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        black_box((nonce, additional_data, len));
        black_box(Ok(()))
    }

    #[inline(never)]
    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        black_box(ciphertext);
        black_box(Ok(()))
    }

    #[inline(never)]
    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        black_box(in_out);
        black_box(Ok(()))
    }

    #[inline(never)]
    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        black_box(in_out);
        black_box(Ok(()))
    }

    #[inline(never)]
    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        black_box(tag);
        black_box(Ok(()))
    }

    #[inline(never)]
    fn end(&mut self) {
        black_box(self);
    }
}

/// A library of ciphers.
pub struct Library;

impl Provider for Library {
    type Aead = Key;

    const STACK: usize = 2048;

    #[inline(never)]
    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Key> {
        black_box((algorithm, key));
        black_box(Some(Key))
    }

    #[inline(never)]
    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        black_box((algorithm, prk, info, out));
        black_box(Some(()))
    }

    #[cfg(feature = "tls12-takeover")]
    #[inline(never)]
    fn hmac(algorithm: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        black_box((algorithm, key, message, out));
        black_box(Some(()))
    }
}

/// A handle of a key store in hardware, whose cipher can be out of place.
pub struct KeyStore<const OUT_OF_PLACE: bool = false>;

impl<const OUT_OF_PLACE: bool> Zeroize for KeyStore<OUT_OF_PLACE> {
    fn zeroize(&mut self) {}
}

impl<const OUT_OF_PLACE: bool> KeySchedule for KeyStore<OUT_OF_PLACE> {
    type Aead = Key<OUT_OF_PLACE>;

    fn version(&self) -> Version {
        black_box(Version::Tls13)
    }

    #[inline(never)]
    fn keys(&self) -> Result<DirectionKeys<Self::Aead>, KeyError> {
        black_box(Ok(DirectionKeys { aead: Key, iv: [0; NONCE_LEN] }))
    }

    #[inline(never)]
    fn is_same_secret(&self, other: &Self) -> bool {
        black_box(other);
        black_box(false)
    }

    #[inline(never)]
    fn update(&mut self) -> Result<(), KeyError> {
        black_box(Ok(()))
    }
}

/// A transport.
pub struct Transport;

impl ErrorType for Transport {
    type Error = ErrorKind;
}

impl Read for Transport {
    #[inline(never)]
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        black_box(Ok(out.len()))
    }
}

impl Write for Transport {
    #[inline(never)]
    fn write(&mut self, data: &[u8]) -> Result<usize, ErrorKind> {
        black_box(Ok(data.len()))
    }

    #[inline(never)]
    fn flush(&mut self) -> Result<(), ErrorKind> {
        black_box(Ok(()))
    }
}
