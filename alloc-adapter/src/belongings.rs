//! What both kinds of stream say of themselves, and how they are taken apart.

macro_rules! belongings {
    ($Stream:ident) => {
        impl<T, P: Provider> $Stream<T, P> {
            /// A stream over a transport on which the handshake was made.
            pub fn new(established: Established<P>, transport: T) -> Self {
                Self::with_session(Session::new(established), transport)
            }

            /// Whether the end of the transport without a close_notify ends reading like one. Anyone can
            /// cut a connection, so that it is on only for peers that are known not to close, whose data
            /// shows its own end. [`end`](Self::end) tells the difference.
            pub const fn tolerate_truncation(&mut self, tolerate: bool) {
                self.session.inbox.tolerates_truncation = tolerate;
            }

            /// Whether reading can go on without the transport: data is decrypted, a whole record waits,
            /// or reading has ended. If not, wait until the transport has more. A record without data
            /// may make a read wait nevertheless.
            ///
            /// ```
            /// # use std::io::{self, Read, Write};
            /// # use tls_record_alloc::Stream;
            /// # use tls_record_alloc::tls_record::aead::ring::Ring;
            /// # struct Poll;
            /// # impl Poll { fn wait_readable(&self) {} }
            /// fn read<T: Read + Write>(
            ///     tls: &mut Stream<T, Ring>,
            ///     poll: &Poll,
            ///     out: &mut [u8],
            /// ) -> io::Result<usize> {
            ///     if !tls.has_pending() {
            ///         poll.wait_readable();
            ///     }
            ///     tls.read(out)
            /// }
            /// ```
            pub fn has_pending(&self) -> bool {
                self.session.has_pending()
            }

            /// The last warning alert that the peer sent, other than a close_notify: `user_canceled`,
            /// say. It is reported once.
            pub const fn take_warning(&mut self) -> Option<AlertDescription> {
                self.session.inbox.warning.take()
            }

            /// Whether the peer asked for a renegotiation (TLS 1.2), which was refused.
            pub const fn renegotiation_refused(&self) -> bool {
                self.session.inbox.renegotiation_refused
            }

            /// Whether there is something that flushing would send: bytes that the transport did not
            /// take yet, an alert or a KeyUpdate that is due, or what the transport has not flushed.
            /// Reading sends it before it waits.
            pub fn wants_write(&self) -> bool {
                self.session.wants_write()
            }

            /// How the connection ended, or that it has not. Our direction is closed, or our alert sent,
            /// when the transport has taken the last byte. Whether the transport failed, which no record
            /// tells, is [`transport_error`](Self::transport_error)'s to say.
            pub fn end(&self) -> End {
                self.session.end()
            }

            /// The first error of the transport that does not pass by itself, as
            /// [`WouldBlock`](ErrorKind::WouldBlock), [`Interrupted`](ErrorKind::Interrupted) and
            /// [`TimedOut`](ErrorKind::TimedOut) do. It stays, even if a later call succeeds.
            pub const fn transport_error(&self) -> Option<ErrorKind> {
                self.session.transport_error
            }

            /// What the handshake agreed upon.
            pub const fn info(&self) -> &Info {
                &self.session.info
            }

            /// Exports keying material. TLS 1.3 only.
            pub const fn exporter(&self) -> Option<&Exporter> {
                self.session.exporter.as_ref()
            }

            /// The transport.
            pub const fn transport(&self) -> &T {
                &self.transport
            }

            /// The transport: to set its options, for instance. Its bytes belong to the stream.
            pub const fn transport_mut(&mut self) -> &mut T {
                &mut self.transport
            }

            /// Splits the stream into halves for two threads or tasks, which share no lock and do not wake
            /// each other: see [`ReadHalf`]. `split` makes the halves of the transport: `TcpStream::into_split` of tokio,
            /// for instance, or `|tcp| (tcp, clone)` with a `clone` by
            /// [`try_clone`](std::net::TcpStream::try_clone).
            pub fn into_split<R, W>(
                self,
                split: impl FnOnce(T) -> (R, W),
            ) -> (ReadHalf<R, P>, WriteHalf<W, P>) {
                let Self { transport, session, .. } = self;
                halves::split(session, transport, split)
            }

            /// Joins the halves of a stream. `join` joins those of the transport. Shutting down has one
            /// step, as in a new stream.
            ///
            /// # Errors
            /// [`KeyError::Mismatch`] if they are not of one stream: they are dropped.
            pub fn join<R, W>(
                read: ReadHalf<R, P>,
                write: WriteHalf<W, P>,
                join: impl FnOnce(R, W) -> T,
            ) -> Result<Self, KeyError> {
                let (session, read, write) = halves::join(read, write)?;
                Ok(Self::with_session(session, join(read, write)))
            }

            /// Takes the stream apart: gives back the transport, and what was received and not read, or
            /// sealed and not sent.
            pub fn into_parts(self) -> Parts<T> {
                let Self { transport, session, .. } = self;
                session.into_parts(transport)
            }
        }
    };
}

pub(crate) use belongings;
