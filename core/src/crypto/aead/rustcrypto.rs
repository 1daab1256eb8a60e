//! The portable backend: RustCrypto. Links everywhere, without a C compiler.
//!
//! Each cipher has a feature, so that firmware links only what it speaks.

#[cfg(feature = "long-records")]
mod parts;

#[cfg(feature = "long-records")]
pub use parts::{RustCryptoParts, RustCryptoPartsAead};

use aead::consts::U12;
use aead::inout::InOutBuf;
use aead::{AeadInOut, KeyInit, Tag};
use hkdf::Hkdf;
#[cfg(all(feature = "takeover", feature = "tls12"))]
use hkdf::hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384};
use zeroize::Zeroize;

use super::{Aead, AeadError, Algorithm, Hash, NONCE_LEN, Provider};
#[cfg(all(feature = "takeover", feature = "tls12"))]
use crate::buffer::bytes::copy;
use crate::small::SMALL;

#[cfg(feature = "rustcrypto-aes128-gcm")]
type Aes128Gcm = aes_gcm::Aes128Gcm;
#[cfg(not(feature = "rustcrypto-aes128-gcm"))]
type Aes128Gcm = Absent;

#[cfg(feature = "rustcrypto-aes256-gcm")]
type Aes256Gcm = aes_gcm::Aes256Gcm;
#[cfg(not(feature = "rustcrypto-aes256-gcm"))]
type Aes256Gcm = Absent;

#[cfg(feature = "rustcrypto-chacha20-poly1305")]
type Chacha20Poly1305 = chacha20poly1305::ChaCha20Poly1305;
#[cfg(not(feature = "rustcrypto-chacha20-poly1305"))]
type Chacha20Poly1305 = Absent;

#[cfg(feature = "rustcrypto-aes128-ccm")]
type Aes128Ccm = ccm::Ccm<aes::Aes128, aead::consts::U16, U12>;
#[cfg(feature = "rustcrypto-aes128-ccm")]
type Aes128Ccm8 = ccm::Ccm<aes::Aes128, aead::consts::U8, U12>;
#[cfg(not(feature = "rustcrypto-aes128-ccm"))]
type Aes128Ccm = Absent;
#[cfg(not(feature = "rustcrypto-aes128-ccm"))]
type Aes128Ccm8 = Absent;

/// RustCrypto as a [`Provider`]. It has the algorithms whose features are on: `rustcrypto-aes128-gcm`,
/// `rustcrypto-aes256-gcm`, `rustcrypto-chacha20-poly1305`, `rustcrypto-aes128-ccm`, or with
/// `rustcrypto` all of them. A [`TrafficSecret`](crate::TrafficSecret) of another algorithm is
/// [`KeyError::Unsupported`](crate::KeyError::Unsupported).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RustCrypto;

impl Provider for RustCrypto {
    type Aead = RustCryptoAead;

    /// Measured by `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 10,712 on x86_64, 5,580 on
    /// thumbv7em and 5,204 on riscv32imac, all at z.
    const STACK: usize = if usize::BITS == 64 { 11_008 } else { 5760 };

    fn supports(algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Aes128Gcm => cfg!(feature = "rustcrypto-aes128-gcm"),
            Algorithm::Aes256Gcm => cfg!(feature = "rustcrypto-aes256-gcm"),
            Algorithm::Chacha20Poly1305 => cfg!(feature = "rustcrypto-chacha20-poly1305"),
            Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8 => cfg!(feature = "rustcrypto-aes128-ccm"),
        }
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<RustCryptoAead> {
        // In the place of what is returned. One that is moved there, by `map` for instance, brings along
        // what lay on the stack in the bytes that a small cipher does not use: copies of older keys.
        Some(RustCryptoAead(match algorithm {
            Algorithm::Aes128Gcm => Key::Aes128Gcm(Cipher::new(key)?),
            Algorithm::Aes256Gcm => Key::Aes256Gcm(Cipher::new(key)?),
            Algorithm::Chacha20Poly1305 => Key::Chacha20Poly1305(Cipher::new(key)?),
            Algorithm::Aes128Ccm => Key::Aes128Ccm(Cipher::new(key)?),
            Algorithm::Aes128Ccm8 => Key::Aes128Ccm8(Cipher::new(key)?),
        }))
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        // So that a hash which only other ciphers have is not linked.
        if !Self::supports(algorithm) {
            return None;
        }
        match algorithm.hash() {
            Hash::Sha256 => Hkdf::<Sha256>::from_prk(prk).ok()?.expand_multi_info(info, out).ok(),
            Hash::Sha384 => Hkdf::<Sha384>::from_prk(prk).ok()?.expand_multi_info(info, out).ok(),
        }
    }

    #[cfg(all(feature = "takeover", feature = "tls12"))]
    fn hmac(algorithm: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        fn mac<M: Mac + hkdf::hmac::KeyInit>(
            key: &[u8],
            message: &[&[u8]],
            out: &mut [u8],
        ) -> Option<()> {
            let mut mac = <M as hkdf::hmac::KeyInit>::new_from_slice(key).ok()?;
            message.iter().for_each(|part| mac.update(part));
            copy(&mac.finalize().into_bytes(), out);
            Some(())
        }
        // As above.
        if !Self::supports(algorithm) {
            return None;
        }
        match algorithm.hash() {
            Hash::Sha256 => mac::<Hmac<Sha256>>(key, message, out),
            Hash::Sha384 => mac::<Hmac<Sha384>>(key, message, out),
        }
    }
}

