//! The default backend: ring. Links on hosts and on RISC-V, not on bare-metal Arm. It has no AES-CCM.

#[cfg(all(feature = "takeover", feature = "tls12"))]
use ring::hmac;
use ring::{aead, hkdf};
use zeroize::Zeroize;

use super::{Aead, AeadError, Algorithm, Hash, NONCE_LEN, Provider};
#[cfg(all(feature = "takeover", feature = "tls12"))]
use crate::buffer::bytes::copy;

/// ring as a [`Provider`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ring;

impl Provider for Ring {
    type Aead = RingAead;

    /// Measured by `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 6,936 on x86_64, and 4,552 on
    /// riscv32imac.
    const STACK: usize = if usize::BITS == 64 { 7168 } else { 4736 };

    fn supports(algorithm: Algorithm) -> bool {
        !matches!(algorithm, Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8)
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<RingAead> {
        let ring_algorithm = match algorithm {
            Algorithm::Aes128Gcm => &aead::AES_128_GCM,
            Algorithm::Aes256Gcm => &aead::AES_256_GCM,
            Algorithm::Chacha20Poly1305 => &aead::CHACHA20_POLY1305,
            Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8 => return None,
        };
        let key = aead::UnboundKey::new(ring_algorithm, key).ok()?;
        Some(RingAead { key: aead::LessSafeKey::new(key), algorithm })
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        let hash = match algorithm.hash() {
            Hash::Sha256 => hkdf::HKDF_SHA256,
            Hash::Sha384 => hkdf::HKDF_SHA384,
        };
        let prk = hkdf::Prk::new_less_safe(hash, prk);
        prk.expand(info, OutputLen(out.len())).ok()?.fill(out).ok()
    }

    #[cfg(all(feature = "takeover", feature = "tls12"))]
    fn hmac(algorithm: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        let hash = match algorithm.hash() {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(hash, key));
        message.iter().for_each(|part| context.update(part));
        copy(context.sign().as_ref(), out);
        Some(())
    }
}

struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

/// A key of ring's.
pub struct RingAead {
    key: aead::LessSafeKey,
    algorithm: Algorithm,
}

impl Zeroize for RingAead {
    // ring has no function to wipe a key, and keeps none on a heap: see `Aead`.
    fn zeroize(&mut self) {}
}

impl Aead for RingAead {
    /// Measured by `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 1,336 on x86_64, and 1,272 on
    /// riscv32imac.
    const STACK: usize = if usize::BITS == 64 { 1536 } else { 1408 };

    fn tag_len(&self) -> usize {
        aead::MAX_TAG_LEN
    }

    fn confidentiality_limit(&self) -> u64 {
        self.algorithm.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.algorithm.has_explicit_nonce()
    }

    #[inline]
    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, aead::Aad::from(additional_data), in_out)
            .map_err(|_| AeadError)?;
        let sealed = sealed.as_ref().first_chunk::<{ aead::MAX_TAG_LEN }>().ok_or(AeadError)?;
        *tag.first_chunk_mut().ok_or(AeadError)? = *sealed;
        Ok(())
    }

    #[inline]
    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let tag = aead::Tag::try_from(tag).map_err(|_| AeadError)?;
        self.key
            .open_in_place_separate_tag(nonce, aead::Aad::from(additional_data), tag, in_out, 0..)
            .map_err(|_| AeadError)?;
        Ok(())
    }
}
