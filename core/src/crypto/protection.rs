//! The protection of one record: nonce, additional data, inner plaintext.
//!
//! RFC 9846 sections 5.2 to 5.4; RFC 5246 section 6.2.3.3, RFC 5288 section 3, RFC 7905 section 2.

#[cfg(feature = "long-records")]
pub(crate) mod parts;

use core::mem::MaybeUninit;

use zeroize::Zeroize;

use crate::crypto::aead::{Aead, AeadError, NONCE_LEN};
use crate::crypto::keys::{DirectionKeys, KeySchedule};
use crate::crypto::scrub::scrub_stack;
use crate::protocol::error::{Fault, KeyError, SealError};
use crate::protocol::record::{ContentType, HEADER_LEN, Header, VERSION_FIELD, Version};

/// Length of the explicit nonce that a TLS 1.2 record with GCM or CCM carries.
const EXPLICIT_NONCE_LEN: usize = 8;

/// The most bytes of a record in front of its ciphertext.
#[cfg(feature = "long-records")]
pub(crate) const MAX_HEADROOM: usize = HEADER_LEN + EXPLICIT_NONCE_LEN;

/// The longest tag: that of TLS_SHA384_SHA384 (RFC 9150). With it, every buffer of a
/// [`Connection`](crate::Connection) has room for a control record and a record with data.
const MAX_TAG_LEN: usize = 48;

/// Length of the additional data of TLS 1.2.
const TLS12_DATA_LEN: usize = 13;

/// Length of the content type in a TLS 1.3 inner plaintext.
const INNER_TYPE_LEN: usize = 1;

/// Records that a key reserves for control: a KeyUpdate or two, user_canceled and close_notify.
pub(crate) const CONTROL_RESERVE: u64 = 4;

/// Bytes of stack from a call that seals or opens a record down to the cipher.
const RECORD_FRAMES: usize = 48 * size_of::<usize>();

/// The keys of one direction: the current generation, the schedule that makes the next one, and the
/// sequence number of the next record.
pub(crate) struct Protection<K: KeySchedule> {
    schedule: K,
    aead: K::Aead,
    iv: [u8; NONCE_LEN],
    sequence: u64,
    pub(crate) version: Version,
    /// Bytes in front of the content: the header, and the explicit nonce where there is one.
    headroom: u8,
    /// Bytes around the content: the headroom, and behind it the inner content type and the tag.
    overhead: u16,
}

impl<K: KeySchedule> Protection<K> {
    pub(crate) fn new(schedule: K, sequence: u64) -> Result<Self, KeyError> {
        let version = schedule.version();
        let DirectionKeys { aead, iv } = schedule.keys()?;
        let tag_len = aead.tag_len();
        if !(1..=MAX_TAG_LEN).contains(&tag_len) {
            return Err(KeyError::Length);
        }
        let headroom = if version.is_tls12() && aead.has_explicit_nonce() {
            HEADER_LEN + EXPLICIT_NONCE_LEN
        } else {
            HEADER_LEN
        } as u8;
        let inner_type = u16::from(!version.is_tls12());
        // Does not wrap: three small numbers.
        let overhead = u16::from(headroom).wrapping_add(inner_type).wrapping_add(tag_len as u16);
        Ok(Self { schedule, aead, iv, sequence, version, headroom, overhead })
    }

    /// Replaces the keys by the next generation (RFC 9846 section 7.2), which starts at sequence
    /// number 0 (section 5.3). After an error the keys must not be used any more.
    pub(crate) fn update(&mut self) -> Result<(), KeyError> {
        let updated = self.replace_keys();
        scrub_stack(K::STACK);
        updated
    }

