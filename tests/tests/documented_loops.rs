//! The loops of the documentation, as users copy them. Each returns, with all data delivered and
//! all records sent, however the connection ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;

use embedded_io::{ErrorType, Read, Write};
use tls_record::{
    AlertDescription, Connection, EmbeddedStream, Event, Fault, KeySchedule, Linked, Mailbox,
    OpenError, Opened, Opener, ReadEnd, RecordBuffer, Role, ShutdownError, StreamError, WriteEnd,
    Writer,
};
use tls_record_tests::records::{self, ALERT, CLOSE_NOTIFY, DATA, Hand, Layer, Secret, Suite};

// The loops, which a test compares with the documentation

fn received(
    layer: &mut Layer,
    buffer: &mut [u8],
    data: &mut Vec<u8>,
    send: &mut dyn FnMut(&[u8]),
) -> Result<usize, OpenError> {
    let mut done = 0;
    loop {
        let opened = layer.open(&mut buffer[done..]);
        // Before `opened` is looked at: if it is an error, its alert must be sent.
        let mut record = [0; 64];
        while layer.has_control() {
            let length = layer.poll_control(&mut record).expect("64 bytes are enough");
            send(&record[..length]);
        }
        let Opened { consumed, event } = opened?;
        match event {
            Event::NeedMore { .. } => return Ok(done),
            Event::ApplicationData(range) => data.extend_from_slice(&buffer[done..][range]),
            // The peer sends no more, as `layer.end()` says from now on.
            Event::Closed => return Ok(buffer.len()),
            _ => {}
        }
        done += consumed;
    }
}

fn read_to_end<K: KeySchedule>(
    opener: &mut Opener<K>,
    mut receive: impl FnMut(&mut [u8]) -> usize,
    data: &mut Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    let mut buffer = RecordBuffer::<512>::new();
    loop {
        let opened = opener.open(buffer.filled())?;
        if let Event::ApplicationData(range) = &opened.event {
            data.extend_from_slice(&buffer.filled()[range.clone()]);
        }
        buffer.consume(&opened);
        match opened.event {
            Event::Closed => return Ok(()),
            // All that came is opened before the transport is asked again.
            Event::NeedMore { .. } => {
                // If the record could never fit, this says so before anything waits for it.
                let len = receive(buffer.room()?);
                buffer.received(len);
                if len == 0 {
                    opener.eof(); // As `open` says when it is called again.
                }
            }
            _ => {}
        }
    }
}

mod of_a_connection {
    use super::*;

    pub(super) fn close<K: KeySchedule, const TX: usize>(
        connection: &mut Connection<K, TX>,
        mut transmit: impl FnMut(&[u8]) -> usize,
    ) -> Result<(), ShutdownError> {
        loop {
            let closed = connection.shutdown();
            if connection.unsent().is_empty() {
                return closed;
            }
            let taken = transmit(connection.unsent());
            connection.sent(taken);
        }
    }
}

mod of_a_half {
    use super::*;

    pub(super) fn close<K: KeySchedule, const TX: usize>(
        writer: &mut Linked<'_, Writer<K, TX>>,
        mut send: impl FnMut(&[u8]) -> usize,
    ) -> Result<(), ShutdownError> {
        loop {
            let closed = writer.with(|writer| writer.shutdown());
            let unsent = writer.half().unsent();
            // An alert of the peer's may have discarded what was to be sent.
            if unsent.is_empty() && closed != Err(ShutdownError::WouldBlock) {
                return closed;
            }
            let taken = send(unsent);
            writer.with(|writer| writer.sent(taken));
        }
    }
}

fn shut_down<K: KeySchedule>(
    tls: &mut Connection<K, 4096>,
    mut send: impl FnMut(&mut Connection<K, 4096>),
    mut receive: impl FnMut(&mut Connection<K, 4096>),
) -> Result<(), ShutdownError> {
    loop {
        match tls.shutdown_both(1 << 16) {
            Err(ShutdownError::WouldBlock) => {
                send(tls);
                receive(tls); // A peer that waits for us to read does not read either.
            }
            Err(ShutdownError::AwaitingPeer { .. }) => receive(tls),
            // Ours still closes after a truncation, and after a fault an alert must be sent.
            Err(ShutdownError::Truncated | ShutdownError::Failed) if !tls.unsent().is_empty() => {
                send(tls);
            }
            done => return done,
        }
    }
}

