//! io_uring behind an interface that safe code cannot misuse.
//!
//! The kernel reads and writes memory while a submission is in flight. So this module owns that memory, and
//! lends it by values that cannot be copied:
//! - a [`Slot`] of bytes to send is moved into [`Ring::send`], and used again after the completion;
//! - a [`Chunk`] of received bytes is the only access to its buffer, and gives it back to the kernel when it
//!   is dropped;
//! - a [`Socket`] names a socket in the ring's own table, and no file descriptor that someone could close.
//!
//! It is the only module that has `unsafe`.
#![allow(unsafe_code)]

mod chunk;
mod slot;

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};

use io_uring::types::{CancelBuilder, DestinationSlot, Fixed, TimeoutFlags, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use nix::libc;
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

use chunk::Buffers;
pub(crate) use chunk::{Chunk, Chunks};
pub(crate) use slot::Slot;

/// The group of the buffers that receives choose from.
const GROUP: u16 = 0;

/// Bytes of a send that is submitted at once.
const LONG: usize = 32 << 10;

/// Entries of the submission queue. If it is full, it is submitted.
const SUBMISSIONS: u32 = 256;

/// A socket in the table of the ring.
#[derive(Debug)]
pub(crate) struct Socket(u32);

impl Socket {
    /// Returns the number by which completions name the socket.
    pub(crate) const fn index(&self) -> usize {
        self.0 as usize
    }
}

/// What has happened.
pub(crate) enum Event {
    /// A client has connected.
    Accepted(Socket),
    /// A socket for the connection with this tag.
    Opened(usize, io::Result<Socket>),
    /// The socket is connected.
    Connected(usize, io::Result<()>),
    /// Something has arrived for a socket, and whether it goes on to receive.
    Received(usize, Received, bool),
    /// All bytes of the slot were taken, the socket was shut down, or the send failed.
    Sent(usize, io::Result<()>),
    /// Some bytes of the slot were taken, and the send goes on.
    SentPart(usize),
    /// A second has passed.
    Tick,
    /// The watched descriptor is readable.
    Readable,
}

/// What has arrived.
pub(crate) enum Received {
    Data(Chunk),
    /// The end of the peer's direction.
    End,
    /// Nothing, because receiving was stopped.
    Stopped,
    /// Nothing, because all buffers are lent.
    NoBuffers,
    Failed(io::Error),
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Accept,
    Receive,
    Send,
    Open,
    Connect,
    ShutDown,
    Tick,
    Readable,
    /// Completions that need no handling.
    Other,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Accept,
        Self::Receive,
        Self::Send,
        Self::Open,
        Self::Connect,
        Self::ShutDown,
        Self::Tick,
        Self::Readable,
        Self::Other,
    ];

    const fn of(self, index: u32) -> u64 {
        (self as u64) << 32 | index as u64
    }
}

/// How often the program has called the kernel, and for how many bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) enters: u64,
    pub(crate) receives: u64,
    pub(crate) sends: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Receives that found no buffer.
    pub(crate) no_buffers: u64,
}

/// An io_uring with a table of sockets, a ring of receive buffers, and the slots in flight.
pub(crate) struct Ring {
    uring: IoUring,
    buffers: &'static Buffers,
    /// The slots that the kernel reads, by socket.
    in_flight: Vec<Option<Slot>>,
    /// Whether everything that is in flight is cancelled, by socket.
    is_cancelled: Vec<bool>,
    /// Slots that are not in use. The last used is at the end: its memory is in the cache.
    slots: Vec<Slot>,
    slot_len: usize,
    /// Descriptors that submissions name. They are closed after the ring.
    descriptors: Vec<OwnedFd>,
    /// Whether clients are to be accepted.
    wants_clients: bool,
    /// Whether accepting is in flight: it ends when the table is full, for instance.
    is_accepting: bool,
    backend: Option<&'static SockaddrStorage>,
    /// What has happened, and was not asked for yet.
    events: VecDeque<Event>,
    pub(crate) counts: Counts,
}

