//! Opening the protection of a record that is not at hand in one piece.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::{Inputs, Protection};
use crate::buffer::pieces::{gather, visit};
use crate::crypto::aead::multi_part::{MAX_TAG, MultiPart};
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Tail;
use crate::protocol::error::Fault;
use crate::protocol::record::Header;

impl<K: KeySchedule<Aead: MultiPart>> Protection<K> {
    /// Begins to open a record. `front` is its front, up to the ciphertext. Returns the length of the
    /// plaintext.
    pub(crate) fn begin(&mut self, front: &[u8]) -> Result<usize, Fault> {
        let (header, behind) = front.split_first_chunk().ok_or(Fault::BadRecordMac)?;
        let length = Header::decode(*header).length.into();
        let mut tls12_data = MaybeUninit::uninit();
        let Inputs { nonce, additional_data, len, .. } =
            self.inputs(header, behind, length, &mut tls12_data)?;
        if len > length {
            return Err(Fault::BadRecordMac);
        }
        let begun = self.aead.begin(&nonce, additional_data, len);
        if begun.is_err() {
            self.end(None)?;
        }
        Ok(len)
    }

    /// Authenticates and decrypts the next part of the record that was [begun](Self::begin).
    pub(crate) fn open_part(&mut self, part: &mut [u8]) -> Result<(), Fault> {
        if self.aead.update(part).is_err() {
            // The cipher may have left plaintext that is not authenticated.
            part.fill(0);
            self.end(None)?;
        }
        Ok(())
    }

    /// Checks the tag of the record, and ends it.
    pub(crate) fn verify(&mut self, tag: &[u8]) -> Result<(), Fault> {
        let verified = self.aead.verify(tag).ok();
        self.end(verified)
    }

    /// Opens the record at the front of `pieces`, which hold all of it. `front` is a copy of its front, up
    /// to the ciphertext. Returns where its plaintext is, which `tail` has read. If the tag is wrong, not
    /// a byte has changed.
    pub(crate) fn open_pieces(
        &mut self,
        front: &mut [u8],
        pieces: &mut [&mut [u8]],
        tail: &mut Tail,
    ) -> Result<Range<usize>, Fault> {
        let len = self.begin(front)?;
        let start = self.headroom();
        // Does not wrap: both are lengths within a record.
        let plaintext = start..start.wrapping_add(len);
        let verified = self.verify_pieces(pieces, plaintext.clone());
        let decrypted = verified.and_then(|()| {
            visit(pieces, plaintext.clone(), &mut |part| {
                self.aead.decrypt(part).ok()?;
                tail.read(part);
                Some(())
            })
        });
        if verified.is_some() && decrypted.is_none() {
            // The record is the peer's: the cipher has failed.
            let _ = visit(pieces, plaintext, &mut |part| {
                part.fill(0);
                Some(())
            });
            self.aead.end();
            return Err(Fault::Crypto);
        }
        self.end(decrypted)?;
        Ok(plaintext)
    }

    fn verify_pieces(&mut self, pieces: &mut [&mut [u8]], plaintext: Range<usize>) -> Option<()> {
        visit(pieces, plaintext.clone(), &mut |part| self.aead.authenticate(part).ok())?;
        let mut tag = [0; MAX_TAG];
        let tag = tag.get_mut(..self.tag_len())?;
        self.aead.verify(gather(pieces, plaintext.end, tag)).ok()
    }

    /// Ends the record. It counts if it was `opened`.
    fn end(&mut self, opened: Option<()>) -> Result<(), Fault> {
        self.aead.end();
        opened.ok_or(Fault::BadRecordMac)?;
        self.sequence = self.sequence.wrapping_add(1); // `begin` refuses `u64::MAX`
        Ok(())
    }
}
