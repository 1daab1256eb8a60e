//! The stream for futures-io over TCP, in the tasks of smol. `every_stream` has its other tests.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt};
use smol::io as futures;
use smol::net::TcpStream;
use tls_record_alloc::takeover::{Openssl, Takeover};
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{KeyError, OpenError, WriteEnd};
use tls_record_alloc::{
    Acceptor, FuturesIo, FuturesStream, HandshakeError, Shutdown, Stream, disconnect_async, rustls,
};
use tls_record_tests::peers::{
    Negotiated, OpensslContext, OpensslPeer, Peer, PeerEnd, Role, SERVER_NAME, Suite, Version,
    rustls_client_config, rustls_server_config,
};

use crate::endpoint::inner;
use crate::halves::{LEN, message, tcp};
use crate::support::{TLS12, TLS13, distrustful_config};

type Tls = FuturesStream<TcpStream, Ring>;

/// Returns two connected sockets: one for smol, and one for a peer in a thread.
fn sockets() -> (TcpStream, std::net::TcpStream) {
    let [near, far] = tcp();
    (smol(near), far)
}

fn smol(tcp: std::net::TcpStream) -> TcpStream {
    smol::Async::new(tcp).unwrap().into()
}

async fn connect(agreed: Negotiated, tcp: TcpStream) -> Tls {
    let config = Arc::new(rustls_client_config(agreed.version, agreed.suite));
    FuturesStream::connect(config, SERVER_NAME.try_into().unwrap(), tcp).await.unwrap()
}

/// Runs an OpenSSL server: `act` after each read, until the client has ended.
fn serve(
    mut tcp: std::net::TcpStream,
    agreed: Negotiated,
    mut act: impl FnMut(&mut OpensslPeer) + Send + 'static,
) -> smol::Task<PeerEnd> {
    smol::unblock(move || {
        let mut peer = OpensslPeer::new(&agreed.setup(Role::Server));
        let mut buffer = [0; 40_000];
        while peer.end() == PeerEnd::Open {
            match tcp.read(&mut buffer).unwrap() {
                0 => break,
                len => peer.receive(&buffer[..len]),
            }
            act(&mut peer);
            if tcp.write_all(&peer.take_output()).is_err() {
                break;
            }
        }
        peer.end()
    })
}

#[test]
fn streams_and_their_futures_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    fn check(mut tls: Tls, tcp: TcpStream) {
        let config = Arc::new(rustls_server_config(Version::Tls13, Suite::Aes128Gcm));
        is_send(Tls::accept(config, tcp));
        is_send(async move { tls.read(&mut [0]).await });
    }
    let _ = check;
}

#[test]
fn two_tasks_on_each_side_transfer_both_ways_at_once() {
    for agreed in [TLS12, TLS13] {
        smol::block_on(async {
            let [client, server] = tcp().map(smol);
            let server = smol::spawn(async move {
                let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
                transfer(Tls::accept(config, server).await.unwrap(), 1, agreed).await;
            });
            transfer(connect(agreed, client).await, 0, agreed).await;
            server.await;
        });
    }
}

