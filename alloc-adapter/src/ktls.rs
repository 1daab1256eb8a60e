//! A connection whose records the Linux kernel seals and opens (kernel TLS, kTLS).
//!
//! The kernel protects application data. What it does not do is done here: alerts, KeyUpdates, tickets,
//! the limits of keys, closing, and telling a truncation from a clean end. The engine judges the records
//! that the kernel passes on, and says which are due.

mod error;
mod handing_over;
mod keys;
mod opened;
mod probe;
mod receiving;
mod sending;
mod socket;

pub use error::{KernelTlsError, NotInKernel};

use alloc::boxed::Box;
use alloc::{vec, vec::Vec};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, CloseError, Control, CryptoInfo, End, KernelDirection, KeyError, MAX_CONTENT,
    ReadEnd, Sealer, ShutdownError, TrafficSecret, Version, WriteEnd,
};
use zeroize::Zeroizing;

use crate::buffer::Buffer;
use crate::common_methods::state_methods;
use crate::established::Info;
use crate::exporter::Exporter;
use crate::resumption::Resumption;
use crate::session::Session;
use crate::session::inbox::Inbox;
use crate::stream::Stream;
use crate::tickets::Tickets;
use crate::transport::{BrokenBy, is_lasting, keep_first_error};
use handing_over::Given;
use opened::Receiver;
use sending::records_of_file;
use socket::ControlRoom;

/// The least number of records that a key may seal: a part of a page of a file may take two.
const MIN_LIMIT: u64 = 2;

