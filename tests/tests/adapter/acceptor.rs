//! Servers that choose their configuration by the ClientHello.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::endpoint::inner;
use crate::polling::now;
use crate::support::{Adapter, client_handshake, take_unsent};
use tls_record_alloc::rustls::{ClientConfig, ServerConfig};
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tokio_rustls::LazyConfigAcceptor;
use tls_record_alloc::{Acceptor, Handshake, HandshakeError};
use tls_record_tests::peers::{
    Extras, Negotiated, Peer, RustlsPeer, SERVER_NAME, Suite, Version, pump, rustls_client_config,
    rustls_client_config_with, rustls_server_config, rustls_server_config_with,
};

/// Returns a server's configuration for a protocol.
fn server(agreed: Negotiated, protocol: &[u8]) -> Arc<ServerConfig> {
    let mut config = rustls_server_config(agreed.version, agreed.suite);
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}

fn client(agreed: Negotiated) -> ClientConfig {
    let mut config = rustls_client_config(agreed.version, agreed.suite);
    config.alpn_protocols = vec![b"for a stranger".to_vec(), b"for a friend".to_vec()];
    config
}

/// Gives the flight of a client to an acceptor in pieces, and chooses the configuration by its
/// name.
fn accept(agreed: Negotiated, flight: &[u8], piece: usize) -> Handshake {
    let mut acceptor = Acceptor::new();
    let mut pieces = flight.chunks(piece);
    let config = loop {
        if let Some(hello) = acceptor.client_hello().unwrap() {
            let mut protocols = hello.alpn().unwrap();
            assert_eq!(protocols.next(), Some(&b"for a stranger"[..]));
            break match hello.server_name() {
                Some(SERVER_NAME) => server(agreed, b"for a friend"),
                None => server(agreed, b"for a stranger"),
                Some(_) => unreachable!(),
            };
        }
        let piece = pieces.next().expect("all of the ClientHello has arrived");
        assert_eq!(acceptor.receive(piece), piece.len());
    };
    let mut handshake = acceptor.accept(config).unwrap();
    for piece in pieces {
        assert_eq!(handshake.receive(piece), piece.len());
    }
    handshake
}

#[test]
fn a_server_chooses_its_configuration_by_the_name_in_the_client_hello() {
    for agreed in Negotiated::all() {
        for sends_name in [false, true] {
            for piece in [1, 7, usize::MAX] {
                for fragment in [None, Some(40)] {
                    let mut config = client(agreed);
                    config.enable_sni = sends_name;
                    config.max_fragment_size = fragment;
                    let mut peer = RustlsPeer::client(Arc::new(config));
                    let handshake = accept(agreed, &peer.take_output(), piece);
                    let mut ours = Adapter::<Ring>::over(handshake);
                    pump(&mut ours, &mut peer);
                    let alpn = ours.connection().info.alpn.clone().unwrap();
                    let expected: &[u8] =
                        if sends_name { b"for a friend" } else { b"for a stranger" };
                    assert_eq!(alpn, expected);
                    peer.write(b"data");
                    pump(&mut ours, &mut peer);
                    assert_eq!(ours.read(), b"data");
                }
            }
        }
    }
}

#[test]
fn data_after_the_client_hello_is_not_lost() {
    const TLS13: Negotiated = Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };
    let extras = Extras { early_data: 16_384, ..Extras::default() };
    let issuer = rustls_server_config_with(TLS13.version, TLS13.suite, &extras);
    let mut config = rustls_client_config_with(TLS13.version, TLS13.suite, &extras);
    config.alpn_protocols = client(TLS13).alpn_protocols;
    let config = Arc::new(config);
    pump(&mut RustlsPeer::client(config.clone()), &mut RustlsPeer::server(Arc::new(issuer)));
    let mut peer = RustlsPeer::client(config);
    peer.write_early(&[1; 9000]);
    let handshake = accept(TLS13, &peer.take_output(), usize::MAX);
    let mut ours = Adapter::<Ring>::over(handshake);
    peer.write(b"data");
    pump(&mut ours, &mut peer);
    assert_eq!(ours.read(), b"data", "the early data was seen, and is skipped");
}

