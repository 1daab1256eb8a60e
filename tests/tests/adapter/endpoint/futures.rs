//! The stream of `tls-record-alloc` for futures-io.

use std::io::IoSlice;
use std::sync::Arc;

use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tls_record_alloc::tls_record::aead::Provider;
use tls_record_alloc::tls_record::{AlertDescription, CloseError, End, KeyError};
use tls_record_alloc::{FuturesStream, Shutdown};
use tls_record_tests::peers::{
    Negotiated, Peer, Role, SERVER_NAME, rustls_client_config, rustls_server_config,
};

use crate::endpoint::{AdapterEndpoint, Endpoint, Failure, polled};
use crate::polling::{now, poll_once};
use crate::wire::Wire;

type TlsBy<Q, P> = FuturesStream<Wire<Q>, P>;

/// Returns an established stream to a peer.
pub(crate) fn stream_by<Q: Peer + ?Sized, P: Provider>(
    role: Role,
    agreed: Negotiated,
    peer: Box<Q>,
) -> TlsBy<Q, P> {
    let Negotiated { version, suite } = agreed;
    match role {
        Role::Client => {
            let name = SERVER_NAME.try_into().unwrap();
            let config = Arc::new(rustls_client_config(version, suite));
            now(FuturesStream::connect(config, name, Wire::to(peer))).unwrap()
        }
        Role::Server => {
            let config = Arc::new(rustls_server_config(version, suite));
            now(FuturesStream::accept(config, Wire::to(peer))).unwrap()
        }
    }
}

impl<Q: Peer + ?Sized, P: Provider> Endpoint<Q> for TlsBy<Q, P> {
    fn wire(&mut self) -> &mut Wire<Q> {
        self.transport_mut()
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, Failure> {
        polled(poll_once(AsyncReadExt::read(self, out)))
    }

    fn fill_buf(&mut self) -> Result<&[u8], Failure> {
        polled(poll_once(AsyncBufReadExt::fill_buf(self)))
    }

    fn consume(&mut self, len: usize) {
        AsyncBufReadExt::consume(self, len);
    }

    fn write(&mut self, data: &[u8]) -> Result<usize, Failure> {
        polled(poll_once(AsyncWriteExt::write(self, data)))
    }

    fn flush(&mut self) -> Result<(), Failure> {
        polled(poll_once(AsyncWriteExt::flush(self)))
    }

    fn close(&mut self) -> Result<(), Failure> {
        self.set_shutdown(Shutdown::OneStep);
        let shut = polled(poll_once(AsyncWriteExt::close(self)));
        assert!(shut.is_err() || self.transport().shut_down);
        shut
    }

    fn close_and_drain(&mut self, budget: u32, rest: &mut Vec<u8>) -> Result<(), Failure> {
        self.set_shutdown(Shutdown::TwoSteps { budget });
        polled(poll_once(AsyncWriteExt::close(self)))?;
        Endpoint::read_to_end(self, rest)
    }

    fn end(&self) -> End {
        Self::end(self)
    }

    fn has_pending(&self) -> bool {
        Self::has_pending(self)
    }

    fn transport_error(&self) -> Option<Failure> {
        Self::transport_error(self).map(Into::into)
    }

    fn tolerate_truncation(&mut self) {
        Self::tolerate_truncation(self, true);
    }

    fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        Self::update_keys(self, request)
    }

    fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        Self::abort(self, description)
    }
}

impl<Q: Peer + ?Sized, P: Provider> AdapterEndpoint<Q> for TlsBy<Q, P> {
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Failure> {
        polled(poll_once(AsyncWriteExt::write_vectored(self, slices)))
    }

    fn wants_write(&self) -> bool {
        Self::wants_write(self)
    }
}
