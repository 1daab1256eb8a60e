//! Sealing handshake messages, and change_cipher_spec.

use super::Sealer;
use crate::buffer::bytes::{Source, copy, length};
use crate::crypto::keys::KeySchedule;
use crate::protocol::error::SealError;
use crate::protocol::handshake::{HandshakeHeader, HandshakeType};
use crate::protocol::record::{ContentType, Epoch, Version};

impl<K: KeySchedule> Sealer<K> {
    /// Seals whole handshake messages. Returns the number of bytes written.
    ///
    /// Several messages share records, and a long message is split. Without keys, the records are
    /// plaintext.
    ///
    /// It seals all messages or none, so that no other record comes between the fragments of a
    /// message (RFC 9846 section 5.1). A message before a key change must be the last one of its
    /// call.
    ///
    /// # Errors
    /// Nothing has changed, except that [`SealError::ControlFirst`] may come because this call made
    /// a KeyUpdate due.
    ///
    /// - [`SealError::NoSpace`] if `out` is too short for all of the records.
    /// - [`SealError::NotHandshake`] if `parts` are not whole messages, or hold a KeyUpdate, which
    ///   [`update_keys`](Self::update_keys) sends.
    /// - [`SealError::NoKeys`] in TLS 1.2, if our change_cipher_spec is written and its keys are
    ///   not installed.
    /// - [`SealError::KeyExhausted`] if the keys may not seal all of the records and cannot be
    ///   updated.
    /// - [`SealError::ControlFirst`], [`SealError::Closed`], [`SealError::Failed`],
    ///   [`SealError::HandedOver`] and [`SealError::Crypto`] as in [`seal`](Self::seal).
    ///
    /// ```
    /// use tls_record::{Config, Role, Sealer, TrafficSecret, aead::ring::Ring};
    ///
    /// let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Client));
    /// let client_hello = [1, 0, 0, 2, 3, 3]; // a short one
    /// let mut out = [0; 16];
    /// assert_eq!(sealer.seal_handshake(&[&client_hello], &mut out), Ok(11));
    /// assert_eq!(out[..5], [22, 3, 1, 0, 6]);
    /// ```
    pub fn seal_handshake(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SealError> {
        self.check_open()?;
        self.check_keys()?;
        if self.is_keys_due() {
            return Err(SealError::NoKeys);
        }
        let mut left = check_messages(parts)?;
        let mut need = 0_usize;
        let mut records = 0_u32;
        while left != 0 {
            let len = left.min(usize::from(self.max_content));
            left = left.wrapping_sub(len); // `len` is not greater
            need = need.saturating_add(self.padded_len(ContentType::HANDSHAKE, len));
            records = records.saturating_add(1);
        }
        let out = out.get_mut(..need).ok_or(SealError::NoSpace { need })?;
        if !self.may_seal(records) {
            if !self.may_update() || u64::from(records) > self.data_limit {
                return Err(SealError::KeyExhausted);
            }
            self.update_due = true;
            return Err(SealError::ControlFirst);
        }
        let sealed = self.seal_parts(ContentType::HANDSHAKE, parts, out)?;
        // All records of a ClientHello have the same version.
        self.has_sealed |= sealed.written != 0;
        // There was room for all of the records: only the cipher can have failed.
        if sealed.written == need { Ok(need) } else { Err(SealError::Crypto) }
    }

    /// Writes a change_cipher_spec record, which is never protected. Returns the number of bytes
    /// written.
    ///
    /// In TLS 1.2 it announces new keys. In TLS 1.3 only the compatibility mode sends it (RFC 9846
    /// appendix E.4).
    ///
    /// # Errors
    /// - [`SealError::NoSpace`] if `out` is shorter than 6 bytes.
    /// - [`SealError::NotHandshake`] if it is not allowed at this point: before the version is
    ///   known, after the handshake, or a second time in TLS 1.2.
    /// - [`SealError::Closed`], [`SealError::Failed`] and [`SealError::HandedOver`] as in
    ///   [`seal`](Self::seal).
    pub fn change_cipher_spec(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        self.check_open()?;
        let is_expected = match self.version.or(self.pinned) {
            Some(Version::Tls13) => self.epoch < Epoch::Application,
            Some(Version::Tls12) => self.epoch == Epoch::Plaintext && !self.keys_due,
            None => false,
        };
        if !is_expected {
            return Err(SealError::NotHandshake);
        }
        const RECORD: [u8; 6] = [20, 3, 3, 0, 1, 1];
        let need = RECORD.len();
        let out = out.get_mut(..need).ok_or(SealError::NoSpace { need })?;
        copy(&RECORD, out);
        self.version = self.version.or(self.pinned);
        self.keys_due = self.is_tls12();
        Ok(need)
    }
}

/// Returns the length of `parts` if they are whole handshake messages of types that the caller may
/// send.
fn check_messages(parts: &[&[u8]]) -> Result<usize, SealError> {
    let mut source = Source::new(parts);
    let total = length(parts);
    let mut left = total;
    while left != 0 {
        let mut header = [0; HandshakeHeader::LEN];
        source.copy_to(&mut header);
        let HandshakeHeader { message_type, length } = HandshakeHeader::decode(header);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        source.skip(length);
        left = match left.checked_sub(length.saturating_add(HandshakeHeader::LEN)) {
            Some(left) if message_type != HandshakeType::KEY_UPDATE => left,
            _ => return Err(SealError::NotHandshake),
        };
    }
    Ok(total)
}
