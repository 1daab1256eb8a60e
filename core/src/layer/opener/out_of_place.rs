//! Opening records whose application data goes to another buffer.

use super::{Event, Opened, Opener, protecting};
use crate::buffer::bytes::copy_content;
use crate::crypto::keys::KeySchedule;
use crate::crypto::protection::{Protection, is_out_of_place};
use crate::protocol::close::ReadState;
use crate::protocol::error::{Fault, OpenError};
use crate::protocol::record::{ContentType, HEADER_LEN, Header};

/// The result of one call of [`Opener::open_out_of_place`], by the buffer that its ranges are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OpenedIn {
    /// The output. The event is [`Event::ApplicationData`], at the front of it. `consumed` counts bytes of the
    /// input.
    Output(Opened),
    /// The input, as by [`Opener::open`]: any event, application data as well.
    Input(Opened),
}

impl<K: KeySchedule> Opener<K> {
    /// Opens the record at the front of `input`, its application data to `out` if that is possible.
    ///
    /// This is for streams, whose caller passes a slice to read into: data reaches `out` without a copy. That
    /// needs a cipher that [is out of place](crate::aead::Aead::IS_OUT_OF_PLACE), a record of more than 512
    /// bytes, and an `out` that holds all of its plaintext: in TLS 1.3 with content type and padding, so 16,385
    /// bytes for the longest record. Otherwise the record is opened in `input`, as by
    /// [`open`](Self::open), and so is one that holds no application data. The two functions may be
    /// called by turns, also for the messages of one record.
    ///
    /// The bytes of `out` behind the data, or all of them if there is none, may have changed: they may hold
    /// the plaintext of a record without data, such as a session ticket.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Event, OpenedIn, Opener, Role, Sealer, TrafficSecret};
    /// # let secret = || TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    /// # let mut sealer = Sealer::new(Config::new(Role::Client));
    /// # let mut opener = Opener::new(Config::new(Role::Server));
    /// # sealer.install(Epoch::Application, secret())?;
    /// # opener.install(Epoch::Application, secret())?;
    /// # let mut wire = [0; 1100];
    /// # let len = sealer.seal(&[&[5; 1000]], &mut wire).unwrap().written;
    /// # let received = &mut wire[..len];
    /// let mut out = [0; 16_385];
    /// let (opened, buffer) = match opener.open_out_of_place(received, &mut out).unwrap() {
    ///     OpenedIn::Output(opened) => (opened, &out[..]),
    ///     OpenedIn::Input(opened) => (opened, &received[..]),
    /// };
    /// assert_eq!(opened.consumed, received.len());
    /// let Event::ApplicationData(range) = opened.event else { panic!() };
    /// assert_eq!(buffer[range], [5; 1000]);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    #[inline]
    pub fn open_out_of_place(
        &mut self,
        input: &mut [u8],
        out: &mut [u8],
    ) -> Result<OpenedIn, OpenError> {
        let available = input.len();
        let Some((record, headroom)) = self.split_fitting(input, out.len()) else {
            return self.open(input).map(OpenedIn::Input);
        };
        let opened = self.open_to(record, out, available);
        let (mut opened, plaintext) = opened.inspect_err(|error| self.stop(*error))?;
        if let Event::ApplicationData(range) = &mut opened.event {
            *range = 0..range.len();
            return Ok(OpenedIn::Output(opened));
        }
        // A message, and the rest of a record that holds several, are read where `open` leaves them.
        copy_content(plaintext, record.get_mut(headroom..).unwrap_or_default());
        Ok(OpenedIn::Input(opened))
    }

    /// Returns the record at the front of `input`, and its headroom, if it can be opened out of place and its
    /// plaintext fits into `room` bytes.
    fn split_fitting<'a>(&self, input: &'a mut [u8], room: usize) -> Option<(&'a mut [u8], usize)> {
        let header = Header::decode(*input.first_chunk()?);
        let keys = self.keys_out_of_place(header)?;
        let is_fitting = self.state == ReadState::Open
            && self.rest == 0
            && header.content_type == ContentType::APPLICATION_DATA
            && header.length <= self.max_body
            && keys.plaintext_len(header.length)? <= room;
        // Does not wrap: 5 bytes and a 16-bit length.
        let record = input.get_mut(..HEADER_LEN.wrapping_add(header.length.into()))?;
        is_fitting.then_some((record, keys.headroom()))
    }

    /// Returns the keys of a record if it is protected, and the cipher reads records of its length where they
    /// are.
    pub(super) fn keys_out_of_place(&self, header: Header) -> Option<&Protection<K>> {
        let Header { content_type, version, length } = header;
        if !is_out_of_place::<K>(HEADER_LEN.wrapping_add(length.into())) {
            return None;
        }
        protecting(self.keys.get(), content_type, version).ok()?
    }

    /// Opens a protected record to the front of `out`, where its plaintext must fit. Positions in the
    /// returned event are those of `record`. `available` is the length of the input, which the record begins.
    pub(super) fn open_to<'a>(
        &mut self,
        record: &[u8],
        out: &'a mut [u8],
        available: usize,
    ) -> Result<(Opened, &'a [u8]), OpenError> {
        let (header, body) = record.split_first_chunk().ok_or(Fault::BadRecordMac)?;
        let keys = self.keys.get_mut().ok_or(Fault::BadRecordMac)?;
        self.inside_record = false;
        self.is_first = false;
        let is_tls12 = keys.version.is_tls12();
        let total = record.len();
        let (start, plaintext) = match keys.open_to(header, body, out) {
            Ok(opened) => opened,
            Err(fault) => return Ok((self.not_opened(fault, total)?, &[])),
        };
        let content_type = Header::decode(*header).content_type;
        let stripped = self.strip(content_type, plaintext, is_tls12, start)?;
        Ok((self.deliver_protected(stripped, total, available)?, plaintext))
    }
}
