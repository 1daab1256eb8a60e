//! A TLS client for the terminal, on the two halves of the engine.
//!
//! One thread sends, one thread receives, and neither waits for the other.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use clap::Parser;
use rustls::pki_types::ServerName;
use tls_record::aead::ring::Ring;
use tls_record::{CloseError, End, Event, Notice, Opener, ReadEnd, Sealer, TrafficSecret};
use tls_record_alloc::{Buffer, Established, Handshake, HandshakeError, disconnect};

#[allow(dead_code)] // Other examples use the remaining items.
mod support;
use support::Tls;

/// A TLS client: sends standard input to a server and prints the data that it receives.
///
/// When the input ends, the client sends a close_notify and reads until the server closes as well.
///
/// Exit status: 0 if both sides closed, 1 if the connection was truncated, 2 after a fatal alert, 3
/// for wrong usage and network errors.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The server, as HOST:PORT.
    #[arg(long, value_name = "ADDR")]
    connect: String,
    /// Trust the certificate authorities in this PEM file.
    #[arg(long, value_name = "FILE", required_unless_present = "insecure")]
    ca: Option<PathBuf>,
    /// Trust any certificate.
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
    /// The name that the certificate must have. Default: HOST.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// The protocol version.
    #[arg(long, value_enum, default_value_t)]
    tls: Tls,
    /// Disconnect after this many seconds in which the server takes no data.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..))]
    idle: u64,
}

const CLOSED: u8 = 0;
const TRUNCATED: u8 = 1;
const FATAL_ALERT: u8 = 2;
const FAILED: u8 = 3;

/// The limits of a disconnect: the bytes of input to discard, and the time to wait for the server's
/// end. A socket that is only dropped may be reset, which destroys our close_notify or alert.
const REST: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

type Secret = TrafficSecret<Ring>;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let status = if error.use_stderr() { FAILED } else { CLOSED };
            let _ = error.print();
            return status.into();
        }
    };
    let status = match run(&args) {
        Ok(end) => exit_status(end),
        Err(error) => {
            eprintln!("client: {error}");
            handshake_status(&*error).unwrap_or(FAILED)
        }
    };
    status.into()
}

/// Returns the exit status if `error` is a failed handshake.
fn handshake_status(error: &(dyn Error + 'static)) -> Option<u8> {
    let error = error.downcast_ref::<io::Error>()?.get_ref()?;
    match error.downcast_ref::<HandshakeError>()? {
        HandshakeError::Truncated => Some(TRUNCATED),
        // An alert of the server, or ours.
        HandshakeError::Tls(_) => Some(FATAL_ALERT),
        _ => None,
    }
}

/// Returns the exit status, and prints the reason if it is not 0.
fn exit_status(end: End) -> u8 {
    match end.read {
        ReadEnd::Closed { .. } => CLOSED,
        ReadEnd::PeerAlert(alert) => {
            eprintln!("client: the server sent the fatal alert {alert}");
            FATAL_ALERT
        }
        ReadEnd::Fault(fault) => {
            eprintln!("client: we sent a fatal alert: {fault}");
            FATAL_ALERT
        }
        // This client never suspends the connection or hands keys to the kernel.
        ReadEnd::Truncated { .. } | ReadEnd::Open | ReadEnd::HandedOver => {
            eprintln!("client: truncated: the connection ended without close_notify");
            TRUNCATED
        }
    }
}

fn run(args: &Args) -> Result<End, Box<dyn Error>> {
    let host = args.connect.rsplit_once(':').map_or(&*args.connect, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(args.server_name.as_deref().unwrap_or(host).to_owned())?;
    let config = match &args.ca {
        Some(authorities) => support::client_config(authorities, args.tls)?,
        None => support::insecure_client_config(args.tls)?,
    };

    let mut transport = TcpStream::connect(&args.connect)?;
    transport.set_write_timeout(Some(Duration::from_secs(args.idle)))?;
    let mut handshake = Handshake::client(Arc::new(config), name)?;
    if let Err(error) = handshake.complete(&mut transport) {
        disconnect(transport, REST, PATIENCE);
        return Err(error.into());
    }
    let Established { opener, sealer, received, unsent, .. } = handshake.finish::<Ring>()?;

    let sender = Sender { sealer, unsent, transport: transport.try_clone()? };
    let sending = Arc::new(Sending { sender: Mutex::new(sender), notices: AtomicU32::new(0) });
    thread::spawn({
        let sending = sending.clone();
        move || {
            if let Err(error) = send_input(&sending) {
                eprintln!("client: sending: {error}");
                // Stop receiving too: a server that does not read may never send anything.
                let _ = sending.with(|sender| sender.transport.shutdown(Shutdown::Both));
            }
        }
    });

    let read = receive(opener, received, &mut transport, &sending)?;
    // The peer has closed. If it closed first, our close_notify is still to be sent.
    let closed = sending.with(|sender| match sender.sealer.close() {
        Ok(()) | Err(CloseError::AlreadyClosed | CloseError::Failed) => sender.flush(),
        Err(error) => Err(io::Error::other(error)),
    });
    if let (ReadEnd::Closed { .. }, Err(error)) = (read, closed) {
        return Err(error.into());
    }
    let end = End { read, write: sending.with(|sender| Ok(sender.sealer.end()))? };
    disconnect(transport, REST, PATIENCE);
    Ok(end)
}

// Receiving

/// Writes received data to standard output until the peer's direction ends.
fn receive(
    mut opener: Box<Opener<Secret>>,
    mut received: Buffer,
    transport: &mut TcpStream,
    sending: &Sending,
) -> Result<ReadEnd, Box<dyn Error>> {
    let mut output = io::stdout().lock();
    loop {
        let input = received.filled_mut();
        let opened = opener.open(input);
        sending.notify(opener.take_notice())?;
        let Ok(opened) = opened else { break };
        match opened.event {
            Event::NeedMore { .. } => match read(transport, received.room())? {
                0 => {
                    opener.eof();
                    break;
                }
                len => received.commit(len),
            },
            Event::ApplicationData(range) => {
                output.write_all(&input[range])?;
                output.flush()?;
            }
            Event::Closed => break,
            // Tickets, KeyUpdates and warnings need no action.
            _ => {}
        }
        received.consume(opened.consumed);
    }
    Ok(opener.end())
}

/// Reads from the transport. A reset counts as its end: the opener decides whether that is a
/// truncation.
fn read(transport: &mut TcpStream, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match transport.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(0),
            read => return read,
        }
    }
}