impl Ring {
    /// Creates a ring for at most `sockets` sockets at a time, which receive into `buffers` buffers of
    /// `buffer_len` bytes, and send from slots of `slot_len` bytes. The number of buffers is a power of two.
    pub(crate) fn new(
        sockets: u32,
        buffers: u16,
        buffer_len: u32,
        slot_len: usize,
    ) -> io::Result<Self> {
        let uring = IoUring::builder()
            // One thread submits, and the kernel does its part when this thread enters it, not in between.
            .setup_single_issuer()
            .setup_defer_taskrun()
            // Says when the kernel has something to do, so that an enter which does not wait does it too.
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(8192)
            .build(SUBMISSIONS)?;
        uring.submitter().register_files_sparse(sockets)?;
        let buffers = Buffers::register(&uring, GROUP, buffers, buffer_len)?;
        Ok(Self {
            uring,
            buffers,
            in_flight: (0..sockets).map(|_| None).collect(),
            is_cancelled: vec![false; sockets as usize],
            slots: Vec::new(),
            slot_len,
            descriptors: Vec::new(),
            wants_clients: false,
            is_accepting: false,
            backend: None,
            events: VecDeque::new(),
            counts: Counts::default(),
        })
    }

    /// Returns how many sockets there can be.
    pub(crate) const fn sockets(&self) -> usize {
        self.in_flight.len()
    }

    /// Accepts clients. While the table is full they wait, and are accepted when a socket is closed.
    pub(crate) fn accept(&mut self, listener: TcpListener) -> io::Result<()> {
        self.descriptors.insert(0, listener.into());
        self.wants_clients = true;
        self.accept_again()
    }

    /// Accepts clients again if accepting has ended, because there was no place or no memory.
    fn accept_again(&mut self) -> io::Result<()> {
        if !self.wants_clients || mem::replace(&mut self.is_accepting, true) {
            return Ok(());
        }
        let Some(listener) = self.descriptors.first() else { return Ok(()) };
        let fd = io_uring::types::Fd(listener.as_raw_fd());
        self.push(opcode::AcceptMulti::new(fd).allocate_file_index(true).build(), Kind::Accept, 0)
    }

    /// Stops accepting. Clients that were accepted before may still be reported.
    pub(crate) fn stop_accepting(&mut self) -> io::Result<()> {
        self.wants_clients = false;
        self.cancel(CancelBuilder::user_data(Kind::Accept.of(0)))
    }

    /// Sets the address that [`connect`](Self::connect) connects to.
    pub(crate) fn set_backend(&mut self, address: SocketAddr) {
        // Never freed, because submissions point to it: it is set once.
        self.backend = Some(Box::leak(Box::new(address.into())));
    }

