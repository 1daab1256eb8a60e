//! One connection without its I/O: what has arrived, the state of TLS, and what is to be sent.

use std::mem;

use tls_record::aead::ring::Ring as Cipher;
use tls_record::{
    AlertDescription, End, Event, MAX_RECORD, ReadEnd, RecordLayer, SealError, TrafficSecret,
    WriteEnd,
};
use tls_record_alloc::{Established, Handshake, HandshakeError, Progress, Resumption};

use crate::ring::{Chunk, Chunks, Slot};
use crate::service::{Next, Service};

type Layer = RecordLayer<TrafficSecret<Cipher>>;

/// Room in the slot for any record that arrives, for its data in many short records, and for control records.
pub(crate) const ROOM: usize = MAX_RECORD + 2048;

/// One end of a TLS connection.
pub(crate) struct Link<S> {
    pub(crate) tls: Tls,
    pub(crate) service: S,
    /// What waits to be opened.
    pub(crate) received: Chunks,
    /// Nothing more arrives.
    pub(crate) is_at_end: bool,
    /// Set to close the sending direction: now, or after the handshake.
    pub(crate) is_closing: bool,
    /// Set when it is closed in one step: what still arrives is not opened.
    pub(crate) is_discarding: bool,
    /// After the handshake, the stored sessions.
    resumption: Option<Resumption>,
}

pub(crate) enum Tls {
    Handshake(Box<Handshake>),
    Open(Box<Layer>),
    Failed(HandshakeError),
}

impl<S: Service> Link<S> {
    pub(crate) fn new(handshake: Handshake, service: S) -> Self {
        Self {
            tls: Tls::Handshake(Box::new(handshake)),
            service,
            received: Chunks::default(),
            is_at_end: false,
            is_closing: false,
            is_discarding: false,
            resumption: None,
        }
    }

    /// Returns whether the handshake is still to be completed.
    pub(crate) const fn is_handshaking(&self) -> bool {
        matches!(self.tls, Tls::Handshake(_))
    }

    /// Returns whether nothing follows what is in the slot.
    pub(crate) fn has_ended(&self) -> bool {
        match &self.tls {
            Tls::Handshake(_) => false,
            Tls::Open(layer) => matches!(
                layer.end().write,
                WriteEnd::Closed | WriteEnd::AlertSent(_) | WriteEnd::Failed
            ),
            Tls::Failed(_) => true,
        }
    }

    /// Returns whether all that the peer has sent is opened, up to its end.
    pub(crate) fn has_read_all(&self) -> bool {
        match &self.tls {
            Tls::Open(layer) => self.is_discarding || layer.end().read != ReadEnd::Open,
            Tls::Handshake(_) | Tls::Failed(_) => true,
        }
    }

    /// After a fatal alert of either side, removes the stored sessions: they must not be resumed.
    pub(crate) fn forget_if_failed(&mut self) {
        let Tls::Open(layer) = &self.tls else { return };
        let End { read, write } = layer.end();
        let is_failed = matches!(read, ReadEnd::PeerAlert(_) | ReadEnd::Fault(_))
            || matches!(write, WriteEnd::AlertQueued(_) | WriteEnd::AlertSent(_));
        if is_failed && let Some(resumption) = &mut self.resumption {
            resumption.forget();
        }
    }

    /// Writes to the slot what is to be sent: of the handshake, of what has arrived, and of the service.
    pub(crate) fn fill(&mut self, slot: &mut Slot) {
        if !self.shake(slot) {
            return;
        }
        let Self { tls: Tls::Open(layer), received, is_at_end, service, .. } = self else { return };
        let end = carry(received, *is_at_end, service, None, layer, slot);
        self.finish(end, slot);
    }

    /// Makes the next steps of the handshake. Returns whether it is complete, and data is to be opened and sealed.
    pub(crate) fn shake(&mut self, slot: &mut Slot) -> bool {
        if let Err(error) = self.try_shake(slot) {
            self.tls = Tls::Failed(error); // Its alert is in the slot.
        }
        match &mut self.tls {
            Tls::Handshake(_) => false,
            Tls::Open(layer) if !self.is_discarding => {
                if self.is_closing {
                    let _ = layer.close(); // Does nothing if it is closed, or has failed.
                }
                true
            }
            Tls::Open(_) | Tls::Failed(_) => {
                self.received.clear();
                false
            }
        }
    }

    /// What the handshake sends is copied to the slot.
    fn try_shake(&mut self, slot: &mut Slot) -> Result<(), HandshakeError> {
        while let Tls::Handshake(handshake) = &mut self.tls {
            let progress = handshake.advance();
            let taken = slot.push(handshake.unsent());
            handshake.sent(taken);
            match (progress?, self.received.front()) {
                (Progress::Complete, _) if handshake.unsent().is_empty() => self.hand_over()?,
                (Progress::NeedInput, Some(chunk)) => {
                    let taken = handshake.receive(chunk);
                    self.received.consume(taken);
                }
                (Progress::NeedInput, None) if self.is_at_end => handshake.eof()?,
                _ => break,
            }
        }
        Ok(())
    }

