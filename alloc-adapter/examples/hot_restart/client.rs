//! A client of the line server: its socket, its TLS connection, and which of its lines are answered.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::process;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use rustls::ServerConfig;
use tls_record::aead::ring::Ring;
use tls_record::{Event, MAX_RECORD, OpenError, RecordLayer, SealError, SuspendError};
use tls_record_alloc::{Buffer, Handshake, Resumption};

use crate::handover::{Belongings, Giver, Layer, Suspended};

/// The longest line of a client, in bytes.
const MAX_LINE: usize = 16 * 1024;

/// After so many reads in a row it is the turn of other clients.
const READS: usize = 8;

pub(crate) struct Client {
    tcp: TcpStream,
    handshake: Option<Box<Handshake>>,
    established: Option<Box<Established>>,
}

struct Established {
    layer: Layer,
    /// The stored sessions, of which only the process of the handshake knows.
    resumption: Option<Resumption>,
    received: Buffer,
    unsent: Buffer,
    /// What was decrypted and not answered.
    input: Vec<u8>,
    /// How many lines were answered.
    count: u64,
}

impl Client {
    pub(crate) fn new(tcp: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        tcp.set_nonblocking(true)?;
        tcp.set_nodelay(true)?;
        let handshake = Some(Box::new(Handshake::server(config)?));
        Ok(Self { tcp, handshake, established: None })
    }

    /// Suspends the connection. `Busy` during the handshake, inside a message of the peer's, and while too much
    /// would go along.
    pub(crate) fn suspend(&mut self, giver: &Giver) -> Result<Suspended, SuspendError> {
        let established = self.established.as_mut().ok_or(SuspendError::Busy)?;
        let Established { layer, received, unsent, input, .. } = &mut **established;
        giver.suspend(layer, received.len() + unsent.len() + size_of::<u64>() + input.len())
    }

    /// What goes along with the suspended connection.
    pub(crate) fn into_belongings(self) -> Option<Belongings> {
        let Established { received, unsent, count, input, .. } = *self.established?;
        Some(Belongings {
            socket: self.tcp.into(),
            received: received.filled().to_vec(),
            unsent: unsent.filled().to_vec(),
            state: [&count.to_be_bytes()[..], &input].concat(),
        })
    }

    /// A client of another process, whose connection was resumed.
    pub(crate) fn resumed(layer: Layer, with: Belongings) -> Option<Self> {
        let Belongings { socket, received, unsent, state } = with;
        let (count, input) = state.split_first_chunk()?;
        let mut established = Established {
            layer,
            resumption: None,
            received: Buffer::new(usize::MAX),
            unsent: Buffer::new(usize::MAX),
            input: input.to_vec(),
            count: u64::from_be_bytes(*count),
        };
        // More than a record if the handshake left so much.
        let _ = established.received.push(&received); // It has no ceiling.
        established.received.set_ceiling(MAX_RECORD);
        let _ = established.unsent.push(&unsent);
        let established = Some(Box::new(established));
        Some(Self { tcp: socket.into(), handshake: None, established })
    }

    /// What to wait for. Until a client takes its answers, nothing more is read from it.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        let flags = match (&self.handshake, &self.established) {
            (Some(handshake), _) if !handshake.unsent().is_empty() => {
                PollFlags::IN | PollFlags::OUT
            }
            (_, Some(established)) if !established.unsent.is_empty() => PollFlags::OUT,
            _ => PollFlags::IN,
        };
        PollFd::from_borrowed_fd(self.tcp.as_fd(), flags)
    }

    /// Does all that needs no waiting. False if the connection has ended.
    pub(crate) fn pump(&mut self) -> bool {
        match self.try_pump() {
            Ok(()) => true,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    fn try_pump(&mut self) -> io::Result<()> {
        if let Some(handshake) = &mut self.handshake {
            handshake.complete(&mut self.tcp)?;
        }
        if let Some(handshake) = self.handshake.take() {
            let made = handshake.finish::<Ring>()?;
            let layer = RecordLayer::join(*made.opener, *made.sealer).map_err(io::Error::other)?;
            let (received, unsent, input, count) = (made.received, made.unsent, Vec::new(), 0);
            let resumption = Some(made.resumption);
            let established = Established { layer, resumption, received, unsent, input, count };
            self.established = Some(Box::new(established));
        }
        let Some(established) = &mut self.established else { return Ok(()) };
        for _ in 0..READS {
            established.work(&mut self.tcp)?;
            match self.tcp.read(established.received.room())? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                len => established.received.commit(len),
            }
        }
        established.work(&mut self.tcp)
    }
}

impl Established {
    /// Answers all lines that have arrived. An error if a socket would block or the connection has ended.
    fn work(&mut self, tcp: &mut TcpStream) -> io::Result<()> {
        loop {
            self.send(tcp)?;
            if self.answer()? {
                continue;
            }
            let opened = match self.layer.open(self.received.filled_mut()) {
                Ok(opened) => opened,
                Err(error) => {
                    if let (OpenError::PeerAlert(_) | OpenError::Fault(_), Some(resumption)) =
                        (error, &mut self.resumption)
                    {
                        resumption.forget();
                    }
                    self.seal_control()?;
                    self.send(tcp)?;
                    return Err(io::Error::other(error));
                }
            };
            match opened.event {
                Event::ApplicationData(range) => {
                    self.input.extend_from_slice(&self.received.filled()[range]);
                }
                Event::NeedMore { .. } => {
                    self.seal_control()?;
                    return self.send(tcp);
                }
                Event::Closed => {
                    let _ = self.layer.close(); // It may have been closed before.
                    self.seal_control()?;
                    self.send(tcp)?;
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                // Only TLS 1.2 has handshake messages for a server here: a renegotiation.
                Event::Handshake(piece) if piece.is_last() => {
                    let _ = self.layer.refuse_renegotiation(); // It fails only at the end.
                }
                _ => {}
            }
            self.received.consume(opened.consumed);
            self.seal_control()?;
        }
    }

    /// Answers the next lines, if there are any.
    fn answer(&mut self) -> io::Result<bool> {
        let (mut answers, mut at) = (Vec::new(), 0);
        while answers.len() < MAX_LINE
            && let Some(len) = self.input[at..].iter().position(|&byte| byte == b'\n')
        {
            self.count += 1;
            write!(answers, "{} {} ", process::id(), self.count)?;
            answers.extend_from_slice(&self.input[at..=at + len]);
            at += len + 1;
        }
        self.input.drain(..at);
        if at == 0 && self.input.len() > MAX_LINE {
            return Err(io::Error::new(ErrorKind::InvalidData, "a line too long"));
        }
        let mut left = &answers[..];
        while !left.is_empty() {
            let mut records = [0; MAX_RECORD];
            match self.layer.seal(&[left], &mut records) {
                Ok(sealed) => {
                    let _ = self.unsent.push(&records[..sealed.written]);
                    left = &left[sealed.taken..];
                }
                Err(SealError::ControlFirst) => self.seal_control()?,
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(at != 0)
    }

    /// Seals the alerts and KeyUpdates that are due.
    fn seal_control(&mut self) -> io::Result<()> {
        let mut record = [0; 128];
        while self.layer.has_control() {
            let len = self.layer.poll_control(&mut record).map_err(io::Error::other)?;
            let _ = self.unsent.push(&record[..len]);
        }
        Ok(())
    }

    fn send(&mut self, tcp: &mut TcpStream) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match tcp.write(self.unsent.filled())? {
                0 => return Err(ErrorKind::WriteZero.into()),
                len => self.unsent.consume(len),
            }
        }
        Ok(())
    }
}
