//! A place for records that arrive in pieces.

use crate::byte_queue::ByteQueue;

/// `LEN` bytes for what a transport brings, for those who have no buffer of their own.
///
/// Fill [`room`](Self::room), say how much came, open [`filled`](Self::filled), and say how much was
/// consumed.
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{Config, Epoch, Event, Opener, RecordBuffer, RecordTooLong, Role, TrafficSecret};
/// # use tls_record::Sealer;
/// # let secret = || TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
/// # let mut opener = Opener::new(Config::new(Role::Server));
/// # opener.install(Epoch::Application, secret(), 0)?;
/// # let mut sealer = Sealer::new(Config::new(Role::Client));
/// # sealer.install(Epoch::Application, secret(), 0)?;
/// # let mut wire = [0; 64];
/// # let written = sealer.seal(&[b"over the wire"], &mut wire).unwrap().written;
/// # let mut transport = &wire[..written];
/// # let mut receive = |room: &mut [u8]| {
/// #     let (now, later) = transport.split_at(room.len().min(transport.len()).min(10));
/// #     room[..now.len()].copy_from_slice(now);
/// #     transport = later;
/// #     now.len()
/// # };
///
/// let mut buffer = RecordBuffer::<512>::new();
/// let mut total = tls_record::HEADER_LEN;
/// let data = loop {
///     // If the record could never fit, this says so before anything waits for it.
///     let room = buffer.room(total).unwrap();
///     let len = receive(room); // 0 would be the end: `opener.eof()`
///     buffer.received(len);
///     let opened = opener.open(buffer.filled()).unwrap();
///     match opened.event {
///         Event::NeedMore { total: more } => total = more,
///         Event::ApplicationData(range) => {
///             let data = buffer.filled()[range].to_vec();
///             buffer.consume(opened.consumed);
///             break data;
///         }
///         _ => buffer.consume(opened.consumed),
///     }
/// };
/// assert_eq!(data, b"over the wire");
/// assert_eq!(buffer.room(600), Err(RecordTooLong { total: 600 }));
/// # Ok::<(), tls_record::KeyError>(())
/// ```
#[derive(Clone)]
pub struct RecordBuffer<const LEN: usize>(ByteQueue<LEN>);

/// The buffer is shorter than the record that arrives: it will never hold it.
///
/// [`Config::record_size_limit`](crate::Config) tells a peer how long its records may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordTooLong {
    /// Length of the record, in bytes.
    pub total: usize,
}

impl<const LEN: usize> RecordBuffer<LEN> {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self(ByteQueue::new())
    }

    /// Room for what the transport brings, enough for the record at the front of
    /// [`filled`](Self::filled) to become `total` bytes long, and for more if there is more. What is
    /// filled may be moved. `total` is what
    /// [`Event::NeedMore`](crate::Event::NeedMore) says, or 0 for whatever room there is: none only if
    /// all of the buffer is filled.
    ///
    /// # Errors
    /// [`RecordTooLong`] if the buffer is shorter than `total`.
    pub fn room(&mut self, total: usize) -> Result<&mut [u8], RecordTooLong> {
        if total > LEN {
            return Err(RecordTooLong { total });
        }
        let missing = total.saturating_sub(self.0.waiting().len());
        // Without room a transport would give nothing, as it does at its end.
        self.0.make_room(missing.max(1));
        Ok(self.0.room(LEN))
    }

    /// The transport filled `len` bytes of the [`room`](Self::room).
    pub fn received(&mut self, len: usize) {
        self.0.append(len);
    }

    /// What has arrived and was not consumed: for [`Opener::open`](crate::Opener::open).
    pub fn filled(&mut self) -> &mut [u8] {
        self.0.waiting_mut()
    }

    /// The first `len` bytes of what is [`filled`](Self::filled) are done with.
    pub fn consume(&mut self, len: usize) {
        self.0.consume(len);
    }
}

impl<const LEN: usize> Default for RecordBuffer<LEN> {
    fn default() -> Self {
        Self::new()
    }
}

// What is in it may be decrypted already.
impl<const LEN: usize> core::fmt::Debug for RecordBuffer<LEN> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RecordBuffer({} of {LEN} bytes)", self.0.waiting().len())
    }
}

#[cfg(feature = "defmt")]
impl<const LEN: usize> defmt::Format for RecordBuffer<LEN> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "RecordBuffer({} of {} bytes)", self.0.waiting().len(), LEN);
    }
}

impl core::fmt::Display for RecordTooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a record of {} bytes is longer than the buffer", self.total)
    }
}

impl core::error::Error for RecordTooLong {}
