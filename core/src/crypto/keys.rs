//! Traffic secrets, and the keys derived from them (RFC 9846 sections 7.2 and 7.3).

use core::marker::PhantomData;

use zeroize::Zeroize;

use crate::buffer::bytes::copy;
use crate::crypto::aead::{Aead, Algorithm, NONCE_LEN, Provider};
use crate::protocol::error::KeyError;
use crate::protocol::record::Version;

/// The key and the iv of one generation of one direction.
pub struct DirectionKeys<A> {
    /// The key.
    pub aead: A,
    /// The value that is combined with the sequence number (RFC 9846 section 5.3). In TLS 1.2 with
    /// GCM and CCM: the salt, then the explicit nonce of sequence number 0 (RFC 5288 section 3,
    /// RFC 6655 section 3).
    pub iv: [u8; NONCE_LEN],
}

/// The source of the keys of one direction, now and after each KeyUpdate.
///
/// [`TrafficSecret`] implements it in software. A key store in hardware implements it with handles to
/// its keys.
pub trait KeySchedule: Zeroize {
    /// The cipher of the suite.
    type Aead: Aead;

    /// How many bytes of stack installing and updating keys use.
    ///
    /// Copies of keys are left there. The engine overwrites them after keys were installed,
    /// updated, suspended or resumed, and uses that much stack itself then. For what sealing and
    /// opening leave, see [`Aead::STACK`]. 0, the default, is for keys that are never in memory:
    /// handles of a key store in hardware.
    const STACK: usize = 0;

    /// Returns the version whose records these keys protect.
    fn version(&self) -> Version;

    /// Returns the keys of the current generation.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] if they cannot be made.
    fn keys(&self) -> Result<DirectionKeys<Self::Aead>, KeyError>;

    /// Returns whether `other` has the same secret. A key store compares its handles.
    ///
    /// The engine refuses one secret for both directions of a connection, because every nonce would
    /// be used twice.
    ///
    /// Before it drops keys that it refuses, it compares them, as `other`, with all that the
    /// connection or its half has in use. A key store that releases a handle when it is dropped
    /// learns here which ones have to stay.
    fn is_same_secret(&self, other: &Self) -> bool;

    /// Derives the next generation of the secret and wipes the current one (RFC 9846 section 7.2).
    ///
    /// # Errors
    /// [`KeyError::NoUpdate`] in TLS 1.2; [`KeyError::Crypto`] if it cannot be made.
    fn update(&mut self) -> Result<(), KeyError>;
}

