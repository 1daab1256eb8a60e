//! The bytes of heap that one end of a connection holds, and the allocations for a short message.
//!
//! The bytes are those that are freed when the end is dropped. The end is boxed, so that its own
//! fields are included. The transport, a pipe in memory, is also held by the other end, so it is
//! not included, nor are configurations, which connections share.

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

/// The capacity of the pipe in each direction, in bytes.
const PIPE: usize = 64 << 10;

const SHORT: usize = 64;
const LONG: usize = 200_000;

/// The bytes of one read.
const READ: usize = 16 << 10;

#[derive(Clone, Copy)]
enum End {
    Client,
    Server,
}

/// What a connection does before its memory is counted.
#[derive(Clone, Copy)]
enum Past {
    Short,
    Written,
    Read,
}

/// Returns the bytes of heap that an end holds, for each case.
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

/// Returns the allocations per sent and per received message, after some messages.
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
        // The first half of the messages brings all buffers to their final size.
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

/// Makes one write, which the other end reads.
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

/// Polls a future once and returns its result. It must be ready at once, which is not certain
/// inside a runtime: tokio makes a task yield after some I/O.
fn at_once<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

fn block_on<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    Builder::new_current_thread().build()?.block_on(future)
}