fn ask<T: Read + Write, K: KeySchedule>(
    connection: Connection<K, 2048>,
    transport: T,
) -> Result<usize, StreamError<T::Error>>
where
    T::Error: 'static,
{
    let mut tls =
        EmbeddedStream::<_, _, 4096, 2048>::new(connection, RecordBuffer::new(), transport);
    tls.write_all(b"how much?")?;
    tls.flush()?;
    let (mut answer, mut total) = ([0; 64], 0);
    loop {
        match tls.read(&mut answer)? {
            0 => break, // The peer's close_notify.
            len => total += len,
        }
    }
    tls.close()?;
    assert!(tls.end().is_clean());
    Ok(total)
}

fn on_readable<T: Read + Write, K: KeySchedule>(
    tls: &mut EmbeddedStream<T, K, 4096, 2048>,
    mut received: impl FnMut(&[u8]),
) -> Result<bool, StreamError<T::Error>>
where
    T::Error: 'static,
{
    let mut data = [0; 512];
    loop {
        match tls.read(&mut data)? {
            0 => return Ok(false), // The peer's close_notify.
            len => received(&data[..len]),
        }
        if !tls.has_pending() {
            return Ok(true);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "nothing of the engine")]
fn the_loops_are_those_of_the_documentation() {
    let here = words(include_str!("documented_loops.rs"));
    for (documented, start, end) in [
        (include_str!("../../core/src/lib.rs"), "fn received(", "done += consumed; } }"),
        (include_str!("../../core/src/layer/record_buffer.rs"), "fn read_to_end<", "_ => {} } } }"),
        (include_str!("../../core/src/connection.rs"), "fn close<", "connection.sent(taken); } }"),
        (
            include_str!("../../core/src/connection/linked.rs"),
            "fn close<",
            "writer.sent(taken)); } }",
        ),
        (include_str!("../../core/README.md"), "fn shut_down<", "done => return done, } } }"),
        (include_str!("../../core/src/stream.rs"), "fn ask<", "Ok(total) }"),
        (include_str!("../../core/src/stream.rs"), "fn on_readable<", "return Ok(true); } } }"),
    ] {
        let documented = words(documented);
        let documented = &documented[documented.find(start).expect(start)..];
        let documented = &documented[..documented.find(end).expect(end) + end.len()];
        assert!(here.contains(documented), "{documented}");
    }
}

/// Returns a text without line breaks, indentation and comment markers.
fn words(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        line.strip_prefix("///").or(line.strip_prefix("//!")).unwrap_or(line)
    });
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

// Ends of a connection

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// A close_notify, and the end of the transport.
    Clean,
    /// The end of the transport between two records, and inside one.
    Cut,
    CutInside,
    /// A forged record.
    Fault,
    /// A close_notify of a peer that reads on: the transport does not end.
    HalfClose,
}

use Ending::{Clean, Cut, CutInside, HalfClose};

impl Ending {
    const ALL: [Self; 5] = [Clean, Cut, CutInside, Self::Fault, HalfClose];
}

/// A transport with the records of a peer, which takes everything that is sent.
struct Transport {
    incoming: VecDeque<u8>,
    ending: Ending,
    /// The most bytes that one call carries.
    piece: usize,
    has_ended: bool,
    sent: Vec<u8>,
    reads: usize,
}

impl Transport {
    /// Holds at least `len` bytes of records and then the end. Returns their data as well.
    fn new(peer: &mut Hand, len: usize, ending: Ending, piece: usize) -> (Self, Vec<u8>) {
        let (mut incoming, mut data) = (Vec::new(), Vec::new());
        while incoming.len() < len {
            let content = (0..400).map(|i| (incoming.len() + i) as u8).collect::<Vec<_>>();
            incoming.extend(peer.seal(DATA, &content));
            data.extend(content);
        }
        match ending {
            Clean | HalfClose => incoming.extend(peer.seal(ALERT, &CLOSE_NOTIFY)),
            Cut => {}
            CutInside => incoming.extend(&peer.seal(DATA, b"cut")[..9]),
            Ending::Fault => incoming.extend(peer.forge(DATA, b"forged")),
        }
        let incoming = incoming.into();
        (Self { incoming, ending, piece, has_ended: false, sent: Vec::new(), reads: 0 }, data)
    }

    /// Returns the number of bytes received, 0 at the end. A loop must not call it after the end,
    /// or when no bytes will come.
    fn receive(&mut self, room: &mut [u8]) -> usize {
        assert!(!room.is_empty());
        assert!(!self.has_ended, "it reads after the end");
        self.reads += 1;
        let len = room.len().min(self.piece);
        let len = std::io::Read::read(&mut self.incoming, &mut room[..len]).unwrap();
        if len == 0 {
            assert!(matches!(self.ending, Cut | CutInside), "it waits for ever");
            self.has_ended = true;
        }
        len
    }

