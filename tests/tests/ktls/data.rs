//! Data in both directions.

use std::fs::File;
use std::io::{ErrorKind, IoSlice, Read, Seek, Write};
use std::sync::Arc;
use std::thread;

use tls_record_alloc::Handshake;
use tls_record_alloc::tls_record::WriteEnd;
use tls_record_tests::peers::{Negotiated, PeerEnd, Role, rustls_server_config};
use tokio::io::Interest;

use crate::support::{TLS12, TLS13, connect_by, fill, message, pair, to_kernel};

#[test]
fn a_mebibyte_goes_both_ways_at_once_with_every_version_and_suite() {
    for agreed in Negotiated::all() {
        for role in [Role::Client, Role::Server] {
            let Some((mut kernel, mut peer)) = pair(role, agreed) else { continue };
            let data = message(1 << 20);
            let echo = thread::spawn(move || {
                while peer.read.len() < 1 << 20 {
                    let before = peer.read.len();
                    assert!(peer.receive());
                    let new = peer.read[before..].to_vec();
                    peer.write(&new);
                }
                peer.close();
                peer
            });
            let mut received = Vec::new();
            let mut chunk = vec![0; 40_000];
            for part in data.chunks(30_000) {
                kernel.write_all(part).unwrap();
                while received.len() + 60_000 < part.len() {
                    let len = kernel.read(&mut chunk).unwrap();
                    received.extend(&chunk[..len]);
                }
            }
            kernel.read_to_end(&mut received).unwrap();
            assert!(received == data, "{agreed:?}");
            kernel.close().unwrap();
            assert!(kernel.end().is_clean(), "{agreed:?}");
            let mut peer = echo.join().unwrap();
            assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
            assert!(peer.read == data);
        }
    }
}

#[test]
fn a_read_takes_as_little_as_a_byte() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    let data = message(100);
    peer.write(&data);
    peer.close();
    let mut received = Vec::new();
    let mut byte = [0];
    // The alert, too, comes in two pieces.
    while kernel.read(&mut byte).unwrap() == 1 {
        received.push(byte[0]);
    }
    assert_eq!(received, data);
}

#[test]
fn records_are_not_longer_than_the_limit() {
    for agreed in [TLS12, TLS13] {
        let config = rustls_server_config(agreed.version, agreed.suite);
        let mut handshake = Handshake::server(Arc::new(config)).unwrap();
        handshake.engine_config().fragment_limit = 700;
        let (stream, mut peer) = connect_by(handshake, Role::Server, agreed);
        peer.send();
        let Some(mut kernel) = to_kernel(stream) else { return };
        let data = message(5000);
        kernel.write_all(&data).unwrap();
        kernel.close().unwrap();
        drop(kernel);

        let mut wire = Vec::new();
        peer.socket.read_to_end(&mut wire).unwrap();
        let (mut rest, mut records) = (&wire[..], 0);
        while let [_, 3, 3, high, low, after @ ..] = rest {
            let len = usize::from(*high) << 8 | usize::from(*low);
            assert!(len <= 700 + 24, "{len}");
            rest = &after[len..];
            records += 1;
        }
        // In TLS 1.3 there are tickets, too.
        assert!(records > 5000_usize.div_ceil(700));
    }
}

#[test]
fn several_slices_are_written_by_one_call() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, agreed) else { return };
        let data = message(40_000);
        let slices = [&data[..3], &[], &data[3..20_000], &data[20_000..]].map(IoSlice::new);
        assert_eq!(kernel.write_vectored(&slices).unwrap(), data.len());
        peer.receive_data(data.len());
        assert!(peer.read == data);
        assert_eq!(kernel.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    }
}

#[test]
fn a_file_is_sent() {
    let Some((mut kernel, mut peer)) = pair(Role::Server, TLS13) else { return };
    let data = message(300_000);
    let path = std::env::temp_dir().join(format!("ktls-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(&data).unwrap();
    file.rewind().unwrap();
    // An error of the file is none of the connection.
    let not_readable = File::options().write(true).open("/dev/null").unwrap();
    assert!(kernel.send_file(&not_readable, 0, 10).is_err());
    let sending = thread::spawn(move || {
        let mut sent = 1000;
        while sent < 300_000 {
            sent += kernel.send_file(&file, sent, 300_000 - sent).unwrap();
        }
        assert_eq!(kernel.send_file(&file, sent, 1).unwrap(), 0);
        kernel.write_all(b"behind it").unwrap();
        kernel.close().unwrap();
        kernel
    });
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    assert!(peer.read[..299_000] == data[1000..]);
    assert_eq!(&peer.read[299_000..], b"behind it");
    let mut kernel = sending.join().unwrap();
    assert_eq!(kernel.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn what_a_full_socket_does_not_take_is_sent_later() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, agreed) else { return };
        let written = fill(&mut kernel);
        // Whether there is room for so little depends on the kernel.
        let closed = kernel.close();
        assert!(closed.is_ok() || kernel.wants_write(), "{closed:?}");
        assert_eq!(kernel.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);

        peer.receive_data(written.len());
        kernel.close().unwrap();
        assert_eq!(kernel.end().write, WriteEnd::Closed);
        assert!(!kernel.wants_write());
        assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
        assert!(peer.read == written);
        assert_eq!(kernel.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
        peer.close();
        kernel.socket().set_nonblocking(false).unwrap();
        assert_eq!(kernel.read(&mut [0; 10]).unwrap(), 0);
    }
}

#[test]
fn a_task_waits_until_there_is_more_to_read() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let data = message(300_000);
    let sent = data.clone();
    kernel.socket().set_nonblocking(true).unwrap();
    let received = runtime.block_on(async {
        // Nothing is there yet, except for tickets.
        assert_eq!(kernel.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let peer = thread::spawn(move || {
            peer.write(&sent);
            peer.close();
            peer
        });
        let socket = kernel.socket().try_clone().unwrap();
        let socket = tokio::net::TcpStream::from_std(socket).unwrap();
        let (mut received, mut chunk) = (Vec::new(), [0; 10_000]);
        loop {
            let read = match kernel.has_pending() {
                true => kernel.read(&mut chunk),
                false => socket.async_io(Interest::READABLE, || kernel.read(&mut chunk)).await,
            };
            match read.unwrap() {
                0 => break,
                len => received.extend_from_slice(&chunk[..len]),
            }
        }
        assert_eq!(kernel.end().write, WriteEnd::Open);
        peer.join().unwrap();
        received
    });
    assert!(received == data);
}
