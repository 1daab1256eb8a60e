//! Both kinds of stream, over a transport in memory.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tls_record::aead::Provider;
use tls_record_alloc::{Established, Exporter, ReadHalf, Stream, TokioStream, WriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end of a transport in memory.
#[derive(Clone, Default)]
pub(super) struct Pipe {
    incoming: Arc<Mutex<VecDeque<u8>>>,
    outgoing: Arc<Mutex<VecDeque<u8>>>,
}

impl Pipe {
    pub(super) fn pair() -> [Self; 2] {
        let one = Self::default();
        let other = Self { incoming: one.outgoing.clone(), outgoing: one.incoming.clone() };
        [one, other]
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.incoming.lock().unwrap().read(out)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.lock().unwrap().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.read(out.initialize_unfilled()) {
            Ok(len) => {
                out.advance(len);
                Poll::Ready(Ok(()))
            }
            Err(_) => Poll::Pending,
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(data))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The operations that the tests need, for both kinds of stream.
pub(super) trait Tls<P: Provider>: Sized {
    fn new(established: Established<P>, pipe: Pipe) -> Self;
    fn split(self) -> (ReadHalf<Pipe, P>, WriteHalf<Pipe, P>);
    fn join(read: ReadHalf<Pipe, P>, write: WriteHalf<Pipe, P>) -> Self;
    fn exporter(&self) -> Option<&Exporter>;
    fn send(&mut self, data: &[u8]);
    /// Returns 0 if nothing was received.
    fn receive(&mut self, out: &mut [u8]) -> usize;
    fn update_keys(&mut self);
}

macro_rules! tls {
    ($Stream:ident, $send:expr, $receive:expr) => {
        impl<P: Provider> Tls<P> for $Stream<Pipe, P> {
            fn new(established: Established<P>, pipe: Pipe) -> Self {
                Self::new(established, pipe)
            }

            fn split(self) -> (ReadHalf<Pipe, P>, WriteHalf<Pipe, P>) {
                self.into_split(|pipe| (pipe.clone(), pipe))
            }

            fn join(read: ReadHalf<Pipe, P>, write: WriteHalf<Pipe, P>) -> Self {
                Self::join(read, write, |pipe, _| pipe).unwrap()
            }

            fn exporter(&self) -> Option<&Exporter> {
                self.exporter()
            }

            fn send(&mut self, data: &[u8]) {
                $send(self, data);
            }

            fn receive(&mut self, out: &mut [u8]) -> usize {
                $receive(self, out)
            }

            fn update_keys(&mut self) {
                self.update_keys(true).unwrap();
            }
        }
    };
}

tls!(
    Stream,
    |tls: &mut Self, data: &[u8]| {
        tls.write_all(data).unwrap();
        tls.flush().unwrap();
    },
    |tls: &mut Self, out: &mut [u8]| tls.read(out).unwrap_or_default()
);

tls!(
    TokioStream,
    |tls: &mut Self, data: &[u8]| {
        let cx = &mut Context::from_waker(Waker::noop());
        if !data.is_empty() {
            assert!(Pin::new(&mut *tls).poll_write(cx, data).is_ready());
        }
        assert!(Pin::new(tls).poll_flush(cx).is_ready());
    },
    |tls: &mut Self, out: &mut [u8]| {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut out = ReadBuf::new(out);
        let _ = Pin::new(tls).poll_read(cx, &mut out).map(Result::unwrap);
        out.filled().len()
    }
);
