//! A TLS stream over a transport that implements tokio's `AsyncRead` and `AsyncWrite`.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tls_record::aead::Provider;
use tls_record::{AlertDescription, CloseError, End, KeyError, MAX_RECORD, OpenError, ReadEnd};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::common_methods::{common_methods, session_methods};
use crate::drive;
use crate::error::HandshakeFailed;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::halves::{self, ReadHalf, WriteHalf};
use crate::handshake::Handshake;
use crate::parts::Parts;
use crate::session::inbox::Stopped;
use crate::session::room::{InPlace, Room};
use crate::session::{Session, Step, parts};
#[cfg(feature = "listener")]
use crate::time_limit::TimeLimit;
use crate::transport::{BrokenBy, is_lasting, poll_receive, poll_shut_down};
use crate::wait::{Half, Wait};

/// A TLS connection over a transport of tokio, for instance its `TcpStream`.
///
/// A read returns 0 bytes only after the peer's close_notify. If the transport ends before, a read
/// returns [`UnexpectedEof`](ErrorKind::UnexpectedEof), unless that is
/// [tolerated](Self::tolerate_truncation). TLS errors have an error of the engine as their inner
/// error: see [`Stream`](crate::Stream).
///
/// - Reading, writing, flushing, `shutdown` and [`close`](Self::close) are cancel safe: a future holds no bytes, and
///   the next call continues its work. [`connect`](Self::connect), [`accept`](Self::accept),
///   [`from_handshake`](Self::from_handshake) and [`disconnect`](Self::disconnect) take the transport, and dropping
///   their futures drops it. [`Handshake::complete_async`] may be dropped and repeated.
/// - A write seals the data and passes it to the transport at once. Bytes that the transport does not take
///   are sent by the next call of any kind. A flush waits until the transport has taken and flushed
///   everything.
/// - A read answers a KeyUpdate, and is not blocked by a transport that takes no bytes.
/// - A vectored write gathers the slices into one record. Every write seals its own records: pass a whole
///   message at a time, or use a `BufWriter`.
/// - The stream can be split, so that two tasks wait, one for each half.
/// - With the features `hyper`, `hyper-util` and `axum`, these libraries take it as it is. For HTTP/2, set
///   `alpn_protocols` of the rustls config.
///
/// `shutdown` sends a close_notify, once, and shuts down the sending direction of the transport,
/// unless the connection has failed. A transport that is not connected any more counts as shut down. Reads still
/// return data, and how the peer's direction ends.
/// [`Shutdown`] selects whether it waits for the peer's close_notify. [`close`](Self::close) does
/// not shut down the transport.
///
/// Dropping the stream sends nothing, so the peer sees a truncation: call `shutdown` first. For a TCP
/// connection, call [`disconnect`](Self::disconnect).
///
/// ```no_run
/// use std::sync::Arc;
/// use tls_record_alloc::TokioStream;
/// use tls_record_alloc::rustls::ClientConfig;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::TcpStream;
///
/// async fn fetch(config: Arc<ClientConfig>) -> std::io::Result<Vec<u8>> {
///     let tcp = TcpStream::connect("example.org:443").await?;
///     let name = "example.org".try_into().expect("a DNS name");
///     let mut tls = TokioStream::<_, Ring>::connect(config, name, tcp).await?;
///     tls.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
///     let mut page = Vec::new();
///     tls.read_to_end(&mut page).await?;
///     // The page is complete: reading ended with a close_notify. A server that is gone by now may answer
///     // ours with a reset, whose error must not replace the page.
///     let _ = tls.shutdown().await;
///     Ok(page)
/// }
/// ```
pub struct TokioStream<T, P: Provider> {
    pub(crate) transport: T,
    pub(crate) session: Session<P>,
    shutdown: Shutdown,
    receiving: Wait,
    sending: Wait,
}

