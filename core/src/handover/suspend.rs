//! Suspends a connection at rest into bytes, for deep sleep or for another processor.
//!
//! Each half packs its own fields (`layer/opener/suspend.rs`, `layer/sealer/suspend.rs`). This file
//! seals the packed fields and opens them again.

use zeroize::Zeroize;

use crate::buffer::bytes::copy;
use crate::buffer::fields::{Packer, Unpacker};
use crate::connection::{Connection, ConnectionIn, WRITER_LEN};
use crate::crypto::aead::{Aead, Algorithm, NONCE_LEN, Provider};
use crate::crypto::keys::{Extractable, KeySchedule};
use crate::crypto::scrub::{Scrub, scrub_stack};
use crate::layer::config::Config;
use crate::layer::opener::{self, Opener};
use crate::layer::record_layer::RecordLayer;
use crate::layer::sealer::{self, Sealer};
use crate::layer::suspend_error::SuspendError;
use crate::protocol::record::Role;

/// Identifies the format of the bytes. A new format gets a new identifier; old ones cannot be
/// resumed.
const FORMAT: [u8; 4] = *b"TRS3";
const TAG_LEN: usize = 16;
const BODY_LEN: usize = opener::PACKED_LEN + sealer::PACKED_LEN + WRITER_LEN;

/// Length of a suspended connection in bytes: format, nonce, sealed fields and tag.
pub const SUSPENDED_LEN: usize = FORMAT.len() + NONCE_LEN + BODY_LEN + TAG_LEN;

/// The cipher that seals a suspended connection: a 256-bit key, whatever cipher the connection has.
const ALGORITHM: Algorithm = Algorithm::Chacha20Poly1305;

/// The labels of the two uses of the caller's key (HKDF-Expand, RFC 5869 section 2.3).
const NONCE_LABEL: &[u8] = b"tls-record suspend nonce";
const KEY_LABEL: &[u8] = b"tls-record suspend key";

impl<K: Extractable> RecordLayer<K> {
    /// Suspends a connection at rest: seals its whole state into bytes, and ends it here.
    ///
    /// The bytes hold the secrets, sequence numbers, closing state and limits, sealed under `key`.
    /// Use that key for nothing else. Both directions then end as `HandedOver` (see
    /// [`End`](crate::End)).
    ///
    /// The nonce is derived from the key and the content (a synthetic initialization vector, as in
    /// RFC 5297): different connections get different nonces, and the same connection at the same
    /// point gives the same bytes.
    ///
    /// **Resume the bytes only once.** Two connections that are resumed from the same bytes seal
    /// records with the same keys and nonces, which reveals the content of both and allows
    /// forgeries (RFC 5116 section 5.1.1). The engine cannot detect a second resume: the caller
    /// must prevent it.
    ///
    /// The caller must also keep the received bytes that were not consumed.
    ///
    /// # Errors
    /// [`SuspendError`] documents when each variant is returned. After an error nothing has
    /// changed.
    ///
    /// ```
    /// use tls_record::aead::{Algorithm, ring::Ring};
    /// use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    ///
    /// let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    ///
    /// let key = [3; 32]; // from a key store
    /// let mut bytes = layer.suspend(&key).unwrap();
    /// assert!(layer.seal(&[b"data"], &mut [0; 64]).is_err());
    ///
    /// let mut layer = RecordLayer::<TrafficSecret<Ring>>::resume(&mut bytes, &key).unwrap();
    /// assert!(layer.seal(&[b"data"], &mut [0; 64]).is_ok());
    /// assert_eq!(bytes, [0; tls_record::SUSPENDED_LEN]);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn suspend(&mut self, key: &[u8; 32]) -> Result<[u8; SUSPENDED_LEN], SuspendError> {
        self.tell_sealer();
        let suspended = suspend(self.opener(), self.sealer(), [0; WRITER_LEN], key);
        scrub_stack(stack::<K>());
        let bytes = suspended?;
        self.with_halves(hand_over);
        Ok(bytes)
    }

    /// Resumes a connection from the bytes that [`suspend`](Self::suspend) returned, and wipes
    /// `bytes`.
    ///
    /// # Errors
    /// [`ResumeError`] documents when each variant is returned. After an error `bytes` has not
    /// changed.
    pub fn resume(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        let _after_the_return = Scrub(stack::<K>().saturating_add(size_of::<Self>()));
        Self::opened(bytes, key)
    }

    /// Not inlined, so that [`Scrub`] reaches its frame, which holds a `Self`.
    #[inline(never)]
    fn opened(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        let mut this = Self::new(Config::new(Role::Client));
        this.with_halves(|opener, sealer| open(bytes, key, opener, sealer))?;
        bytes.zeroize();
        Ok(this)
    }
}

