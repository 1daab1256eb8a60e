//! Regression tests: errors, alerts and ends that arrive together with data.

use std::collections::VecDeque;
use std::future::ready;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tls_record_alloc::tls_record::AlertDescription;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::{Shutdown, Stream, TokioStream, disconnect_async};
use tls_record_tests::peers::{
    Peer, PeerEnd, Role, SERVER_NAME, rustls_client_config, rustls_server_config,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::polling::{now, poll_once, polled};
use crate::support::{Adapter, TLS13};

type Server = Adapter<Ring>;

/// A transport to a server in memory, for both kinds of stream.
struct Wire {
    peer: Server,
    incoming: VecDeque<u8>,
    /// The error of reading when all bytes are read, in place of `WouldBlock`.
    read_error: Option<ErrorKind>,
    is_blocked: bool,
    /// The number of the flush that is interrupted, from 1 on.
    interrupted_flush: usize,
    flushes: usize,
    /// Bytes that are written reach the peer when they are flushed.
    buffers: bool,
    held: Vec<u8>,
    written: usize,
    /// The number of errors before `late` arrives.
    interruptions: usize,
    late: VecDeque<u8>,
    /// Endless bytes arrive after those of the peer.
    floods: bool,
    flooded: usize,
}

const FLOOD: usize = 1 << 24;

impl Wire {
    fn new() -> Self {
        Self {
            peer: Server::new(Role::Server, TLS13),
            incoming: VecDeque::new(),
            read_error: None,
            is_blocked: false,
            interrupted_flush: 0,
            flushes: 0,
            buffers: false,
            held: Vec::new(),
            written: 0,
            interruptions: 0,
            late: VecDeque::new(),
            floods: false,
            flooded: 0,
        }
    }

    fn collect(&mut self) -> &mut VecDeque<u8> {
        self.incoming.extend(self.peer.take_output());
        &mut self.incoming
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.collect();
        if !self.incoming.is_empty() {
            return self.incoming.read(out);
        }
        if self.floods {
            assert!(self.flooded < FLOOD, "it reads without end, and wrote {}", self.written);
            self.flooded += out.len();
            return Ok(out.len());
        }
        if self.interruptions != 0 {
            self.interruptions -= 1;
            if self.interruptions == 0 {
                self.incoming.append(&mut self.late);
            }
        }
        Err(self.read_error.unwrap_or(ErrorKind::WouldBlock).into())
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_blocked {
            return Err(ErrorKind::WouldBlock.into());
        }
        match self.buffers {
            true => self.held.extend(bytes),
            false => self.peer.receive(bytes),
        }
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes += 1;
        if self.flushes == self.interrupted_flush {
            return Err(ErrorKind::Interrupted.into());
        }
        let held = std::mem::take(&mut self.held);
        self.peer.receive(&held);
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Read::read(&mut *self, out.initialize_unfilled());
        polled(read.map(|len| out.advance(len)))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        polled(Write::write(&mut *self, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        polled(Write::flush(&mut *self))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn tokio_stream() -> TokioStream<Wire, Ring> {
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let mut tls =
        now(TokioStream::connect(config, SERVER_NAME.try_into().unwrap(), Wire::new())).unwrap();
    assert!(poll_once(tls.read(&mut [0])).is_pending(), "tickets");
    tls
}

fn std_stream() -> Stream<Wire, Ring> {
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let mut tls = Stream::connect(config, SERVER_NAME.try_into().unwrap(), Wire::new()).unwrap();
    assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "tickets");
    tls
}

/// Returns a stream that has read all data, and has an error of the transport after it.
fn stream_with_a_read_error() -> TokioStream<Wire, Ring> {
    let mut tls = tokio_stream();
    for _ in 0..16 {
        // Each record has 128 bytes; together they fill the room.
        tls.transport_mut().peer.write(&[7; 106]);
    }
    tls.transport_mut().read_error = Some(ErrorKind::ConnectionReset);
    assert_eq!(now(tls.read(&mut [0; 10_000])).unwrap(), 16 * 106);
    assert_eq!(tls.transport_error(), Some(ErrorKind::ConnectionReset), "it has come");
    // A socket reports its error once.
    tls.transport_mut().read_error = None;
    tls
}

#[test]
fn an_error_of_the_transport_after_data_is_reported_after_splitting() {
    let tls = stream_with_a_read_error();
    let (mut read, _write) = tls.into_split(|wire| (wire, tokio::io::sink()));
    match poll_once(AsyncReadExt::read(&mut read, &mut [0])) {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        other => panic!("lost: {other:?}"),
    }
}

#[test]
fn an_error_of_the_transport_after_data_is_pending() {
    let mut tls = stream_with_a_read_error();
    let is_pending = tls.has_pending();
    assert!(now(tls.read(&mut [0])).is_err(), "without the transport");
    assert!(is_pending);
}

#[test]
fn a_header_that_will_be_refused_is_pending() {
    let mut tls = std_stream();
    tls.transport_mut().peer.write(b"1");
    tls.transport_mut().collect().extend([0x48, 3, 3, 0, 100]);
    assert_eq!(tls.read(&mut [0]).unwrap(), 1);
    let is_pending = tls.has_pending();
    assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(is_pending, "reading went on without the transport");
}

#[test]
fn nothing_is_sent_after_a_fatal_alert_that_came_with_data() {
    let mut tls = std_stream();
    tls.transport_mut().is_blocked = true;
    assert_eq!(tls.write(b"unsent").unwrap(), 6);
    tls.transport_mut().peer.write(b"first");
    tls.transport_mut().peer.write(b"data");
    tls.transport_mut().peer.connection().layer.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    tls.transport_mut().peer.send_control();
    tls.read_exact(&mut [0; 5]).unwrap();
    // All records have been received.
    tls.transport_mut().is_blocked = false;
    let before = tls.transport().written;
    assert_eq!(tls.read(&mut [0; 100]).unwrap(), 4);
    // The alert was opened together with the data: every later call reports it.
    assert!(tls.write(b"more").is_err());
    assert!(tls.read(&mut [0; 100]).is_err());
    assert_eq!(tls.transport().written, before, "RFC 9846 section 6");
}

#[test]
fn a_disconnect_sends_nothing_after_a_fatal_alert_of_the_peer() {
    let mut tls = tokio_stream();
    tls.transport_mut().is_blocked = true;
    assert_eq!(now(tls.write(b"unsent")).unwrap(), 6);
    tls.transport_mut().peer.connection().layer.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    tls.transport_mut().peer.send_control();
    tls.transport_mut().read_error = Some(ErrorKind::ConnectionReset);
    // It must not wait for the transport to take records that must not be sent.
    assert!(now(tls.disconnect(1000, ready(()))).is_ok());
}

#[test]
fn tickets_are_passed_over_when_halves_join_after_a_key_update() {
    let mut tls = std_stream();
    tls = {
        // Both halves share one transport.
        let (read, mut write) = tls.into_split(|wire| {
            let wire = std::rc::Rc::new(std::cell::RefCell::new(wire));
            (Shared(wire.clone()), Shared(wire))
        });
        write.update_keys(false).unwrap();
        write.flush().unwrap();
        Stream::join(read, write, |read: Shared, write: Shared| {
            drop(read);
            std::rc::Rc::into_inner(write.0).unwrap().into_inner()
        })
        .unwrap()
    };
    tls.transport_mut().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
    tls.transport_mut().peer.write(b"data");
    assert_eq!(tls.read(&mut [0; 100]).unwrap(), 4);
}

struct Shared(std::rc::Rc<std::cell::RefCell<Wire>>);

impl Read for Shared {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut *self.0.borrow_mut(), out)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut *self.0.borrow_mut(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut *self.0.borrow_mut())
    }
}

#[test]
fn shutting_down_in_two_steps_waits_until_everything_is_sent_after_a_fault() {
    let mut tls = tokio_stream();
    tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
    tls.transport_mut().is_blocked = true;
    tls.transport_mut().peer.write(b"forged");
    *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
    // For one step see `shutting_down_a_failed_stream_waits_until_its_alert_is_sent`.
    let shut = poll_once(tls.shutdown());
    assert!(shut.is_pending(), "{shut:?}, and the alert is there: {}", tls.wants_write());
    tls.transport_mut().is_blocked = false;
    assert!(now(tls.shutdown()).is_err());
    // The close_notify was sealed before the fault, so that no alert can follow it.
    assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
}

#[test]
fn disconnecting_ends_in_time_though_the_peer_sends_without_end() {
    let mut tls = tokio_stream();
    tls.transport_mut().floods = true;
    now(tls.disconnect(u64::MAX, ready(()))).unwrap();
}

#[test]
fn disconnecting_a_transport_ends_in_time_though_the_peer_sends_without_end() {
    let mut wire = Wire::new();
    wire.floods = true;
    now(disconnect_async(wire, u64::MAX, ready(())));
}

#[test]
fn a_blocking_disconnect_sends_until_its_time_is_up_when_the_budget_is_spent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let client = thread::spawn(move || {
        let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
        let name = SERVER_NAME.try_into().unwrap();
        let mut tls = Stream::<_, Ring>::connect(config, name, tcp).unwrap();
        // More bytes than the budget of the server, and a pause.
        tls.write_all(&[1; 2000]).unwrap();
        thread::sleep(Duration::from_millis(700));
        let mut all = Vec::new();
        tls.read_to_end(&mut all).map(|_| all.len())
    });
    let config = Arc::new(rustls_server_config(TLS13.version, TLS13.suite));
    let mut tls = Stream::<_, Ring>::accept(config, accepted).unwrap();
    tls.transport().set_nonblocking(true).unwrap();
    let mut written = 0;
    loop {
        match tls.write(&[2; 60_000]) {
            Ok(len) => written += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    let disconnected = tls.disconnect(1000, Duration::from_secs(10));
    println!("{:?}", client.join().unwrap());
    assert!(disconnected.is_ok(), "{disconnected:?} of {written}");
}

#[test]
fn every_byte_of_the_rest_is_written_once_after_an_error() {
    struct Rest(Vec<u8>, usize);
    impl Write for Rest {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.1);
            if len == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.1 -= len;
            self.0.extend(&bytes[..len]);
            Ok(len)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut tls = std_stream();
    tls.transport_mut().peer.write(b"0123456789");
    tls.transport_mut().peer.close();
    let mut rest = Rest(Vec::new(), 4);
    let error = tls.close_and_read_rest(1000, &mut rest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    rest.1 = 100;
    tls.close_and_read_rest(1000, &mut rest).unwrap();
    assert_eq!(rest.0, b"0123456789");
}

#[test]
fn an_interrupted_flush_does_not_end_the_handshake() {
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let mut wire = Wire::new();
    wire.interrupted_flush = 1;
    let tls = Stream::<_, Ring>::connect(config, SERVER_NAME.try_into().unwrap(), wire);
    assert!(tls.is_ok(), "{tls:?}");
}

/// A client's Finished stays in the transport, and the stream does not know of it.
#[test]
fn an_interrupted_flush_of_the_last_flight_is_repeated() {
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let mut wire = Wire::new();
    wire.buffers = true;
    wire.interrupted_flush = 2;
    let mut handshake =
        tls_record_alloc::Handshake::client(config, SERVER_NAME.try_into().unwrap()).unwrap();
    while let Err(error) = handshake.complete(&mut wire) {
        assert!(matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock), "{error}");
    }
    // When the handshake is complete, its output has been sent, so that the peer can complete it
    // too.
    let mut tls = Stream::<_, Ring>::new(handshake.finish().unwrap(), wire);
    println!("handshaking: {}", tls.transport().peer.is_handshaking());
    tls.transport_mut().peer.write(b"as soon as the handshake is complete");
    for _ in 0..10 {
        if tls.read(&mut [0; 100]).is_ok() {
            return;
        }
    }
    panic!("both wait for each other, and wants_write is {}", tls.wants_write());
}

#[test]
fn a_disconnect_discards_data_that_was_kept_and_not_read() {
    let mut tls = tokio_stream();
    tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
    tls.transport_mut().peer.write(b"kept");
    assert!(poll_once(tls.shutdown()).is_pending());
    tls.transport_mut().peer.close();
    let end = now(tls.disconnect(1000, ready(()))).unwrap();
    assert!(end.is_clean(), "{end:?}");
}

#[test]
fn reading_the_rest_goes_on_after_an_interruption() {
    let mut tls = std_stream();
    tls.close().unwrap();
    tls.transport_mut().read_error = Some(ErrorKind::Interrupted);
    tls.transport_mut().interruptions = 3;
    tls.transport_mut().peer.close();
    let held: Vec<u8> = tls.transport_mut().collect().drain(..).collect();
    tls.transport_mut().late = held.into();
    tls.close_and_read_rest(1000, &mut io::sink()).unwrap();
    assert!(tls.end().is_clean());
}
