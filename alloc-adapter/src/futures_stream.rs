//! A TLS stream over a transport that implements the `AsyncRead` and `AsyncWrite` of futures-io.
//!
//! It is the stream for tokio over a transport with another interface: the two have one state machine.

use core::convert::identity;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;

use futures_io as futures;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tls_record::aead::Provider;
use tls_record::{AlertDescription, CloseError, End, KeyError};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::common_methods::session_methods;
use crate::error::HandshakeFailed;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::futures_io::FuturesIo;
use crate::halves::{ReadHalf, WriteHalf};
use crate::handshake::Handshake;
use crate::parts::Parts;
#[cfg(feature = "takeover")]
use crate::takeover::{Library, Takeover};
use crate::tokio_stream::{Shutdown, TokioStream};

/// A TLS connection over a transport of futures-io, for instance the `TcpStream` of smol or async-std.
///
/// It is [`TokioStream`] with the traits of futures-io: the same guarantees, errors and methods, and no
/// runtime of tokio. What it says of `shutdown` holds for the `close` of futures-io, which is the same
/// call. What `close` is there is [`close_notify`](Self::close_notify) here.
///
/// Dropping the stream sends nothing, so the peer sees a truncation: call `close` first. For a TCP
/// connection, call [`disconnect`](Self::disconnect).
///
/// ```no_run
/// use std::sync::Arc;
/// use smol::io::{AsyncReadExt, AsyncWriteExt};
/// use smol::net::TcpStream;
/// use tls_record_alloc::FuturesStream;
/// use tls_record_alloc::rustls::ClientConfig;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
///
/// async fn fetch(config: Arc<ClientConfig>) -> std::io::Result<Vec<u8>> {
///     let tcp = TcpStream::connect("example.org:443").await?;
///     let name = "example.org".try_into().expect("a DNS name");
///     let mut tls = FuturesStream::<_, Ring>::connect(config, name, tcp).await?;
///     tls.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
///     let mut page = Vec::new();
///     tls.read_to_end(&mut page).await?;
///     // The page is complete: reading ended with a close_notify. A server that is gone by now may answer
///     // ours with a reset, whose error must not replace the page.
///     let _ = tls.close().await;
///     Ok(page)
/// }
/// ```
pub struct FuturesStream<T, P: Provider> {
    tls: TokioStream<FuturesIo<T>, P>,
}

session_methods!(FuturesStream, tls.session);