    /// Seals what the service makes, and what falls due when the source is at this `end`: `None` if there was no room to
    /// open everything.
    pub(crate) fn finish(&mut self, end: Option<ReadEnd>, slot: &mut Slot) {
        let Tls::Open(layer) = &mut self.tls else { return };
        let is_all = produce(&mut self.service, layer, slot);
        if let Some(end) = end
            && is_all
            && layer.end().write == WriteEnd::Open
        {
            match self.service.next(end) {
                Next::Wait => {}
                Next::Close => drop(layer.close()),
                Next::Abort(alert) => drop(layer.abort(alert)),
            }
        }
        control(layer, slot);
        if let ReadEnd::PeerAlert(_) = layer.end().read {
            slot.clear(); // RFC 9846 section 6: no data is sent after an error alert.
        }
    }

    /// Hands the connection over to the engine.
    fn hand_over(&mut self) -> Result<(), HandshakeError> {
        let taken = mem::replace(&mut self.tls, Tls::Failed(HandshakeError::Unexpected));
        let Tls::Handshake(handshake) = taken else { return Ok(()) };
        let Established { opener, sealer, received, resumption, .. } =
            handshake.finish::<Cipher>()?;
        if !received.is_empty() {
            self.received.insert(Chunk::copied(received.filled()));
        }
        self.tls = Tls::Open(Box::new(Layer::join(*opener, *sealer)?));
        self.resumption = Some(resumption);
        Ok(())
    }
}

/// Opens what has arrived at the place in the slot where `to` seals it: with `from`, or if there is none, with
/// `to` itself. Returns how the peer's direction is, or `None` if there is no room for more.
pub(crate) fn carry(
    received: &mut Chunks,
    is_at_end: bool,
    service: &mut impl Service,
    mut from: Option<&mut Layer>,
    to: &mut Layer,
    slot: &mut Slot,
) -> Option<ReadEnd> {
    control(to, slot);
    while slot.room_len() >= ROOM {
        let headroom = to.sealer().headroom();
        let layer = from.as_deref_mut().unwrap_or(to);
        let read = layer.end().read;
        if read != ReadEnd::Open {
            received.clear();
            return Some(read);
        }
        // Their records begin differently if one is of TLS 1.2.
        let before = headroom.saturating_sub(layer.sealer().headroom());
        let opened = layer.open_into(&received.pieces(), &mut slot.room()[before..]);
        // An error is what `end` says next.
        let Ok(opened) = opened else { continue };
        received.consume(opened.consumed);
        match opened.event {
            Event::ApplicationData(range) => {
                let at = range.start + before;
                let len = service.received(&mut slot.room()[at..][..range.len()]);
                if at != headroom {
                    slot.room().copy_within(at..at + len, headroom);
                }
                seal(to, slot, len);
            }
            Event::NeedMore { .. } if is_at_end => drop(layer.eof()),
            Event::NeedMore { .. } => return Some(read),
            Event::Handshake(piece) => {
                if piece.is_last() {
                    let _ = layer.refuse_renegotiation(); // of TLS 1.2; in TLS 1.3 it is a ticket
                }
                continue; // The next message of the record may be in the slot: nothing is sealed there.
            }
            _ => {}
        }
        control(to, slot);
    }
    None
}

/// Seals the data of the service. Returns whether that is all there is.
fn produce(service: &mut impl Service, to: &mut Layer, slot: &mut Slot) -> bool {
    while to.end().write == WriteEnd::Open {
        if slot.room_len() < ROOM {
            return false;
        }
        let (headroom, limit) = (to.sealer().headroom(), to.sealer().fragment_limit());
        match service.produce(&mut slot.room()[headroom..][..limit.into()]) {
            0 => break,
            len => seal(to, slot, len),
        }
    }
    true
}

/// Seals the `len` bytes behind the headroom. If the direction has ended, they are dropped.
fn seal(to: &mut Layer, slot: &mut Slot, len: usize) {
    if len == 0 {
        return;
    }
    match to.seal_in_place(slot.room(), len) {
        Ok(written) => slot.commit(written),
        // A KeyUpdate comes first, or the peer wants shorter records. Both are rare.
        Err(SealError::ControlFirst | SealError::TooLong) => {
            let headroom = to.sealer().headroom();
            let mut data = &slot.room()[headroom..][..len].to_vec()[..];
            while !data.is_empty() {
                control(to, slot);
                let Ok(sealed) = to.seal(&[data], slot.room()) else { return lost(to) };
                slot.commit(sealed.written);
                data = &data[sealed.taken..];
            }
        }
        Err(_) => lost(to),
    }
}