/// A TLS connection over a TCP socket, whose records the Linux kernel seals and opens.
///
/// [`new`](Self::new) hands both directions of a [`Stream`] to the kernel (`TCP_ULP`, `TLS_TX`,
/// `TLS_RX`). Then data is copied once less, [`send_file`](Self::send_file) sends a file without reading
/// it, and a network card may do the encryption. Reading and writing behave as those of a `Stream`: a read
/// returns 0 bytes only after the peer's close_notify, and the errors are the same.
///
/// The kernel needs its module `tls` (`CONFIG_TLS`), which in a container the host has to load. Whether it has
/// a cipher suite, and can replace keys, is tried out on the loopback interface. Linux 6.1 and 7.3 were tested.
///
/// Differences:
/// - There is no way back: Linux cannot take its TLS off a socket. There is no `into_parts`, and the
///   directions cannot be split.
/// - **KeyUpdates** (RFC 9846 section 4.7.3) need Linux 6.14. On an older kernel a KeyUpdate of the
///   peer ends the connection with the alert internal_error, and
///   [`KernelTlsError::NoKeyUpdate`] as the inner error; and before the sending key reaches the limit of
///   its cipher or of the config, writing fails with [`KernelTlsError::KeysExhausted`].
///   [`can_update_keys`](Self::can_update_keys) tells which it is. A network card that encrypts may be unable
///   to replace keys on any kernel: then a KeyUpdate of the peer ends the connection as well, and after one
///   of ours the sending direction fails.
/// - The kernel returns one error for all records that it cannot open: a change_cipher_spec or another
///   unprotected record is answered with bad_record_mac, too. It ignores empty records, however many.
/// - Records are not padded. Received records are not limited to our record_size_limit (RFC 8449).
/// - After a truncation it is not known whether the transport ended inside a record.
/// - A signal handler must not interrupt a write that waits for room. Kernels, Linux 6.1 for instance, may
///   report a record that was sent in part then with the error of a record that cannot be opened, and the
///   connection ends with the alert bad_record_mac. Block signals in a thread that writes, or make the socket
///   non-blocking.
///
/// Tickets that a TLS 1.3 client receives are stored as by a `Stream`: to drop them, set
/// [`Established::tickets`](crate::Established::tickets) to `None` before the stream is made.
///
/// A socket of either mode works. On a non-blocking one, any call that returns
/// [`WouldBlock`](ErrorKind::WouldBlock) may be repeated, and while [`wants_write`](Self::wants_write) is
/// true, wait until the socket is writable as well. Before waiting until it is readable, read until a
/// read would block.
///
/// With tokio, make a `TcpStream` of a clone of the socket, and call [`read`](Read::read) inside its `async_io`.
/// That waits until the socket is ready before it calls `read` at all, so ask
/// [`has_pending`](Self::has_pending) first: buffered data or the end makes no socket ready.
///
/// ```no_run
/// use std::io::{self, Read};
/// use std::net::TcpStream;
/// use tls_record_alloc::KernelStream;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tokio::io::Interest;
///
/// /// `socket` is made of a clone of the non-blocking socket of `tls`.
/// async fn read(
///     tls: &mut KernelStream<TcpStream, Ring>,
///     socket: &tokio::net::TcpStream,
///     out: &mut [u8],
/// ) -> io::Result<usize> {
///     if tls.has_pending() {
///         return tls.read(out);
///     }
///     socket.async_io(Interest::READABLE, || tls.read(out)).await
/// }
/// ```
///
/// Dropping it sends nothing, so the peer sees a truncation: call [`close`](Self::close) first. A socket
/// that is dropped with unread input is reset, which may destroy data on its way to the peer: call
/// [`close_and_read_rest`](Self::close_and_read_rest).
///
/// ```no_run
/// use std::fs::File;
/// use std::io::{self, Read, Write};
/// use std::net::TcpStream;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
/// use tls_record_alloc::{KernelStream, Stream};
///
/// /// Sends a file by the TLS of the kernel, or if that is not possible, by that of the engine.
/// fn send(tls: Stream<TcpStream, Ring>, file: &File) -> io::Result<()> {
///     let len = file.metadata()?.len();
///     match KernelStream::new(tls) {
///         Ok(mut tls) => {
///             let mut sent = 0;
///             while sent < len {
///                 match tls.send_file(file, sent, len - sent)? {
///                     0 => return Err(io::ErrorKind::UnexpectedEof.into()),
///                     more => sent += more,
///                 }
///             }
///             tls.close_and_read_rest(65_536, &mut io::sink())?;
///             assert!(tls.end().is_clean());
///         }
///         Err(refused) => {
///             println!("not by the kernel: {}", refused.error);
///             let mut tls = refused.stream;
///             io::copy(&mut &*file, &mut tls)?;
///             tls.close_and_read_rest(65_536, &mut io::sink())?;
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct KernelStream<T, P: Provider> {
    socket: T,
    /// Interprets the records that the kernel has opened.
    receiver: Receiver,
    /// Says which control records are due. Its keys are the kernel's.
    sealer: Box<Sealer<TrafficSecret<P>>>,
    sending: Box<KernelDirection<P>>,
    receiving: Box<KernelDirection<P>>,
    /// Data that was decrypted before the kernel had the keys, or was taken from it before a record that it
    /// refused.
    unread: Buffer,
    /// A record of another type than application data, as far as it was received.
    partial: Zeroizing<Vec<u8>>,
    room: ControlRoom,
    /// A control record that the kernel has not taken.
    control: Option<Control>,
    /// Keys for what follows a KeyUpdate that the kernel has taken.
    keys_due: Option<Box<CryptoInfo>>,
    write: WriteEnd,
    /// Records that were sealed under the sending key, or a few more, and how many may be.
    sealed: u64,
    limit: u64,
    can_update: bool,
    /// Bytes of content that have arrived since this end began to close.
    drained: u32,
    /// The reason why this end gave up, if the engine does not know it.
    failure: Option<KernelTlsError>,
    tickets: Option<Tickets>,
    resumption: Resumption,
    tolerates_truncation: bool,
    warning: Option<AlertDescription>,
    renegotiation_refused: bool,
    transport_error: Option<ErrorKind>,
    /// The error after which the end of the transport is not an end of the peer's data.
    broken_by: Option<BrokenBy>,
    exporter: Option<Exporter>,
    info: Info,
}