impl<T: futures::AsyncRead + futures::AsyncWrite + Unpin, P: Provider> FuturesStream<T, P> {
    /// Performs a client's handshake with the server called `name`.
    ///
    /// # Errors
    /// The errors of [`TokioStream::connect`].
    pub async fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        Self::connected(TokioStream::connect(config, name, FuturesIo(transport)).await)
    }

    /// Performs a server's handshake.
    ///
    /// # Errors
    /// The errors of [`TokioStream::accept`].
    pub async fn accept(
        config: Arc<ServerConfig>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        Self::connected(TokioStream::accept(config, FuturesIo(transport)).await)
    }

    /// Performs a handshake that was created with [`Handshake`] or [`Acceptor`](crate::Acceptor).
    ///
    /// Use it to change the [engine config](Handshake::engine_config) first.
    ///
    /// # Errors
    /// The errors of [`TokioStream::from_handshake`].
    pub async fn from_handshake(
        handshake: Handshake,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        Self::connected(TokioStream::from_handshake(handshake, FuturesIo(transport)).await)
    }

    /// Performs the handshake of a TLS library other than rustls, and returns the stream.
    ///
    /// # Errors
    /// The errors of [`TokioStream::from_takeover`].
    #[cfg(feature = "takeover")]
    pub async fn from_takeover<L: Library>(
        takeover: Takeover<L, P>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        Self::connected(TokioStream::from_takeover(takeover, FuturesIo(transport)).await)
    }

    fn connected(
        connected: Result<TokioStream<FuturesIo<T>, P>, HandshakeFailed<FuturesIo<T>>>,
    ) -> Result<Self, HandshakeFailed<T>> {
        match connected {
            Ok(tls) => Ok(Self { tls }),
            Err(HandshakeFailed { error, transport: FuturesIo(transport) }) => {
                Err(HandshakeFailed { error, transport })
            }
        }
    }

    /// Closes the sending direction with a close_notify, and leaves the transport open.
    ///
    /// It sends the close_notify once and does not wait for that of the peer. Reads still return data.
    /// The future may be dropped and the call repeated.
    ///
    /// # Errors
    /// The errors of [`TokioStream::close`].
    pub async fn close_notify(&mut self) -> io::Result<()> {
        self.tls.close().await
    }

    /// Closes the connection and its transport without losing sent data.
    ///
    /// See [`TokioStream::disconnect`]. `patience` is a future that ends the wait for the peer.
    ///
    /// # Errors
    /// The errors of [`TokioStream::disconnect`].
    ///
    /// ```
    /// use std::{io, time::Duration};
    /// use smol::Timer;
    /// use smol::io::AsyncWriteExt;
    /// use smol::net::TcpStream;
    /// use tls_record_alloc::FuturesStream;
    /// use tls_record_alloc::tls_record::aead::ring::Ring;
    ///
    /// async fn serve(mut tls: FuturesStream<TcpStream, Ring>) -> io::Result<()> {
    ///     let served = tls.write_all(b"goodbye\n").await;
    ///     let patience = async { _ = Timer::after(Duration::from_secs(2)).await };
    ///     let disconnected = tls.disconnect(65_536, patience).await;
    ///     served.and(disconnected).map(drop)
    /// }
    /// ```
    pub async fn disconnect(
        self,
        budget: u64,
        patience: impl Future<Output = ()>,
    ) -> io::Result<End> {
        self.tls.disconnect(budget, patience).await
    }
}

impl<T, P: Provider> FuturesStream<T, P> {
    /// Makes a stream from an established connection and the transport of its handshake.
    pub fn new(established: Established<P>, transport: T) -> Self {
        Self { tls: TokioStream::new(established, FuturesIo(transport)) }
    }

    /// Sets how `close` of futures-io closes the connection. The default is [`Shutdown::OneStep`].
    pub const fn set_shutdown(&mut self, shutdown: Shutdown) {
        self.tls.set_shutdown(shutdown);
    }