/// Keys whose traffic secret may be in memory, so that it can be extracted and restored.
///
/// Connections with such keys can be [suspended and resumed](crate::RecordLayer::suspend), and their
/// directions handed to the [kernel](crate::KernelDirection). [`TrafficSecret`] implements this, and
/// so can a type that holds either a secret or a handle of a key store. The conversion from a
/// [`TrafficSecret`] makes the keys of a resumed connection.
///
/// [`KeySchedule::STACK`] must be at least that of the [`TrafficSecret`].
///
/// ```
/// use tls_record::aead::{Algorithm, Provider, ring::{Ring, RingAead}};
/// use tls_record::{
///     Config, DirectionKeys, Epoch, Extractable, KeyError, KeySchedule, RecordLayer, Role,
///     SuspendError, TrafficSecret, Version,
/// };
/// use zeroize::Zeroize;
///
/// /// The handle of a secret in a key store, which derives keys and keeps the secret.
/// struct Handle(u32);
/// # impl Handle {
/// #     fn inside(&self) -> Result<TrafficSecret<Ring>, KeyError> {
/// #         TrafficSecret::tls13(Algorithm::Aes128Gcm, &[self.0 as u8; 32])
/// #     }
/// #     fn derive_keys(&self) -> Result<DirectionKeys<RingAead>, KeyError> { self.inside()?.keys() }
/// #     fn derive_next(&mut self) -> Result<(), KeyError> { Ok(()) }
/// #     fn release(&mut self) {}
/// # }
///
/// enum Keys {
///     Secret(TrafficSecret<Ring>),
///     Store(Handle),
/// }
///
/// impl From<TrafficSecret<Ring>> for Keys {
///     fn from(secret: TrafficSecret<Ring>) -> Self {
///         Self::Secret(secret)
///     }
/// }
///
/// impl Extractable for Keys {
///     type Provider = Ring;
///
///     fn traffic_secret(&self) -> Option<&TrafficSecret<Ring>> {
///         match self {
///             Self::Secret(secret) => Some(secret),
///             Self::Store(_) => None,
///         }
///     }
/// }
///
/// impl KeySchedule for Keys {
///     type Aead = RingAead;
///
///     const STACK: usize = Ring::STACK;
///
///     fn version(&self) -> Version {
///         match self {
///             Self::Secret(secret) => secret.version(),
///             Self::Store(_) => Version::Tls13,
///         }
///     }
///
///     fn keys(&self) -> Result<DirectionKeys<RingAead>, KeyError> {
///         match self {
///             Self::Secret(secret) => secret.keys(),
///             Self::Store(handle) => handle.derive_keys(),
///         }
///     }
///
///     fn is_same_secret(&self, other: &Self) -> bool {
///         match (self, other) {
///             (Self::Secret(one), Self::Secret(other)) => one.is_same_secret(other),
///             (Self::Store(one), Self::Store(other)) => one.0 == other.0,
///             _ => false,
///         }
///     }
///
///     fn update(&mut self) -> Result<(), KeyError> {
///         match self {
///             Self::Secret(secret) => secret.update(),
///             Self::Store(handle) => handle.derive_next(),
///         }
///     }
/// }
///
/// impl Zeroize for Keys {
///     fn zeroize(&mut self) {
///         match self {
///             Self::Secret(secret) => secret.zeroize(),
///             Self::Store(handle) => handle.release(),
///         }
///     }
/// }
///
/// fn connected(client: Keys, server: Keys) -> Result<RecordLayer<Keys>, KeyError> {
///     let mut layer = RecordLayer::new(Config::new(Role::Client));
///     layer.install(Epoch::Application, client, server)?;
///     Ok(layer)
/// }
///
/// let secret = |byte| TrafficSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]).map(Keys::Secret);
/// let mut layer = connected(secret(1)?, secret(2)?)?;
/// let mut bytes = layer.suspend(&[3; 32]).unwrap();
/// let mut layer = RecordLayer::<Keys>::resume(&mut bytes, &[3; 32]).unwrap();
/// assert!(layer.seal(&[b"data"], &mut [0; 64]).is_ok());
///
/// let mut layer = connected(Keys::Store(Handle(1)), Keys::Store(Handle(2)))?;
/// assert_eq!(layer.suspend(&[3; 32]).err(), Some(SuspendError::Unsupported));
/// assert!(layer.seal(&[b"data"], &mut [0; 64]).is_ok()); // nothing has changed
/// # Ok::<(), KeyError>(())
/// ```
pub trait Extractable: KeySchedule + From<TrafficSecret<<Self as Extractable>::Provider>> {
    /// The library of ciphers that a secret in memory belongs to. It also seals suspended connections.
    type Provider: Provider;

    /// Returns the secret of the current generation, or `None` if it is in a key store.
    fn traffic_secret(&self) -> Option<&TrafficSecret<Self::Provider>>;
}

/// The longest secret in bytes: the output of SHA-384.
pub(crate) const MAX_SECRET_LEN: usize = 48;
const LABEL_PREFIX: &[u8] = b"tls13 ";
pub(crate) const MAX_KEY_LEN: usize = 32;

/// The secret of one direction, which is wiped when it is dropped.
///
/// In TLS 1.3 it is the traffic secret of the current generation, in TLS 1.2 the key and the iv
/// themselves.
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{KeyError, TrafficSecret};
///
/// let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32]);
/// assert!(secret.is_ok());
/// let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes256Gcm, &[7; 32]);
/// assert_eq!(secret.err(), Some(KeyError::Length));
/// ```
pub struct TrafficSecret<P> {
    version: Version,
    algorithm: Algorithm,
    /// The traffic secret; or the key of TLS 1.2, in [`MAX_KEY_LEN`] bytes, and the iv.
    material: [u8; MAX_SECRET_LEN],
    provider: PhantomData<P>,
}

impl<P: Provider> TrafficSecret<P> {
    /// Creates a TLS 1.3 traffic secret from the output of the key schedule (RFC 9846 section 7.1).
    ///
    /// # Errors
    /// - [`KeyError::Length`] unless `secret` has [`Algorithm::secret_len`] bytes.
    /// - [`KeyError::Unsupported`] if the provider does not have the algorithm.
    pub fn tls13(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if !P::supports(algorithm) {
            return Err(KeyError::Unsupported);
        }
        if secret.len() != algorithm.secret_len() {
            return Err(KeyError::Length);
        }
        let mut this = Self::empty(Version::Tls13, algorithm);
        copy(secret, &mut this.material);
        Ok(this)
    }

