//! Opening records that are not contiguous in memory.

use core::ops::Range;

use super::{Event, Opened, Opener, RestIn};
use crate::buffer::bytes::{Source, length};
use crate::crypto::keys::KeySchedule;
use crate::crypto::protection::Protection;
use crate::protocol::close::ReadState;
use crate::protocol::error::OpenError;
use crate::protocol::handshake::HandshakePiece;
use crate::protocol::record::{HEADER_LEN, Header};

impl<K: KeySchedule> Opener<K> {
    /// Opens the record at the front of `pieces`, which are consecutive bytes, in `out`.
    ///
    /// This is [`open`](Self::open) for a record that wraps around the end of a DMA ring, is spread over
    /// several completion buffers, or must not be changed where it is. It is copied to the front of `out`
    /// and opened there. A record of more than 512 bytes that lies in one piece is opened without a copy, if
    /// the cipher [is out of place](crate::aead::Aead::IS_OUT_OF_PLACE). `consumed` counts bytes of
    /// `pieces`, which are not changed; ranges are relative to `out`.
    ///
    /// While a part of the record is not consumed (each call returns one handshake message), do not
    /// change `out`, and call this function again with it.
    ///
    /// [`Event::NeedMore`] is returned if the record is longer than `pieces`, or than `out`.
    /// Compare its `total` with the length of `out`: nothing else shows that `out` can never hold
    /// the record.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open), with [`OpenError::OtherBuffer`] if another function
    /// opened the last record in part.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Event, Opener, Role, Sealer, TrafficSecret};
    /// # let secret = || TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let mut opener = Opener::new(Config::new(Role::Server));
    /// # sealer.install(Epoch::Application, secret())?;
    /// # opener.install(Epoch::Application, secret())?;
    /// # let mut wire = [0; 27];
    /// # sealer.seal(&[b"hello"], &mut wire).unwrap();
    /// let (at_the_end_of_the_ring, at_its_start) = wire.split_at(3);
    /// let mut out = [0; 512];
    /// let opened = opener.open_into(&[at_the_end_of_the_ring, at_its_start], &mut out).unwrap();
    /// assert_eq!(opened.consumed, 27);
    /// let Event::ApplicationData(range) = opened.event else { panic!() };
    /// assert_eq!(&out[range], b"hello");
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn open_into(&mut self, pieces: &[&[u8]], out: &mut [u8]) -> Result<Opened, OpenError> {
        let available = length(pieces);
        if self.state != ReadState::Open {
            return self.open_after_end(available);
        }
        let mut at = 0;
        let mut opened = if self.rest != 0 {
            if self.rest_in != RestIn::Output {
                return Err(OpenError::OtherBuffer);
            }
            at = usize::from(self.rest_at);
            let total = usize::from(self.rest).wrapping_add(self.trailer.into());
            if available < total {
                return Ok(self.need_more(available, total));
            }
            if out.len() < at.wrapping_add(total) {
                return Ok(self.need_more(available, at.wrapping_add(total)));
            }
            // `open` finds the rest at the front of its input now, and must not refuse it.
            self.rest_in = RestIn::Input;
            self.open(out.get_mut(at..).unwrap_or_default())
        } else {
            // Pass the header alone: `open` checks it before it asks for the body.
            let mut header = [0; HEADER_LEN];
            let shown = header.get_mut(..available.min(HEADER_LEN)).unwrap_or_default();
            Source::new(pieces).copy_to(shown);
            let opened = self.open(shown);
            let Ok(Opened { event: Event::NeedMore { total }, .. }) = opened else {
                return opened;
            };
            let Some(out) = out.get_mut(..total).filter(|_| total <= available) else {
                return opened;
            };
            let keys = self.keys_out_of_place(Header::decode(header));
            match keys.map(Protection::headroom).zip(Source::new(pieces).whole(total)) {
                Some((headroom, record)) => {
                    let out = out.get_mut(headroom..).unwrap_or_default();
                    let opened = self.open_to(record, out, available);
                    opened.inspect_err(|error| self.stop(*error)).map(|(opened, _)| opened)
                }
                None => {
                    Source::new(pieces).copy_to(out);
                    self.open(out)
                }
            }
        };
        if self.rest != 0 {
            self.rest_in = RestIn::Output;
        }
        if let Ok(Opened { consumed, event }) = &mut opened {
            self.has_more_input = *consumed != 0 && *consumed != available;
            // The sums do not wrap: they are positions within a record.
            self.rest_at = at.wrapping_add(*consumed) as u16;
            if let Event::Handshake(HandshakePiece { body: Range { start, end }, .. }) = event {
                (*start, *end) = (start.wrapping_add(at), end.wrapping_add(at));
            }
        }
        opened
    }
}
