//! A transport of futures-io as a transport of tokio.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use futures_io as futures;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives a transport of futures-io the traits of tokio.
///
/// [`FuturesStream`](crate::FuturesStream) uses it for its transport. Use it with the functions of this
/// crate that take a transport of tokio, for instance
/// [`complete_async`](crate::Handshake::complete_async),
/// [`read_hello_async`](crate::Acceptor::read_hello_async) and
/// [`disconnect_async`](crate::disconnect_async). It needs no runtime of tokio.
///
/// ```
/// # use std::io;
/// # use std::sync::Arc;
/// # use tls_record_alloc::rustls::ServerConfig;
/// # use tls_record_alloc::tls_record::aead::ring::Ring;
/// use smol::net::TcpStream;
/// use tls_record_alloc::{Acceptor, FuturesIo, FuturesStream};
///
/// async fn accept(
///     mut tcp: TcpStream,
///     choose: impl Fn(Option<&str>) -> Arc<ServerConfig>,
/// ) -> io::Result<FuturesStream<TcpStream, Ring>> {
///     let mut acceptor = Acceptor::new();
///     let hello = acceptor.read_hello_async(&mut FuturesIo(&mut tcp)).await?;
///     let config = choose(hello.server_name());
///     Ok(FuturesStream::from_handshake(acceptor.accept(config)?, tcp).await?)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FuturesIo<T>(
    /// The transport.
    pub T,
);

impl<T: futures::AsyncRead + Unpin> AsyncRead for FuturesIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = out.initialize_unfilled();
        let len = ready!(Pin::new(&mut self.0).poll_read(cx, room))?;
        // `advance` panics beyond the room.
        out.advance(len.min(out.remaining()));
        Poll::Ready(Ok(()))
    }
}

impl<T: futures::AsyncWrite + Unpin> AsyncWrite for FuturesIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
