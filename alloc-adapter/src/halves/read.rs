//! The reading half of a split stream.

use std::io::{self, BufRead, ErrorKind, Read};

use tls_record::aead::Provider;
use tls_record::{AlertDescription, ReadEnd};

use super::link::LinkedOpener;
use crate::common_methods::state_methods;
use crate::established::Info;
use crate::exporter::Exporter;
use crate::session::inbox::{Inbox, Step, Stopped};
use crate::session::open_error;
use crate::session::room::{InPlace, Room};
use crate::transport::{BrokenBy, is_lasting, keep_first_error};

/// The reading half of a split [`Stream`](crate::Stream) or `TokioStream`.
///
/// It never waits for the other half. It sends nothing itself: the answer to a
/// KeyUpdate, the reply to a TLS 1.2 close_notify and the alert after a fault are sent by the next
/// call on the [`WriteHalf`](super::WriteHalf). After an error or the end of reading, close or shut
/// down the writing half instead of only dropping it. A reading half that waits for its transport is not
/// woken by the writing half.
///
/// The operating system reports a reset once, to the half that calls it first. If that is the writing half in
/// another thread, a read that follows at once may find the end of the transport before it learns of the reset. It
/// then returns [`UnexpectedEof`](ErrorKind::UnexpectedEof), or 0 bytes if
/// [truncation is tolerated](Self::tolerate_truncation); the writing half's
/// [`transport_error`](super::WriteHalf::transport_error) has the reset. A stream that is not split always returns the
/// reset.
///
/// With tokio: `tls.into_split(TcpStream::into_split)`, or `tls.into_split(tokio::io::split)`.
///
/// It reads like the stream: with [`Read`] and [`BufRead`] over a blocking transport, with
/// `AsyncRead` and `AsyncBufRead` over a transport of tokio or futures-io (in a `FuturesIo`).
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
///     sending.join().expect("the thread does not panic")?;
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
    /// Returns whether a read can proceed without the transport.
    ///
    /// See [`Stream::has_pending`](crate::Stream::has_pending).
    pub fn has_pending(&self) -> bool {
        self.inbox.has_pending(&self.opener)
    }

    /// Returns how the receiving direction ended, or that it is open.
    ///
    /// An abort by the writing half counts from the next read on.
    pub fn end(&self) -> ReadEnd {
        self.opener.end()
    }

    /// Returns this half of the transport. Do not read from it: its bytes belong to the stream.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// Drops [`Tickets`](crate::Tickets) after a key update of the writing half: they hold the first
    /// traffic secrets.
    fn drop_old_tickets(&mut self) {
        if self.opener.must_drop_tickets() {
            self.inbox.tickets = None;
        }
    }

    pub(crate) fn open(&mut self, room: &mut impl Room) -> io::Result<Step> {
        self.drop_old_tickets();
        self.inbox.open(&mut self.opener, room).map_err(open_error)
    }

    pub(crate) fn fill_room(&mut self, room: &mut impl Room) -> Stopped {
        self.drop_old_tickets();
        self.inbox.fill_room(&mut self.opener, room)
    }

    /// Handles the result of receiving into the [`room`](Inbox::room).
    pub(crate) fn received(&mut self, result: io::Result<usize>) -> io::Result<()> {
        let own_error = result.as_ref().err().filter(|error| is_lasting(error));
        let broken_by = own_error.map(BrokenBy::from).or_else(|| self.opener.take_broken_by());
        if let Some(error) = broken_by {
            self.inbox.break_by(error);
        }
        let len = keep_first_error(&mut self.transport_error, result)?;
        self.inbox.check_end(len)?;
        self.inbox.commit_received(len, &mut self.opener);
        Ok(())
    }
}

state_methods!(ReadHalf, [], [inbox]);

impl<T: Read, P: Provider> Read for ReadHalf<T, P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let len = out.len();
        let mut room = out;
        self.fill(&mut room)?;
        self.fill_room(&mut room);
        Ok(len.saturating_sub(room.len()))
    }
}

impl<T: Read, P: Provider> ReadHalf<T, P> {
    /// Reads until there is data, some of it is in `room`, or the receiving direction has ended.
    fn fill(&mut self, room: &mut impl Room) -> io::Result<()> {
        let all = room.remaining();
        while self.inbox.data().is_empty() && room.remaining() == all {
            match self.open(room)? {
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
        Ok(())
    }
}

/// Returns data in place, one record at a time, without copying it.
impl<T: Read, P: Provider> BufRead for ReadHalf<T, P> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill(&mut InPlace)?;
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