    /// Makes a socket for a connection to the backend. The answer is [`Event::Opened`], with this tag.
    pub(crate) fn open(&mut self, tag: usize) -> io::Result<()> {
        let domain = match self.backend.and_then(|address| address.family()) {
            Some(family) => family as i32,
            None => return Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        let socket = opcode::Socket::new(domain, libc::SOCK_STREAM, 0)
            .file_index(Some(DestinationSlot::auto_target()));
        self.push(socket.build(), Kind::Open, tag as u32)
    }

    /// Connects a socket to the backend. The answer is [`Event::Connected`].
    pub(crate) fn connect(&mut self, socket: &Socket) -> io::Result<()> {
        static ONE: libc::c_int = 1;
        let index = socket.0;
        let Some(address) = self.backend else { return Ok(()) };
        let (level, name) = (libc::IPPROTO_TCP as u32, libc::TCP_NODELAY as u32);
        let value = (&raw const ONE).cast();
        let no_delay =
            opcode::SetSockOpt::new(Fixed(index), level, name, value, size_of_val(&ONE) as u32);
        self.push(no_delay.build(), Kind::Other, index)?;
        let connect = opcode::Connect::new(Fixed(index), address.as_ptr(), address.len());
        self.push(connect.build(), Kind::Connect, index)
    }

    /// Receives until [`Event::Received`] says that it does not go on.
    pub(crate) fn receive(&mut self, socket: &Socket) -> io::Result<()> {
        self.push(opcode::RecvMulti::new(Fixed(socket.0), GROUP).build(), Kind::Receive, socket.0)
    }

    /// Stops receiving. [`Received::Stopped`] follows, unless receiving ends by itself.
    pub(crate) fn stop_receiving(&mut self, socket: &Socket) -> io::Result<()> {
        self.cancel(CancelBuilder::user_data(Kind::Receive.of(socket.0)))
    }

    /// Returns an empty slot.
    pub(crate) fn slot(&mut self) -> Slot {
        self.slots.pop().unwrap_or_else(|| Slot::new(self.slot_len))
    }

    /// Takes back a slot, and drops what is in it.
    pub(crate) fn release(&mut self, mut slot: Slot) {
        slot.clear();
        self.slots.push(slot);
    }

    /// Sends the filled bytes of the slot, all of them. The answer is [`Event::Sent`].
    ///
    /// # Panics
    /// If a send of this socket is in flight.
    pub(crate) fn send(&mut self, socket: &Socket, slot: Slot) -> io::Result<()> {
        let place = &mut self.in_flight[socket.index()];
        assert!(place.is_none(), "one send at a time");
        let is_long = slot.filled().len() >= LONG;
        *place = Some(slot);
        self.submit_slot(socket.0)?;
        if !is_long {
            return Ok(()); // Together with others.
        }
        // Now: mostly the kernel has copied the bytes when this returns, while they are in the cache, and the next
        // send uses the same slot.
        self.counts.enters += 1;
        self.uring.submit()?;
        self.collect()
    }

    /// Asks whether the send in flight has sent anything. If so, the answer is [`Event::SentPart`], or it is complete.
    /// Otherwise there is none.
    pub(crate) fn ask(&mut self, socket: &Socket) -> io::Result<()> {
        // A cancelled send says what it has sent; then the rest is submitted.
        self.cancel(CancelBuilder::user_data(Kind::Send.of(socket.0)))
    }

    /// Submits a slot in its place. It leaves the place only when the completion has come.
    fn submit_slot(&mut self, index: u32) -> io::Result<()> {
        let Some(slot) = &self.in_flight[index as usize] else { return Ok(()) };
        let bytes = slot.filled();
        let send = opcode::Send::new(Fixed(index), bytes.as_ptr(), bytes.len() as u32)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL);
        self.push(send.build(), Kind::Send, index)
    }

    /// Ends the sending direction of the socket. The answer is [`Event::Sent`].
    pub(crate) fn shut_down(&mut self, socket: &Socket) -> io::Result<()> {
        let shutdown = opcode::Shutdown::new(Fixed(socket.0), libc::SHUT_WR);
        self.push(shutdown.build(), Kind::ShutDown, socket.0)
    }

    /// Cancels what is in flight for the socket. The completions come nevertheless. What a send has not sent yet is
    /// dropped.
    pub(crate) fn cancel_all(&mut self, socket: &Socket) -> io::Result<()> {
        self.is_cancelled[socket.index()] = true;
        self.cancel(CancelBuilder::fd(Fixed(socket.0)).all())
    }

    /// Closes the socket. Wait for all answers before: the number may be given to another socket at once, and what
    /// a thread of the kernel still does for this one, such as the shutdown, would be done for that one.
    pub(crate) fn close(&mut self, socket: Socket) -> io::Result<()> {
        self.is_cancelled[socket.index()] = false;
        self.push(opcode::Close::new(Fixed(socket.0)).build(), Kind::Other, socket.0)?;
        self.accept_again()
    }

    /// Makes a [`Event::Tick`] every second.
    pub(crate) fn tick(&mut self) -> io::Result<()> {
        static SECOND: Timespec = Timespec::new().sec(1);
        let timeout = opcode::Timeout::new(&raw const SECOND).flags(TimeoutFlags::MULTISHOT);
        self.push(timeout.build(), Kind::Tick, 0)
    }

    /// Makes a [`Event::Readable`] when the descriptor is readable.
    pub(crate) fn watch(&mut self, descriptor: OwnedFd) -> io::Result<()> {
        let fd = io_uring::types::Fd(descriptor.as_raw_fd());
        self.descriptors.push(descriptor);
        self.push(opcode::PollAdd::new(fd, libc::POLLIN as u32).build(), Kind::Readable, 0)
    }

    fn cancel(&mut self, which: CancelBuilder) -> io::Result<()> {
        self.push(opcode::AsyncCancel2::new(which).build(), Kind::Other, 0)
    }