impl<T: Read + Write + AsFd, P: Provider> KernelStream<T, P> {
    /// Hands both directions of a stream to the kernel.
    ///
    /// What the stream has received is not lost. Complete records are opened before, and the first reads
    /// return their data; if a record was received in part, the rest of it is received first. What is
    /// unsent or due is sent first, so the peer must go on reading.
    ///
    /// The first call for a cipher suite tries it out on a connection to the loopback address.
    ///
    /// # Errors
    /// The error contains the stream, which goes on as before. Over a non-blocking socket, the call may be
    /// repeated after [`WouldBlock`](ErrorKind::WouldBlock).
    /// - [`KernelTlsError::NoModule`] if the kernel has no TLS, and [`KernelTlsError::Suite`] if it does
    ///   not have the cipher suite.
    /// - [`KernelTlsError::NotOpen`] if a direction is closed, and [`KernelTlsError::KeysExhausted`] if the keys of
    ///   TLS 1.2 may seal no more data.
    /// - The errors of reading and writing, and of `setsockopt`: for instance, the socket is not a TCP
    ///   socket, or the peer has closed it.
    pub fn new(mut stream: Stream<T, P>) -> Result<Self, NotInKernel<T, P>> {
        let version = stream.session.info.version;
        let opener = stream.session.layer.opener();
        let (role, limits) = (opener.role(), *opener.limits());
        // Made before the keys are given away, because it may fail.
        let receiver = match Receiver::new(role, version, limits) {
            Ok(receiver) => receiver,
            Err(error) => {
                return Err(NotInKernel {
                    error: io::Error::other(error),
                    stream: Box::new(stream),
                });
            }
        };
        match handing_over::hand_over(&mut stream) {
            Ok(given) => Ok(Self::with(stream, given, receiver)),
            Err(error) => Err(NotInKernel { error, stream: Box::new(stream) }),
        }
    }

    fn with(stream: Stream<T, P>, given: Given<P>, receiver: Receiver) -> Self {
        let Stream { transport: socket, session } = stream;
        let Session { layer, mut inbox, transport_error, exporter, info, .. } = session;
        // The keys of both halves were wiped when they were handed over.
        let (_, sealer) = layer.split();
        let unread = inbox.take_kept();
        let Inbox {
            tickets, resumption, tolerates_truncation, warning, renegotiation_refused, ..
        } = inbox;
        let Given { receiving, sending, sequence, can_update } = given;
        Self {
            socket,
            receiver,
            limit: sealer.record_limit().max(MIN_LIMIT),
            sealer: Box::new(sealer),
            sending,
            receiving,
            unread,
            partial: Zeroizing::default(),
            room: ControlRoom::new(),
            control: None,
            keys_due: None,
            write: WriteEnd::Open,
            sealed: sequence,
            can_update,
            drained: 0,
            failure: None,
            tickets,
            resumption,
            tolerates_truncation,
            warning,
            renegotiation_refused,
            transport_error,
            broken_by: None,
            exporter,
            info,
        }
    }
}

impl<T: AsFd, P: Provider> KernelStream<T, P> {
    // Between the halves

    /// Tells the sending half what the receiving half has found.
    fn exchange(&mut self) {
        let notice = self.receiver.take_notice();
        self.sealer.apply(notice);
    }

    /// Ends the connection with an alert, which is to be sent.
    fn fail(&mut self, description: AlertDescription) {
        // `HandedOver` says that the alert is to be taken from the sealer.
        let _ = self.sealer.abort(description);
        self.failed();
    }

    fn failed(&mut self) {
        let signal = self.sealer.take_signal();
        self.receiver.apply(signal);
        self.drop_update();
        self.resumption.forget();
    }

    /// Drops a KeyUpdate that the kernel has not taken: an alert takes its place.
    fn drop_update(&mut self) {
        if let Some(Control::KeyUpdate { .. }) = self.control {
            self.control = None;
        }
    }

    /// Ends the sending direction, if nothing else has.
    fn sending_failed(&mut self) {
        if !matches!(self.write, WriteEnd::Closed | WriteEnd::AlertSent(_)) {
            self.write = WriteEnd::Failed;
            self.control = None;
            self.keys_due = None;
        }
    }

    /// Records the result of a call of the socket.
    fn note<R>(&mut self, result: io::Result<R>) -> io::Result<R> {
        keep_first_error(&mut self.transport_error, result)
    }

    // Sending

