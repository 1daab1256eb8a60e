//! The stream over transports of every temper.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::support::{
    Adapter, ROLES, Stack, client_handshake, distrustful_config, handshake, other,
};
use tls_record_alloc::tls_record::aead::{ring::Ring, rustcrypto::RustCrypto};
use tls_record_alloc::tls_record::{
    AlertDescription, CloseError, ContentType, End, Fault, KeyError, OpenError, Padding, PaddingFn,
    ReadEnd, SealError, ShutdownError, WriteEnd,
};
use tls_record_alloc::{HandshakeError, Stream};
use tls_record_tests::peers::{
    Negotiated, Peer, PeerEnd, Role, RustlsPeer, SERVER_NAME, Suite, Version, rustls_client_config,
    rustls_server_config,
};

const TLS12: Negotiated = Negotiated { version: Version::Tls12, suite: Suite::Aes128Gcm };
const TLS13: Negotiated = Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };

/// A KeyUpdate's record in TLS 1.3: header, message, content type, tag.
const KEY_UPDATE_RECORD: usize = 5 + 5 + 1 + 16;

/// A transport with a peer in memory at its other end. It never blocks: where a real one would wait
/// for the peer for ever, it returns an error.
struct Wire<Q: ?Sized> {
    peer: Box<Q>,
    incoming: VecDeque<u8>,
    /// Whether the transport ends when all that the peer sent is read.
    ends: bool,
    /// The most bytes that one call carries.
    piece: usize,
    /// Every second call is refused, in turn by one of these.
    refusals: Vec<ErrorKind>,
    calls: usize,
    flushed: bool,
    /// Bytes that were written.
    sent: usize,
    is_broken: bool,
    holds_back: bool,
}

impl<Q: Peer + ?Sized> Wire<Q> {
    fn to(peer: Box<Q>) -> Self {
        Self {
            peer,
            incoming: VecDeque::new(),
            ends: false,
            piece: usize::MAX,
            refusals: Vec::new(),
            calls: 0,
            flushed: true,
            sent: 0,
            is_broken: false,
            holds_back: false,
        }
    }

    fn refuse(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.calls % 2 == 1 && !self.refusals.is_empty() {
            return Err(self.refusals[self.calls / 2 % self.refusals.len()].into());
        }
        Ok(())
    }

    /// Takes what the peer sent, to change it.
    fn collect(&mut self) -> &mut VecDeque<u8> {
        self.incoming.extend(self.peer.take_output());
        &mut self.incoming
    }
}

impl<Q: Peer + ?Sized> Read for Wire<Q> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.refuse()?;
        assert!(!buffer.is_empty());
        self.collect();
        if self.incoming.is_empty() && !self.ends {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = buffer.len().min(self.piece);
        self.incoming.read(&mut buffer[..len])
    }
}

impl<Q: Peer + ?Sized> Write for Wire<Q> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.refuse()?;
        if self.is_broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let bytes = &bytes[..bytes.len().min(self.piece)];
        self.peer.receive(bytes);
        self.sent += bytes.len();
        self.flushed = false;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.holds_back {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.flushed = true;
        Ok(())
    }
}

type Tls<Q = dyn Peer> = Stream<Wire<Q>, Ring>;

/// A stream to a peer, established.
fn stream<Q: Peer + ?Sized>(role: Role, agreed: Negotiated, peer: Box<Q>) -> Tls<Q> {
    let Negotiated { version, suite } = agreed;
    match role {
        Role::Client => {
            let name = SERVER_NAME.try_into().unwrap();
            let config = Arc::new(rustls_client_config(version, suite));
            Stream::connect(config, name, Wire::to(peer)).unwrap()
        }
        Role::Server => {
            let config = Arc::new(rustls_server_config(version, suite));
            Stream::accept(config, Wire::to(peer)).unwrap()
        }
    }
}

/// Runs a test on streams of every kind.
fn for_each_stream(test: impl Fn(Tls, Negotiated)) {
    for role in ROLES {
        for agreed in Negotiated::all() {
            for stack in Stack::ALL {
                println!("{role:?} {agreed:?} {stack:?}");
                test(stream(role, agreed, stack.peer(other(role), agreed)), agreed);
            }
        }
    }
}

/// A stream of a client to a server whose engine is ours, which a test may have say anything.
fn stream_to_adapter(agreed: Negotiated) -> Tls<Adapter<Ring>> {
    stream(Role::Client, agreed, Box::new(Adapter::new(Role::Server, agreed)))
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

fn inner<E: Error + Copy + 'static>(error: &io::Error) -> E {
    *error.get_ref().and_then(|inner| inner.downcast_ref()).expect("an error of our own")
}

fn read_exactly<Q: Peer + ?Sized>(tls: &mut Tls<Q>, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    tls.read_exact(&mut out).unwrap();
    out
}

fn read_some<Q: Peer + ?Sized>(tls: &mut Tls<Q>) -> Vec<u8> {
    let mut out = [0; 100];
    let len = tls.read(&mut out).unwrap();
    out[..len].to_vec()
}

// Data

