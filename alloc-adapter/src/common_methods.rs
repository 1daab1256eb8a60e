//! The methods that the streams have in common.

/// The methods that only access fields, also for `KernelStream` and `ReadHalf`: the fields are in
/// `$session` and `$inbox`, or in `self` if these are empty.
macro_rules! state_methods {
    ($Stream:ident, [$($session:ident)*], [$($inbox:ident)*]) => {
        impl<T, P: Provider> $Stream<T, P> {
            /// Sets whether reading may end without a close_notify.
            ///
            /// If set, a read returns 0 bytes when the transport ends without a close_notify,
            /// instead of [`UnexpectedEof`](ErrorKind::UnexpectedEof). An error of the transport stays an
            /// error: after a reset no read returns 0 bytes. With split halves this holds as far as the
            /// reading half knows of the reset: see [`ReadHalf`](crate::ReadHalf). It is not set by default. An
            /// attacker can cut any connection, so set it only for peers that are known not to send
            /// a close_notify and whose data marks its own end. [`end`](Self::end) still returns
            /// `Truncated`.
            pub const fn tolerate_truncation(&mut self, tolerate: bool) {
                self$(.$inbox)*.tolerates_truncation = tolerate;
            }

            /// Takes the last warning alert of the peer, for instance `user_canceled`.
            ///
            /// A close_notify is not reported. Each alert is returned once.
            pub const fn take_warning(&mut self) -> Option<AlertDescription> {
                self$(.$inbox)*.warning.take()
            }

            /// Returns whether a renegotiation that the peer asked for was refused (TLS 1.2).
            pub const fn renegotiation_refused(&self) -> bool {
                self$(.$inbox)*.renegotiation_refused
            }

            /// Returns the first permanent error of the transport.
            ///
            /// [`WouldBlock`](ErrorKind::WouldBlock) and [`Interrupted`](ErrorKind::Interrupted) are not
            /// permanent, and neither is [`TimedOut`](ErrorKind::TimedOut), except on Unix as the error
            /// `ETIMEDOUT` of the operating system: TCP has given up. The error is kept even if a later
            /// call succeeds.
            pub const fn transport_error(&self) -> Option<ErrorKind> {
                self$(.$session)*.transport_error
            }

            /// Returns the parameters that the handshake negotiated.
            pub const fn info(&self) -> &Info {
                &self$(.$session)*.info
            }

            /// Returns the exporter of keying material, or `None` in TLS 1.2 and without rustls.
            pub const fn exporter(&self) -> Option<&Exporter> {
                self$(.$session)*.exporter.as_ref()
            }
        }
    };
}

/// The methods of the connection, which is the field `$session`.
macro_rules! session_methods {
    ($Stream:ident, $($session:ident).+) => {
        $crate::common_methods::state_methods!($Stream, [$($session)+], [$($session)+ inbox]);

        impl<T, P: Provider> $Stream<T, P> {
            /// Returns whether a read can proceed without the transport.
            ///
            /// True if decrypted data or a whole record is buffered, or if reading has ended. If
            /// false, wait until the transport is readable. A read may still block if the buffered
            /// records hold no application data.
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
                self.$($session).+.has_pending()
            }

            /// Returns whether flushing would send anything.
            ///
            /// True if the transport has not taken all sealed records, if an alert or a KeyUpdate
            /// is due, or if the transport has not been flushed. A read sends all of this before it
            /// waits.
            pub fn wants_write(&self) -> bool {
                self.$($session).+.wants_write()
            }

            /// Returns whether this end is the client or the server.
            pub fn role(&self) -> tls_record::Role {
                self.$($session).+.layer.opener().role()
            }

            /// Returns how each direction ended, or that it is open.
            ///
            /// The sending direction counts as closed, or the alert as sent, once the transport has
            /// taken the last byte. An error of the transport is not part of it: see
            /// [`transport_error`](Self::transport_error).
            pub fn end(&self) -> End {
                self.$($session).+.end()
            }
        }
    };
}

/// The methods of the connection and its transport, for `Stream` and `TokioStream`.
macro_rules! common_methods {
    ($Stream:ident) => {
        session_methods!($Stream, session);

        impl<T, P: Provider> $Stream<T, P> {
            /// Makes a stream from an established connection and the transport of its handshake.
            pub fn new(established: Established<P>, transport: T) -> Self {
                Self::with_session(Session::new(established), transport)
            }

            /// Returns the transport.
            #[doc(alias = "get_ref")]
            pub const fn transport(&self) -> &T {
                &self.transport
            }

            /// Returns the transport, for instance to set its options.
            ///
            /// Do not read from it or write to it: its bytes belong to the stream.
            #[doc(alias = "get_mut")]
            pub const fn transport_mut(&mut self) -> &mut T {
                &mut self.transport
            }

            /// Splits the stream into halves for two threads or tasks.
            ///
            /// Neither half waits for the other: see [`ReadHalf`]. `split` makes
            /// the halves of the transport, for instance tokio's `TcpStream::into_split`, or
            /// `|tcp| (tcp, clone)` with a `clone` made by
            /// [`try_clone`](std::net::TcpStream::try_clone).
            pub fn into_split<R, W>(
                self,
                split: impl FnOnce(T) -> (R, W),
            ) -> (ReadHalf<R, P>, WriteHalf<W, P>) {
                let Self { transport, session, .. } = self;
                halves::split(session, transport, split)
            }

            /// Joins the halves of a stream. `join` joins the halves of the transport.
            ///
            /// A joined stream shuts down in one step, like a new one. A time limit on shutting down is kept.
            ///
            /// # Errors
            /// [`KeyError::Mismatch`] if the halves are not from the same stream. Both are dropped.
            pub fn join<R, W>(
                read: ReadHalf<R, P>,
                write: WriteHalf<W, P>,
                join: impl FnOnce(R, W) -> T,
            ) -> Result<Self, KeyError> {
                let (session, read, write) = halves::join(read, write)?;
                Ok(Self::with_session(session, join(read, write)))
            }

            /// Returns the transport, with the data that was not read and the records that were not
            /// sent.
            #[doc(alias = "into_inner")]
            pub fn into_parts(self) -> Parts<T> {
                let Self { transport, session, .. } = self;
                session.into_parts(transport)
            }
        }
    };
}

pub(crate) use {common_methods, session_methods, state_methods};
