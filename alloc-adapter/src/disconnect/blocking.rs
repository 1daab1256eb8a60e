//! `disconnect` over a TCP socket of `std`.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use tls_record::End;
use tls_record::aead::Provider;

use crate::stream::Stream;
use crate::transport::is_lasting;

/// How long one call of the socket may block. Sending and receiving alternate, because a peer may not
/// read until we read.
const CALL_TIMEOUT: Duration = Duration::from_millis(20);

impl<P: Provider> Stream<TcpStream, P> {
    /// Closes the connection and the socket without losing sent data.
    ///
    /// Returns how the connection ended. It does these steps, and stops when they have taken as
    /// long as `patience`:
    /// 1. sends everything unsent and a close_notify, or the alert of a connection that failed;
    /// 2. shuts down the sending direction of the socket;
    /// 3. reads and discards what the peer sends, up to `budget` bytes, until the peer ends as well;
    /// 4. closes the socket.
    ///
    /// A budget of 64 KiB is enough for what clients of most protocols send before they see the
    /// end. Use a larger one if the peer may be in the middle of an upload.
    ///
    /// A socket that is dropped with unread input is reset, and the reset may destroy data on its
    /// way to the peer. Call this on every path, also after errors.
    ///
    /// # Errors
    /// Data may not have arrived after an error.
    /// - The errors of the transport, while something was unsent.
    /// - [`TimedOut`](ErrorKind::TimedOut) if the transport did not take everything in time.
    ///
    /// It is not an error if the peer does not end in time.
    ///
    /// ```no_run
    /// use std::io::{self, BufRead, Write};
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    /// use tls_record_alloc::Stream;
    /// use tls_record_alloc::tls_record::aead::ring::Ring;
    ///
    /// fn serve(mut tls: Stream<TcpStream, Ring>) -> io::Result<()> {
    ///     let served = answer(&mut tls);
    ///     let disconnected = tls.disconnect(65_536, Duration::from_secs(2));
    ///     served.and(disconnected).map(drop)
    /// }
    ///
    /// fn answer(tls: &mut Stream<TcpStream, Ring>) -> io::Result<()> {
    ///     let mut line = String::new();
    ///     tls.read_line(&mut line)?;
    ///     tls.write_all(b"goodbye\n")
    /// }
    /// ```
    pub fn disconnect(mut self, budget: u64, patience: Duration) -> io::Result<End> {
        let mut patience = Patience::new(budget, patience);
        // It fails after a failure of the connection. Then the alert is sent instead.
        let _ = self.session.close();
        while let Err(error) = self.send_for(&patience) {
            if is_lasting(&error) {
                return Err(error);
            }
            if patience.left().is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            if patience.budget != 0 {
                self.receive_for(&mut patience);
            }
        }
        let _ = self.transport.shutdown(Shutdown::Write);
        while !patience.is_over() && self.receive_for(&mut patience) {}
        Ok(self.end())
    }

    fn send_for(&mut self, patience: &Patience) -> io::Result<()> {
        patience.prepare(&self.transport)?;
        // If records were discarded, `end` reports it.
        self.send_all()
    }

    /// Receives once and discards the input. Returns whether more may arrive.
    fn receive_for(&mut self, patience: &mut Patience) -> bool {
        self.session.discard_input();
        let received = patience.receive(&mut self.transport, self.session.room());
        let received = self.session.received(received);
        self.session.discard_input();
        may_receive_more(&received)
    }
}

/// Closes a TCP connection that is not part of a [`Stream`] without losing sent data.
///
/// Shuts down the sending direction, reads and discards what the peer sends, up to `budget` bytes,
/// until the peer ends or `patience` has passed, and closes the socket. Use it after a handshake
/// that failed, or with an opener and a sealer of your own. For a split stream,
/// [join](Stream::join) the halves and call [`Stream::disconnect`].
///
/// ```no_run
/// use std::io;
/// use std::net::TcpStream;
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tls_record_alloc::rustls::ServerConfig;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{Stream, disconnect};
///
/// fn accept(config: Arc<ServerConfig>, tcp: TcpStream) -> io::Result<Stream<TcpStream, Ring>> {
///     Stream::accept(config, tcp).map_err(|failed| {
///         disconnect(failed.transport, 65_536, Duration::from_secs(2));
///         failed.error
///     })
/// }
/// ```
pub fn disconnect(mut tcp: TcpStream, budget: u64, patience: Duration) {
    let mut patience = Patience::new(budget, patience);
    let _ = tcp.shutdown(Shutdown::Write);
    let mut rest = [0; 4096];
    while !patience.is_over()
        && patience.prepare(&tcp).is_ok()
        && may_receive_more(&patience.receive(&mut tcp, &mut rest))
    {}
}

/// The limits on waiting for the peer's end: a time, and a number of discarded bytes.
struct Patience {
    budget: u64,
    /// `None` if it is too far away for an `Instant`.
    deadline: Option<Instant>,
}

impl Patience {
    fn new(budget: u64, patience: Duration) -> Self {
        Self { budget, deadline: Instant::now().checked_add(patience) }
    }

    fn left(&self) -> Duration {
        self.deadline
            .map_or(CALL_TIMEOUT, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn is_over(&self) -> bool {
        self.budget == 0 || self.left().is_zero()
    }

    /// Sets the socket's timeouts, so that no call blocks for longer than is left.
    fn prepare(&self, transport: &TcpStream) -> io::Result<()> {
        // `set_read_timeout` refuses a timeout of zero.
        let timeout = Some(self.left().clamp(Duration::from_millis(1), CALL_TIMEOUT));
        transport.set_nonblocking(false)?;
        transport.set_read_timeout(timeout)?;
        transport.set_write_timeout(timeout)
    }

    /// Receives once and returns the number of bytes, which is taken off the budget.
    fn receive(&mut self, transport: &mut TcpStream, room: &mut [u8]) -> io::Result<usize> {
        let len = transport.read(room)?;
        self.budget = self.budget.saturating_sub(len as u64);
        Ok(len)
    }
}

/// Returns whether the transport has neither ended nor failed.
fn may_receive_more(received: &io::Result<usize>) -> bool {
    match received {
        Ok(len) => *len != 0,
        Err(error) => !is_lasting(error),
    }
}
