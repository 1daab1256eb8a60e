//! `tlsr_secret`, and the keys that are made of it: secrets in memory, or numbers of a key store.

use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN};
use tls_record::{DirectionKeys, KeyError, KeySchedule, Version, scrub_stack};
use zeroize::Zeroize;

#[cfg(feature = "key-store")]
use crate::key_store::{KeyStore, StoredKey, StoredSecret};
use crate::memory::{Bytes, In, Plain};
use crate::status::Status;

#[cfg(secrets)]
use tls_record::Extractable;
#[cfg(all(secrets, not(any(feature = "long-records", feature = "null-aead"))))]
pub(crate) type Provider = tls_record::aead::rustcrypto::RustCrypto;
#[cfg(all(secrets, feature = "long-records", not(feature = "null-aead")))]
pub(crate) type Provider = tls_record::aead::rustcrypto::RustCryptoParts;
#[cfg(feature = "null-aead")]
pub(crate) type Provider = tls_record::aead::null::Null;
#[cfg(secrets)]
type TrafficSecret = tls_record::TrafficSecret<Provider>;

/// `tlsr_secret`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct Secret<'a> {
    pub secret: Bytes<'a>,
    pub secret_len: usize,
    pub iv: Bytes<'a>,
    pub iv_len: usize,
    #[cfg(feature = "key-store")]
    pub store: *const KeyStore,
    #[cfg(not(feature = "key-store"))]
    pub store: *const core::ffi::c_void,
    pub handle: usize,
    pub sequence: u64,
    pub suite: u16,
}

// SAFETY: pointers and integers; the pointers are checked when they are used.
unsafe impl Plain for Secret<'_> {}

/// The keys of a direction, and their first sequence number.
pub(crate) type Numbered = (Keys, u64);

/// Makes the keys of a direction.
pub(crate) fn keys_of(secret: In<'_, Secret<'_>>) -> Result<Numbered, Status> {
    let from = secret.get()?;
    Ok((Keys::new(from)?, from.sequence))
}

/// Makes the keys of both directions. If one is refused, a secret of a key store in the other remains the
/// caller's.
pub(crate) fn both_keys_of(
    one: In<'_, Secret<'_>>,
    other: In<'_, Secret<'_>>,
) -> Result<(Numbered, Numbered), Status> {
    let (one, other) = (one.get()?, other.get()?);
    let keys = Keys::new(one)?;
    match Keys::new(other) {
        Ok(other_keys) => Ok(((keys, one.sequence), (other_keys, other.sequence))),
        Err(status) => {
            keys.give_back();
            Err(status)
        }
    }
}

/// Makes keys that were not used yet.
pub(crate) fn new_keys_of(secret: In<'_, Secret<'_>>) -> Result<Keys, Status> {
    let from = secret.get()?;
    if from.sequence != 0 {
        return Err(Status::ARGUMENT);
    }
    Keys::new(from)
}

/// Runs a call that moves keys, and overwrites what it left of them on the stack. `moved` is the size of
/// what it moves.
pub(crate) fn moving_keys(moved: usize, call: impl FnOnce() -> Result<(), Status>) -> Status {
    /// Not inlined: its frame has to be one that `scrub_stack` reaches.
    #[inline(never)]
    fn run(call: impl FnOnce() -> Result<(), Status>) -> Status {
        Status::of(call)
    }
    let status = run(call);
    if cfg!(secrets) {
        // Each function that the keys pass through may have a copy.
        scrub_stack(moved.saturating_mul(4).saturating_add(256));
    }
    status
}

/// The secret of one direction.
pub(crate) enum Keys {
    #[cfg(secrets)]
    Secret(TrafficSecret),
    #[cfg(feature = "key-store")]
    Store(StoredSecret),
}

impl Keys {
    fn new(from: &Secret<'_>) -> Result<Self, Status> {
        if from.sequence == u64::MAX {
            return Err(Status::KEY_EXHAUSTED);
        }
        let algorithm = Algorithm::from_suite(from.suite).ok_or(KeyError::Unsupported)?;
        // The numbers of the suites of TLS 1.3 (RFC 9846 appendix B.4).
        let version = if from.suite >> 8 == 0x13 { Version::Tls13 } else { Version::Tls12 };
        if from.store.is_null() {
            Self::of_secret(from, version, algorithm)
        } else {
            Self::of_store(from, version, algorithm)
        }
    }

    /// Leaves a secret of a key store to the caller.
    fn give_back(&self) {
        match self {
            #[cfg(secrets)]
            Self::Secret(_) => {}
            #[cfg(feature = "key-store")]
            Self::Store(secret) => secret.give_back(),
        }
    }

    #[cfg(secrets)]
    fn of_secret(
        from: &Secret<'_>,
        version: Version,
        algorithm: Algorithm,
    ) -> Result<Self, Status> {
        let secret = from.secret.slice(from.secret_len)?;
        let iv = from.iv.slice(from.iv_len)?;
        let secret = match version {
            Version::Tls13 if iv.is_empty() => TrafficSecret::tls13(algorithm, secret)?,
            #[cfg(feature = "tls12")]
            Version::Tls12 => TrafficSecret::tls12(algorithm, secret, iv)?,
            _ => return Err(Status::LENGTH),
        };
        Ok(Self::Secret(secret))
    }

