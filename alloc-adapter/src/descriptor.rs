//! `AsFd` and `AsRawFd` for the streams: the descriptor of the transport.
//!
//! It is for polling the transport or setting its options. Do not read from it or write to it: its
//! bytes belong to the stream.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use tls_record::aead::Provider;

#[cfg(feature = "futures-io")]
use crate::futures_stream::FuturesStream;
use crate::halves::{ReadHalf, WriteHalf};
use crate::stream::Stream;
#[cfg(feature = "tokio")]
use crate::tokio_stream::TokioStream;

macro_rules! impl_descriptor {
    ($($stream:ident)*) => {$(
        impl<T: AsFd, P: Provider> AsFd for $stream<T, P> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.transport().as_fd()
            }
        }

        impl<T: AsRawFd, P: Provider> AsRawFd for $stream<T, P> {
            fn as_raw_fd(&self) -> RawFd {
                self.transport().as_raw_fd()
            }
        }
    )*};
}

impl_descriptor!(Stream ReadHalf WriteHalf);
#[cfg(feature = "tokio")]
impl_descriptor!(TokioStream);
#[cfg(feature = "futures-io")]
impl_descriptor!(FuturesStream);
