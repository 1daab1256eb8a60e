//! The traits of hyper for the stream.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, IoSlice};

use hyper::rt::{Read, ReadBufCursor, Write};
use tls_record::aead::Provider;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::tokio_stream::TokioStream;

/// With the feature `hyper`, so that a connection of hyper takes the stream itself.
///
/// The data is copied once, into the buffer of hyper.
///
/// ```no_run
/// # use std::{convert::Infallible, error::Error, sync::Arc};
/// use hyper::service::service_fn;
/// use hyper::{Request, Response, body::Incoming, server::conn::http1};
/// # use tls_record_alloc::rustls::ServerConfig;
/// use tls_record_alloc::TokioStream;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// # use tokio::net::TcpStream;
///
/// async fn serve(config: Arc<ServerConfig>, tcp: TcpStream) -> Result<(), Box<dyn Error>> {
///     let tls = TokioStream::<_, Ring>::accept(config, tcp).await?;
///     let hello = service_fn(async |_: Request<Incoming>| {
///         Ok::<_, Infallible>(Response::new("hello\n".to_owned()))
///     });
///     Ok(http1::Builder::new().serve_connection(tls, hello).await?)
/// }
/// ```
impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> Read for TokioStream<T, P> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().poll_read_into(cx, &mut out)
    }
}

/// With the feature `hyper`. `poll_shutdown` is that of tokio.
impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> Write for TokioStream<T, P> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(self, cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(self, cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        AsyncWrite::is_write_vectored(self)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(self, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(self, cx)
    }
}

/// With the feature `hyper-util`, for connectors of its client.
///
/// It reports HTTP/2 if the handshake negotiated `h2`. It reports nothing of the transport.
#[cfg(feature = "hyper-util")]
impl<T, P: Provider> hyper_util::client::legacy::connect::Connection for TokioStream<T, P> {
    fn connected(&self) -> hyper_util::client::legacy::connect::Connected {
        let connected = hyper_util::client::legacy::connect::Connected::new();
        match self.info().alpn.as_deref() {
            Some(b"h2") => connected.negotiated_h2(),
            _ => connected,
        }
    }
}
