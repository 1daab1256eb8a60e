//! AEADs that are made of a stream cipher and a universal hash.

use aead::consts::U16;
use aead::inout::InOutBuf;
use chacha20::cipher::StreamCipher;
use poly1305::universal_hash::UniversalHash;
use zeroize::Zeroize;

use super::{Block, Cipher};
use crate::buffer::bytes::copy;
use crate::crypto::aead::rustcrypto::Absent;
use crate::crypto::aead::{AeadError, NONCE_LEN};
use crate::small::SMALL;

/// Bytes that stream ciphers and hashes process together. Parts that are shorter, or do not begin at a
/// multiple of it, are collected to such batches, because single blocks take several times as long, and
/// each call of an AES with VAES loads all round keys.
const STREAM_BATCH: usize = if SMALL { 64 } else { 2048 };
const HASH_BATCH: usize = if SMALL { 64 } else { 128 };

/// An AEAD that is made of a stream cipher and a universal hash: the part that differs between AES-GCM
/// and ChaCha20-Poly1305.
pub(super) trait Construction: Sized {
    type Hash: UniversalHash<BlockSize = U16> + Clone;
    type Stream<'a>: StreamCipher
    where
        Self: 'a;

    fn new(key: &[u8]) -> Option<Self>;

    /// Returns the hash of a record, before any input.
    fn hash(&self, nonce: &[u8; NONCE_LEN]) -> Self::Hash;

    /// Returns the last block that is hashed: the lengths of additional data and ciphertext, in bytes.
    fn lengths(additional_data: u64, ciphertext: u64) -> Block;

    /// Converts the result of the hash to the tag of the record, and back.
    fn mask(&self, nonce: &[u8; NONCE_LEN], tag: &mut Block);

    /// Returns the key stream of a record at `position`.
    fn stream(
        &self,
        nonce: &[u8; NONCE_LEN],
        position: usize,
    ) -> Result<Self::Stream<'_>, AeadError>;

    /// Encrypts or decrypts bytes that are at `position` in the record, in place or from another place.
    fn apply_keystream(
        &self,
        nonce: &[u8; NONCE_LEN],
        position: usize,
        text: InOutBuf<'_, '_, u8>,
    ) -> Result<(), AeadError> {
        if text.is_empty() {
            return Ok(()); // A call would load all round keys.
        }
        self.stream(nonce, position)?.try_apply_keystream_inout(text).map_err(|_| AeadError)
    }
}

/// A cipher, and the record that it is opening.
pub(super) struct StreamAndHash<C: Construction> {
    cipher: C,
    operation: Option<Operation<C::Hash>>,
    /// The key stream of the batch in which the next part begins. Not in the operation, which is moved.
    keystream: [u8; STREAM_BATCH],
}

struct Operation<H> {
    nonce: [u8; NONCE_LEN],
    mac: Mac<H>,
    /// Bytes of ciphertext in the record, and how many of them were decrypted.
    len: usize,
    decrypted: usize,
}

impl<C: Construction> Drop for StreamAndHash<C> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<C: Construction> StreamAndHash<C> {
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Some(Self { cipher: C::new(key)?, operation: None, keystream: [0; STREAM_BATCH] })
    }

    /// Returns the hash of a whole record.
    fn mac(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        ciphertext: &[u8],
    ) -> Mac<C::Hash> {
        let mut mac = Mac::new(self.cipher.hash(nonce), additional_data);
        mac.update(ciphertext);
        mac
    }

    /// Writes the tag of a record.
    fn tag(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        ciphertext: &[u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        let tag: &mut Block = tag.try_into().map_err(|_| AeadError)?;
        *tag = self.mac(nonce, additional_data, ciphertext).padded::<C>().finalize();
        self.cipher.mask(nonce, tag);
        Ok(())
    }
}

