//! `TlsListener`: handshakes in tasks, and axum's server and hyper-util's client over it.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::serve::ListenerExt;
use axum::{Router, routing};
use hyper::{Request, Uri};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioExecutor;
use tls_record_alloc::rustls::ClientConfig;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::{HandshakeError, Shutdown, TlsListener, TokioStream};
use tls_record_tests::peers::{
    SERVER_NAME, Suite, Version, rustls_client_config, rustls_server_config,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::http::read_all;
use crate::support::{TLS13, distrustful_config};

/// Longer than any step that is not meant to time out.
const LONG: Duration = Duration::from_secs(20);

type Tls = TokioStream<TcpStream, Ring>;
type Failures = UnboundedReceiver<(Option<SocketAddr>, io::Error)>;

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

/// Returns a listener, its address, and the failures that it reports.
async fn listen() -> (TlsListener<Ring>, SocketAddr, Failures) {
    let config = Arc::new(rustls_server_config(Version::Tls13, Suite::Aes128Gcm));
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (report, failures) = unbounded_channel();
    let listener =
        TlsListener::new(tcp, config).handshake_timeout(LONG).on_failure(move |address, error| {
            let _ = report.send((address, error));
        });
    let address = listener.local_addr().unwrap();
    (listener, address, failures)
}

fn client_config() -> Arc<ClientConfig> {
    Arc::new(rustls_client_config(Version::Tls13, Suite::Aes128Gcm))
}

async fn connect(address: SocketAddr) -> Tls {
    let tcp = TcpStream::connect(address).await.unwrap();
    Tls::connect(client_config(), SERVER_NAME.try_into().unwrap(), tcp).await.unwrap()
}

#[test]
fn clients_that_send_nothing_delay_no_other_client() {
    block_on(async {
        let (mut listener, address, _failures) = listen().await;
        let mut silent = Vec::new();
        for _ in 0..50 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        for _ in 0..3 {
            let (mut client, accepted) = tokio::join!(connect(address), listener.accept());
            let (mut server, peer) = accepted.unwrap();
            assert_eq!(peer, client.transport().local_addr().unwrap());
            server.write_all(b"hello").await.unwrap();
            let mut data = [0; 5];
            client.read_exact(&mut data).await.unwrap();
            assert_eq!(&data, b"hello");
        }
    });
}

#[test]
fn a_handshake_that_takes_too_long_is_given_up_and_makes_room_for_the_next() {
    block_on(async {
        let (listener, address, mut failures) = listen().await;
        let mut listener = listener.handshake_timeout(Duration::from_secs(1)).max_handshakes(1);
        let mut silent = TcpStream::connect(address).await.unwrap();
        let second = async {
            let (client, accepted) = tokio::join!(connect(address), listener.accept());
            drop((client, accepted.unwrap()));
            failures.recv().await.unwrap()
        };
        let (from, error) = second.await;
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(from, Some(silent.local_addr().unwrap()), "it came first");
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0, "it was dropped");
    });
}

// The client goes on to send, which would make TCP reset the connection and destroy the alert.
#[test]
fn a_client_that_fails_gets_its_alert_and_the_failure_is_reported() {
    block_on(async {
        let (mut listener, address, mut failures) = listen().await;
        let failing = async {
            let mut tcp = TcpStream::connect(address).await.unwrap();
            tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            tcp.write_all(&[b'x'; 10_000]).await.unwrap();
            tcp.shutdown().await.unwrap();
            let mut answer = Vec::new();
            tcp.read_to_end(&mut answer).await.unwrap();
            assert_eq!((answer.len(), answer[0]), (7, 21), "an alert");

            let tcp = TcpStream::connect(address).await.unwrap();
            let name = SERVER_NAME.try_into().unwrap();
            Tls::connect(distrustful_config(TLS13), name, tcp).await.unwrap_err();
            connect(address).await
        };
        let (client, accepted) = tokio::join!(failing, listener.accept());
        let (_, peer) = accepted.unwrap();
        assert_eq!(peer, client.transport().local_addr().unwrap());
        for _ in 0..2 {
            let (from, error) = failures.recv().await.unwrap();
            assert!(from.is_some());
            let inner = error.get_ref().unwrap().downcast_ref();
            assert!(matches!(inner, Some(HandshakeError::Tls(_))), "{error}");
        }
    });
}

#[test]
fn a_client_whose_handshake_failed_takes_no_place_while_its_alert_is_delivered() {
    block_on(async {
        let (listener, address, mut failures) = listen().await;
        let mut listener = listener.max_handshakes(1);
        let mut failing = Vec::new();
        // More than may be waited for at once.
        for _ in 0..100 {
            let mut tcp = TcpStream::connect(address).await.unwrap();
            tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            failing.push(tcp);
        }
        let started = Instant::now();
        let (_client, accepted) = tokio::join!(connect(address), listener.accept());
        accepted.unwrap();
        assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
        for _ in 0..100 {
            failures.recv().await.unwrap();
        }
    });
}

