//! AEAD ciphers: the trait that a library or a hardware accelerator implements, and the backends.

#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc;
#[cfg(feature = "long-records")]
pub mod multi_part;
#[cfg(feature = "null-aead")]
pub mod null;
#[cfg(feature = "ring")]
pub mod ring;
#[cfg(any(
    feature = "rustcrypto-aes128-gcm",
    feature = "rustcrypto-aes256-gcm",
    feature = "rustcrypto-chacha20-poly1305",
    feature = "rustcrypto-aes128-ccm"
))]
pub mod rustcrypto;
mod suite;

use zeroize::Zeroize;

use crate::buffer::bytes::{copy, copy_content};

/// Length of a nonce in bytes (RFC 9846 section 5.3).
pub const NONCE_LEN: usize = 12;

/// The AEAD algorithms of the suites that the engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Algorithm {
    /// AES-128-GCM, with SHA-256 in TLS 1.3.
    Aes128Gcm,
    /// AES-256-GCM, with SHA-384 in TLS 1.3.
    Aes256Gcm,
    /// ChaCha20-Poly1305, with SHA-256 in TLS 1.3.
    Chacha20Poly1305,
    /// AES-128-CCM, with SHA-256 in TLS 1.3.
    Aes128Ccm,
    /// AES-128-CCM with tags of 8 bytes, and SHA-256 in TLS 1.3. One forgery in 2^64 is taken for
    /// genuine, too many for protocols that let attempts fail (RFC 9147 section 4.5.3). TLS grants
    /// one for each connection, which ends with the first record that does not open.
    Aes128Ccm8,
}

impl Algorithm {
    /// Length of the key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => 16,
            Self::Aes256Gcm | Self::Chacha20Poly1305 => 32,
        }
    }

    /// Length of the tag in bytes (RFC 5116 section 5, RFC 6655 section 3, RFC 8439 section 2.8).
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::Chacha20Poly1305 | Self::Aes128Ccm => 16,
            Self::Aes128Ccm8 => 8,
        }
    }

    /// The hash of the suite: of HKDF and of the transcript in TLS 1.3 (RFC 9846 appendix B.4), of the
    /// PRF in TLS 1.2 (RFC 5288, RFC 5289, RFC 6655, RFC 7905).
    pub const fn hash(self) -> Hash {
        match self {
            Self::Aes128Gcm | Self::Chacha20Poly1305 | Self::Aes128Ccm | Self::Aes128Ccm8 => {
                Hash::Sha256
            }
            Self::Aes256Gcm => Hash::Sha384,
        }
    }

    /// Length of a TLS 1.3 traffic secret in bytes: that of the suite's [`hash`](Self::hash)
    /// (RFC 9846 section 7.1).
    pub const fn secret_len(self) -> usize {
        match self.hash() {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
        }
    }

    /// Returns how many records one key may seal.
    ///
    /// For AES-GCM this is 2^24.5, rounded down (RFC 9846 section 5.5). ChaCha20-Poly1305 has no
    /// limit: the sequence numbers run out first. For AES-CCM it is 2^23, which is as safe
    /// (RFC 9147 section 4.5.3; RFC 9846 has no number for it).
    pub const fn confidentiality_limit(self) -> u64 {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 23_726_566,
            Self::Chacha20Poly1305 => u64::MAX,
            Self::Aes128Ccm | Self::Aes128Ccm8 => 1 << 23,
        }
    }

    /// Returns whether a TLS 1.2 record carries an explicit nonce of 8 bytes.
    ///
    /// AES-GCM and AES-CCM have one (RFC 5288 section 3, RFC 6655 section 3), ChaCha20-Poly1305 has
    /// none (RFC 7905 section 2).
    pub const fn has_explicit_nonce(self) -> bool {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => true,
            Self::Chacha20Poly1305 => false,
        }
    }
}

/// The hash functions of the suites that the engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Hash {
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-384: 48 bytes.
    Sha384,
}

/// The error of an AEAD: authentication failed on opening, or hardware failed on sealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AeadError;

/// A key of an AEAD algorithm, which seals and opens.
///
/// The engine never repeats a nonce under one key when sealing. `&mut self` is for drivers: a key
/// belongs to one direction of one connection and is never shared.
///
/// `zeroize` wipes what the type can reach. Its body may be empty for a type without heap memory,
/// because the engine overwrites all bytes of the key itself.
pub trait Aead: Zeroize {
    /// How many bytes of stack [`seal`](Self::seal) and [`open`](Self::open) use.
    ///
    /// Copies of the key are left there. The engine overwrites them when it wipes the key, after a
    /// failure and on drop, and uses that much stack itself then. 0, the default, is for ciphers
    /// that keep no key in memory.
    ///
    /// A record that does not open wipes the key. A peer that is not authenticated can therefore
    /// cause this use of stack: do not set more than the cipher itself uses.
    const STACK: usize = 0;

