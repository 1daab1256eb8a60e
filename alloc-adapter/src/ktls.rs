//! A connection whose records the Linux kernel seals and opens (kernel TLS, kTLS).
//!
//! The kernel protects application data. What it does not do is done here: alerts, KeyUpdates, tickets,
//! the limits of keys, closing, and telling a truncation from a clean end. The engine judges the records
//! that the kernel passes on, and says which are due.

mod error;
mod handing_over;
mod receiver;
mod socket;
mod support;

pub use error::{KernelTlsError, NotInKernel};

use alloc::boxed::Box;
use alloc::{vec, vec::Vec};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, CloseError, ContentType, Control, CryptoInfo, End, Event, HandshakePiece,
    KernelDirection, KeyError, MAX_CONTENT, OpenError, ReadEnd, SealError, Sealer, ShutdownError,
    TrafficSecret, Version, WriteEnd, scrub_stack,
};
use zeroize::Zeroizing;

use crate::buffer::Buffer;
use crate::established::Info;
use crate::exporter::Exporter;
use crate::resumption::Resumption;
use crate::session::inbox::Inbox;
use crate::session::{Session, is_lasting, keep_first_error, open_error, seal_error};
use crate::stream::Stream;
use crate::tickets::Tickets;
use handing_over::Given;
use receiver::{Receiver, Refusal};
use socket::{ControlRoom, Direction, Received};

/// Records that are kept for a KeyUpdate and alerts, below the limit of a key.
const RESERVE: u64 = 8;

/// The most bytes that one call of `write` gives to the kernel, so that their records can be counted
/// before.
const MAX_WRITTEN: usize = 1 << 20;

/// The most calls that receive what the kernel has opened before a record that it refused: the rest of a
/// record, and one of another type behind it.
const MAX_OPENED: usize = 8;

/// A TLS connection over a TCP socket, whose records the Linux kernel seals and opens.
///
/// [`new`](Self::new) hands both directions of a [`Stream`] to the kernel (`TCP_ULP`, `TLS_TX`,
/// `TLS_RX`). Then data is copied once less, [`send_file`](Self::send_file) sends a file without reading
/// it, and a network card may do the encryption. Reading and writing behave as those of a `Stream`: a read
/// returns 0 bytes only after the peer's close_notify, and the errors are the same.
///
/// Differences:
/// - There is no way back: Linux cannot take its TLS off a socket.
/// - **KeyUpdates** (RFC 9846 section 4.7.3) need Linux 6.14. On an older kernel a KeyUpdate of the
///   peer ends the connection with the alert internal_error, and
///   [`KernelTlsError::NoKeyUpdate`] as the inner error; and before the sending key reaches the limit of
///   its cipher, writing fails with [`KernelTlsError::KeysExhausted`]. [`can_update_keys`](Self::can_update_keys)
///   tells which it is. A network card that encrypts may be unable to replace keys on any kernel: then a
///   KeyUpdate of the peer ends the connection as well, and after one of ours the sending direction fails.
/// - [`Config::key_limit`](tls_record::Config) does not apply, only the limit of the cipher:
///   call [`update_keys`](Self::update_keys) to replace a key earlier.
/// - The kernel returns one error for all records that it cannot open: a change_cipher_spec or another
///   unprotected record is answered with bad_record_mac, too. It ignores empty records, however many.
/// - Records are not padded. Received records are not limited to our record_size_limit (RFC 8449), and
///   other limits on what arrives are those of [`Config::new`](tls_record::Config::new).
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
/// read would block. With tokio, make a `TcpStream` of a clone of the
/// socket, and call [`read`](Read::read) inside its `async_io`.
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
    /// What the records mean that the kernel opened.
    receiver: Receiver,
    /// Says which control records are due. Its keys are the kernel's.
    sealer: Box<Sealer<TrafficSecret<P>>>,
    sending: Box<KernelDirection<P>>,
    receiving: Box<KernelDirection<P>>,
    /// Data that was decrypted before the kernel had the keys.
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
    /// - [`KernelTlsError::NotOpen`] if a direction is closed.
    /// - The errors of reading and writing, and of `setsockopt`: for instance, the socket is not a TCP
    ///   socket, or the peer has closed it.
    pub fn new(mut stream: Stream<T, P>) -> Result<Self, NotInKernel<T, P>> {
        let version = stream.session.info.version;
        let role = stream.session.layer.opener().role();
        // Made before the keys are given away, because it may fail.
        let receiver = match Receiver::new(role, version) {
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
        let Given { receiving, sending, sequence, can_update, algorithm } = given;
        Self {
            socket,
            receiver,
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
            limit: algorithm.confidentiality_limit().saturating_sub(RESERVE),
            can_update,
            drained: 0,
            failure: None,
            tickets,
            resumption,
            tolerates_truncation,
            warning,
            renegotiation_refused,
            transport_error,
            exporter,
            info,
        }
    }
}

