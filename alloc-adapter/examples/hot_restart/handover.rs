//! Hands TLS connections over to another process of the same machine, each of them once.
//!
//! The giver listens on a Unix socket of type `SOCK_SEQPACKET`, on which a message arrives whole or not at
//! all. The taker connects to it. Both have a secret of 32 random bytes.
//!
//! | message | from | content |
//! |---|---|---|
//! | request | taker | 32 random bytes, and a proof that it has the secret: HKDF-Expand with the secret over them |
//! | listener | giver | the descriptor of the listening socket |
//! | call-off | giver | the descriptor of an eventfd, which becomes readable if the giver calls the hand-over off |
//! | connection | giver | the descriptor, the suspended TLS connection, bytes that were received and not opened, records that were not sent, and the state of the application |
//! | acknowledgement | taker | nothing: it has resumed a connection |
//! | done | giver | no descriptor: every connection was acknowledged, and there are no more |
//!
//! Acknowledgements bound the loss if the taker does not work: no more than [`WINDOW`] connections are on
//! their way at a time. "Done" follows the last of them, so that a taker that fails leaves a giver behind.
//!
//! A TLS connection is suspended under a key that is derived from the secret and the random bytes of the
//! request: each hand-over has a key of its own, and bytes of an earlier one are refused as forged.
//! Received bytes and unsent records are encrypted by TLS. The state of the application is as safe as the
//! Unix socket, which only its owner may open.
//!
//! # Why no nonce is used twice
//!
//! A connection has one owner at a time. [`Giver::suspend`] takes its keys away from the giver before the
//! bytes leave, and nothing gives them back: not an error of the socket, not the death of the taker.
//! [`Suspended`] cannot be copied, and [`Giver::give`] consumes it. [`Taker::resume`] remembers what it has
//! resumed, and refuses it a second time. If the owner dies, the connection dies. Nothing of this is ever
//! written to a file.
//!
//! # What happens when a process is killed or fails
//!
//! If a hand-over fails and both processes live, the giver keeps the listening socket and the path: it serves the
//! connections that it has not given, accepts clients again, and can hand over to another successor. The taker closes
//! its copy of the listening socket, serves the connections that it took until they end, and then exits with an error.
//! So new clients and the next successor reach one process only. If the giver has died, the taker keeps the
//! listening socket, and listens at the path. It tells the two apart by the eventfd, to which a living giver writes
//! before it closes its end.
//!
//! | killed | the connection that is being handed over | all others |
//! |---|---|---|
//! | the giver, before it sent | ends with the giver | those that were given go on in the taker; those that were not end |
//! | the giver, after it sent | goes on in the taker | the same |
//! | the giver, after "done" | | all go on in the taker |
//! | the taker, before it received | ends: the system closes the descriptor with the taker's socket | those that were given end; those that were not go on in the giver, which accepts clients again |
//! | the taker, after it received, resumed or acknowledged | ends with the taker | the same |
//! | the taker, after the last acknowledgement | | all end; if "done" was not sent, the giver accepts clients again |
//!
//! | failed | the connection that is being handed over | all others |
//! |---|---|---|
//! | the taker cannot take: it has no descriptors left, or does not know the format of the suspended bytes | ends | those that were given go on in the taker, which accepts no more; those that were not go on in the giver, which accepts clients again |
//! | the taker does not acknowledge for [`PATIENCE`] | goes on in the taker, if that works again | the same |
//! | the giver cannot send | ends | the same |
//! | a connection cannot be given for [`PATIENCE`]: it is in its handshake or inside a message, or more goes along than fits in a message | ends, alone | all go on in the taker |
//! | the taker, after "done", cannot listen at the path | | all go on in the taker, which tries again; until then it has no successor |
//!
//! A connection that ends does so without a close_notify: its client sees a truncation, never a clean end
//! (RFC 9846 section 6.1).

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::cmsg_space;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, ReturnFlags, SocketAddrUnix};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage};
use tls_record::aead::{Algorithm, Provider, ring::Ring};
use tls_record::{RecordLayer, SUSPENDED_LEN, SuspendError, TrafficSecret};
use zeroize::Zeroizing;

