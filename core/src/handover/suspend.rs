//! A connection at rest as a few bytes: through deep sleep, or to another processor.
//!
//! Each half packs its own fields (`layer/opener/suspend.rs`, `layer/sealer/suspend.rs`); here they
//! are sealed, and opened again.

use zeroize::Zeroize;

use crate::buffer::bytes::copy;
use crate::buffer::fields::{Packer, Unpacker};
use crate::connection::{Connection, WRITER_LEN};
use crate::crypto::aead::{Aead, Algorithm, NONCE_LEN, Provider};
use crate::crypto::keys::{KeySchedule, TrafficSecret};
use crate::crypto::scrub::{Scrub, scrub_stack};
use crate::layer::config::Config;
use crate::layer::opener::{self, Opener};
use crate::layer::record_layer::RecordLayer;
use crate::layer::sealer::{self, Sealer};
use crate::layer::suspend_error::SuspendError;
use crate::protocol::record::Role;

/// The format of the bytes. Another one has other letters: there is no reading of old ones.
const FORMAT: [u8; 4] = *b"TRS3";
const TAG_LEN: usize = 16;
const BODY_LEN: usize = opener::PACKED_LEN + sealer::PACKED_LEN + WRITER_LEN;

/// Length of a suspended connection, in bytes: format, nonce, sealed fields, tag.
pub const SUSPENDED_LEN: usize = FORMAT.len() + NONCE_LEN + BODY_LEN + TAG_LEN;

/// What seals a suspended connection: 256 bits of key, whatever the connection's own suite.
const ALGORITHM: Algorithm = Algorithm::Chacha20Poly1305;

/// What tells apart the uses of one key (HKDF-Expand, RFC 5869 section 2.3).
const NONCE_LABEL: &[u8] = b"tls-record suspend nonce";
const KEY_LABEL: &[u8] = b"tls-record suspend key";

impl<P: Provider> RecordLayer<TrafficSecret<P>> {
    /// Turns a connection at rest into bytes: secrets, sequence numbers, closing state, limits,
    /// everything. They are sealed under `key`, which is for this purpose alone. Here both halves are
    /// over: [`End`](crate::End) says `HandedOver` of them.
    ///
    /// The nonce is made of the key and the content (a synthetic initialization vector, as in
    /// RFC 5297): two connections have different ones, and the same connection at the same point gives
    /// the same bytes.
    ///
    /// **Resume it once.** Of two connections that come from the same bytes, both would seal records
    /// with the same keys and nonces, which gives the content of both away, and lets others forge
    /// (RFC 5116 section 5.1.1). The engine cannot detect a second resume: the caller must prevent it.
    /// The caller also keeps what was received and not consumed.
    ///
    /// # Errors
    /// [`SuspendError`] says when each comes; nothing has changed then.
    ///
    /// ```
    /// use tls_record::aead::{Algorithm, ring::Ring};
    /// use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    ///
    /// let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    ///
    /// let key = [3; 32]; // of your key store
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
        scrub_stack(P::STACK);
        let bytes = suspended?;
        self.with_halves(hand_over);
        Ok(bytes)
    }

    /// Brings a connection back to where [`suspend`](Self::suspend) left it, and wipes `bytes`.
    ///
    /// # Errors
    /// [`ResumeError`] says when each comes; `bytes` have not changed then.
    pub fn resume(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        let _after_the_return = Scrub(P::STACK.saturating_add(size_of::<Self>()));
        Self::opened(bytes, key)
    }

    /// Not inlined: its frame, which holds a `Self`, has to be one that [`Scrub`] reaches.
    #[inline(never)]
    fn opened(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        let mut this = Self::new(Config::new(Role::Client));
        this.with_halves(|opener, sealer| open(bytes, key, opener, sealer))?;
        bytes.zeroize();
        Ok(this)
    }
}

impl<P: Provider, const TX: usize> Connection<TrafficSecret<P>, TX> {
    /// [`RecordLayer::suspend`], with what a [`shutdown`](Self::shutdown) has come to and the alerts
    /// that were not told.
    ///
    /// # Errors
    /// Those of [`RecordLayer::suspend`]; bytes that are [unsent](Self::unsent) and a reserved slot
    /// are [`SuspendError::Busy`].
    pub fn suspend(&mut self, key: &[u8; 32]) -> Result<[u8; SUSPENDED_LEN], SuspendError> {
        self.tell();
        let (opener, sealer, writer) = self.at_rest().ok_or(SuspendError::Busy)?;
        let suspended = suspend(opener, sealer, writer, key);
        scrub_stack(P::STACK);
        let bytes = suspended?;
        self.with_halves(hand_over);
        self.empty_writer();
        Ok(bytes)
    }

