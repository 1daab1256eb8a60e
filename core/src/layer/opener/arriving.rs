//! Opening records that are longer than the buffer of the caller, while they arrive.
//!
//! Nothing here reads the plaintext before the tag is checked, but for the zeros at its end. What the
//! caller may do with it is written at [`Provisional`].

use super::{Event, Opened, Opener, Plaintext, RestIn};
use crate::buffer::front::Front;
use crate::crypto::aead::multi_part::MultiPart;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Tail;
use crate::crypto::protection::Protection;
use crate::protocol::close::ReadState;
use crate::protocol::error::{Fault, OpenError};
use crate::protocol::record::{ContentType, Epoch, Header};
use crate::small::SMALL;

/// The shortest buffer in which longer records are opened as they arrive, in bytes.
const MIN_BUFFER: usize = 256;

/// Parts other than the last are multiples of `STEP` bytes, so that ciphers get whole blocks, and of
/// `LONG_STEP` if that much is there, because fast ciphers process several blocks at once.
const STEP: usize = 64;
const LONG_STEP: usize = if SMALL { STEP } else { 256 };

/// The result of one call of [`Opener::open_arriving`].
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arrived<'a> {
    /// Number of bytes at the front of the input that were consumed. Pass the rest again, unchanged.
    pub consumed: usize,
    /// The meaning of these bytes.
    pub event: Arrival<'a>,
}

/// The meaning of bytes that [`Opener::open_arriving`] consumed.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Arrival<'a> {
    /// What [`Opener::open`] returns: for a record that fits the buffer, or because more input is needed.
    Record(Event),
    /// The next bytes of plaintext of a longer record, not authenticated.
    Provisional(Provisional<'a>),
    /// The longer record is authentic, and is application data. The first `content` bytes of its
    /// plaintext are the content. Cut off the others, which are the content type and the padding of
    /// TLS 1.3: at least one byte there, and none in TLS 1.2.
    Committed {
        /// Length of the content, in bytes. 0 if the record has nothing but padding.
        content: usize,
    },
}

/// Plaintext of a record that is not authenticated yet. It may be forged.
///
/// It becomes content when [`Arrival::Committed`] follows. After an error, or the end of the transport,
/// all of the record's plaintext must be thrown away.
///
/// RFC 5116 section 2.2 forbids an AEAD to release such plaintext, with good reason. Mail programs showed
/// what they had decrypted of an OpenPGP message before its integrity was checked, and so sent it to the
/// attacker who had changed the message. SSH implementations acted on a packet length that was not
/// authenticated yet, and gave plaintext away by when they closed the connection. A program that receives
/// long records in a short buffer takes over the duty that RFC 5116 gives to the cipher:
///
/// - It may write the plaintext where it can be taken back, and where nothing reads it before it is
///   committed: to a firmware slot that does not boot yet, to a file without its final name. A hash
///   cannot take back the bytes that are cut off at the end: read what it gets from the slot, after the
///   record is committed.
/// - It must not parse it, show it, act on it, or answer to it. Nothing that the peer can observe may
///   depend on it, the time that is taken included: compressed data, for instance, must not be unpacked
///   yet.
///
/// The bytes lie in the buffer that was given to [`Opener::open_arriving`], among those that it consumed:
/// do not read them there.
pub struct Provisional<'a> {
    plaintext: &'a [u8],
    offset: usize,
}

impl Provisional<'_> {
    /// Returns where in the plaintext of its record this part begins, in bytes: 0 in the first part.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the plaintext, which is not authenticated, and which an attacker may have chosen.
    ///
    /// Write it where it can be taken back, and do nothing else with it before
    /// [`Arrival::Committed`]. Its end may be the content type and the padding of the record.
    pub const fn expose_unauthenticated(&self) -> &[u8] {
        self.plaintext
    }
}

impl core::fmt::Debug for Provisional<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Provisional({} bytes at {})", self.plaintext.len(), self.offset)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Provisional<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Provisional({} bytes at {})", self.plaintext.len(), self.offset);
    }
}