pub(crate) type Layer = RecordLayer<TrafficSecret<Ring>>;

/// The secret of both processes, or a key that is derived from it.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The longest message in bytes, which a Unix socket of Linux takes at once by default.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;

/// How many connections are given before the first of them is acknowledged.
const WINDOW: usize = 16;

/// How long the other process is waited for, while the clients wait, too, and how long a connection that cannot be
/// given yet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

const DONE: &[u8] = b"done";

/// A connection that has left its owner, as bytes to be resumed once.
pub(crate) struct Suspended(Box<[u8; SUSPENDED_LEN]>);

/// What goes along with a suspended connection.
pub(crate) struct Belongings {
    pub(crate) socket: OwnedFd,
    /// Bytes that arrived and were not opened.
    pub(crate) received: Vec<u8>,
    /// Records that the socket has not taken.
    pub(crate) unsent: Vec<u8>,
    /// What the application knows of the connection.
    pub(crate) state: Vec<u8>,
}

/// Listens for a successor at `path`, in place of the process that did so before.
pub(crate) fn listen(path: &Path) -> io::Result<OwnedFd> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let socket = socket()?;
    net::bind(&socket, &SocketAddrUnix::new(&new)?)?;
    fs::set_permissions(&new, Permissions::from_mode(0o600))?;
    net::listen(&socket, 1)?;
    fs::rename(&new, path)?;
    Ok(socket)
}