#[test]
fn data_goes_both_ways() {
    for_each_stream(|mut tls, _| {
        for len in [1, 1000, 16_384, 200_000] {
            tls.write_all(&message(len)).unwrap();
            assert_eq!(tls.transport_mut().peer.read(), message(len));
            tls.transport_mut().peer.write(&message(len));
            let mut data = vec![0; len];
            tls.read_exact(&mut data).unwrap();
            assert_eq!(data, message(len));
        }
        assert!(!tls.wants_write());
        let error = tls.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn one_call_seals_a_bounded_part_of_much_data() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    let before = tls.transport().sent;
    let taken = tls.write(&message(1_000_000)).unwrap();
    assert!((1 << 15..1 << 16).contains(&taken), "{taken}");
    assert!(tls.transport().sent - before <= 1 << 16);
}

#[test]
fn slices_are_written_as_one_record() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    let before = tls.transport().sent;
    let slices = [&b"many "[..], b"", b"small ", b"slices"].map(IoSlice::new);
    assert_eq!(tls.write_vectored(&slices).unwrap(), 17);
    assert_eq!(tls.transport().sent - before, 5 + 17 + 1 + 16);
    assert_eq!(tls.transport_mut().peer.read(), b"many small slices");
}

#[test]
fn fragments_are_no_longer_than_the_engine_is_told() {
    let mut handshake = handshake(Role::Client, TLS13);
    handshake.engine_config().fragment_limit = 10;
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    handshake.complete(&mut wire).unwrap();
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    let before = tls.transport().sent;
    assert_eq!(tls.write(&message(25)).unwrap(), 25);
    assert_eq!(tls.transport().sent - before, 3 * (5 + 1 + 16) + 25);
    tls.write_all(&message(5_000)).unwrap();
    assert_eq!(tls.transport_mut().peer.read(), [message(25), message(5_000)].concat());
}

#[test]
fn lines_are_read_where_they_were_decrypted() {
    let mut tls = stream(Role::Server, TLS13, Stack::Rustls.peer(Role::Client, TLS13));
    tls.transport_mut().peer.write(b"first\nsec");
    tls.transport_mut().peer.write(b"ond\n");
    let mut line = String::new();
    tls.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    assert_eq!(tls.fill_buf().unwrap(), b"sec");
    line.clear();
    tls.read_line(&mut line).unwrap();
    assert_eq!(line, "second\n");
}

#[test]
fn data_that_came_with_the_handshake_is_read() {
    let mut peer = Stack::Openssl.peer(Role::Client, TLS13);
    peer.write(b"impatient");
    let mut tls = stream(Role::Server, TLS13, peer);
    assert_eq!(read_some(&mut tls), b"impatient");
}

#[test]
fn a_transport_that_takes_little_and_refuses_often_loses_nothing() {
    fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
        loop {
            match call() {
                Ok(value) => return value,
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
                    "{error}"
                ),
            }
        }
    }

    for role in ROLES {
        for agreed in [TLS12, TLS13] {
            for piece in [1, 7, 1000] {
                let mut handshake = handshake(role, agreed);
                let mut wire = Wire::to(Stack::Openssl.peer(other(role), agreed));
                wire.piece = piece;
                wire.refusals = vec![ErrorKind::WouldBlock, ErrorKind::Interrupted];
                patiently(|| handshake.complete(&mut wire));
                let mut tls = Tls::new(handshake.finish().unwrap(), wire);

                let data = message(40_000);
                let mut written = 0;
                while written < data.len() {
                    written += patiently(|| tls.write(&data[written..]));
                }
                patiently(|| tls.flush());
                assert!(!tls.wants_write());
                assert_eq!(tls.transport_mut().peer.read(), data);

                tls.transport_mut().peer.write(&data);
                if agreed == TLS13 {
                    tls.transport_mut().peer.key_update(true);
                    tls.transport_mut().peer.write(b"under new keys");
                }
                let mut received = Vec::new();
                let expected = data.len() + if agreed == TLS13 { 14 } else { 0 };
                while received.len() < expected {
                    let mut out = [0; 999];
                    let len = patiently(|| tls.read(&mut out));
                    received.extend_from_slice(&out[..len]);
                }
                assert_eq!(received[..data.len()], data);

                let before = tls.transport().sent;
                patiently(|| tls.close());
                let sent = tls.transport().sent;
                assert!(sent > before);
                patiently(|| tls.close());
                assert_eq!(tls.transport().sent, sent, "one close_notify");
                assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
                tls.transport_mut().peer.close();
                assert_eq!(patiently(|| tls.read(&mut [0])), 0);
                assert!(tls.end().is_clean());
            }
        }
    }
}

#[test]
fn what_the_transport_refused_leaves_before_anything_else() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    tls.transport_mut().is_broken = true;
    assert_eq!(tls.write(b"one ").unwrap(), 4, "it is sealed and kept");
    assert!(tls.wants_write());
    assert_eq!(tls.write(b"two").unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(tls.flush().unwrap_err().kind(), ErrorKind::ConnectionReset);
    tls.transport_mut().is_broken = false;
    tls.transport_mut().piece = 0;
    assert_eq!(tls.flush().unwrap_err().kind(), ErrorKind::WriteZero);
    tls.transport_mut().piece = usize::MAX;
    assert_eq!(tls.write(b"two").unwrap(), 3);
    assert_eq!(tls.transport_mut().peer.read(), b"one two");
}

