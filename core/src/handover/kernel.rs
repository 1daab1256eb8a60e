//! Hands one direction to the TLS of Linux: `setsockopt(SOL_TLS, TLS_TX or TLS_RX)`.

use zeroize::Zeroize;

use crate::buffer::bytes::copy;
use crate::connection::Connection;
use crate::crypto::aead::{Algorithm, NONCE_LEN, Provider};
use crate::crypto::keys::{Extractable, KeySchedule, MAX_KEY_LEN, TrafficSecret};
use crate::crypto::scrub::scrub_stack;
use crate::layer::opener::Opener;
use crate::layer::record_layer::RecordLayer;
use crate::layer::sealer::Sealer;
use crate::layer::suspend_error::SuspendError;
use crate::protocol::error::KeyError;
use crate::protocol::record::Version;

/// The longest `tls12_crypto_info_*`: that of AES-256-GCM.
const MAX_INFO_LEN: usize = 56;

/// One direction of a connection, handed to the kernel.
///
/// [`Sealer::hand_to_kernel`](crate::Sealer::hand_to_kernel) and
/// [`Opener::hand_to_kernel`](crate::Opener::hand_to_kernel) make one.
///
/// The kernel does not process alerts, KeyUpdates and tickets: the application sends and receives
/// them as records of another content type than application data. Those that are due are returned
/// by [`Sealer::take_kernel_control`](crate::Sealer::take_kernel_control). After a KeyUpdate in
/// this direction, [`update`](Self::update) derives the next keys. If the kernel has both
/// directions, the engine sees no KeyUpdate requests: the application answers one with the
/// [message](crate::Control::message) of a [`Control::KeyUpdate`](crate::Control).
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{Config, Epoch, KeyError, Role, Sealer, TrafficSecret};
///
/// let mut sealer = Sealer::new(Config::new(Role::Client));
/// let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
/// sealer.take_over(Epoch::Application, secret, 5)?;
///
/// let mut kernel = sealer.hand_to_kernel().unwrap();
/// let info = kernel.crypto_info()?;
/// // setsockopt(socket, SOL_TLS, TLS_TX, info.as_bytes())
/// assert_eq!(info.as_bytes().len(), 40);
/// assert_eq!(info.as_bytes()[32..], 5_u64.to_be_bytes());
/// assert_eq!(kernel.crypto_info().err(), Some(KeyError::HandedOver));
/// kernel.update()?;
/// assert!(kernel.crypto_info().is_ok());
/// # Ok::<(), tls_record::KeyError>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KernelDirection<P> {
    secret: TrafficSecret<P>,
    /// The sequence number of the next record; `None` once the kernel was given it.
    sequence: Option<u64>,
}

impl<P: Provider> KernelDirection<P> {
    fn new(secret: &TrafficSecret<P>, sequence: u64) -> Result<Self, SuspendError> {
        if cipher(secret.algorithm()).is_none() {
            return Err(SuspendError::Unsupported);
        }
        Ok(Self { secret: secret.duplicate(), sequence: Some(sequence) })
    }

    /// Returns the `tls12_crypto_info_*` structure for the next record, in the layout of
    /// `linux/tls.h`.
    ///
    /// Each generation of keys is returned only once, because the kernel counts the records from
    /// then on.
    ///
    /// # Errors
    /// - [`KeyError::HandedOver`] if this generation was returned already.
    /// - [`KeyError::Crypto`] if the keys cannot be derived, or if no explicit nonce is left
    ///   unused.
    pub fn crypto_info(&mut self) -> Result<CryptoInfo, KeyError> {
        let sequence = self.sequence.ok_or(KeyError::HandedOver)?;
        let info = self.derive(sequence);
        scrub_stack(P::STACK);
        if info.is_ok() {
            self.sequence = None;
        }
        info
    }

    /// Not inlined, so that [`scrub_stack`] reaches its frame.
    #[inline(never)]
    fn derive(&self, sequence: u64) -> Result<CryptoInfo, KeyError> {
        let mut info = CryptoInfo { bytes: [0; MAX_INFO_LEN], len: 0 };
        let mut key = [0; MAX_KEY_LEN];
        let mut iv = [0; NONCE_LEN];
        let laid_out = self
            .secret
            .derive(&mut key, &mut iv)
            .and_then(|()| self.lay_out(sequence, &key, &mut iv, &mut info));
        key.zeroize();
        iv.zeroize();
        laid_out.map(|()| info).ok_or(KeyError::Crypto)
    }