// Sending

/// The sending half with its handle of the transport.
struct Sender {
    sealer: Box<Sealer<Secret>>,
    unsent: Buffer,
    transport: TcpStream,
}

impl Sender {
    /// Sends the alerts and KeyUpdates that are due.
    fn flush(&mut self) -> io::Result<()> {
        let mut record = [0; 64];
        while self.sealer.has_control() {
            let len = self.sealer.poll_control(&mut record).map_err(io::Error::other)?;
            let _ = self.unsent.push(&record[..len]); // It has no ceiling.
        }
        let unsent = self.unsent.filled().len();
        self.transport.write_all(self.unsent.filled())?;
        self.unsent.consume(unsent);
        Ok(())
    }

    fn send(&mut self, data: &[u8], out: &mut [u8]) -> io::Result<()> {
        let mut rest = data;
        while !rest.is_empty() {
            self.flush()?;
            let sealed = self.sealer.seal(&[rest], out).map_err(io::Error::other)?;
            self.transport.write_all(&out[..sealed.written])?;
            rest = &rest[sealed.taken..];
        }
        Ok(())
    }
}

/// The sending half, shared by the sending thread and the receiving thread, which posts notices.
struct Sending {
    sender: Mutex<Sender>,
    notices: AtomicU32,
}

impl Sending {
    /// Posts a notice for the sealer, and applies it unless the sending thread holds the lock.
    ///
    /// It does not wait for the lock: the peer may not read until we read, and both would wait for
    /// ever. The sending thread applies the notice when it releases the lock.
    fn notify(&self, notice: Notice) -> io::Result<()> {
        self.notices.fetch_or(notice.bits(), Ordering::Release);
        self.apply_notices()
    }

    fn apply_notices(&self) -> io::Result<()> {
        while self.notices.load(Ordering::Acquire) != 0 {
            let mut sender = match self.sender.try_lock() {
                Ok(sender) => sender,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Ok(()),
            };
            let notice = Notice::from_bits(self.notices.swap(0, Ordering::AcqRel));
            sender.sealer.apply(notice);
            sender.flush()?;
        }
        Ok(())
    }

    fn with<R>(&self, act: impl FnOnce(&mut Sender) -> io::Result<R>) -> io::Result<R> {
        let acted = {
            let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            sender.sealer.apply(Notice::from_bits(self.notices.swap(0, Ordering::AcqRel)));
            act(&mut sender)
        };
        self.apply_notices()?;
        acted
    }
}

/// Sends standard input, and a close_notify at its end.
fn send_input(sending: &Sending) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut data = [0; 16 * 1024];
    let mut out = [0; 20 * 1024];
    loop {
        let len = input.read(&mut data)?;
        sending.with(|sender| {
            if len != 0 {
                return sender.send(&data[..len], &mut out);
            }
            match sender.sealer.close() {
                Ok(()) | Err(CloseError::AlreadyClosed) => sender.flush(),
                Err(error) => Err(io::Error::other(error)),
            }
        })?;
        if len == 0 {
            return Ok(());
        }
    }
}
