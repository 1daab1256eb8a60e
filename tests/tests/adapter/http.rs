//! hyper as a user of the tokio stream: a real HTTP/1.1 client and server.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::body::{Body, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response, client, header, server};
use tokio::net::{TcpListener, TcpStream};

use tls_record_alloc::rustls::{ClientConfig, ServerConfig};
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{End, ReadEnd, WriteEnd};
use tls_record_alloc::{Shutdown, TokioStream};
use tls_record_tests::peers::{
    Role, SERVER_NAME, Suite, Version, rustls_client_config, rustls_server_config,
};

/// A stream for hyper, which reports its end when hyper drops it.
struct Io {
    tls: TokioStream<TcpStream, Ring>,
    end: Arc<Mutex<Option<End>>>,
}

impl Io {
    fn tls(self: Pin<&mut Self>) -> Pin<&mut TokioStream<TcpStream, Ring>> {
        Pin::new(&mut self.get_mut().tls)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        *self.end.lock().unwrap() = Some(self.tls.end());
    }
}

impl Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Read::poll_read(self.tls(), cx, out)
    }
}

impl Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write(self.tls(), cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write_vectored(self.tls(), cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        Write::is_write_vectored(&self.tls)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(self.tls(), cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(self.tls(), cx)
    }
}

fn body(request: usize) -> String {
    let len = if request % 100 == 99 { 100_000 } else { request % 7 * 300 };
    (0..len).map(|i| char::from(b'a' + ((i + request) % 26) as u8)).collect()
}

pub(crate) async fn read_all(body: Incoming) -> String {
    let mut body = pin!(body);
    let mut text = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        text.extend_from_slice(frame.unwrap().data_ref().expect("there are no trailers"));
    }
    String::from_utf8(text).unwrap()
}

/// Sends requests with bodies over one connection, one after the other, to a server that answers
/// with the same bodies. Returns the ends of the client and of the server.
async fn exchange(
    configs: &(Arc<ClientConfig>, Arc<ServerConfig>),
    requests: usize,
    closer: Role,
    shutdown: Shutdown,
) -> [End; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ends = [Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None))];

    let (config, end) = (configs.1.clone(), ends[1].clone());
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut tls = TokioStream::accept(config, tcp).await.unwrap();
        tls.set_shutdown(shutdown);
        let echo = service_fn(|request: Request<Incoming>| {
            let is_last = request.uri() == "/last";
            async move {
                let mut response = Response::new(read_all(request.into_body()).await);
                if is_last {
                    let close = header::HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        server::conn::http1::Builder::new().serve_connection(Io { tls, end }, echo).await.unwrap();
    });

    let name = SERVER_NAME.try_into().unwrap();
    let tcp = TcpStream::connect(address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let mut tls = TokioStream::connect(configs.0.clone(), name, tcp).await.unwrap();
    tls.set_shutdown(shutdown);
    let io = Io { tls, end: ends[0].clone() };
    let (mut sender, connection) = client::conn::http1::handshake(io).await.unwrap();
    let connection = tokio::spawn(connection);
    for i in 0..requests {
        let is_last = i + 1 == requests && closer == Role::Server;
        let path = if is_last { "/last" } else { "/" };
        let request = Request::post(path).header(header::HOST, SERVER_NAME).body(body(i)).unwrap();
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(read_all(response.into_body()).await == body(i), "request {i}");
    }
    if closer == Role::Client {
        drop(sender);
    }
    connection.await.unwrap().unwrap();
    server.await.unwrap();
    ends.map(|end| end.lock().unwrap().expect("hyper dropped the stream"))
}

/// Checks that neither side sees a truncation, and that a side that waits for the close_notify has
/// a clean end. hyper's server always reads to the end; its client does not after `connection:
/// close`.
fn check_ends([client, server]: [End; 2], closer: Role, shutdown: Shutdown) {
    for end in [client, server] {
        assert!(matches!(end.read, ReadEnd::Open | ReadEnd::Closed { .. }), "{end:?}");
        assert_eq!(end.write, WriteEnd::Closed);
        assert!(end.is_clean() || shutdown == Shutdown::OneStep, "{end:?}");
    }
    assert!(server.is_clean() || closer == Role::Server, "{server:?}");
}

const SHUTDOWNS: [Shutdown; 2] = [Shutdown::OneStep, Shutdown::TwoSteps { budget: 1000 }];

fn configs(version: Version) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let suite = Suite::Aes128Gcm;
    let client = rustls_client_config(version, suite);
    (Arc::new(client), Arc::new(rustls_server_config(version, suite)))
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future);
}

#[test]
fn a_thousand_requests_on_one_connection_end_cleanly() {
    block_on(async {
        for version in [Version::Tls12, Version::Tls13] {
            let configs = configs(version);
            for closer in [Role::Client, Role::Server] {
                let shutdown = Shutdown::TwoSteps { budget: 1000 };
                let ends = exchange(&configs, 1000, closer, shutdown).await;
                check_ends(ends, closer, shutdown);
            }
        }
    });
}

#[test]
fn a_thousand_connections_of_one_request_end_without_truncation() {
    block_on(async {
        for version in [Version::Tls12, Version::Tls13] {
            let configs = configs(version);
            for i in 0..500 {
                let closer = [Role::Client, Role::Server][i % 2];
                let shutdown = SHUTDOWNS[i / 2 % 2];
                check_ends(exchange(&configs, 1, closer, shutdown).await, closer, shutdown);
            }
        }
    });
}