impl<K: Extractable, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> Connection<K, TX, B> {
    /// Suspends a connection at rest: see [`RecordLayer::suspend`].
    ///
    /// The bytes also hold the progress of a [`shutdown`](Self::shutdown), and which alerts
    /// [`take_sealed_alert`](Self::take_sealed_alert) has not returned yet.
    ///
    /// # Errors
    /// The errors of [`RecordLayer::suspend`], with [`SuspendError::Busy`] also while bytes are
    /// [unsent](Self::unsent) or a slot is reserved. A KeyUpdate that was due may have been sealed then.
    pub fn suspend(&mut self, key: &[u8; 32]) -> Result<[u8; SUSPENDED_LEN], SuspendError> {
        self.tell();
        let (opener, sealer, writer) = self.at_rest().ok_or(SuspendError::Busy)?;
        let suspended = suspend(opener, sealer, writer, key);
        scrub_stack(stack::<K>());
        let bytes = suspended?;
        self.with_halves(hand_over);
        self.empty_writer();
        Ok(bytes)
    }
}

impl<K: Extractable, const TX: usize> Connection<K, TX> {
    /// Resumes a suspended connection: see [`RecordLayer::resume`]. If it was suspended with a
    /// smaller `TX`, records stay limited to what fitted into that.
    ///
    /// # Errors
    /// The errors of [`RecordLayer::resume`].
    pub fn resume(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        let frame = size_of::<Self>().saturating_add(size_of::<RecordLayer<K>>());
        let _after_the_return = Scrub(stack::<K>().saturating_add(frame));
        Self::opened(bytes, key)
    }

    /// Not inlined, so that [`Scrub`] reaches its frame, which holds a `Self` and the layer that it
    /// is made of.
    #[inline(never)]
    fn opened(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        // `new` would move the connection once more, but only one `Self` is overwritten afterwards.
        let mut this = Self::unsettled(RecordLayer::new(Config::new(Role::Client)));
        let writer = this.with_halves(|opener, sealer| open(bytes, key, opener, sealer))?;
        this.restore_writer(writer);
        bytes.zeroize();
        Ok(this)
    }
}

impl<K: Extractable, B: AsRef<[u8]> + AsMut<[u8]>> ConnectionIn<K, B> {
    /// Resumes a suspended connection in a buffer of the caller's: see [`Connection::resume`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::resume`], and [`ResumeError::BufferTooShort`] if the buffer has
    /// less than 128 bytes. The buffer is dropped.
    pub fn resume_in(bytes: &mut [u8], key: &[u8; 32], buffer: B) -> Result<Self, ResumeError> {
        let frame = size_of::<Self>().saturating_add(size_of::<RecordLayer<K>>());
        let _after_the_return = Scrub(stack::<K>().saturating_add(frame));
        Self::opened_in(bytes, key, buffer)
    }

    /// Not inlined, for the same reason as the function behind [`resume`](Connection::resume).
    #[inline(never)]
    fn opened_in(bytes: &mut [u8], key: &[u8; 32], buffer: B) -> Result<Self, ResumeError> {
        let layer = RecordLayer::new(Config::new(Role::Client));
        let Ok(mut this) = Self::unsettled_in(layer, buffer) else {
            return Err(ResumeError::BufferTooShort);
        };
        let writer = this.with_halves(|opener, sealer| open(bytes, key, opener, sealer))?;
        this.restore_writer(writer);
        bytes.zeroize();
        Ok(this)
    }
}

/// Bytes of stack that may hold copies of keys: those of the keys, and of the cipher that seals them.
fn stack<K: Extractable>() -> usize {
    K::STACK.max(K::Provider::STACK)
}

fn hand_over<K: KeySchedule>(opener: &mut Opener<K>, sealer: &mut Sealer<K>) {
    opener.hand_over();
    sealer.hand_over(false);
}

