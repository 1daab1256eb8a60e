//! The portable backend: RustCrypto. Links everywhere, without a C compiler.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use sha2::{Sha256, Sha384};
use zeroize::Zeroize;

use super::{Aead, AeadError, Algorithm, NONCE_LEN, Provider};

const TAG_LEN: usize = 16;

/// RustCrypto as a [`Provider`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RustCrypto;

impl Provider for RustCrypto {
    type Aead = RustCryptoAead;

    /// At opt-levels 2, 3, s and z, up to 11,800 were seen on x86_64, and 5,700 on riscv32imac and
    /// thumbv7em.
    const STACK: usize = if usize::BITS == 64 { 12 * 1024 } else { 6 * 1024 };

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<RustCryptoAead> {
        Some(RustCryptoAead(match algorithm {
            Algorithm::Aes128Gcm => Cipher::Aes128Gcm(Aes128Gcm::new_from_slice(key).ok()?),
            Algorithm::Aes256Gcm => Cipher::Aes256Gcm(Aes256Gcm::new_from_slice(key).ok()?),
            Algorithm::Chacha20Poly1305 => {
                Cipher::Chacha20Poly1305(ChaCha20Poly1305::new_from_slice(key).ok()?)
            }
        }))
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        match algorithm {
            Algorithm::Aes128Gcm | Algorithm::Chacha20Poly1305 => {
                Hkdf::<Sha256>::from_prk(prk).ok()?.expand_multi_info(info, out).ok()
            }
            Algorithm::Aes256Gcm => {
                Hkdf::<Sha384>::from_prk(prk).ok()?.expand_multi_info(info, out).ok()
            }
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
}

impl RustCryptoAead {
    const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Cipher::Aes128Gcm(_) => Algorithm::Aes128Gcm,
            Cipher::Aes256Gcm(_) => Algorithm::Aes256Gcm,
            Cipher::Chacha20Poly1305(_) => Algorithm::Chacha20Poly1305,
        }
    }
}

impl Zeroize for RustCryptoAead {
    // The ciphers wipe themselves when they are dropped, and the engine overwrites them besides.
    fn zeroize(&mut self) {}
}

impl Aead for RustCryptoAead {
    #[inline]
    fn tag_len(&self) -> usize {
        TAG_LEN
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
        let (nonce, buffer) = (&(*nonce).into(), InOutBuf::from(in_out));
        let sealed = match &self.0 {
            Cipher::Aes128Gcm(key) => key.encrypt_inout_detached(nonce, additional_data, buffer),
            Cipher::Aes256Gcm(key) => key.encrypt_inout_detached(nonce, additional_data, buffer),
            Cipher::Chacha20Poly1305(key) => {
                key.encrypt_inout_detached(nonce, additional_data, buffer)
            }
        }
        .map_err(|_| AeadError)?;
        *tag.first_chunk_mut().ok_or(AeadError)? = sealed.into();
        Ok(())
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        let tag: &[u8; TAG_LEN] = tag.try_into().map_err(|_| AeadError)?;
        let (nonce, buffer, tag) = (&(*nonce).into(), InOutBuf::from(in_out), &(*tag).into());
        match &self.0 {
            Cipher::Aes128Gcm(key) => {
                key.decrypt_inout_detached(nonce, additional_data, buffer, tag)
            }
            Cipher::Aes256Gcm(key) => {
                key.decrypt_inout_detached(nonce, additional_data, buffer, tag)
            }
            Cipher::Chacha20Poly1305(key) => {
                key.decrypt_inout_detached(nonce, additional_data, buffer, tag)
            }
        }
        .map_err(|_| AeadError)
    }
}