impl<T: AsFd, P: Provider> KernelStream<T, P> {
    // Receiving

    /// Receives once. Returns the number of bytes of data in `out`, or `None` if there is none: another
    /// record was received, or the receiving direction has ended.
    fn receive(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        self.send_due_quietly();
        // What prevents sending may have ended this direction, too.
        if !matches!(self.receiver.end(), ReadEnd::Open) {
            return Ok(None);
        }
        let len = match socket::receive(&self.socket, &mut self.room, out) {
            Ok(received) => self.take(&received, out)?,
            Err(error) => {
                self.not_received(error)?;
                None
            }
        };
        self.send_due_quietly();
        Ok(len)
    }

    /// Handles what was received into `out`. Returns the number of bytes of data in it.
    fn take(&mut self, received: &Received, out: &[u8]) -> io::Result<Option<usize>> {
        let Received { len, content_type, is_record_end } = *received;
        if matches!(self.write, WriteEnd::Closing | WriteEnd::Closed) {
            self.drained = self.drained.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
        match content_type {
            Some(ContentType::APPLICATION_DATA) => {
                self.receiver.data();
                self.handle_events()?;
                return Ok((len != 0).then_some(len));
            }
            Some(content_type) => {
                if self.partial.is_empty() {
                    // Long enough at once: memory that it grows out of is not wiped.
                    self.partial.reserve_exact(MAX_CONTENT.into());
                }
                self.partial.extend_from_slice(out.get(..len).unwrap_or_default());
                if is_record_end {
                    self.receiver.record(content_type, &self.partial);
                    self.partial = Zeroizing::default();
                    self.handle_events()?;
                }
            }
            None if len == 0 => {
                self.receiver.eof();
                self.exchange();
            }
            // Not from the kernel's TLS.
            None => self.fail(AlertDescription::INTERNAL_ERROR),
        }
        Ok(None)
    }

    /// Handles an error of receiving.
    fn not_received(&mut self, error: Errno) -> io::Result<()> {
        if !socket::is_connected(&self.socket) {
            self.sending_failed();
            return self.note(Err(error.into()));
        }
        match (refusal(error), error) {
            (Some(refusal), _) => {
                // So that the alert can be sent.
                let _ = socket::take_error(&self.socket);
                self.refuse(refusal)
            }
            // Linux 6.14 and later: the kernel takes a record for a KeyUpdate that the engine
            // does not, because it looks at the first byte of a record, not of a message.
            (None, Errno::EKEYEXPIRED) => {
                self.cannot_update();
                self.handle_events()
            }
            (None, error) => self.note(Err(error.into())),
        }
    }

    /// Handles a refused record, all data before which was received.
    fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        match self.receiver.end() {
            ReadEnd::Open => self.receiver.refused(refusal),
            // What follows a close_notify does not matter.
            ReadEnd::Closed { .. } | ReadEnd::Truncated { .. } => return Ok(()),
            _ => {}
        }
        self.handle_events()
    }