    #[cfg(not(secrets))]
    fn of_secret(_: &Secret<'_>, _: Version, _: Algorithm) -> Result<Self, Status> {
        Err(Status::UNSUPPORTED)
    }

    #[cfg(feature = "key-store")]
    fn of_store(from: &Secret<'_>, version: Version, algorithm: Algorithm) -> Result<Self, Status> {
        if from.secret_len != 0 || from.iv_len != 0 {
            return Err(Status::ARGUMENT);
        }
        // SAFETY: the header says how long the table has to stay.
        let stored =
            unsafe { StoredSecret::new(from.store, from.handle, from.suite, version, algorithm) };
        stored.map(Self::Store).ok_or(Status::ARGUMENT)
    }

    #[cfg(not(feature = "key-store"))]
    fn of_store(_: &Secret<'_>, _: Version, _: Algorithm) -> Result<Self, Status> {
        Err(Status::UNSUPPORTED)
    }
}

#[cfg(secrets)]
impl From<TrafficSecret> for Keys {
    fn from(secret: TrafficSecret) -> Self {
        Self::Secret(secret)
    }
}

#[cfg(secrets)]
impl Extractable for Keys {
    type Provider = Provider;

    fn traffic_secret(&self) -> Option<&TrafficSecret> {
        match self {
            Self::Secret(secret) => Some(secret),
            #[cfg(feature = "key-store")]
            Self::Store(_) => None,
        }
    }
}

/// Runs the same code for either kind.
macro_rules! either {
    ($this:expr, $inner:ident => $call:expr) => {
        match $this {
            #[cfg(secrets)]
            Self::Secret($inner) => $call,
            #[cfg(feature = "key-store")]
            Self::Store($inner) => $call,
        }
    };
}

impl KeySchedule for Keys {
    type Aead = Key;

    #[cfg(secrets)]
    const STACK: usize = <TrafficSecret as KeySchedule>::STACK;

    fn version(&self) -> Version {
        either!(self, keys => keys.version())
    }

    fn keys(&self) -> Result<DirectionKeys<Key>, KeyError> {
        match self {
            #[cfg(secrets)]
            Self::Secret(secret) => {
                let DirectionKeys { aead, iv } = secret.keys()?;
                Ok(DirectionKeys { aead: Key::Secret(aead), iv })
            }
            #[cfg(feature = "key-store")]
            Self::Store(secret) => {
                let DirectionKeys { aead, iv } = secret.keys()?;
                Ok(DirectionKeys { aead: Key::Store(aead), iv })
            }
        }
    }

    fn is_same_secret(&self, other: &Self) -> bool {
        match (self, other) {
            #[cfg(secrets)]
            (Self::Secret(one), Self::Secret(other)) => one.is_same_secret(other),
            #[cfg(feature = "key-store")]
            (Self::Store(one), Self::Store(other)) => one.is_same_secret(other),
            #[cfg(all(secrets, feature = "key-store"))]
            _ => false,
        }
    }

    fn update(&mut self) -> Result<(), KeyError> {
        either!(self, keys => keys.update())
    }
}

impl Zeroize for Keys {
    fn zeroize(&mut self) {
        either!(self, keys => keys.zeroize());
    }
}

/// A key of one generation.
#[allow(clippy::large_enum_variant, reason = "there is no heap")]
pub(crate) enum Key {
    #[cfg(secrets)]
    Secret(<Provider as tls_record::aead::Provider>::Aead),
    #[cfg(feature = "key-store")]
    Store(StoredKey),
}

impl Aead for Key {
    #[cfg(secrets)]
    const STACK: usize = <<Provider as tls_record::aead::Provider>::Aead as Aead>::STACK;

    #[inline]
    fn tag_len(&self) -> usize {
        either!(self, key => key.tag_len())
    }

    #[inline]
    fn confidentiality_limit(&self) -> u64 {
        either!(self, key => key.confidentiality_limit())
    }

    #[inline]
    fn has_explicit_nonce(&self) -> bool {
        either!(self, key => key.has_explicit_nonce())
    }

    #[inline]
    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        either!(self, key => key.seal(nonce, additional_data, in_out, tag))
    }

    #[inline]
    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        either!(self, key => key.open(nonce, additional_data, in_out, tag))
    }
}

impl Zeroize for Key {
    fn zeroize(&mut self) {
        either!(self, key => key.zeroize());
    }
}

#[cfg(feature = "long-records")]
impl tls_record::aead::multi_part::MultiPart for Key {
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        either!(self, key => key.begin(nonce, additional_data, len))
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        either!(self, key => key.authenticate(ciphertext))
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        either!(self, key => key.decrypt(in_out))
    }

    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        either!(self, key => tls_record::aead::multi_part::MultiPart::update(key, in_out))
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        either!(self, key => key.verify(tag))
    }

    fn end(&mut self) {
        either!(self, key => key.end());
    }
}
