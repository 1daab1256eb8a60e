//! A server of hyper, one connection, one request after the other.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper::{Request, Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tls_record_alloc::TokioStream;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tokio_rustls::TlsAcceptor;

use crate::case::{Case, Section, Unit};
use crate::clock::cpu_time;
use crate::peer::{Peer, spawn};
use crate::polled::{Pause, Polled};
use crate::setup::Setup;
use crate::tokio_library::{adopt, block_on};

/// A short body and a long one, in bytes.
const BODIES: [usize; 2] = [1000, 1 << 20];

/// Which message has the body.
#[derive(Clone, Copy)]
enum With {
    Request,
    Response,
}

pub(crate) fn section(setup: &Setup) -> Section {
    let mut cases = vec![];
    for (with, name) in [(With::Response, "response"), (With::Request, "request")] {
        for body in BODIES {
            let (ours, theirs) = (setup.clone(), setup.clone());
            cases.push(Case::new(
                format!("hyper/{name}/{body}"),
                move |count| serve::<Ours>(&ours, with, body, count),
                move |count| serve::<TokioRustls>(&theirs, with, body, count),
            ));
        }
    }
    Section {
        title: "Server of hyper",
        ours: "tls-record, TokioStream",
        theirs: "tokio-rustls, TokioIo",
        unit: Unit::Requests,
        cases,
    }
}

/// A library whose streams hyper can use.
trait Library {
    fn accept(
        config: Arc<ServerConfig>,
        tcp: tokio::net::TcpStream,
    ) -> impl Future<Output = io::Result<impl Read + Write + Unpin>>;
}

struct Ours;

impl Library for Ours {
    async fn accept(
        config: Arc<ServerConfig>,
        tcp: tokio::net::TcpStream,
    ) -> io::Result<impl Read + Write + Unpin> {
        Ok(TokioStream::<_, Ring>::accept(config, tcp).await?)
    }
}

struct TokioRustls;

impl Library for TokioRustls {
    async fn accept(
        config: Arc<ServerConfig>,
        tcp: tokio::net::TcpStream,
    ) -> io::Result<impl Read + Write + Unpin> {
        Ok(TokioIo::new(TlsAcceptor::from(config).accept(tcp).await?))
    }
}

/// Serves `count` requests, and returns the CPU time from the handshake to the end.
fn serve<L: Library>(setup: &Setup, with: With, body: usize, count: usize) -> io::Result<Duration> {
    let (own, theirs) = setup.tcp_pair()?;
    let theirs = Polled::new(theirs, Pause::Yield)?;
    let (request, response) = match with {
        With::Request => (body, 0),
        With::Response => (0, body),
    };
    thread::scope(|scope| {
        let peer = spawn(scope, move || {
            let mut message =
                format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {request}\r\n\r\n")
                    .into_bytes();
            message.resize(message.len() + request, b'x');
            let mut client = Peer::connect(setup, theirs)?;
            for _ in 0..count {
                client.request(&message, response)?;
            }
            client.finish_client()
        });
        let time = block_on(subject::<L>(setup, own, response))?;
        peer.join().expect("the peer does not panic")?;
        Ok(time)
    })
}

async fn subject<L: Library>(
    setup: &Setup,
    tcp: TcpStream,
    response: usize,
) -> io::Result<Duration> {
    let tls = L::accept(setup.server.clone(), adopt(tcp)?).await?;
    let answer = Bytes::from(vec![b'x'; response]);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer.clone();
        async move {
            let mut body = pin!(request.into_body());
            // An error ends the connection, and the peer reports it.
            while let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {}
            Ok::<_, Infallible>(Response::new(Full::new(answer)))
        }
    });
    let start = cpu_time();
    http1::Builder::new().serve_connection(tls, service).await.map_err(io::Error::other)?;
    Ok(cpu_time() - start)
}