    /// Keeps what the kernel has opened before it refused a record, for the next reads.
    ///
    /// It reads no further, so there is little. A call that waits would wait for ever, because the error was
    /// taken.
    fn keep_opened(&mut self) -> io::Result<()> {
        let mut memory = Zeroizing::new(vec![0; MAX_CONTENT.into()]);
        for _ in 0..MAX_OPENED {
            if !matches!(self.receiver.end(), ReadEnd::Open) {
                break;
            }
            match socket::receive_now(&self.socket, &mut self.room, &mut memory) {
                Ok(received) if received.content_type.is_some() => {
                    if let Some(len) = self.take(&received, &memory)? {
                        self.keep(memory.get(..len).unwrap_or_default());
                    }
                }
                // The transport may have ended behind the record.
                Ok(_) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// Keeps data for the next reads.
    fn keep(&mut self, data: &[u8]) {
        self.unread.set_ceiling(usize::MAX);
        self.unread.push(data);
    }

    /// Handles the events of the record that the receiver has. What is due is sent before an error is
    /// returned, and otherwise left to the caller.
    fn handle_events(&mut self) -> io::Result<()> {
        loop {
            match self.receiver.event() {
                Ok(Some(event)) => self.handle(event),
                Ok(None) => break,
                Err(error) => return Err(self.stopped(error)),
            }
        }
        self.exchange();
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Handshake(piece) => self.handshake_message(&piece),
            Event::KeyUpdate { .. } => {
                // They hold the first traffic secrets.
                self.tickets = None;
                self.update_receiving();
            }
            Event::Warning(description) => self.warning = Some(description),
            _ => {}
        }
    }

    fn handshake_message(&mut self, piece: &HandshakePiece) {
        if self.info.version == Version::Tls12 {
            if piece.is_last() {
                self.renegotiation_refused |= self.sealer.refuse_renegotiation().is_ok();
            }
        } else if let Some(tickets) = &mut self.tickets
            && let Err(error) = tickets.receive(piece, self.receiver.input())
        {
            self.fail(error.alert);
        }
    }

    /// Gives the kernel the keys behind the peer's KeyUpdate.
    fn update_receiving(&mut self) {
        if !self.can_update {
            return self.cannot_update();
        }
        let set = next_keys(&mut self.receiving)
            .map_err(io::Error::other)
            .and_then(|keys| socket::set_keys(&self.socket, Direction::Receiving, &keys));
        if set.is_err() {
            self.cannot_update();
        }
    }

    /// Ends a connection whose KeyUpdate the kernel cannot follow.
    fn cannot_update(&mut self) {
        self.failure = Some(KernelTlsError::NoKeyUpdate);
        self.fail(AlertDescription::INTERNAL_ERROR);
    }

    /// The error of a receiving direction that has failed. Sends the alert.
    fn stopped(&mut self, error: OpenError) -> io::Error {
        if matches!(error, OpenError::PeerAlert(_) | OpenError::Fault(_)) {
            self.resumption.forget();
        }
        self.exchange();
        self.drop_update();
        if let OpenError::PeerAlert(_) = error {
            self.sending_failed();
        }
        self.send_due_quietly();
        match self.failure {
            Some(failure) => failure.into(),
            None => open_error(error),
        }
    }

    /// Returns whether more may be received.
    fn is_open(&mut self) -> io::Result<bool> {
        match self.receiver.end() {
            ReadEnd::Open => Ok(true),
            ReadEnd::Truncated { .. } if self.tolerates_truncation => Ok(false),
            _ => match self.receiver.event() {
                Ok(_) => Ok(false),
                Err(error) => Err(self.stopped(error)),
            },
        }
    }

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

    // Sending

    /// Sends the alerts and KeyUpdates that are due.
    fn send_due(&mut self) -> io::Result<()> {
        loop {
            if let Some(keys) = &self.keys_due {
                let set = socket::set_keys(&self.socket, Direction::Sending, keys);
                set.or_else(|error| self.not_sent(error))?;
                self.keys_due = None;
            }
            self.control = self.control.or_else(|| self.sealer.take_kernel_control());
            if self.control.is_none() {
                return Ok(());
            }
            self.check_socket()?;
            // What was received meanwhile may be a reason to send another.
            let Some(control) = self.control else { continue };
            match control {
                Control::Alert(AlertDescription::CLOSE_NOTIFY) => self.write = WriteEnd::Closing,
                Control::Alert(description) if is_fatal(control) => {
                    self.write = WriteEnd::AlertQueued(description);
                }
                _ => {}
            }
            let sent = socket::send_control(&self.socket, &control.message());
            if self.sent(sent)?.is_none() {
                continue;
            }
            self.control = None;
            self.sealed = self.sealed.saturating_add(1);
            match control {
                Control::Alert(AlertDescription::CLOSE_NOTIFY) => self.write = WriteEnd::Closed,
                Control::Alert(description) if is_fatal(control) => {
                    self.write = WriteEnd::AlertSent(description);
                }
                Control::Alert(_) => {}
                Control::KeyUpdate { .. } => self.update_sending()?,
            }
        }
    }

    /// Handles the error that the socket has, if it has one: then what is sent would be lost, or sent later.
    /// Returns whether a record was refused, which is handled.
    ///
    /// The kernel keeps the error of a record that was received for whatever call is next.
    fn check_socket(&mut self) -> io::Result<bool> {
        let Some(error) = socket::take_error(&self.socket) else { return Ok(false) };
        if !socket::is_connected(&self.socket) {
            return self.not_sent(error);
        }
        // Other errors are those of the network, which TCP survives.
        let Some(refusal) = error.raw_os_error().map(Errno::from_raw).and_then(refusal) else {
            return Ok(false);
        };
        self.keep_opened()?;
        // Receiving may have brought the error back.
        let _ = socket::take_error(&self.socket);
        self.refuse(refusal)?;
        Ok(true)
    }

    /// Handles the result of a call that sends. Returns `None` if it can be repeated, because its error
    /// was that of a record that was received.
    fn sent<R>(&mut self, result: io::Result<R>) -> io::Result<Option<R>> {
        match result {
            Ok(sent) => Ok(Some(sent)),
            Err(error) if is_lasting(error.kind()) && self.check_socket()? => Ok(None),
            Err(error) => self.not_sent(error),
        }
    }

    /// Handles an error of the sending direction.
    fn not_sent<R>(&mut self, error: io::Error) -> io::Result<R> {
        if is_lasting(error.kind()) || !socket::is_connected(&self.socket) {
            self.sending_failed();
        }
        self.note(Err(error))
    }

    /// Sends what is due, as far as the socket takes it. The next write or flush reports an error.
    fn send_due_quietly(&mut self) {
        if self.write != WriteEnd::Failed {
            let _ = self.send_due();
        }
    }

    /// Derives the keys behind our KeyUpdate, which the kernel is given before anything else is sent.
    fn update_sending(&mut self) -> io::Result<()> {
        self.tickets = None;
        match next_keys(&mut self.sending) {
            Ok(keys) => {
                self.keys_due = Some(keys);
                self.sealed = 0;
                Ok(())
            }
            Err(error) => {
                // Nothing can be sent any more that the peer could open.
                self.write = WriteEnd::Failed;
                Err(io::Error::other(error))
            }
        }
    }

    /// Records the result of a call of the socket.
    fn note<R>(&mut self, result: io::Result<R>) -> io::Result<R> {
        keep_first_error(&mut self.transport_error, result)
    }

    /// Prepares sending `len` bytes of data. Returns how many of them may be sent by one call. `records`
    /// returns how many records the kernel makes of a number of bytes.
    fn prepare(&mut self, len: usize, records: fn(usize) -> u64) -> io::Result<usize> {
        let limit = usize::from(self.sealer.fragment_limit());
        // Of shorter records each is sent by a call of its own: the kernel fills them up.
        let len = len.min(if limit < MAX_CONTENT.into() { limit } else { MAX_WRITTEN });
        loop {
            let due = self.check_socket().and_then(|_| self.send_due());
            // What was received, or is due, may have ended this direction.
            match self.write {
                WriteEnd::Open => due?,
                WriteEnd::Closing | WriteEnd::Closed => {
                    return Err(seal_error(SealError::Closed, self.receiver.end()));
                }
                _ => return Err(self.why_failed()),
            }
            if self.sealed.saturating_add(records(len)) <= self.limit {
                return Ok(len);
            }
            self.update_keys().map_err(|error| match error {
                KeyError::NoUpdate => KernelTlsError::KeysExhausted.into(),
                error => io::Error::other(error),
            })?;
        }
    }

    /// The error of a sending direction that has failed.
    fn why_failed(&self) -> io::Error {
        let read = self.receiver.end();
        match (self.failure, self.transport_error) {
            (Some(failure), _) => failure.into(),
            (None, Some(kind)) if !matches!(read, ReadEnd::Fault(_) | ReadEnd::PeerAlert(_)) => {
                kind.into()
            }
            _ => seal_error(SealError::Failed, read),
        }
    }

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
    /// this call before a key reaches the limit of its cipher, and when the peer requests it.
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
        if self.write == WriteEnd::Open {
            // A record that was refused is answered with an alert, not with a close_notify.
            let _ = self.check_socket();
        }
        if self.write == WriteEnd::Open {
            // `HandedOver` says that the alert is to be taken from the sealer.
            let _ = self.sealer.close();
            self.write = WriteEnd::Closing;
        }
        let sent = self.send_due();
        match self.write {
            WriteEnd::Closed => Ok(()),
            WriteEnd::AlertQueued(_) | WriteEnd::AlertSent(_) | WriteEnd::Failed => {
                Err(io::Error::new(ErrorKind::ConnectionAborted, CloseError::Failed))
            }
            _ => sent,
        }
    }

    /// [Closes](Self::close) the sending direction and writes the remaining received data to `rest`.
    ///
    /// It reads until the peer's close_notify and returns the number of bytes that this call wrote to
    /// `rest`. `budget` limits the bytes that the peer may send after our close_notify. It also reads while
    /// the socket takes no bytes, because the peer may not read until we read.
    ///
    /// # Errors
    /// - The errors of [`close`](Self::close), of reading and of `rest`. The call may be repeated after them:
    ///   every byte is written to `rest` once.
    /// - [`BudgetSpent`](ShutdownError::BudgetSpent), as an inner error, if the peer sent more than `budget`
    ///   bytes and did not close.
    pub fn close_and_read_rest<W: Write + ?Sized>(
        &mut self,
        budget: u32,
        rest: &mut W,
    ) -> io::Result<u64> {
        // The peer may not read until we read, so go on if nothing can be sent now.
        match self.close() {
            Err(error) if !is_lasting(error.kind()) => {}
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
    /// - [`CloseError::AlreadyClosed`] if our close_notify was sent, and [`CloseError::Failed`] if the
    ///   connection has failed: no alert is sent.
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

    // How it stands

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
    /// keys, or reading has ended.
    pub const fn has_pending(&self) -> bool {
        !self.unread.is_empty() || !matches!(self.receiver.end(), ReadEnd::Open)
    }

    /// Takes the last warning alert of the peer, for instance `user_canceled`.
    ///
    /// A close_notify is not reported. Each alert is returned once.
    pub const fn take_warning(&mut self) -> Option<AlertDescription> {
        self.warning.take()
    }

    /// Returns whether a renegotiation that the peer asked for was refused (TLS 1.2).
    pub const fn renegotiation_refused(&self) -> bool {
        self.renegotiation_refused
    }

    /// Returns the first permanent error of the socket.
    pub const fn transport_error(&self) -> Option<ErrorKind> {
        self.transport_error
    }

    /// Returns the parameters that the handshake negotiated.
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// Returns the exporter of keying material, or `None` in TLS 1.2 and without rustls.
    pub const fn exporter(&self) -> Option<&Exporter> {
        self.exporter.as_ref()
    }

    /// Returns the socket.
    ///
    /// Do not read from it or write to it: its bytes would be records, and their number is counted here.
    pub const fn socket(&self) -> &T {
        &self.socket
    }
}

impl<T: AsFd, P: Provider> Read for KernelStream<T, P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if !self.unread.is_empty() {
            let mut left = &mut *out;
            let len = left.write(self.unread.filled())?;
            self.unread.consume(len);
            return Ok(len);
        }
        while self.is_open()? {
            if let Some(len) = self.receive(out)? {
                return Ok(len);
            }
        }
        Ok(0)
    }
}

impl<T: AsFd, P: Provider> Write for KernelStream<T, P> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        loop {
            let len = self.prepare(data.len(), records)?;
            let sent = socket::send_data(&self.socket, data.get(..len).unwrap_or(data));
            if let Some(len) = self.sent(sent)? {
                self.sealed = self.sealed.saturating_add(records(len));
                return Ok(len);
            }
        }
    }

    /// Sends an alert or a KeyUpdate that is due. Data is the kernel's once it is written.
    fn flush(&mut self) -> io::Result<()> {
        self.send_due()
    }
}

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

