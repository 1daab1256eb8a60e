//! Bulk data in one direction: written 16 KiB at a time, or read 64 KiB at a time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::blocking_library::{self, BlockingLibrary, Duplex, Rustls};
use crate::case::{Case, Section, Unit};
use crate::clock::cpu_time;
use crate::peer::{Peer, spawn};
use crate::polled::{Pause, Polled};
use crate::setup::Setup;
use crate::tokio_library::{self, TokioLibrary, TokioRustls, adopt, block_on};

const WRITE: usize = 16 << 10;
const READ: usize = 64 << 10;

/// Bytes of content of a received record.
const RECORD: usize = 16 << 10;

pub(crate) fn tokio_section(setup: &Setup) -> Section {
    Section {
        title: "Bulk, asynchronous",
        ours: "tls-record, TokioStream",
        theirs: "tokio-rustls",
        unit: Unit::Bytes,
        cases: vec![
            case("bulk/tokio/send", setup, send::<tokio_library::Ours>, send::<TokioRustls>),
            case(
                "bulk/tokio/receive",
                setup,
                receive::<tokio_library::Ours>,
                receive::<TokioRustls>,
            ),
        ],
    }
}

pub(crate) fn blocking_section(setup: &Setup) -> Section {
    Section {
        title: "Bulk, blocking",
        ours: "tls-record, Stream",
        theirs: "rustls, StreamOwned",
        unit: Unit::Bytes,
        cases: vec![
            case(
                "bulk/blocking/send",
                setup,
                send_blocking::<blocking_library::Ours>,
                send_blocking::<Rustls>,
            ),
            case(
                "bulk/blocking/receive",
                setup,
                receive_blocking::<blocking_library::Ours>,
                receive_blocking::<Rustls>,
            ),
        ],
    }
}

type Transfer = fn(&Setup, usize) -> io::Result<Duration>;

fn case(name: &str, setup: &Setup, ours: Transfer, theirs: Transfer) -> Case {
    let setups = (setup.clone(), setup.clone());
    Case::new(
        name.to_owned(),
        move |bytes| ours(&setups.0, bytes),
        move |bytes| theirs(&setups.1, bytes),
    )
}

fn send<L: TokioLibrary>(setup: &Setup, bytes: usize) -> io::Result<Duration> {
    to_drain(setup, bytes, |tcp| {
        block_on(async {
            let mut tls = L::connect(setup.client.clone(), adopt(tcp)?).await?;
            let content = [0x5a; WRITE];
            let start = cpu_time();
            for _ in 0..bytes / WRITE {
                tls.write_all(&content).await?;
            }
            tls.shutdown().await?;
            let time = cpu_time() - start;
            tls.read_to_end(&mut vec![]).await?;
            Ok(time)
        })
    })
}

fn send_blocking<L: BlockingLibrary>(setup: &Setup, bytes: usize) -> io::Result<Duration> {
    to_drain(setup, bytes, |tcp| {
        let mut tls = L::connect(setup.client.clone(), tcp)?;
        let content = [0x5a; WRITE];
        let start = cpu_time();
        for _ in 0..bytes / WRITE {
            tls.write_all(&content)?;
        }
        tls.close()?;
        let time = cpu_time() - start;
        tls.read_to_end(&mut vec![])?;
        Ok(time)
    })
}

fn receive<L: TokioLibrary>(setup: &Setup, bytes: usize) -> io::Result<Duration> {
    from_sender(setup, bytes, |tcp| {
        block_on(async {
            let mut tls = L::connect(setup.client.clone(), adopt(tcp)?).await?;
            let (mut room, mut received) = (vec![0; READ], 0);
            let start = cpu_time();
            loop {
                match tls.read(&mut room).await? {
                    0 => break,
                    len => received += len,
                }
            }
            let time = cpu_time() - start;
            assert_eq!(received, bytes);
            tls.shutdown().await?;
            Ok(time)
        })
    })
}

fn receive_blocking<L: BlockingLibrary>(setup: &Setup, bytes: usize) -> io::Result<Duration> {
    from_sender(setup, bytes, |tcp| {
        let mut tls = L::connect(setup.client.clone(), tcp)?;
        let (mut room, mut received) = (vec![0; READ], 0);
        let start = cpu_time();
        loop {
            match tls.read(&mut room)? {
                0 => break,
                len => received += len,
            }
        }
        let time = cpu_time() - start;
        assert_eq!(received, bytes);
        tls.close()?;
        Ok(time)
    })
}

/// Runs the measured side with a peer that reads everything.
fn to_drain(
    setup: &Setup,
    bytes: usize,
    subject: impl FnOnce(TcpStream) -> io::Result<Duration>,
) -> io::Result<Duration> {
    let (own, theirs) = setup.tcp_pair()?;
    let theirs = Polled::new(theirs, Pause::Sleep)?;
    thread::scope(|scope| {
        let peer = spawn(scope, move || Peer::accept(setup, theirs)?.drain());
        let time = subject(own)?;
        let taken = peer.join().expect("the peer does not panic")?;
        assert!(taken > bytes as u64, "the peer received {taken} bytes for {bytes} bytes of data");
        Ok(time)
    })
}

/// Runs the measured side with a peer that sends everything.
fn from_sender(
    setup: &Setup,
    bytes: usize,
    subject: impl FnOnce(TcpStream) -> io::Result<Duration>,
) -> io::Result<Duration> {
    let (own, theirs) = setup.tcp_pair()?;
    let theirs = Polled::new(theirs, Pause::Sleep)?;
    thread::scope(|scope| {
        let peer = spawn(scope, move || {
            let mut peer = Peer::accept(setup, theirs)?;
            peer.send(RECORD, bytes)?;
            peer.finish()
        });
        let time = subject(own)?;
        peer.join().expect("the peer does not panic")?;
        Ok(time)
    })
}