#[test]
fn interrupted_calls_are_repeated() {
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    wire.refusals = vec![ErrorKind::Interrupted];
    let mut handshake = handshake(Role::Client, TLS13);
    handshake.complete(&mut wire).unwrap();
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    assert_eq!(tls.write(b"data").unwrap(), 4);
    tls.flush().unwrap();
    assert!(!tls.wants_write());
    tls.close().unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"data");
    assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
}

// A proxy's buffer is longer than the records of many peers.
#[test]
fn one_read_takes_all_records_that_have_arrived_and_one_call_of_the_transport_brings_many() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        for _ in 0..64 {
            tls.transport_mut().peer.write(&[7; 1024]);
        }
        let calls = tls.transport().calls;
        let (mut out, mut reads) = (vec![0; 80_000], 0);
        let mut len = 0;
        while len < 64 * 1024 {
            len += tls.read(&mut out[len..]).unwrap();
            reads += 1;
        }
        assert_eq!(out[..len], [7; 64 * 1024]);
        // The memory grows as it is filled: 2 KiB at first.
        assert!(reads <= 8, "{reads} reads");
        assert_eq!(tls.transport().calls - calls, reads);
    });
}

#[test]
fn a_read_ends_with_the_data_before_a_fault_and_the_next_tells_of_the_fault() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.write(b"one");
        tls.transport_mut().peer.write(b"two");
        tls.transport_mut().peer.write(b"forged");
        *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
        assert_eq!(read_some(&mut tls), b"onetwo");
        for _ in 0..2 {
            let error = tls.read(&mut [0; 9]).unwrap_err();
            assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::BadRecordMac));
        }
    });
}

#[test]
fn a_record_that_waits_in_the_stream_is_pending_and_a_part_of_one_is_not() {
    for agreed in [TLS12, TLS13] {
        let mut tls = stream(Role::Client, agreed, Stack::Rustls.peer(Role::Server, agreed));
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        assert!(!tls.has_pending());
        tls.transport_mut().peer.write(b"first");
        let first = tls.transport_mut().collect().len();
        tls.transport_mut().peer.write(b"second");
        let both: Vec<u8> = tls.transport_mut().collect().drain(..).collect();
        for cut in first..=both.len() {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls.peer(Role::Server, agreed));
            assert!(tls.read(&mut [0]).is_err(), "tickets");
            tls.transport_mut().peer.write(b"first");
            tls.transport_mut().peer.write(b"second");
            let later = tls.transport_mut().collect().split_off(cut);
            assert_eq!(read_exactly(&mut tls, 4), b"firs");
            assert!(tls.has_pending(), "the last byte of the first record");
            assert_eq!(read_exactly(&mut tls, 1), b"t");
            assert_eq!(tls.has_pending(), cut == both.len());
            tls.transport_mut().incoming.extend(later);
            assert_eq!(read_exactly(&mut tls, 6), b"second");
            assert!(!tls.has_pending());
            tls.transport_mut().peer.close();
            assert_eq!(tls.read(&mut [0]).unwrap(), 0);
            assert!(tls.has_pending(), "the end");
        }
    }
}

// KeyUpdates

#[test]
fn a_stream_that_is_only_read_answers_a_key_update() {
    for role in ROLES {
        for stack in Stack::ALL {
            let mut tls = stream(role, TLS13, stack.peer(other(role), TLS13));
            tls.transport_mut().peer.key_update(true);
            let before = tls.transport().sent;
            assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD);
            assert!(tls.transport().flushed);
            tls.transport_mut().peer.write(b"new keys, both");
            assert_eq!(read_some(&mut tls), b"new keys, both");
            tls.write_all(&b"ways"[..]).unwrap();
            assert_eq!(tls.transport_mut().peer.read(), b"ways");
        }
    }
}

// 9846 4.7.3: all that one read of the transport brought is opened before an answer is sealed.
#[test]
fn all_requests_of_one_read_get_one_answer() {
    for stack in Stack::ALL {
        let mut tls = stream(Role::Client, TLS13, stack.peer(Role::Server, TLS13));
        assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let before = tls.transport().sent;
        for _ in 0..5 {
            tls.transport_mut().peer.key_update(true);
            tls.transport_mut().peer.write(b"data");
        }
        for _ in 0..5 {
            assert_eq!(read_exactly(&mut tls, 4), b"data");
        }
        assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD);
        tls.write_all(b"in step").unwrap();
        assert_eq!(tls.transport_mut().peer.read(), b"in step");
    }
}

// The request is held back while input behind it is not opened: writing is not refused for it.
#[test]
fn a_write_between_two_reads_answers_a_request_that_came_before_them() {
    for stack in Stack::ALL {
        let mut tls = stream(Role::Client, TLS13, stack.peer(Role::Server, TLS13));
        assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let before = tls.transport().sent;
        tls.transport_mut().peer.key_update(true);
        for request in [b"request 1", b"request 2"] {
            tls.transport_mut().peer.write(request);
        }
        for (request, response) in [("request 1", "response 1"), ("request 2", "response 2")] {
            assert_eq!(read_exactly(&mut tls, request.len()), request.as_bytes());
            tls.write_all(response.as_bytes()).unwrap();
            assert_eq!(tls.transport_mut().peer.read(), response.as_bytes());
        }
        assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD + 2 * (10 + 22));
    }
}