/// A key of RustCrypto's.
pub struct RustCryptoAead(Key);

// Boxing the large variant is what a crate without a heap cannot do.
#[allow(clippy::large_enum_variant)]
enum Key {
    Aes128Gcm(Aes128Gcm),
    Aes256Gcm(Aes256Gcm),
    Chacha20Poly1305(Chacha20Poly1305),
    Aes128Ccm(Aes128Ccm),
    Aes128Ccm8(Aes128Ccm8),
}

impl RustCryptoAead {
    const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Key::Aes128Gcm(_) => Algorithm::Aes128Gcm,
            Key::Aes256Gcm(_) => Algorithm::Aes256Gcm,
            Key::Chacha20Poly1305(_) => Algorithm::Chacha20Poly1305,
            Key::Aes128Ccm(_) => Algorithm::Aes128Ccm,
            Key::Aes128Ccm8(_) => Algorithm::Aes128Ccm8,
        }
    }

    fn decrypt(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), AeadError> {
        match &self.0 {
            Key::Aes128Gcm(key) => key.open(nonce, additional_data, text, tag),
            Key::Aes256Gcm(key) => key.open(nonce, additional_data, text, tag),
            Key::Chacha20Poly1305(key) => key.open(nonce, additional_data, text, tag),
            Key::Aes128Ccm(key) => key.open(nonce, additional_data, text, tag),
            Key::Aes128Ccm8(key) => key.open(nonce, additional_data, text, tag),
        }
    }
}

impl Zeroize for RustCryptoAead {
    // The ciphers wipe themselves when they are dropped, and the engine overwrites them too.
    fn zeroize(&mut self) {}
}

impl Aead for RustCryptoAead {
    /// Measured by `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 9,288 on x86_64, 2,144 on
    /// thumbv7em and 2,016 on riscv32imac, all for AES-256-GCM. ChaCha20-Poly1305 takes 1,236 of the
    /// latter, AES-128-GCM 1,872.
    const STACK: usize = if usize::BITS == 64 { 9472 } else { 2176 };

    /// It opens from one place to another. To seal, it copies the content, which the content type of
    /// TLS 1.3 must follow. On small processors this would take flash.
    const IS_OUT_OF_PLACE: bool = !SMALL;

    fn tag_len(&self) -> usize {
        self.algorithm().tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.algorithm().confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.algorithm().has_explicit_nonce()
    }

    #[inline]
    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        match &self.0 {
            Key::Aes128Gcm(key) => key.seal(nonce, additional_data, in_out, tag),
            Key::Aes256Gcm(key) => key.seal(nonce, additional_data, in_out, tag),
            Key::Chacha20Poly1305(key) => key.seal(nonce, additional_data, in_out, tag),
            Key::Aes128Ccm(key) => key.seal(nonce, additional_data, in_out, tag),
            Key::Aes128Ccm8(key) => key.seal(nonce, additional_data, in_out, tag),
        }
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        self.decrypt(nonce, additional_data, in_out.into(), tag)
    }

    fn open_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        let text = InOutBuf::new(ciphertext, out).map_err(|_| AeadError)?;
        self.decrypt(nonce, additional_data, text, tag)
    }
}

/// What the ciphers of RustCrypto have in common, and [`Absent`] has too.
trait Cipher: Sized {
    fn new(key: &[u8]) -> Option<Self>;

    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError>;

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), AeadError>;
}

impl<C: KeyInit + AeadInOut<NonceSize = U12>> Cipher for C {
    #[inline]
    fn new(key: &[u8]) -> Option<Self> {
        Self::new_from_slice(key).ok()
    }

    #[inline]
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        let tag: &mut Tag<C> = tag.try_into().map_err(|_| AeadError)?;
        *tag = self
            .encrypt_inout_detached(&(*nonce).into(), additional_data, InOutBuf::from(in_out))
            .map_err(|_| AeadError)?;
        Ok(())
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), AeadError> {
        let tag: &Tag<C> = tag.try_into().map_err(|_| AeadError)?;
        self.decrypt_inout_detached(&(*nonce).into(), additional_data, text, tag)
            .map_err(|_| AeadError)
    }
}

/// A cipher whose feature is off. It has no values, so that the compiler drops its code.
#[allow(dead_code)] // With all features on.
enum Absent {}

impl Cipher for Absent {
    fn new(_: &[u8]) -> Option<Self> {
        None
    }

    fn seal(
        &self,
        _: &[u8; NONCE_LEN],
        _: &[u8],
        _: &mut [u8],
        _: &mut [u8],
    ) -> Result<(), AeadError> {
        match *self {}
    }

    fn open(
        &self,
        _: &[u8; NONCE_LEN],
        _: &[u8],
        _: InOutBuf<'_, '_, u8>,
        _: &[u8],
    ) -> Result<(), AeadError> {
        match *self {}
    }
}