    /// Derives the next generation of keys, whose sequence numbers begin at 0 (RFC 9846
    /// section 7.2).
    ///
    /// # Errors
    /// - [`KeyError::NoUpdate`] in TLS 1.2.
    /// - [`KeyError::Crypto`] if the keys cannot be derived.
    pub fn update(&mut self) -> Result<(), KeyError> {
        let updated = self.replace_secret();
        scrub_stack(P::STACK);
        updated
    }

    /// Not inlined, so that [`scrub_stack`] reaches its frame.
    #[inline(never)]
    fn replace_secret(&mut self) -> Result<(), KeyError> {
        self.secret.update()?;
        self.sequence = Some(0);
        Ok(())
    }

    /// Writes the structure into `info`. Returns `None` if there is none for these keys.
    fn lay_out(
        &self,
        sequence: u64,
        key: &[u8; MAX_KEY_LEN],
        iv: &mut [u8; NONCE_LEN],
        info: &mut CryptoInfo,
    ) -> Option<()> {
        let algorithm = self.secret.algorithm();
        let version: u16 = match self.secret.version() {
            Version::Tls12 => {
                self.unused_explicit_nonce(sequence, iv)?;
                0x0303
            }
            Version::Tls13 => 0x0304,
        };
        let (cipher, salt_len) = cipher(algorithm)?;
        let (salt, iv_behind_salt) = iv.split_at_checked(salt_len)?;
        let parts: [&[u8]; 6] = [
            &version.to_ne_bytes(),
            &cipher.to_ne_bytes(),
            iv_behind_salt,
            key.get(..algorithm.key_len())?,
            salt,
            &sequence.to_be_bytes(),
        ];
        let mut room = info.bytes.as_mut_slice();
        for part in parts {
            copy(part, room);
            room = room.get_mut(part.len()..)?;
            info.len = info.len.saturating_add(part.len());
        }
        Some(())
    }

    /// TLS 1.2 with GCM and CCM: replaces the explicit nonce in `iv` by one from which the kernel
    /// can count without using a nonce twice. Returns `None` if there is none.
    ///
    /// The kernel increments the explicit nonce with every record. This engine combines a fixed
    /// start with the sequence number by XOR, so that all nonces used so far lie in one aligned
    /// block, whose length is the next power of two. The kernel starts behind that block.
    fn unused_explicit_nonce(&self, sequence: u64, iv: &mut [u8; NONCE_LEN]) -> Option<()> {
        let Some(last) = sequence.checked_sub(1) else { return Some(()) };
        if !self.secret.algorithm().has_explicit_nonce() {
            return Some(());
        }
        let explicit = iv.last_chunk_mut()?;
        let block = u64::MAX.checked_shr(last.leading_zeros()).unwrap_or(0);
        let start = u64::from_be_bytes(*explicit);
        *explicit = (start | block).wrapping_add(1).to_be_bytes();
        (block != u64::MAX).then_some(())
    }
}

impl<K: Extractable> Opener<K> {
    /// Hands this direction to the kernel, which opens its records from now on.
    ///
    /// This half ends with [`ReadEnd::HandedOver`](crate::ReadEnd::HandedOver).
    ///
    /// # Errors
    /// After an error nothing has changed.
    /// - [`SuspendError::Busy`] if a record or a handshake message was received in part, or a
    ///   [notice](Self::take_notice) was not taken.
    /// - [`SuspendError::NotEstablished`] if there are no application keys, or the direction has
    ///   ended.
    /// - [`SuspendError::Unsupported`] if the kernel does not have the cipher, or if the secret is
    ///   in a key store.
    pub fn hand_to_kernel(&mut self) -> Result<KernelDirection<K::Provider>, SuspendError> {
        let (secret, sequence) = self.next_record()?;
        let direction = KernelDirection::new(secret, sequence)?;
        self.hand_over();
        Ok(direction)
    }
}