#[test]
fn keys_are_updated_on_request() {
    for role in ROLES {
        for stack in Stack::ALL {
            let mut tls = stream(role, TLS13, stack.peer(other(role), TLS13));
            for _ in 0..3 {
                tls.update_keys(true).unwrap();
                assert_eq!(tls.update_keys(true), Err(KeyError::RequestOutstanding));
                tls.update_keys(false).unwrap();
                tls.write_all(b"to").unwrap();
                tls.transport_mut().peer.write(b"fro");
                assert_eq!(read_some(&mut tls), b"fro");
                assert_eq!(tls.transport_mut().peer.read(), b"to");
            }
        }
    }
    let mut tls = stream(Role::Client, TLS12, Stack::Openssl.peer(Role::Server, TLS12));
    assert_eq!(tls.update_keys(true), Err(KeyError::NoUpdate));
}

#[test]
fn requests_of_a_peer_that_does_not_read_do_not_pile_up() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    let before = tls.transport().sent;
    tls.transport_mut().is_broken = true;
    for _ in 0..100 {
        tls.transport_mut().peer.key_update(true);
        tls.transport_mut().peer.write(b"data");
        assert_eq!(read_some(&mut tls), b"data");
    }
    tls.transport_mut().is_broken = false;
    tls.flush().unwrap();
    assert_eq!(tls.transport().sent - before, 2 * KEY_UPDATE_RECORD, "one under way, one due");
    tls.write_all(b"in step").unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"in step");
}

#[test]
fn keys_are_updated_before_they_are_used_up() {
    for stack in Stack::ALL {
        let mut client = handshake(Role::Client, TLS13);
        client.engine_config().key_limit = 10;
        client.engine_config().fragment_limit = 100;
        let mut wire = Wire::to(stack.peer(Role::Server, TLS13));
        client.complete(&mut wire).unwrap();
        let mut tls = Tls::new(client.finish().unwrap(), wire);
        let before = tls.transport().sent;
        // 100 records, 6 a key: four are kept for control.
        tls.write_all(&message(10_000)).unwrap();
        assert_eq!(tls.transport_mut().peer.read(), message(10_000));
        let updates = tls.transport().sent - before - 100 * (5 + 100 + 1 + 16);
        assert_eq!(updates, 16 * KEY_UPDATE_RECORD);
    }
}

#[test]
fn data_is_delivered_though_the_answer_to_a_key_update_cannot_leave() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    tls.transport_mut().peer.key_update(true);
    tls.transport_mut().peer.write(b"still here");
    tls.transport_mut().is_broken = true;
    assert_eq!(read_some(&mut tls), b"still here");
    assert_eq!(tls.flush().unwrap_err().kind(), ErrorKind::ConnectionReset);
    // Reading does not try again what failed for good, flushing does.
    let calls = tls.transport().calls;
    for _ in 0..100 {
        assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(tls.transport().calls - calls, 100, "of reading");
    tls.transport_mut().is_broken = false;
    let before = tls.transport().sent;
    tls.flush().unwrap();
    assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD);
}

#[test]
fn a_flush_that_failed_is_remembered() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    tls.transport_mut().peer.key_update(true);
    tls.transport_mut().holds_back = true;
    assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(!tls.transport().flushed && tls.wants_write());
    tls.transport_mut().holds_back = false;
    tls.flush().unwrap();
    assert!(tls.transport().flushed && !tls.wants_write());
}

// A BufStream, say: what it takes leaves when it is flushed.
#[test]
fn what_a_buffering_transport_holds_wants_to_be_flushed_and_reading_does() {
    for_each_stream(|mut tls, _| {
        for by_reading in [true, false] {
            tls.write_all(b"a request").unwrap();
            assert!(tls.wants_write() && !tls.transport().flushed);
            if by_reading {
                assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
            } else {
                tls.flush().unwrap();
            }
            assert!(!tls.wants_write() && tls.transport().flushed);
        }
    });
}

// Ends

// 9846 6.1: the end of the peer's direction has no effect on ours.
#[test]
fn everything_leaves_though_the_peer_was_cut_off() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().piece = 7;
        tls.transport_mut().refusals = vec![ErrorKind::WouldBlock];
        assert_eq!(tls.write(&message(40_000)).unwrap(), 40_000);
        tls.transport_mut().ends = true;
        while tls.read(&mut [0]).unwrap_err().kind() != ErrorKind::UnexpectedEof {}
        while let Err(error) = tls.close() {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert!(!matches!(tls.end().write, WriteEnd::Closed));
        }
        assert_eq!(tls.end().write, WriteEnd::Closed);
        assert_eq!(tls.transport_mut().peer.read(), message(40_000));
        assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
        let error = tls.close_and_read_rest(1000, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "of the second step");
    });
}

#[test]
fn an_end_is_clean_when_our_close_notify_has_left() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.close();
        tls.transport_mut().is_broken = true;
        assert!(tls.close().is_err());
        assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        assert_eq!(tls.end().write, WriteEnd::Closing);
        assert!(!tls.end().is_clean());
        tls.transport_mut().is_broken = false;
        tls.close().unwrap();
        assert!(tls.end().is_clean());
    });
}