/// How `shutdown` of a [`TokioStream`] closes the connection.
///
/// ```
/// use std::{io, time::Duration};
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{Shutdown, TokioStream};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::TcpStream;
/// # async fn timeout<T>(_: Duration, future: impl Future<Output = T>) -> io::Result<T> {
/// #     Ok(future.await)
/// # }
///
/// /// Closes the connection and returns the data that the peer still sent.
/// async fn close(mut tls: TokioStream<TcpStream, Ring>) -> io::Result<Vec<u8>> {
///     tls.set_shutdown(Shutdown::TwoSteps { budget: 65_536 });
///     timeout(Duration::from_secs(5), tls.shutdown()).await??; // tokio::time::timeout
///     let mut rest = Vec::new();
///     tls.read_to_end(&mut rest).await?;
///     Ok(rest)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shutdown {
    /// Sends a close_notify and does not wait for the peer's.
    ///
    /// To know that everything has arrived, read to the end afterwards.
    #[default]
    OneStep,
    /// Sends a close_notify and waits for the peer's.
    ///
    /// Data received meanwhile can be read afterwards, or at the same time by another task. There
    /// is no time limit, except on the streams of a `TlsListener`: use a timeout. The call may be
    /// dropped and repeated.
    ///
    /// Use it for transports that lose data in transit when they are closed: TCP resets a
    /// connection that is closed with unread input, and the reset may reach the peer before our
    /// last data.
    TwoSteps {
        /// Limits the bytes of records that are opened after our close_notify.
        ///
        /// It counts what is opened after it, not what is sent after it: data in flight, received records
        /// that no read has opened yet, and session tickets. Records count with or without application data, no
        /// matter which task reads them. So a well-behaved peer needs a budget of several kilobytes, and
        /// more if it may be sending data: 64 KiB is enough for most protocols.
        ///
        /// If there are more, shutting down fails with the inner error
        /// [`BudgetSpent`](tls_record::ShutdownError::BudgetSpent), which contains the number of
        /// bytes opened: read to the end, or repeat the call with a larger budget.
        budget: u32,
    },
}

common_methods!(TokioStream);

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> TokioStream<T, P> {
    /// Performs a client's handshake with the server called `name`.
    ///
    /// # Errors
    /// The errors of [`Handshake::client`] and [`from_handshake`](Self::from_handshake).
    pub async fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        match Handshake::client(config, name) {
            Ok(handshake) => Self::from_handshake(handshake, transport).await,
            Err(error) => Err(HandshakeFailed { error: error.into(), transport }),
        }
    }

    /// Performs a server's handshake.
    ///
    /// # Errors
    /// The errors of [`Handshake::server`] and [`from_handshake`](Self::from_handshake).
    pub async fn accept(
        config: Arc<ServerConfig>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        match Handshake::server(config) {
            Ok(handshake) => Self::from_handshake(handshake, transport).await,
            Err(error) => Err(HandshakeFailed { error: error.into(), transport }),
        }
    }

    /// Performs a handshake that was created with [`Handshake`] or [`Acceptor`](crate::Acceptor).
    ///
    /// Use it to change the [engine config](Handshake::engine_config) first.
    ///
    /// # Errors
    /// The errors of [`Handshake::complete_async`] and [`Handshake::finish`]. The error contains the
    /// transport.
    ///
    /// ```
    /// # use std::io;
    /// # use std::sync::Arc;
    /// # use tls_record_alloc::{Handshake, HandshakeFailed, TokioStream};
    /// # use tls_record_alloc::rustls::ServerConfig;
    /// # use tls_record_alloc::tls_record::aead::ring::Ring;
    /// # use tokio::net::TcpStream;
    /// use tls_record_alloc::tls_record::close::OnPeerClose;
    ///
    /// /// For a proxy, which forwards the end of each direction separately.
    /// async fn accept(
    ///     config: Arc<ServerConfig>,
    ///     tcp: TcpStream,
    /// ) -> io::Result<TokioStream<TcpStream, Ring>> {
    ///     let mut handshake = Handshake::server(config)?;
    ///     handshake.engine_config().tls12_on_peer_close = OnPeerClose::HalfClose;
    ///     Ok(TokioStream::from_handshake(handshake, tcp).await?)
    /// }
    /// ```
    pub async fn from_handshake(
        handshake: Handshake,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        let (established, transport) =
            drive::establish_async(handshake, transport, Handshake::finish).await?;
        Ok(Self::new(established, transport))
    }

    /// Closes the sending direction with a close_notify.
    ///
    /// It sends the close_notify once and does not wait for that of the peer. Reads still return
    /// data. Unlike `shutdown`, it does not shut down the transport. The future may be dropped and
    /// the call repeated.
    ///
    /// # Errors
    /// - The errors of the transport.
    /// - [`CloseError::Failed`](tls_record::CloseError::Failed), as an inner error, if the connection has
    ///   failed.
    pub async fn close(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_close(cx)).await
    }
}

