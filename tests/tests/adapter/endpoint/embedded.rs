//! The stream of the core, called in both ways.

use std::future::Future;
use std::task::Poll;

use embedded_io::{BufRead, Read, Write};
use embedded_io_async as asynch;
use tls_record_alloc::tls_record::aead::{Provider, ring::Ring};
use tls_record_alloc::tls_record::{
    AlertDescription, CloseError, Connection, EmbeddedStream, End, KeyError, MAX_RECORD,
    RecordBuffer, StreamError, TrafficSecret, Writer,
};
use tls_record_alloc::{Established, Progress};
use tls_record_tests::peers::{Negotiated, Peer, Role};

use crate::endpoint::{Endpoint, Failure};
use crate::polling::poll_once;
use crate::support::{Stack, handshake, other, take_unsent};
use crate::wire::{Wire, WireError};

type TlsBy<Q, const RX: usize, P> = EmbeddedStream<Wire<Q>, TrafficSecret<P>, RX, 2048>;

/// The stream with ring.
pub(crate) type Tls<Q = dyn Peer, const RX: usize = MAX_RECORD> = TlsBy<Q, RX, Ring>;

pub(crate) fn stream_to<Q: Peer + ?Sized, const RX: usize>(
    role: Role,
    agreed: Negotiated,
    peer: Box<Q>,
) -> Tls<Q, RX> {
    stream_by(role, agreed, peer)
}

/// The same with another cipher.
pub(crate) fn stream_by<Q: Peer + ?Sized, const RX: usize, P: Provider>(
    role: Role,
    agreed: Negotiated,
    peer: Box<Q>,
) -> TlsBy<Q, RX, P> {
    let mut wire = Wire::to(peer);
    let mut handshake = handshake(role, agreed);
    while handshake.advance().unwrap() != Progress::Complete {
        wire.peer.receive(&take_unsent(&mut handshake));
        assert_eq!(handshake.receive(wire.collect().make_contiguous()), wire.incoming.len());
        wire.incoming.clear();
    }
    wire.peer.receive(&take_unsent(&mut handshake));
    let Established { opener, sealer, received, .. } = handshake.finish().unwrap();
    let mut buffer = RecordBuffer::new();
    let left_over = received.filled();
    buffer.room().unwrap()[..left_over.len()].copy_from_slice(left_over);
    buffer.received(left_over.len());
    EmbeddedStream::new(Connection::join(*opener, Writer::new(*sealer)).unwrap(), buffer, wire)
}

/// Returns an established stream to a peer.
pub(crate) fn stream(role: Role, agreed: Negotiated, stack: Stack) -> Tls {
    stream_to(role, agreed, stack.peer(other(role), agreed))
}

/// Takes the session tickets that came with the handshake.
pub(crate) fn settle<Q: Peer + ?Sized>(tls: &mut Tls<Q>) {
    let read = Read::read(tls, &mut [0]);
    assert_eq!(read, Err(StreamError::Transport(WireError::WouldWait)));
}

pub(crate) fn read_some<Q: Peer + ?Sized, const RX: usize>(tls: &mut Tls<Q, RX>) -> Vec<u8> {
    let mut out = [0; 100];
    let len = Read::read(tls, &mut out).unwrap();
    out[..len].to_vec()
}

/// Polls a future once. Where it waits, the blocking call fails with the same error.
fn polled<T>(
    future: impl Future<Output = Result<T, StreamError<WireError>>>,
) -> Result<T, StreamError<WireError>> {
    match poll_once(future) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(StreamError::Transport(WireError::WouldWait)),
    }
}

/// The two ways to call a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calls {
    Blocking,
    Asynchronous,
}

impl Calls {
    pub(crate) const BOTH: [Self; 2] = [Self::Blocking, Self::Asynchronous];

    pub(crate) fn read<Q: Peer + ?Sized, P: Provider>(
        self,
        tls: &mut TlsBy<Q, MAX_RECORD, P>,
        out: &mut [u8],
    ) -> Result<usize, StreamError<WireError>> {
        match self {
            Self::Blocking => Read::read(tls, out),
            Self::Asynchronous => polled(asynch::Read::read(tls, out)),
        }
    }

    /// Reads where no data has arrived.
    pub(crate) fn wait(self, tls: &mut Tls) {
        let read = self.read(tls, &mut [0]);
        assert_eq!(read, Err(StreamError::Transport(WireError::WouldWait)));
    }

