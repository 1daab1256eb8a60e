//! kTLS takes over a connection, if the kernel supports it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use nix::libc::{
    tls_crypto_info, tls12_crypto_info_aes_gcm_128, tls12_crypto_info_aes_gcm_256,
    tls12_crypto_info_chacha20_poly1305,
};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{TcpTlsRx, TcpTlsTx, TcpUlp, TlsCryptoInfo};

use crate::support::Adapter;
use tls_record_alloc::tls_record::CryptoInfo;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_tests::peers::{Negotiated, OpensslPeer, Peer, Role, Suite, pump};

/// Takes the next `LEN` bytes.
fn take<const LEN: usize>(bytes: &mut &[u8]) -> [u8; LEN] {
    let (field, rest) = bytes.split_first_chunk().expect("the structure is as long as its fields");
    *bytes = rest;
    *field
}

/// Reads the structure from its bytes, field by field.
fn structure(suite: Suite, info: &CryptoInfo) -> TlsCryptoInfo {
    let mut bytes = info.as_bytes();
    let bytes = &mut bytes;
    let info = tls_crypto_info {
        version: u16::from_ne_bytes(take(bytes)),
        cipher_type: u16::from_ne_bytes(take(bytes)),
    };
    let structure = match suite {
        Suite::Aes128Gcm => TlsCryptoInfo::Aes128Gcm(tls12_crypto_info_aes_gcm_128 {
            info,
            iv: take(bytes),
            key: take(bytes),
            salt: take(bytes),
            rec_seq: take(bytes),
        }),
        Suite::Aes256Gcm => TlsCryptoInfo::Aes256Gcm(tls12_crypto_info_aes_gcm_256 {
            info,
            iv: take(bytes),
            key: take(bytes),
            salt: take(bytes),
            rec_seq: take(bytes),
        }),
        Suite::Chacha20Poly1305 => {
            TlsCryptoInfo::Chacha20Poly1305(tls12_crypto_info_chacha20_poly1305 {
                info,
                iv: take(bytes),
                key: take(bytes),
                salt: take(bytes),
                rec_seq: take(bytes),
            })
        }
        Suite::Aes128Ccm | Suite::Aes128Ccm8 => panic!("rustls has no AES-CCM"),
    };
    assert!(bytes.is_empty(), "nothing is left over");
    structure
}

/// Runs OpenSSL at its end of a socket: it echoes until the other end sends `bye`.
fn echo(mut peer: OpensslPeer, mut socket: TcpStream) {
    let mut received = Vec::new();
    while !received.ends_with(b"bye") {
        let mut bytes = [0; 4096];
        let len = socket.read(&mut bytes).unwrap();
        assert_ne!(len, 0, "the kernel closed: {received:?}");
        peer.receive(&bytes[..len]);
        let data = peer.read();
        peer.write(&data);
        received.extend(data);
        socket.write_all(&peer.take_output()).unwrap();
    }
}

#[test]
fn the_kernel_continues_a_connection_of_the_engine() {
    for agreed in Negotiated::all() {
        let mut ours = Adapter::<Ring>::new(Role::Client, agreed);
        let mut peer = OpensslPeer::new(&agreed.setup(Role::Server));
        pump(&mut ours, &mut peer);
        for round in 0..3 {
            ours.write(&[round; 100]);
            peer.write(&[round; 100]);
            pump(&mut ours, &mut peer);
        }
        peer.read();
        let (rx, tx) = ours.connection().layer.with_halves(|opener, sealer| {
            (opener.hand_to_kernel().unwrap(), sealer.hand_to_kernel().unwrap())
        });
        let [rx, tx] = [rx, tx]
            .map(|mut direction| structure(agreed.suite, &direction.crypto_info().unwrap()));

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        if let Err(error) = setsockopt(&socket, TcpUlp::default(), b"tls") {
            println!("left out: this kernel has no TLS ({error})");
            return;
        }
        let (other_end, _) = listener.accept().unwrap();
        let peer = thread::spawn(|| echo(peer, other_end));
        if let Err(error) =
            setsockopt(&socket, TcpTlsTx, &tx).and_then(|()| setsockopt(&socket, TcpTlsRx, &rx))
        {
            println!("left out: this kernel does not know {agreed:?} ({error})");
            socket.shutdown(std::net::Shutdown::Both).unwrap();
            drop(peer.join());
            continue;
        }
        for message in [&b"from the kernel"[..], &[7; 10_000], b"bye"] {
            socket.write_all(message).unwrap();
            let mut back = vec![0; message.len()];
            socket.read_exact(&mut back).unwrap();
            assert!(back == message, "{agreed:?}");
        }
        peer.join().unwrap();
    }
}