impl<T, P: Provider> TokioStream<T, P> {
    fn with_session(session: Session<P>, transport: T) -> Self {
        Self {
            transport,
            session,
            shutdown: Shutdown::OneStep,
            receiving: Wait::new(),
            sending: Wait::new(),
        }
    }

    /// Sets how `shutdown` closes the connection. The default is [`Shutdown::OneStep`].
    pub const fn set_shutdown(&mut self, shutdown: Shutdown) {
        self.shutdown = shutdown;
    }

    /// Limits how long `shutdown` may take in which no byte is sent or received, and in all ten times as
    /// long: then it fails with [`TimedOut`](ErrorKind::TimedOut).
    ///
    /// It is for servers, such as hyper's, that await the shutdown of a stream themselves. Drop the stream
    /// then. Without it there is no limit.
    ///
    /// The time runs from the first call of `shutdown` until one returns, also while its future is dropped. A
    /// call after that, for instance after [`TimedOut`](ErrorKind::TimedOut), has the whole time again. Split
    /// halves have no limit, but the stream that is [joined](Self::join) of them has.
    ///
    /// # Panics
    /// `shutdown` panics outside of a runtime of tokio with time enabled.
    #[cfg(feature = "listener")]
    pub fn set_shutdown_timeout(&mut self, timeout: core::time::Duration) {
        self.session.time_limit = Some(TimeLimit::new(timeout));
    }