#[test]
fn a_write_after_a_close_that_waits_is_an_error_at_once() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().refusals = vec![ErrorKind::WouldBlock];
        tls.transport_mut().calls = 0;
        assert_eq!(tls.close().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(tls.write(b"late").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn what_comes_after_a_close_has_a_budget() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    assert!(tls.read(&mut [0]).is_err(), "tickets");
    tls.transport_mut().peer.write(&message(3 * 16_384));
    let mut rest = Vec::new();
    let error = tls.close_and_read_rest(20_000, &mut rest).unwrap_err();
    let drained = 2 * (5 + 16_384 + 1 + 16);
    assert_eq!(inner::<ShutdownError>(&error), ShutdownError::BudgetSpent { drained });
    tls.transport_mut().peer.close();
    tls.close_and_read_rest(100_000, &mut rest).unwrap();
    assert_eq!(rest, message(3 * 16_384));
    assert!(tls.end().is_clean());
}

// FTP's CCC, LDAP: what lies behind the peer's close_notify is plaintext.
#[test]
fn what_follows_tls_on_the_transport_is_given_back() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.write(b"the last");
        tls.transport_mut().peer.close();
        tls.transport_mut().collect().extend(b"220 plaintext\r\n");
        assert_eq!(read_exactly(&mut tls, 4), b"the ");
        let mut rest = Vec::new();
        tls.close_and_read_rest(1000, &mut rest).unwrap();
        assert_eq!(rest, b"last");
        assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        let parts = tls.into_parts();
        assert_eq!(parts.received.filled(), b"220 plaintext\r\n");
        assert!(parts.unread.is_empty() && parts.unsent.is_empty());
    });
}

#[test]
fn a_stream_that_is_taken_apart_gives_back_what_was_not_read_and_not_sent() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    assert!(tls.read(&mut [0]).is_err(), "tickets");
    tls.transport_mut().peer.write(b"data");
    tls.transport_mut().peer.write(b"more");
    assert_eq!(read_exactly(&mut tls, 1), b"d");
    tls.transport_mut().is_broken = true;
    assert_eq!(tls.write(b"unsent").unwrap(), 6);
    let parts = tls.into_parts();
    assert_eq!(parts.unread.filled(), b"ata");
    assert_eq!(parts.received.filled().len(), 5 + 4 + 1 + 16);
    assert_eq!(parts.unsent.filled().len(), 5 + 6 + 1 + 16);
}

#[test]
fn an_aborted_connection_sends_its_alert_and_nothing_else() {
    for_each_stream(|mut tls, _| {
        tls.abort(AlertDescription::INTERNAL_ERROR).unwrap();
        assert_eq!(tls.transport().peer.end(), PeerEnd::Alert(80));
        assert!(tls.write(b"late").is_err() && tls.read(&mut [0]).is_err());
        let error = tls.close().unwrap_err();
        assert_eq!(inner::<CloseError>(&error), CloseError::Failed);
    });
}

// RFC 9846 section 6: after an error alert no further data is sent.
#[test]
fn what_is_unsent_at_a_fatal_alert_is_discarded() {
    for_each_stream(|mut tls, agreed| {
        tls.transport_mut().is_broken = true;
        assert_eq!(tls.write(b"never").unwrap(), 5);
        assert!(tls.wants_write());
        let mut forged = [0; 48];
        forged[..5].copy_from_slice(&[23, 3, 3, 0, 43]);
        tls.transport_mut().peer.receive(&forged);
        let error = tls.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{agreed:?}");
        tls.transport_mut().is_broken = false;
        let before = tls.transport().sent;
        // Data that was taken will never arrive: a flush must not say that it has left.
        for _ in 0..2 {
            let error = tls.flush().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{agreed:?}");
            assert!(matches!(inner(&error), OpenError::PeerAlert(_)));
        }
        assert_eq!(tls.transport().sent, before);
        assert!(!tls.wants_write());
    });
}

#[test]
fn a_close_notify_that_is_discarded_was_not_sent() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().is_broken = true;
        assert_eq!(tls.close().unwrap_err().kind(), ErrorKind::ConnectionReset);
        tls.transport_mut().peer.receive(&[23, 3, 3, 0, 30]);
        tls.transport_mut().peer.receive(&[7; 30]);
        let alert = AlertDescription::BAD_RECORD_MAC;
        let error = tls.read(&mut [0]).unwrap_err();
        assert_eq!(inner::<OpenError>(&error), OpenError::PeerAlert(alert));
        tls.transport_mut().is_broken = false;
        assert_eq!(inner::<CloseError>(&tls.close().unwrap_err()), CloseError::Failed);
        let read = ReadEnd::PeerAlert(alert);
        assert_eq!(tls.end(), End { read, write: WriteEnd::Failed });
    });
}

#[test]
fn a_close_notify_that_is_padded_more_than_data_leaves() {
    fn padded(content_type: ContentType, len: usize) -> usize {
        if content_type == ContentType::APPLICATION_DATA { len } else { 512 }
    }
    let mut client = handshake(Role::Client, TLS13);
    client.engine_config().padding = Padding::By(PaddingFn(padded));
    client.engine_config().pads_control = true;
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    client.complete(&mut wire).unwrap();
    let mut tls = Tls::new(client.finish().unwrap(), wire);
    tls.close().unwrap();
    assert!(!tls.wants_write());
    assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
}