    pub(crate) fn write<Q: Peer + ?Sized, P: Provider>(
        self,
        tls: &mut TlsBy<Q, MAX_RECORD, P>,
        data: &[u8],
    ) -> Result<usize, StreamError<WireError>> {
        match self {
            Self::Blocking => Write::write(tls, data),
            Self::Asynchronous => polled(asynch::Write::write(tls, data)),
        }
    }

    pub(crate) fn write_all<Q: Peer + ?Sized, P: Provider>(
        self,
        tls: &mut TlsBy<Q, MAX_RECORD, P>,
        mut data: &[u8],
    ) {
        while !data.is_empty() {
            data = &data[self.write(tls, data).unwrap()..];
        }
    }

    pub(crate) fn flush<Q: Peer + ?Sized, P: Provider>(
        self,
        tls: &mut TlsBy<Q, MAX_RECORD, P>,
    ) -> Result<(), StreamError<WireError>> {
        match self {
            Self::Blocking => Write::flush(tls),
            Self::Asynchronous => polled(asynch::Write::flush(tls)),
        }
    }

    pub(crate) fn close<Q: Peer + ?Sized, P: Provider>(
        self,
        tls: &mut TlsBy<Q, MAX_RECORD, P>,
    ) -> Result<(), StreamError<WireError>> {
        match self {
            Self::Blocking => tls.close(),
            Self::Asynchronous => polled(tls.close_async()),
        }
    }

    pub(crate) fn close_and_drain<Q: Peer + ?Sized, P: Provider>(
        self,
        tls: &mut TlsBy<Q, MAX_RECORD, P>,
        budget: u32,
        rest: impl FnMut(&[u8]),
    ) -> Result<(), StreamError<WireError>> {
        match self {
            Self::Blocking => tls.close_and_drain(budget, rest),
            Self::Asynchronous => polled(tls.close_and_drain_async(budget, rest)),
        }
    }
}

/// A stream with the way in which it is called.
pub(crate) struct Called<Q: Peer + ?Sized, P: Provider> {
    pub(crate) tls: TlsBy<Q, MAX_RECORD, P>,
    pub(crate) calls: Calls,
}

impl<Q: Peer + ?Sized, P: Provider> Endpoint<Q> for Called<Q, P> {
    fn wire(&mut self) -> &mut Wire<Q> {
        self.tls.transport_mut()
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, Failure> {
        Ok(self.calls.read(&mut self.tls, out)?)
    }

    fn fill_buf(&mut self) -> Result<&[u8], Failure> {
        match self.calls {
            Calls::Blocking => Ok(BufRead::fill_buf(&mut self.tls)?),
            Calls::Asynchronous => Ok(polled(asynch::BufRead::fill_buf(&mut self.tls))?),
        }
    }

    fn consume(&mut self, len: usize) {
        match self.calls {
            Calls::Blocking => BufRead::consume(&mut self.tls, len),
            Calls::Asynchronous => asynch::BufRead::consume(&mut self.tls, len),
        }
    }

    fn write(&mut self, data: &[u8]) -> Result<usize, Failure> {
        Ok(self.calls.write(&mut self.tls, data)?)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.calls.flush(&mut self.tls)?)
    }

    fn close(&mut self) -> Result<(), Failure> {
        Ok(self.calls.close(&mut self.tls)?)
    }

    fn close_and_drain(&mut self, budget: u32, rest: &mut Vec<u8>) -> Result<(), Failure> {
        let rest = |data: &[u8]| rest.extend_from_slice(data);
        Ok(self.calls.close_and_drain(&mut self.tls, budget, rest)?)
    }

    fn end(&self) -> End {
        self.tls.end()
    }

    fn has_pending(&self) -> bool {
        self.tls.has_pending()
    }

    fn transport_error(&self) -> Option<Failure> {
        use embedded_io::ErrorKind;

        self.tls.transport_error().map(|kind| match kind {
            ErrorKind::NotConnected => Failure::Broken,
            ErrorKind::WriteZero => Failure::WriteZero,
            kind => panic!("{kind:?}"),
        })
    }

    fn tolerate_truncation(&mut self) {
        self.tls.tolerate_truncation(true);
    }

    fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.tls.connection_mut().update_keys(request)
    }

    fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        self.tls.connection_mut().abort(description)
    }
}