    /// Updates the sending keys (RFC 9846 section 4.7.3).
    ///
    /// If `request` is set, it also requests the peer to update its keys. Tickets that arrive later
    /// are not stored. The next call of any kind sends the KeyUpdate: flush to send it
    /// at once.
    ///
    /// # Errors
    /// The errors of [`RecordLayer::update_keys`](tls_record::RecordLayer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.session.update_keys(request)
    }

    /// Ends the connection with a fatal alert. Nothing more is read or written.
    ///
    /// The next call of any kind sends the alert. Call `shutdown`: it waits until the alert is
    /// sent, and returns an error because the connection has failed.
    ///
    /// # Errors
    /// The errors of [`RecordLayer::abort`](tls_record::RecordLayer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.session.abort(description);
        // Other tasks may wait for the transport. A shutdown in two steps waits for both directions.
        self.receiving.wake_all();
        self.sending.wake_all();
        aborted
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> TokioStream<T, P> {
    // Receiving

    /// Reads until there is [data](Session::data), some of it is in `room`, or the receiving direction has
    /// ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut impl Room) -> Poll<io::Result<()>> {
        let all = room.remaining();
        while self.session.data().is_empty() && room.remaining() == all {
            match self.session.open(room) {
                Ok(Step::Opened) => {}
                Ok(Step::NeedInput) => {
                    ready!(self.poll_receive(Half::Read, cx))?;
                }
                Ok(Step::Closed) => break,
                Err(error) => {
                    // A task that waits to send may have nothing left to send.
                    self.sending.wake(Half::Write);
                    self.receiving.wake(Half::Write);
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Receives once. Returns the number of bytes: 0 if the transport has ended.
    pub(crate) fn poll_receive(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Self { transport, session, receiving, .. } = self;
        if let Some(error) = session.inbox.read_error.take() {
            return Poll::Ready(Err(error));
        }
        let received = &mut session.inbox.received;
        let Poll::Ready(read) =
            receiving.poll(half, cx, |cx| poll_receive(received, transport, cx))
        else {
            received.release();
            return Poll::Pending;
        };
        let len = session.received(read)?;
        #[cfg(feature = "listener")]
        session.time_limit.iter_mut().for_each(TimeLimit::progressed);
        Poll::Ready(Ok(len))
    }

    /// Reads into `room`, as much as is there.
    pub(crate) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut impl Room,
    ) -> Poll<io::Result<()>> {
        if room.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let polled = self.poll_fill(cx, room);
        if !matches!(polled, Poll::Ready(Ok(()))) {
            self.send_due(Half::Read, cx);
            return polled;
        }
        // Read before sending: a fatal alert may follow the data, and then nothing is sent.
        loop {
            let stopped = self.session.fill_room(room);
            if stopped == Stopped::Ended {
                // A task that waits to send may have nothing left to send.
                self.sending.wake(Half::Write);
                self.receiving.wake(Half::Write);
            }
            // Filling the caller's buffer saves calls, also those of the caller.
            if stopped != Stopped::Filled {
                break;
            }
            match self.poll_receive(Half::Read, cx) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    self.session.inbox.read_error = Some(error);
                    break;
                }
                Poll::Pending => break,
            }
        }
        self.send_due(Half::Read, cx);
        Poll::Ready(Ok(()))
    }

    // Sending

    /// Writes sealed records to the transport.
    fn poll_send(&mut self, half: Half, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { transport, session, sending, .. } = self;
        if session.outbox.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let outbox = &mut session.outbox;
        let sent = sending.poll(half, cx, |cx| outbox.poll_send(transport, cx));
        sent.map(|sent| session.keep_first_error(sent))
    }

    pub(crate) fn poll_send_all(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { transport, session, sending, .. } = self;
        #[cfg(feature = "listener")]
        let unsent = session.outbox.unsent.filled().len();
        let sent = sending.poll(half, cx, |cx| session.poll_send_all(transport, cx));
        #[cfg(feature = "listener")]
        if session.outbox.unsent.filled().len() != unsent {
            session.time_limit.iter_mut().for_each(TimeLimit::progressed);
        }
        self.wake_receivers_at_end();
        sent
    }

    /// Sends what is due, as far as the transport takes it. The rest stays for the next call, which
    /// may report the error.
    fn send_due(&mut self, half: Half, cx: &mut Context<'_>) {
        if self.session.should_send() {
            let sent = self.poll_send_all(half, cx);
            self.report_later(sent);
        }
    }

    fn report_later(&mut self, sent: Poll<io::Result<()>>) {
        if let Poll::Ready(sent) = sent {
            self.session.outbox.report_later(sent);
        }
    }

    /// Wakes the tasks that wait to receive, if the receiving direction has ended: a reader, and a shutdown in
    /// two steps. A failure of the cipher while sealing ends it too, and the transport may never wake them.
    fn wake_receivers_at_end(&self) {
        if self.session.end().read != ReadEnd::Open {
            self.receiving.wake_all();
        }
    }

    fn poll_seal(&mut self, parts: &[&[u8]], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.session.may_write() {
            ready!(self.poll_send(Half::Write, cx))?;
        }
        let sealed = self.session.seal(parts);
        match sealed {
            // The data is taken even if sending fails now.
            Ok(_) => {
                let sent = self.poll_send(Half::Write, cx);
                self.report_later(sent);
            }
            Err(_) => {
                self.wake_receivers_at_end();
                self.send_due(Half::Write, cx);
            }
        }
        Poll::Ready(sealed)
    }

    // Closing

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = self.session.close();
        let sent = self.poll_send_all(Half::Write, cx);
        if closed.is_err() {
            // Wait until our fatal alert is sent.
            return sent.map(|_| closed);
        }
        ready!(sent)?;
        Poll::Ready(self.session.close())
    }

    /// Shuts down the sending direction of the transport, which has taken everything.
    pub(crate) fn poll_shut_down_transport(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { transport, session, sending, .. } = self;
        let shut = sending.poll(Half::Write, cx, |cx| poll_shut_down(transport, cx));
        shut.map(|shut| session.note_sent(shut))
    }

    /// Closes as the [`Shutdown`] says.
    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut closed = self.poll_close(cx);
        let rest = match self.shutdown {
            // Receive even if nothing can be sent: the peer may not read until we read.
            Shutdown::TwoSteps { budget } if !matches!(closed, Poll::Ready(Err(_))) => {
                let rest = self.poll_peer_close(budget, cx);
                closed = self.poll_close(cx);
                rest
            }
            _ => Poll::Ready(Ok(())),
        };
        // RFC 9846 section 6.1: how the peer's direction ended has no effect on ours. So after an
        // `OpenError`, send everything first, also an alert. After an exceeded budget or an error
        // of the transport, return at once.
        if let Poll::Ready(Err(error)) = &rest
            && !error.get_ref().is_some_and(|inner| inner.is::<OpenError>())
        {
            return rest;
        }
        let closed = ready!(closed);
        if let Poll::Ready(Err(error)) = &rest
            && error.kind() != ErrorKind::UnexpectedEof
        {
            return rest;
        }
        closed?;
        if rest.is_pending() {
            return Poll::Pending;
        }
        ready!(self.poll_shut_down_transport(cx))?;
        rest
    }

    /// Waits for the peer's close_notify, and keeps the data that comes before it.
    fn poll_peer_close(&mut self, budget: u32, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Enough for all data within the budget, and for the record that exceeds it.
        let budget_len = usize::try_from(budget).unwrap_or(usize::MAX);
        let ceiling = budget_len.saturating_add(MAX_RECORD);
        loop {
            self.session.inbox.keep(ceiling);
            self.session.check_budget(budget)?;
            match self.session.open(&mut InPlace)? {
                Step::Opened => {}
                Step::NeedInput => {
                    if let Err(error) = ready!(self.poll_receive(Half::Write, cx)) {
                        if is_lasting(&error) {
                            // The transport may report it once, and a read must not wait for more.
                            self.session.inbox.read_error = Some(BrokenBy::from(&error).to_error());
                        }
                        return Poll::Ready(Err(error));
                    }
                }
                Step::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> AsyncRead for TokioStream<T, P> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().poll_read_into(cx, out)
    }
}

/// Returns data in place, one record at a time, without copying it.
///
/// Only data received during a shutdown in two steps is copied.
impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> AsyncBufRead for TokioStream<T, P> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let polled = this.poll_fill(cx, &mut InPlace);
        this.send_due(Half::Read, cx);
        ready!(polled)?;
        Poll::Ready(Ok(this.session.data()))
    }

    fn consume(mut self: Pin<&mut Self>, len: usize) {
        self.session.inbox.consume(len);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> AsyncWrite for TokioStream<T, P> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_seal(&[data], cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_seal(&parts(slices), cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send_all(Half::Write, cx))?;
        Poll::Ready(this.session.check_nothing_discarded())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = this.poll_shut_down(cx);
        #[cfg(feature = "listener")]
        if let Some(limit) = &mut this.session.time_limit {
            let has_timed_out = shut.is_pending() && limit.is_over(cx);
            if has_timed_out || shut.is_ready() {
                limit.stop();
            }
            if has_timed_out {
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
        }
        shut
    }
}

/// No field is pinned structurally.
impl<T: Unpin, P: Provider> Unpin for TokioStream<T, P> {}

impl<T, P: Provider> core::fmt::Debug for TokioStream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("TokioStream").field(&self.session.info).finish_non_exhaustive()
    }
}