#[test]
fn a_failure_of_the_transport_is_remembered() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(tls.transport_error(), None, "it passes");
    tls.transport_mut().is_broken = true;
    assert_eq!(tls.write(b"data").unwrap(), 4);
    assert_eq!(tls.transport_error(), Some(ErrorKind::ConnectionReset));
    tls.transport_mut().is_broken = false;
    tls.transport_mut().piece = 0;
    assert_eq!(tls.flush().unwrap_err().kind(), ErrorKind::WriteZero);
    assert_eq!(tls.transport_error(), Some(ErrorKind::ConnectionReset), "the first");
}

#[test]
fn no_bytes_are_read_only_after_close_notify() {
    for_each_stream(|mut tls, agreed| {
        tls.transport_mut().peer.write(b"the last");
        tls.transport_mut().peer.close();
        let mut data = Vec::new();
        assert_eq!(tls.read_to_end(&mut data).unwrap(), 8);
        assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        // RFC 5246 section 7.2.1 demands an answer at once.
        let is_answered = tls.transport().peer.end() == PeerEnd::CloseNotify;
        assert_eq!(is_answered, agreed.version == Version::Tls12);
        if agreed.version == Version::Tls13 {
            tls.write_all(b"an answer").unwrap();
            assert_eq!(tls.transport_mut().peer.read(), b"an answer");
        } else {
            let error = tls.write(b"an answer").unwrap_err();
            assert_eq!(inner::<SealError>(&error), SealError::Closed);
        }
        tls.close().unwrap();
        assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
        assert!(tls.end().is_clean());
    });
}

#[test]
fn a_transport_that_ends_anywhere_is_truncated() {
    for agreed in [TLS12, TLS13] {
        // Where the two records end.
        let [first, second] = [0, 1].map(|last| {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls.peer(Role::Server, agreed));
            assert!(tls.read(&mut [0]).is_err(), "tickets");
            tls.transport_mut().peer.write(b"whole");
            (0..last).for_each(|_| tls.transport_mut().peer.write(b"cut"));
            tls.transport_mut().collect().len()
        });
        for cut in 0..=second {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls.peer(Role::Server, agreed));
            assert!(tls.read(&mut [0]).is_err(), "tickets");
            tls.transport_mut().peer.write(b"whole");
            tls.transport_mut().peer.write(b"cut");
            tls.transport_mut().collect().truncate(cut);
            tls.transport_mut().ends = true;
            let mut data = Vec::new();
            let error = tls.read_to_end(&mut data).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert_eq!(inner::<OpenError>(&error), OpenError::Truncated);
            let whole = match cut {
                _ if cut == second => &b"wholecut"[..],
                _ if cut >= first => b"whole",
                _ => b"",
            };
            assert_eq!(data, whole);
            assert!(tls.read(&mut [0]).is_err(), "still truncated");
            let ReadEnd::Truncated { inside_record, .. } = tls.end().read else { panic!() };
            assert_eq!(inside_record, ![0, first, second].contains(&cut));
            // 9846 6.1: our direction is closed all the same.
            tls.close().unwrap();
            assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
            assert!(!tls.end().is_clean());
        }
    }
}

#[test]
fn truncation_can_be_tolerated_and_is_still_told() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    tls.tolerate_truncation(true);
    tls.transport_mut().peer.write(b"all there is");
    tls.transport_mut().ends = true;
    let mut data = Vec::new();
    tls.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"all there is");
    assert_eq!(tls.read(&mut [0]).unwrap(), 0);
    assert!(matches!(tls.end().read, ReadEnd::Truncated { inside_record: false, .. }));
    tls.close().unwrap();
    assert!(!tls.end().is_clean());
}

#[test]
fn writing_after_close_is_an_error_and_reading_goes_on() {
    for_each_stream(|mut tls, agreed| {
        tls.close().unwrap();
        assert!(tls.transport().flushed);
        let error = tls.write(b"too late").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(inner::<SealError>(&error), SealError::Closed);
        if agreed.version == Version::Tls13 {
            tls.transport_mut().peer.write(b"late enough");
            assert_eq!(read_some(&mut tls), b"late enough");
        }
    });
}

#[test]
fn closing_and_reading_the_rest_delivers_what_is_under_way() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().peer.write(&message(50_000));
        tls.transport_mut().collect();
        tls.transport_mut().peer.close();
        let mut rest = Vec::new();
        assert_eq!(tls.close_and_read_rest(u32::MAX, &mut rest).unwrap(), 50_000);
        assert_eq!(rest, message(50_000));
        assert!(tls.end().is_clean());
    });
}