#[test]
fn a_malformed_client_hello_is_answered_with_the_alert_of_rustls() {
    const DECODE_ERROR: &[u8] = &[21, 3, 3, 0, 2, 2, 50];
    const SILENCE: &[u8] = &[];
    let hello = take_unsent(&mut {
        let mut client = client_handshake(Arc::new(client(Negotiated::all().next().unwrap())));
        client.advance().unwrap();
        client
    });
    let mut cut = hello.clone();
    // The first length inside, that of the session id.
    cut[43] = 255;
    for (bytes, alert) in [
        (&b"GET / HTTP/1.1"[..], DECODE_ERROR),
        (&cut, DECODE_ERROR),
        // rustls sends no alert if the message has another type.
        (&[22, 3, 1, 0, 4, 14, 0, 0, 0], SILENCE),
    ] {
        let mut acceptor = Acceptor::new();
        for byte in bytes {
            assert!(acceptor.alert().is_empty());
            let _ = acceptor.receive(&[*byte]);
            if acceptor.client_hello().is_err() {
                break;
            }
        }
        let error = acceptor.client_hello().unwrap_err();
        assert!(matches!(error, HandshakeError::Tls(_)), "{error}");
        assert_eq!(acceptor.client_hello().unwrap_err(), error, "it is latched");
        assert_eq!(acceptor.alert(), alert);
    }
}

#[test]
fn the_length_of_a_client_hello_is_bounded() {
    // A ClientHello of 16 MiB that comes in records of 100 bytes.
    let mut acceptor = Acceptor::new();
    let _ = acceptor.receive(&[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]);
    let mut records = 0;
    while acceptor.client_hello().is_ok() {
        let _ = acceptor.receive(&[22, 3, 1, 0, 100]);
        let _ = acceptor.receive(&[0; 100]);
        records += 1;
        assert!(records < 1000);
    }
}

/// A transport with a client's first flight in pieces. It keeps what is written, or fails to write.
struct Wire {
    flight: Vec<u8>,
    written: Vec<u8>,
    write_error: Option<io::ErrorKind>,
}

impl Wire {
    fn new(flight: &[u8]) -> Self {
        Self { flight: flight.to_vec(), written: Vec::new(), write_error: None }
    }

