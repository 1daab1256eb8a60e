//! AES-GCM (NIST SP 800-38D section 7): AES in counter mode, and GHASH.

use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCoreWrapper,
    StreamCipherSeek,
};
use ctr::{CtrCore, flavors::Ctr32BE};
use ghash::GHash;
use zeroize::Zeroize;

use super::Block;
use super::stream_and_hash::Construction;
use crate::buffer::bytes::copy;
use crate::crypto::aead::{AeadError, NONCE_LEN};

const BLOCK_LEN: usize = 16;

pub(super) struct Gcm<Aes> {
    aes: Aes,
    ghash: GHash,
}

/// The first counter block (J0) of a nonce of 12 bytes. It masks the tag, and the text follows.
fn first_block(nonce: &[u8; NONCE_LEN]) -> Block {
    let mut block = [0; BLOCK_LEN];
    copy(nonce, &mut block);
    if let Some(last) = block.last_mut() {
        *last = 1;
    }
    block.into()
}

impl<Aes: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit> Construction for Gcm<Aes> {
    type Hash = GHash;
    type Stream<'a>
        = StreamCipherCoreWrapper<CtrCore<&'a Aes, Ctr32BE>>
    where
        Self: 'a;

    fn new(key: &[u8]) -> Option<Self> {
        let aes = Aes::new_from_slice(key).ok()?;
        let mut hash_key = Block::default();
        aes.encrypt_block(&mut hash_key);
        let ghash = GHash::new(&hash_key);
        hash_key.zeroize();
        Some(Self { aes, ghash })
    }

    fn hash(&self, _: &[u8; NONCE_LEN]) -> GHash {
        self.ghash.clone()
    }

    /// In bits.
    fn lengths(additional_data: u64, ciphertext: u64) -> Block {
        let [a, c] = [additional_data, ciphertext].map(|bytes| u128::from(bytes.wrapping_mul(8)));
        (a << 64 | c).to_be_bytes().into()
    }

    fn mask(&self, nonce: &[u8; NONCE_LEN], tag: &mut Block) {
        let mut mask = first_block(nonce);
        self.aes.encrypt_block(&mut mask);
        for (tag, mask) in tag.iter_mut().zip(&mask) {
            *tag ^= mask;
        }
        mask.zeroize();
    }

    fn stream(
        &self,
        nonce: &[u8; NONCE_LEN],
        position: usize,
    ) -> Result<Self::Stream<'_>, AeadError> {
        let core = CtrCore::inner_iv_init(&self.aes, &first_block(nonce));
        let mut stream = StreamCipherCoreWrapper::from_core(core);
        stream.try_seek(position.saturating_add(BLOCK_LEN)).map_err(|_| AeadError)?;
        Ok(stream)
    }
}