impl<K: KeySchedule<Aead: MultiPart>> Opener<K> {
    /// Opens the record at the front of `input`, or the next part of it, if it is longer than the buffer
    /// in which it arrives.
    ///
    /// `capacity` is the length of that buffer: how long `input` can become. A record that fits is opened
    /// as by [`open`](Self::open), and returned as [`Arrival::Record`]. A longer one with application
    /// data is decrypted part by part as it arrives: [`Arrival::Provisional`] for each part, and
    /// [`Arrival::Committed`] after its tag. So a buffer of 256 bytes or more receives records of any
    /// length.
    ///
    /// Plaintext that is not authenticated may be forged. Write it where it can be taken back, do nothing
    /// else with it, and throw it away unless it is committed. If the connection ends with an error or at
    /// [`eof`](Self::eof), none of it is.
    ///
    /// Only application keys open records in parts. In a shorter buffer, and before the handshake is
    /// complete, [`Event::NeedMore`] asks for the whole record, even if it does not fit: compare its
    /// `total` with `capacity`.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open), and for a record that is longer than the buffer:
    ///
    /// - [`Fault::BadRecordMac`] if the tag is wrong: everything that was provisional is forged.
    /// - [`Fault::UnexpectedContentType`] if it is a handshake message or an alert: legal, but too long
    ///   for this buffer. In TLS 1.3 the content type is known only after the tag.
    /// - [`Fault::RecordOverflow`] if its plaintext is too long. This is known from the header, and
    ///   nothing is decrypted.
    /// - [`OpenError::OtherBuffer`] if [`open_into`](Self::open_into) or
    ///   [`open_pieces`](Self::open_pieces) opened the last record in part. These two and `open` return
    ///   it while a record is opened by this function in part.
    ///
    /// A firmware update is written to a slot while it arrives. The slot is valid up to `valid`:
    ///
    /// ```
    /// use tls_record::aead::{Algorithm, rustcrypto::RustCryptoParts};
    /// use tls_record::{Arrival, Arrived, Config, Epoch, Event, OpenError, Opener, Role, TrafficSecret};
    /// # use tls_record::Sealer;
    ///
    /// type Half = Opener<TrafficSecret<RustCryptoParts>>;
    ///
    /// /// A slot in flash. What lies behind `valid` is overwritten by the next record, and the firmware
    /// /// boots only when all of it is valid and its signature is checked.
    /// struct Slot {
    ///     flash: Vec<u8>,
    ///     valid: usize,
    /// }
    ///
    /// impl Slot {
    ///     fn write(&mut self, at: usize, bytes: &[u8]) {
    ///         self.flash[at..][..bytes.len()].copy_from_slice(bytes);
    ///     }
    /// }
    ///
    /// /// Opens what is in the buffer, of which the first `filled` bytes have arrived. Returns how many
    /// /// bytes are left at its front.
    /// fn received(
    ///     opener: &mut Half,
    ///     buffer: &mut [u8],
    ///     mut filled: usize,
    ///     slot: &mut Slot,
    /// ) -> Result<usize, OpenError> {
    ///     let capacity = buffer.len();
    ///     loop {
    ///         let Arrived { consumed, event } =
    ///             opener.open_arriving(&mut buffer[..filled], capacity)?;
    ///         match event {
    ///             Arrival::Provisional(part) => {
    ///                 slot.write(slot.valid + part.offset(), part.expose_unauthenticated());
    ///             }
    ///             Arrival::Committed { content } => slot.valid += content,
    ///             Arrival::Record(Event::ApplicationData(range)) => {
    ///                 slot.write(slot.valid, &buffer[range.clone()]);
    ///                 slot.valid += range.len();
    ///             }
    ///             Arrival::Record(Event::NeedMore { .. }) => return Ok(filled),
    ///             _ => {}
    ///         }
    ///         buffer.copy_within(consumed..filled, 0);
    ///         filled -= consumed;
    ///     }
    /// }
    /// #
    /// # let secret = || TrafficSecret::<RustCryptoParts>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let mut opener = Opener::new(Config::new(Role::Server));
    /// # sealer.install(Epoch::Application, secret())?;
    /// # opener.install(Epoch::Application, secret())?;
    /// # let image = vec![0x5a; 40_000];
    /// # let mut wire = vec![0; 41_000];
    /// # let mut sealed = sealer.seal(&[&image], &mut wire).unwrap().written;
    /// # let mut slot = Slot { flash: vec![0xff; 50_000], valid: 0 };
    /// # let (mut buffer, mut filled, mut at) = ([0; 512], 0, 0);
    /// # while at < sealed {
    /// #     let taken = (buffer.len() - filled).min(sealed - at);
    /// #     buffer[filled..][..taken].copy_from_slice(&wire[at..][..taken]);
    /// #     at += taken;
    /// #     filled = received(&mut opener, &mut buffer, filled + taken, &mut slot).unwrap();
    /// # }
    /// # assert_eq!(slot.flash[..slot.valid], image);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn open_arriving<'a>(
        &mut self,
        input: &'a mut [u8],
        capacity: usize,
    ) -> Result<Arrived<'a>, OpenError> {
        if self.state != ReadState::Open || !self.is_arriving() {
            let opened = self.open(input)?;
            let is_longer = matches!(opened.event, Event::NeedMore { total } if total > capacity)
                && self.rest == 0
                && self.epoch == Epoch::Application
                && capacity >= MIN_BUFFER;
            if !is_longer {
                let event = Arrival::Record(opened.event);
                return Ok(Arrived { consumed: opened.consumed, event });
            }
        }
        let arrived = self.open_part(input);
        if let Err(error) = &arrived {
            self.stop(*error);
        }
        arrived
    }

    /// Opens the next part of a record that is longer than the buffer, or its tag. Its header was checked.
    fn open_part<'a>(&mut self, input: &'a mut [u8]) -> Result<Arrived<'a>, OpenError> {
        let (available, is_new) = (input.len(), !self.is_arriving());
        // Where the ciphertext begins in the input, and how much of it was not consumed yet.
        let (start, left) =
            if is_new { self.check_longer(input)? } else { (0, self.ciphertext_left()) };
        let Some(keys) = self.keys.get_mut() else { return Err(Fault::Crypto.into()) };
        let tag_len = keys.tag_len();
        if left == 0 {
            let Some(tag) = input.get(..tag_len) else {
                return Ok(self.need_part(available, tag_len));
            };
            keys.verify(tag)?;
            self.has_more_input = tag_len != available;
            let content = self.commit()?;
            return Ok(Arrived { consumed: tag_len, event: Arrival::Committed { content } });
        }
        let here = available.saturating_sub(start);
        let in_steps = if here < LONG_STEP { here & !(STEP - 1) } else { here & !(LONG_STEP - 1) };
        let len = if here < left { in_steps } else { left };
        let end = start.saturating_add(len);
        let Some((front, plaintext)) = input
            .get_mut(..end)
            .filter(|_| len != 0)
            .and_then(|part| part.split_at_mut_checked(start))
        else {
            return Ok(self.need_part(available, start.saturating_add(left.min(STEP))));
        };
        if is_new {
            keys.begin(front)?;
            // Both are lengths within a record.
            self.rest = left.saturating_add(tag_len) as u16;
            self.trailer = 0;
            self.rest_at = 0;
            self.tail = Tail::new(self.constant_time_padding);
            self.rest_in = RestIn::Arriving;
            self.is_first = false;
            self.inside_record = false;
        }
        keys.open_part(plaintext)?;
        if !keys.version.is_tls12() {
            self.tail.read(plaintext);
        }
        let offset = usize::from(self.rest_at);
        self.rest = self.rest.wrapping_sub(len as u16);
        self.rest_at = self.rest_at.wrapping_add(len as u16);
        self.has_more_input = end != available;
        let event = Arrival::Provisional(Provisional { plaintext, offset });
        Ok(Arrived { consumed: end, event })
    }

    /// Checks the header of a record that is longer than the buffer, as far as [`Self::open`] does not.
    /// Returns where its ciphertext begins, and how long it is.
    fn check_longer(&self, input: &[u8]) -> Result<(usize, usize), Fault> {
        let (Some(keys), Some(header)) = (self.keys.get(), input.first_chunk()) else {
            return Err(Fault::Crypto);
        };
        let Header { content_type, length, .. } = Header::decode(*header);
        let len = keys.plaintext_len(length).ok_or(Fault::BadRecordMac)?;
        if len > usize::from(self.max_plaintext) {
            return Err(Fault::RecordOverflow);
        }
        if keys.version.is_tls12() && content_type != ContentType::APPLICATION_DATA {
            return Err(Fault::UnexpectedContentType);
        }
        Ok((keys.headroom(), len))
    }

    /// Returns how much of the ciphertext of a record that is being opened was not consumed yet.
    fn ciphertext_left(&self) -> usize {
        let tag_len = self.keys.get().map_or(0, Protection::tag_len);
        usize::from(self.rest).saturating_sub(tag_len)
    }

    fn need_part<'a>(&mut self, available: usize, total: usize) -> Arrived<'a> {
        let Opened { consumed, event } = self.need_more(available, total);
        Arrived { consumed, event: Arrival::Record(event) }
    }

    /// Handles a record that has arrived, and is authentic. Returns the length of its content.
    fn commit(&mut self) -> Result<usize, OpenError> {
        let Some(keys) = self.keys.get() else { return Err(Fault::Crypto.into()) };
        let plaintext = usize::from(self.rest_at);
        let total = keys.headroom().saturating_add(plaintext).saturating_add(keys.tag_len());
        let is_tls12 = keys.version.is_tls12();
        self.rest = 0;
        self.rest_in = RestIn::Input;
        self.inside_record = false;
        let (content_type, content) = if is_tls12 {
            (ContentType::APPLICATION_DATA, plaintext)
        } else {
            self.tail.strip(plaintext)?
        };
        if content_type != ContentType::APPLICATION_DATA {
            return Err(Fault::UnexpectedContentType.into());
        }
        let (front, start, len) = (Front::of(&[], content), 0, plaintext);
        let record = Plaintext { content_type, content: front, start, len, was_protected: true };
        self.deliver(record, total)?;
        Ok(content)
    }
}
