//! Handshakes that fail, and what a connection leaves behind in the library.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use tls_record_alloc::Stream;
use tls_record_alloc::openssl::pkey::PKey;
use tls_record_alloc::openssl::ssl::{
    self, Ssl, SslContext, SslMethod, SslOptions, SslVerifyMode, SslVersion,
};
use tls_record_alloc::openssl::x509::X509;
use tls_record_alloc::tls_record::takeover::{SecretKind, TakeoverError};
use tls_record_alloc::tls_record::{AlertDescription, Fault, OpenError};

/// Asserts that every later call returns the error, too, and that nothing is handed over.
fn assert_latched<L: Library>(mut takeover: Takeover<L, Ring>, error: &HandshakeError) {
    assert!(takeover.unsent().is_empty());
    assert_eq!(takeover.receive(b"more"), 4);
    assert_eq!(takeover.advance().as_ref(), Err(error));
    assert_eq!(takeover.eof().as_ref(), Err(error));
    assert!(takeover.unsent().is_empty());
    assert!(format!("{takeover:?}").contains("failed"));
    let finished = takeover.finish().map(drop);
    assert_eq!(finished, Err(HandshakeError::Takeover(TakeoverError::NotComplete)));
}

#[test]
fn the_alert_of_a_library_that_fails_amid_the_handshake_leaves() {
    for agreed in Negotiated::all() {
        println!("{agreed:?}");
        // A server that wants a certificate, and a client that has none.
        let extras = Extras { client_auth: true, ..Extras::default() };
        let alerts = match agreed.version {
            Version::Tls12 => [40, 116],
            Version::Tls13 => [116, 116],
        };
        let context = OpensslContext::with(&agreed.setup(Role::Server), &extras);
        let mut peer = Stack::Rustls.peer(Role::Client, agreed);
        let mut run = Run::new(Openssl::server(context.ssl()).unwrap(), 7);
        let error = run.run(&mut *peer).unwrap_err();
        let HandshakeError::Library(inner) = &error else { panic!("{error:?}") };
        assert_eq!(inner.downcast_ref::<ssl::Error>().unwrap().code(), ssl::ErrorCode::SSL);
        assert_eq!(io::Error::from(error.clone()).kind(), ErrorKind::InvalidData);
        assert_eq!(peer.end(), PeerEnd::Alert(alerts[0]));
        assert_latched(run.takeover, &error);

        let config = rustls_server_config_with(agreed.version, agreed.suite, &extras);
        let mut peer = Stack::Openssl.peer(Role::Client, agreed);
        let mut run = Run::new(Rustls::server(&config), 7);
        let error = run.run(&mut *peer).unwrap_err();
        assert_eq!(peer.end(), PeerEnd::Alert(alerts[1]));
        assert_latched(run.takeover, &error);
    }
}

#[test]
fn the_alert_of_the_peer_is_an_error_of_the_library() {
    for agreed in Negotiated::all() {
        let extras = Extras { client_auth: true, ..Extras::default() };
        let config = rustls_server_config_with(agreed.version, agreed.suite, &extras);
        // In TLS 1.3 a client has completed its handshake by then.
        if agreed.version == Version::Tls12 {
            let context = OpensslContext::new(&agreed.setup(Role::Client));
            let mut run = Run::new(Openssl::client(context.ssl()).unwrap(), 1000);
            let error = run.run(&mut RustlsPeer::server(config.into())).unwrap_err();
            assert!(matches!(error, HandshakeError::Library(_)), "{error:?}");
            assert_eq!(io::Error::from(error.clone()).kind(), ErrorKind::ConnectionAborted);
            assert_latched(run.takeover, &error);
        }
    }
}

#[test]
fn what_is_not_tls_is_refused_before_its_body() {
    fn error<L: Library>(library: L, start: &[u8]) -> HandshakeError {
        let mut takeover = Takeover::<_, Ring>::new(library);
        assert_eq!(takeover.receive(start), start.len());
        takeover.advance().unwrap_err()
    }
    let side = Side::new(Role::Server, TLS13);
    let too_long = [22, 3, 3, 0xff, 0xff];
    for start in [b"GET / HTTP/1.1\r\n", &too_long[..]] {
        let refused = error(side.openssl(Role::Server), start);
        assert!(matches!(refused, HandshakeError::Library(_)), "{refused:?}");
        let refused = error(side.rustls(Role::Server), start);
        assert!(matches!(refused, HandshakeError::Library(_)), "{refused:?}");
    }
    // OpenSSL waits for the body of an unknown content type.
    let unknown = [99, 3, 3, 0, 200];
    let fault = OpenError::Fault(Fault::UnexpectedContentType);
    let refused = error(side.openssl(Role::Server), &unknown);
    assert_eq!(refused, HandshakeError::Takeover(TakeoverError::Open(fault)));
}

