//! When a handshake is complete.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tls_record_alloc::TokioStream;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_tests::peers::{
    Negotiated, Role, SERVER_NAME, rustls_client_config, rustls_server_config,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::read_some;
use crate::endpoint::tokio::Tls;
use crate::polling::{now, poll_once};
use crate::support::{Stack, TLS12, TLS13, handshake};
use crate::wire::Wire;

// A pipe of 16 bytes: neither side does anything after its handshake.
#[test]
fn a_handshake_is_complete_when_its_last_flight_is_sent() {
    for agreed in [TLS12, TLS13] {
        for piece in [1, 16, 100] {
            let (near, far) = tokio::io::duplex(piece);
            let Negotiated { version, suite } = agreed;
            let client = Arc::new(rustls_client_config(version, suite));
            let server = Arc::new(rustls_server_config(version, suite));
            let name = SERVER_NAME.try_into().unwrap();
            let mut client = pin!(TokioStream::<_, Ring>::connect(client, name, near));
            let mut server = pin!(TokioStream::<_, Ring>::accept(server, far));
            let (mut ends, mut polls) = ((None, None), 0);
            while ends.0.is_none() || ends.1.is_none() {
                let cx = &mut Context::from_waker(Waker::noop());
                if ends.0.is_none()
                    && let Poll::Ready(end) = client.as_mut().poll(cx)
                {
                    ends.0 = Some(end.unwrap());
                }
                if ends.1.is_none()
                    && let Poll::Ready(end) = server.as_mut().poll(cx)
                {
                    ends.1 = Some(end.unwrap());
                }
                polls += 1;
                assert!(polls < 20_000, "the ends wait for each other");
            }
        }
    }
}

// The peer sends much before it reads our Finished.
#[test]
fn a_handshake_completes_though_the_peers_data_fills_the_buffer() {
    struct Flood;
    impl AsyncRead for Flood {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            out.initialize_unfilled().fill(23);
            out.advance(out.remaining());
            Poll::Ready(Ok(()))
        }
    }
    impl AsyncWrite for Flood {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    // The client has completed its handshake, and its Finished is unsent.
    let mut client = handshake(Role::Client, TLS13);
    let mut server = handshake(Role::Server, TLS13);
    client.advance().unwrap();
    assert_eq!(server.receive(client.unsent()), client.unsent().len());
    client.sent(usize::MAX);
    server.advance().unwrap();
    assert_eq!(client.receive(server.unsent()), server.unsent().len());
    assert!(poll_once(client.complete_async(&mut Flood)).is_ready());
    assert!(!client.unsent().is_empty());
}

#[test]
fn a_server_that_cannot_send_its_tickets_still_reads() {
    let mut peer = Stack::Openssl.peer(Role::Client, TLS13);
    peer.write(b"impatient");
    let mut handshake = handshake(Role::Server, TLS13);
    let mut wire = Wire::to(peer);
    // The handshake up to the client's last flight.
    assert!(handshake.receive(&wire.peer.take_output()) != 0);
    handshake.advance().unwrap();
    now(wire.write_all(handshake.unsent())).unwrap();
    handshake.sent(handshake.unsent().len());
    wire.is_blocked = true;
    now(handshake.complete_async(&mut wire)).unwrap();
    assert!(!handshake.unsent().is_empty());
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    assert_eq!(read_some(&mut tls), b"impatient");
}
