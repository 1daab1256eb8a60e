//! Every kind of stream behind one trait, so that one test runs over all of them.

pub(crate) mod blocking;
pub(crate) mod embedded;
mod futures;
pub(crate) mod tokio;

use std::cell::RefCell;
use std::error::Error;
use std::io::{self, ErrorKind, IoSlice};
use std::task::Poll;

use embedded_io::Error as _;
use tls_record_alloc::tls_record::aead::{AeadError, Provider, ring::Ring};
use tls_record_alloc::tls_record::{
    AlertDescription, CloseError, End, Fault, KeyError, MAX_RECORD, OpenError, SealError,
    ShutdownError, StreamError,
};
use tls_record_alloc::{FuturesIo, Handshake};
use tls_record_tests::peers::{Negotiated, Peer, Role};
use tls_record_tests::watched::{Call, Watch, Watched};

use crate::endpoint::embedded::Calls;
use crate::polling::now;
use crate::support::{Adapter, ROLES, Stack, other};
use crate::wire::{Wire, WireError};

/// ring, out of place.
pub(crate) enum OutOfPlace {}

pub(crate) type RingOutOfPlace = Watched<OutOfPlace>;

thread_local! {
    /// Lengths of the ciphertexts that [`OutOfPlace`] opened out of place.
    pub(crate) static OPENED_OUT_OF_PLACE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Watch for OutOfPlace {
    type Inner = Ring;
    const IS_OUT_OF_PLACE: bool = true;

    fn before(call: Call, text: &[u8]) -> Result<(), AeadError> {
        if call == Call::OpenFrom {
            OPENED_OUT_OF_PLACE.with_borrow_mut(|opened| opened.push(text.len()));
        }
        Ok(())
    }
}

/// The streams of `tls-record-alloc`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AdapterKind {
    Blocking,
    Tokio,
    Futures,
}

impl AdapterKind {
    pub(crate) const ALL: [Self; 3] = [Self::Blocking, Self::Tokio, Self::Futures];

    /// Makes the handshake over `wire`.
    pub(crate) fn complete<Q: Peer + ?Sized>(
        self,
        handshake: &mut Handshake,
        wire: &mut Wire<Q>,
    ) -> io::Result<()> {
        match self {
            Self::Blocking => handshake.complete(wire),
            Self::Tokio => now(handshake.complete_async(wire)),
            Self::Futures => now(handshake.complete_async(&mut FuturesIo(wire))),
        }
    }

    /// Returns an established stream. Servers have a cipher that opens records out of place.
    pub(crate) fn stream<Q: Peer + ?Sized + 'static>(
        self,
        role: Role,
        agreed: Negotiated,
        peer: Box<Q>,
    ) -> Box<dyn AdapterEndpoint<Q>> {
        match role {
            Role::Client => self.stream_by::<Q, Ring>(role, agreed, peer),
            Role::Server => self.stream_by::<Q, RingOutOfPlace>(role, agreed, peer),
        }
    }

    pub(crate) fn stream_by<Q: Peer + ?Sized + 'static, P: Provider + 'static>(
        self,
        role: Role,
        agreed: Negotiated,
        peer: Box<Q>,
    ) -> Box<dyn AdapterEndpoint<Q>> {
        match self {
            Self::Blocking => Box::new(blocking::stream_by::<Q, P>(role, agreed, peer)),
            Self::Tokio => Box::new(tokio::stream_by::<Q, P>(role, agreed, peer)),
            Self::Futures => Box::new(futures::stream_by::<Q, P>(role, agreed, peer)),
        }
    }
}

