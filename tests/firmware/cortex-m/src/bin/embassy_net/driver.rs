//! TLS over a TCP socket of embassy-net, in two tasks. This file is what a user writes.
//!
//! The receiving task owns the `Opener` and the reader of the socket, the sending task the `Writer` and
//! the writer of the socket. What the halves must tell each other goes through their mailbox by itself;
//! [`Wake`] only wakes the sending task. Neither task waits for the other, so that two ends that send at
//! once do not wait for each other either. It is for TLS 1.3: of TLS 1.2, a request to renegotiate is to be
//! refused by the sending task (`Writer::refuse_renegotiation`), once, at its last piece.

use embassy_net::tcp::{TcpReader, TcpWriter};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use tls_record::{Event, KeySchedule, Linked, Opened, Opener, ReadEnd, SealError, Writer};

/// Wakes the sending task, which calls [`flush`].
pub type Wake = Signal<CriticalSectionRawMutex, ()>;

/// Receives until the peer's direction ends, and returns how it did. `deliver` gets the data of one read; while
/// it waits, TCP holds the peer back. The handshake has told the peer a record_size_limit, so that no record is longer than `RX`
/// bytes.
pub async fn receive<K: KeySchedule, const RX: usize>(
    opener: &mut Linked<'_, Opener<K>>,
    socket: &mut TcpReader<'_>,
    wake: &Wake,
    mut deliver: impl AsyncFnMut(&[u8]),
) -> ReadEnd {
    let (mut received, mut len) = ([0; RX], 0);
    while opener.half().end() == ReadEnd::Open {
        let (mut data, mut at) = (0, 0);
        // All that a read brought in one call: several requests for a KeyUpdate in it get one answer. The
        // data is gathered at the front, where records were.
        let has_notice = opener.with(|opener| {
            while let Ok(Opened { consumed, event }) = opener.open(&mut received[at..len]) {
                match event {
                    Event::NeedMore { .. } | Event::Closed => break,
                    Event::ApplicationData(range) => {
                        received.copy_within(at + range.start..at + range.end, data);
                        data += range.len();
                    }
                    _ => {}
                }
                at += consumed;
            }
            opener.has_notice()
        });
        if has_notice {
            wake.signal(());
        }
        if data > 0 {
            deliver(&received[..data]).await;
        }
        received.copy_within(at..len, 0);
        len -= at;
        if opener.half().end() == ReadEnd::Open {
            match socket.read(&mut received[len..]).await {
                Ok(read @ 1..) => len += read,
                // A FIN, a reset or a timeout.
                _ => drop(opener.with(|opener| opener.eof())),
            }
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
        let taken = writer.with(|writer| writer.write(&[data]));
        flush(writer, socket).await; // After an error, too: its alert is to leave.
        data = &data[taken?..];
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