async fn transfer(tls: Tls, own: u8, agreed: Negotiated) {
    let (mut read, mut write) = tls.into_split(|tcp| (tcp.clone(), tcp));
    let sending = smol::spawn(async move {
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
    let mut write = sending.await;
    write.close().await.unwrap();
    assert_eq!(read.read(&mut [0]).await.unwrap(), 0);
    let tls = Tls::join(read, write, |tcp, _| tcp).unwrap();
    assert!(tls.end().is_clean());
}

// The server answers each message with a KeyUpdate and the message, and a close_notify with its own.
#[test]
fn a_stream_that_is_split_by_the_library_closes_in_two_steps() {
    for agreed in [TLS12, TLS13] {
        smol::block_on(async {
            let (near, far) = sockets();
            let server = serve(far, agreed, move |peer| {
                let data = peer.read();
                if agreed.version == Version::Tls13 && !data.is_empty() {
                    peer.key_update(true);
                }
                peer.write(&data);
                if peer.end() == PeerEnd::CloseNotify {
                    peer.close();
                }
            });
            let mut tls = connect(agreed, near).await;
            tls.set_shutdown(Shutdown::TwoSteps { budget: 4_000_000 });
            let (mut read, mut write) = futures::split(tls);
            let sending = smol::spawn(async move {
                write.write_all(&message(3)).await.unwrap();
                write.close().await.unwrap();
                write
            });
            let mut data = vec![0; LEN - 500_000];
            read.read_exact(&mut data).await.unwrap();
            let write = sending.await;
            // What arrived during the shutdown can be read after it.
            read.read_to_end(&mut data).await.unwrap();
            assert!(data == message(3));
            drop(write);
            assert_eq!(server.await, PeerEnd::CloseNotify);
        });
    }
}

#[test]
fn a_connection_that_is_cut_is_truncated() {
    for agreed in [TLS12, TLS13] {
        smol::block_on(async {
            let (near, far) = sockets();
            let cut = far.try_clone().unwrap();
            let server = serve(far, agreed, |peer| {
                if peer.read() == b"cut" {
                    peer.write(b"the last");
                }
            });
            let mut tls = connect(agreed, near).await;
            tls.write_all(b"cut").await.unwrap();
            tls.flush().await.unwrap();
            let mut data = [0; 8];
            tls.read_exact(&mut data).await.unwrap();
            cut.shutdown(std::net::Shutdown::Both).unwrap();
            let error = tls.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert_eq!(inner::<OpenError>(&error), OpenError::Truncated);
            assert_eq!(server.await, PeerEnd::Open);
        });
    }
}

#[test]
fn closing_a_direction_leaves_the_transport_open_and_disconnecting_does_not() {
    for agreed in [TLS12, TLS13] {
        smol::block_on(async {
            let (near, far) = sockets();
            let server = serve(far, agreed, |peer| {
                if peer.end() == PeerEnd::CloseNotify {
                    peer.close();
                }
            });
            let mut tls = connect(agreed, near).await;
            tls.close_notify().await.unwrap();
            assert_eq!(tls.end().write, WriteEnd::Closed);
            assert_eq!(
                server.await,
                PeerEnd::CloseNotify,
                "the socket was not shut down before it"
            );
            let patience = async { _ = smol::Timer::after(Duration::from_secs(20)).await };
            assert!(tls.disconnect(65_536, patience).await.unwrap().is_clean());
        });
    }
}

// Our close_notify is answered with a reset, so that the socket cannot be shut down.
#[test]
fn a_stream_closes_after_its_peer_has_closed_the_socket() {
    for agreed in [TLS12, TLS13] {
        smol::block_on(async {
            let [near, far] = tcp();
            let server = smol::unblock(move || {
                let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
                let mut tls = Stream::<_, Ring>::accept(config, far).unwrap();
                tls.read_exact(&mut [0; 3]).unwrap();
                tls.write_all(b"page").unwrap();
                tls.close().unwrap();
            });
            let mut tls = connect(agreed, smol(near)).await;
            tls.write_all(b"GET").await.unwrap();
            let mut page = Vec::new();
            tls.read_to_end(&mut page).await.unwrap();
            assert_eq!(page, b"page");
            server.await;
            for _ in 0..2 {
                tls.close().await.unwrap();
            }
            assert!(tls.end().is_clean());
        });
    }
}

#[test]
fn a_handshake_that_fails_sends_its_alert_and_returns_the_transport() {
    for agreed in [TLS12, TLS13] {
        smol::block_on(async {
            let (near, far) = sockets();
            let server = serve(far, agreed, |_| ());
            let name = SERVER_NAME.try_into().unwrap();
            let failed = Tls::connect(distrustful_config(agreed), name, near).await.unwrap_err();
            let inner: Option<&HandshakeError> = failed.error.get_ref().unwrap().downcast_ref();
            assert!(matches!(
                inner,
                Some(HandshakeError::Tls(rustls::Error::InvalidCertificate(_)))
            ));
            let patience = async { _ = smol::Timer::after(Duration::from_secs(20)).await };
            disconnect_async(FuturesIo(failed.transport), 65_536, patience).await;
            assert_eq!(server.await, PeerEnd::Alert(48), "unknown_ca");
        });
    }
}

// Every way to make a stream, and OpenSSL's handshake on the other side.
#[test]
fn a_server_chooses_its_config_and_a_client_has_the_handshake_of_openssl() {
    for agreed in [TLS12, TLS13] {
        smol::block_on(async {
            let [near, mut far] = tcp().map(smol);
            let server = smol::spawn(async move {
                let mut acceptor = Acceptor::new();
                let hello = acceptor.read_hello_async(&mut FuturesIo(&mut far)).await.unwrap();
                assert_eq!(hello.server_name(), Some(SERVER_NAME));
                let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
                let handshake = acceptor.accept(config).unwrap();
                let mut tls = Tls::from_handshake(handshake, far).await.unwrap();
                futures::copy(&mut b"hello".as_slice(), &mut tls).await.unwrap();
                tls.close().await.unwrap();
                tls
            });
            let ssl = OpensslContext::new(&agreed.setup(Role::Client)).ssl();
            let takeover = Takeover::new(Openssl::client(ssl).unwrap());
            let mut tls = Tls::from_takeover(takeover, near).await.unwrap();
            let mut data = String::new();
            tls.read_to_string(&mut data).await.unwrap();
            assert_eq!(data, "hello");
            tls.close().await.unwrap();
            assert!(tls.end().is_clean());
            drop(server.await);
        });
    }
}
