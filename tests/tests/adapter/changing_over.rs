//! A program that was written for tokio-rustls runs with other imports.

use std::io::ErrorKind;
use std::sync::Arc;

use tls_record_tests::peers::{
    SERVER_NAME, Suite, Version, rustls_client_config, rustls_server_config,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, duplex};

mod theirs {
    use std::io;
    use std::sync::Arc;
    use tokio::io::{
        AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
    };
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::server::Acceptor;
    use tokio_rustls::rustls::{ClientConfig, ServerConfig};
    use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor, TlsConnector, TlsStream, client, server};

    include!("changing_over/program.rs");
}

mod ours {
    use std::io;
    use std::sync::Arc;
    use tls_record_alloc::Acceptor;
    use tls_record_alloc::tokio_rustls::rustls::pki_types::ServerName;
    use tls_record_alloc::tokio_rustls::rustls::{ClientConfig, ServerConfig};
    use tls_record_alloc::tokio_rustls::{
        LazyConfigAcceptor, TlsAcceptor, TlsConnector, TlsStream, client, server,
    };
    use tokio::io::{
        AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
    };

    include!("changing_over/program.rs");
}

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];
const SUITE: Suite = Suite::Aes128Gcm;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Runs a program with each of the two as the client and as the server.
macro_rules! for_each_pair {
    ($run:ident) => {
        $run!(ours, ours);
        $run!(ours, theirs);
        $run!(theirs, ours);
        $run!(theirs, theirs);
    };
}

#[test]
fn a_program_for_tokio_rustls_runs_with_our_imports() {
    macro_rules! run {
        ($client:ident, $server:ident) => {
            for version in VERSIONS {
                // The server does not drop its end before the client has shut down.
                let (near, mut far) = duplex(1000);
                let acceptor = rustls_server_config(version, SUITE);
                let acceptor: Arc<_> = Arc::new(acceptor);
                let client = Arc::new(rustls_client_config(version, SUITE));
                let (answer, served) = block_on(async {
                    tokio::join!(
                        $client::request(client, SERVER_NAME, near),
                        $server::serve(acceptor.into(), &mut far),
                    )
                });
                served.unwrap();
                let answer = answer.unwrap();
                assert!(answer.starts_with(b"GET /\n...") && answer.len() == 100_006);
            }
        };
    }
    for_each_pair!(run);
}

#[test]
fn a_server_that_chooses_its_config_by_the_client_hello_runs_with_our_imports() {
    macro_rules! run {
        ($client:ident, $server:ident) => {
            for version in VERSIONS {
                // The server does not drop its end before the client has shut down.
                let (near, mut far) = duplex(1000);
                let client = Arc::new(rustls_client_config(version, SUITE));
                let choose = |name: &str| {
                    assert_eq!(name, SERVER_NAME);
                    Arc::new(rustls_server_config(version, SUITE))
                };
                let (answer, served) = block_on(async {
                    tokio::join!(
                        $client::request(client, SERVER_NAME, near),
                        $server::serve_by_name(choose, &mut far),
                    )
                });
                served.unwrap();
                assert_eq!(answer.unwrap().len(), 100_006);
            }
        };
    }
    for_each_pair!(run);
}

#[test]
fn a_client_hello_that_is_none_is_answered_by_an_alert_and_the_transport_comes_back() {
    macro_rules! run {
        ($server:ident) => {
            let (mut near, far) = duplex(1000);
            let choose = |_: &str| -> Arc<_> { panic!("there is no ClientHello") };
            let (served, answer) = block_on(async {
                tokio::join!($server::serve_by_name(choose, far), async {
                    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
                    let mut answer = Vec::new();
                    near.read_to_end(&mut answer).await.unwrap();
                    answer
                })
            });
            assert_eq!(served.unwrap_err().kind(), ErrorKind::InvalidData);
            // A plaintext alert, and the plaintext behind it.
            assert_eq!(answer[0], 21);
            assert_eq!(&answer[7..], b"this port speaks TLS\r\n");
        };
    }
    run!(ours);
    run!(theirs);
}

#[test]
fn a_handshake_that_fails_returns_the_transport_and_has_sent_its_alert() {
    macro_rules! run {
        ($client:ident, $server:ident) => {
            for version in VERSIONS {
                let (near, far) = duplex(100_000);
                let acceptor = Arc::new(rustls_server_config(version, SUITE));
                let client = Arc::new(rustls_client_config(version, SUITE));
                let ((error, near), served) = block_on(async {
                    tokio::join!($client::fail(client, near), $server::serve(acceptor.into(), far),)
                });
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                assert!(error.to_string().contains("not valid for name"), "{error}");
                drop(near);
                let alert = served.unwrap_err();
                assert!(alert.to_string().contains("BadCertificate"), "{alert}");
            }
        };
    }
    for_each_pair!(run);
}

#[test]
fn without_an_alpn_of_its_own_a_connector_offers_that_of_its_config() {
    use tls_record_alloc::tokio_rustls::{TlsAcceptor, TlsConnector};

    let mut server = rustls_server_config(Version::Tls13, SUITE);
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut client = rustls_client_config(Version::Tls13, SUITE);
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (acceptor, connector) =
        (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
    let both = connector.with_alpn(vec![b"http/1.1".to_vec(), b"h2".to_vec()]);
    for (connector, agreed) in [(connector, "http/1.1"), (both, "h2")] {
        let (near, far) = duplex(1000);
        let name = SERVER_NAME.try_into().unwrap();
        let (client, server) =
            block_on(async { tokio::join!(connector.connect(name, near), acceptor.accept(far)) });
        for tls in [client.unwrap(), server.unwrap()] {
            assert_eq!(tls.info().alpn.as_deref(), Some(agreed.as_bytes()));
        }
    }
}

#[test]
fn the_engine_is_configured_before_the_handshake() {
    use tls_record_alloc::tokio_rustls::{TlsAcceptor, TlsConnector};

    let acceptor = TlsAcceptor::from(Arc::new(rustls_server_config(Version::Tls13, SUITE)));
    let connector = TlsConnector::from(Arc::new(rustls_client_config(Version::Tls13, SUITE)));
    let (near, far) = duplex(100_000);
    let name = SERVER_NAME.try_into().unwrap();
    let (client, server) = block_on(async {
        tokio::join!(
            connector.connect_with(name, near, |tls| tls.engine_config().fragment_limit = 100),
            acceptor.accept_with(far, |tls| tls.engine_config().fragment_limit = 200),
        )
    });
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    block_on(async {
        client.write_all(&[1; 1000]).await.unwrap();
        server.write_all(&[2; 1000]).await.unwrap();
        // `fill_buf` returns one record.
        assert_eq!(server.fill_buf().await.unwrap(), [1; 100]);
        assert_eq!(client.fill_buf().await.unwrap(), [2; 200]);
    });
}
