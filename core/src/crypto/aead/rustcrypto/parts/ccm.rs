//! AES-128-CCM (NIST SP 800-38C, RFC 5116 section 5.3): AES in counter mode, and CBC-MAC of the plaintext.
//!
//! To authenticate a part that is not to be decrypted yet, a copy of it is decrypted, a few blocks at a
//! time. So a record in pieces takes three passes of AES, and one that arrives takes two.

use core::marker::PhantomData;

use aead::array::{Array, ArraySize};
use aead::inout::InOutBuf;
use aes::Aes128;
use aes::cipher::{
    BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper,
    StreamCipherSeek,
};
use ctr::{CtrCore, flavors::Ctr32BE};
use ctutils::CtEq;
use zeroize::Zeroize;

use super::{Block, Cipher};
use crate::buffer::bytes::copy;
use crate::crypto::aead::{AeadError, NONCE_LEN};

/// Bytes that are decrypted together to authenticate them.
const COPY_LEN: usize = 64;

const BLOCK_LEN: usize = 16;

/// What the first byte of a block says of the length of the text: that it has 3 bytes.
const LENGTH_FLAGS: u8 = 14 - NONCE_LEN as u8;

/// A key with tags of `M` bytes, and the record that it is opening.
pub(super) struct Ccm<M> {
    aes: Aes128,
    operation: Option<Operation>,
    tag_len: PhantomData<M>,
}

struct Operation {
    nonce: [u8; NONCE_LEN],
    mac: Mac,
    /// Bytes of ciphertext in the record, and how many of them were authenticated and decrypted.
    len: usize,
    authenticated: usize,
    decrypted: usize,
}

impl<M: ArraySize> Ccm<M> {
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let aes = Aes128::new_from_slice(key).ok()?;
        Some(Self { aes, operation: None, tag_len: PhantomData })
    }

    /// Returns the MAC of a record with `len` bytes of text, before any of it.
    fn mac(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<Mac, AeadError> {
        // From 0xff00 on, the length takes more bytes (SP 800-38C appendix A.2.2). In TLS it is 13 at most.
        let data_len = u16::try_from(additional_data.len()).map_err(|_| AeadError)?;
        if data_len >= 0xff00 {
            return Err(AeadError);
        }
        let len = u32::try_from(len).map_err(|_| AeadError)?.to_be_bytes();
        let [0, len @ ..] = len else { return Err(AeadError) };
        let has_data = u8::from(data_len != 0);
        // Does not wrap: a tag has 4 to 16 bytes.
        let flags = (has_data << 6) | ((M::U8.wrapping_sub(2) / 2) << 3) | LENGTH_FLAGS;
        let mut mac = Mac { chain: Block::default(), filled: 0 };
        for part in [&[flags][..], nonce, &len] {
            mac.update(&self.aes, part);
        }
        if has_data != 0 {
            mac.update(&self.aes, &data_len.to_be_bytes());
            mac.update(&self.aes, additional_data);
            mac.pad(&self.aes);
        }
        Ok(mac)
    }

    /// Returns the tag of a record whose text is in `mac`.
    fn tag(&self, nonce: &[u8; NONCE_LEN], mac: &Mac) -> Result<Array<u8, M>, AeadError> {
        let mut mac = mac.clone();
        mac.pad(&self.aes);
        let mut tag = Array::default();
        copy(&mac.chain, &mut tag);
        apply_from(&self.aes, nonce, 0, tag.as_mut_slice().into())?;
        Ok(tag)
    }

    /// Checks a tag, in constant time.
    fn check(&self, nonce: &[u8; NONCE_LEN], mac: &Mac, tag: &[u8]) -> Result<(), AeadError> {
        let mut right = self.tag(nonce, mac)?;
        let is_right = right.as_slice().ct_eq(tag).to_bool();
        right.zeroize();
        if is_right { Ok(()) } else { Err(AeadError) }
    }
}

