//! Two blocking streams of the adapter over a transport in memory with arbitrary results.
//!
//! A call of the transport returns a part of the bytes, `WouldBlock`, `Interrupted`, an error, or
//! the end. The data read must be a prefix of the data written. Reading must end without an error
//! only after a close_notify of the peer and all of its data. After an error of the transport,
//! calls must continue where they stopped. Each input makes a handshake of rustls, so fewer inputs
//! are run.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use tls_record_alloc::rustls::{ClientConfig, ServerConfig};
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{Config, Fault, OpenError, ReadEnd, WriteEnd};
use tls_record_alloc::{Handshake, Progress, Stream};
use tls_record_tests::peers::{
    SERVER_NAME, Suite, Version, rustls_client_config, rustls_server_config,
};

use crate::input::input;

input! {
    /// The result of the next call of the transport, in one direction.
    pub enum Answer {
        /// Up to `len` bytes.
        Part { len: u8, },
        /// `WouldBlock`.
        WouldBlock,
        /// `Interrupted`.
        Interrupted,
        /// A connection reset.
        Reset,
    }
}

input! {
    /// One action of an end or of the transport.
    pub enum Call {
        /// An end writes.
        Write { server: bool, len: u16, },
        /// An end writes several slices.
        WriteVectored { server: bool, lens: Vec<u8>, },
        /// An end flushes.
        Flush { server: bool, },
        /// An end reads.
        Read { server: bool, len: u16, },
        /// An end closes.
        Close { server: bool, },
        /// An end closes and reads the rest.
        CloseAndReadRest { server: bool, },
        /// An end updates its keys.
        Update { server: bool, request: bool, },
        /// Sets the result of an end's next write to the transport.
        OnWrite { server: bool, answer: Answer, },
        /// Sets the result of an end's next read from the transport.
        OnRead { server: bool, answer: Answer, },
        /// The transport flips a bit of the bytes in transit to an end.
        Flip { server: bool, at: u16, bit: u8, },
        /// The transport to an end is cut.
        Cut { server: bool, },
    }
}

input! {
    /// Two streams, and the calls on them.
    pub struct Input {
        /// TLS 1.2.
        pub tls12: bool,
        /// The most content of one record, if limited.
        pub fragment_limit: Option<u8>,
        /// The number of records that a key may seal, if limited.
        pub key_limit: Option<u8>,
        /// Whether the ends tolerate a truncation.
        pub tolerates_truncation: bool,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

/// A direction of the transport.
#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    on_write: Vec<Answer>,
    on_read: Vec<Answer>,
    is_cut: bool,
    is_tampered: bool,
}

impl Pipe {
    /// Takes the next result: the number of bytes to transfer, or an error.
    fn answer(answers: &mut Vec<Answer>) -> io::Result<usize> {
        if answers.is_empty() {
            return Ok(usize::MAX);
        }
        match answers.remove(0) {
            Answer::Part { len } => Ok(1 + usize::from(len)),
            Answer::WouldBlock => Err(ErrorKind::WouldBlock.into()),
            Answer::Interrupted => Err(ErrorKind::Interrupted.into()),
            Answer::Reset => Err(ErrorKind::ConnectionReset.into()),
        }
    }
}

/// An end of the transport.
struct Socket {
    incoming: Rc<RefCell<Pipe>>,
    outgoing: Rc<RefCell<Pipe>>,
}

impl Read for Socket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let pipe = &mut *self.incoming.borrow_mut();
        let len = Pipe::answer(&mut pipe.on_read)?.min(out.len()).min(pipe.bytes.len());
        if len == 0 && !pipe.is_cut && !out.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        out[..len].copy_from_slice(&pipe.bytes[..len]);
        pipe.bytes.drain(..len);
        Ok(len)
    }
}

impl Write for Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let pipe = &mut *self.outgoing.borrow_mut();
        let len = Pipe::answer(&mut pipe.on_write)?.min(data.len());
        if !pipe.is_cut {
            pipe.bytes.extend(&data[..len]);
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Pipe::answer(&mut self.outgoing.borrow_mut().on_write).map(drop)
    }
}

/// A stream and its application.
struct End {
    tls: Stream<Socket, Ring>,
    written: Vec<u8>,
    read: Vec<u8>,
    /// Reading has ended without an error.
    is_read_out: bool,
}