    /// Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    fn replace_keys(&mut self) -> Result<(), KeyError> {
        self.schedule.update()?;
        let DirectionKeys { aead, iv } = self.schedule.keys()?;
        self.aead.zeroize();
        self.aead = aead;
        self.iv = iv;
        self.sequence = 0;
        Ok(())
    }

    pub(crate) const fn schedule(&self) -> &K {
        &self.schedule
    }

    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn confidentiality_limit(&self) -> u64 {
        self.aead.confidentiality_limit()
    }

    /// Returns the number of bytes in front of the content.
    pub(crate) const fn headroom(&self) -> usize {
        self.headroom as usize
    }

    /// Returns the length of a record with `content` bytes of content, without padding.
    pub(crate) fn record_len(&self, content: usize) -> usize {
        content.saturating_add(self.overhead.into())
    }

    /// Returns the length of the plaintext of a record whose body has `length` bytes: in TLS 1.3, of the
    /// inner plaintext. `None` if the record is shorter than its overhead.
    pub(crate) fn plaintext_len(&self, length: u16) -> Option<usize> {
        let inner_type = if self.version.is_tls12() { 0 } else { INNER_TYPE_LEN };
        // Does not wrap: a number of 16 bits, and a small one.
        let len = usize::from(length).wrapping_add(inner_type);
        len.checked_sub(self.expansion().into())
    }

    /// Returns the length of a tag.
    pub(crate) fn tag_len(&self) -> usize {
        self.aead.tag_len()
    }

    /// Returns how many bytes protection adds to the body of a record: explicit nonce, inner
    /// content type, tag.
    pub(crate) fn expansion(&self) -> u16 {
        self.overhead.wrapping_sub(HEADER_LEN as u16)
    }

    /// Returns the nonce for a sequence number (RFC 9846 section 5.3).
    ///
    /// In TLS 1.2 the same XOR makes the nonce of RFC 7905, and that of RFC 5288 with an explicit
    /// part that never repeats.
    ///
    /// It is written in the pieces in which ciphers load it: a load that covers several stores has
    /// to wait for them.
    fn nonce(&self, number: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        let number = number.swap_bytes();
        if let Some((front, back)) = nonce.split_first_chunk_mut() {
            *front = (u64::from_le_bytes(*front) ^ number << 32).to_le_bytes();
            if let Some(back) = back.first_chunk_mut() {
                *back = (u32::from_le_bytes(*back) ^ (number >> 32) as u32).to_le_bytes();
            }
        }
        nonce
    }

    /// Returns the part of the iv that is combined with the sequence number.
    fn iv_counter(&self) -> u64 {
        self.iv.last_chunk().map_or(0, |back| u64::from_be_bytes(*back))
    }

    /// Seals a record at the front of `out`. Returns its length.
    ///
    /// `fill` gets the bytes behind the headroom and writes the `len` bytes of content.
    #[inline]
    pub(crate) fn seal_into(
        &mut self,
        content_type: ContentType,
        len: usize,
        out: &mut [u8],
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<usize, SealError> {
        let need = self.record_len(len);
        let record = out.get_mut(..need).ok_or(SealError::NoSpace { need })?;
        if let Some(place) = record.get_mut(self.headroom()..) {
            fill(place);
        }
        match self.seal(content_type, record, len, None) {
            Ok(()) => Ok(need),
            Err(AeadError) => Err(not_sealed(record)),
        }
    }

    /// Seals a record with `content` at the front of `out`. Returns its length.
    pub(crate) fn seal_from(
        &mut self,
        content_type: ContentType,
        content: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SealError> {
        let need = self.record_len(content.len());
        let record = out.get_mut(..need).ok_or(SealError::NoSpace { need })?;
        match self.seal(content_type, record, content.len(), Some(content)) {
            Ok(()) => Ok(need),
            Err(AeadError) => Err(not_sealed(record)),
        }
    }

    /// Seals `record`. Its content is the `len` bytes behind the [`Self::headroom`], or else those of
    /// `from`, with exactly enough room behind it for the inner content type and the tag.
    ///
    /// For a padded record, content type and padding are passed as content, except for the last
    /// zero. That is passed as `content_type`, which is written as the last byte of the inner
    /// plaintext.
    ///
    /// Inlined, so that each caller has it without the calls, and without the checks that it knows the
    /// answers to: a fifth of what the engine does for a record.
    #[inline(always)]
    pub(crate) fn seal(
        &mut self,
        content_type: ContentType,
        record: &mut [u8],
        len: usize,
        from: Option<&[u8]>,
    ) -> Result<(), AeadError> {
        if self.sequence == u64::MAX {
            return Err(AeadError);
        }
        let nonce = self.nonce(self.sequence);
        let (header, mut body) = record.split_first_chunk_mut().ok_or(AeadError)?;
        let length = body.len() as u16;
        let outer;
        let tls12_data;
        let inner_type = [content_type.0];
        let (inner_type, additional_data): (&[u8], &[u8]) = if self.version.is_tls12() {
            *header = Header { content_type, version: VERSION_FIELD, length }.encode();
            if self.headroom() != HEADER_LEN {
                let (explicit, rest) = body.split_first_chunk_mut().ok_or(AeadError)?;
                *explicit = (self.iv_counter() ^ self.sequence).to_be_bytes();
                body = rest;
            }
            tls12_data = tls12_additional_data(self.sequence, *header, len);
            (&[], &tls12_data)
        } else {
            outer = tls13_header(length);
            let outer = outer.first_chunk().ok_or(AeadError)?;
            *header = *outer;
            (&inner_type, outer)
        };
        if let Some(content) = from {
            self.aead.seal_from(&nonce, additional_data, content, inner_type, body)?;
        } else {
            let mut plaintext_len = len;
            if let [inner_type] = inner_type {
                *body.get_mut(len).ok_or(AeadError)? = *inner_type;
                // Does not wrap: `len` is the index of a byte in a slice.
                plaintext_len = len.wrapping_add(INNER_TYPE_LEN);
            }
            let (plaintext, tag) = body.split_at_mut_checked(plaintext_len).ok_or(AeadError)?;
            self.aead.seal(&nonce, additional_data, plaintext, tag)?;
        }
        self.sequence = self.sequence.wrapping_add(1); // `u64::MAX` is refused above
        Ok(())
    }

    /// Returns what the cipher needs to open a record whose body has `length` bytes. `body` is at least the
    /// front of it, up to the ciphertext. `tls12_data` is memory for the additional data of TLS 1.2.
    ///
    /// Inlined, so that each caller has it without the checks that it knows the answers to.
    #[inline(always)]
    fn inputs<'a, B: Body>(
        &self,
        header: &'a [u8; HEADER_LEN],
        mut body: B,
        length: usize,
        tls12_data: &'a mut MaybeUninit<[u8; TLS12_DATA_LEN]>,
    ) -> Result<Inputs<'a, B>, Fault> {
        if self.sequence == u64::MAX {
            return Err(Fault::SequenceExhausted);
        }
        let mut number = self.sequence;
        let mut start = 0;
        let mut len = length.wrapping_add(HEADER_LEN).wrapping_sub(self.overhead.into());
        let additional_data: &[u8] = if self.version.is_tls12() {
            if self.headroom() != HEADER_LEN {
                let explicit;
                (explicit, body) = body.split_explicit_nonce().ok_or(Fault::BadRecordMac)?;
                number = explicit ^ self.iv_counter();
                start = EXPLICIT_NONCE_LEN;
            }
            tls12_data.write(tls12_additional_data(self.sequence, *header, len))
        } else {
            len = len.wrapping_add(INNER_TYPE_LEN);
            header
        };
        Ok(Inputs { nonce: self.nonce(number), additional_data, start, body, len })
    }

    /// Opens the body of a record in place. Returns where the plaintext begins in the body, and the
    /// plaintext: in TLS 1.3, the inner plaintext.
    #[inline]
    pub(crate) fn open<'a>(
        &mut self,
        header: &[u8; HEADER_LEN],
        body: &'a mut [u8],
    ) -> Result<(usize, &'a [u8]), Fault> {
        let mut tls12_data = MaybeUninit::uninit();
        let length = body.len();
        let Inputs { nonce, additional_data, start, body, len } =
            self.inputs(header, body, length, &mut tls12_data)?;
        let (plaintext, tag) = body.split_at_mut_checked(len).ok_or(Fault::BadRecordMac)?;
        let opened = self.aead.open(&nonce, additional_data, plaintext, tag);
        if opened.is_err() {
            return Err(not_opened(plaintext));
        }
        self.sequence = self.sequence.wrapping_add(1); // `inputs` refuses `u64::MAX`
        Ok((start, plaintext))
    }

    /// Opens the body of a record to the front of `out`, where its [`Self::plaintext_len`] must fit. Returns
    /// what [`Self::open`] does.
    pub(crate) fn open_to<'a>(
        &mut self,
        header: &[u8; HEADER_LEN],
        body: &[u8],
        out: &'a mut [u8],
    ) -> Result<(usize, &'a [u8]), Fault> {
        let mut tls12_data = MaybeUninit::uninit();
        let Inputs { nonce, additional_data, start, body, len } =
            self.inputs(header, body, body.len(), &mut tls12_data)?;
        let (ciphertext, tag) = body.split_at_checked(len).ok_or(Fault::BadRecordMac)?;
        let plaintext = out.get_mut(..len).ok_or(Fault::BadRecordMac)?;
        let opened = self.aead.open_from(&nonce, additional_data, ciphertext, tag, plaintext);
        if opened.is_err() {
            return Err(not_opened(plaintext));
        }
        self.sequence = self.sequence.wrapping_add(1); // `inputs` refuses `u64::MAX`
        Ok((start, plaintext))
    }
}

