//! Bytes of heap that one end of a connection holds, and what a short message allocates.
//!
//! The transport is a pipe in memory that the other end holds as well: what is freed with an end is
//! its own. It is boxed, so that its fields count too. Configurations, which connections share, are
//! not in it.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tls_record_benches::timing::Spread;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::Builder;
use tokio::try_join;

use crate::case::Row;
use crate::heap;
use crate::setup::Setup;
use crate::tokio_library::{Duplex, Ours, TokioLibrary, TokioRustls};

/// Bytes that the pipe holds, each way.
const PIPE: usize = 64 << 10;

const SHORT: usize = 64;
const LONG: usize = 200_000;

/// Bytes that are read at a time.
const READ: usize = 16 << 10;

#[derive(Clone, Copy)]
enum End {
    Client,
    Server,
}

/// What a connection went through before its memory is counted.
#[derive(Clone, Copy)]
enum Past {
    Short,
    Written,
    Read,
}

/// Bytes of heap that an end holds.
pub(crate) fn held(setup: &Setup) -> io::Result<Vec<Row>> {
    let mut rows = vec![];
    for (end_name, end) in [("client", End::Client), ("server", End::Server)] {
        for (past_name, past) in
            [("short", Past::Short), ("written", Past::Written), ("read", Past::Read)]
        {
            let name = format!("memory/{end_name}/{past_name}");
            let ours = held_by::<Ours>(setup, end, past)?;
            let theirs = held_by::<TokioRustls>(setup, end, past)?;
            rows.push(row(name, ours, theirs));
        }
    }
    Ok(rows)
}

/// Allocations for each message that is sent, and that is received, once the connection is in use.
pub(crate) fn allocations(setup: &Setup) -> io::Result<Vec<Row>> {
    let ours = allocations_of::<Ours>(setup)?;
    let theirs = allocations_of::<TokioRustls>(setup)?;
    Ok(vec![
        row("allocations/send".to_owned(), ours.0, theirs.0),
        row("allocations/receive".to_owned(), ours.1, theirs.1),
    ])
}

fn row(name: String, ours: f64, theirs: f64) -> Row {
    let ratio = ours / theirs;
    Row { name, ours, theirs, ratio: Spread { low: ratio, median: ratio, high: ratio } }
}

fn held_by<L: TokioLibrary>(setup: &Setup, end: End, past: Past) -> io::Result<f64> {
    block_on(async {
        let (client, server) = connect::<L>(setup).await?;
        match end {
            End::Client => held_after(past, client, server).await,
            End::Server => held_after(past, server, client).await,
        }
    })
}

async fn held_after(past: Past, subject: impl Duplex, mut other: impl Duplex) -> io::Result<f64> {
    let mut subject = Box::new(subject);
    for _ in 0..3 {
        transfer(&mut subject, &mut other, SHORT).await?;
        transfer(&mut other, &mut subject, SHORT).await?;
    }
    match past {
        Past::Short => {}
        Past::Written => transfer(&mut subject, &mut other, LONG).await?,
        Past::Read => transfer(&mut other, &mut subject, LONG).await?,
    }
    let ((), freed) = heap::count(|| drop(subject));
    Ok(-freed.bytes as f64)
}

fn allocations_of<L: TokioLibrary>(setup: &Setup) -> io::Result<(f64, f64)> {
    const MESSAGES: usize = 100;
    let (mut client, mut server) = block_on(connect::<L>(setup))?;
    let (mut sent, mut received) = (0, 0);
    for message in 0..2 * MESSAGES {
        let content = [0x5a; SHORT];
        let (result, sending) = heap::count(|| {
            at_once(client.write_all(&content))?;
            at_once(client.flush())
        });
        result?;
        let mut room = [0; SHORT];
        let (result, receiving) = heap::count(|| at_once(server.read_exact(&mut room)));
        result?;
        assert_eq!(room, content);
        // The first half is there to bring all buffers to their size.
        if message >= MESSAGES {
            sent += sending.calls;
            received += receiving.calls;
        }
    }
    Ok((sent as f64 / MESSAGES as f64, received as f64 / MESSAGES as f64))
}

async fn connect<L: TokioLibrary>(setup: &Setup) -> io::Result<(impl Duplex, impl Duplex)> {
    let (client, server) = duplex(PIPE);
    try_join!(L::connect(setup.client.clone(), client), L::accept(setup.server.clone(), server))
}

/// One write, which the other end reads.
async fn transfer(from: &mut impl Duplex, to: &mut impl Duplex, len: usize) -> io::Result<()> {
    let content = vec![0x5a; len];
    let write = async {
        from.write_all(&content).await?;
        from.flush().await
    };
    let read = async {
        let (mut room, mut received) = ([0; READ], 0);
        while received < len {
            match to.read(&mut room).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => received += more,
            }
        }
        Ok(())
    };
    try_join!(write, read).map(drop)
}

/// The result of a future that is ready at once. In a runtime it may not be: tokio makes a task yield
/// after some I/O, whether there is more or not.
fn at_once<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn block_on<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    Builder::new_current_thread().build()?.block_on(future)
}