    /// Updates the sending keys: see [`TokioStream::update_keys`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::update_keys`](tls_record::RecordLayer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.tls.update_keys(request)
    }

    /// Ends the connection with a fatal alert: see [`TokioStream::abort`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::abort`](tls_record::RecordLayer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        self.tls.abort(description)
    }

    /// Returns the transport.
    pub const fn transport(&self) -> &T {
        &self.tls.transport().0
    }

    /// Returns the transport, for instance to set its options.
    ///
    /// Do not read from it or write to it: its bytes belong to the stream.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.tls.transport_mut().0
    }

    /// Splits the stream into halves for two tasks.
    ///
    /// Neither half waits for the other: see [`ReadHalf`]. `split` makes the halves of
    /// the transport, for instance `|tcp| (tcp.clone(), tcp)` for a `TcpStream` of smol or async-std.
    ///
    /// ```
    /// use std::io;
    /// use smol::io::{AsyncReadExt, AsyncWriteExt};
    /// use smol::net::TcpStream;
    /// use tls_record_alloc::FuturesStream;
    /// use tls_record_alloc::tls_record::aead::ring::Ring;
    ///
    /// async fn send_and_receive(
    ///     tls: FuturesStream<TcpStream, Ring>,
    ///     data: Vec<u8>,
    /// ) -> io::Result<Vec<u8>> {
    ///     let (mut read, mut write) = tls.into_split(|tcp| (tcp.clone(), tcp));
    ///     let sending = smol::spawn(async move {
    ///         write.write_all(&data).await?;
    ///         write.close().await
    ///     });
    ///     let mut received = Vec::new();
    ///     read.read_to_end(&mut received).await?;
    ///     sending.await?;
    ///     Ok(received)
    /// }
    /// ```
    pub fn into_split<R, W>(
        self,
        split: impl FnOnce(T) -> (R, W),
    ) -> (ReadHalf<FuturesIo<R>, P>, WriteHalf<FuturesIo<W>, P>) {
        self.tls.into_split(|FuturesIo(transport)| {
            let (read, write) = split(transport);
            (FuturesIo(read), FuturesIo(write))
        })
    }

    /// Joins the halves of a stream. `join` joins the halves of the transport.
    ///
    /// A joined stream shuts down in one step, like a new one.
    ///
    /// # Errors
    /// [`KeyError::Mismatch`] if the halves are not from the same stream. Both are dropped.
    pub fn join<R, W>(
        read: ReadHalf<FuturesIo<R>, P>,
        write: WriteHalf<FuturesIo<W>, P>,
        join: impl FnOnce(R, W) -> T,
    ) -> Result<Self, KeyError> {
        let join = |read: FuturesIo<R>, write: FuturesIo<W>| FuturesIo(join(read.0, write.0));
        Ok(Self { tls: TokioStream::join(read, write, join)? })
    }

    /// Returns the transport, with the data that was not read and the records that were not sent.
    pub fn into_parts(self) -> Parts<T> {
        let Parts { transport: FuturesIo(transport), unread, received, unsent } =
            self.tls.into_parts();
        Parts { transport, unread, received, unsent }
    }
}

impl<T, P: Provider> core::fmt::Debug for FuturesStream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("FuturesStream").field(self.info()).finish_non_exhaustive()
    }
}

impl<T: Unpin, P: Provider> FuturesStream<T, P> {
    fn tls(self: Pin<&mut Self>) -> Pin<&mut TokioStream<FuturesIo<T>, P>> {
        Pin::new(&mut self.get_mut().tls)
    }
}

/// Implements the reading traits of futures-io for `$Stream` with those of tokio, which `$tls` returns.
macro_rules! impl_read {
    ($Stream:ty, [$($bound:tt)+], $tls:expr) => {
        impl<T: $($bound)+ + Unpin, P: Provider> futures::AsyncRead for $Stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                out: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let mut out = ReadBuf::new(out);
                ready!(AsyncRead::poll_read($tls(self), cx, &mut out))?;
                Poll::Ready(Ok(out.filled().len()))
            }
        }

        /// Returns data in place, one record at a time, without copying it.
        impl<T: $($bound)+ + Unpin, P: Provider> futures::AsyncBufRead for $Stream {
            fn poll_fill_buf(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<&[u8]>> {
                AsyncBufRead::poll_fill_buf($tls(self), cx)
            }

            fn consume(self: Pin<&mut Self>, len: usize) {
                AsyncBufRead::consume($tls(self), len);
            }
        }
    };
}

/// Implements `AsyncWrite` of futures-io for `$Stream` with that of tokio, which `$tls` returns.
macro_rules! impl_write {
    ($Stream:ty, [$($bound:tt)+], $tls:expr) => {
        impl<T: $($bound)+ + Unpin, P: Provider> futures::AsyncWrite for $Stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write($tls(self), cx, data)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored($tls(self), cx, slices)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush($tls(self), cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown($tls(self), cx)
            }
        }
    };
}

impl_read!(FuturesStream<T, P>, [futures::AsyncRead + futures::AsyncWrite], Self::tls);
impl_write!(FuturesStream<T, P>, [futures::AsyncRead + futures::AsyncWrite], Self::tls);
impl_read!(ReadHalf<FuturesIo<T>, P>, [futures::AsyncRead], identity);
impl_write!(WriteHalf<FuturesIo<T>, P>, [futures::AsyncWrite], identity);
