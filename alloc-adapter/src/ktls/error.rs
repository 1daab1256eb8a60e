//! The errors of the kernel's TLS.

use alloc::boxed::Box;
use std::io;

use tls_record::aead::Provider;

use crate::stream::Stream;

/// Why the kernel's TLS cannot be used, or cannot be used any longer.
///
/// It is the inner error of an [`io::Error`] of the kind [`Unsupported`](io::ErrorKind::Unsupported).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KernelTlsError {
    /// The kernel has no TLS: its module `tls` is not loaded, or was left out.
    NoModule,
    /// The kernel does not have the cipher suite in this version of TLS, or cannot receive with it.
    Suite,
    /// The connection or its transport is closed in one direction, or has failed.
    NotOpen,
    /// The peer updated its keys, which a kernel before Linux 6.14 cannot follow. Later ones cannot follow a
    /// KeyUpdate in fragments, and take a fragment of another message for one if it begins with its number.
    /// The connection was ended with the alert internal_error.
    NoKeyUpdate,
    /// The keys may protect no more data, and the kernel cannot replace them. The connection can still be
    /// closed.
    KeysExhausted,
}

impl core::fmt::Display for KernelTlsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoModule => "the kernel has no TLS: load its module `tls`",
            Self::Suite => "the kernel does not have this cipher suite in this version of TLS",
            Self::NotOpen => "the connection is not open in both directions",
            Self::NoKeyUpdate => {
                "the peer updated its keys, which this kernel cannot follow: Linux 6.14 or later can"
            }
            Self::KeysExhausted => {
                "the keys may protect no more data, and this kernel cannot replace them: close the connection"
            }
        })
    }
}

impl core::error::Error for KernelTlsError {}

impl From<KernelTlsError> for io::Error {
    fn from(error: KernelTlsError) -> Self {
        Self::new(io::ErrorKind::Unsupported, error)
    }
}

/// The error of a connection that the kernel did not take, with the stream.
///
/// In a function that returns [`io::Result`], `?` takes the [`error`](Self::error) out of it and drops the
/// stream.
///
/// The message says only that the kernel did not take the connection. The reason is the
/// [`source`](core::error::Error::source), which is the `error`.
pub struct NotInKernel<T, P: Provider> {
    /// An error of the transport, of the engine, or one with a [`KernelTlsError`] inside.
    pub error: io::Error,
    /// The stream, with all of its bytes. It can be used as before, and given to the kernel later, unless
    /// the kernel took one direction and refused the other: then [`end`](Stream::end) returns
    /// [`HandedOver`](tls_record::ReadEnd::HandedOver).
    pub stream: Box<Stream<T, P>>,
}

impl<T, P: Provider> NotInKernel<T, P> {
    /// Returns the error and drops the stream.
    pub fn into_error(self) -> io::Error {
        self.error
    }

    /// Returns the error and the stream.
    pub fn into_parts(self) -> (io::Error, Stream<T, P>) {
        (self.error, *self.stream)
    }
}

impl<T, P: Provider> From<NotInKernel<T, P>> for io::Error {
    fn from(failed: NotInKernel<T, P>) -> Self {
        failed.error
    }
}

impl<T, P: Provider> core::fmt::Debug for NotInKernel<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("NotInKernel").field(&self.error).finish()
    }
}

impl<T, P: Provider> core::fmt::Display for NotInKernel<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the kernel did not take the connection")
    }
}

impl<T, P: Provider> core::error::Error for NotInKernel<T, P> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}