impl<M: ArraySize> Cipher for Ccm<M> {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        let tag: &mut Array<u8, M> = tag.try_into().map_err(|_| AeadError)?;
        let mut mac = self.mac(nonce, additional_data, in_out.len())?;
        mac.update(&self.aes, in_out);
        *tag = self.tag(nonce, &mac)?;
        apply_keystream(&self.aes, nonce, 0, in_out.into())
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
        let mut mac = self.mac(nonce, additional_data, len)?;
        mac.update(&self.aes, content);
        mac.update(&self.aes, inner_type);
        let (front, behind) = out.split_at_mut_checked(content.len()).ok_or(AeadError)?;
        let (last, tag) = behind.split_at_mut_checked(inner_type.len()).ok_or(AeadError)?;
        let tag: &mut Array<u8, M> = tag.try_into().map_err(|_| AeadError)?;
        *tag = self.tag(nonce, &mac)?;
        let text = InOutBuf::new(content, front).map_err(|_| AeadError)?;
        apply_keystream(&self.aes, nonce, 0, text)?;
        copy(inner_type, last);
        apply_keystream(&self.aes, nonce, content.len(), last.into())
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        mut text: InOutBuf<'_, '_, u8>,
        tag: &[u8],
    ) -> Result<(), AeadError> {
        let mut mac = self.mac(nonce, additional_data, text.len())?;
        apply_keystream(&self.aes, nonce, 0, text.reborrow())?;
        mac.update(&self.aes, text.get_out());
        self.check(nonce, &mac, tag).inspect_err(|_| text.get_out().fill(0))
    }

    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        let mac = self.mac(nonce, additional_data, len)?;
        self.operation =
            Some(Operation { nonce: *nonce, mac, len, authenticated: 0, decrypted: 0 });
        Ok(())
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        let Self { aes, operation, .. } = self;
        let operation = operation.as_mut().ok_or(AeadError)?;
        let mut plaintext = [0; COPY_LEN];
        let done = ciphertext.chunks(COPY_LEN).try_for_each(|part| {
            let position = operation.authenticate(part.len())?;
            let plaintext = plaintext.get_mut(..part.len()).ok_or(AeadError)?;
            let text = InOutBuf::new(part, plaintext).map_err(|_| AeadError)?;
            apply_keystream(aes, &operation.nonce, position, text)?;
            operation.mac.update(aes, plaintext);
            Ok(())
        });
        plaintext.as_mut_slice().zeroize();
        done
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let Self { aes, operation, .. } = self;
        let operation = operation.as_mut().ok_or(AeadError)?;
        let start = operation.decrypted;
        let end = start.saturating_add(in_out.len());
        if end > operation.authenticated {
            return Err(AeadError);
        }
        operation.decrypted = end;
        apply_keystream(aes, &operation.nonce, start, in_out.into())
    }

    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let Self { aes, operation, .. } = self;
        let operation = operation.as_mut().ok_or(AeadError)?;
        // What was authenticated alone would stay encrypted.
        if operation.decrypted != operation.authenticated {
            return Err(AeadError);
        }
        let position = operation.authenticate(in_out.len())?;
        operation.decrypted = operation.authenticated;
        apply_keystream(aes, &operation.nonce, position, in_out.into())?;
        operation.mac.update(aes, in_out);
        Ok(())
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        let operation = self.operation.as_ref().ok_or(AeadError)?;
        if operation.authenticated != operation.len {
            return Err(AeadError);
        }
        self.check(&operation.nonce, &operation.mac, tag)
    }

    fn end(&mut self) {
        self.operation = None;
    }
}

impl Operation {
    /// Counts `len` bytes as authenticated. Returns where they begin in the record.
    fn authenticate(&mut self, len: usize) -> Result<usize, AeadError> {
        let position = self.authenticated;
        let end = position.saturating_add(len);
        if end > self.len {
            return Err(AeadError);
        }
        self.authenticated = end;
        Ok(position)
    }
}

/// Encrypts or decrypts bytes that are at `position` in the record, in place or from another place.
fn apply_keystream(
    aes: &Aes128,
    nonce: &[u8; NONCE_LEN],
    position: usize,
    text: InOutBuf<'_, '_, u8>,
) -> Result<(), AeadError> {
    // The block before those of the text masks the tag.
    apply_from(aes, nonce, position.saturating_add(BLOCK_LEN), text)
}

fn apply_from(
    aes: &Aes128,
    nonce: &[u8; NONCE_LEN],
    position: usize,
    text: InOutBuf<'_, '_, u8>,
) -> Result<(), AeadError> {
    let mut first = [0; BLOCK_LEN];
    let (flags, behind) = first.split_at_mut(1);
    flags.fill(LENGTH_FLAGS);
    copy(nonce, behind);
    let core = CtrCore::<_, Ctr32BE>::inner_iv_init(aes, &first.into());
    let mut stream = StreamCipherCoreWrapper::from_core(core);
    stream.try_seek(position).map_err(|_| AeadError)?;
    stream.try_apply_keystream_inout(text).map_err(|_| AeadError)
}

/// CBC-MAC: the last block of the CBC encryption of what it is given.
#[derive(Clone)]
struct Mac {
    chain: Block,
    /// How many bytes of the next block are in `chain` already.
    filled: usize,
}

impl Mac {
    fn update(&mut self, aes: &Aes128, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.chain.get_mut(self.filled..).unwrap_or_default();
            let (here, rest) = bytes.split_at(room.len().min(bytes.len()));
            for (chain, byte) in room.iter_mut().zip(here) {
                *chain ^= byte;
            }
            // Not more than the length of a block.
            self.filled = self.filled.wrapping_add(here.len());
            if self.filled == BLOCK_LEN {
                self.encrypt(aes);
            }
            bytes = rest;
        }
    }

    /// Fills the last block up with zeros.
    fn pad(&mut self, aes: &Aes128) {
        if self.filled != 0 {
            self.encrypt(aes);
        }
    }

    fn encrypt(&mut self, aes: &Aes128) {
        aes.encrypt_block(&mut self.chain);
        self.filled = 0;
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        self.chain.zeroize();
    }
}
