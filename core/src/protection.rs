//! One record at a time: nonce, additional data, inner plaintext (RFC 9846 sections 5.2 to 5.4;
//! RFC 5246 section 6.2.3.3, RFC 5288 section 3, RFC 7905 section 2).

use zeroize::Zeroize;

use crate::aead::{Aead, AeadError, NONCE_LEN};
use crate::error::{Fault, KeyError};
use crate::keys::{DirectionKeys, KeySchedule};
use crate::record::{ContentType, HEADER_LEN, Header, VERSION_FIELD, Version};
use crate::scrub::scrub_stack;

/// Bytes of the nonce that a TLS 1.2 GCM record carries.
const EXPLICIT_NONCE_LEN: usize = 8;

/// Bytes of the inner content type of TLS 1.3.
const INNER_TYPE_LEN: usize = 1;

/// Records that are kept back for control when a key runs out: a KeyUpdate or two, user_canceled
/// and close_notify.
pub(crate) const CONTROL_RESERVE: u64 = 4;

/// The keys of one direction at work: the current generation, where the next comes from, and the
/// number of the next record.
pub(crate) struct Protection<K: KeySchedule> {
    schedule: K,
    aead: K::Aead,
    iv: [u8; NONCE_LEN],
    sequence: u64,
    pub(crate) version: Version,
    tag_len: u8,
    has_explicit_nonce: bool,
}

impl<K: KeySchedule> Protection<K> {
    pub(crate) fn new(schedule: K, sequence: u64) -> Result<Self, KeyError> {
        let version = schedule.version();
        let DirectionKeys { aead, iv } = schedule.keys()?;
        let tag_len = u8::try_from(aead.tag_len()).map_err(|_| KeyError::Length)?;
        let has_explicit_nonce = version.is_tls12() && aead.has_explicit_nonce();
        Ok(Self { schedule, aead, iv, sequence, version, tag_len, has_explicit_nonce })
    }

    /// Derives the next generation (RFC 9846 section 7.2). Until [`Self::switch`], records are still
    /// those of the current one.
    pub(crate) fn derive_next(&mut self) -> Result<DirectionKeys<K::Aead>, KeyError> {
        self.schedule.update()?;
        self.schedule.keys()
    }

    /// Goes over to the generation that was derived; its records count from zero
    /// (RFC 9846 section 5.3).
    pub(crate) fn switch(&mut self, next: DirectionKeys<K::Aead>) {
        self.aead.zeroize();
        self.aead = next.aead;
        self.iv = next.iv;
        self.sequence = 0;
    }

    pub(crate) const fn schedule(&self) -> &K {
        &self.schedule
    }

    #[inline]
    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn confidentiality_limit(&self) -> u64 {
        self.aead.confidentiality_limit()
    }

    /// Bytes in front of the content: the header, and the explicit nonce where there is one.
    #[inline]
    pub(crate) const fn headroom(&self) -> usize {
        if self.has_explicit_nonce { HEADER_LEN + EXPLICIT_NONCE_LEN } else { HEADER_LEN }
    }

    /// Bytes behind the content, without padding: the inner content type and the tag.
    #[inline]
    pub(crate) fn tailroom(&self) -> usize {
        let inner_type = match self.version {
            Version::Tls13 => INNER_TYPE_LEN,
            Version::Tls12 => 0,
        };
        usize::from(self.tag_len).wrapping_add(inner_type)
    }

    /// Length of a record with `content` bytes in it, without padding.
    #[inline]
    pub(crate) fn record_len(&self, content: usize) -> usize {
        content.saturating_add(self.headroom().wrapping_add(self.tailroom()))
    }

    /// Bytes that protection adds to the body of a record: explicit nonce, inner content type, tag.
    pub(crate) fn expansion(&self) -> u16 {
        let explicit = if self.has_explicit_nonce { EXPLICIT_NONCE_LEN } else { 0 };
        self.tailroom().wrapping_add(explicit) as u16
    }

    /// The nonce of the record `sequence` (RFC 9846 section 5.3). In TLS 1.2 the same combination
    /// gives RFC 7905's nonce, and RFC 5288's with an explicit part that never repeats.
    #[inline]
    fn nonce(&self, sequence: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        if let Some(back) = nonce.last_chunk_mut() {
            *back = (u64::from_be_bytes(*back) ^ sequence).to_be_bytes();
        }
        nonce
    }

    /// Seals `record` in place. Its content lies behind [`Self::headroom`] and is `len` bytes long,
    /// and there is exactly room for the rest behind it.
    ///
    /// Of a padded record, content type and padding count as content, but for the last zero, which
    /// is given as the type: it is the last byte of an inner plaintext.
    #[inline]
    pub(crate) fn seal(
        &mut self,
        content_type: ContentType,
        record: &mut [u8],
        len: usize,
    ) -> Result<(), AeadError> {
        let next = self.sequence.checked_add(1).ok_or(AeadError)?;
        let (header, body) = record.split_first_chunk_mut().ok_or(AeadError)?;
        if self.version.is_tls12() {
            self.seal_tls12(content_type, header, body, len)?;
        } else {
            self.seal_tls13(content_type, header, body, len)?;
        }
        self.sequence = next;
        Ok(())
    }

    #[inline]
    fn seal_tls13(
        &mut self,
        content_type: ContentType,
        header: &mut [u8; HEADER_LEN],
        body: &mut [u8],
        len: usize,
    ) -> Result<(), AeadError> {
        *header = Header {
            content_type: ContentType::APPLICATION_DATA,
            version: VERSION_FIELD,
            length: body.len() as u16,
        }
        .encode();
        let inner_len = len.checked_add(INNER_TYPE_LEN).ok_or(AeadError)?;
        let (inner, tag) = body.split_at_mut_checked(inner_len).ok_or(AeadError)?;
        *inner.last_mut().ok_or(AeadError)? = content_type.0;
        let nonce = self.nonce(self.sequence);
        self.aead.seal(&nonce, header, inner, tag)
    }