    /// Sends `len` bytes of a file from `offset` on, or as many of them as the socket takes now, and returns
    /// how many it has sent: 0 at the end of the file.
    ///
    /// The bytes do not pass through this process (`sendfile`).
    ///
    /// # Errors
    /// - The errors of [`write`](Write::write), and those of reading the file.
    /// - [`Unsupported`](ErrorKind::Unsupported) if the peer accepts only records shorter than 16 KiB: read
    ///   the file and write it.
    pub fn send_file(&mut self, file: &impl AsFd, offset: u64, len: u64) -> io::Result<u64> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mut offset = i64::try_from(offset).map_err(|_| ErrorKind::InvalidInput)?;
        loop {
            let len = self.prepare(len, records_of_file)?;
            if self.sealer.fragment_limit() < MAX_CONTENT {
                return Err(ErrorKind::Unsupported.into());
            }
            match nix::sys::sendfile::sendfile64(&self.socket, file, Some(&mut offset), len) {
                Ok(len) => {
                    self.sealed = self.sealed.saturating_add(records_of_file(len));
                    return Ok(len as u64);
                }
                Err(error) if socket::is_connected(&self.socket) => {
                    // It is the error of the file, unless the socket has one.
                    if !self.check_socket()? {
                        return Err(error.into());
                    }
                }
                Err(error) => return self.not_sent(error.into()),
            }
        }
    }

    /// Updates the sending keys (RFC 9846 section 4.7.3).
    ///
    /// The peer is not asked to update its own. Tickets that arrive later are not stored. It is done without
    /// this call before a key reaches the limit of its cipher or of the config, and when the peer requests it.
    ///
    /// # Errors
    /// - [`KeyError::NoUpdate`] in TLS 1.2, and if the kernel [cannot](Self::can_update_keys) replace keys.
    /// - [`KeyError::Closed`] if this direction is closing, is closed, or has failed.
    pub fn update_keys(&mut self) -> Result<(), KeyError> {
        if self.write != WriteEnd::Open {
            return Err(KeyError::Closed);
        }
        if !self.can_update || self.info.version == Version::Tls12 {
            return Err(KeyError::NoUpdate);
        }
        // One that is due already is as good.
        if self.control.is_none() && self.keys_due.is_none() {
            self.control = Some(Control::KeyUpdate { request: false });
        }
        self.send_due_quietly();
        Ok(())
    }

    /// Returns whether the kernel can replace the keys of this connection: in TLS 1.3, since Linux 6.14.
    ///
    /// It was tried out on a connection to the loopback address. With the encryption of a network card it may
    /// still fail.
    pub const fn can_update_keys(&self) -> bool {
        self.can_update
    }

    // Closing

    /// Closes the sending direction with a close_notify.
    ///
    /// It sends the close_notify once and does not wait for that of the peer. Reads still return data, and
    /// how the peer's direction ends (RFC 9846 section 6.1). The socket is not shut down.
    ///
    /// # Errors
    /// - The errors of the socket. The call may be repeated after them.
    /// - [`CloseError::Failed`], as an inner error, if the connection has failed.
    pub fn close(&mut self) -> io::Result<()> {
        // A record that was refused is answered with an alert, not with a close_notify.
        let checked = if self.write == WriteEnd::Open { self.check_socket() } else { Ok(false) };
        if self.write == WriteEnd::Open {
            // `HandedOver` says that the alert is to be taken from the sealer.
            let _ = self.sealer.close();
            self.write = WriteEnd::Closing;
        }
        let sent = self.send_due();
        match self.write {
            WriteEnd::Closed => return Ok(()),
            WriteEnd::AlertQueued(_) | WriteEnd::AlertSent(_) => {}
            // The first of the calls that failed took the error of the socket, which is reported once.
            WriteEnd::Failed => {
                let lasting = |result: io::Result<()>| result.err().filter(is_lasting);
                if let Some(error) = lasting(checked.map(drop)).or_else(|| lasting(sent)) {
                    return Err(error);
                }
            }
            _ => return sent,
        }
        Err(io::Error::new(ErrorKind::ConnectionAborted, CloseError::Failed))
    }

    /// [Closes](Self::close) the sending direction and writes the remaining received data to `rest`.
    ///
    /// It reads until the peer's close_notify and returns the number of bytes that this call wrote to
    /// `rest`. `budget` limits the bytes that are received after our close_notify, without record headers and
    /// tags: data in flight and session tickets count. 64 KiB is enough for most protocols. It also reads
    /// while the socket takes no bytes, because the peer may not read until we read.
    ///
    /// # Errors
    /// - The errors of [`close`](Self::close), of reading and of `rest`. The call may be repeated after them:
    ///   every byte is written to `rest` once.
    /// - [`BudgetSpent`](ShutdownError::BudgetSpent), as an inner error, if more than `budget` bytes were
    ///   received and the peer did not close.
    pub fn close_and_read_rest<W: Write + ?Sized>(
        &mut self,
        budget: u32,
        rest: &mut W,
    ) -> io::Result<u64> {
        // The peer may not read until we read, so go on if nothing can be sent now.
        match self.close() {
            Err(error) if !is_lasting(&error) => {}
            closed => closed?,
        }
        let mut passed_on = 0_u64;
        let mut memory = Zeroizing::new(vec![0; MAX_CONTENT.into()]);
        loop {
            // What `rest` has not taken waits there for the next call.
            while !self.unread.is_empty() {
                match rest.write(self.unread.filled()) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(len) => {
                        self.unread.consume(len);
                        passed_on = passed_on.saturating_add(len as u64);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if !self.is_open()? {
                return self.close().map(|()| passed_on);
            }
            let drained = self.drained;
            if drained > budget {
                return Err(io::Error::other(ShutdownError::BudgetSpent { drained }));
            }
            match self.receive(&mut memory) {
                Ok(Some(len)) => self.keep(memory.get(..len).unwrap_or_default()),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the connection with a fatal alert. Nothing more is read or written.
    ///
    /// The alert is sent as far as the socket takes it.
    ///
    /// # Errors
    /// - [`CloseError::NotAnErrorAlert`] if the alert does not end a connection.
    /// - [`CloseError::AlreadyClosed`] if our close_notify was sent, or waits until the socket takes it, and
    ///   [`CloseError::Failed`] if the connection has failed: no alert is sent.
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        match self.sealer.abort(description) {
            // It says that the alert is to be taken from the sealer.
            Err(CloseError::HandedOver) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        let before = self.write;
        self.failed();
        self.send_due_quietly();
        match (before, self.write) {
            (
                WriteEnd::Open | WriteEnd::Closing,
                WriteEnd::AlertQueued(_) | WriteEnd::AlertSent(_),
            ) => Ok(()),
            (_, WriteEnd::Closing | WriteEnd::Closed) => Err(CloseError::AlreadyClosed),
            _ => Err(CloseError::Failed),
        }
    }

    // State

    /// Returns how each direction ended, or that it is open.
    ///
    /// The sending direction counts as closed, or the alert as sent, once the kernel has taken it.
    pub const fn end(&self) -> End {
        End { read: self.receiver.end(), write: self.write }
    }

    /// Returns whether an alert or a KeyUpdate waits until the socket is writable.
    pub const fn wants_write(&self) -> bool {
        self.control.is_some() || self.keys_due.is_some()
    }

    /// Returns whether a read can proceed without the socket: data was decrypted before the kernel had the
    /// keys, or a write has found that a later record was refused, or reading has ended.
    pub const fn has_pending(&self) -> bool {
        !self.unread.is_empty() || !matches!(self.receiver.end(), ReadEnd::Open)
    }

    /// Returns the socket.
    ///
    /// Do not read from it or write to it: its bytes would be records, and their number is counted here.
    pub const fn socket(&self) -> &T {
        &self.socket
    }
}

state_methods!(KernelStream, [], []);

/// For polling. Do not read from the descriptor or write to it.
impl<T: AsRawFd, P: Provider> AsRawFd for KernelStream<T, P> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// For polling. Do not read from the descriptor or write to it.
impl<T: AsFd, P: Provider> AsFd for KernelStream<T, P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<T, P: Provider> core::fmt::Debug for KernelStream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("KernelStream").field(&self.info).finish_non_exhaustive()
    }
}
