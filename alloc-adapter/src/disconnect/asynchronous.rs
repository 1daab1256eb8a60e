//! `disconnect` over a transport of tokio.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind};

use tls_record::End;
use tls_record::aead::Provider;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tokio_stream::TokioStream;
use crate::wait::Half;

/// Reads in one poll, after which `patience` is polled and other tasks get a turn.
const READS_PER_POLL: usize = 32;

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> TokioStream<T, P> {
    /// Closes the connection and its transport without losing sent data.
    ///
    /// Returns how the connection ended. It does these steps, and stops when `patience` completes,
    /// a future such as `tokio::time::sleep`:
    /// 1. sends everything unsent and a close_notify, or the alert of a connection that failed;
    /// 2. shuts down the sending direction of the transport;
    /// 3. reads and discards what the peer sends, up to `budget` bytes, until the peer ends as well;
    /// 4. drops the transport.
    ///
    /// A budget of 64 KiB is enough for what clients of most protocols send before they see the
    /// end. Use a larger one if the peer may be in the middle of an upload.
    ///
    /// A TCP socket that is dropped with unread input is reset, and the reset may destroy data on
    /// its way to the peer. Call this on every path, also after errors.
    ///
    /// # Errors
    /// Data may not have arrived after an error.
    /// - The errors of the transport, while something was unsent.
    /// - [`TimedOut`](ErrorKind::TimedOut) if the transport did not take everything in time.
    ///
    /// It is not an error if the peer does not end in time.
    ///
    /// ```
    /// use std::io;
    /// use tls_record_alloc::TokioStream;
    /// use tls_record_alloc::tls_record::aead::ring::Ring;
    /// use tokio::io::AsyncWriteExt;
    /// use tokio::net::TcpStream;
    /// # use std::{future::{Ready, ready}, time::Duration};
    /// # fn sleep(_: Duration) -> Ready<()> { ready(()) }
    ///
    /// async fn serve(mut tls: TokioStream<TcpStream, Ring>) -> io::Result<()> {
    ///     let served = tls.write_all(b"goodbye\n").await;
    ///     let patience = sleep(Duration::from_secs(2)); // tokio::time::sleep
    ///     let disconnected = tls.disconnect(65_536, patience).await;
    ///     served.and(disconnected).map(drop)
    /// }
    /// ```
    pub async fn disconnect(
        mut self,
        budget: u64,
        patience: impl Future<Output = ()>,
    ) -> io::Result<End> {
        let mut patience = pin!(patience);
        let (mut budget, mut is_sent, mut has_ended) = (budget, false, false);
        let disconnected: io::Result<()> = poll_fn(|cx| {
            // It fails after a failure of the connection. Then the alert is sent instead.
            let _ = self.session.close();
            // A peer may not read until we read, so poll both directions.
            has_ended = has_ended || self.poll_discard(&mut budget, cx).is_ready();
            if !is_sent && let Poll::Ready(sent) = self.poll_send_and_shut_down(cx) {
                sent?;
                is_sent = true;
            }
            if is_sent && has_ended {
                return Poll::Ready(Ok(()));
            }
            ready!(patience.as_mut().poll(cx));
            Poll::Ready(if is_sent { Ok(()) } else { Err(ErrorKind::TimedOut.into()) })
        })
        .await;
        disconnected.map(|()| self.end())
    }

    /// Sends everything and shuts down the sending direction of the transport.
    fn poll_send_and_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // If records were discarded, `end` reports it.
        ready!(self.poll_send_all(Half::Write, cx))?;
        // The transport has taken everything, so its error does not matter: the peer may be gone.
        let _ = ready!(self.poll_shut_down_transport(cx));
        Poll::Ready(Ok(()))
    }

    /// Discards input until the transport ends or fails or the budget is spent.
    fn poll_discard(&mut self, budget: &mut u64, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            self.session.discard_input();
            if *budget == 0 {
                return Poll::Ready(());
            }
            match ready!(self.poll_receive(Half::Read, cx)) {
                Ok(len @ 1..) => *budget = budget.saturating_sub(len as u64),
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Closes a transport that is not part of a [`TokioStream`] without losing sent data.
///
/// Shuts down the sending direction, meanwhile reads and discards what the peer sends, up to `budget`
/// bytes, until the peer ends or `patience` completes, a future such as `tokio::time::sleep`, and drops
/// the transport. Use it after a handshake that failed, or with an opener and a sealer of your own.
/// For a split stream, [join](TokioStream::join) the halves and call [`TokioStream::disconnect`].
///
/// ```
/// # use std::{future::{Ready, ready}, io, sync::Arc, time::Duration};
/// # use tls_record_alloc::rustls::ServerConfig;
/// # use tls_record_alloc::tls_record::aead::ring::Ring;
/// # use tokio::net::TcpStream;
/// # type Tls = TokioStream<TcpStream, Ring>;
/// # fn sleep(_: Duration) -> Ready<()> { ready(()) }
/// use tls_record_alloc::{TokioStream, disconnect_async};
///
/// async fn accept(config: Arc<ServerConfig>, tcp: TcpStream) -> io::Result<Tls> {
///     match TokioStream::accept(config, tcp).await {
///         Ok(tls) => Ok(tls),
///         Err(failed) => {
///             let patience = sleep(Duration::from_secs(2)); // tokio::time::sleep
///             disconnect_async(failed.transport, 65_536, patience).await;
///             Err(failed.error)
///         }
///     }
/// }
/// ```
pub async fn disconnect_async<T: AsyncRead + AsyncWrite + Unpin>(
    mut transport: T,
    mut budget: u64,
    patience: impl Future<Output = ()>,
) {
    let mut patience = pin!(patience);
    let (mut is_shut, mut has_ended) = (false, false);
    poll_fn(|cx| {
        // A transport with a buffer sends its rest first, and the peer may not read until we read.
        is_shut = is_shut || Pin::new(&mut transport).poll_shutdown(cx).is_ready();
        has_ended = has_ended || poll_discard(&mut transport, &mut budget, cx).is_ready();
        if is_shut && has_ended {
            return Poll::Ready(());
        }
        patience.as_mut().poll(cx)
    })
    .await;
}

fn poll_discard<T: AsyncRead + Unpin>(
    transport: &mut T,
    budget: &mut u64,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let mut rest = [0; 4096];
    for _ in 0..READS_PER_POLL {
        if *budget == 0 {
            return Poll::Ready(());
        }
        let mut rest = ReadBuf::new(&mut rest);
        let received = ready!(Pin::new(&mut *transport).poll_read(cx, &mut rest));
        let len = rest.filled().len();
        if received.is_err() || len == 0 {
            return Poll::Ready(());
        }
        *budget = budget.saturating_sub(len as u64);
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