struct Configs {
    clients: [Arc<ClientConfig>; 2],
    servers: [Arc<ServerConfig>; 2],
}

static CONFIGS: LazyLock<Configs> = LazyLock::new(|| {
    let suite = Suite::Aes128Gcm;
    let versions = [Version::Tls13, Version::Tls12];
    Configs {
        clients: versions.map(|version| Arc::new(rustls_client_config(version, suite))),
        servers: versions.map(|version| Arc::new(rustls_server_config(version, suite))),
    }
});

/// Completes a handshake, with the ends connected directly.
fn connect(input: &Input) -> [Handshake; 2] {
    let version = usize::from(input.tls12);
    let name = SERVER_NAME.try_into().expect("a DNS name");
    let client = Handshake::client(CONFIGS.clients[version].clone(), name).expect("a client");
    let server = Handshake::server(CONFIGS.servers[version].clone()).expect("a server");
    let mut ends = [client, server];
    for end in &mut ends {
        let config: &mut Config = end.engine_config();
        config.fragment_limit = input.fragment_limit.map_or(config.fragment_limit, u16::from);
        config.key_limit = input.key_limit.map_or(config.key_limit, u32::from);
        config.limits.key_updates = u8::MAX;
    }
    for turn in 0..100 {
        let [client, server] = &mut ends;
        let (from, to) = if turn % 2 == 0 { (client, server) } else { (server, client) };
        let is_done = [&mut *from, &mut *to]
            .map(|end| end.advance().expect("a handshake") == Progress::Complete);
        let len = to.receive(from.unsent());
        from.sent(len);
        if is_done == [true; 2] && ends.iter().all(|end| end.unsent().is_empty()) {
            return ends;
        }
    }
    panic!("the handshake does not end");
}

struct World {
    /// The client and the server.
    ends: [End; 2],
    /// The bytes in transit *to* each end.
    pipes: [Rc<RefCell<Pipe>>; 2],
    tolerates_truncation: bool,
}

