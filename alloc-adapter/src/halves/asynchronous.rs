//! The halves of a split stream over transports of tokio.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};

use tls_record::aead::Provider;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::{ReadHalf, WriteHalf};
use crate::session::inbox::{Step, Stopped};
use crate::session::parts;
use crate::session::room::{InPlace, Room};
use crate::transport::{poll_receive, poll_shut_down};

impl<T: AsyncRead + Unpin, P: Provider> ReadHalf<T, P> {
    /// Reads until there is data, some of it is in `room`, or the receiving direction has ended.
    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut impl Room) -> Poll<io::Result<()>> {
        let all = room.remaining();
        while self.inbox.data().is_empty() && room.remaining() == all {
            match self.open(room)? {
                Step::Opened => {}
                Step::NeedInput => ready!(self.poll_receive(cx))?,
                Step::Closed => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.inbox.read_error.take() {
            return Poll::Ready(Err(error));
        }
        let received = &mut self.inbox.received;
        let Poll::Ready(read) = poll_receive(received, &mut self.transport, cx) else {
            received.release();
            return Poll::Pending;
        };
        Poll::Ready(self.received(read))
    }
}

impl<T: AsyncRead + Unpin, P: Provider> AsyncRead for ReadHalf<T, P> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let this = self.get_mut();
        ready!(this.poll_fill(cx, out))?;
        while this.fill_room(out) == Stopped::Filled {
            match this.poll_receive(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    this.inbox.read_error = Some(error);
                    break;
                }
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Returns data in place, one record at a time, without copying it.
impl<T: AsyncRead + Unpin, P: Provider> AsyncBufRead for ReadHalf<T, P> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_fill(cx, &mut InPlace))?;
        Poll::Ready(Ok(this.inbox.data()))
    }

    fn consume(mut self: Pin<&mut Self>, len: usize) {
        self.inbox.consume(len);
    }
}

impl<T: AsyncWrite + Unpin, P: Provider> WriteHalf<T, P> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.outbox.poll_send(&mut self.transport, cx);
        sent.map(|sent| self.keep_first_error(sent))
    }

    fn poll_send_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.outbox.poll_send_all(&mut self.sealer, &mut self.transport, cx);
        self.drop_old_tickets();
        sent.map(|sent| self.keep_first_error(sent))
    }

    /// Polls a call of this half. If the reading half finds that the connection has failed, a call that waits
    /// for the transport is polled again.
    fn poll_until_failure<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let mut polled = poll(self, cx);
        // It may have failed before the waker was stored.
        if polled.is_pending() && self.sealer.wait_for_failure(cx.waker()) {
            polled = poll(self, cx);
        }
        if polled.is_ready() {
            self.sealer.stop_waiting();
        }
        polled
    }

    fn poll_seal(&mut self, parts: &[&[u8]], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.exchange();
        if self.may_write() {
            ready!(self.poll_send(cx))?;
        }
        let sealed = self.seal(parts);
        // The data is taken even if sending fails now. After an error, the alert is sent.
        let sent = if sealed.is_ok() { self.poll_send(cx) } else { self.poll_send_all(cx) };
        if let Poll::Ready(sent) = sent {
            self.outbox.report_later(sent);
        }
        Poll::Ready(sealed)
    }
}

impl<T: AsyncWrite + Unpin, P: Provider> AsyncWrite for WriteHalf<T, P> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_until_failure(cx, |this, cx| this.poll_seal(&[data], cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let parts = parts(slices);
        self.get_mut().poll_until_failure(cx, |this, cx| this.poll_seal(&parts, cx))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_until_failure(cx, |this, cx| {
            this.exchange();
            ready!(this.poll_send_all(cx))?;
            Poll::Ready(this.check_nothing_discarded())
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_until_failure(cx, |this, cx| {
            let closed = this.queue_close();
            let sent = ready!(this.poll_send_all(cx));
            closed?;
            sent?;
            this.queue_close()?;
            let shut = ready!(poll_shut_down(&mut this.transport, cx));
            Poll::Ready(this.note_sent(shut))
        })
    }
}

/// No field is pinned structurally.
impl<T: Unpin, P: Provider> Unpin for ReadHalf<T, P> {}

/// No field is pinned structurally.
impl<T: Unpin, P: Provider> Unpin for WriteHalf<T, P> {}
