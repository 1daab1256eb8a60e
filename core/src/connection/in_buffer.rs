//! Connections that keep their unsent records in a buffer of the caller's.

use super::{Connection, Writer};
use crate::buffer::byte_queue::ByteQueue;
use crate::crypto::keys::KeySchedule;
use crate::layer::config::Config;
use crate::layer::opener::Opener;
use crate::layer::record_layer::RecordLayer;
use crate::layer::sealer::Sealer;

/// A [`Connection`] in a buffer of the caller's, whose length is known at run time only.
///
/// It has the methods of every `Connection`. `B` is `&mut [u8]`, `Box<[u8]>`, or a type of the
/// caller's that gives a slice of bytes. Where the documentation says `TX`, read the length of that
/// slice: the const parameter is 0 and has no meaning here. A function that takes both kinds takes a
/// `Connection<K, TX, B>`.
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{
///     BufferTooShort, Config, Connection, ConnectionIn, Epoch, RecordBuffer, RecordBufferIn, Role,
///     TrafficSecret,
/// };
///
/// struct Tls<'b> {
///     connection: ConnectionIn<TrafficSecret<Ring>, &'b mut [u8]>,
///     received: RecordBufferIn<&'b mut [u8]>,
/// }
///
/// impl<'b> Tls<'b> {
///     /// Divides `memory`, of which the first `tx` bytes are for sending.
///     fn new(memory: &'b mut [u8], tx: usize) -> Result<Self, BufferTooShort> {
///         let (output, input) = memory.split_at_mut(tx);
///         Ok(Self {
///             connection: Connection::without_keys_in(Config::new(Role::Client), output)?,
///             received: RecordBuffer::new_in(input),
///         })
///     }
/// }
///
/// let mut memory = vec![0; 700];
/// assert_eq!(Tls::new(&mut memory, 100).err(), Some(BufferTooShort { need: 128 }));
///
/// let mut tls = Tls::new(&mut memory, 200)?;
/// let secret = |byte| TrafficSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
/// tls.connection.install(Epoch::Application, secret(1)?, secret(2)?)?;
/// assert_eq!(tls.connection.write(&[b"some data"]), Ok(9));
/// assert_eq!(tls.received.room()?.len(), 500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The first content of the buffer does not matter, but a [reserved slot](Connection::reserve) shows
/// it. When the connection is dropped, sealed records are left in the buffer, and what was written
/// into slots that were not committed.
///
/// `B` must give the same slice at each call. If the length of the slice changes, records are lost,
/// calls fail, and the connection may never close; but no call panics, and only sealed bytes are
/// ever [unsent](Connection::unsent).
pub type ConnectionIn<K, B> = Connection<K, 0, B>;

/// A [`Writer`] in a buffer of the caller's: the sending half of a [`ConnectionIn`].
pub type WriterIn<K, B> = Writer<K, 0, B>;

/// Length of the shortest buffer: it has room for a control record, and for a record with a little
/// content behind it.
pub(super) const MIN_LEN: usize = 128;

/// The error of making a [`ConnectionIn`] in a buffer that is too short for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BufferTooShort {
    /// Length of the shortest buffer, in bytes.
    pub need: usize,
}

impl core::fmt::Display for BufferTooShort {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "buffer too short: a connection needs {} bytes", self.need)
    }
}

impl core::error::Error for BufferTooShort {}

impl<K: KeySchedule, B: AsRef<[u8]> + AsMut<[u8]>> ConnectionIn<K, B> {
    /// Creates a connection in a buffer of the caller's: see [`Connection::new`].
    ///
    /// # Errors
    /// [`BufferTooShort`] if the buffer has less than 128 bytes. The layer and the buffer are
    /// dropped: check the length before, and lend a buffer that is to be kept as `&mut [u8]`.
    pub fn new_in(layer: RecordLayer<K>, buffer: B) -> Result<Self, BufferTooShort> {
        let mut this = Self::unsettled_in(layer, buffer)?;
        this.writer.settle();
        this.tell();
        Ok(this)
    }

    /// Creates a connection without keys in a buffer of the caller's: see
    /// [`Connection::without_keys`].
    ///
    /// # Errors
    /// [`BufferTooShort`] if the buffer has less than 128 bytes. The buffer is dropped.
    pub fn without_keys_in(config: Config, buffer: B) -> Result<Self, BufferTooShort> {
        let writer = Writer::new_in(Sealer::new(config), buffer)?;
        Ok(Self { opener: Opener::new(config), writer })
    }

    /// Returns the buffer.
    ///
    /// ```
    /// # use tls_record::aead::ring::Ring;
    /// # use tls_record::{Config, ConnectionIn, Role, TrafficSecret};
    /// # let buffer = vec![0; 200].into_boxed_slice();
    /// let tls = ConnectionIn::<TrafficSecret<Ring>, Box<[u8]>>::without_keys_in(Config::new(Role::Client), buffer)?;
    /// assert_eq!(tls.buffer().len(), 200);
    /// # Ok::<(), tls_record::BufferTooShort>(())
    /// ```
    pub const fn buffer(&self) -> &B {
        self.writer.buffer()
    }

    /// Returns an unsettled connection, like [`Connection::unsettled`].
    #[inline(never)]
    pub(crate) fn unsettled_in(layer: RecordLayer<K>, buffer: B) -> Result<Self, BufferTooShort> {
        let unsent = queue(buffer)?;
        let (opener, sealer) = layer.split();
        Ok(Self { opener, writer: Writer::over(sealer, unsent) })
    }
}

impl<K: KeySchedule, B: AsRef<[u8]> + AsMut<[u8]>> WriterIn<K, B> {
    /// Creates a writer in a buffer of the caller's, from a sending half whose sealed records have
    /// all been sent.
    ///
    /// # Errors
    /// [`BufferTooShort`] if the buffer has less than 128 bytes. The half and the buffer are dropped.
    pub fn new_in(sealer: Sealer<K>, buffer: B) -> Result<Self, BufferTooShort> {
        let mut this = Self::over(sealer, queue(buffer)?);
        this.settle();
        Ok(this)
    }

    /// Returns the buffer: see [`ConnectionIn::buffer`].
    pub const fn buffer(&self) -> &B {
        self.unsent.buffer()
    }
}

/// Returns an empty queue in a buffer that is long enough for a record.
fn queue<B: AsRef<[u8]> + AsMut<[u8]>>(buffer: B) -> Result<ByteQueue<B>, BufferTooShort> {
    let queue = ByteQueue::new_in(buffer);
    if queue.capacity() < MIN_LEN { Err(BufferTooShort { need: MIN_LEN }) } else { Ok(queue) }
}
