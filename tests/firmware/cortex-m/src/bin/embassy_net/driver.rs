//! TLS over a TCP socket of embassy-net, in two tasks. This file is what a user writes.
//!
//! The receiving task owns the `Opener` and the reader of the socket, the sending task the `Writer` and
//! the writer of the socket. What the halves must tell each other goes through their mailbox by itself;
//! [`Wake`] only wakes the sending task. Neither task waits for the other, so that two ends that send at
//! once do not wait for each other either. It is for TLS 1.3: of TLS 1.2, a request to renegotiate is to be
//! refused by the sending task (`Writer::refuse_renegotiation`).

use embassy_net::tcp::{TcpReader, TcpWriter};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use tls_record::{Event, KeySchedule, Linked, Opener, ReadEnd, RecordBuffer, SealError, Writer};

/// Wakes the sending task, which calls [`flush`].
pub type Wake = Signal<CriticalSectionRawMutex, ()>;

/// Receives until the peer's direction ends, and returns how it did. While `deliver` waits, TCP holds the
/// peer back. The handshake has told the peer a record_size_limit, so that no record is longer than `RX`
/// bytes.
pub async fn receive<K: KeySchedule, const RX: usize>(
    opener: &mut Linked<'_, Opener<K>>,
    socket: &mut TcpReader<'_>,
    wake: &Wake,
    mut deliver: impl AsyncFnMut(&[u8]),
) -> ReadEnd {
    let mut received = RecordBuffer::<RX>::new();
    loop {
        let (opened, has_notice) =
            opener.with(|opener| (opener.open(received.filled()), opener.has_notice()));
        if has_notice {
            wake.signal(());
        }
        let Ok(opened) = opened else { break };
        if let Event::ApplicationData(range) = &opened.event {
            deliver(&received.filled()[range.clone()]).await;
        }
        received.consume(&opened);
        match opened.event {
            Event::Closed => break,
            Event::NeedMore { .. } => {
                match socket.read(received.room().unwrap_or_default()).await {
                    Ok(len @ 1..) => received.received(len),
                    // A FIN, a reset or a timeout: `open` says `Truncated` next.
                    _ => drop(opener.with(|opener| opener.eof())),
                }
            }
            _ => {}
        }
    }
    wake.signal(());
    opener.half().end()
}

/// Sends all of `data`. Waits while the peer does not read.
pub async fn send<K: KeySchedule, const TX: usize>(
    writer: &mut Linked<'_, Writer<K, TX>>,
    socket: &mut TcpWriter<'_>,
    mut data: &[u8],
) -> Result<(), SealError> {
    while !data.is_empty() {
        let taken = writer.with(|writer| writer.write(&[data]))?;
        data = &data[taken..];
        flush(writer, socket).await;
    }
    Ok(())
}

/// Sends what is unsent, and what falls due meanwhile: to be called when the task is woken, and after
/// `update_keys`, `shutdown` and `abort`. An abort ends the receiving task at its next call: what ends its
/// wait is a timeout of the socket, or a `select` with a signal.
pub async fn flush<K: KeySchedule, const TX: usize>(
    writer: &mut Linked<'_, Writer<K, TX>>,
    socket: &mut TcpWriter<'_>,
) {
    while writer.with(|writer| !writer.unsent().is_empty()) {
        match socket.write(writer.half().unsent()).await {
            Ok(len) => writer.with(|writer| writer.sent(len)),
            // Nothing is unsent any more, and nothing can be written.
            Err(_) => writer.with(|writer| writer.transport_failed()),
        }
    }
}
