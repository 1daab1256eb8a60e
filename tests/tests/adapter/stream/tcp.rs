//! Streams over TCP, and in threads.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use tls_record_alloc::Stream;
use tls_record_alloc::tls_record::aead::{ring::Ring, rustcrypto::RustCrypto};
use tls_record_tests::peers::{
    Negotiated, SERVER_NAME, Suite, Version, rustls_client_config, rustls_server_config,
};

use crate::support::{TLS13, message};

#[test]
fn streams_and_handshakes_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Stream<TcpStream, Ring>>();
    is_send::<Stream<TcpStream, RustCrypto>>();
    is_send::<tls_record_alloc::Handshake>();
    is_send::<tls_record_alloc::Established<Ring>>();
}

// A second record of one read waits in the stream, where `poll` does not see it.
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
                // The client reads on after its close_notify.
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
            Version::Tls12 => assert_eq!(rest, b""),
            Version::Tls13 => assert_eq!(rest, message(len)),
        }
    }
}