impl<C: Construction> Cipher for StreamAndHash<C> {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        self.cipher.apply_keystream(nonce, 0, in_out.into())?;
        self.tag(nonce, additional_data, in_out, tag)
    }

    fn seal_from(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        content: &[u8],
        inner_type: &[u8],
        out: &mut [u8],
    ) -> Result<(), AeadError> {
        // Does not wrap: the length of a slice, and a byte more.
        let len = content.len().wrapping_add(inner_type.len());
        let (ciphertext, tag) = out.split_at_mut_checked(len).ok_or(AeadError)?;
        let (front, last) = ciphertext.split_at_mut_checked(content.len()).ok_or(AeadError)?;
        let text = InOutBuf::new(content, front).map_err(|_| AeadError)?;
        self.cipher.apply_keystream(nonce, 0, text)?;
        copy(inner_type, last);
        self.cipher.apply_keystream(nonce, content.len(), last.into())?;
        self.tag(nonce, additional_data, ciphertext, tag)
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        text: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), AeadError> {
        self.mac(nonce, additional_data, text.get_in()).verify(&self.cipher, nonce, tag)?;
        self.cipher.apply_keystream(nonce, 0, text)
    }

    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        self.end();
        let mac = Mac::new(self.cipher.hash(nonce), additional_data);
        self.operation = Some(Operation { nonce: *nonce, mac, len, decrypted: 0 });
        Ok(())
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        let operation = self.operation.as_mut().ok_or(AeadError)?;
        let left = operation.len.saturating_sub(operation.mac.len);
        if ciphertext.len() > left {
            return Err(AeadError);
        }
        operation.mac.update(ciphertext);
        Ok(())
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let Self { cipher, operation, keystream } = self;
        let operation = operation.as_mut().ok_or(AeadError)?;
        let end = operation.decrypted.saturating_add(in_out.len());
        if end > operation.mac.len {
            return Err(AeadError);
        }
        let Operation { nonce, decrypted, len, .. } = operation;
        let used = *decrypted % STREAM_BATCH;
        let left = if used == 0 { &[] } else { keystream.get(used..).unwrap_or_default() };
        let (front, rest) = in_out.split_at_mut(left.len().min(in_out.len()));
        xor(front, left);
        let start = decrypted.saturating_add(front.len());
        *decrypted = end;
        // The last part ends in no batch: nothing needs the rest of its key stream.
        let batches =
            rest.len().saturating_sub(if end == *len { 0 } else { rest.len() % STREAM_BATCH });
        let (batches, rest) = rest.split_at_mut(batches);
        cipher.apply_keystream(nonce, start, batches.into())?;
        if !rest.is_empty() {
            let start = start.saturating_add(batches.len());
            let needed = len.saturating_sub(start).min(STREAM_BATCH);
            let needed = keystream.get_mut(..needed).unwrap_or_default();
            let mut stream = cipher.stream(nonce, start)?;
            stream.try_write_keystream(needed).map_err(|_| AeadError)?;
            xor(rest, keystream);
        }
        Ok(())
    }

    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let operation = self.operation.as_ref().ok_or(AeadError)?;
        // What was authenticated alone would take the key stream of these bytes.
        if operation.decrypted != operation.mac.len {
            return Err(AeadError);
        }
        self.authenticate(in_out)?;
        self.decrypt(in_out)
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        let operation = self.operation.as_ref().ok_or(AeadError)?;
        if operation.mac.len != operation.len {
            return Err(AeadError);
        }
        operation.mac.verify(&self.cipher, &operation.nonce, tag)
    }

    fn end(&mut self) {
        if self.operation.is_some() {
            // In place: the hash wipes itself where it is dropped.
            self.operation = None;
            self.keystream.as_mut_slice().zeroize();
        }
    }
}

/// The universal hash of the additional data and of the ciphertext so far.
struct Mac<H> {
    hash: H,
    additional_data: usize,
    /// Bytes of ciphertext so far. Those of the last batch are in `partial` until it is complete.
    len: usize,
    partial: [u8; HASH_BATCH],
}

impl<H: UniversalHash<BlockSize = U16> + Clone> Mac<H> {
    fn new(mut hash: H, additional_data: &[u8]) -> Self {
        hash.update_padded(additional_data);
        Self { hash, additional_data: additional_data.len(), len: 0, partial: [0; HASH_BATCH] }
    }

    fn update(&mut self, mut ciphertext: &[u8]) {
        let filled = self.len % HASH_BATCH;
        self.len = self.len.saturating_add(ciphertext.len());
        if filled != 0 {
            let free = self.partial.get_mut(filled..).unwrap_or_default();
            copy(ciphertext, free);
            let Some(rest) = ciphertext.get(free.len()..) else { return };
            self.hash.update_padded(&self.partial);
            ciphertext = rest;
        }
        let (batches, rest) = ciphertext.as_chunks::<HASH_BATCH>();
        self.hash.update_padded(batches.as_flattened());
        copy(rest, &mut self.partial);
    }

    /// Returns the hash with all of its input.
    fn padded<C: Construction<Hash = H>>(&self) -> H {
        let mut hash = self.hash.clone();
        hash.update_padded(self.partial.get(..self.len % HASH_BATCH).unwrap_or_default());
        hash.update(&[C::lengths(self.additional_data as u64, self.len as u64)]);
        hash
    }

    /// Checks the tag of a record, in constant time.
    fn verify<C: Construction<Hash = H>>(
        &self,
        cipher: &C,
        nonce: &[u8; NONCE_LEN],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        let mut tag: Block = tag.try_into().map_err(|_| AeadError)?;
        cipher.mask(nonce, &mut tag);
        let verified = self.padded::<C>().verify(&tag);
        // It tells the right tag, if this one is wrong.
        tag.zeroize();
        verified.map_err(|_| AeadError)
    }
}

fn xor(bytes: &mut [u8], keystream: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(keystream) {
        *byte ^= key;
    }
}

impl Construction for Absent {
    /// Never used.
    type Hash = poly1305::Poly1305;
    type Stream<'a> = chacha20::ChaCha20;

    fn new(_: &[u8]) -> Option<Self> {
        None
    }

    fn hash(&self, _: &[u8; NONCE_LEN]) -> Self::Hash {
        match *self {}
    }

    fn lengths(_: u64, _: u64) -> Block {
        Block::default()
    }

    fn mask(&self, _: &[u8; NONCE_LEN], _: &mut Block) {
        match *self {}
    }

    fn stream(&self, _: &[u8; NONCE_LEN], _: usize) -> Result<chacha20::ChaCha20, AeadError> {
        match *self {}
    }
}