impl World {
    fn new(input: &Input) -> Self {
        let pipes: [Rc<RefCell<Pipe>>; 2] = Default::default();
        let mut at = 0;
        let ends = connect(input).map(|handshake| {
            let established = handshake.finish().expect("the handshake is complete");
            let socket = Socket { incoming: pipes[at].clone(), outgoing: pipes[1 - at].clone() };
            at += 1;
            let mut tls = Stream::new(established, socket);
            tls.tolerate_truncation(input.tolerates_truncation);
            End { tls, written: vec![], read: vec![], is_read_out: false }
        });
        Self { ends, pipes, tolerates_truncation: input.tolerates_truncation }
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Write { server, len } => {
                let len = usize::from(*len) % 4000;
                self.ends[usize::from(*server)].write(&[len]);
            }
            Call::WriteVectored { server, lens } => {
                let lens: Vec<usize> = lens.iter().map(|&len| len.into()).collect();
                self.ends[usize::from(*server)].write(&lens);
            }
            Call::Flush { server } => {
                let end = &mut self.ends[usize::from(*server)];
                if end.tls.flush().is_ok() {
                    assert!(!end.tls.wants_write(), "a flush must send everything");
                }
            }
            Call::Read { server, len } => {
                self.read((*server).into(), usize::from(*len) % 4000);
            }
            Call::Close { server } => drop(self.ends[usize::from(*server)].tls.close()),
            Call::CloseAndReadRest { server } => {
                let at = usize::from(*server);
                let end = &mut self.ends[at];
                if end.tls.close_and_read_rest(u32::MAX, &mut end.read).is_ok() {
                    self.ends[at].is_read_out = true;
                }
            }
            Call::Update { server, request } => {
                let _ = self.ends[usize::from(*server)].tls.update_keys(*request);
            }
            Call::OnWrite { server, answer } => {
                let pipe = &self.pipes[1 - usize::from(*server)];
                pipe.borrow_mut().on_write.push(answer.clone());
            }
            Call::OnRead { server, answer } => {
                let pipe = &self.pipes[usize::from(*server)];
                pipe.borrow_mut().on_read.push(answer.clone());
            }
            Call::Flip { server, at, bit } => {
                let pipe = &mut *self.pipes[usize::from(*server)].borrow_mut();
                let len = pipe.bytes.len();
                if let Some(byte) = pipe.bytes.get_mut(usize::from(*at) % len.max(1)) {
                    *byte ^= 1 << (bit % 8);
                    pipe.is_tampered = true;
                }
            }
            Call::Cut { server } => {
                self.pipes[usize::from(*server)].borrow_mut().is_cut = true;
            }
        }
    }

    /// Reads at an end. Returns whether it received something, or may in another call.
    fn read(&mut self, at: usize, len: usize) -> bool {
        let mut out = vec![0; len];
        match self.ends[at].tls.read(&mut out) {
            Ok(0) => {
                self.ends[at].is_read_out |= len != 0;
                false
            }
            Ok(len) => {
                assert!(!self.ends[at].is_read_out, "data after the end");
                self.ends[at].read.extend(&out[..len]);
                true
            }
            Err(error) => {
                let is_truncated = error.kind() == ErrorKind::UnexpectedEof;
                let end = self.ends[at].tls.end().read;
                assert_eq!(is_truncated, matches!(end, ReadEnd::Truncated { .. }), "{error}");
                assert!(!is_truncated || !self.tolerates_truncation);
                if let Some(inner) = error.get_ref() {
                    assert!(inner.is::<OpenError>(), "{error}");
                }
                matches!(error.kind(), ErrorKind::Interrupted)
            }
        }
    }

    fn check(&self) {
        for at in 0..2 {
            let (this, other) = (&self.ends[at], &self.ends[1 - at]);
            assert!(
                other.written.starts_with(&this.read),
                "data must be a prefix of the data written"
            );
            let pipe = self.pipes[at].borrow();
            let end = this.tls.end().read;
            if this.is_read_out {
                let tolerated = self.tolerates_truncation && pipe.is_cut;
                let is_closed = matches!(end, ReadEnd::Closed { .. });
                assert!(is_closed || tolerated, "{end:?}");
                assert!(!is_closed || this.read == other.written, "data is missing");
            }
            if pipe.is_tampered || pipe.is_cut {
                continue;
            }
            match end {
                ReadEnd::Closed { .. } => {
                    assert!(matches!(other.tls.end().write, WriteEnd::Closed));
                }
                ReadEnd::Fault(Fault::Aborted(_)) | ReadEnd::Open => {}
                ReadEnd::PeerAlert(alert) => {
                    assert_eq!(other.tls.end().write, WriteEnd::AlertSent(alert));
                }
                end => panic!("a failure without misbehaviour: {end:?}"),
            }
        }
    }

    /// Lets the transport deliver everything. Then all data must arrive, and both ends close.
    fn finish(&mut self) {
        for pipe in &self.pipes {
            let pipe = &mut *pipe.borrow_mut();
            pipe.on_read.clear();
            pipe.on_write.clear();
        }
        for _ in 0..3 {
            for at in 0..2 {
                let _ = self.ends[at].tls.close();
                while self.read(at, 5000) {}
            }
        }
        self.check();
        let is_undisturbed = self.pipes.iter().all(|pipe| {
            let pipe = pipe.borrow();
            !pipe.is_cut && !pipe.is_tampered
        });
        if is_undisturbed {
            for end in &self.ends {
                assert!(end.tls.end().is_clean() && end.is_read_out, "{:?}", end.tls.end());
            }
        }
    }
}

impl End {
    fn write(&mut self, lens: &[usize]) {
        let total = lens.iter().sum();
        let start = self.written.len();
        let data: Vec<u8> = (start..start + total).map(|at| (at % 251) as u8).collect();
        let mut rest = &data[..];
        let slices: Vec<IoSlice<'_>> = lens
            .iter()
            .map(|&len| {
                let front;
                (front, rest) = rest.split_at(len);
                IoSlice::new(front)
            })
            .collect();
        let written = match slices[..] {
            [ref slice] => self.tls.write(slice),
            _ => self.tls.write_vectored(&slices),
        };
        if let Ok(len) = written {
            assert!(len <= total && (len != 0 || total == 0));
            self.written.extend(&data[..len]);
        }
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "stream";

    fn run(&self) {
        let mut world = World::new(self);
        for call in &self.calls {
            world.call(call);
            world.check();
        }
        world.finish();
    }
}