    /// Creates the secret of a TLS 1.2 direction from its write key and iv (RFC 5246 section 6.3).
    ///
    /// `iv` has 4 or 12 bytes:
    ///
    /// - GCM and CCM, 4 bytes: the salt. The explicit nonce of a record is its sequence number.
    /// - GCM and CCM, 12 bytes: the salt and 8 bytes. The explicit nonce of a record is these bytes
    ///   XOR its sequence number.
    /// - ChaCha20-Poly1305, 12 bytes: the whole iv.
    ///
    /// To take over keys from an implementation whose explicit nonces are sequence numbers, pass
    /// the salt.
    ///
    /// # Errors
    /// - [`KeyError::Length`] unless `key` has [`Algorithm::key_len`] bytes and `iv` one of these
    ///   lengths.
    /// - [`KeyError::Unsupported`] if the provider does not have the algorithm.
    #[cfg(feature = "tls12")]
    pub fn tls12(algorithm: Algorithm, key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        if !P::supports(algorithm) {
            return Err(KeyError::Unsupported);
        }
        let iv_fits = match iv.len() {
            NONCE_LEN => true,
            4 => algorithm.has_explicit_nonce(),
            _ => false,
        };
        if key.len() != algorithm.key_len() || !iv_fits {
            return Err(KeyError::Length);
        }
        let mut this = Self::empty(Version::Tls12, algorithm);
        if let Some((own_key, own_iv)) = this.material.split_first_chunk_mut::<MAX_KEY_LEN>() {
            copy(key, own_key);
            copy(iv, own_iv);
        }
        Ok(this)
    }

    /// Writes the key of this generation to the first [`Algorithm::key_len`] bytes of `key`, and
    /// its iv to `iv` (RFC 9846 section 7.3).
    pub(crate) fn derive(
        &self,
        key: &mut [u8; MAX_KEY_LEN],
        iv: &mut [u8; NONCE_LEN],
    ) -> Option<()> {
        let key = key.get_mut(..self.algorithm.key_len())?;
        if self.version.is_tls12() {
            let (own_key, own_iv) = self.material.split_first_chunk::<MAX_KEY_LEN>()?;
            copy(own_key, key);
            copy(own_iv, iv);
            return Some(());
        }
        let secret = self.material.get(..self.algorithm.secret_len())?;
        expand_label::<P>(self.algorithm, secret, b"key", b"", key).ok()?;
        expand_label::<P>(self.algorithm, secret, b"iv", b"", iv).ok()
    }

    /// Returns the algorithm of the suite.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl<P> TrafficSecret<P> {
    /// Version, algorithm, material.
    pub(crate) const PACKED_LEN: usize = 2 + MAX_SECRET_LEN;

    const fn empty(version: Version, algorithm: Algorithm) -> Self {
        Self { version, algorithm, material: [0; MAX_SECRET_LEN], provider: PhantomData }
    }

    /// Returns a copy of this secret. The caller is about to wipe the original.
    pub(crate) fn duplicate(&self) -> Self {
        let mut second = Self::empty(self.version, self.algorithm);
        second.material = self.material;
        second
    }

    /// Sets what explicit nonces are combined with, for suites of TLS 1.2 that have them.
    #[cfg(feature = "takeover")]
    pub(crate) fn set_explicit_start(&mut self, start: [u8; 8]) {
        if self.version.is_tls12()
            && self.algorithm.has_explicit_nonce()
            && let Some((_, [_, _, _, _, own @ ..])) =
                self.material.split_first_chunk_mut::<MAX_KEY_LEN>()
        {
            copy(&start, own);
        }
    }

    pub(crate) const fn pack(&self, out: &mut [u8; TrafficSecret::<()>::PACKED_LEN]) {
        let [version, algorithm, material @ ..] = out;
        *version = match self.version {
            Version::Tls13 => 0,
            Version::Tls12 => 1,
        };
        *algorithm = match self.algorithm {
            Algorithm::Aes128Gcm => 0,
            Algorithm::Aes256Gcm => 1,
            Algorithm::Chacha20Poly1305 => 2,
            Algorithm::Aes128Ccm => 3,
            Algorithm::Aes128Ccm8 => 4,
        };
        *material = self.material;
    }

    pub(crate) fn unpack(from: &[u8; TrafficSecret::<()>::PACKED_LEN]) -> Option<Self> {
        let [version, algorithm, material @ ..] = from;
        let version = match version {
            0 => Version::Tls13,
            1 => Version::Tls12,
            _ => return None,
        };
        let algorithm = match algorithm {
            0 => Algorithm::Aes128Gcm,
            1 => Algorithm::Aes256Gcm,
            2 => Algorithm::Chacha20Poly1305,
            3 => Algorithm::Aes128Ccm,
            4 => Algorithm::Aes128Ccm8,
            _ => return None,
        };
        let mut this = Self::empty(version, algorithm);
        this.material = *material;
        Some(this)
    }
}

impl<P: Provider> KeySchedule for TrafficSecret<P> {
    type Aead = P::Aead;

    const STACK: usize = P::STACK;

    fn version(&self) -> Version {
        self.version
    }