/// Not inlined, like [`open`], so that [`scrub_stack`] reaches their frames.
#[inline(never)]
fn suspend<K: Extractable>(
    opener: &Opener<K>,
    sealer: &Sealer<K>,
    writer: [u8; WRITER_LEN],
    key: &[u8; 32],
) -> Result<[u8; SUSPENDED_LEN], SuspendError> {
    opener.check_rest()?;
    sealer.check_rest()?;
    let is_in_memory = opener.has_secret() && sealer.has_secret();
    if !is_in_memory || !K::Provider::supports(ALGORITHM) {
        return Err(SuspendError::Unsupported);
    }
    if sealer.has_padding_function() {
        return Err(SuspendError::PaddingFunction);
    }
    let mut bytes = [0; SUSPENDED_LEN];
    if seal(opener, sealer, writer, key, &mut bytes).is_none() {
        bytes.zeroize();
        return Err(SuspendError::Crypto);
    }
    Ok(bytes)
}

fn seal<K: Extractable>(
    opener: &Opener<K>,
    sealer: &Sealer<K>,
    writer: [u8; WRITER_LEN],
    key: &[u8; 32],
    bytes: &mut [u8; SUSPENDED_LEN],
) -> Option<()> {
    let (format, rest) = bytes.split_first_chunk_mut()?;
    let (nonce, rest) = rest.split_first_chunk_mut()?;
    let (body, tag) = rest.split_at_mut_checked(BODY_LEN)?;
    *format = FORMAT;
    let mut packer = Packer(&mut *body);
    opener.pack(&mut packer)?;
    sealer.pack(&mut packer)?;
    packer.put(writer)?;
    K::Provider::hkdf_expand(ALGORITHM, key, &[NONCE_LABEL, body], nonce)?;
    let mut aead = cipher::<K::Provider>(key)?;
    let sealed = aead.seal(nonce, &FORMAT, body, tag);
    aead.zeroize();
    sealed.ok()
}

/// Returns the cipher under a key derived from `key`, because `key` also derives the nonces.
fn cipher<P: Provider>(key: &[u8; 32]) -> Option<P::Aead> {
    let mut own = [0; 32];
    let cipher = P::hkdf_expand(ALGORITHM, key, &[KEY_LABEL], &mut own)
        .and_then(|()| P::aead(ALGORITHM, &own));
    own.zeroize();
    cipher
}

/// Restores the halves, and returns the packed state of the writer.
///
/// Not inlined, so that [`scrub_stack`] reaches its frame.
#[inline(never)]
fn open<K: Extractable>(
    bytes: &[u8],
    key: &[u8; 32],
    opener: &mut Opener<K>,
    sealer: &mut Sealer<K>,
) -> Result<[u8; WRITER_LEN], ResumeError> {
    let bytes: &[u8; SUSPENDED_LEN] = bytes.try_into().map_err(|_| ResumeError::Format)?;
    let (format, rest) = bytes.split_first_chunk().ok_or(ResumeError::Format)?;
    let (nonce, rest) = rest.split_first_chunk().ok_or(ResumeError::Format)?;
    let (sealed, tag) = rest.split_at_checked(BODY_LEN).ok_or(ResumeError::Format)?;
    if *format != FORMAT {
        return Err(ResumeError::Format);
    }
    let mut aead = cipher::<K::Provider>(key).ok_or(ResumeError::Crypto)?;
    let mut body = [0; BODY_LEN];
    copy(sealed, &mut body);
    let opened = aead.open(nonce, &FORMAT, &mut body, tag);
    aead.zeroize();
    let restored = opened.map_err(|_| ResumeError::Forged).and_then(|()| {
        let mut unpacker = Unpacker(&body);
        opener.unpack(&mut unpacker).ok_or(ResumeError::Crypto)?;
        sealer.unpack(&mut unpacker).ok_or(ResumeError::Crypto)?;
        unpacker.take().ok_or(ResumeError::Crypto)
    });
    body.zeroize();
    restored
}

/// The reason why a connection was not resumed. The bytes have not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResumeError {
    /// The bytes are not a suspended connection of this format.
    Format,
    /// The bytes were tampered with, or sealed under another key.
    Forged,
    /// The keys could not be made: the provider does not have the algorithm of the connection, or not
    /// ChaCha20-Poly1305, which seals suspended connections.
    Crypto,
    /// The buffer that `resume_in` of a [`ConnectionIn`] was given has less than 128 bytes.
    BufferTooShort,
}

impl core::fmt::Display for ResumeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Format => "not a suspended connection of this format",
            Self::Forged => "bytes tampered with, or sealed under another key",
            Self::Crypto => "keys could not be made",
            Self::BufferTooShort => "the buffer for output has less than 128 bytes",
        })
    }
}

impl core::error::Error for ResumeError {}
