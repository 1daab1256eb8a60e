//! Streams over TCP, in tasks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use tls_record_alloc::tls_record::aead::{ring::Ring, rustcrypto::RustCrypto};
use tls_record_alloc::{Shutdown, TokioStream};
use tls_record_tests::peers::{
    Negotiated, OpensslPeer, Peer, PeerEnd, Role, SERVER_NAME, Suite, Version,
    rustls_client_config, rustls_server_config,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};

use crate::support::{TLS12, TLS13, message};

/// Runs an OpenSSL server that echoes data, and sometimes requests a KeyUpdate.
fn echo(mut tcp: TcpStream, agreed: Negotiated) -> usize {
    let mut peer = OpensslPeer::new(&agreed.setup(Role::Server));
    let mut echoed = 0;
    let mut updates = 0;
    let mut buffer = vec![0; 40_000];
    while peer.end() == PeerEnd::Open {
        let len = tcp.read(&mut buffer).unwrap();
        assert_ne!(len, 0, "the client closes first");
        peer.receive(&buffer[..len]);
        let data = peer.read();
        peer.write(&data);
        echoed += data.len();
        if agreed.version == Version::Tls13 && echoed / 100_000 > updates {
            updates += 1;
            peer.key_update(true);
        }
        tcp.write_all(&peer.take_output()).unwrap();
    }
    peer.close();
    let _ = tcp.write_all(&peer.take_output());
    echoed
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap()
}

#[test]
fn streams_and_their_futures_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    type Tcp = TokioStream<tokio::net::TcpStream, Ring>;
    fn check(mut tls: Tcp, tcp: tokio::net::TcpStream) {
        let config = Arc::new(rustls_server_config(Version::Tls13, Suite::Aes128Gcm));
        is_send(Tcp::accept(config, tcp));
        is_send(async move { tls.read_u8().await });
    }
    let _ = check;
}

#[test]
fn two_tasks_transfer_both_ways_at_once() {
    const LEN: usize = 3_000_000;
    for agreed in [TLS12, TLS13] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || echo(listener.accept().unwrap().0, agreed));
        runtime().block_on(async {
            let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            let config = Arc::new(rustls_client_config(agreed.version, agreed.suite));
            let name = SERVER_NAME.try_into().unwrap();
            let tls = TokioStream::<_, RustCrypto>::connect(config, name, tcp).await.unwrap();
            let (mut reader, mut writer) = split(tls);
            let writing = tokio::spawn(async move {
                writer.write_all(&message(LEN)).await.unwrap();
                writer.flush().await.unwrap();
                writer
            });
            let mut data = vec![0; LEN];
            reader.read_exact(&mut data).await.unwrap();
            assert!(data == message(LEN));
            let mut tls = reader.unsplit(writing.await.unwrap());
            // KeyUpdates may be in flight.
            tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
            tls.shutdown().await.unwrap();
            assert!(tls.end().is_clean());
        });
        assert_eq!(server.join().unwrap(), LEN);
    }
}