    fn seal_tls12(
        &mut self,
        content_type: ContentType,
        header: &mut [u8; HEADER_LEN],
        body: &mut [u8],
        len: usize,
    ) -> Result<(), AeadError> {
        *header =
            Header { content_type, version: VERSION_FIELD, length: body.len() as u16 }.encode();
        let nonce = self.nonce(self.sequence);
        let body = if self.has_explicit_nonce {
            let [_, _, _, _, counter @ ..] = nonce;
            let (explicit, body) = body.split_first_chunk_mut().ok_or(AeadError)?;
            *explicit = counter;
            body
        } else {
            body
        };
        let (content, tag) = body.split_at_mut_checked(len).ok_or(AeadError)?;
        let additional_data = tls12_additional_data(self.sequence, *header, len);
        self.aead.seal(&nonce, &additional_data, content, tag)
    }

    /// Opens the body of a TLS 1.3 record in place: the length of the inner plaintext at its front.
    #[inline]
    pub(crate) fn open_tls13(
        &mut self,
        header: &[u8; HEADER_LEN],
        body: &mut [u8],
    ) -> Result<usize, Fault> {
        let next = self.sequence.checked_add(1).ok_or(Fault::SequenceExhausted)?;
        let nonce = self.nonce(self.sequence);
        let (inner, tag) = split_tag(body, self.tag_len)?;
        if self.aead.open(&nonce, header, inner, tag).is_err() {
            return Err(forged(inner));
        }
        self.sequence = next;
        Ok(inner.len())
    }

    /// Opens the body of a TLS 1.2 record in place: where its plaintext begins in it, and how long
    /// it is.
    #[inline]
    pub(crate) fn open_tls12(
        &mut self,
        header: &[u8; HEADER_LEN],
        body: &mut [u8],
    ) -> Result<(usize, usize), Fault> {
        let next = self.sequence.checked_add(1).ok_or(Fault::SequenceExhausted)?;
        let (nonce, start, body) = if self.has_explicit_nonce {
            let (explicit, body) =
                body.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>().ok_or(Fault::BadRecordMac)?;
            let mut nonce = self.iv;
            if let Some(back) = nonce.last_chunk_mut() {
                *back = *explicit;
            }
            (nonce, EXPLICIT_NONCE_LEN, body)
        } else {
            (self.nonce(self.sequence), 0, body)
        };
        let (content, tag) = split_tag(body, self.tag_len)?;
        let additional_data = tls12_additional_data(self.sequence, *header, content.len());
        if self.aead.open(&nonce, &additional_data, content, tag).is_err() {
            return Err(forged(content));
        }
        self.sequence = next;
        Ok((start, content.len()))
    }
}

impl<K: KeySchedule> Zeroize for Protection<K> {
    fn zeroize(&mut self) {
        self.schedule.zeroize();
        self.aead.zeroize();
        self.iv.zeroize();
    }
}

/// The place of a direction's keys. They are overwritten when they are taken away, not just left.
pub(crate) struct Keys<K: KeySchedule>(Option<Protection<K>>);

impl<K: KeySchedule> Keys<K> {
    pub(crate) const NONE: Self = Self(None);

    #[inline]
    pub(crate) const fn get(&self) -> Option<&Protection<K>> {
        self.0.as_ref()
    }

    #[inline]
    pub(crate) const fn get_mut(&mut self) -> Option<&mut Protection<K>> {
        self.0.as_mut()
    }

    pub(crate) fn replace(&mut self, protection: Protection<K>) {
        self.wipe();
        self.0 = Some(protection);
    }

    #[cold]
    pub(crate) fn wipe(&mut self) {
        let Some(protection) = &mut self.0 else { return };
        protection.zeroize();
        // Dropped where they are, because moving them would leave a copy.
        self.0 = None;
        // What the cipher left there at work. Now, because overwriting ends with a `None` that is
        // made on the stack, and whose other bytes are whatever lay there.
        scrub_stack(K::STACK);
        self.overwrite();
    }

    /// Not inlined: its frame has to be one that [`scrub_stack`] reached.
    #[inline(never)]
    fn overwrite(&mut self) {
        self.0.zeroize();
    }
}

impl<K: KeySchedule> Drop for Keys<K> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// seq_num, type, version, length (RFC 5246 section 6.2.3.3).
#[inline]
fn tls12_additional_data(sequence: u64, header: [u8; HEADER_LEN], len: usize) -> [u8; 13] {
    let [a, b, c, d, e, f, g, h] = sequence.to_be_bytes();
    let [content_type, major, minor, ..] = header;
    let [high, low] = (len as u16).to_be_bytes();
    [a, b, c, d, e, f, g, h, content_type, major, minor, high, low]
}

#[inline]
fn split_tag(body: &mut [u8], tag_len: u8) -> Result<(&mut [u8], &mut [u8]), Fault> {
    let at = body.len().checked_sub(usize::from(tag_len)).ok_or(Fault::BadRecordMac)?;
    body.split_at_mut_checked(at).ok_or(Fault::BadRecordMac)
}

/// A record did not open: whatever the cipher left of it is nobody's to read.
#[cold]
fn forged(content: &mut [u8]) -> Fault {
    content.fill(0);
    Fault::BadRecordMac
}