    /// Delivers a ClientHello that is malformed, and fails to write.
    fn failing(kind: io::ErrorKind) -> Self {
        Self { write_error: Some(kind), ..Self::new(&EMPTY_HELLO) }
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(10).min(self.flight.len());
        out[..len].copy_from_slice(&self.flight[..len]);
        self.flight.drain(..len);
        Ok(len)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.write_error {
            return Err(kind.into());
        }
        let len = bytes.len().min(3);
        self.written.extend(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = self.read(out.initialize_unfilled())?;
        out.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An empty ClientHello, which rustls answers with the alert decode_error.
const EMPTY_HELLO: [u8; 9] = [22, 3, 1, 0, 4, 1, 0, 0, 0];

#[test]
fn a_malformed_client_hello_is_the_error_although_its_alert_cannot_be_sent() {
    let mut wire = Wire::failing(io::ErrorKind::ConnectionReset);
    let mut acceptor = Acceptor::new();
    for _ in 0..2 {
        let error = acceptor.read_hello(&mut wire).unwrap_err();
        assert!(matches!(inner(&error), HandshakeError::Tls(_)));
    }
    let mut wire = Wire::failing(io::ErrorKind::ConnectionReset);
    let mut acceptor = Acceptor::new();
    for _ in 0..2 {
        let error = now(acceptor.read_hello_async(&mut wire)).unwrap_err();
        assert!(matches!(inner(&error), HandshakeError::Tls(_)));
    }
}

#[test]
fn the_alert_that_answers_a_client_hello_is_sent_before_the_error_returns() {
    for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut] {
        let mut wire = Wire::failing(kind);
        let mut acceptor = Acceptor::new();
        for _ in 0..2 {
            assert_eq!(acceptor.read_hello(&mut wire).unwrap_err().kind(), kind);
        }
        wire.write_error = None;
        let error = acceptor.read_hello(&mut wire).unwrap_err();
        assert!(matches!(inner(&error), HandshakeError::Tls(_)));
        assert_eq!(wire.written, [21, 3, 3, 0, 2, 2, 50], "decode_error");
    }
}

/// Returns the name in the ClientHello, read in both ways.
fn names(flight: &[u8]) -> [(io::Result<Option<String>>, Vec<u8>); 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    [false, true].map(|is_async| {
        let mut wire = Wire::new(flight);
        let mut acceptor = Acceptor::new();
        let hello = match is_async {
            false => acceptor.read_hello(&mut wire),
            true => runtime.block_on(acceptor.read_hello_async(&mut wire)),
        };
        (hello.map(|hello| hello.server_name().map(str::to_owned)), wire.written)
    })
}

#[test]
fn a_client_hello_is_read_over_a_transport_and_a_failure_sends_its_alert() {
    for agreed in Negotiated::all() {
        let mut client = client_handshake(Arc::new(client(agreed)));
        client.advance().unwrap();
        for (name, sent) in names(client.unsent()) {
            assert_eq!(name.unwrap().as_deref(), Some(SERVER_NAME));
            assert!(sent.is_empty());
        }
        for (name, sent) in names(&client.unsent()[..20]) {
            assert_eq!(name.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert!(sent.is_empty());
        }
    }
    for (name, sent) in names(&EMPTY_HELLO) {
        assert_eq!(name.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(sent, [21, 3, 3, 0, 2, 2, 50], "decode_error");
    }
}

#[test]
fn a_future_that_has_failed_to_read_a_client_hello_fails_again() {
    let mut reading = LazyConfigAcceptor::new(Acceptor::new(), Wire::new(&EMPTY_HELLO));
    for _ in 0..3 {
        let error = now(&mut reading).unwrap_err();
        assert!(matches!(inner(&error), HandshakeError::Tls(_)), "{error}");
    }
    assert_eq!(reading.take_io().unwrap().written, [21, 3, 3, 0, 2, 2, 50], "decode_error, once");
}

/// Returns a ClientHello with an unknown extension of `len` bytes, in records of `fragment` bytes.
fn long_hello(len: u16, fragment: usize) -> Vec<u8> {
    let mut client = client_handshake(Arc::new(client(Negotiated::all().next().unwrap())));
    client.advance().unwrap();
    let mut hello = client.unsent()[9..].to_vec();
    // The session id, the cipher suites and the compression methods come before the extensions.
    let suites = 35 + usize::from(hello[34]);
    let [high, low] = [hello[suites], hello[suites + 1]];
    let compression = suites + 2 + usize::from(u16::from_be_bytes([high, low]));
    let extensions = compression + 1 + usize::from(hello[compression]);
    let total = u16::from_be_bytes([hello[extensions], hello[extensions + 1]]) + 4 + len;
    hello[extensions..][..2].copy_from_slice(&total.to_be_bytes());
    let extension = [&[0xfa, 0xce][..], &len.to_be_bytes(), &vec![0; len.into()]].concat();
    hello.splice(extensions + 2..extensions + 2, extension);
    let [.., high, low] = hello.len().to_be_bytes();
    let message = [&[1, 0, high, low][..], &hello].concat();
    let record = |fragment: &[u8]| {
        let [.., high, low] = fragment.len().to_be_bytes();
        [&[22, 3, 1, high, low], fragment].concat()
    };
    message.chunks(fragment).flat_map(record).collect()
}

/// Gives `flight` to a handshake in pieces, and returns its output or its error.
fn shake(flight: &[u8], piece: usize) -> Result<Vec<u8>, HandshakeError> {
    let agreed = Negotiated::all().next().unwrap();
    let mut handshake = Handshake::server(server(agreed, b"for a friend")).unwrap();
    for piece in flight.chunks(piece) {
        let _ = handshake.receive(piece);
        handshake.advance()?;
    }
    Ok(take_unsent(&mut handshake))
}

/// Gives `flight` to an acceptor in pieces, and then to its handshake.
fn accept_and_shake(flight: &[u8], piece: usize) -> Result<Vec<u8>, HandshakeError> {
    let agreed = Negotiated::all().next().unwrap();
    let mut acceptor = Acceptor::new();
    let mut left = flight;
    while acceptor.client_hello()?.is_none() {
        let taken = acceptor.receive(&left[..piece.min(left.len())]);
        assert_ne!(taken, 0, "the ClientHello has not arrived");
        left = &left[taken..];
    }
    let mut handshake = acceptor.accept(server(agreed, b"for a friend"))?;
    for piece in left.chunks(piece) {
        let _ = handshake.receive(piece);
        handshake.advance()?;
    }
    handshake.advance()?;
    Ok(take_unsent(&mut handshake))
}

#[test]
fn an_acceptor_takes_the_same_client_hello_as_a_handshake() {
    const SHORT: usize = 1;
    const LONG: usize = 1 << 14;
    for (len, fragment, is_taken) in [
        (12_000, SHORT, true),
        (12_000, LONG, true),
        (19_000, SHORT, false),
        (19_000, LONG, true),
        (60_000, SHORT, false),
        (60_000, LONG, true),
    ] {
        let flight = long_hello(len, fragment);
        for piece in [1000, 5000, usize::MAX] {
            let of_handshake = shake(&flight, piece);
            let of_acceptor = accept_and_shake(&flight, piece);
            for result in [of_handshake, of_acceptor] {
                match result {
                    Ok(output) => assert!(is_taken && output[0] == 22, "{len} {fragment}"),
                    Err(error) => {
                        assert!(!is_taken, "{len} {fragment} {piece}: {error}");
                        assert_eq!(error, HandshakeError::TooLong);
                    }
                }
            }
        }
    }
}

#[test]
fn input_behind_a_client_hello_does_not_count_for_its_length() {
    for len in [100, 60_000] {
        let mut flight = long_hello(len, 1 << 14);
        let hello = flight.len();
        // Early data, in records that the acceptor does not look at.
        while flight.len() < 65_536 + 16_000 {
            flight.extend([23, 3, 3, 0x10, 0]);
            flight.extend([0; 0x1000]);
        }
        let mut acceptor = Acceptor::new();
        let taken = acceptor.receive(&flight);
        assert!(taken >= hello + 16_000);
        acceptor.client_hello().unwrap().expect("it is whole");
    }
}

#[test]
fn an_alert_in_place_of_a_client_hello_is_seen_however_it_is_cut() {
    const ALERT: [u8; 7] = [21, 3, 1, 0, 2, 2, 40];
    let hello = long_hello(100, 50);
    // Alone, and behind a part of a ClientHello.
    for before in [&[][..], &hello[..55]] {
        let input = [before, &ALERT].concat();
        let mut whole = Acceptor::new();
        let _ = whole.receive(&input);
        let expected = whole.client_hello().unwrap_err();
        for cut in 1..input.len() {
            let mut acceptor = Acceptor::new();
            let _ = acceptor.receive(&input[..cut]);
            let first = acceptor.client_hello().map(drop);
            let _ = acceptor.receive(&input[cut..]);
            let error = first.and_then(|()| acceptor.client_hello().map(drop)).unwrap_err();
            assert_eq!(error, expected, "cut at {cut}");
            assert_eq!(acceptor.alert(), whole.alert());
        }
        if before.is_empty() {
            assert!(expected.to_string().contains("got Alert"), "{expected}");
        }
    }
}

#[test]
fn a_client_hello_that_is_too_long_is_answered_with_an_alert() {
    const DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];
    let flight = long_hello(20_000, 1);
    for (error, sent) in names(&flight) {
        assert_eq!(inner::<HandshakeError>(&error.unwrap_err()), HandshakeError::TooLong);
        assert_eq!(sent, DECODE_ERROR);
    }
    let mut wire = Wire::new(&flight);
    let mut handshake =
        Handshake::server(server(Negotiated::all().next().unwrap(), b"any")).unwrap();
    let error = handshake.complete(&mut wire).unwrap_err();
    assert_eq!(inner::<HandshakeError>(&error), HandshakeError::TooLong);
    assert_eq!(wire.written, DECODE_ERROR);
}
