//! The ciphers of RustCrypto that open a record in parts.
//!
//! RustCrypto's AEADs take a record in one piece. Here their block cipher, stream ciphers and universal
//! hashes are put together in the same way: AES-GCM as in NIST SP 800-38D section 7,
//! ChaCha20-Poly1305 as in RFC 8439 section 2.8, AES-CCM as in NIST SP 800-38C.

#[cfg(feature = "rustcrypto-aes128-ccm")]
mod ccm;
#[cfg(any(feature = "rustcrypto-aes128-gcm", feature = "rustcrypto-aes256-gcm"))]
mod gcm;
#[cfg(feature = "rustcrypto-chacha20-poly1305")]
mod poly;
mod stream_and_hash;

use aead::array::Array;
use aead::consts::U16;
use aead::inout::InOutBuf;
use zeroize::Zeroize;

use super::RustCrypto;
use crate::crypto::aead::multi_part::MultiPart;
use crate::crypto::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider};
use stream_and_hash::StreamAndHash;

type Block = Array<u8, U16>;

#[cfg(feature = "rustcrypto-aes128-gcm")]
type Aes128Gcm = gcm::Gcm<aes::Aes128>;
#[cfg(not(feature = "rustcrypto-aes128-gcm"))]
type Aes128Gcm = super::Absent;

#[cfg(feature = "rustcrypto-aes256-gcm")]
type Aes256Gcm = gcm::Gcm<aes::Aes256>;
#[cfg(not(feature = "rustcrypto-aes256-gcm"))]
type Aes256Gcm = super::Absent;

#[cfg(feature = "rustcrypto-chacha20-poly1305")]
type Chacha20Poly1305 = poly::Chacha20Poly1305;
#[cfg(not(feature = "rustcrypto-chacha20-poly1305"))]
type Chacha20Poly1305 = super::Absent;

#[cfg(feature = "rustcrypto-aes128-ccm")]
type Aes128Ccm = ccm::Ccm<U16>;
#[cfg(feature = "rustcrypto-aes128-ccm")]
type Aes128Ccm8 = ccm::Ccm<aead::consts::U8>;
#[cfg(not(feature = "rustcrypto-aes128-ccm"))]
type Aes128Ccm = StreamAndHash<super::Absent>;
#[cfg(not(feature = "rustcrypto-aes128-ccm"))]
type Aes128Ccm8 = StreamAndHash<super::Absent>;

/// RustCrypto as a [`Provider`] whose keys open a record in [parts](MultiPart).
///
/// It has the algorithms of [`RustCrypto`], and seals and opens whole records as it does. A key is longer
/// by the state of one record, of which 64 bytes, or 2 KiB on 64-bit processors, are key stream: use it
/// where records are opened in parts.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RustCryptoParts;

impl Provider for RustCryptoParts {
    type Aead = RustCryptoPartsAead;

    /// More than [`RustCrypto`] uses, because a key has the state of a record. Measured by
    /// `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 31,848 on x86_64, at s, and 6,812 on
    /// thumbv7em, at z.
    const STACK: usize = if usize::BITS == 64 { 32_256 } else { 7168 };

    fn supports(algorithm: Algorithm) -> bool {
        RustCrypto::supports(algorithm)
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<RustCryptoPartsAead> {
        // In the place of what is returned, as in `RustCrypto`.
        Some(RustCryptoPartsAead(match algorithm {
            Algorithm::Aes128Gcm => Key::Aes128Gcm(StreamAndHash::new(key)?),
            Algorithm::Aes256Gcm => Key::Aes256Gcm(StreamAndHash::new(key)?),
            Algorithm::Chacha20Poly1305 => Key::Chacha20Poly1305(StreamAndHash::new(key)?),
            Algorithm::Aes128Ccm => Key::Aes128Ccm(Aes128Ccm::new(key)?),
            Algorithm::Aes128Ccm8 => Key::Aes128Ccm8(Aes128Ccm8::new(key)?),
        }))
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        RustCrypto::hkdf_expand(algorithm, prk, info, out)
    }

    #[cfg(all(feature = "takeover", feature = "tls12"))]
    fn hmac(algorithm: Algorithm, key: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        RustCrypto::hmac(algorithm, key, message, out)
    }
}

/// A key of [`RustCryptoParts`].
pub struct RustCryptoPartsAead(Key);

// Boxing the large variant is what a crate without a heap cannot do.
#[allow(clippy::large_enum_variant)]
enum Key {
    Aes128Gcm(StreamAndHash<Aes128Gcm>),
    Aes256Gcm(StreamAndHash<Aes256Gcm>),
    Chacha20Poly1305(StreamAndHash<Chacha20Poly1305>),
    Aes128Ccm(Aes128Ccm),
    Aes128Ccm8(Aes128Ccm8),
}

impl RustCryptoPartsAead {
    const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Key::Aes128Gcm(_) => Algorithm::Aes128Gcm,
            Key::Aes256Gcm(_) => Algorithm::Aes256Gcm,
            Key::Chacha20Poly1305(_) => Algorithm::Chacha20Poly1305,
            Key::Aes128Ccm(_) => Algorithm::Aes128Ccm,
            Key::Aes128Ccm8(_) => Algorithm::Aes128Ccm8,
        }
    }

    fn cipher(&mut self) -> &mut dyn Cipher {
        match &mut self.0 {
            Key::Aes128Gcm(key) => key,
            Key::Aes256Gcm(key) => key,
            Key::Chacha20Poly1305(key) => key,
            Key::Aes128Ccm(key) => key,
            Key::Aes128Ccm8(key) => key,
        }
    }
}

impl Zeroize for RustCryptoPartsAead {
    // Ciphers and hashes wipe themselves when they are dropped, and the engine overwrites the key.
    fn zeroize(&mut self) {}
}

impl Aead for RustCryptoPartsAead {
    /// Measured by `tests/firmware/stack` at opt-levels 2, 3, s and z: up to 8,168 on x86_64 and 2,008 on
    /// thumbv7em, where the ciphers that take whole records use more.
    const STACK: usize = super::RustCryptoAead::STACK;
    const IS_OUT_OF_PLACE: bool = true;

    fn tag_len(&self) -> usize {
        self.algorithm().tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.algorithm().confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.algorithm().has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        self.cipher().seal(nonce, additional_data, in_out, tag)
    }

    fn seal_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        content: &[u8],
        inner_type: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        self.cipher().seal_from(nonce, additional_data, content, inner_type, out)
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        self.cipher().open(nonce, additional_data, in_out.into(), tag)
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
        self.cipher().open(nonce, additional_data, text, tag)
    }
}

impl MultiPart for RustCryptoPartsAead {
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        self.cipher().begin(nonce, additional_data, len)
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        self.cipher().authenticate(ciphertext)
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        self.cipher().decrypt(in_out)
    }

    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        self.cipher().update(in_out)
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        self.cipher().verify(tag)
    }

    fn end(&mut self) {
        self.cipher().end();
    }
}

/// The functions of [`Aead`] and [`MultiPart`] that differ from cipher to cipher.
trait Cipher {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError>;

    fn seal_from(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        content: &[u8],
        inner_type: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError>;

    /// Opens a whole record, in place or to another place.
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), AeadError>;

    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError>;

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError>;
    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError>;
    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError>;
    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError>;
    fn end(&mut self);
}