    /// Whether the cipher implements [`seal_from`](Self::seal_from), [`open_from`](Self::open_from) or both
    /// itself, from one buffer to another without a copy.
    const IS_OUT_OF_PLACE: bool = false;

    /// Returns the length of the tag in bytes: 1 to 48, the longest of a TLS suite (RFC 9150).
    fn tag_len(&self) -> usize;

    /// Returns how many records this key may seal (RFC 9846 section 5.5).
    fn confidentiality_limit(&self) -> u64;

    /// Returns whether TLS 1.2 records carry an explicit nonce of 8 bytes (RFC 5288 section 3).
    fn has_explicit_nonce(&self) -> bool;

    /// Encrypts `in_out` and writes the tag, which is [`tag_len`](Self::tag_len) bytes long.
    ///
    /// # Errors
    /// [`AeadError`] if the cipher failed. The connection fails then.
    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError>;

    /// Encrypts `content` followed by `inner_type` to the front of `out`, and writes the tag behind it.
    ///
    /// `out` is as long as the three together; what it holds does not matter. `inner_type` is the content
    /// type of a TLS 1.3 record, and empty in TLS 1.2. The engine calls this function if the cipher
    /// [is out of place](Self::IS_OUT_OF_PLACE), and the content is in one slice, longer than 512 bytes, and
    /// not padded. By default it copies the content, and [seals](Self::seal) in place.
    ///
    /// # Errors
    /// [`AeadError`] if the cipher failed, or `out` is too short. The connection fails then.
    fn seal_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        content: &[u8],
        inner_type: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        let (place, rest) = out.split_at_mut_checked(content.len()).ok_or(AeadError)?;
        copy_content(content, place);
        copy(inner_type, rest);
        // Does not wrap: the length of a part of `out`, and a byte more.
        let len = content.len().wrapping_add(inner_type.len());
        let (in_out, tag) = out.split_at_mut_checked(len).ok_or(AeadError)?;
        self.seal(nonce, additional_data, in_out, tag)
    }

    /// Checks the tag and decrypts `in_out`. What `in_out` holds after an error does not matter:
    /// the engine overwrites it.
    ///
    /// # Errors
    /// [`AeadError`] if the tag is wrong.
    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError>;

    /// Checks the tag and decrypts `ciphertext` to `out`, which is as long.
    ///
    /// What `out` holds does not matter, also after an error: the engine overwrites it. The engine calls this
    /// function if the cipher [is out of place](Self::IS_OUT_OF_PLACE), and the record is longer than 512
    /// bytes and lies in one slice of the input of [`Opener::open_into`](crate::Opener::open_into) or
    /// [`open_out_of_place`](crate::Opener::open_out_of_place). By default it copies the ciphertext, and
    /// [opens](Self::open) in place.
    ///
    /// # Errors
    /// [`AeadError`] if the tag is wrong, or the lengths differ.
    fn open_from(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        ciphertext: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        if ciphertext.len() != out.len() {
            return Err(AeadError);
        }
        copy_content(ciphertext, out);
        self.open(nonce, additional_data, out, tag)
    }
}

/// A library of ciphers, which makes and derives keys.
///
/// [`ring::Ring`] is the default; `rustcrypto::RustCrypto`, of the feature
/// `rustcrypto`, builds everywhere; `aws_lc::AwsLc`, of
/// the feature `aws-lc-rs`, is for hosts.
pub trait Provider {
    /// The type of its AEAD keys.
    type Aead: Aead;

    /// How many bytes of stack making and deriving keys use: see
    /// [`KeySchedule::STACK`](crate::KeySchedule::STACK).
    const STACK: usize;

    /// Returns whether the provider has `algorithm`. By default it has all of them.
    ///
    /// [`TrafficSecret`](crate::TrafficSecret) calls this, so that a missing algorithm is an error
    /// when the secret is created, and not only when keys are made.
    fn supports(_algorithm: Algorithm) -> bool {
        true
    }

    /// Makes a key. `None` if `key` does not have [`Algorithm::key_len`] bytes, or the provider does not
    /// have the algorithm.
    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Self::Aead>;

    /// HKDF-Expand (RFC 5869) with the [hash](Algorithm::hash) of `algorithm`.
    ///
    /// `info` is passed in parts. They may be secret: leave no copy of them on a heap. `None` if
    /// `out` is longer than HKDF-Expand can fill.
    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()>;

    /// HMAC (RFC 2104) with the hash that the suites of TLS 1.2 and 1.3 pair with `algorithm`, `message`
    /// given in parts. Fills `out`, which is as long as the hash.
    ///
    /// Only [`takeover`](crate::takeover) of TLS 1.2 connections needs it. `None` if the provider has no
    /// HMAC, which is the default. Parts of `message` may be secret: leave no copy of them on a heap.
    #[cfg(all(feature = "takeover", feature = "tls12"))]
    fn hmac(_algorithm: Algorithm, _key: &[u8], _message: &[&[u8]], _out: &mut [u8]) -> Option<()> {
        None
    }
}