/// Returns the next keys of a direction. Boxed, because moving them leaves copies in memory.
fn next_keys<P: Provider>(direction: &mut KernelDirection<P>) -> Result<Box<CryptoInfo>, KeyError> {
    let keys = derive_next(direction);
    scrub_stack(size_of::<CryptoInfo>().saturating_mul(4));
    keys
}

/// Not inlined: [`scrub_stack`] must reach its stack frame.
#[inline(never)]
fn derive_next<P: Provider>(
    direction: &mut KernelDirection<P>,
) -> Result<Box<CryptoInfo>, KeyError> {
    direction.update()?;
    direction.crypto_info().map(Box::new)
}

/// Returns whether a control record ends the connection.
fn is_fatal(control: Control) -> bool {
    use tls_record::AlertClass;
    match control {
        Control::Alert(AlertDescription::NO_RENEGOTIATION) => false,
        Control::Alert(description) => description.class() == AlertClass::Error,
        Control::KeyUpdate { .. } => false,
    }
}

/// Returns how the kernel has refused a record that was received, if this is what an error says.
const fn refusal(error: Errno) -> Option<Refusal> {
    match error {
        Errno::EBADMSG => Some(Refusal::BadMac),
        Errno::EMSGSIZE => Some(Refusal::TooLong),
        Errno::EINVAL => Some(Refusal::Version),
        _ => None,
    }
}

/// The most records that the kernel makes of `len` bytes that are written by one call.
const fn records(len: usize) -> u64 {
    if len <= MAX_CONTENT as usize {
        return 1;
    }
    // The first and the last may hold less.
    (len >> 14).saturating_add(2) as u64
}

/// The most records that the kernel makes of `len` bytes of a file: it may make one of each page.
const fn records_of_file(len: usize) -> u64 {
    (len >> 12).saturating_add(2) as u64
}
