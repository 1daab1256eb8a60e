//! A proxy that terminates TLS and forwards to a backend in plaintext or over TLS.

use std::io;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use tokio::io::copy_bidirectional;

use crate::case::{Case, Section, Unit};
use crate::clock::cpu_time;
use crate::peer::{Peer, drain, spawn};
use crate::polled::{Pause, Polled};
use crate::setup::Setup;
use crate::tokio_library::{Duplex, Ours, TokioLibrary, TokioRustls, adopt, block_on};

/// Bytes of content of the client's records.
const RECORDS: [usize; 4] = [256, 1_024, 4_096, 16_384];

#[derive(Clone, Copy)]
enum Backend {
    Plaintext,
    Tls,
}

pub(crate) fn section(setup: &Setup) -> Section {
    let cases = [("plaintext", Backend::Plaintext), ("tls", Backend::Tls)].into_iter().flat_map(
        |(name, backend)| {
            RECORDS.map(|record| {
                let (ours, theirs) = (setup.clone(), setup.clone());
                Case::new(
                    format!("proxy/{name}/{record}"),
                    move |bytes| proxy::<Ours>(&ours, backend, record, bytes),
                    move |bytes| proxy::<TokioRustls>(&theirs, backend, record, bytes),
                )
            })
        },
    );
    Section {
        title: "Proxy",
        ours: "tls-record, TokioStream",
        theirs: "tokio-rustls",
        unit: Unit::Bytes,
        cases: cases.collect(),
    }
}

/// Returns the CPU time of a proxy, from the end of its handshakes to the end of its connections.
fn proxy<L: TokioLibrary>(
    setup: &Setup,
    backend: Backend,
    record: usize,
    bytes: usize,
) -> io::Result<Duration> {
    let (client, front) = setup.tcp_pair()?;
    let (back, sink) = setup.tcp_pair()?;
    let client = Polled::new(client, Pause::Sleep)?;
    let mut sink = Polled::new(sink, Pause::Sleep)?;
    thread::scope(|scope| {
        let client = spawn(scope, move || {
            let mut client = Peer::connect(setup, client)?;
            client.send(record, bytes)?;
            client.finish()
        });
        let sink = spawn(scope, move || match backend {
            Backend::Plaintext => drain(&mut sink),
            Backend::Tls => Peer::accept(setup, sink)?.drain(),
        });
        let time = block_on(forward::<L>(setup, backend, front, back, bytes))?;
        client.join().expect("the client does not panic")?;
        let taken = sink.join().expect("the backend does not panic")?;
        assert!(taken >= bytes as u64, "the backend received {taken} of {bytes} bytes");
        Ok(time)
    })
}

async fn forward<L: TokioLibrary>(
    setup: &Setup,
    backend: Backend,
    front: TcpStream,
    back: TcpStream,
    bytes: usize,
) -> io::Result<Duration> {
    let front = L::accept(setup.server.clone(), adopt(front)?).await?;
    let back = adopt(back)?;
    match backend {
        Backend::Plaintext => copy(front, back, bytes).await,
        Backend::Tls => copy(front, L::connect(setup.client.clone(), back).await?, bytes).await,
    }
}

async fn copy(mut front: impl Duplex, mut back: impl Duplex, bytes: usize) -> io::Result<Duration> {
    let start = cpu_time();
    let copied = copy_bidirectional(&mut front, &mut back).await?;
    let time = cpu_time() - start;
    assert_eq!(copied, (bytes as u64, 0));
    Ok(time)
}
