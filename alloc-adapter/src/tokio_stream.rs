//! A connection over an asynchronous transport, as tokio has it.

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

use crate::belongings::belongings;
use crate::buffer::Buffer;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::halves::{self, ReadHalf, WriteHalf};
use crate::handshake::{Handshake, Progress};
use crate::parts::{HandshakeFailed, Parts};
use crate::session::inbox::Stopped;
use crate::session::{Session, Step, parts};
use crate::wait::{Half, Wait};

/// A TLS connection over a transport of tokio: its `TcpStream`, for instance.
///
/// Reading ends, with no bytes, only after the peer's close_notify; a transport that ends before is
/// an [`UnexpectedEof`](ErrorKind::UnexpectedEof). Errors of TLS carry the engine's own as their
/// inner error, as those of [`Stream`](crate::Stream) do.
///
/// - Dropping a future loses nothing: there are no bytes in it. Whatever was done is done, whatever
///   was not is done by the next call.
/// - Written data is sealed and given to the transport at once. What the transport does not take
///   leaves with the next call of any kind; flushing waits until it has taken everything and has
///   flushed it.
/// - Reading answers a KeyUpdate by itself, and a transport that takes nothing never stops it.
/// - Slices are gathered into one record. Every write makes records of its own: give it a whole message
///   at a time, or put a `BufWriter` around the stream.
/// - It can be split: two tasks may wait, one for each half.
///
/// Shutting down sends a close_notify, once, and shuts down the transport's direction, unless the
/// connection has failed; reading goes on, and tells how the peer's direction ends. Whether it waits for the peer's close_notify is
/// [`Shutdown`]'s to say. [`close`](Self::close) leaves the transport as it is.
///
/// Dropping the stream sends nothing: shut it down, or the peer sees a truncation. A TCP connection is
/// ended best by [`disconnect`](Self::disconnect).
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
///     tls.shutdown().await?;
///     assert!(tls.end().is_clean());
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

/// What shutting down a [`TokioStream`] does.
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
/// /// Says goodbye, and returns what the peer still had to say.
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
    /// It sends a close_notify and does not wait for the peer's. Who needs to know that everything has
    /// arrived reads to the end afterwards.
    #[default]
    OneStep,
    /// It sends a close_notify and waits for the peer's. Data that is under way can be read
    /// afterwards, or meanwhile by another task. How long to wait is the caller's to say, by a
    /// timeout: the call may be dropped and repeated.
    ///
    /// For transports that lose what is under way when they are closed: TCP resets a connection that is
    /// closed with data unread, and a reset may reach the peer before our last data does.
    TwoSteps {
        /// How many bytes of records are worth waiting for, counted from our close_notify on, whether
        /// they hold data or not and whoever reads it. With more than that, shutting down is an error,
        /// with [`BudgetSpent`](tls_record::ShutdownError::BudgetSpent) inside, which says how many came:
        /// read, or repeat it with a larger budget.
        budget: u32,
    },
}

belongings!(TokioStream);