    fn send(&mut self, bytes: &[u8]) -> usize {
        assert!(!bytes.is_empty());
        let len = bytes.len().min(self.piece);
        self.sent.extend_from_slice(&bytes[..len]);
        len
    }
}

impl ErrorType for Transport {
    type Error = Infallible;
}

impl Read for Transport {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.receive(room))
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(self.send(bytes))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Runs a test with every ending: the connection, the peer that opens its records, the transport,
/// in small pieces or with 100,000 bytes at once, and the data in its records.
fn for_each_ending(test: impl Fn(Layer, Hand, Transport, &[u8])) {
    for ending in Ending::ALL {
        for (len, piece) in [(2000, 7), (100_000, usize::MAX)] {
            println!("{ending:?}, {len} bytes");
            let (layer, mut peer, mirror) = established();
            let (transport, data) = Transport::new(&mut peer, len, ending, piece);
            test(layer, mirror, transport, &data);
        }
    }
}

fn established() -> (Layer, Hand, Hand) {
    let connection = records::Connection::established(Suite::Tls13, Role::Client);
    (connection.layer, connection.peer, connection.mirror)
}

/// Opens the records that were sent. Returns their data, and the alerts at the end.
fn opened(mirror: &mut Hand, mut sent: &[u8]) -> (Vec<u8>, Vec<[u8; 2]>) {
    let (mut data, mut alerts) = (Vec::new(), Vec::new());
    while let Some(&[_, _, _, high, low]) = sent.first_chunk() {
        let (record, rest) = sent.split_at(5 + usize::from(u16::from_be_bytes([high, low])));
        match mirror.open(record) {
            (DATA, content) => {
                assert!(alerts.is_empty(), "data after an alert");
                data.extend(content);
            }
            (ALERT, content) => alerts.push(content.try_into().unwrap()),
            other => panic!("{other:?}"),
        }
        sent = rest;
    }
    assert!(sent.is_empty(), "records are whole");
    (data, alerts)
}

const BAD_RECORD_MAC: [u8; 2] = [2, 20];

fn error_of(ending: Ending) -> Option<OpenError> {
    match ending {
        Clean | HalfClose => None,
        Cut | CutInside => Some(OpenError::Truncated),
        Ending::Fault => Some(OpenError::Fault(Fault::BadRecordMac)),
    }
}

// Tests

#[test]
fn a_record_layer_driven_as_documented_delivers_everything() {
    for_each_ending(|mut layer, mut mirror, mut transport, expected| {
        let (mut buffer, mut data, mut sent) = (Vec::new(), Vec::new(), Vec::new());
        let ended = loop {
            let mut room = [0; 100_000];
            match transport.receive(&mut room) {
                0 => {
                    layer.eof();
                    break received(&mut layer, &mut [], &mut data, &mut |_| panic!("an alert"));
                }
                len => buffer.extend_from_slice(&room[..len]),
            }
            let mut send = |record: &[u8]| sent.extend_from_slice(record);
            let done = match received(&mut layer, &mut buffer, &mut data, &mut send) {
                Ok(done) => done,
                Err(error) => break Err(error),
            };
            buffer.drain(..done);
            if layer.end().read != ReadEnd::Open {
                break Ok(0);
            }
        };
        assert_eq!(ended.err(), error_of(transport.ending));
        assert_eq!(data, expected);
        let alerts = if transport.ending == Ending::Fault { vec![BAD_RECORD_MAC] } else { vec![] };
        assert_eq!(opened(&mut mirror, &sent).1, alerts);
        // It may be called again, with the rest of the input or with none.
        for mut left in [vec![], vec![23, 3, 3]] {
            let again = received(&mut layer, &mut left, &mut data, &mut |_| panic!("an alert"));
            assert_eq!(again.err(), error_of(transport.ending));
            assert!(again.is_err() || again == Ok(left.len()));
        }
    });
}

#[test]
fn an_opener_read_to_its_end_as_documented_delivers_everything() {
    for_each_ending(|layer, _, mut transport, expected| {
        let (mut opener, _) = layer.split();
        let mut data = Vec::new();
        let ended = read_to_end(&mut opener, |room| transport.receive(room), &mut data);
        let error = ended.err().map(|error| *error.downcast::<OpenError>().unwrap());
        assert_eq!(error, error_of(transport.ending));
        assert_eq!(data, expected);
    });
}