/// The streams of both crates. The core's stream is called in two ways.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Adapter(AdapterKind),
    Embedded(Calls),
}

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let adapter = AdapterKind::ALL.into_iter().map(Self::Adapter);
        adapter.chain(Calls::BOTH.into_iter().map(Self::Embedded))
    }

    /// Returns an established stream. Servers have a cipher that opens records out of place.
    pub(crate) fn stream<Q: Peer + ?Sized + 'static>(
        self,
        role: Role,
        agreed: Negotiated,
        peer: Box<Q>,
    ) -> Box<dyn Endpoint<Q>> {
        match role {
            Role::Client => self.stream_by::<Q, Ring>(role, agreed, peer),
            Role::Server => self.stream_by::<Q, RingOutOfPlace>(role, agreed, peer),
        }
    }

    pub(crate) fn stream_by<Q: Peer + ?Sized + 'static, P: Provider + 'static>(
        self,
        role: Role,
        agreed: Negotiated,
        peer: Box<Q>,
    ) -> Box<dyn Endpoint<Q>> {
        match self {
            Self::Adapter(kind) => kind.stream_by::<Q, P>(role, agreed, peer),
            Self::Embedded(calls) => {
                let tls = embedded::stream_by::<Q, MAX_RECORD, P>(role, agreed, peer);
                Box::new(embedded::Called { tls, calls })
            }
        }
    }

    /// Returns a client whose server is an engine of ours, which can send any message.
    pub(crate) fn stream_to_adapter(self, agreed: Negotiated) -> Box<dyn Endpoint<Adapter<Ring>>> {
        self.stream(Role::Client, agreed, Box::new(Adapter::new(Role::Server, agreed)))
    }
}

/// Runs a test over every kind of stream, in both roles, with every suite and peer.
pub(crate) fn for_each_stream(test: impl Fn(Box<dyn Endpoint<dyn Peer>>, Negotiated)) {
    for kind in Kind::all() {
        for role in ROLES {
            for agreed in Negotiated::all() {
                for stack in Stack::ALL {
                    println!("{kind:?} {role:?} {agreed:?} {stack:?}");
                    test(kind.stream(role, agreed, stack.peer(other(role), agreed)), agreed);
                }
            }
        }
    }
}

/// Runs a test over the streams of `tls-record-alloc`, in both roles, with every suite and peer.
pub(crate) fn for_each_adapter_stream(
    test: impl Fn(AdapterKind, Box<dyn AdapterEndpoint<dyn Peer>>, Negotiated),
) {
    for kind in AdapterKind::ALL {
        for role in ROLES {
            for agreed in Negotiated::all() {
                for stack in Stack::ALL {
                    println!("{kind:?} {role:?} {agreed:?} {stack:?}");
                    test(kind, kind.stream(role, agreed, stack.peer(other(role), agreed)), agreed);
                }
            }
        }
    }
}

/// A stream over a [`Wire`]. No call waits: where one would, it fails with [`Failure::Waits`].
pub(crate) trait Endpoint<Q: Peer + ?Sized> {
    fn wire(&mut self) -> &mut Wire<Q>;
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Failure>;
    fn fill_buf(&mut self) -> Result<&[u8], Failure>;
    fn consume(&mut self, len: usize);
    fn write(&mut self, data: &[u8]) -> Result<usize, Failure>;
    fn flush(&mut self) -> Result<(), Failure>;
    /// Closes our direction. For asynchronous streams this is a shutdown in one step.
    fn close(&mut self) -> Result<(), Failure>;
    /// Closes both directions, and adds the data in flight to `rest`.
    fn close_and_drain(&mut self, budget: u32, rest: &mut Vec<u8>) -> Result<(), Failure>;
    fn end(&self) -> End;
    fn has_pending(&self) -> bool;
    fn transport_error(&self) -> Option<Failure>;
    fn tolerate_truncation(&mut self);
    fn update_keys(&mut self, request: bool) -> Result<(), KeyError>;
    fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError>;

    fn read_some(&mut self) -> Vec<u8> {
        let mut out = [0; 100];
        let len = self.read(&mut out).unwrap();
        out[..len].to_vec()
    }

    fn read_exactly(&mut self, len: usize) -> Vec<u8> {
        let (mut out, mut read) = (vec![0; len], 0);
        while read < len {
            let more = self.read(&mut out[read..]).unwrap();
            assert_ne!(more, 0, "the end after {read} of {len} bytes");
            read += more;
        }
        out
    }

    /// Adds data up to the end, or up to an error.
    fn read_to_end(&mut self, data: &mut Vec<u8>) -> Result<(), Failure> {
        let mut out = [0; 1000];
        loop {
            match self.read(&mut out)? {
                0 => return Ok(()),
                len => data.extend_from_slice(&out[..len]),
            }
        }
    }

