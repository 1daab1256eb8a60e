//! The backend of AWS-LC, for hosts.
//!
//! AWS-LC keeps its keys on a heap of its own, one allocation each, and wipes what it frees. A record
//! allocates nothing.

use aws_lc_rs::{aead, digest, hkdf};
use zeroize::Zeroize;

use super::{Aead, AeadError, Algorithm, NONCE_LEN, Provider};

/// aws-lc-rs as a [`Provider`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AwsLc;

impl Provider for AwsLc {
    type Aead = AwsLcAead;

    /// Some 2,500 were seen on x86_64.
    const STACK: usize = 4 * 1024;

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

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        let hash = match algorithm {
            Algorithm::Aes128Gcm
            | Algorithm::Chacha20Poly1305
            | Algorithm::Aes128Ccm
            | Algorithm::Aes128Ccm8 => hkdf::HKDF_SHA256,
            Algorithm::Aes256Gcm => hkdf::HKDF_SHA384,
        };
        // Of a longer one, aws-lc-rs panics.
        if prk.len() > digest::MAX_OUTPUT_LEN {
            return None;
        }
        let prk = hkdf::Prk::new_less_safe(hash, prk);
        prk.expand(info, OutputLen(out.len())).ok()?.fill(out).ok()
    }
}

struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

/// A key of AWS-LC's.
pub struct AwsLcAead {
    key: aead::LessSafeKey,
    algorithm: Algorithm,
}

impl Zeroize for AwsLcAead {
    // AWS-LC exports nothing to wipe, and wipes the key when this is dropped.
    fn zeroize(&mut self) {}
}

impl Aead for AwsLcAead {
    #[inline]
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
}