/// Opens all records that arrive, up to an error.
fn receive_all<const TX: usize>(tls: &mut Connection<Secret, TX>, transport: &mut Transport) {
    let mut wire = Vec::from(std::mem::take(&mut transport.incoming));
    let mut at = 0;
    while let Ok(Opened { consumed, event }) = tls.received(&mut wire[at..]) {
        at += consumed;
        if matches!(event, Event::NeedMore { .. }) {
            break;
        }
    }
    if matches!(transport.ending, Cut | CutInside) {
        tls.eof();
    }
}

/// Checks the result of closing and the records that it sent.
fn assert_closed(
    ending: Ending,
    closed: Result<(), ShutdownError>,
    written: &[u8],
    sent: (Vec<u8>, Vec<[u8; 2]>),
    end: WriteEnd,
) {
    let (expected, alert, at_the_end) = match ending {
        Clean | HalfClose => (Ok(()), CLOSE_NOTIFY, WriteEnd::Closed),
        Cut | CutInside => (Err(ShutdownError::Truncated), CLOSE_NOTIFY, WriteEnd::Closed),
        Ending::Fault => {
            let sent = WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC);
            (Err(ShutdownError::Failed), BAD_RECORD_MAC, sent)
        }
    };
    assert_eq!((closed, end), (expected, at_the_end));
    assert_eq!(sent, (written.to_vec(), vec![alert]));
}

#[test]
fn a_connection_closed_as_documented_sends_everything() {
    for_each_ending(|layer, mut mirror, mut transport, _| {
        let mut tls = Connection::<_, 512>::new(layer);
        let written = vec![b'w'; tls.writer().sealer().fragment_limit().into()];
        assert_eq!(tls.write(&[&written]), Ok(written.len()));
        receive_all(&mut tls, &mut transport);
        let closed = of_a_connection::close(&mut tls, |bytes| transport.send(bytes));
        let sent = opened(&mut mirror, &transport.sent);
        assert_closed(transport.ending, closed, &written, sent, tls.end().write);
    });
}

#[test]
fn a_half_closed_as_documented_sends_everything() {
    for_each_ending(|layer, mut mirror, mut transport, _| {
        let mut tls = Connection::<_, 512>::new(layer);
        let written = vec![b'w'; tls.writer().sealer().fragment_limit().into()];
        assert_eq!(tls.write(&[&written]), Ok(written.len()));
        receive_all(&mut tls, &mut transport);
        let mut mailbox = Mailbox::new();
        let (_opener, mut writer) = tls.split_over(&mut mailbox);
        let closed = of_a_half::close(&mut writer, |bytes| transport.send(bytes));
        let sent = opened(&mut mirror, &transport.sent);
        assert_closed(transport.ending, closed, &written, sent, writer.half().end());
    });
}

#[test]
fn a_half_closed_as_documented_stops_at_an_alert_of_the_peer() {
    let (layer, mut peer, _) = established();
    let mut mailbox = Mailbox::new();
    let (mut opener, mut writer) = Connection::<_, 512>::new(layer).split_over(&mut mailbox);
    writer.with(|writer| writer.write(&[b"some"])).unwrap();
    let mut calls = 0;
    let closed = of_a_half::close(&mut writer, |bytes| {
        calls += 1;
        assert_eq!(bytes.is_empty(), calls == 2);
        if calls == 1 {
            let mut alert = peer.seal(ALERT, &[2, 80]);
            opener.with(|opener| opener.open(&mut alert)).unwrap_err();
            return 0;
        }
        bytes.len()
    });
    assert_eq!(closed, Err(ShutdownError::Failed));
}

