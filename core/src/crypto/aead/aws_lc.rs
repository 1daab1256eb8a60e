//! The backend of AWS-LC, for hosts.
//!
//! AWS-LC keeps its keys on a heap of its own, one allocation each, and wipes what it frees. A record
//! allocates nothing.

use aws_lc_rs::{aead, hmac};
use zeroize::Zeroize;

use super::{Aead, AeadError, Algorithm, Hash, NONCE_LEN, Provider};
use crate::buffer::bytes::copy;

/// aws-lc-rs as a [`Provider`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AwsLc;

impl Provider for AwsLc {
    type Aead = AwsLcAead;

    /// Measured by `tests/firmware/stack` at opt-levels 3 and s: up to 6,608 on x86_64.
    const STACK: usize = 6912;

    fn supports(algorithm: Algorithm) -> bool {
        !matches!(algorithm, Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8)
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<AwsLcAead> {
        let aws_algorithm = match algorithm {
            Algorithm::Aes128Gcm => &aead::AES_128_GCM,
            Algorithm::Aes256Gcm => &aead::AES_256_GCM,
            Algorithm::Chacha20Poly1305 => &aead::CHACHA20_POLY1305,
            Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8 => return None,
        };
        let key = aead::UnboundKey::new(aws_algorithm, key).ok()?;
        Some(AwsLcAead { key: aead::LessSafeKey::new(key), algorithm })
    }

    /// By hand, because `aws_lc_rs::hkdf` copies a long `info` to the heap and does not wipe it there:
    /// T(n) = HMAC(PRK, T(n-1) | info | n) (RFC 5869 section 2.3).
    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        let hash = hash(algorithm);
        let hash_len = hash.digest_algorithm().output_len();
        if out.len() > hash_len.saturating_mul(u8::MAX.into()) {
            return None;
        }
        let key = hmac::Key::new(hash, prk);
        let mut last: Option<hmac::Tag> = None;
        for (number, out) in (1..=u8::MAX).zip(out.chunks_mut(hash_len)) {
            let mut context = hmac::Context::with_key(&key);
            context.update(last.as_ref().map_or(&[], AsRef::as_ref));
            info.iter().for_each(|part| context.update(part));
            context.update(&[number]);
            let tag = context.sign();
            copy(tag.as_ref(), out);
            last = Some(tag);
        }
        Some(())
    }

    #[cfg(all(feature = "takeover", feature = "tls12"))]
    fn hmac(algorithm: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        let hash = hash(algorithm);
        let mut context = hmac::Context::with_key(&hmac::Key::new(hash, key));
        message.iter().for_each(|part| context.update(part));
        copy(context.sign().as_ref(), out);
        Some(())
    }
}

fn hash(algorithm: Algorithm) -> hmac::Algorithm {
    match algorithm.hash() {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
    }
}

/// A key of AWS-LC's.
pub struct AwsLcAead {
    key: aead::LessSafeKey,
    algorithm: Algorithm,
}

impl Zeroize for AwsLcAead {
    // AWS-LC has no function to wipe a key. It wipes the key when this is dropped.
    fn zeroize(&mut self) {}
}

impl Aead for AwsLcAead {
    /// Measured by `tests/firmware/stack` at opt-levels 3 and s: up to 2,560 on x86_64.
    const STACK: usize = 2816;
    const IS_OUT_OF_PLACE: bool = true;

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
        let additional_data = aead::Aad::from(additional_data);
        self.key
            .seal_in_place_scatter(nonce, additional_data, in_out, &[], tag)
            .map_err(|_| AeadError)
    }

    fn seal_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        content: &[u8],
        inner_type: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let additional_data = aead::Aad::from(additional_data);
        let (out, rest) = out.split_at_mut_checked(content.len()).ok_or(AeadError)?;
        self.key
            .seal_out_of_place_scatter(nonce, additional_data, content, out, inner_type, rest)
            .map_err(|_| AeadError)
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
        let additional_data = aead::Aad::from(additional_data);
        self.key
            .open_in_place_separate_tag(nonce, additional_data, tag, in_out)
            .map_err(|_| AeadError)?;
        Ok(())
    }

    fn open_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let additional_data = aead::Aad::from(additional_data);
        self.key
            .open_separate_gather(nonce, additional_data, ciphertext, tag, out)
            .map_err(|_| AeadError)
    }
}
