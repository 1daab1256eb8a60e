//! Short messages, each sent after the reply to the one before.

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

const MESSAGE: [u8; 64] = [0x5a; 64];

pub(crate) fn tokio_section(setup: &Setup) -> Section {
    let (ours, theirs) = (setup.clone(), setup.clone());
    Section {
        title: "Ping-pong, asynchronous",
        ours: "tls-record, TokioStream",
        theirs: "tokio-rustls",
        unit: Unit::RoundTrips,
        cases: vec![Case::new(
            "ping-pong/tokio".to_owned(),
            move |trips| ping_pong::<tokio_library::Ours>(&ours, trips),
            move |trips| ping_pong::<TokioRustls>(&theirs, trips),
        )],
    }
}

pub(crate) fn blocking_section(setup: &Setup) -> Section {
    let (ours, theirs) = (setup.clone(), setup.clone());
    Section {
        title: "Ping-pong, blocking",
        ours: "tls-record, Stream",
        theirs: "rustls, StreamOwned",
        unit: Unit::RoundTrips,
        cases: vec![Case::new(
            "ping-pong/blocking".to_owned(),
            move |trips| ping_pong_blocking::<blocking_library::Ours>(&ours, trips),
            move |trips| ping_pong_blocking::<Rustls>(&theirs, trips),
        )],
    }
}

fn ping_pong<L: TokioLibrary>(setup: &Setup, trips: usize) -> io::Result<Duration> {
    to_echo(setup, |tcp| {
        block_on(async {
            let mut tls = L::connect(setup.client.clone(), adopt(tcp)?).await?;
            let mut answer = [0; MESSAGE.len()];
            let start = cpu_time();
            for _ in 0..trips {
                tls.write_all(&MESSAGE).await?;
                tls.flush().await?;
                tls.read_exact(&mut answer).await?;
            }
            let time = cpu_time() - start;
            assert_eq!(answer, MESSAGE);
            tls.shutdown().await?;
            tls.read_to_end(&mut vec![]).await?;
            Ok(time)
        })
    })
}

fn ping_pong_blocking<L: BlockingLibrary>(setup: &Setup, trips: usize) -> io::Result<Duration> {
    to_echo(setup, |tcp| {
        let mut tls = L::connect(setup.client.clone(), tcp)?;
        let mut answer = [0; MESSAGE.len()];
        let start = cpu_time();
        for _ in 0..trips {
            tls.write_all(&MESSAGE)?;
            tls.flush()?;
            tls.read_exact(&mut answer)?;
        }
        let time = cpu_time() - start;
        assert_eq!(answer, MESSAGE);
        tls.close()?;
        tls.read_to_end(&mut vec![])?;
        Ok(time)
    })
}

/// Runs the measured side with a peer that echoes everything.
fn to_echo(
    setup: &Setup,
    subject: impl FnOnce(TcpStream) -> io::Result<Duration>,
) -> io::Result<Duration> {
    let (own, theirs) = setup.tcp_pair()?;
    let theirs = Polled::new(theirs, Pause::Yield)?;
    thread::scope(|scope| {
        let peer = spawn(scope, move || Peer::accept(setup, theirs)?.echo());
        let time = subject(own)?;
        peer.join().expect("the peer does not panic")?;
        Ok(time)
    })
}
