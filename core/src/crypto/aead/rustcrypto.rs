//! The portable backend: RustCrypto. Links everywhere, without a C compiler.

use aes_gcm::aead::consts::{U8, U12, U16};
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit, Tag};
use aes_gcm::aes::Aes128;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
#[cfg(all(feature = "takeover", feature = "tls12"))]
use hkdf::hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384};
use zeroize::Zeroize;

use super::{Aead, AeadError, Algorithm, NONCE_LEN, Provider};
#[cfg(all(feature = "takeover", feature = "tls12"))]
use crate::buffer::bytes::copy;

/// RustCrypto as a [`Provider`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RustCrypto;

impl Provider for RustCrypto {
    type Aead = RustCryptoAead;

    /// Measured by `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 10,712 on x86_64, 5,580 on
    /// thumbv7em and 5,204 on riscv32imac, all at z.
    const STACK: usize = if usize::BITS == 64 { 11_008 } else { 5760 };

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<RustCryptoAead> {
        Some(RustCryptoAead(match algorithm {
            Algorithm::Aes128Gcm => Cipher::Aes128Gcm(Aes128Gcm::new_from_slice(key).ok()?),
            Algorithm::Aes256Gcm => Cipher::Aes256Gcm(Aes256Gcm::new_from_slice(key).ok()?),
            Algorithm::Chacha20Poly1305 => {
                Cipher::Chacha20Poly1305(ChaCha20Poly1305::new_from_slice(key).ok()?)
            }
            Algorithm::Aes128Ccm => Cipher::Aes128Ccm(Ccm::new_from_slice(key).ok()?),
            Algorithm::Aes128Ccm8 => Cipher::Aes128Ccm8(Ccm::new_from_slice(key).ok()?),
        }))
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        match algorithm {
            Algorithm::Aes128Gcm
            | Algorithm::Chacha20Poly1305
            | Algorithm::Aes128Ccm
            | Algorithm::Aes128Ccm8 => {
                Hkdf::<Sha256>::from_prk(prk).ok()?.expand_multi_info(info, out).ok()
            }
            Algorithm::Aes256Gcm => {
                Hkdf::<Sha384>::from_prk(prk).ok()?.expand_multi_info(info, out).ok()
            }
        }
    }

    #[cfg(all(feature = "takeover", feature = "tls12"))]
    fn hmac(algorithm: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        fn mac<M: Mac + KeyInit>(key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
            let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
            message.iter().for_each(|part| mac.update(part));
            copy(&mac.finalize().into_bytes(), out);
            Some(())
        }
        match algorithm {
            Algorithm::Aes256Gcm => mac::<Hmac<Sha384>>(key, message, out),
            _ => mac::<Hmac<Sha256>>(key, message, out),
        }
    }
}

/// A key of RustCrypto's.
pub struct RustCryptoAead(Cipher);

// Boxing the large variant is what a crate without a heap cannot do.
#[allow(clippy::large_enum_variant)]
enum Cipher {
    Aes128Gcm(Aes128Gcm),
    Aes256Gcm(Aes256Gcm),
    Chacha20Poly1305(ChaCha20Poly1305),
    Aes128Ccm(Ccm<Aes128, U16, U12>),
    Aes128Ccm8(Ccm<Aes128, U8, U12>),
}

impl RustCryptoAead {
    const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Cipher::Aes128Gcm(_) => Algorithm::Aes128Gcm,
            Cipher::Aes256Gcm(_) => Algorithm::Aes256Gcm,
            Cipher::Chacha20Poly1305(_) => Algorithm::Chacha20Poly1305,
            Cipher::Aes128Ccm(_) => Algorithm::Aes128Ccm,
            Cipher::Aes128Ccm8(_) => Algorithm::Aes128Ccm8,
        }
    }
}

impl Zeroize for RustCryptoAead {
    // The ciphers wipe themselves when they are dropped, and the engine overwrites them too.
    fn zeroize(&mut self) {}
}

impl Aead for RustCryptoAead {
    /// Measured by `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 9,288 on x86_64, 2,128 on
    /// thumbv7em and 2,016 on riscv32imac, all for AES-256-GCM. ChaCha20-Poly1305 takes 1,236 of the
    /// latter, AES-128-GCM 1,872.
    const STACK: usize = if usize::BITS == 64 { 9472 } else { 2176 };

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
            Cipher::Aes128Gcm(key) => seal(key, nonce, additional_data, in_out, tag),
            Cipher::Aes256Gcm(key) => seal(key, nonce, additional_data, in_out, tag),
            Cipher::Chacha20Poly1305(key) => seal(key, nonce, additional_data, in_out, tag),
            Cipher::Aes128Ccm(key) => seal(key, nonce, additional_data, in_out, tag),
            Cipher::Aes128Ccm8(key) => seal(key, nonce, additional_data, in_out, tag),
        }
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        match &self.0 {
            Cipher::Aes128Gcm(key) => open(key, nonce, additional_data, in_out, tag),
            Cipher::Aes256Gcm(key) => open(key, nonce, additional_data, in_out, tag),
            Cipher::Chacha20Poly1305(key) => open(key, nonce, additional_data, in_out, tag),
            Cipher::Aes128Ccm(key) => open(key, nonce, additional_data, in_out, tag),
            Cipher::Aes128Ccm8(key) => open(key, nonce, additional_data, in_out, tag),
        }
    }
}

#[inline]
fn seal<C: AeadInOut<NonceSize = U12>>(
    cipher: &C,
    nonce: &[u8; NONCE_LEN],
    additional_data: &[u8],
    in_out: &mut [u8],
    tag: &mut [u8],
) -> Result<(), AeadError> {
    let tag: &mut Tag<C> = tag.try_into().map_err(|_| AeadError)?;
    *tag = cipher
        .encrypt_inout_detached(&(*nonce).into(), additional_data, InOutBuf::from(in_out))
        .map_err(|_| AeadError)?;
    Ok(())
}

fn open<C: AeadInOut<NonceSize = U12>>(
    cipher: &C,
    nonce: &[u8; NONCE_LEN],
    additional_data: &[u8],
    in_out: &mut [u8],
    tag: &[u8],
) -> Result<(), AeadError> {
    let tag: &Tag<C> = tag.try_into().map_err(|_| AeadError)?;
    let buffer = InOutBuf::from(in_out);
    cipher
        .decrypt_inout_detached(&(*nonce).into(), additional_data, buffer, tag)
        .map_err(|_| AeadError)
}
