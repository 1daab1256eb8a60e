//! ChaCha20-Poly1305 (RFC 8439 section 2.8).

use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20::{ChaCha20, Key};
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use zeroize::Zeroize;

use super::Block;
use super::stream_and_hash::Construction;
use crate::crypto::aead::{AeadError, NONCE_LEN};

/// Length of a block of the key stream. The first makes the key of the hash, and the text follows.
const BLOCK_LEN: usize = 64;

pub(super) struct Chacha20Poly1305(Key);

impl Drop for Chacha20Poly1305 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Construction for Chacha20Poly1305 {
    type Hash = Poly1305;
    type Stream<'a> = ChaCha20;

    fn new(key: &[u8]) -> Option<Self> {
        Some(Self(*<&Key>::try_from(key).ok()?))
    }

    fn hash(&self, nonce: &[u8; NONCE_LEN]) -> Poly1305 {
        let mut key = poly1305::Key::default();
        ChaCha20::new(&self.0, &(*nonce).into()).unchecked_apply_keystream(&mut key);
        let hash = Poly1305::new(&key);
        key.zeroize();
        hash
    }

    fn lengths(additional_data: u64, ciphertext: u64) -> Block {
        let [a, c] = [additional_data, ciphertext].map(u128::from);
        (c << 64 | a).to_le_bytes().into()
    }

    fn mask(&self, _: &[u8; NONCE_LEN], _: &mut Block) {}

    fn stream(&self, nonce: &[u8; NONCE_LEN], position: usize) -> Result<ChaCha20, AeadError> {
        let mut stream = ChaCha20::new(&self.0, &(*nonce).into());
        stream.try_seek(position.saturating_add(BLOCK_LEN)).map_err(|_| AeadError)?;
        Ok(stream)
    }
}