#[test]
fn a_client_whose_handshake_failed_is_left_after_a_second() {
    block_on(async {
        let (mut listener, address, _failures) = listen().await;
        let mut failing = TcpStream::connect(address).await.unwrap();
        failing.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let accepting = tokio::spawn(async move { listener.accept().await });
        let mut alert = Vec::new();
        failing.read_to_end(&mut alert).await.unwrap();
        assert_eq!((alert.len(), alert[0]), (7, 21), "an alert");
        // A socket that was closed answers with a reset.
        let started = Instant::now();
        while failing.write_all(b"more").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(started.elapsed() < LONG / 2, "{:?}", started.elapsed());
        accepting.abort();
    });
}

#[test]
fn a_client_that_fails_gets_its_alert_and_the_end_while_nobody_accepts() {
    block_on(async {
        let (mut listener, address, _failures) = listen().await;
        let mut failing = TcpStream::connect(address).await.unwrap();
        let accepting = tokio::time::timeout(Duration::from_millis(200), listener.accept());
        assert!(accepting.await.is_err(), "the handshake has begun");
        failing.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(LONG / 4, failing.read_to_end(&mut answer)).await;
        ended.expect("the connection ends").unwrap();
        assert_eq!((answer.len(), answer[0]), (7, 21), "an alert");
        drop(listener);
    });
}

