//! Disconnecting over a TCP socket of `std`.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use tls_record::End;
use tls_record::aead::Provider;

use crate::session::is_lasting;
use crate::stream::Stream;

/// How long one call of the transport may take. Sending and receiving take turns, because a peer that
/// waits for us to read may not read either.
const TURN: Duration = Duration::from_millis(20);

impl<P: Provider> Stream<TcpStream, P> {
    /// Ends the connection, and TCP's, in order, so that everything arrives: sends what is unsent and a
    /// close_notify, or the alert of a connection that failed; shuts the sending direction of the socket;
    /// reads away what the peer still sends, up to `budget` bytes, until it ends too; and closes the
    /// socket. All of it takes no longer than `patience`. Returns how the connection ended.
    ///
    /// A budget of 64 KiB is enough for what clients of most protocols send before they see the end; give
    /// more where they may be in the middle of an upload.
    ///
    /// A socket that is just dropped is reset if there is unread input, and the reset may destroy
    /// data that is on its way to the peer. So call it on every path, after errors too.
    ///
    /// # Errors
    /// Those of the transport while something was unsent; [`TimedOut`](ErrorKind::TimedOut) if the peer
    /// did not take everything in time. Data may not have arrived. That the peer does not end in time is
    /// no error.
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
        // After a failure it is the alert that is to be sent.
        let _ = self.session.close();
        while let Err(error) = self.send_for(&patience) {
            if is_lasting(error.kind()) {
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
        // Whether something was discarded is in what `end` tells.
        self.send_all()
    }

    /// Returns whether more may come.
    fn receive_for(&mut self, patience: &mut Patience) -> bool {
        self.session.discard_input();
        let received = patience.receive(&mut self.transport, self.session.room());
        if let Some(len) = received {
            self.session.arrived(len);
        }
        self.session.discard_input();
        received != Some(0)
    }
}

/// Ends a TCP connection in order, so that what was sent arrives: shuts the sending direction, reads
/// away what the peer still sends, up to `budget` bytes, for no longer than `patience`, and closes the
/// socket. For those that are no [`Stream`]: after a handshake that failed, or with halves of the engine.
/// Split streams are [joined](Stream::join) and disconnect by themselves.
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
        && patience.receive(&mut tcp, &mut rest) != Some(0)
    {}
}

/// How long, and for how many bytes, it is worth waiting for the peer's end.
struct Patience {
    budget: u64,
    /// `None` is never.
    deadline: Option<Instant>,
}

impl Patience {
    fn new(budget: u64, patience: Duration) -> Self {
        Self { budget, deadline: Instant::now().checked_add(patience) }
    }

    fn left(&self) -> Duration {
        self.deadline.map_or(TURN, |deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn is_over(&self) -> bool {
        self.budget == 0 || self.left().is_zero()
    }

    /// Sees to it that no call takes longer than it should.
    fn prepare(&self, transport: &TcpStream) -> io::Result<()> {
        // A timeout of nothing would be none.
        let turn = Some(self.left().clamp(Duration::from_millis(1), TURN));
        transport.set_nonblocking(false)?;
        transport.set_read_timeout(turn)?;
        transport.set_write_timeout(turn)
    }

    /// Receives once. Returns how many bytes; none if the transport has ended or failed.
    fn receive(&mut self, transport: &mut TcpStream, room: &mut [u8]) -> Option<usize> {
        match transport.read(room) {
            Ok(len) => {
                self.budget = self.budget.saturating_sub(len as u64);
                Some(len)
            }
            Err(error) if !is_lasting(error.kind()) => None,
            Err(_) => Some(0),
        }
    }
}