#[test]
fn the_end_of_the_transport_amid_the_handshake_is_a_truncation() {
    for role in ROLES {
        let mut takeover = Takeover::<_, Ring>::new(Side::new(role, TLS13).openssl(role));
        assert_eq!(takeover.advance(), Ok(Progress::NeedInput));
        assert_eq!(takeover.eof(), Err(HandshakeError::Truncated));
        assert_eq!(takeover.advance(), Err(HandshakeError::Truncated));
    }
}

fn context(version: SslVersion, change: impl FnOnce(&mut ssl::SslContextBuilder)) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.set_certificate(&X509::from_der(&identity().certificate).unwrap()).unwrap();
    let key = PKey::private_key_from_der(identity().key.secret_pkcs8_der()).unwrap();
    builder.set_private_key(&key).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    change(&mut builder);
    builder.build()
}

#[test]
fn a_context_without_the_key_log_callback_is_named() {
    for (version, agreed, missing) in [
        (SslVersion::TLS1_2, crate::support::TLS12, SecretKind::Master),
        (SslVersion::TLS1_3, TLS13, SecretKind::ServerHandshake),
    ] {
        let context = context(version, |_| {});
        let library = Openssl::server(Ssl::new(&context).unwrap()).unwrap();
        let mut run = Run::new(library, usize::MAX);
        let error = run.run(&mut *Stack::Rustls.peer(Role::Client, agreed)).unwrap_err();
        assert_eq!(error, HandshakeError::Takeover(TakeoverError::MissingSecret(missing)));
        assert!(error.to_string().contains(&format!("missing secret: {}", missing.label())));
        assert_latched(run.takeover, &error);
    }
}

#[test]
fn a_cipher_suite_that_the_engine_does_not_have_is_named() {
    let cbc = || {
        context(SslVersion::TLS1_2, |builder| {
            builder.set_cipher_list("ECDHE-ECDSA-AES128-SHA256").unwrap();
            builder.set_keylog_callback(Openssl::key_log);
        })
    };
    let mut server = Takeover::<_, Ring>::new(Openssl::server(Ssl::new(&cbc()).unwrap()).unwrap());
    let mut client = Takeover::<_, Ring>::new(Openssl::client(Ssl::new(&cbc()).unwrap()).unwrap());
    client.advance().unwrap();
    assert_eq!(server.receive(client.unsent()), client.unsent().len());
    let error = HandshakeError::Takeover(TakeoverError::Suite(0xc023));
    assert_eq!(server.advance(), Err(error));
}

#[test]
fn a_tls12_session_of_openssl_is_resumed_unless_its_connection_failed() {
    let server = context(SslVersion::TLS1_2, |builder| {
        // The sessions are in the cache of the server, not in tickets.
        builder.set_options(SslOptions::NO_TICKET);
        builder.set_session_id_context(b"takeover").unwrap();
        builder.set_keylog_callback(Openssl::key_log);
    });
    for fails in [false, true] {
        let clients = Side::new(Role::Client, crate::support::TLS12);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let library = Openssl::server(Ssl::new(&server).unwrap()).unwrap();
            let serving = thread::spawn(move || {
                let tcp = listener.accept().unwrap().0;
                let mut tls =
                    Stream::<_, Ring>::from_takeover(Takeover::new(library), tcp).unwrap();
                if fails {
                    tls.abort(AlertDescription::INTERNAL_ERROR).unwrap();
                } else {
                    tls.close().unwrap();
                }
                tls.info().kind
            });
            let config = clients.client.clone();
            let name = SERVER_NAME.try_into().unwrap();
            let tcp = TcpStream::connect(addr).unwrap();
            let mut tls = Stream::<_, Ring>::connect(config, name, tcp).unwrap();
            let read = tls.read_to_end(&mut Vec::new());
            assert_eq!(read.is_err(), fails);
            let _ = tls.close();
            kinds.push(serving.join().unwrap());
        }
        let second = if fails { HandshakeKind::Full } else { HandshakeKind::Resumed };
        assert_eq!(kinds, [HandshakeKind::Full, second]);
    }
}

#[test]
fn the_alert_leaves_over_a_blocking_transport() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let library = Side::new(Role::Server, TLS13).openssl(Role::Server);
    let serving = thread::spawn(move || {
        let tcp = listener.accept().unwrap().0;
        let failed = Stream::<_, Ring>::from_takeover(Takeover::new(library), tcp).unwrap_err();
        let inner = failed.error.get_ref().unwrap().downcast_ref::<HandshakeError>();
        assert!(matches!(inner, Some(HandshakeError::Library(_))), "{:?}", failed.error);
    });
    let mut tcp = TcpStream::connect(addr).unwrap();
    // A ClientHello of nothing.
    tcp.write_all(&[22, 3, 1, 0, 4, 1, 0, 0, 0]).unwrap();
    let mut alert = [0; 7];
    tcp.read_exact(&mut alert).unwrap();
    assert_eq!(alert[0], 21);
    serving.join().unwrap();
}