#[test]
fn accepting_may_be_given_up_at_any_time() {
    block_on(async {
        let (mut listener, address, _failures) = listen().await;
        let client = tokio::spawn(connect(address));
        let server = loop {
            // Every poll is the first and the last of its future.
            let polled = crate::polling::poll_once(listener.accept());
            if let Poll::Ready(accepted) = polled {
                break accepted.unwrap().0;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(server.info().suite, client.await.unwrap().info().suite);
    });
}

/// A connector for the client of hyper-util.
#[derive(Clone)]
struct Connector(SocketAddr, Arc<ClientConfig>);

impl tower_service::Service<Uri> for Connector {
    type Response = Tls;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Tls>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self(address, config) = self.clone();
        Box::pin(async move {
            let tcp = TcpStream::connect(address).await?;
            let name = SERVER_NAME.try_into().map_err(io::Error::other)?;
            Ok(Tls::connect(config, name, tcp).await?)
        })
    }
}

#[test]
fn axum_serves_and_the_client_of_hyper_util_connects_without_a_newtype() {
    block_on(async {
        let (listener, address, _failures) = listen().await;
        let listener = listener.tap_io(|tls| {
            tls.set_shutdown(Shutdown::TwoSteps { budget: 65_536 });
            tls.transport().set_nodelay(true).unwrap();
        });
        let _silent = TcpStream::connect(address).await.unwrap();
        let router = Router::new().route("/echo", routing::post(async |body: String| body));
        let serving = tokio::spawn(async { axum::serve(listener, router).await });
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .build(Connector(address, client_config()));
        for len in [0, 10, 1000, 100_000] {
            let body = "x".repeat(len);
            let uri = format!("https://{SERVER_NAME}/echo");
            let request = Request::post(uri).body(body.clone()).unwrap();
            let response = client.request(request).await.unwrap();
            assert!(response.status().is_success());
            assert!(read_all(response.into_body()).await == body);
        }
        serving.abort();
    });
}

#[test]
fn a_handler_of_axum_learns_the_address_of_the_client() {
    block_on(async {
        let (listener, address, _failures) = listen().await;
        let handler = async |ConnectInfo(client): ConnectInfo<SocketAddr>| client.to_string();
        let router = Router::new().route("/", routing::get(handler));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = listener.tap_io(|_| ());
        let serving = tokio::spawn(async { axum::serve(listener, service).await });
        let mut client = connect(address).await;
        let request = format!("GET / HTTP/1.1\r\nHost: {SERVER_NAME}\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        let own = client.transport().local_addr().unwrap().to_string();
        assert!(response.ends_with(&own), "{response}");
        serving.abort();
    });
}

#[test]
fn a_client_that_does_not_close_is_left_after_the_time_limit() {
    let patience = Duration::from_millis(300);
    block_on(async {
        let (listener, address, _failures) = listen().await;
        let listener = listener
            .shutdown_timeout(patience)
            .tap_io(|tls| tls.set_shutdown(Shutdown::TwoSteps { budget: 65_536 }));
        let router = Router::new().route("/", routing::get(async || "hello"));
        let serving = tokio::spawn(async { axum::serve(listener, router).await });
        let mut client = connect(address).await;
        let request = format!("GET / HTTP/1.1\r\nHost: {SERVER_NAME}\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.ends_with("hello"), "{response}");
        let started = Instant::now();
        let tcp = client.transport_mut();
        assert_eq!(tcp.read(&mut [0]).await.unwrap(), 0, "the end of the TCP connection");
        let took = started.elapsed();
        assert!((patience / 2..LONG).contains(&took), "{took:?}");
        serving.abort();
    });
}

/// Shuts down a stream whose client sends on every 40 ms, `count` times, and then closes. Returns the result,
/// and how long it took.
async fn shut_down(patience: Duration, count: usize) -> (io::Result<()>, Duration) {
    let (listener, address, _failures) = listen().await;
    let mut listener = listener.shutdown_timeout(patience);
    let (mut client, accepted) = tokio::join!(connect(address), listener.accept());
    let (mut server, _) = accepted.unwrap();
    let client = tokio::spawn(async move {
        for _ in 0..count {
            tokio::time::sleep(Duration::from_millis(40)).await;
            if client.write_all(b"more").await.is_err() || client.flush().await.is_err() {
                return;
            }
        }
        let _ = client.shutdown().await;
    });
    server.set_shutdown(Shutdown::TwoSteps { budget: 1 << 20 });
    let started = Instant::now();
    let shut = server.shutdown().await;
    drop(server);
    client.await.unwrap();
    (shut, started.elapsed())
}

#[test]
fn a_client_that_goes_on_sending_has_ten_times_as_long() {
    block_on(async {
        let patience = Duration::from_millis(400);
        let (shut, took) = shut_down(patience, 20).await;
        shut.unwrap();
        assert!(took > patience, "{took:?}");

        let patience = Duration::from_millis(200);
        let (shut, took) = shut_down(patience, usize::MAX).await;
        assert_eq!(shut.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!((9 * patience..LONG).contains(&took), "{took:?}");
    });
}

/// Returns a client and a server over a pipe. The client shuts down in two steps, which take at most
/// `patience` without progress.
async fn limited_pair(patience: Duration) -> [TokioStream<DuplexStream, Ring>; 2] {
    let (near, far) = tokio::io::duplex(10_000);
    let config = Arc::new(rustls_server_config(Version::Tls13, Suite::Aes128Gcm));
    let (client, server) = tokio::join!(
        TokioStream::connect(client_config(), SERVER_NAME.try_into().unwrap(), near),
        TokioStream::accept(config, far),
    );
    let (mut client, server) = (client.unwrap(), server.unwrap());
    client.set_shutdown(Shutdown::TwoSteps { budget: 65_536 });
    client.set_shutdown_timeout(patience);
    [client, server]
}

#[test]
fn a_shutdown_that_timed_out_has_the_whole_time_when_it_is_repeated() {
    let patience = Duration::from_millis(300);
    block_on(async {
        let [mut client, mut server] = limited_pair(patience).await;
        for _ in 0..2 {
            let started = Instant::now();
            assert_eq!(client.shutdown().await.unwrap_err().kind(), ErrorKind::TimedOut);
            assert!(started.elapsed() >= patience);
        }
        let (shut, closed) = tokio::join!(client.shutdown(), async {
            tokio::time::sleep(patience / 10).await;
            server.shutdown().await
        });
        shut.unwrap();
        closed.unwrap();
    });
}

#[test]
fn the_time_of_a_shutdown_that_is_dropped_and_repeated_begins_with_its_first_call() {
    let patience = Duration::from_millis(300);
    block_on(async {
        let [mut client, _server] = limited_pair(patience).await;
        assert!(tokio::time::timeout(patience / 10, client.shutdown()).await.is_err());
        tokio::time::sleep(patience).await;
        let started = Instant::now();
        assert_eq!(client.shutdown().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(started.elapsed() < patience);
    });
}

#[test]
fn a_stream_that_was_split_and_joined_keeps_its_time_limit() {
    let patience = Duration::from_millis(100);
    block_on(async {
        let [client, _server] = limited_pair(patience).await;
        let (read, write) = client.into_split(tokio::io::split);
        let mut client = TokioStream::join(read, write, |read, write| read.unsplit(write)).unwrap();
        client.set_shutdown(Shutdown::TwoSteps { budget: 65_536 });
        let shut = tokio::time::timeout(LONG, client.shutdown()).await.unwrap();
        assert_eq!(shut.unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn the_client_of_hyper_util_learns_of_http_2() {
    block_on(async {
        for (protocol, is_http_2) in [("h2", true), ("http/1.1", false)] {
            let mut server = rustls_server_config(Version::Tls13, Suite::Aes128Gcm);
            server.alpn_protocols = vec![protocol.into()];
            let mut client = rustls_client_config(Version::Tls13, Suite::Aes128Gcm);
            client.alpn_protocols = vec!["http/1.1".into(), "h2".into()];
            let (near, far) = tokio::io::duplex(1000);
            let name = SERVER_NAME.try_into().unwrap();
            let (client, server) = tokio::join!(
                TokioStream::<_, Ring>::connect(Arc::new(client), name, near),
                TokioStream::<_, Ring>::accept(Arc::new(server), far),
            );
            assert_eq!(client.unwrap().connected().is_negotiated_h2(), is_http_2);
            drop(server);
        }
    });
}
