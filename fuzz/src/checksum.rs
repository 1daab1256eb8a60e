//! A cipher that does not encrypt, but detects every changed bit of a record, its header, nonce or
//! key.
//!
//! The null cipher does not detect changed content, and with a real cipher a fuzzer spends its time
//! in the cipher.

use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider, multi_part::MultiPart};
use zeroize::Zeroize;

const TAG_LEN: usize = 16;

/// The [`Provider`] of the checksum cipher: out of place or not.
#[derive(Clone, Copy, Debug)]
pub struct ChecksumBy<const IS_OUT_OF_PLACE: bool>;

/// The checksum cipher, in place.
pub type Checksum = ChecksumBy<false>;

impl<const IS_OUT_OF_PLACE: bool> Provider for ChecksumBy<IS_OUT_OF_PLACE> {
    type Aead = ChecksumAead<IS_OUT_OF_PLACE>;

    const STACK: usize = 0;

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Self::Aead> {
        (key.len() == algorithm.key_len()).then(|| ChecksumAead {
            key: mix(0, key),
            algorithm,
            operation: None,
        })
    }

    fn hkdf_expand(_: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        fill(out, info.iter().fold(mix(0, prk), |state, part| mix(state, part)));
        Some(())
    }

    fn hmac(_: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        fill(out, mix(mix(0, key), &message.concat()));
        Some(())
    }
}

/// Fills `out` with bytes that depend on the state.
fn fill(out: &mut [u8], mut state: u64) {
    for chunk in out.chunks_mut(8) {
        state = mix(state, b"next");
        chunk.copy_from_slice(&state.to_be_bytes()[..chunk.len()]);
    }
}

/// A key of the checksum cipher.
#[derive(Clone, Debug)]
pub struct ChecksumAead<const IS_OUT_OF_PLACE: bool = false> {
    key: u64,
    algorithm: Algorithm,
    operation: Option<Operation>,
}

/// A record that is being opened in parts.
#[derive(Clone, Debug)]
struct Operation {
    nonce: [u8; NONCE_LEN],
    additional_data: Vec<u8>,
    text: Vec<u8>,
    len: usize,
    decrypted: usize,
    is_verified: bool,
}

impl<const IS_OUT_OF_PLACE: bool> ChecksumAead<IS_OUT_OF_PLACE> {
    fn tag(&self, nonce: &[u8; NONCE_LEN], additional_data: &[u8], text: &[u8]) -> [u8; TAG_LEN] {
        let sum = mix(mix(mix(self.key, nonce), additional_data), text);
        let mut tag = [0; TAG_LEN];
        tag[..8].copy_from_slice(&sum.to_be_bytes());
        tag[8..].copy_from_slice(&mix(sum, b"tag").to_be_bytes());
        tag
    }
}

/// Mixes `bytes` into `state`. Not secure: each step is a bijection of the state, so that every
/// single change is detected.
pub(crate) fn mix(state: u64, bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, word: u64| (state ^ word).wrapping_mul(ODD).rotate_left(29);
    let (words, rest) = bytes.as_chunks();
    let state = words.iter().fold(state, |state, word| step(state, u64::from_be_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    step(step(state, u64::from_be_bytes(last)), bytes.len() as u64)
}

impl<const IS_OUT_OF_PLACE: bool> Zeroize for ChecksumAead<IS_OUT_OF_PLACE> {
    fn zeroize(&mut self) {
        self.key = 0;
    }
}

impl<const IS_OUT_OF_PLACE: bool> Aead for ChecksumAead<IS_OUT_OF_PLACE> {
    const IS_OUT_OF_PLACE: bool = IS_OUT_OF_PLACE;

    fn tag_len(&self) -> usize {
        TAG_LEN
    }

    fn confidentiality_limit(&self) -> u64 {
        self.algorithm.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.algorithm.has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        tag.copy_from_slice(&self.tag(nonce, additional_data, in_out));
        Ok(())
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        if tag == self.tag(nonce, additional_data, in_out) { Ok(()) } else { Err(AeadError) }
    }
}

impl<const IS_OUT_OF_PLACE: bool> MultiPart for ChecksumAead<IS_OUT_OF_PLACE> {
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        self.operation = Some(Operation {
            nonce: *nonce,
            additional_data: additional_data.to_vec(),
            text: Vec::new(),
            len,
            decrypted: 0,
            is_verified: false,
        });
        Ok(())
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        self.operation.as_mut().ok_or(AeadError)?.text.extend(ciphertext);
        Ok(())
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let operation = self.operation.as_mut().ok_or(AeadError)?;
        let at = operation.decrypted;
        operation.decrypted += in_out.len();
        assert_eq!(
            operation.text.get(at..operation.decrypted),
            Some(&*in_out),
            "not authenticated"
        );
        Ok(())
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        let Operation { nonce, additional_data, text, len, .. } =
            self.operation.as_ref().ok_or(AeadError)?;
        if text.len() != *len || tag != self.tag(nonce, additional_data, text) {
            return Err(AeadError);
        }
        self.operation.as_mut().ok_or(AeadError)?.is_verified = true;
        Ok(())
    }

    fn end(&mut self) {
        if let Some(operation) = self.operation.take()
            && operation.is_verified
        {
            assert_eq!(operation.decrypted, operation.len, "not all of the record is decrypted");
        }
    }
}
