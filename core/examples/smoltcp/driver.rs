//! TLS over a TCP socket of smoltcp. This file is what a user writes: no `std`, no heap.
//!
//! **Sending.** A record is sealed in the send buffer of the socket, where it waits for its
//! acknowledgement. That buffer does what a `Connection` does elsewhere, so this is a `RecordLayer`: a
//! second buffer would take RAM and copy every byte once more. The send buffer is a ring, of which
//! smoltcp shows the part up to its end. A record that must go around the end is sealed on the stack and
//! copied. It could wait until the ring is empty instead, but a peer that delays its acknowledgements
//! would make that long.
//!
//! **Receiving.** A record is copied out of the receive buffer and opened in a `RecordBuffer`. Opening it
//! in the ring would not save that buffer: a record that lies around the end of the ring needs it. So
//! there is one way for all records, a record may be longer than the receive buffer of the socket, and
//! its room is offered to the peer before the record is complete.

use smoltcp::socket::tcp::{RecvError, Socket};
use tls_record::{Event, KeySchedule, OpenError, ReadEnd, RecordBuffer, RecordLayer};
use tls_record::{RecordSizeLimit, SealError, Sealed, WriteEnd};

/// A connection whose records have up to `RECORD` bytes, in both directions.
pub struct Tls<K: KeySchedule, const RECORD: usize> {
    /// To update keys, to close and to abort, each followed by [`send`](Self::send); and to ask how the
    /// connection ended.
    pub layer: RecordLayer<K>,
    received: RecordBuffer<RECORD>,
}

impl<K: KeySchedule, const RECORD: usize> Tls<K, RECORD> {
    /// The record_size_limit (RFC 8449) that the handshake must have announced, or a lower one.
    pub const LIMIT: RecordSizeLimit = RecordSizeLimit::new(RECORD as u16 - 29).unwrap();

    /// Takes a record layer that has its keys. The send buffer of the socket must hold a record.
    pub fn new(mut layer: RecordLayer<K>) -> Self {
        layer.set_own_record_size_limit(Self::LIMIT);
        layer.set_fragment_limit(Self::LIMIT.get() - 1);
        Self { layer, received: RecordBuffer::new() }
    }

    /// Opens the next record, passes its data to `deliver`, and sends what is due. Returns false if
    /// nothing more can be opened now, and after the peer's close_notify.
    ///
    /// The socket connects, listens or is connected. A caller without room for the data of a record calls
    /// [`send`](Self::send) instead, and TCP holds the peer back.
    pub fn receive(
        &mut self,
        socket: &mut Socket,
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<bool, OpenError> {
        let received = loop {
            let opened = match self.layer.open(self.received.filled()) {
                Ok(opened) => opened,
                Err(error) => break Err(error),
            };
            if let Event::ApplicationData(range) = &opened.event {
                deliver(&self.received.filled()[range.clone()]);
            }
            self.received.consume(&opened);
            match opened.event {
                Event::NeedMore { .. } if self.fill(socket) => {}
                // TLS 1.2: a request to renegotiate. In TLS 1.3, a ticket, the call does nothing.
                Event::Handshake(piece) if piece.is_last() => _ = self.layer.refuse_renegotiation(),
                event => break Ok(!matches!(event, Event::NeedMore { .. } | Event::Closed)),
            }
        };
        let _ = self.send(socket, &[]); // After an error, too: its alert is to leave.
        received
    }

    /// Takes what has arrived. Returns whether that, or its end, is to be opened.
    fn fill(&mut self, socket: &mut Socket) -> bool {
        // There is room: the engine refuses a record that is over the limit.
        match socket.recv_slice(self.received.room().unwrap_or_default()) {
            Ok(len @ 1..) => self.received.received(len),
            // A FIN, a reset or a timeout. Whether it came too early, the engine knows.
            Err(error) if error == RecvError::Finished || !socket.is_open() => {
                return matches!(self.layer.eof(), ReadEnd::Truncated { .. });
            }
            _ => return false,
        }
        true
    }

    /// Seals what is due, alerts, KeyUpdates and the close_notify, and then `data`, as much as there is
    /// room for. Returns how much of it: less while the peer does not read, and none while TCP does not
    /// send. Ends our direction of TCP behind the last record; smoltcp keeps the socket until the peer
    /// has ended its own, so `abort` it at a deadline.
    ///
    /// Without data it is called after every poll of the interface while something
    /// [is due](RecordLayer::has_control).
    pub fn send(&mut self, socket: &mut Socket, data: &[u8]) -> Result<usize, SealError> {
        let mut taken = 0;
        let sent = loop {
            let mut seal = |room: &mut [u8]| match self.layer.poll_control(room)? {
                0 if taken == data.len() => Ok(Sealed::default()),
                0 => self.layer.seal(&[&data[taken..]], room),
                written => Ok(Sealed { taken: 0, written }),
            };
            let sealed = socket.send(|room| {
                let sealed = seal(room);
                (sealed.map_or(0, |sealed| sealed.written), sealed)
            });
            let free = socket.send_capacity() - socket.send_queue();
            match sealed.unwrap_or(Ok(Sealed::default())) {
                Err(SealError::NoSpace { need }) if need <= free.min(RECORD) => {
                    let mut record = [0; RECORD]; // It goes around the end of the ring.
                    let Ok(sealed) = seal(&mut record[..need]) else { continue };
                    let _ = socket.send_slice(&record[..sealed.written]);
                    taken += sealed.taken;
                }
                Ok(Sealed { written: 0, .. }) | Err(SealError::NoSpace { .. }) => break Ok(taken),
                Ok(sealed) => taken += sealed.taken,
                Err(SealError::ControlFirst) => {} // A KeyUpdate has fallen due.
                Err(error) => break if taken > 0 { Ok(taken) } else { Err(error) },
            }
        };
        let end = self.layer.end().write;
        if matches!(end, WriteEnd::Closed | WriteEnd::AlertSent(_) | WriteEnd::Failed) {
            socket.close();
        }
        sent
    }
}