    fn keys(&self) -> Result<DirectionKeys<P::Aead>, KeyError> {
        let mut key = [0; MAX_KEY_LEN];
        let mut iv = [0; NONCE_LEN];
        let made = self
            .derive(&mut key, &mut iv)
            .and_then(|()| P::aead(self.algorithm, key.get(..self.algorithm.key_len())?));
        key.zeroize();
        made.map(|aead| DirectionKeys { aead, iv }).ok_or(KeyError::Crypto)
    }

    fn is_same_secret(&self, other: &Self) -> bool {
        // In TLS 1.2 only the key is compared: with another iv it is still the same key.
        let len = if self.version.is_tls12() { MAX_KEY_LEN } else { MAX_SECRET_LEN };
        let pairs = self.material.iter().zip(&other.material).take(len);
        self.version == other.version
            && self.algorithm == other.algorithm
            && pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }

    fn update(&mut self) -> Result<(), KeyError> {
        if self.version.is_tls12() {
            return Err(KeyError::NoUpdate);
        }
        let length = self.algorithm.secret_len();
        let mut next = [0; MAX_SECRET_LEN];
        let made = (|| {
            let current = self.material.get(..length)?;
            let next = next.get_mut(..length)?;
            expand_label::<P>(self.algorithm, current, b"traffic upd", b"", next).ok()
        })();
        if made.is_some() {
            self.material = next;
        }
        next.zeroize();
        made.ok_or(KeyError::Crypto)
    }
}

impl<P: Provider> Extractable for TrafficSecret<P> {
    type Provider = P;

    fn traffic_secret(&self) -> Option<&Self> {
        Some(self)
    }
}

/// HKDF-Expand-Label (RFC 9846 section 7.1) with the [hash](Algorithm::hash) of `algorithm`, for
/// handshakes on the engine: derives `out` from `secret`. Derive-Secret is this with a transcript hash as
/// `context`. `label` is without the "tls13 " before it.
///
/// Copies of the secrets may be left on the stack, some [`Provider::STACK`] bytes deep:
/// [`scrub_stack`](crate::scrub_stack) overwrites them.
///
/// # Errors
/// After an error, do not use the content of `out`.
///
/// - [`KeyError::Unsupported`] if the provider does not have the algorithm.
/// - [`KeyError::Length`] unless `secret` has [`Algorithm::secret_len`] bytes, `label` at most 249,
///   `context` at most 255, and `out` at most 255 times [`Algorithm::secret_len`].
/// - [`KeyError::Crypto`] if the provider fails.
///
/// The traffic key of the server's handshake in RFC 8448 section 3:
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::expand_label;
///
/// let secret = [
///     0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5, 0x42, 0x13, 0xcb, 0x2d, 0x37, 0xb4,
///     0xe9, 0xc9, 0x12, 0xbc, 0xde, 0xd9, 0x10, 0x5d, 0x42, 0xbe, 0xfd, 0x59, 0xd3, 0x91, 0xad, 0x38,
/// ];
/// let mut key = [0; 16];
/// expand_label::<Ring>(Algorithm::Aes128Gcm, &secret, b"key", b"", &mut key)?;
/// assert_eq!(u128::from_be_bytes(key), 0x3fce_5160_09c2_1727_d0f2_e4e8_6ee4_03bc);
/// # Ok::<(), tls_record::KeyError>(())
/// ```
pub fn expand_label<P: Provider>(
    algorithm: Algorithm,
    secret: &[u8],
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) -> Result<(), KeyError> {
    if !P::supports(algorithm) {
        return Err(KeyError::Unsupported);
    }
    let most = algorithm.secret_len().saturating_mul(u8::MAX.into());
    if secret.len() != algorithm.secret_len() || out.len() > most {
        return Err(KeyError::Length);
    }
    let prefixed_len = LABEL_PREFIX.len().saturating_add(label.len());
    let label_len = u8::try_from(prefixed_len).map_err(|_| KeyError::Length)?;
    let context_len = u8::try_from(context.len()).map_err(|_| KeyError::Length)?;
    // 255 times 48 at most.
    let out_len = (out.len() as u16).to_be_bytes();
    let info: [&[u8]; 6] = [&out_len, &[label_len], LABEL_PREFIX, label, &[context_len], context];
    P::hkdf_expand(algorithm, secret, &info, out).ok_or(KeyError::Crypto)
}

impl<P> Zeroize for TrafficSecret<P> {
    fn zeroize(&mut self) {
        self.material.zeroize();
    }
}

impl<P> Drop for TrafficSecret<P> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<P> core::fmt::Debug for TrafficSecret<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "TrafficSecret({:?}, redacted)", self.algorithm)
    }
}

#[cfg(feature = "defmt")]
impl<P> defmt::Format for TrafficSecret<P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "TrafficSecret({}, redacted)", self.algorithm);
    }
}
