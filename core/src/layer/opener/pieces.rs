//! Opening records where they lie, in several pieces.

use core::ops::Range;

use super::{Event, Opened, Opener, Plaintext, RestIn, protecting};
use crate::buffer::front::Front;
use crate::buffer::pieces::{gather, total};
use crate::crypto::aead::multi_part::MultiPart;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Tail;
use crate::crypto::protection::MAX_HEADROOM;
use crate::protocol::close::ReadState;
use crate::protocol::error::{Fault, OpenError};
use crate::protocol::handshake::HandshakeHeader;
use crate::protocol::record::{HEADER_LEN, Header};

/// The most bytes of a content that are read: the header of a handshake message, and a KeyUpdate's body.
const LOOK: usize = HandshakeHeader::LEN + 1;

impl<K: KeySchedule<Aead: MultiPart>> Opener<K> {
    /// Opens the record at the front of `pieces`, which are consecutive bytes, where it lies.
    ///
    /// This is [`open`](Self::open) for a record that a network stack holds in several buffers: a chain
    /// of packet buffers, the two parts of a ring, pages of external memory. Nothing is copied. The
    /// record is authenticated first, and then decrypted in place, piece by piece. If its tag is wrong,
    /// not a byte has changed.
    ///
    /// `consumed` and all ranges count the bytes of `pieces` from the first one on;
    /// [`slices_of`](crate::slices_of) returns the slices of a range. Pass the pieces without the
    /// consumed bytes to the next call: they may be cut anew.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open), with [`OpenError::OtherBuffer`] if another function opened
    /// the last record in part.
    ///
    /// ```
    /// use tls_record::aead::{Algorithm, rustcrypto::RustCryptoParts};
    /// # use tls_record::{Config, Epoch, Event, Opener, Role, Sealer, TrafficSecret, slices_of};
    /// # let secret = || TrafficSecret::<RustCryptoParts>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let mut opener = Opener::new(Config::new(Role::Server));
    /// # sealer.install(Epoch::Application, secret())?;
    /// # opener.install(Epoch::Application, secret())?;
    /// # let mut wire = [0; 35];
    /// # sealer.seal(&[b"over the wire"], &mut wire).unwrap();
    /// let (first, rest) = wire.split_at_mut(7);
    /// let (second, third) = rest.split_at_mut(5);
    /// let mut pieces = [first, second, third];
    /// let opened = opener.open_pieces(&mut pieces).unwrap();
    /// let Event::ApplicationData(range) = opened.event else { panic!() };
    /// assert!(slices_of(&pieces, range).eq([&b"ov"[..], b"er th", b"e wire"]));
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn open_pieces(&mut self, pieces: &mut [&mut [u8]]) -> Result<Opened, OpenError> {
        let available = total(pieces);
        if self.state != ReadState::Open {
            return self.open_after_end(available);
        }
        let opened = if self.rest != 0 {
            if self.rest_in != RestIn::Pieces {
                return Err(OpenError::OtherBuffer);
            }
            self.open_rest_of_pieces(pieces, available)
        } else {
            let mut front = [0; MAX_HEADROOM];
            let front = gather(pieces, 0, &mut front);
            // Pass the header alone: `open` checks it before it asks for the body.
            let shown = front.len().min(HEADER_LEN);
            let opened = self.open(front.get_mut(..shown).unwrap_or_default());
            match opened {
                Ok(Opened { event: Event::NeedMore { total }, .. }) if total <= available => {
                    self.open_record(front, pieces, total)
                }
                // Also an empty record. It never leaves a notice that waits for the end of the input.
                _ => return opened,
            }
        };
        self.rest_in = if self.rest == 0 { RestIn::Input } else { RestIn::Pieces };
        match &opened {
            Ok(Opened { consumed, .. }) => {
                self.has_more_input = *consumed != 0 && *consumed != available;
            }
            Err(error) => self.stop(*error),
        }
        opened
    }

    /// Opens a record that is there, and whose header, at the front of `front`, is acceptable.
    fn open_record(
        &mut self,
        front: &mut [u8],
        pieces: &mut [&mut [u8]],
        total: usize,
    ) -> Result<Opened, OpenError> {
        self.inside_record = false;
        self.is_first = false;
        let header = *front.first_chunk().ok_or(Fault::BadRecordMac)?;
        let Header { mut content_type, version, .. } = Header::decode(header);
        let mut content = HEADER_LEN..total;
        let mut len = content.len();
        let mut was_protected = false;
        if let Some(keys) = protecting(self.keys.get_mut(), content_type, version)? {
            was_protected = true;
            let is_tls12 = keys.version.is_tls12();
            let mut tail = Tail::new(self.constant_time_padding);
            content = match keys.open_pieces(front, pieces, &mut tail) {
                Ok(plaintext) => plaintext,
                Err(fault) => return self.not_opened(fault, total),
            };
            len = content.len();
            if len > usize::from(self.max_plaintext) {
                return Err(Fault::RecordOverflow.into());
            }
            if !is_tls12 {
                let stripped;
                (content_type, stripped) = tail.strip(len)?;
                content.end = content.start.wrapping_add(stripped);
            }
            self.early_data_opened();
        }
        let mut front = [0; LOOK];
        let start = content.start;
        let content = front_of(pieces, content, &mut front);
        let record = Plaintext { content_type, content, start, len, was_protected };
        self.deliver(record, total)
    }

    /// Delivers the next message of a record that was opened in part.
    fn open_rest_of_pieces(
        &mut self,
        pieces: &mut [&mut [u8]],
        available: usize,
    ) -> Result<Opened, OpenError> {
        let (rest, trailer) = (usize::from(self.rest), usize::from(self.trailer));
        let total = rest.wrapping_add(trailer);
        if available < total {
            return Ok(self.need_more(available, total));
        }
        self.inside_record = false;
        let mut front = [0; LOOK];
        self.handshake(front_of(pieces, 0..rest, &mut front), 0, trailer)
    }
}

fn front_of<'a>(
    pieces: &mut [&mut [u8]],
    content: Range<usize>,
    front: &'a mut [u8; LOOK],
) -> Front<'a> {
    let shown = content.len().min(LOOK);
    let bytes = gather(pieces, content.start, front.get_mut(..shown).unwrap_or_default());
    Front::of(bytes, content.len())
}