#[test]
fn a_connection_shut_down_as_documented_delivers_and_sends_everything() {
    for_each_ending(|layer, mut mirror, transport, expected| {
        let is_over_budget = transport.incoming.len() > 1 << 16;
        let ending = transport.ending;
        let mut tls = Connection::<_, 4096>::new(layer);
        let written = vec![b'w'; tls.writer().sealer().fragment_limit().into()];
        assert_eq!(tls.write(&[&written]), Ok(written.len()));
        let transport = std::cell::RefCell::new(transport);
        let (mut buffer, mut data, mut calls) = (Vec::new(), Vec::new(), 0);
        let send = |tls: &mut Connection<Secret, 4096>| {
            let taken = transport.borrow_mut().send(tls.unsent());
            tls.sent(taken);
        };
        let receive = |tls: &mut Connection<Secret, 4096>| {
            calls += 1;
            assert!(calls < 10_000, "it does not end");
            // A transport that does not block brings nothing after its end.
            let mut transport = transport.borrow_mut();
            let len = transport.incoming.len().min(transport.piece);
            buffer.extend(transport.incoming.drain(..len));
            while let Ok(Opened { consumed, event }) = tls.received(&mut buffer) {
                if let Event::ApplicationData(range) = &event {
                    data.extend_from_slice(&buffer[range.clone()]);
                }
                buffer.drain(..consumed);
                if matches!(event, Event::NeedMore { .. }) {
                    break;
                }
            }
            if len == 0 && matches!(ending, Cut | CutInside) {
                tls.eof();
            }
        };
        let closed = shut_down(&mut tls, send, receive);
        assert_eq!(data, expected);
        if is_over_budget && matches!(ending, Cut | CutInside) {
            // The budget is spent before the end of the transport.
            let Err(ShutdownError::BudgetSpent { drained }) = closed else { panic!("{closed:?}") };
            assert!(drained > 1 << 16);
            return;
        }
        let sent = opened(&mut mirror, &transport.borrow().sent);
        if ending == Ending::Fault {
            // Our close_notify was sealed before the fault: no alert follows it.
            assert_eq!(closed, Err(ShutdownError::Failed));
            assert_eq!(sent, (written, vec![CLOSE_NOTIFY]));
            return;
        }
        assert_closed(ending, closed, &written, sent, tls.end().write);
    });
}

#[test]
fn records_due_before_a_shutdown_as_documented_are_sent() {
    for_each_ending(|layer, mut mirror, mut transport, _| {
        let mut tls = Connection::<_, 4096>::new(layer);
        assert_eq!(tls.write(&[b"written"]), Ok(7));
        receive_all(&mut tls, &mut transport);
        let send = |tls: &mut Connection<Secret, 4096>| {
            let taken = transport.send(tls.unsent());
            tls.sent(taken);
        };
        let closed = shut_down(&mut tls, send, |_| ());
        let sent = opened(&mut mirror, &transport.sent);
        assert_closed(transport.ending, closed, b"written", sent, tls.end().write);
    });
}

#[test]
fn a_shutdown_as_documented_ends_when_the_transport_fails() {
    for_each_ending(|layer, _, mut transport, _| {
        let mut tls = Connection::<_, 4096>::new(layer);
        assert_eq!(tls.write(&[b"written"]), Ok(7));
        receive_all(&mut tls, &mut transport);
        let fail = |tls: &mut Connection<Secret, 4096>| {
            tls.transport_failed();
        };
        assert_eq!(shut_down(&mut tls, fail, |_| ()), Err(ShutdownError::TransportFailed));
    });
}

#[test]
fn a_stream_asked_as_documented_answers() {
    for_each_ending(|layer, mut mirror, mut transport, expected| {
        let asked = ask(Connection::new(layer), Lent(&mut transport));
        match error_of(transport.ending) {
            None => assert_eq!(asked, Ok(expected.len())),
            Some(error) => assert_eq!(asked, Err(error.into())),
        }
        let alerts = match transport.ending {
            Clean | HalfClose => vec![CLOSE_NOTIFY],
            Cut | CutInside => vec![],
            Ending::Fault => vec![BAD_RECORD_MAC],
        };
        assert_eq!(opened(&mut mirror, &transport.sent), (b"how much?".to_vec(), alerts));
    });
}

#[test]
fn a_stream_read_as_documented_is_read_only_when_readable() {
    for_each_ending(|layer, _, mut transport, expected| {
        let ending = transport.ending;
        let mut tls =
            EmbeddedStream::new(Connection::new(layer), RecordBuffer::new(), Lent(&mut transport));
        let mut data = Vec::new();
        let ended = loop {
            let reads = tls.transport_mut().0.reads;
            match on_readable(&mut tls, |piece| data.extend_from_slice(piece)) {
                Ok(true) => assert!(tls.transport_mut().0.reads > reads, "it was readable"),
                ended => break ended,
            }
        };
        assert_eq!(data, expected);
        assert_eq!(ended, error_of(ending).map_or(Ok(false), |error| Err(error.into())));
        assert!(tls.has_pending(), "the end");
    });
}

/// A transport that the test keeps a reference to.
struct Lent<'a>(&'a mut Transport);

impl ErrorType for Lent<'_> {
    type Error = Infallible;
}

impl Read for Lent<'_> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, Infallible> {
        self.0.read(room)
    }
}

impl Write for Lent<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.0.flush()
    }
}