    /// Writes all of `data`, without a flush.
    fn write_all(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            data = &data[self.write(data).unwrap()..];
        }
    }

    /// Writes all of `data` and flushes.
    fn send(&mut self, data: &[u8]) {
        self.write_all(data);
        self.flush().unwrap();
    }

    /// True if no data has arrived. Takes the session tickets that came with the handshake.
    fn is_idle(&mut self) -> bool {
        self.read(&mut [0]) == Err(Failure::Waits)
    }
}

/// Functions that only the streams of `tls-record-alloc` have.
pub(crate) trait AdapterEndpoint<Q: Peer + ?Sized>: Endpoint<Q> {
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Failure>;
    fn wants_write(&self) -> bool;
}

/// Returns the result of an asynchronous call.
fn polled<T>(polled: Poll<io::Result<T>>) -> Result<T, Failure> {
    match polled {
        Poll::Ready(result) => Ok(result?),
        Poll::Pending => Err(Failure::Waits),
    }
}

/// Why a call failed, in one form for every kind of stream. The conversions check the kinds that
/// the streams give their errors.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A real transport would have made the call wait.
    Waits,
    /// The transport is broken.
    Broken,
    WriteZero,
    Open(OpenError),
    Seal(SealError),
    Shutdown(ShutdownError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let Some(inner) = error.get_ref() else { return Self::from(error.kind()) };
        let (failure, kind) = if let Some(error) = inner.downcast_ref::<OpenError>() {
            let kind = match error {
                OpenError::Truncated => ErrorKind::UnexpectedEof,
                OpenError::PeerAlert(_) | OpenError::Fault(Fault::Aborted(_)) => {
                    ErrorKind::ConnectionAborted
                }
                _ => ErrorKind::InvalidData,
            };
            (Self::Open(*error), kind)
        } else if let Some(SealError::Closed) = inner.downcast_ref() {
            (Self::Seal(SealError::Closed), ErrorKind::BrokenPipe)
        } else if let Some(CloseError::Failed) = inner.downcast_ref() {
            (Self::Shutdown(ShutdownError::Failed), ErrorKind::ConnectionAborted)
        } else if let Some(error @ ShutdownError::BudgetSpent { .. }) = inner.downcast_ref() {
            (Self::Shutdown(*error), ErrorKind::Other)
        } else {
            panic!("{error:?}")
        };
        assert_eq!(error.kind(), kind);
        failure
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::WouldBlock => Self::Waits,
            ErrorKind::ConnectionReset => Self::Broken,
            ErrorKind::WriteZero => Self::WriteZero,
            kind => panic!("{kind}"),
        }
    }
}

impl From<StreamError<WireError>> for Failure {
    fn from(error: StreamError<WireError>) -> Self {
        use embedded_io::ErrorKind;

        let (failure, kind) = match error {
            StreamError::Transport(WireError::WouldWait) => (Self::Waits, ErrorKind::TimedOut),
            StreamError::Transport(WireError::Broken) => (Self::Broken, ErrorKind::NotConnected),
            StreamError::WriteZero => (Self::WriteZero, ErrorKind::WriteZero),
            StreamError::Truncated => {
                (Self::Open(OpenError::Truncated), ErrorKind::ConnectionReset)
            }
            StreamError::Open(
                error @ (OpenError::PeerAlert(_) | OpenError::Fault(Fault::Aborted(_))),
            ) => (Self::Open(error), ErrorKind::ConnectionAborted),
            StreamError::Open(error) => (Self::Open(error), ErrorKind::InvalidData),
            StreamError::Seal(SealError::Closed) => {
                (Self::Seal(SealError::Closed), ErrorKind::BrokenPipe)
            }
            StreamError::Shutdown(ShutdownError::Failed) => {
                (Self::Shutdown(ShutdownError::Failed), ErrorKind::ConnectionAborted)
            }
            StreamError::Shutdown(error) => (Self::Shutdown(error), ErrorKind::Other),
            error => panic!("{error}"),
        };
        assert_eq!(error.kind(), kind);
        failure
    }
}

/// Returns the error of ours that an `io::Error` holds.
pub(crate) fn inner<E: Error + Clone + 'static>(error: &io::Error) -> E {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<E>())
        .expect("an error of our own")
        .clone()
}
