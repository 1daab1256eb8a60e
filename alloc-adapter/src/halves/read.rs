//! The half that reads.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use tls_record::aead::Provider;
use tls_record::{AlertDescription, ReadEnd};

use super::link::LinkedOpener;
use crate::established::Info;
use crate::exporter::Exporter;
use crate::session::inbox::{Inbox, Step, Stopped};
use crate::session::{open_error, remember};

/// The half of a [`Stream`](crate::Stream) or `TokioStream` that reads, over a half of its transport.
///
/// It never waits for the other half, nor for a lock. What it has to tell the peer, it tells by the
/// [`WriteHalf`](super::WriteHalf): the answer to a KeyUpdate, the reply to a TLS 1.2 close_notify, the
/// alert after a fault leave with the next call there. So after an error or the end of reading, shut the
/// writing half down; do not just drop it. A half that waits for its transport is not woken by the other.
///
/// With tokio: `tls.into_split(TcpStream::into_split)`, or `tls.into_split(tokio::io::split)`.
///
/// It reads as the stream does: from a blocking transport by [`Read`] and [`BufRead`], from one of tokio
/// by `AsyncRead` and `AsyncBufRead`.
///
/// ```no_run
/// use std::io::{self, Read, Write};
/// use std::net::TcpStream;
/// use std::thread;
/// use tls_record_alloc::Stream;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
///
/// fn send_and_receive(tls: Stream<TcpStream, Ring>, data: Vec<u8>) -> io::Result<Vec<u8>> {
///     let tcp = tls.transport().try_clone()?;
///     let (mut read, mut write) = tls.into_split(|own| (own, tcp));
///     let sending = thread::spawn(move || {
///         write.write_all(&data)?;
///         write.close()
///     });
///     let mut received = Vec::new();
///     read.read_to_end(&mut received)?;
///     sending.join().expect("it does not panic")?;
///     Ok(received)
/// }
/// ```
pub struct ReadHalf<T, P: Provider> {
    pub(crate) transport: T,
    pub(crate) inbox: Inbox,
    pub(super) opener: LinkedOpener<P>,
    pub(crate) transport_error: Option<ErrorKind>,
    pub(super) exporter: Option<Exporter>,
    pub(super) info: Info,
}

impl<T, P: Provider> ReadHalf<T, P> {
    /// Whether the end of the transport without a close_notify ends reading like one: see
    /// [`Stream::tolerate_truncation`](crate::Stream::tolerate_truncation).
    pub const fn tolerate_truncation(&mut self, tolerate: bool) {
        self.inbox.tolerates_truncation = tolerate;
    }

    /// Whether reading can go on without the transport: see
    /// [`Stream::has_pending`](crate::Stream::has_pending).
    pub fn has_pending(&self) -> bool {
        self.inbox.has_pending(&self.opener)
    }

    /// The last warning alert of the peer's, once.
    pub const fn take_warning(&mut self) -> Option<AlertDescription> {
        self.inbox.warning.take()
    }

    /// Whether the peer asked for a renegotiation (TLS 1.2), which is refused.
    pub const fn renegotiation_refused(&self) -> bool {
        self.inbox.renegotiation_refused
    }

    /// How the receiving direction ended, or that it has not.
    pub fn end(&self) -> ReadEnd {
        self.opener.end()
    }

    /// The first error of this half's transport that does not pass by itself.
    pub const fn transport_error(&self) -> Option<ErrorKind> {
        self.transport_error
    }

    /// What the handshake agreed upon.
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// Exports keying material. TLS 1.3 only.
    pub const fn exporter(&self) -> Option<&Exporter> {
        self.exporter.as_ref()
    }

    /// This half of the transport. Its bytes belong to the stream.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    pub(crate) fn open(&mut self) -> io::Result<Step> {
        if self.opener.must_drop_tickets() {
            self.inbox.tickets = None;
        }
        self.inbox.open(&mut self.opener).map_err(open_error)
    }

    pub(crate) fn copy_data(&mut self, room: usize, put: impl FnMut(&[u8])) -> (usize, Stopped) {
        self.inbox.copy_data(&mut self.opener, room, put)
    }

    /// The transport answered to receiving.
    pub(crate) fn received(&mut self, answer: io::Result<usize>) -> io::Result<()> {
        let len = remember(&mut self.transport_error, answer)?;
        self.inbox.arrived(len, &mut self.opener);
        Ok(())
    }
}

impl<T: Read, P: Provider> Read for ReadHalf<T, P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        self.fill_buf()?;
        let mut left = &mut *out;
        let (len, _) = self.copy_data(left.len(), |data| {
            // It never gives more than it was asked for.
            let _ = left.write(data);
        });
        Ok(len)
    }
}

/// Data is read where it was decrypted, one record at a time: nothing is copied.
impl<T: Read, P: Provider> BufRead for ReadHalf<T, P> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.inbox.data().is_empty() {
            match self.open()? {
                Step::Opened => {}
                Step::NeedInput => {
                    if let Some(error) = self.inbox.read_error.take() {
                        return Err(error);
                    }
                    let read = self.transport.read(self.inbox.room());
                    self.received(read)?;
                }
                Step::Closed => break,
            }
        }
        Ok(self.inbox.data())
    }

    fn consume(&mut self, len: usize) {
        self.inbox.consume(len);
    }
}

impl<T, P: Provider> core::fmt::Debug for ReadHalf<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("ReadHalf").field(&self.info).finish_non_exhaustive()
    }
}
