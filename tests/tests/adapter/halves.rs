//! The two halves of a stream, which do not wait for each other.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{
    AlertDescription, CloseError, Fault, KeyError, OpenError, ReadEnd, SealError, WriteEnd,
};
use tls_record_alloc::{ReadHalf, Stream, TokioStream, WriteHalf};
use tls_record_tests::peers::{
    Negotiated, Peer, PeerEnd, Role, SERVER_NAME, Version, rustls_client_config,
    rustls_server_config,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::endpoint::inner;
use crate::support::{Adapter, Stack, TLS12, TLS13, forged_record};
use crate::wire::{SharedWire, Wire};

type Halves<Q> = (ReadHalf<SharedWire<Q>, Ring>, WriteHalf<SharedWire<Q>, Ring>);

fn stream<Q: Peer + ?Sized>(
    agreed: Negotiated,
    peer: Box<Q>,
) -> (Stream<SharedWire<Q>, Ring>, SharedWire<Q>) {
    let wire = SharedWire::new(Wire::to(peer));
    let config = Arc::new(rustls_client_config(agreed.version, agreed.suite));
    let tls = Stream::connect(config, SERVER_NAME.try_into().unwrap(), wire.clone());
    (tls.unwrap(), wire)
}

fn halves<Q: Peer + ?Sized>(agreed: Negotiated, peer: Box<Q>) -> (Halves<Q>, SharedWire<Q>) {
    let (tls, wire) = stream(agreed, peer);
    let mut halves = tls.into_split(|wire| (wire.clone(), wire));
    // Tickets.
    assert_eq!(halves.0.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    (halves, wire)
}

fn for_each_peer(test: impl Fn(Negotiated, Halves<dyn Peer>, SharedWire<dyn Peer>)) {
    for agreed in [TLS12, TLS13] {
        for stack in Stack::ALL {
            println!("{agreed:?} {stack:?}");
            let (halves, wire) = halves(agreed, stack.peer(Role::Server, agreed));
            test(agreed, halves, wire);
        }
    }
}

fn read_some<Q: Peer + ?Sized>(read: &mut ReadHalf<SharedWire<Q>, Ring>) -> Vec<u8> {
    let mut out = [0; 100];
    let len = read.read(&mut out).unwrap();
    out[..len].to_vec()
}

#[test]
fn the_answer_to_a_key_update_is_sent_by_the_next_call_of_the_writing_half() {
    for stack in Stack::ALL {
        let ((mut read, mut write), wire) = halves(TLS13, stack.peer(Role::Server, TLS13));
        for _ in 0..3 {
            wire.get().peer.key_update(true);
            wire.get().peer.write(b"new keys");
            assert_eq!(read_some(&mut read), b"new keys");
            assert!(write.wants_write());
            write.write_all(b"here too").unwrap();
            assert_eq!(wire.get().peer.read(), b"here too");
        }
        write.update_keys(true).unwrap();
        assert_eq!(write.update_keys(true), Err(KeyError::RequestOutstanding));
        write.flush().unwrap();
        assert!(!write.wants_write());
        wire.get().peer.write(b"with the keys that were asked for");
        assert_eq!(read_some(&mut read), b"with the keys that were asked for");
        write.update_keys(true).unwrap();
    }
}

#[test]
fn an_alert_of_the_reading_half_is_sent_and_nothing_after_it() {
    for_each_peer(|_, (mut read, mut write), wire| {
        wire.get().peer.write(b"forged");
        *wire.get().collect().back_mut().unwrap() ^= 1;
        let error = read.read(&mut [0]).unwrap_err();
        let (fault, alert) = (Fault::BadRecordMac, AlertDescription::BAD_RECORD_MAC);
        assert_eq!(inner::<OpenError>(&error), OpenError::Fault(fault));
        assert_eq!(read.end(), ReadEnd::Fault(fault));
        let error = write.write(b"more").unwrap_err();
        assert_eq!(inner::<SealError>(&error), SealError::Failed);
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(wire.get().peer.end(), PeerEnd::Alert(alert.0));
        assert_eq!(write.end(), WriteEnd::AlertSent(alert));
        assert_eq!(inner::<CloseError>(&write.close().unwrap_err()), CloseError::Failed);
    });
}

#[test]
fn unsent_data_is_discarded_at_a_fatal_alert_of_the_peer() {
    for_each_peer(|_, (mut read, mut write), wire| {
        wire.get().peer.receive(&forged_record());
        wire.get().is_blocked = true;
        assert_eq!(write.write(b"never to leave").unwrap(), 14);
        assert!(matches!(inner(&read.read(&mut [0]).unwrap_err()), OpenError::PeerAlert(_)));
        wire.get().is_blocked = false;
        let alert = OpenError::PeerAlert(AlertDescription::BAD_RECORD_MAC);
        for _ in 0..2 {
            for error in [write.flush().unwrap_err(), write.write(b"more").unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
                assert_eq!(inner::<OpenError>(&error), alert, "as of a stream that is not split");
            }
        }
        assert_eq!(write.close().unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(write.end(), WriteEnd::Failed);
        assert_eq!(wire.get().peer.read(), b"");
    });
}

#[test]
fn each_half_closes_its_direction() {
    for_each_peer(|agreed, (mut read, mut write), wire| {
        wire.get().peer.write(b"the last");
        wire.get().peer.close();
        assert_eq!(read_some(&mut read), b"the last");
        assert_eq!(read.read(&mut [0]).unwrap(), 0);
        if agreed.version == Version::Tls13 {
            write.write_all(b"an answer").unwrap();
            assert_eq!(wire.get().peer.read(), b"an answer");
        } else {
            // RFC 5246 section 7.2.1: only the reply is sent.
            assert_eq!(write.write(b"an answer").unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
        write.close().unwrap();
        write.close().unwrap();
        assert_eq!(wire.get().peer.end(), PeerEnd::CloseNotify);
        assert_eq!(write.end(), WriteEnd::Closed);
        assert!(matches!(read.end(), ReadEnd::Closed { .. }));
        assert_eq!(write.write(b"late").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_malformed_ticket_stops_the_reading_half_at_once_and_its_alert_is_sent() {
    let (tls, wire) = stream(TLS13, Box::new(Adapter::<Ring>::new(Role::Server, TLS13)));
    let (mut read, mut write) = tls.into_split(|wire| (wire.clone(), wire));
    wire.get().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
    wire.get().peer.write(b"data behind it");
    let alert = AlertDescription::DECODE_ERROR;
    for _ in 0..2 {
        let error = read.read(&mut [0]).unwrap_err();
        assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::Aborted(alert)));
    }
    assert_eq!(read.end(), ReadEnd::Fault(Fault::Aborted(alert)));
    assert!(write.write(b"more").is_err());
    assert_eq!(wire.get().peer.end(), PeerEnd::Alert(alert.0));
    assert!(read.read(&mut [0]).is_err());
}

#[test]
fn tickets_are_passed_over_after_a_key_update_of_the_writing_half() {
    let (tls, wire) = stream(TLS13, Box::new(Adapter::<Ring>::new(Role::Server, TLS13)));
    let (mut read, mut write) = tls.into_split(|wire| (wire.clone(), wire));
    write.update_keys(false).unwrap();
    write.flush().unwrap();
    wire.get().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
    wire.get().peer.write(b"data");
    assert_eq!(read_some(&mut read), b"data", "the malformed ticket is passed over");
}

#[test]
fn a_read_of_several_records_passes_over_tickets_after_a_key_update_of_the_writing_half() {
    let (tls, wire) = stream(TLS13, Box::new(Adapter::<Ring>::new(Role::Server, TLS13)));
    let (mut read, mut write) = tls.into_split(|wire| (wire.clone(), wire));
    wire.get().peer.write(b"before");
    wire.get().peer.write_handshake(&[4, 0, 0, 3, 1, 2, 3]);
    wire.get().peer.write(b" and after");
    assert_eq!(read.fill_buf().unwrap(), b"before");
    write.update_keys(false).unwrap();
    write.flush().unwrap();
    assert_eq!(read_some(&mut read), b"before and after", "the malformed ticket is passed over");
}

#[test]
fn the_end_of_the_writing_half_includes_what_the_reading_half_found() {
    for_each_peer(|_, (mut read, mut write), wire| {
        wire.get().peer.write(b"forged");
        *wire.get().collect().back_mut().unwrap() ^= 1;
        assert!(read.read(&mut [0]).is_err());
        assert_eq!(write.end(), WriteEnd::AlertQueued(AlertDescription::BAD_RECORD_MAC));
        assert!(write.wants_write());
    });
}

#[test]
fn an_abort_of_the_writing_half_stops_the_reading_half() {
    for_each_peer(|_, (mut read, mut write), wire| {
        wire.get().peer.write(b"data");
        write.abort(AlertDescription::INTERNAL_ERROR).unwrap();
        assert!(read.read(&mut [0]).is_err());
        assert!(write.close().is_err());
        assert_eq!(wire.get().peer.end(), PeerEnd::Alert(80));
    });
}

#[test]
fn a_renegotiation_is_refused_by_the_writing_half() {
    let (tls, wire) = stream(TLS12, Box::new(Adapter::<Ring>::new(Role::Server, TLS12)));
    let (mut read, mut write) = tls.into_split(|wire| (wire.clone(), wire));
    wire.get().peer.write_handshake(&[0, 0, 0, 0]);
    wire.get().peer.write(b"data");
    assert_eq!(read_some(&mut read), b"data");
    assert!(read.renegotiation_refused() && write.wants_write());
    write.flush().unwrap();
    assert!(!write.wants_write());
}

#[test]
fn joining_keeps_data_that_was_not_read_or_not_sent() {
    for_each_peer(|agreed, (mut read, mut write), wire| {
        wire.get().peer.write(b"some data");
        read.read_exact(&mut [0; 5]).unwrap();
        wire.get().is_blocked = true;
        write.write_all(b"unsent").unwrap();
        if agreed.version == Version::Tls13 {
            write.update_keys(false).unwrap();
        }
        let mut tls = Stream::join(read, write, |wire, _| wire).unwrap();
        wire.get().is_blocked = false;
        let mut rest = [0; 4];
        tls.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"data");
        tls.write_all(b", and more").unwrap();
        assert_eq!(wire.get().peer.read(), b"unsent, and more");
        wire.get().peer.close();
        assert_eq!(tls.read(&mut [0]).unwrap(), 0);
        tls.close().unwrap();
        assert!(tls.end().is_clean());
    });
}

#[test]
fn joining_and_splitting_deliver_pending_notices() {
    // A request that was opened before the split.
    let (mut tls, wire) = stream(TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    wire.get().peer.key_update(true);
    wire.get().peer.write(b"some");
    wire.get().peer.write(b"more");
    tls.read_exact(&mut [0; 4]).unwrap();
    let (mut read, mut write) = tls.into_split(|wire| (wire.clone(), wire));
    read.read_exact(&mut [0; 4]).unwrap();
    assert!(write.wants_write(), "the answer");

    // A request that the reading half opened before joining.
    write.flush().unwrap();
    wire.get().peer.key_update(true);
    wire.get().peer.write(b"some");
    assert_eq!(read_some(&mut read), b"some");
    let tls = Stream::join(read, write, |wire, _| wire).unwrap();
    assert!(tls.wants_write(), "the answer");

    // An abort of the writing half, and an error of its transport.
    let (read, mut write) = tls.into_split(|wire| (wire.clone(), wire));
    write.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    let mut tls = Stream::join(read, write, |wire, _| wire).unwrap();
    assert!(tls.read(&mut [0]).is_err());
    tls.flush().unwrap();
    assert_eq!(wire.get().peer.end(), PeerEnd::Alert(80));
}

#[test]
fn an_error_of_either_transport_is_remembered_by_the_joined_stream() {
    let (tls, _) = stream(TLS13, Stack::Rustls.peer(Role::Server, TLS13));
    let (read, mut write) = tls.into_split(|wire| (wire, Broken));
    assert_eq!(write.write(b"data").unwrap(), 4);
    assert_eq!(write.flush().unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(write.transport_error(), Some(ErrorKind::ConnectionReset));
    assert_eq!(read.transport_error(), None);
    let tls = Stream::join(read, write, |wire, _| wire).unwrap();
    assert_eq!(tls.transport_error(), Some(ErrorKind::ConnectionReset));
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::ConnectionReset.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn halves_of_two_streams_are_not_joined() {
    let [(first, _), (second, _)] =
        [0; 2].map(|_| halves(TLS13, Stack::Rustls.peer(Role::Server, TLS13)));
    let joined = Stream::join(first.0, second.1, |wire, _| wire);
    assert_eq!(joined.map(drop), Err(KeyError::Mismatch));
}

// Real transports

pub(crate) const LEN: usize = 3_000_000;

pub(crate) fn message(seed: u8) -> Vec<u8> {
    crate::support::message(LEN).into_iter().map(|byte| byte ^ seed).collect()
}

pub(crate) fn tcp() -> [TcpStream; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    [client, listener.accept().unwrap().0]
}

#[test]
fn two_threads_on_each_side_transfer_both_ways_at_once() {
    for agreed in [TLS12, TLS13] {
        let [client, server] = tcp();
        let Negotiated { version, suite } = agreed;
        let server = thread::spawn(move || {
            let config = Arc::new(rustls_server_config(version, suite));
            transfer(Stream::accept(config, server).unwrap(), 1, agreed);
        });
        let config = Arc::new(rustls_client_config(version, suite));
        let name = SERVER_NAME.try_into().unwrap();
        transfer(Stream::connect(config, name, client).unwrap(), 0, agreed);
        server.join().unwrap();
    }
}

fn transfer(tls: Stream<TcpStream, Ring>, own: u8, agreed: Negotiated) {
    let clone = tls.transport().try_clone().unwrap();
    let (mut read, mut write) = tls.into_split(|tcp| (tcp, clone));
    let sending = thread::spawn(move || {
        for (at, piece) in message(own).chunks(10_007).enumerate() {
            write.write_all(piece).unwrap();
            if agreed.version == Version::Tls13 && at % 7 == 0 {
                let updated = write.update_keys(true);
                assert!(matches!(updated, Ok(()) | Err(KeyError::RequestOutstanding)));
            }
        }
        write.flush().unwrap();
        write
    });
    let mut data = vec![0; LEN];
    read.read_exact(&mut data).unwrap();
    assert!(data == message(1 - own));
    let mut write = sending.join().unwrap();
    write.close().unwrap();
    write.transport().shutdown(Shutdown::Write).unwrap();
    assert_eq!(read.read(&mut [0]).unwrap(), 0);
    let tls = Stream::join(read, write, |tcp, _| tcp).unwrap();
    assert!(tls.end().is_clean());
}

#[test]
fn two_tasks_on_each_side_transfer_both_ways_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for agreed in [TLS12, TLS13] {
        runtime.block_on(async {
            let [client, server] = tcp().map(|tcp| {
                tcp.set_nonblocking(true).unwrap();
                tokio::net::TcpStream::from_std(tcp).unwrap()
            });
            let Negotiated { version, suite } = agreed;
            let server = tokio::spawn(async move {
                let config = Arc::new(rustls_server_config(version, suite));
                transfer_async(TokioStream::accept(config, server).await.unwrap(), 1, agreed).await;
            });
            let config = Arc::new(rustls_client_config(version, suite));
            let name = SERVER_NAME.try_into().unwrap();
            let client = TokioStream::connect(config, name, client).await.unwrap();
            transfer_async(client, 0, agreed).await;
            server.await.unwrap();
        });
    }
}

async fn transfer_async(
    tls: TokioStream<tokio::net::TcpStream, Ring>,
    own: u8,
    agreed: Negotiated,
) {
    let (mut read, mut write) = tls.into_split(tokio::net::TcpStream::into_split);
    let sending = tokio::spawn(async move {
        for (at, piece) in message(own).chunks(10_007).enumerate() {
            write.write_all(piece).await.unwrap();
            if agreed.version == Version::Tls13 && at % 7 == 0 {
                let updated = write.update_keys(true);
                assert!(matches!(updated, Ok(()) | Err(KeyError::RequestOutstanding)));
            }
        }
        write.flush().await.unwrap();
        write
    });
    let mut data = vec![0; LEN];
    read.read_exact(&mut data).await.unwrap();
    assert!(data == message(1 - own));
    let mut write = sending.await.unwrap();
    write.shutdown().await.unwrap();
    assert_eq!(read.read(&mut [0]).await.unwrap(), 0);
    let join = |read: tokio::net::tcp::OwnedReadHalf, write| read.reunite(write).unwrap();
    let tls = TokioStream::join(read, write, join).unwrap();
    assert!(tls.end().is_clean());
}
