//! The parts of a stream after `into_parts`.

use crate::buffer::Buffer;

/// The transport of a stream and the bytes that the stream had buffered.
///
/// Protocols that end TLS and continue in plaintext (FTP's CCC, LDAP) close both directions, call
/// `into_parts`, and continue with [`received`](Self::received), the first bytes that the peer sent
/// after its close_notify. On a `TokioStream`, call `close`, read to the end, and call
/// `into_parts`; `shutdown` would shut down the transport as well.
///
/// ```
/// use std::io::{self, Read, Write};
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{Parts, Stream};
///
/// /// Ends TLS. Returns the transport and the bytes received for the protocol that follows.
/// fn clear_command_channel<T: Read + Write>(
///     mut tls: Stream<T, Ring>,
/// ) -> io::Result<(T, Vec<u8>)> {
///     // Session tickets and answers in flight count for the budget.
///     tls.close_and_read_rest(65_536, &mut io::sink())?;
///     let Parts { transport, received, .. } = tls.into_parts();
///     Ok((transport, received.filled().to_vec()))
/// }
/// ```
#[non_exhaustive]
pub struct Parts<T> {
    /// The transport, which has not been shut down.
    pub transport: T,
    /// Decrypted data that was not read.
    pub unread: Buffer,
    /// Received bytes that were not opened: records, or what followed the peer's close_notify.
    pub received: Buffer,
    /// Records that the transport has not taken.
    pub unsent: Buffer,
}

impl<T> core::fmt::Debug for Parts<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Parts")
            .field("unread", &self.unread)
            .field("received", &self.received)
            .field("unsent", &self.unsent)
            .finish_non_exhaustive()
    }
}