impl<K: Extractable> Sealer<K> {
    /// Hands this direction to the kernel, which seals its records from now on.
    ///
    /// The kernel does not pad records and does not count them: the application must keep to
    /// [`record_limit`](Self::record_limit). Records that were sealed here must be sent first. This half ends
    /// with [`WriteEnd::HandedOver`](crate::WriteEnd::HandedOver). From then on
    /// [`take_kernel_control`](Self::take_kernel_control) returns the alerts and KeyUpdates that are due.
    ///
    /// # Errors
    /// After an error nothing has changed.
    /// - [`SuspendError::Busy`] if an alert or a KeyUpdate is due, if a [signal](Self::take_signal)
    ///   was not taken, or if a [`Connection`] around this half has unsent records or a reserved
    ///   slot.
    /// - [`SuspendError::NotEstablished`] if there are no application keys, the direction is
    ///   closed, or its keys may seal no more.
    /// - [`SuspendError::Unsupported`] if the kernel does not have the cipher, or if the secret is
    ///   in a key store.
    pub fn hand_to_kernel(&mut self) -> Result<KernelDirection<K::Provider>, SuspendError> {
        let (secret, sequence) = self.next_record()?;
        let direction = KernelDirection::new(secret, sequence)?;
        self.hand_over(true);
        Ok(direction)
    }
}

impl<K: Extractable> RecordLayer<K> {
    /// Hands the sending direction to the kernel: see [`Sealer::hand_to_kernel`](crate::Sealer).
    ///
    /// # Errors
    /// The errors of [`Sealer::hand_to_kernel`](crate::Sealer::hand_to_kernel).
    pub fn hand_sender_to_kernel(&mut self) -> Result<KernelDirection<K::Provider>, SuspendError> {
        self.with_halves(|_, sealer| sealer.hand_to_kernel())
    }

    /// Hands the receiving direction to the kernel: see [`Opener::hand_to_kernel`](crate::Opener).
    ///
    /// # Errors
    /// The errors of [`Opener::hand_to_kernel`](crate::Opener::hand_to_kernel).
    pub fn hand_receiver_to_kernel(
        &mut self,
    ) -> Result<KernelDirection<K::Provider>, SuspendError> {
        self.with_halves(|opener, _| opener.hand_to_kernel())
    }
}

impl<K: Extractable, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> Connection<K, TX, B> {
    /// Hands the sending direction to the kernel: see [`Sealer::hand_to_kernel`](crate::Sealer).
    ///
    /// # Errors
    /// The errors of [`Sealer::hand_to_kernel`](crate::Sealer::hand_to_kernel), with
    /// [`SuspendError::Busy`] also while records are [unsent](Self::unsent) or a slot is reserved.
    /// A KeyUpdate that was due may have been sealed.
    pub fn hand_sender_to_kernel(&mut self) -> Result<KernelDirection<K::Provider>, SuspendError> {
        self.with_halves(|_, sealer| sealer.hand_to_kernel())
    }

    /// Hands the receiving direction to the kernel: see [`Opener::hand_to_kernel`](crate::Opener).
    ///
    /// # Errors
    /// The errors of [`Opener::hand_to_kernel`](crate::Opener::hand_to_kernel).
    pub fn hand_receiver_to_kernel(
        &mut self,
    ) -> Result<KernelDirection<K::Provider>, SuspendError> {
        self.with_halves(|opener, _| opener.hand_to_kernel())
    }
}

/// Returns the number (`TLS_CIPHER_*`) and the length of the salt, 0 for ChaCha20-Poly1305.
const fn cipher(algorithm: Algorithm) -> Option<(u16, usize)> {
    match algorithm {
        Algorithm::Aes128Gcm => Some((51, 4)),
        Algorithm::Aes256Gcm => Some((52, 4)),
        Algorithm::Aes128Ccm => Some((53, 4)),
        Algorithm::Chacha20Poly1305 => Some((54, 0)),
        Algorithm::Aes128Ccm8 => None,
    }
}

/// A `tls12_crypto_info_*` structure of Linux. It holds a key, and is wiped when it is dropped.
pub struct CryptoInfo {
    bytes: [u8; MAX_INFO_LEN],
    len: usize,
}

impl CryptoInfo {
    /// Returns the bytes of the structure, to be passed to `setsockopt`.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for CryptoInfo {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl core::fmt::Debug for CryptoInfo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CryptoInfo({} bytes, redacted)", self.len)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for CryptoInfo {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "CryptoInfo({} bytes, redacted)", self.len);
    }
}