    fn push(&mut self, entry: squeue::Entry, kind: Kind, index: u32) -> io::Result<()> {
        let entry = entry.user_data(kind.of(index));
        // SAFETY: the memory that an entry names is static, or that of a slot in `in_flight`, which stays there
        // until the completion, and is leaked if the ring is dropped before. Descriptors are those of
        // `descriptors`, which are open as long as the ring is.
        while unsafe { self.uring.submission().push(&entry) }.is_err() {
            self.counts.enters += 1;
            self.uring.submit()?;
        }
        Ok(())
    }

    /// Returns the next of what has happened.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns how many events there are.
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    /// Submits what was asked for, and waits until something has happened. Does not wait if there are events.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        self.counts.enters += 1;
        match self.uring.submit_and_wait(self.events.is_empty().into()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            submitted => {
                submitted?;
                self.collect()
            }
        }
    }

    /// Takes the completions.
    fn collect(&mut self) -> io::Result<()> {
        loop {
            let next = self.uring.completion().next();
            let Some(completion) = next else { return Ok(()) };
            if let Some(event) = self.event(&completion)? {
                self.events.push_back(event);
            }
        }
    }

    fn event(&mut self, completion: &cqueue::Entry) -> io::Result<Option<Event>> {
        let (data, flags) = (completion.user_data(), completion.flags());
        let (kind, index) = (Kind::ALL[(data >> 32) as usize], data as u32);
        let result = match completion.result() {
            ..0 => Err(io::Error::from_raw_os_error(-completion.result())),
            len => Ok(len as u32),
        };
        let socket = index as usize;
        Ok(Some(match kind {
            Kind::Accept => {
                self.is_accepting = cqueue::more(flags);
                let Ok(index) = result else { return Ok(None) };
                Event::Accepted(Socket(index))
            }
            Kind::Receive => {
                let len = result.as_ref().copied().unwrap_or(0);
                // SAFETY: the kernel has taken the buffer of this number out of the ring, and will not use it
                // until it is given back. Each completion is seen once.
                let chunk =
                    cqueue::buffer_select(flags).map(|id| unsafe { self.buffers.take(id, len) });
                self.counts.receives += 1;
                self.counts.received += u64::from(len);
                let received = match (result, chunk) {
                    (Ok(0), _) => Received::End,
                    (Ok(_), Some(chunk)) => Received::Data(chunk),
                    (Ok(_), None) => Received::Stopped,
                    (Err(error), _) => match error.raw_os_error() {
                        Some(libc::ECANCELED) => Received::Stopped,
                        Some(libc::ENOBUFS) => {
                            self.counts.no_buffers += 1;
                            self.buffers.show_more();
                            Received::NoBuffers
                        }
                        _ => Received::Failed(error),
                    },
                };
                Event::Received(socket, received, cqueue::more(flags))
            }
            Kind::Send => {
                let Some(mut slot) = self.in_flight[socket].take() else { return Ok(None) };
                let mut sent = result.map(|len| {
                    slot.consume(len as usize);
                    self.counts.sends += 1;
                    self.counts.sent += u64::from(len);
                });
                let is_part = sent.is_ok() && !slot.is_empty();
                let is_stopped = |error: &io::Error| error.raw_os_error() == Some(libc::ECANCELED);
                if is_part || sent.as_ref().is_err_and(is_stopped) {
                    if !self.is_cancelled[socket] {
                        self.in_flight[socket] = Some(slot);
                        self.submit_slot(index)?;
                        return Ok(is_part.then_some(Event::SentPart(socket)));
                    }
                    // The bytes that a cancelled send has sent are its result.
                    sent = Err(io::Error::from_raw_os_error(libc::ECANCELED));
                }
                self.release(slot);
                Event::Sent(socket, sent)
            }
            Kind::Open => Event::Opened(socket, result.map(Socket)),
            Kind::Connect => Event::Connected(socket, result.map(drop)),
            // It fails only if the peer has reset the connection, which receiving reports.
            Kind::ShutDown => Event::Sent(socket, Ok(())),
            Kind::Tick => {
                self.accept_again()?;
                if !cqueue::more(flags) {
                    self.tick()?;
                }
                Event::Tick
            }
            Kind::Readable => Event::Readable,
            Kind::Other => return Ok(None),
        }))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel may read them for a moment after the ring is closed.
        mem::forget(mem::take(&mut self.in_flight));
    }
}