/// Overwrites what the cipher left of a record that it did not open: plaintext that is not authenticated.
#[cold]
#[inline(never)]
fn not_opened(plaintext: &mut [u8]) -> Fault {
    plaintext.fill(0);
    Fault::BadRecordMac
}

/// Overwrites a record that the cipher did not seal, so that its content is not taken for a record.
#[cold]
#[inline(never)]
pub(crate) fn not_sealed(record: &mut [u8]) -> SealError {
    record.fill(0);
    SealError::Crypto
}

/// Content to seal, or a record to open, of at most this many bytes is copied, whatever the cipher can do. A
/// call that reads from another place takes longer than the copy: with AWS-LC sealing 7 ns longer for 64
/// bytes, and 4 ns shorter for 1 KiB. Opening is slower for 256 bytes and faster for 512, by 2 %.
const SHORT: usize = 512;

/// Returns whether the cipher reads `len` bytes where they are, so that nothing copies them.
pub(crate) const fn is_out_of_place<K: KeySchedule>(len: usize) -> bool {
    K::Aead::IS_OUT_OF_PLACE && len > SHORT
}

/// The body of a record, to be opened in place or out of place.
trait Body: Sized {
    /// Splits off the explicit nonce of TLS 1.2.
    fn split_explicit_nonce(self) -> Option<(u64, Self)>;
}