/// Aborts the direction unless it has ended: data was lost, because the keys are exhausted for instance.
fn lost(to: &mut Layer) {
    if to.end().write == WriteEnd::Open {
        let _ = to.abort(AlertDescription::INTERNAL_ERROR);
    }
}

/// Seals the alerts, KeyUpdates and the close_notify that are due.
fn control(layer: &mut Layer, slot: &mut Slot) {
    while layer.has_control()
        && let Ok(written) = layer.poll_control(slot.room())
    {
        slot.commit(written);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::service::Served;
    use crate::support::{Identity, Tls as Version, insecure_client_config};

    /// Sends what it is given, and keeps what comes back.
    #[derive(Default)]
    struct Client {
        to_send: Vec<u8>,
        back: Vec<u8>,
    }

    impl Service for Client {
        fn received(&mut self, data: &mut [u8]) -> usize {
            self.back.extend_from_slice(data);
            0
        }

        fn produce(&mut self, room: &mut [u8]) -> usize {
            let len = self.to_send.len().min(10);
            for (to, from) in room.iter_mut().zip(self.to_send.drain(..len)) {
                *to = from;
            }
            len
        }

        fn next(&self, source: ReadEnd) -> Next {
            if source == ReadEnd::Open { Next::Wait } else { Next::Close }
        }
    }

    /// Carries what `from` sends to `to`.
    fn carry_over(from: &mut Link<impl Service>, to: &mut Link<impl Service>) {
        let mut slot = Slot::new(1 << 17);
        from.fill(&mut slot);
        to.received.push(Chunk::copied(slot.filled()));
    }

    /// Returns both ends of a connection after the handshake. In TLS 1.2 no KeyUpdate replaces the keys of the server
    /// after `key_limit` records.
    fn connect(version: Version, key_limit: u32) -> (Link<Client>, Link<Served>) {
        let config = Identity::self_signed().unwrap().server_config(version).unwrap();
        let mut handshake = Handshake::server(Arc::new(config)).unwrap();
        handshake.engine_config().key_limit = key_limit;
        let mut server = Link::new(handshake, Served::Echo);
        let config = Arc::new(insecure_client_config(version).unwrap());
        let handshake = Handshake::client(config, "localhost".try_into().unwrap()).unwrap();
        let mut client = Link::new(handshake, Client::default());
        for _ in 0..4 {
            carry_over(&mut client, &mut server);
            carry_over(&mut server, &mut client);
        }
        (client, server)
    }

    impl<S> Link<S> {
        fn layer(&mut self) -> &mut Layer {
            let Tls::Open(layer) = &mut self.tls else { panic!("no handshake") };
            layer
        }
    }

    #[test]
    fn data_that_cannot_be_sealed_is_not_lost_without_an_alert() {
        let (mut client, mut server) = connect(Version::V12, 20);
        client.service.to_send = vec![7; 1000];
        for _ in 0..4 {
            carry_over(&mut client, &mut server);
            carry_over(&mut server, &mut client);
        }
        let back = client.service.back.len();
        assert!(back > 0 && back < 1000, "{back} bytes");
        let end = client.layer().end().read;
        assert_eq!(end, ReadEnd::PeerAlert(AlertDescription::INTERNAL_ERROR));
    }

    #[test]
    fn nothing_is_sent_after_a_fatal_alert_of_the_peer() {
        for version in [Version::V12, Version::V13] {
            let (mut client, mut server) = connect(version, u32::MAX);
            client.service.to_send = vec![7; 1000];
            let mut slot = Slot::new(1 << 17);
            client.fill(&mut slot);
            client.layer().abort(AlertDescription::INTERNAL_ERROR).unwrap();
            client.fill(&mut slot);
            server.received.push(Chunk::copied(slot.filled()));
            slot.clear();
            server.fill(&mut slot);
            assert!(slot.is_empty(), "{} bytes of an echo", slot.filled().len());
            assert!(server.has_ended());
        }
    }

    /// RFC 5246 section 7.2.2.
    #[test]
    fn a_request_to_renegotiate_in_several_records_is_refused_once() {
        let (mut client, mut server) = connect(Version::V12, u32::MAX);
        let (mut client_hello, mut records) = ([0; 60], [0; 300]);
        client_hello[..4].copy_from_slice(&[1, 0, 0, 56]);
        client.layer().set_fragment_limit(20);
        let len = client.layer().seal_handshake(&[&client_hello], &mut records).unwrap();
        server.received.push(Chunk::copied(&records[..len]));
        let mut slot = Slot::new(1 << 17);
        server.fill(&mut slot);
        let mut answer = slot.filled().to_vec();
        let opened = client.layer().open(&mut answer).unwrap();
        assert_eq!(opened.event, Event::Warning(AlertDescription::NO_RENEGOTIATION));
        assert_eq!(opened.consumed, answer.len());
    }
}