#[test]
fn a_broken_record_is_answered_with_an_alert() {
    for_each_stream(|mut tls, _| {
        assert!(tls.read(&mut [0]).is_err(), "tickets");
        tls.transport_mut().peer.write(b"good");
        tls.transport_mut().peer.write(b"bad");
        *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
        assert_eq!(read_some(&mut tls), b"good");
        for _ in 0..2 {
            let error = tls.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::BadRecordMac));
        }
        let alert = AlertDescription::BAD_RECORD_MAC;
        assert_eq!(tls.transport().peer.end(), PeerEnd::Alert(alert.0));
        assert!(tls.transport().flushed);
        let error = tls.write(b"more").unwrap_err();
        assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::BadRecordMac));
        assert_eq!(tls.close().unwrap_err().kind(), ErrorKind::ConnectionAborted);
        let read = ReadEnd::Fault(Fault::BadRecordMac);
        assert_eq!(tls.end(), End { read, write: WriteEnd::AlertSent(alert) });
    });
}

#[test]
fn an_alert_of_the_peer_is_the_error_of_reading_and_writing() {
    for_each_stream(|mut tls, _| {
        // The peer fails at a forged record, which the stream does not know of.
        let forged = [23, 3, 3, 0, 30].into_iter().chain([7; 30]).collect::<Vec<_>>();
        tls.transport_mut().peer.receive(&forged);
        for _ in 0..2 {
            let error = tls.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
            let alert = AlertDescription::BAD_RECORD_MAC;
            assert_eq!(inner::<OpenError>(&error), OpenError::PeerAlert(alert));
            let error = tls.write(b"more").unwrap_err();
            assert_eq!(inner::<OpenError>(&error), OpenError::PeerAlert(alert));
        }
    });
}

// Handshakes

#[test]
fn a_failed_handshake_sends_its_alert_before_the_error_returns() {
    let mut handshake = client_handshake(distrustful_config(TLS13));
    let mut wire = Wire::to(Box::new(RustlsPeer::new(&TLS13.setup(Role::Server))));
    let error = handshake.complete(&mut wire).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.get_ref().unwrap().is::<HandshakeError>());
    assert_eq!(wire.peer.end(), PeerEnd::Alert(AlertDescription::UNKNOWN_CA.0));
    assert!(wire.flushed);
}

#[test]
fn a_handshake_over_a_transport_that_ends_is_truncated() {
    let mut wire = Wire::to(Box::new(RustlsPeer::new(&TLS13.setup(Role::Client))));
    wire.collect().truncate(100);
    wire.ends = true;
    let config = Arc::new(rustls_server_config(Version::Tls13, Suite::Aes128Gcm));
    let error = Stream::<_, Ring>::accept(config, wire).unwrap_err();
    assert_eq!(error.error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_transport_that_fails_during_the_handshake_is_the_error() {
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    wire.is_broken = true;
    let error = handshake(Role::Client, TLS13).complete(&mut wire).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_peer_that_leaves_data_and_goes_is_still_read() {
    let mut peer = Stack::Openssl.peer(Role::Client, TLS13);
    peer.write(b"a testament");
    peer.close();
    let mut handshake = handshake(Role::Server, TLS13);
    let mut wire = Wire::to(peer);
    // Up to the client's last flight.
    assert!(handshake.receive(&wire.peer.take_output()) != 0);
    handshake.advance().unwrap();
    wire.write_all(handshake.unsent()).unwrap();
    handshake.sent(handshake.unsent().len());
    // It takes no tickets any more.
    wire.is_broken = true;
    handshake.complete(&mut wire).unwrap();
    assert!(!handshake.unsent().is_empty());
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    let mut data = Vec::new();
    tls.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"a testament");
}

// Messages after the handshake

#[test]
fn a_renegotiation_is_refused() {
    let mut tls = stream_to_adapter(TLS12);
    const HELLO_REQUEST: [u8; 4] = [0, 0, 0, 0];
    tls.transport_mut().peer.write_handshake(&HELLO_REQUEST);
    tls.transport_mut().peer.write(b"and data");
    assert_eq!(read_some(&mut tls), b"and data");
    assert_eq!(tls.transport().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
    tls.write_all(b"it goes on").unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"it goes on");
}

#[test]
fn what_the_peer_warns_of_and_asks_for_in_vain_is_seen() {
    let mut tls = stream_to_adapter(TLS12);
    assert!(!tls.renegotiation_refused());
    tls.transport_mut().peer.write_handshake(&[0, 0, 0, 0]);
    assert!(tls.read(&mut [0]).is_err());
    assert!(tls.renegotiation_refused());

    assert_eq!(tls.take_warning(), None);
    tls.transport_mut().peer.connection().layer.cancel().unwrap();
    tls.transport_mut().peer.send_control();
    assert_eq!(tls.read(&mut [0]).unwrap(), 0);
    assert_eq!(tls.take_warning(), Some(AlertDescription::USER_CANCELED));
    assert_eq!(tls.take_warning(), None);
}

#[test]
fn a_long_renegotiation_request_is_refused_once() {
    let mut client = handshake(Role::Client, TLS12);
    client.engine_config().fragment_limit = 20;
    let mut tls = stream(Role::Server, TLS12, Box::new(Adapter::<Ring>::over(client)));
    let mut client_hello = [7; 60];
    client_hello[..4].copy_from_slice(&[1, 0, 0, 56]);
    tls.transport_mut().peer.write_handshake(&client_hello);
    tls.transport_mut().peer.write(b"data");
    assert_eq!(read_some(&mut tls), b"data");
    assert_eq!(tls.transport().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
}

#[test]
fn other_messages_are_passed_over() {
    let mut client = handshake(Role::Client, TLS13);
    client.engine_config().post_handshake_auth = true;
    let mut wire = Wire::to(Box::new(Adapter::<Ring>::new(Role::Server, TLS13)));
    client.complete(&mut wire).unwrap();
    let mut tls = Tls::new(client.finish().unwrap(), wire);
    const CERTIFICATE_REQUEST: [u8; 6] = [13, 0, 0, 2, 0, 0];
    tls.transport_mut().peer.write_handshake(&CERTIFICATE_REQUEST);
    tls.transport_mut().peer.write(b"data");
    assert_eq!(read_some(&mut tls), b"data");
}

#[test]
fn a_malformed_ticket_ends_the_connection() {
    let mut tls = stream_to_adapter(TLS13);
    tls.transport_mut().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
    let error = tls.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    let alert = AlertDescription::DECODE_ERROR;
    assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::Aborted(alert)));
    assert_eq!(tls.transport().peer.end(), PeerEnd::Alert(alert.0));
}

#[test]
fn tickets_after_a_key_update_are_passed_over() {
    for is_ours in [false, true] {
        let mut tls = stream_to_adapter(TLS13);
        match is_ours {
            false => tls.transport_mut().peer.key_update(false),
            true => tls.update_keys(false).unwrap(),
        }
        tls.transport_mut().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
        tls.transport_mut().peer.write(b"data");
        assert_eq!(read_some(&mut tls), b"data");
    }
}

#[test]
fn a_client_stream_keeps_tickets_for_the_next_one() {
    for agreed in Negotiated::all() {
        let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        let client = Arc::new(rustls_client_config(agreed.version, agreed.suite));
        for resumed in [false, true] {
            let wire = Wire::to(Box::new(RustlsPeer::server(server.clone())));
            let name = SERVER_NAME.try_into().unwrap();
            let mut tls = Stream::<_, Ring>::connect(client.clone(), name, wire).unwrap();
            assert_eq!(tls.transport().peer.resumed(), resumed);
            assert_eq!(tls.exporter().is_some(), agreed.version == Version::Tls13);
            tls.transport_mut().peer.close();
            assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        }
    }
}

// A real transport

#[test]
fn streams_and_handshakes_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Stream<TcpStream, Ring>>();
    is_send::<Stream<TcpStream, RustCrypto>>();
    is_send::<tls_record_alloc::Handshake>();
    is_send::<tls_record_alloc::Established<Ring>>();
}