impl Handshake {
    /// Makes the handshake over a transport of tokio. After a failure, rustls's alert is sent before
    /// the error returns.
    ///
    /// The future may be dropped and the call repeated: all state is in the handshake. When it is
    /// complete, the peer can complete it too: its output has left. Only the tickets of a TLS 1.3 server
    /// may still be [unsent](Self::unsent), or what a peer does not take that is gone already, or sends
    /// much before it reads: [`TokioStream::new`] takes care of it.
    ///
    /// # Errors
    /// Those of the transport, and [`HandshakeError`](crate::HandshakeError) as an inner error.
    ///
    /// ```
    /// # use std::io;
    /// # use tls_record_alloc::{Handshake, TokioStream};
    /// # use tls_record_alloc::tls_record::aead::ring::Ring;
    /// # use tokio::io::{AsyncRead, AsyncWrite};
    /// # async fn example<T>(mut handshake: Handshake, mut transport: T) -> io::Result<()>
    /// # where T: AsyncRead + AsyncWrite + Unpin {
    /// handshake.engine_config().fragment_limit = 1024;
    /// handshake.complete_async(&mut transport).await?;
    /// let tls = TokioStream::<_, Ring>::new(handshake.finish()?, transport);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn complete_async<T>(&mut self, transport: &mut T) -> io::Result<()>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        poll_fn(|cx| self.poll_complete(transport, cx)).await
    }

    fn poll_complete<T>(&mut self, transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let progress = self.advance();
            let sent = match poll_send(&mut self.unsent, transport, cx) {
                Poll::Ready(Ok(())) => Pin::new(&mut *transport).poll_flush(cx),
                sent => sent,
            };
            match progress {
                // The peer may be gone, but have left data for us.
                Ok(Progress::Complete) if sent.is_pending() && self.must_send_all() => {
                    // It may have to be read from before it takes more, but is not read for ever.
                    if self.received.is_full() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Ok(Progress::Complete) => return Poll::Ready(Ok(())),
                Ok(Progress::NeedInput) => {
                    if let Poll::Ready(sent) = sent {
                        sent?;
                    }
                }
                Err(error) => return sent.map(|_| Err(error.into())),
            }
            match ready!(poll_receive(&mut self.received, transport, cx))? {
                0 if self.is_complete() => return Poll::Ready(Ok(())),
                0 => self.eof()?,
                len => self.received.commit(len),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> TokioStream<T, P> {
    /// Makes a client's handshake with the server of this name.
    ///
    /// # Errors
    /// Those of [`Handshake::client`] and [`from_handshake`](Self::from_handshake).
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

    /// Makes a server's handshake.
    ///
    /// # Errors
    /// Those of [`Handshake::server`] and [`from_handshake`](Self::from_handshake).
    pub async fn accept(
        config: Arc<ServerConfig>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        match Handshake::server(config) {
            Ok(handshake) => Self::from_handshake(handshake, transport).await,
            Err(error) => Err(HandshakeFailed { error: error.into(), transport }),
        }
    }

    /// Makes a handshake over a transport: one with [settings](Handshake::engine_config) of its own.
    ///
    /// # Errors
    /// Those of [`Handshake::complete_async`] and [`Handshake::finish`]. The transport comes back.
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
    /// /// For a proxy, which passes on the end of each direction by itself.
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
        mut handshake: Handshake,
        mut transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        let completed = handshake.complete_async(&mut transport).await;
        match completed.and_then(|()| Ok(handshake.finish()?)) {
            Ok(established) => Ok(Self::new(established, transport)),
            Err(error) => Err(HandshakeFailed { error, transport }),
        }
    }

    /// Closes our direction: sends a close_notify, once, and does not wait for the peer's. Reading
    /// goes on. Unlike `shutdown`, it does not shut down the transport. The future may be dropped and the
    /// call repeated.
    ///
    /// # Errors
    /// Those of the transport. With an inner error,
    /// [`CloseError::Failed`](tls_record::CloseError::Failed) if the connection has failed.
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

    /// What shutting down does from now on.
    pub const fn set_shutdown(&mut self, shutdown: Shutdown) {
        self.shutdown = shutdown;
    }

    /// Goes on to the next generation of keys (RFC 9846 section 4.7.3), and asks the peer to do the
    /// same if `request` is set. Tickets that arrive later are not kept. The KeyUpdate leaves with the
    /// next call of any kind: flush, if there is none.
    ///
    /// # Errors
    /// Those of [`RecordLayer::update_keys`](tls_record::RecordLayer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.session.update_keys(request)
    }

    /// Ends the connection with a fatal alert. Nothing more is read or written. The alert leaves with the
    /// next call of any kind: shut down, which waits for it and reports that the connection has failed.
    ///
    /// # Errors
    /// Those of [`RecordLayer::abort`](tls_record::RecordLayer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.session.abort(description);
        // Other tasks may wait for the transport.
        self.receiving.wake(Half::Read);
        self.sending.wake(Half::Write);
        aborted
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> TokioStream<T, P> {
    // Receiving

    /// Reads until there is [data](Session::data), or the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.data().is_empty() {
            match self.session.open() {
                Ok(Step::Opened) => {}
                Ok(Step::NeedInput) => {
                    ready!(self.poll_receive(Half::Read, cx))?;
                }
                Ok(Step::Closed) => break,
                Err(error) => {
                    // There may be nothing to wait for any more.
                    self.sending.wake(Half::Write);
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Receives once. Returns how many bytes came: none if the transport has ended.
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
        let len = session.answered(read)?;
        session.arrived(len);
        Poll::Ready(Ok(len))
    }

    // Sending

    /// Gives the transport what is sealed.
    fn poll_send(&mut self, half: Half, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { transport, session, sending, .. } = self;
        if session.outbox.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let outbox = &mut session.outbox;
        let sent = sending.poll(half, cx, |cx| outbox.poll_send(transport, cx));
        sent.map(|sent| session.answered(sent))
    }

    pub(crate) fn poll_send_all(
        &mut self,
        half: Half,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { transport, session, sending, .. } = self;
        let sent = sending.poll(half, cx, |cx| session.poll_send_all(transport, cx));
        self.tell_reader();
        sent
    }

    /// Sends what is due, as far as the transport takes it. What does not leave is still there for the
    /// next call, which may report why.
    fn send_due(&mut self, half: Half, cx: &mut Context<'_>) {
        if self.session.should_send() {
            let _ = self.poll_send_all(half, cx);
        }
    }

    /// A cipher that fails ends reading, too: who waits for the transport would wait for ever.
    fn tell_reader(&self) {
        if self.session.end().read != ReadEnd::Open {
            self.receiving.wake(Half::Read);
        }
    }

    fn poll_seal(&mut self, parts: &[&[u8]], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.session.may_write() {
            ready!(self.poll_send(Half::Write, cx))?;
        }
        let sealed = self.session.seal(parts);
        match sealed {
            // The data is taken, whatever becomes of it.
            Ok(_) => drop(self.poll_send(Half::Write, cx)),
            Err(_) => {
                self.tell_reader();
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
            // A fatal alert of ours is waited for.
            return sent.map(|_| closed);
        }
        ready!(sent)?;
        Poll::Ready(self.session.close())
    }

    /// Shuts down the sending direction of the transport.
    pub(crate) fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { transport, session, sending, .. } = self;
        let shut = sending.poll(Half::Write, cx, |cx| Pin::new(transport).poll_shutdown(cx));
        shut.map(|shut| session.sent(shut))
    }

    /// Waits for the peer's close_notify, and keeps the data that comes before it.
    fn poll_rest(&mut self, budget: u32, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A peer that sends more has spent the budget, by the last record at the latest.
        let budget_len = usize::try_from(budget).unwrap_or(usize::MAX);
        let ceiling = budget_len.saturating_add(MAX_RECORD);
        loop {
            self.session.inbox.keep(ceiling);
            self.session.check_budget(budget)?;
            match self.session.open()? {
                Step::Opened => {}
                Step::NeedInput => {
                    ready!(self.poll_receive(Half::Write, cx))?;
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
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let this = self.get_mut();
        let polled = this.poll_data(cx);
        if !matches!(polled, Poll::Ready(Ok(()))) {
            this.send_due(Half::Read, cx);
            return polled;
        }
        // Before anything is sent: an alert may lie behind the data, after which nothing is.
        loop {
            let room = out.remaining();
            let (_, stopped) = this.session.copy_data(room, |data| out.put_slice(data));
            if stopped == Stopped::Ended {
                // There may be nothing to wait for any more.
                this.sending.wake(Half::Write);
            }
            // Filling what the caller has room for saves calls, its own too.
            if stopped != Stopped::Filled {
                break;
            }
            match this.poll_receive(Half::Read, cx) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    this.session.inbox.read_error = Some(error);
                    break;
                }
                Poll::Pending => break,
            }
        }
        this.send_due(Half::Read, cx);
        Poll::Ready(Ok(()))
    }
}

/// Data is read where it was decrypted, one record at a time: nothing is copied, but for what came
/// while the stream was shutting down in two steps.
impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> AsyncBufRead for TokioStream<T, P> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let polled = this.poll_data(cx);
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
        Poll::Ready(this.session.check_not_cut())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut closed = this.poll_close(cx);
        let rest = match this.shutdown {
            // Even if nothing can be sent: a peer that waits for us to read does not read either.
            Shutdown::TwoSteps { budget } if !matches!(closed, Poll::Ready(Err(_))) => {
                let rest = this.poll_rest(budget, cx);
                closed = this.poll_close(cx);
                rest
            }
            _ => Poll::Ready(Ok(())),
        };
        // RFC 9846 section 6.1: how the peer's direction ended has no effect on ours. Everything leaves
        // first, an alert too; but a budget that is spent, or a broken transport, is not waited for.
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
        ready!(this.poll_shut(cx))?;
        rest
    }
}

/// Nothing in it is pinned.
impl<T: Unpin, P: Provider> Unpin for TokioStream<T, P> {}

impl<T, P: Provider> core::fmt::Debug for TokioStream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("TokioStream").field(&self.session.info).finish_non_exhaustive()
    }
}

/// Gives the transport what is unsent. What it does not take stays.
pub(crate) fn poll_send<T: AsyncWrite + Unpin>(
    unsent: &mut Buffer,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !unsent.is_empty() {
        match ready!(Pin::new(&mut *transport).poll_write(cx, unsent.filled()))? {
            0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
            len => unsent.consume(len),
        }
    }
    Poll::Ready(Ok(()))
}

/// Puts what the transport has into the room of `received`, and returns how much it was.
pub(crate) fn poll_receive<T: AsyncRead + Unpin>(
    received: &mut Buffer,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut room = ReadBuf::new(received.room());
    ready!(Pin::new(transport).poll_read(cx, &mut room))?;
    Poll::Ready(Ok(room.filled().len()))
}
