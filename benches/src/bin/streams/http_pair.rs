//! Requests of HTTP/1.1, answered with bodies of one length: hyper is the client and the server.
//!
//! Both ends are in the measured thread, so that its CPU time is that of a request.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response, client, header, server};
use hyper_util::rt::TokioIo;

use crate::case::{Case, Section, Unit};
use crate::clock::cpu_time;
use crate::setup::Setup;
use crate::tokio_library::{Ours, TokioLibrary, TokioRustls, adopt, block_on};

const LENGTHS: [usize; 2] = [1_000, 1 << 20];

pub(crate) fn section(setup: &Setup) -> Section {
    Section {
        title: "HTTP/1.1, hyper at both ends",
        ours: "tls-record, TokioStream",
        theirs: "tokio-rustls",
        unit: Unit::Requests,
        cases: LENGTHS.map(|len| case(setup, len)).into(),
    }
}

fn case(setup: &Setup, len: usize) -> Case {
    let (ours, theirs) = (setup.clone(), setup.clone());
    Case::new(
        format!("hyper/both/{len}"),
        move |requests| request::<Ours>(&ours, len, requests),
        move |requests| request::<TokioRustls>(&theirs, len, requests),
    )
}

/// Sends requests over one connection, each after the answer to the one before.
fn request<L: TokioLibrary>(setup: &Setup, len: usize, requests: usize) -> io::Result<Duration> {
    block_on(async {
        let (own, theirs) = setup.tcp_pair()?;
        let (client, server) = tokio::try_join!(
            L::connect(setup.client.clone(), adopt(own)?),
            L::accept(setup.server.clone(), adopt(theirs)?),
        )?;

        let body = Full::new(Bytes::from(vec![0x5a; len]));
        let answer = service_fn(|_| ready(Ok::<_, Infallible>(Response::new(body.clone()))));
        let server =
            server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), answer);
        let client = client::conn::http1::handshake(TokioIo::new(client)).await;
        let (mut sender, client) = client.map_err(io::Error::other)?;
        let requests = async move {
            let start = cpu_time();
            for _ in 0..requests {
                let request = Request::get("/").header(header::HOST, "localhost");
                let request = request.body(Empty::<Bytes>::new()).expect("a valid request");
                let mut answer = sender.send_request(request).await?.into_body();
                let mut received = 0;
                while let Some(frame) = answer.frame().await {
                    received += frame?.data_ref().map_or(0, Bytes::len);
                }
                assert_eq!(received, len);
            }
            Ok(cpu_time() - start)
        };
        let (time, (), ()) =
            tokio::try_join!(requests, client, server).map_err(io::Error::other)?;
        Ok(time)
    })
}
