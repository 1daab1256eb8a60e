//! A cipher that protects nothing, to test, measure and fuzz the engine alone.
//!
//! The tag is the nonce and the first bytes of the key, and opening compares it. So a wrong
//! sequence number or key is noticed, and a test can write a record by hand.

use zeroize::Zeroize;

#[cfg(feature = "long-records")]
use super::multi_part::MultiPart;
use super::{Aead, AeadError, Algorithm, NONCE_LEN, Provider};
use crate::buffer::bytes::copy;

const TAG_LEN: usize = 16;
const MARK_LEN: usize = TAG_LEN - NONCE_LEN;

/// The [`Provider`] of [`NullAead`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Null;

impl Provider for Null {
    type Aead = NullAead;

    const STACK: usize = 0;

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<NullAead> {
        if key.len() != algorithm.key_len() {
            return None;
        }
        Some(NullAead {
            mark: *key.first_chunk()?,
            algorithm,
            #[cfg(feature = "long-records")]
            operation: None,
        })
    }

    /// Adds 1 to every byte: every generation differs, and a test can compute it by hand.
    fn hkdf_expand(_: Algorithm, prk: &[u8], _: &[&[u8]], out: &mut [u8]) -> Option<()> {
        for (out, prk) in out.iter_mut().zip(prk.iter().cycle()) {
            *out = prk.wrapping_add(1);
        }
        Some(())
    }
}

/// A key that protects nothing.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NullAead {
    mark: [u8; MARK_LEN],
    algorithm: Algorithm,
    #[cfg(feature = "long-records")]
    operation: Option<Operation>,
}

/// A record that is being opened in parts: its tag, and how many bytes are still to be authenticated and
/// to be decrypted.
#[cfg(feature = "long-records")]
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Operation {
    tag: [u8; TAG_LEN],
    authenticated: usize,
    decrypted: usize,
}

impl NullAead {
    #[inline]
    fn tag(&self, nonce: &[u8; NONCE_LEN]) -> [u8; TAG_LEN] {
        let mut tag = [0; TAG_LEN];
        let (front, back) = tag.split_at_mut(NONCE_LEN);
        copy(nonce, front);
        copy(&self.mark, back);
        tag
    }
}

impl Zeroize for NullAead {
    fn zeroize(&mut self) {
        self.mark.zeroize();
    }
}

impl Aead for NullAead {
    fn tag_len(&self) -> usize {
        TAG_LEN
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
        _additional_data: &[u8],
        _in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        *tag.first_chunk_mut().ok_or(AeadError)? = self.tag(nonce);
        Ok(())
    }

    #[inline]
    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        _additional_data: &[u8],
        _in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        if tag == self.tag(nonce) { Ok(()) } else { Err(AeadError) }
    }
}

#[cfg(feature = "long-records")]
impl MultiPart for NullAead {
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        _additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        let tag = self.tag(nonce);
        self.operation = Some(Operation { tag, authenticated: len, decrypted: len });
        Ok(())
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        let left = &mut self.operation.as_mut().ok_or(AeadError)?.authenticated;
        *left = left.checked_sub(ciphertext.len()).ok_or(AeadError)?;
        Ok(())
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let left = &mut self.operation.as_mut().ok_or(AeadError)?.decrypted;
        *left = left.checked_sub(in_out.len()).ok_or(AeadError)?;
        Ok(())
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        let operation = self.operation.as_ref().ok_or(AeadError)?;
        if operation.authenticated != 0 || tag != operation.tag {
            return Err(AeadError);
        }
        Ok(())
    }

    fn end(&mut self) {
        self.operation = None;
    }
}