impl Body for &mut [u8] {
    #[inline(always)]
    fn split_explicit_nonce(self) -> Option<(u64, Self)> {
        let (nonce, rest) = self.split_first_chunk_mut()?;
        Some((u64::from_be_bytes(*nonce), rest))
    }
}

impl Body for &[u8] {
    #[inline(always)]
    fn split_explicit_nonce(self) -> Option<(u64, Self)> {
        let (nonce, rest) = self.split_first_chunk()?;
        Some((u64::from_be_bytes(*nonce), rest))
    }
}

/// What a cipher needs to open a record, beside its ciphertext and its tag.
struct Inputs<'a, B> {
    nonce: [u8; NONCE_LEN],
    additional_data: &'a [u8],
    /// Where the ciphertext begins in the body, and the body from there on.
    start: usize,
    body: B,
    /// Length of the ciphertext. If the record is shorter than its overhead, it has wrapped, and is longer
    /// than the body.
    len: usize,
}

impl<K: KeySchedule> Zeroize for Protection<K> {
    fn zeroize(&mut self) {
        self.schedule.zeroize();
        self.aead.zeroize();
        self.iv.zeroize();
    }
}

/// The keys of one direction, if there are any. They are overwritten when they are removed.
pub(crate) struct Keys<K: KeySchedule>(Option<Protection<K>>);

impl<K: KeySchedule> Keys<K> {
    /// How many bytes of the stack are overwritten when keys are wiped: what sealing and opening a
    /// record use. Not [`KeySchedule::STACK`], because what making keys leaves is overwritten at once,
    /// and a forged record, which wipes keys, must not cost that much stack. A caller that drops a
    /// connection is assumed to be as deep in the stack as when it sealed or opened a record.
    const STACK: usize = if K::STACK == 0 && K::Aead::STACK == 0 {
        0
    } else if K::Aead::STACK < size_of::<Self>() {
        size_of::<Self>().saturating_add(RECORD_FRAMES)
    } else {
        K::Aead::STACK.saturating_add(RECORD_FRAMES)
    };

    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) const fn get(&self) -> Option<&Protection<K>> {
        self.0.as_ref()
    }

    pub(crate) const fn get_mut(&mut self) -> Option<&mut Protection<K>> {
        self.0.as_mut()
    }

    /// Makes keys, and replaces the current ones by them.
    ///
    /// Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    pub(crate) fn make(&mut self, schedule: K, sequence: u64) -> Result<(), KeyError> {
        let protection = Protection::new(schedule, sequence)?;
        self.wipe();
        self.0 = Some(protection);
        Ok(())
    }

    #[cfg_attr(target_pointer_width = "64", cold)]
    pub(crate) fn wipe(&mut self) {
        let Some(protection) = &mut self.0 else { return };
        protection.zeroize();
        // Dropped in place, because moving them would leave a copy.
        self.0 = None;
        // Overwrites what the cipher left on the stack. This comes before `overwrite`, which ends
        // by writing a `None` that is made on the stack: its unused bytes are what was there
        // before.
        scrub_stack(Self::STACK);
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

/// Returns the header of a protected TLS 1.3 record (RFC 9846 section 5.2), in the first bytes of
/// one word, so that a cipher can load it as one: see [`Protection::nonce`].
const fn tls13_header(length: u16) -> [u8; 8] {
    let [major, minor] = VERSION_FIELD.to_be_bytes();
    let front = u64::from_le_bytes([ContentType::APPLICATION_DATA.0, major, minor, 0, 0, 0, 0, 0]);
    (front | (length.swap_bytes() as u64) << 24).to_le_bytes()
}

/// Returns the additional data of TLS 1.2: seq_num, type, version, length (RFC 5246
/// section 6.2.3.3).
#[inline]
fn tls12_additional_data(
    sequence: u64,
    header: [u8; HEADER_LEN],
    len: usize,
) -> [u8; TLS12_DATA_LEN] {
    let mut data = [0; TLS12_DATA_LEN];
    if let Some(front) = data.first_chunk_mut() {
        *front = sequence.to_be_bytes();
    }
    if let Some(back) = data.last_chunk_mut() {
        *back = header;
    }
    // The length of the plaintext replaces the length on the wire.
    if let Some(back) = data.last_chunk_mut() {
        *back = (len as u16).to_be_bytes();
    }
    data
}
