//! Disconnecting over a transport of tokio.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::io::{self, ErrorKind};

use tls_record::End;
use tls_record::aead::Provider;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tokio_stream::TokioStream;
use crate::wait::Half;

/// Reads in a row before patience is asked, and other tasks have a turn.
const READS: usize = 32;

impl<T: AsyncRead + AsyncWrite + Unpin, P: Provider> TokioStream<T, P> {
    /// Ends the connection, and that of its transport, in order, so that everything arrives: sends what
    /// is unsent and a close_notify, or the alert of a connection that failed; shuts the sending
    /// direction of the transport; reads away what the peer still sends, up to `budget` bytes, until it
    /// ends too; and drops the transport. All of it takes no longer than `patience`, a future such as
    /// `tokio::time::sleep`. Returns how the connection ended.
    ///
    /// A budget of 64 KiB is enough for what clients of most protocols send before they see the end; give
    /// more where they may be in the middle of an upload.
    ///
    /// A TCP socket that is just dropped is reset if there is unread input, and the reset may destroy
    /// data that is on its way to the peer. So call it on every path, after errors too.
    ///
    /// # Errors
    /// Those of the transport while something was unsent; [`TimedOut`](ErrorKind::TimedOut) if the peer
    /// did not take everything in time. Data may not have arrived. That the peer does not end in time is
    /// no error.
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
            // After a failure it is the alert that is to be sent.
            let _ = self.session.close();
            // A peer that waits for us to read may not read either, so that both are polled.
            has_ended = has_ended || self.poll_discard(&mut budget, cx).is_ready();
            if !is_sent && let Poll::Ready(sent) = self.poll_last(cx) {
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

    /// Sends everything, and shuts the sending direction of the transport.
    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whether something was discarded is in what `end` tells.
        ready!(self.poll_send_all(Half::Write, cx))?;
        // It may be that the peer is gone, and the transport with it: what it took, it took.
        let _ = ready!(self.poll_shut(cx));
        Poll::Ready(Ok(()))
    }

    /// Reads away what arrives, until the transport ends or fails or the budget is spent.
    fn poll_discard(&mut self, budget: &mut u64, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS {
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

/// Ends a transport in order, so that what was sent arrives: shuts the sending direction, reads away
/// what the peer still sends, up to `budget` bytes, for no longer than `patience`, a future such as
/// `tokio::time::sleep`, and drops the transport. For those that are no [`TokioStream`]: after a
/// handshake that failed, or with halves of the engine. Split streams are [joined](TokioStream::join) and
/// disconnect by themselves.
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
    let mut is_shut = false;
    poll_fn(|cx| {
        is_shut = is_shut || Pin::new(&mut transport).poll_shutdown(cx).is_ready();
        if is_shut && poll_discard(&mut transport, &mut budget, cx).is_ready() {
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
    for _ in 0..READS {
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
