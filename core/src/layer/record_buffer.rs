//! A buffer for records that arrive in pieces.

use crate::buffer::byte_queue::ByteQueue;
use crate::layer::opener::{Event, Opened};
use crate::protocol::record::HEADER_LEN;

/// A receive buffer of `LEN` bytes.
///
/// Read from the transport into [`room`](Self::room), and pass the number of bytes to
/// [`received`](Self::received). Open what is [`filled`](Self::filled) until [`Event::NeedMore`],
/// and pass each result to [`consume`](Self::consume) once its data is used.
///
/// The longest record after the handshake has
/// [`RecordSizeLimit::max_record_len`](crate::RecordSizeLimit::max_record_len) bytes if a limit was
/// negotiated, and [`MAX_RECORD`](crate::MAX_RECORD) bytes otherwise.
///
/// ```
/// use std::error::Error;
/// use tls_record::{Event, KeySchedule, Opener, RecordBuffer, RecordTooLong};
///
/// /// Reads up to the peer's close_notify. `receive` returns how many bytes it has written: 0 at
/// /// the end of the transport.
/// fn read_to_end<K: KeySchedule>(
///     opener: &mut Opener<K>,
///     mut receive: impl FnMut(&mut [u8]) -> usize,
///     data: &mut Vec<u8>,
/// ) -> Result<(), Box<dyn Error>> {
///     let mut buffer = RecordBuffer::<512>::new();
///     loop {
///         let opened = opener.open(buffer.filled())?;
///         if let Event::ApplicationData(range) = &opened.event {
///             data.extend_from_slice(&buffer.filled()[range.clone()]);
///         }
///         buffer.consume(&opened);
///         match opened.event {
///             Event::Closed => return Ok(()),
///             // All that came is opened before the transport is asked again.
///             Event::NeedMore { .. } => {
///                 // If the record could never fit, this says so before anything waits for it.
///                 let len = receive(buffer.room()?);
///                 buffer.received(len);
///                 if len == 0 {
///                     opener.eof(); // As `open` says when it is called again.
///                 }
///             }
///             _ => {}
///         }
///     }
/// }
///
/// # use tls_record::aead::{Algorithm, ring::Ring};
/// # use tls_record::{Config, Epoch, Role, Sealer, TrafficSecret};
/// # let secret = || TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
/// # let mut opener = Opener::new(Config::new(Role::Server));
/// # opener.install(Epoch::Application, secret())?;
/// # let mut sealer = Sealer::new(Config::new(Role::Client));
/// # sealer.install(Epoch::Application, secret())?;
/// # let mut wire = [0; 64];
/// # let written = sealer.seal(&[b"over the wire"], &mut wire).unwrap().written;
/// # sealer.close().unwrap();
/// # let written = written + sealer.poll_control(&mut wire[written..]).unwrap();
/// # let mut transport = &wire[..written];
/// # let receive = |room: &mut [u8]| {
/// #     let (now, later) = transport.split_at(room.len().min(transport.len()).min(10));
/// #     room[..now.len()].copy_from_slice(now);
/// #     transport = later;
/// #     now.len()
/// # };
/// let mut data = Vec::new();
/// read_to_end(&mut opener, receive, &mut data).unwrap();
/// assert_eq!(data, b"over the wire");
///
/// // The header of a record of 600 bytes.
/// # let mut opener = Opener::new(Config::new(Role::Server));
/// # opener.install(Epoch::Application, secret())?;
/// let mut buffer = RecordBuffer::<512>::new();
/// buffer.room().unwrap()[..5].copy_from_slice(&[23, 3, 3, 2, 0x53]);
/// buffer.received(5);
/// let opened = opener.open(buffer.filled()).unwrap();
/// buffer.consume(&opened);
/// assert_eq!(buffer.room(), Err(RecordTooLong { total: 600 }));
/// # Ok::<(), tls_record::KeyError>(())
/// ```
#[derive(Clone)]
pub struct RecordBuffer<const LEN: usize, B = [u8; LEN]> {
    bytes: ByteQueue<B>,
    /// Length of the record at the front, or of a header while that is not known.
    total: usize,
}