// A record that came together with another is in the stream, where `poll` does not see it.
#[cfg(target_os = "linux")]
#[test]
fn a_stream_is_polled_by_its_descriptor_when_nothing_is_pending() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = thread::spawn(move || {
        let config = Arc::new(rustls_server_config(TLS13.version, TLS13.suite));
        let tcp = listener.accept().unwrap().0;
        let mut tls = Stream::<_, Ring>::accept(config, tcp).unwrap();
        for _ in 0..50 {
            tls.write_all(&[7; 10]).unwrap();
        }
        tls.close().unwrap();
        tls.read_to_end(&mut Vec::new()).unwrap();
    });
    let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
    let name = SERVER_NAME.try_into().unwrap();
    let mut tls = Stream::<_, Ring>::connect(config, name, client).unwrap();
    tls.transport().set_nonblocking(true).unwrap();
    let mut len = 0;
    loop {
        if !tls.has_pending() {
            let mut fds = [PollFd::new(tls.as_fd(), PollFlags::POLLIN)];
            assert_eq!(poll(&mut fds, PollTimeout::from(20_000_u16)), Ok(1), "it would hang");
        }
        match tls.read(&mut [0; 3]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert_eq!(len, 500);
    tls.close().unwrap();
    drop(tls);
    server.join().unwrap();
}

#[test]
fn two_streams_talk_over_tcp() {
    const LEN: usize = 3_000_000;
    for agreed in Negotiated::all() {
        let Negotiated { version, suite } = agreed;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (tcp, _) = listener.accept().unwrap();
            let config = Arc::new(rustls_server_config(version, suite));
            let mut tls = Stream::<_, Ring>::accept(config, tcp).unwrap();
            let mut data = Vec::new();
            tls.read_to_end(&mut data).unwrap();
            if version == Version::Tls13 {
                // The client listens on after its close_notify.
                tls.write_all(&data).unwrap();
            }
            tls.close().unwrap();
            assert!(tls.end().is_clean());
            data
        });
        let tcp = TcpStream::connect(address).unwrap();
        let config = Arc::new(rustls_client_config(version, suite));
        let name = SERVER_NAME.try_into().unwrap();
        let mut tls = Stream::<_, RustCrypto>::connect(config, name, tcp).unwrap();
        let len = if suite == Suite::Aes128Gcm { LEN } else { LEN / 100 };
        tls.write_all(&message(len)).unwrap();
        let mut rest = Vec::new();
        tls.close_and_read_rest(u32::MAX, &mut rest).unwrap();
        assert!(tls.end().is_clean());
        assert_eq!(server.join().unwrap(), message(len));
        match version {
            Version::Tls12 => assert_eq!(rest, []),
            Version::Tls13 => assert_eq!(rest, message(len)),
        }
    }
}