fn socket() -> rustix::io::Result<OwnedFd> {
    net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// The process that gives its connections away.
pub(crate) struct Giver {
    /// Readable when the taker has acknowledged a connection, or is gone.
    pub(crate) socket: OwnedFd,
    key: Key,
    /// The longest message that is sent, in bytes.
    pub(crate) max_message: usize,
    unacknowledged: usize,
    /// Since when an acknowledgement is waited for, if any is missing.
    waiting: Instant,
    /// The eventfd that tells the taker that this process goes on.
    called_off: OwnedFd,
}

impl Giver {
    /// Accepts the process that connected to the socket of [`listen`], if it has the secret.
    pub(crate) fn accept(successors: &OwnedFd, secret: &Key) -> io::Result<Self> {
        let socket = net::accept_with(successors, SocketFlags::CLOEXEC)?;
        set_timeouts(&socket)?;
        let (request, _) = receive(&socket, RecvFlags::empty())?;
        let (random, proof) = request.split_at_checked(32).ok_or(ErrorKind::InvalidData)?;
        if proof != derive(secret, b"proof", random)?.as_slice() {
            return Err(io::Error::other("the successor does not have the secret"));
        }
        Ok(Self {
            socket,
            key: derive(secret, b"key", random)?,
            max_message: MAX_MESSAGE,
            unacknowledged: 0,
            waiting: Instant::now(),
            called_off: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    pub(crate) fn give_listener(&self, listener: BorrowedFd<'_>) -> io::Result<()> {
        send(&self.socket, &[b"listener"], Some(listener))?;
        send(&self.socket, &[b"call-off"], Some(self.called_off.as_fd()))
    }

    /// How many more connections may be given now. An error if the taker is gone or does not work.
    pub(crate) fn room(&mut self) -> io::Result<usize> {
        loop {
            match receive(&self.socket, RecvFlags::DONTWAIT) {
                Ok(_) => {
                    self.unacknowledged = self.unacknowledged.saturating_sub(1);
                    self.waiting = Instant::now();
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if self.unacknowledged != 0 && self.waiting.elapsed() > PATIENCE => {
                    return Err(io::Error::new(ErrorKind::TimedOut, "no acknowledgement"));
                }
                Err(_) => return Ok(WINDOW.saturating_sub(self.unacknowledged)),
            }
        }
    }

    /// Takes the keys away from `layer`, for ever. [`Busy`](SuspendError::Busy) if the `len` bytes that are to go
    /// along do not fit in a message.
    pub(crate) fn suspend(&self, layer: &mut Layer, len: usize) -> Result<Suspended, SuspendError> {
        if SUSPENDED_LEN + 2 * size_of::<u32>() + len > self.max_message {
            return Err(SuspendError::Busy);
        }
        Ok(Suspended(Box::new(layer.suspend(&self.key)?)))
    }

    /// Gives a connection away, and closes its descriptor here. After an error the connection is lost.
    pub(crate) fn give(&mut self, connection: Suspended, with: Belongings) -> io::Result<()> {
        let Belongings { socket, received, unsent, state } = with;
        let lens = [&received, &unsent].map(|bytes| (bytes.len() as u32).to_be_bytes());
        if self.unacknowledged == 0 {
            self.waiting = Instant::now();
        }
        self.unacknowledged += 1;
        let parts = [&connection.0[..], &lens[0], &lens[1], &received, &unsent, &state];
        send(&self.socket, &parts, Some(socket.as_fd()))
    }

    /// Ends the hand-over, if all is acknowledged.
    pub(crate) fn finish(&self) -> io::Result<bool> {
        if self.unacknowledged != 0 {
            return Ok(false);
        }
        send(&self.socket, &[DONE], None)?;
        Ok(true)
    }

    /// Ends the hand-over early. The giver keeps the listening socket, and the taker learns that.
    pub(crate) fn call_off(self) {
        // Before the socket is closed, which the taker takes for our death otherwise.
        let _ = rustix::io::write(&self.called_off, &1_u64.to_ne_bytes());
    }
}

/// The process that takes the connections.
pub(crate) struct Taker {
    /// Readable when a connection has arrived, or the giver is gone.
    pub(crate) socket: OwnedFd,
    key: Key,
    /// The eventfd of the giver.
    called_off: Option<OwnedFd>,
    /// What was resumed in this hand-over. Bytes of others have other keys.
    seen: HashSet<[u8; SUSPENDED_LEN]>,
}

impl Taker {
    /// Connects to the process that listens at `path`, if there is one.
    pub(crate) fn connect(path: &Path, secret: &Key) -> io::Result<Option<Self>> {
        let socket = socket()?;
        match net::connect(&socket, &SocketAddrUnix::new(path)?) {
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => return Ok(None),
            connected => connected?,
        }
        set_timeouts(&socket)?;
        let mut random = [0; 32];
        let generator = rustls::crypto::ring::default_provider().secure_random;
        generator.fill(&mut random).map_err(|_| io::Error::other("no random bytes"))?;
        send(&socket, &[&random, &derive(secret, b"proof", &random)?[..]], None)?;
        let (key, seen) = (derive(secret, b"key", &random)?, HashSet::new());
        Ok(Some(Self { socket, key, called_off: None, seen }))
    }

    /// Waits for the listening socket and for the eventfd, which come first.
    pub(crate) fn listener(&mut self) -> io::Result<OwnedFd> {
        let descriptor = || receive(&self.socket, RecvFlags::empty())?.1.ok_or_else(no_descriptor);
        let listener = descriptor()?;
        self.called_off = Some(descriptor()?);
        Ok(listener)
    }

    /// Returns whether the giver is gone and has not called the hand-over off.
    pub(crate) fn has_dead_giver(&self) -> bool {
        let Some(called_off) = &self.called_off else { return false };
        let mut end = [PollFd::new(&self.socket, PollFlags::empty())];
        let polled = poll(&mut end, Some(&Timespec::default()));
        let is_gone = polled.is_ok() && end[0].revents().contains(PollFlags::HUP);
        // Read after that: the giver writes to the eventfd before it closes its end.
        is_gone && rustix::io::read(called_off, &mut [0_u8; 8]).is_err()
    }

    /// The next connection, or `None` if there are no more. [`WouldBlock`](ErrorKind::WouldBlock) if it has
    /// not arrived; any other error ends the hand-over.
    pub(crate) fn receive(&self) -> io::Result<Option<(Suspended, Belongings)>> {
        let received = match receive(&self.socket, RecvFlags::DONTWAIT) {
            // The giver died and had not read all acknowledgements. Linux says so once, before it returns
            // what the giver sent.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                receive(&self.socket, RecvFlags::DONTWAIT)
            }
            received => received,
        };
        match received? {
            (message, None) if message == DONE => Ok(None),
            // The system leaves the descriptor out if this process may not have another.
            (_, None) => Err(no_descriptor()),
            (message, Some(socket)) => match take_apart(&message, socket) {
                None => Err(ErrorKind::InvalidData.into()),
                given => Ok(given),
            },
        }
    }

    /// Makes a connection of the bytes, once.
    pub(crate) fn resume(&mut self, mut connection: Suspended) -> io::Result<Layer> {
        let bytes = *connection.0;
        if self.seen.contains(&bytes) {
            return Err(io::Error::other("a connection that was resumed before"));
        }
        let layer = Layer::resume(&mut connection.0[..], &self.key).map_err(io::Error::other)?;
        self.seen.insert(bytes);
        Ok(layer)
    }

    /// Tells the giver that a connection is resumed. If the giver is gone, [`receive`](Self::receive) says so
    /// after what it gave.
    pub(crate) fn acknowledge(&self) {
        let _ = send(&self.socket, &[b"taken"], None);
    }

    /// How many connections were resumed.
    pub(crate) fn taken(&self) -> usize {
        self.seen.len()
    }
}

fn no_descriptor() -> io::Error {
    io::Error::other("a message without its descriptor")
}

fn take_apart(message: &[u8], socket: OwnedFd) -> Option<(Suspended, Belongings)> {
    let (connection, rest) = message.split_first_chunk()?;
    let (received, rest) = rest.split_first_chunk()?;
    let (unsent, rest) = rest.split_first_chunk()?;
    let (received, rest) = rest.split_at_checked(u32::from_be_bytes(*received) as usize)?;
    let (unsent, state) = rest.split_at_checked(u32::from_be_bytes(*unsent) as usize)?;
    let [received, unsent, state] = [received, unsent, state].map(<[u8]>::to_vec);
    Some((Suspended(Box::new(*connection)), Belongings { socket, received, unsent, state }))
}

/// A key for one use in one hand-over (RFC 5869 section 2.3).
fn derive(secret: &Key, label: &[u8], random: &[u8]) -> io::Result<Key> {
    let (mut key, info) = (Key::default(), [b"tls-record hot restart ", label, random]);
    Ring::hkdf_expand(Algorithm::Chacha20Poly1305, &secret[..], &info, &mut key[..])
        .ok_or_else(|| io::Error::other("no key"))?;
    Ok(key)
}

fn set_timeouts(socket: &OwnedFd) -> io::Result<()> {
    set_socket_timeout(socket, Timeout::Recv, Some(PATIENCE))?;
    Ok(set_socket_timeout(socket, Timeout::Send, Some(PATIENCE))?)
}

/// Sends one message, with a descriptor or without.
fn send(socket: &OwnedFd, parts: &[&[u8]], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let parts: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
    if parts.iter().map(|part| part.len()).sum::<usize>() > MAX_MESSAGE {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd]);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    net::sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one message, and the descriptor that came with it.
fn receive(socket: &OwnedFd, flags: RecvFlags) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut message = vec![0; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let parts = &mut [IoSliceMut::new(&mut message)];
    let received = net::recvmsg(socket, parts, &mut control, flags | RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = control.drain().filter_map(|one| match one {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let descriptor = descriptors.next();
    if received.bytes == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(ErrorKind::InvalidData.into());
    }
    message.truncate(received.bytes);
    Ok((message, descriptor))
}