    /// [`RecordLayer::resume`]. What a record carries is not more than the `TX` of before allowed.
    ///
    /// # Errors
    /// Those of [`RecordLayer::resume`].
    pub fn resume(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        let frame = size_of::<Self>().saturating_add(size_of::<RecordLayer<TrafficSecret<P>>>());
        let _after_the_return = Scrub(P::STACK.saturating_add(frame));
        Self::opened(bytes, key)
    }

    /// Not inlined: its frame, which holds a `Self` and the layer that it is made of, has to be one that
    /// [`Scrub`] reaches.
    #[inline(never)]
    fn opened(bytes: &mut [u8], key: &[u8; 32]) -> Result<Self, ResumeError> {
        // Not `new`, which moves it once more: one `Self` is what is overwritten.
        let mut this = Self::unsettled(RecordLayer::new(Config::new(Role::Client)));
        let writer = this.with_halves(|opener, sealer| open(bytes, key, opener, sealer))?;
        this.restore_writer(writer);
        bytes.zeroize();
        Ok(this)
    }
}

fn hand_over<K: KeySchedule>(opener: &mut Opener<K>, sealer: &mut Sealer<K>) {
    opener.hand_over();
    sealer.hand_over(false);
}

/// Not inlined, nor is [`open`]: their frames have to be ones that [`scrub_stack`] reaches.
#[inline(never)]
fn suspend<P: Provider>(
    opener: &Opener<TrafficSecret<P>>,
    sealer: &Sealer<TrafficSecret<P>>,
    writer: [u8; WRITER_LEN],
    key: &[u8; 32],
) -> Result<[u8; SUSPENDED_LEN], SuspendError> {
    opener.check_rest()?;
    sealer.check_rest()?;
    if !P::supports(ALGORITHM) {
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

fn seal<P: Provider>(
    opener: &Opener<TrafficSecret<P>>,
    sealer: &Sealer<TrafficSecret<P>>,
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
    P::hkdf_expand(ALGORITHM, key, &[NONCE_LABEL, body], nonce)?;
    let mut aead = cipher::<P>(key)?;
    let sealed = aead.seal(nonce, &FORMAT, body, tag);
    aead.zeroize();
    sealed.ok()
}

/// The cipher under `key`, which makes nonces, too: so each has a key of its own.
fn cipher<P: Provider>(key: &[u8; 32]) -> Option<P::Aead> {
    let mut own = [0; 32];
    let cipher = P::hkdf_expand(ALGORITHM, key, &[KEY_LABEL], &mut own)
        .and_then(|()| P::aead(ALGORITHM, &own));
    own.zeroize();
    cipher
}

/// Restores the halves, and returns what the writer knew.
#[inline(never)]
fn open<P: Provider>(
    bytes: &[u8],
    key: &[u8; 32],
    opener: &mut Opener<TrafficSecret<P>>,
    sealer: &mut Sealer<TrafficSecret<P>>,
) -> Result<[u8; WRITER_LEN], ResumeError> {
    let bytes: &[u8; SUSPENDED_LEN] = bytes.try_into().map_err(|_| ResumeError::Format)?;
    let (format, rest) = bytes.split_first_chunk().ok_or(ResumeError::Format)?;
    let (nonce, rest) = rest.split_first_chunk().ok_or(ResumeError::Format)?;
    let (sealed, tag) = rest.split_at_checked(BODY_LEN).ok_or(ResumeError::Format)?;
    if *format != FORMAT {
        return Err(ResumeError::Format);
    }
    let mut aead = cipher::<P>(key).ok_or(ResumeError::Crypto)?;
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

/// Why nothing was resumed. The bytes have not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ResumeError {
    /// The bytes are no suspended connection of this format.
    Format,
    /// They were tampered with, or sealed under another key.
    Forged,
    /// Keys could not be made: the provider does not have the connection's algorithm, or not
    /// ChaCha20-Poly1305, which seals suspended connections.
    Crypto,
}

impl core::fmt::Display for ResumeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Format => "not a suspended connection of this format",
            Self::Forged => "tampered with, or another key",
            Self::Crypto => "keys could not be made",
        })
    }
}

impl core::error::Error for ResumeError {}