/// A [`RecordBuffer`] in a buffer of the caller's, whose length is known at run time only.
///
/// `B` is `&mut [u8]`, `Box<[u8]>`, or a type of the caller's that gives the same slice of bytes at
/// each call. The const parameter is 0 and has no meaning here. [`ConnectionIn`](crate::ConnectionIn)
/// has an example.
pub type RecordBufferIn<B> = RecordBuffer<0, B>;

/// The error of a [`RecordBuffer`] that is shorter than the record that arrives.
///
/// To keep records short, negotiate a record_size_limit and set
/// [`Config::record_size_limit`](crate::Config).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordTooLong {
    /// Length of the record, in bytes.
    pub total: usize,
}

impl<const LEN: usize> RecordBuffer<LEN> {
    /// Creates an empty buffer.
    pub const fn new() -> Self {
        Self { bytes: ByteQueue::new(), total: HEADER_LEN }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> RecordBufferIn<B> {
    /// Creates an empty receive buffer in `buffer`, whose content does not matter.
    pub const fn new_in(buffer: B) -> Self {
        Self { bytes: ByteQueue::new_in(buffer), total: HEADER_LEN }
    }
}

impl<const LEN: usize, B: AsRef<[u8]> + AsMut<[u8]>> RecordBuffer<LEN, B> {
    /// Returns room for bytes of the transport.
    ///
    /// There is at least enough to complete the record at the front of [`filled`](Self::filled),
    /// which this call may move. The room is empty only while unopened records fill the buffer, and
    /// never after [`Event::NeedMore`].
    ///
    /// # Errors
    /// [`RecordTooLong`] if the buffer is shorter than that record.
    pub fn room(&mut self) -> Result<&mut [u8], RecordTooLong> {
        let total = self.total;
        if total > self.bytes.capacity() {
            return Err(RecordTooLong { total });
        }
        if self.bytes.is_empty() {
            self.bytes.clear();
        }
        let missing = total.saturating_sub(self.bytes.waiting().len());
        // Reading into an empty slice returns 0 bytes, which would look like the end of the
        // transport.
        self.bytes.make_room(missing.max(1));
        Ok(self.bytes.room(self.bytes.capacity()))
    }

    /// Adds the first `len` bytes of the last [`room`](Self::room), which the transport has filled. Records
    /// may have been consumed since.
    pub fn received(&mut self, len: usize) {
        self.bytes.append(len);
    }

    /// Returns the bytes that have arrived and were not consumed, for
    /// [`Opener::open`](crate::Opener::open).
    pub fn filled(&mut self) -> &mut [u8] {
        self.bytes.waiting_mut()
    }

    /// Removes the bytes that were consumed, and remembers the length in [`Event::NeedMore`] for the
    /// next [`room`](Self::room).
    pub fn consume(&mut self, opened: &Opened) {
        self.consume_len(opened.consumed);
        if let Event::NeedMore { total } = opened.event {
            self.total = total;
        }
    }

    /// Returns the [`filled`](Self::filled) bytes behind the first `len`.
    #[cfg(feature = "embedded-io")]
    pub(crate) fn behind(&self, len: usize) -> &[u8] {
        self.bytes.waiting().get(len..).unwrap_or_default()
    }

    /// Removes the first `len` filled bytes. The transport may be filling the room behind them.
    pub(crate) fn consume_len(&mut self, len: usize) {
        self.bytes.consume_in_place(len);
        self.total = HEADER_LEN;
    }
}

impl<const LEN: usize> Default for RecordBuffer<LEN> {
    fn default() -> Self {
        Self::new()
    }
}

// Does not show the bytes: they may be decrypted.
impl<const LEN: usize, B: AsRef<[u8]> + AsMut<[u8]>> core::fmt::Debug for RecordBuffer<LEN, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (filled, capacity) = (self.bytes.waiting().len(), self.bytes.capacity());
        write!(f, "RecordBuffer({filled} of {capacity} bytes)")
    }
}

#[cfg(feature = "defmt")]
impl<const LEN: usize, B: AsRef<[u8]> + AsMut<[u8]>> defmt::Format for RecordBuffer<LEN, B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let (filled, capacity) = (self.bytes.waiting().len(), self.bytes.capacity());
        defmt::write!(f, "RecordBuffer({} of {} bytes)", filled, capacity);
    }
}

impl core::fmt::Display for RecordTooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a record of {} bytes is longer than the buffer", self.total)
    }
}

impl core::error::Error for RecordTooLong {}
