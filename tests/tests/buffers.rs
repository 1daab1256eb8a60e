//! Buffers: cuts of the input have no effect, and an output that is too short changes nothing.

use tls_record::aead::Algorithm;
use tls_record::{
    AlertDescription, Config, Epoch, Event, Fault, KeySchedule, MAX_RECORD, OpenError, Opened,
    Opener, ReadEnd, RecordBuffer, RecordTooLong, Role, SealError, Sealer, TrafficSecret, Version,
};
use tls_record_tests::Backend;
use tls_record_tests::records::{
    ALERT, CCS, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Hand, Secret, Suite, USER_CANCELED, key_update,
    message, open_all, plaintext, record_size_limit, split,
};
use tls_record_tests::rfc8448::{Sender, traces};

/// What the handshake does to the opener after a message, or after a change_cipher_spec (`None`).
type Steps<K> = Box<dyn Fn(&mut Opener<K>, Option<u8>)>;

/// The bytes of a connection in one direction, and how to open them.
struct Session<K: KeySchedule> {
    name: &'static str,
    role: Role,
    wire: Vec<u8>,
    steps: Steps<K>,
}

/// The result of opening the bytes of a session.
#[derive(Debug, PartialEq)]
struct Outcome {
    got: Vec<Got>,
    error: Option<OpenError>,
    end: ReadEnd,
}

impl<K: KeySchedule> Session<K> {
    /// Opens the session's bytes, which arrive in `chunks`, and then reports the end of the
    /// transport.
    fn read<'a>(&self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let mut opener = Opener::new(Config::new(self.role));
        let (mut buffer, mut got, mut error) = (Vec::new(), Vec::new(), None);
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            while !buffer.is_empty() && error.is_none() && got.last() != Some(&Got::Closed) {
                let opened = match opener.open(&mut buffer) {
                    Ok(opened) => opened,
                    Err(err) => {
                        error = Some(err);
                        break;
                    }
                };
                let Some(one) = Got::of(&opened.event, &buffer) else {
                    break;
                };
                got.push(one);
                self.act(&mut opener, &opened.event);
                buffer.drain(..opened.consumed);
            }
        }
        Outcome { got, error, end: opener.eof() }
    }

    /// Does what the handshake does after `event`.
    fn act(&self, opener: &mut Opener<K>, event: &Event) {
        match event {
            Event::Handshake(piece) if piece.is_last() => {
                (self.steps)(opener, Some(piece.header.message_type.0));
            }
            Event::ChangeCipherSpec => (self.steps)(opener, None),
            _ => {}
        }
    }

    /// Opens the session's bytes into a separate buffer. They arrive up to each of `arrivals`, in
    /// pieces that begin at `edges`.
    fn read_into(&self, arrivals: impl IntoIterator<Item = usize>, edges: &[usize]) -> Outcome {
        let mut opener = Opener::new(Config::new(self.role));
        let (mut at, mut got, mut error) = (0, Vec::new(), None);
        let mut out = vec![0xaa; MAX_RECORD];
        for arrived in arrivals {
            while at < arrived && error.is_none() && got.last() != Some(&Got::Closed) {
                let inner = edges.iter().copied().filter(|edge| (at..arrived).contains(edge));
                let bounds: Vec<_> = [at].into_iter().chain(inner).chain([arrived]).collect();
                let pieces: Vec<_> =
                    bounds.windows(2).map(|bound| &self.wire[bound[0]..bound[1]]).collect();
                let opened = match opener.open_into(&pieces, &mut out) {
                    Ok(opened) => opened,
                    Err(err) => {
                        error = Some(err);
                        break;
                    }
                };
                let Some(one) = Got::of(&opened.event, &out) else {
                    assert_eq!(opened.consumed, 0);
                    break;
                };
                got.push(one);
                self.act(&mut opener, &opened.event);
                at += opened.consumed;
            }
        }
        Outcome { got, error, end: opener.eof() }
    }

    /// Opens the session's bytes, which arrive in pieces of at most `piece`, in a buffer of `LEN`
    /// bytes. Returns the record that the buffer cannot hold, if there is one.
    fn read_buffered<const LEN: usize>(&self, piece: usize) -> Result<Outcome, RecordTooLong> {
        let mut opener = Opener::new(Config::new(self.role));
        let (mut buffer, mut transport) = (RecordBuffer::<LEN>::new(), &self.wire[..]);
        let (mut got, mut error) = (Vec::new(), None);
        'reading: loop {
            let room = buffer.room()?;
            let (now, later) = transport.split_at(room.len().min(piece).min(transport.len()));
            assert!(!room.is_empty(), "there is room for the rest of the record");
            room[..now.len()].copy_from_slice(now);
            buffer.received(now.len());
            transport = later;
            if now.is_empty() {
                break;
            }
            loop {
                let opened = match opener.open(buffer.filled()) {
                    Ok(opened) => opened,
                    Err(err) => {
                        error = Some(err);
                        break 'reading;
                    }
                };
                if let Event::NeedMore { .. } = opened.event {
                    buffer.consume(&opened);
                    break;
                }
                got.extend(Got::of(&opened.event, buffer.filled()));
                self.act(&mut opener, &opened.event);
                buffer.consume(&opened);
                if got.last() == Some(&Got::Closed) {
                    break 'reading;
                }
            }
        }
        Ok(Outcome { got, error, end: opener.eof() })
    }

    fn whole(&self) -> Outcome {
        self.read([&self.wire[..]])
    }
}

/// The server's side of a TLS 1.3 connection from its ServerHello on, with fragmented messages and
/// with several messages in a record, followed by `last`, which is sealed under the last keys.
fn tls13(name: &'static str, last: impl Fn(&mut Hand) -> Vec<u8>) -> Session<Secret> {
    let [mut early, mut late] = [Hand::new(Suite::Tls13, 1), Hand::new(Suite::Tls13, 2)];
    let mut wire = plaintext(HANDSHAKE, &message(2, b"server hello"));
    wire.extend(plaintext(CCS, &[1]));
    let flight = [message(8, b""), message(11, b"certificate"), message(20, b"verify")].concat();
    wire.extend(early.seal(HANDSHAKE, &flight[..10]));
    wire.extend(early.seal_padded(HANDSHAKE, &flight[10..], 7));
    let ticket = message(4, b"a ticket");
    wire.extend(late.seal_padded(HANDSHAKE, &[&ticket[..], &ticket[..3]].concat(), 5));
    wire.extend(late.seal(HANDSHAKE, &ticket[3..]));
    wire.extend(late.seal(DATA, b"data"));
    wire.extend(late.seal(DATA, b""));
    wire.extend(late.seal_padded(DATA, b"padded", 20));
    wire.extend(late.seal(HANDSHAKE, &[ticket, key_update(1)].concat()));
    late.update();
    wire.extend(late.seal(DATA, b"under new keys"));
    wire.extend(late.seal(HANDSHAKE, &key_update(0)));
    late.update();
    wire.extend(late.seal(ALERT, &USER_CANCELED));
    wire.extend(last(&mut late));
    let steps: Steps<Secret> = Box::new(|opener, message| match message {
        Some(2) => opener.install(Epoch::Handshake, Suite::Tls13.secret(1)).unwrap(),
        Some(20) => opener.install(Epoch::Application, Suite::Tls13.secret(2)).unwrap(),
        _ => {}
    });
    Session { name, role: Role::Client, wire, steps }
}

/// The same in TLS 1.2.
fn tls12(name: &'static str, suite: Suite, last: impl Fn(&mut Hand) -> Vec<u8>) -> Session<Secret> {
    let mut hand = Hand::new(suite, 1);
    let mut wire = plaintext(ALERT, &[1, 112]);
    let flight = [message(2, b"server hello"), message(11, b"certificate"), message(14, b"")];
    wire.extend(plaintext(HANDSHAKE, &flight.concat()[..20]));
    wire.extend(plaintext(HANDSHAKE, &flight.concat()[20..]));
    wire.extend(plaintext(CCS, &[1]));
    wire.extend(hand.seal(HANDSHAKE, &message(20, b"verify data")));
    wire.extend(hand.seal(DATA, b"data"));
    wire.extend(hand.seal(DATA, b""));
    wire.extend(hand.seal(ALERT, &[1, 90]));
    wire.extend(hand.seal(HANDSHAKE, &message(0, b"")));
    wire.extend(hand.seal(DATA, b"more data"));
    wire.extend(last(&mut hand));
    let steps: Steps<Secret> = Box::new(move |opener, message| match message {
        Some(14) => opener.set_version(Version::Tls12),
        None => opener.install(Epoch::Handshake, suite.secret(1)).unwrap(),
        Some(20) => opener.establish().unwrap(),
        _ => {}
    });
    Session { name, role: Role::Client, wire, steps }
}

fn sessions() -> Vec<Session<Secret>> {
    let close = |hand: &mut Hand| [hand.seal(ALERT, &CLOSE_NOTIFY), b"GET /".to_vec()].concat();
    let forge = |hand: &mut Hand| hand.forge(DATA, b"forged");
    let error = |hand: &mut Hand| hand.seal(ALERT, &[2, 80]);
    let overflow = |_: &mut Hand| vec![23, 3, 3, 0xff, 0xff, 0, 0];
    vec![
        tls13("1.3, closed", close),
        tls13("1.3, forged", forge),
        tls13("1.3, failed", error),
        tls13("1.3, overflown", overflow),
        tls13("1.3, truncated", |_| vec![]),
        tls12("1.2 GCM, closed", Suite::Tls12Gcm, close),
        tls12("1.2 GCM, forged", Suite::Tls12Gcm, forge),
        tls12("1.2 ChaCha20, closed", Suite::Tls12Chacha, close),
        tls12("1.2 ChaCha20, failed", Suite::Tls12Chacha, error),
    ]
}

/// Two traces of RFC 8448 in both directions.
fn recorded() -> Vec<Session<TrafficSecret<Backend>>> {
    let mut sessions = Vec::new();
    for trace in traces().into_iter().take(2) {
        for (sender, role) in [(Sender::Client, Role::Server), (Sender::Server, Role::Client)] {
            let mut epochs = vec![Epoch::Handshake, Epoch::Application];
            let mut after = if role == Role::Client { vec![2, 20] } else { vec![1, 20] };
            if trace.name == "resumed-0rtt" && role == Role::Server {
                (after, epochs) = (vec![1, 5, 20], vec![Epoch::EarlyData, epochs[0], epochs[1]]);
            }
            let its = |it: Sender| it == sender;
            let records = trace.records.iter().filter(|record| its(record.sender));
            let wire = records.flat_map(|record| record.wire.clone()).collect();
            let secrets = trace.secrets.iter().filter(|secret| its(secret.sender));
            let secrets: Vec<_> = secrets.map(|secret| secret.secret).collect();
            assert_eq!(secrets.len(), epochs.len());
            let steps: Steps<TrafficSecret<Backend>> = Box::new(move |opener, message| {
                if let Some(at) = after.iter().position(|&it| Some(it) == message) {
                    let secret = TrafficSecret::tls13(Algorithm::Aes128Gcm, &secrets[at]).unwrap();
                    opener.install(epochs[at], secret).unwrap();
                }
            });
            sessions.push(Session { name: trace.name, role, wire, steps });
        }
    }
    sessions
}

fn assert_cuts_do_not_matter<K: KeySchedule>(session: &Session<K>) {
    let whole = session.whole();
    for at in 0..=session.wire.len() {
        let (front, back) = session.wire.split_at(at);
        assert_eq!(session.read([front, back]), whole, "{}: cut at {at}", session.name);
    }
    for size in 1..=40 {
        let chunks = session.wire.chunks(size);
        assert_eq!(session.read(chunks), whole, "{}: in chunks of {size}", session.name);
    }
}

#[test]
fn the_sessions_end_as_their_names_say() {
    let application = Epoch::Application;
    for session in sessions() {
        let Outcome { got, error, end } = session.whole();
        println!("{}: {} bytes, {} events", session.name, session.wire.len(), got.len());
        match session.name.rsplit(' ').next().unwrap() {
            "closed" => assert_eq!(end, ReadEnd::Closed { epoch: application }),
            "forged" | "overflown" => assert!(matches!(end, ReadEnd::Fault(_)), "{end:?}"),
            "failed" => assert_eq!(end, ReadEnd::PeerAlert(AlertDescription::INTERNAL_ERROR)),
            _ => {
                assert_eq!(end, ReadEnd::Truncated { epoch: application, inside_record: false });
            }
        }
        let failed = matches!(end, ReadEnd::Fault(_) | ReadEnd::PeerAlert(_));
        assert_eq!(error.is_some(), failed);
        assert!(got.contains(&Got::Data(b"data".to_vec())));
    }
    for session in recorded() {
        assert_eq!(session.whole().end, ReadEnd::Closed { epoch: application }, "{}", session.name);
    }
}

// CVE-2024-11738: a fragmented ClientHello caused a panic.
#[test]
fn cuts_of_the_input_have_no_effect() {
    sessions().iter().for_each(assert_cuts_do_not_matter);
}

#[test]
fn cuts_of_recorded_sessions_have_no_effect() {
    recorded().iter().for_each(assert_cuts_do_not_matter);
}

// Records in several pieces

fn assert_pieces_do_not_matter<K: KeySchedule>(session: &Session<K>) {
    let (whole, len) = (session.whole(), session.wire.len());
    for at in 0..=len {
        let name = session.name;
        assert_eq!(session.read_into([len], &[at]), whole, "{name}: two pieces, cut at {at}");
        let three = [at, (at + 7).min(len)];
        assert_eq!(session.read_into([len], &three), whole, "{name}: three, from {at}");
        // An empty piece has no effect.
        assert_eq!(session.read_into([len], &[at, at, at]), whole, "{name}: empty ones at {at}");
        assert_eq!(session.read_into([at, len], &[at / 2]), whole, "{name}: {at} bytes at first");
    }
    for size in 1..=40 {
        let edges: Vec<_> = (0..len).step_by(size).collect();
        assert_eq!(session.read_into([len], &edges), whole, "pieces of {size}");
        assert_eq!(session.read_into((0..=len).step_by(11).chain([len]), &edges), whole, "{size}");
    }
    assert_eq!(session.read_into(0..=len, &[]), whole, "byte by byte");
}

#[test]
fn records_in_pieces_open_alike() {
    sessions().iter().for_each(assert_pieces_do_not_matter);
}

#[test]
fn recorded_sessions_in_pieces_open_alike() {
    recorded().iter().for_each(assert_pieces_do_not_matter);
}

#[test]
fn an_output_that_is_too_short_for_a_record_in_pieces_changes_nothing() {
    for session in sessions() {
        let whole = session.whole();
        let mut opener = Opener::<Secret>::new(Config::new(session.role));
        let (mut at, mut got, mut long) = (0, Vec::new(), vec![0; MAX_RECORD]);
        while got.len() < whole.got.len() {
            let (front, back) = session.wire[at..].split_at((session.wire.len() - at) / 2);
            let pieces = [front, back];
            // The length of a record, or of the rest of one that has been opened.
            let opened = opener.open_into(&pieces, &mut []).unwrap();
            let Event::NeedMore { total } = opened.event else { panic!("it does not fit") };
            for short in 0..total {
                let mut out = vec![0xaa; short];
                assert_eq!(opener.open_into(&pieces, &mut out).as_ref(), Ok(&opened));
                assert!(out.iter().all(|&byte| byte == 0xaa), "nothing is written");
            }
            let opened = opener.open_into(&pieces, &mut long).unwrap();
            got.extend(Got::of(&opened.event, &long));
            session.act(&mut opener, &opened.event);
            at += opened.consumed;
        }
        assert_eq!(got, whole.got, "{}", session.name);
    }
}

#[test]
fn a_record_in_pieces_that_is_refused_by_its_header_is_refused_at_once() {
    let mut opener = Opener::<Secret>::new(Config::new(Role::Server));
    opener.install(Epoch::Application, Suite::Tls13.secret(1)).unwrap();
    let pieces: [&[u8]; 3] = [&[23, 3], &[3, 0xff], &[0xff]];
    let error = Err(OpenError::Fault(Fault::RecordOverflow));
    assert_eq!(opener.open_into(&pieces, &mut []), error);
    assert_eq!(opener.open_into(&pieces, &mut [0; 64]), error);
}

// Record buffers

#[test]
fn a_record_buffer_of_any_sufficient_size_gives_the_same_events() {
    const LONGEST: usize = 48;
    for session in sessions() {
        let whole = session.whole();
        if session.name == "1.3, closed" {
            let longest = split(&session.wire[..session.wire.len() - 5]).map(<[u8]>::len).max();
            assert_eq!(longest, Some(LONGEST));
        }
        if session.name.starts_with("1.3") {
            let too_long = Err(RecordTooLong { total: LONGEST });
            assert_eq!(session.read_buffered::<{ LONGEST - 1 }>(1), too_long);
        }
        for piece in 1..=LONGEST {
            assert_eq!(session.read_buffered::<LONGEST>(piece).as_ref(), Ok(&whole));
            assert_eq!(session.read_buffered::<100>(piece).as_ref(), Ok(&whole));
            assert_eq!(session.read_buffered::<1000>(piece).as_ref(), Ok(&whole));
        }
    }
}

#[test]
fn a_record_that_can_never_fit_is_refused_by_its_header() {
    for len in 0..300 {
        let mut buffer = RecordBuffer::<100>::new();
        let mut opener = Opener::<Secret>::new(Config::new(Role::Server));
        let wire = plaintext(HANDSHAKE, &message(1, &vec![7; len]));
        buffer.room().unwrap()[..5].copy_from_slice(&wire[..5]);
        buffer.received(5);
        let opened = opener.open(buffer.filled()).unwrap();
        let total = wire.len();
        assert_eq!(opened.event, Event::NeedMore { total });
        buffer.consume(&opened);
        let room = buffer.room().map(|room| room.len());
        assert_eq!(room, if total <= 100 { Ok(95) } else { Err(RecordTooLong { total }) });
        assert_eq!(buffer.filled(), &wire[..5], "and nothing is lost");
    }
}

#[test]
fn a_record_buffer_returns_only_bytes_that_were_received() {
    let mut buffer = RecordBuffer::<10>::new();
    assert_eq!(buffer.room().unwrap().len(), 10);
    buffer.received(1000);
    assert_eq!(buffer.filled().len(), 10, "there were no more");
    assert_eq!(buffer.room(), Ok(&mut [][..]));
    buffer.consume(&Opened { consumed: 4, event: Event::Nothing });
    // The rest moves to the front to make room.
    buffer.filled().copy_from_slice(b"middle");
    assert_eq!(buffer.room().unwrap().len(), 4);
    assert_eq!(buffer.filled(), b"middle");
    buffer.consume(&Opened { consumed: 1000, event: Event::Nothing });
    assert_eq!(buffer.filled(), b"");
    // A record of the length of the buffer fits, and a longer one does not, until another record is
    // at the front.
    for (total, room) in [(10, Ok(10)), (11, Err(RecordTooLong { total: 11 })), (5, Ok(10))] {
        buffer.consume(&Opened { consumed: 0, event: Event::NeedMore { total } });
        assert_eq!(buffer.room().map(|room| room.len()), room);
    }
    buffer.consume(&Opened { consumed: 0, event: Event::NeedMore { total: 11 } });
    buffer.consume(&Opened { consumed: 0, event: Event::Nothing });
    assert_eq!(buffer.room().map(|room| room.len()), Ok(10));
}

#[test]
fn truncation_is_reported_at_every_byte() {
    let session = tls13("truncated", |_| vec![]);
    let mut edges = vec![0];
    for record in split(&session.wire) {
        edges.push(edges.last().unwrap() + record.len());
    }
    for at in 0..=session.wire.len() {
        let ReadEnd::Truncated { inside_record, .. } = session.read([&session.wire[..at]]).end
        else {
            panic!("truncated");
        };
        assert_eq!(inside_record, !edges.contains(&at), "at {at}");
    }
    for (shown, inside_record) in [(0, false), (1, true), (5, true)] {
        let mut opener = Opener::<Secret>::new(Config::new(Role::Client));
        assert!(matches!(
            opener.open(&mut session.wire[..shown].to_vec()).unwrap().event,
            Event::NeedMore { .. }
        ));
        let end = ReadEnd::Truncated { epoch: Epoch::Plaintext, inside_record };
        assert_eq!(opener.eof(), end, "{shown} bytes shown");
    }
}

#[test]
fn a_record_with_unread_messages_is_truncated_inside_it() {
    let mut opener = Opener::<Secret>::new(Config::new(Role::Client));
    let mut wire = plaintext(HANDSHAKE, &[message(8, b"one"), message(8, b"two")].concat());
    let opened = opener.open(&mut wire).unwrap();
    assert_eq!(opened.consumed, 12);
    assert_eq!(opener.open(&mut []).unwrap().event, Event::NeedMore { total: 7 });
    let end = ReadEnd::Truncated { epoch: Epoch::Plaintext, inside_record: true };
    assert_eq!(opener.eof(), end);
}

#[test]
fn need_more_is_exact() {
    for session in
        [tls13("1.3", |_| vec![]), tls12("1.2", Suite::Tls12Gcm, |hand| hand.seal(DATA, b"x"))]
    {
        let mut opener = Opener::<Secret>::new(Config::new(session.role));
        let (mut at, mut end) = (0, 0);
        while at < session.wire.len() {
            let is_new = at == end;
            if is_new {
                end += split(&session.wire[at..]).next().unwrap().len();
            }
            let input = &mut session.wire[at..].to_vec();
            for length in 0..end - at {
                let opened = opener.open(&mut input[..length]).unwrap();
                let total = if is_new && length < 5 { 5 } else { end - at };
                assert_eq!((opened.consumed, opened.event), (0, Event::NeedMore { total }));
            }
            let opened = opener.open(&mut input[..end - at]).unwrap();
            match opened.event {
                Event::Handshake(piece) if piece.is_last() => {
                    (session.steps)(&mut opener, Some(piece.header.message_type.0));
                }
                Event::ChangeCipherSpec => (session.steps)(&mut opener, None),
                _ => {}
            }
            at += opened.consumed;
            assert!(opened.consumed > 0 && at <= end);
        }
    }
}

/// The calls before the one that is tried.
type Prepare = fn(&mut Sealer<Secret>);
/// A call that writes records.
type Call = fn(&mut Sealer<Secret>, &mut [u8]) -> Result<usize, SealError>;

/// A call that is tried with every size of its output.
struct Try {
    suite: Suite,
    epoch: Epoch,
    prepare: Prepare,
    call: Call,
    /// The contents of the records that it writes if it has just enough room.
    contents: Vec<Vec<u8>>,
}

/// A sealer, the calls that led to its state, and the overhead of its records.
fn sealer(suite: Suite, epoch: Epoch) -> Sealer<Secret> {
    let mut config = Config::new(Role::Server);
    config.fragment_limit = 10;
    let mut sealer = Sealer::new(config);
    if suite == Suite::Plain {
        sealer.set_version(Version::Tls13);
    } else {
        sealer.take_over(epoch, suite.secret(1), suite.first_sequence(epoch)).unwrap();
    }
    sealer
}

#[derive(Debug, PartialEq)]
struct Snapshot(Option<u64>, tls_record::close::WriteState, tls_record::WriteEnd, bool, bool, u16);

fn snapshot(sealer: &Sealer<Secret>) -> Snapshot {
    Snapshot(
        sealer.sequence(),
        sealer.state(),
        sealer.end(),
        sealer.has_control(),
        sealer.has_signal(),
        sealer.fragment_limit(),
    )
}

/// Returns every call that writes, in every suite that supports it.
fn tries() -> Vec<Try> {
    let poll: Call = Sealer::poll_control;
    let nothing: Prepare = |_| {};
    let mut tries = Vec::new();
    for suite in [Suite::Plain, Suite::Tls13, Suite::Tls12Gcm, Suite::Tls12Chacha] {
        let mut add = |prepare: Prepare, call: Call, contents: &[&[u8]]| {
            let contents = contents.iter().map(|content| content.to_vec()).collect();
            tries.push(Try { suite, epoch: Epoch::Application, prepare, call, contents });
        };
        if suite != Suite::Plain {
            let seal: Call =
                |sealer, out| sealer.seal(&[b"some ", b"data"], out).map(|it| it.written);
            add(nothing, seal, &[b"some data"]);
            // As many records as fit: the first.
            let seal: Call = |sealer, out| sealer.seal(&[&[7; 25]], out).map(|it| it.written);
            add(nothing, seal, &[&[7; 10]]);
            let in_place: Call = |sealer, out| sealer.seal_in_place(out, 3);
            add(nothing, in_place, &[&[0xaa; 3]]);
            add(nothing, |sealer, out| sealer.seal_in_place(out, 0), &[b""]);
        }
        if suite == Suite::Tls13 {
            add(|sealer| sealer.update_keys(false).unwrap(), poll, &[&key_update(0)]);
            add(|sealer| sealer.update_keys(true).unwrap(), poll, &[&key_update(1)]);
        }
        if matches!(suite, Suite::Tls12Gcm | Suite::Tls12Chacha) {
            add(|sealer| sealer.refuse_renegotiation().unwrap(), poll, &[&[1, 100]]);
        }
        let handshake: Call = |sealer, out| sealer.seal_handshake(&[&message(4, &[7; 19])], out);
        let long = message(4, &[7; 19]);
        add(nothing, handshake, &[&long[..10], &long[10..20], &long[20..]]);
        add(|sealer| sealer.close().unwrap(), poll, &[&[1, 0]]);
        add(|sealer| sealer.cancel().unwrap(), poll, &[&[1, 90]]);
        add(|sealer| sealer.abort(AlertDescription(47)).unwrap(), poll, &[&[2, 47]]);
    }
    tries.push(Try {
        suite: Suite::Plain,
        epoch: Epoch::Plaintext,
        prepare: nothing,
        call: |sealer, out| sealer.change_cipher_spec(out),
        contents: vec![vec![1]],
    });
    tries
}

#[test]
fn too_short_an_output_changes_nothing() {
    let mut sizes = 0;
    for (index, one) in tries().into_iter().enumerate() {
        let Try { suite, epoch, prepare, call, contents } = one;
        let mut sealer = sealer(suite, epoch);
        prepare(&mut sealer);
        let before = snapshot(&sealer);
        let need = contents.iter().map(|content| content.len() + suite.overhead()).sum();
        for size in 0..need {
            let mut out = vec![0xaa; size];
            let sealed = call(&mut sealer, &mut out);
            assert_eq!(sealed, Err(SealError::NoSpace { need }), "call {index}, {suite:?}");
            assert!(out.iter().all(|&byte| byte == 0xaa), "call {index}, {suite:?}");
            assert_eq!(snapshot(&sealer), before, "call {index}, {suite:?}");
            sizes += 1;
        }
        let mut out = vec![0xaa; need];
        assert_eq!(call(&mut sealer, &mut out), Ok(need), "call {index}, {suite:?}");
        // No sequence number was lost: the tags are those of the first records.
        let first = if suite == Suite::Plain { 0 } else { suite.first_sequence(epoch) };
        let mut mirror = Hand::new(suite, 1).at(first);
        let opened: Vec<_> = split(&out).map(|record| mirror.open(record).1).collect();
        assert_eq!(opened, contents, "call {index}, {suite:?}");
        if suite != Suite::Plain {
            assert_ne!(snapshot(&sealer), before, "call {index}, {suite:?}");
        }
    }
    println!("{sizes} sizes");
    assert!(sizes > 800);
}

#[test]
fn bytes_after_a_record_are_not_changed() {
    for Try { suite, epoch, prepare, call, contents } in tries() {
        if contents.len() > 1 {
            continue;
        }
        let mut sealer = sealer(suite, epoch);
        prepare(&mut sealer);
        let mut out = [0xaa; 51];
        let written = call(&mut sealer, &mut out).unwrap();
        assert!(out[written..].iter().all(|&byte| byte == 0xaa));
    }
}

#[test]
fn as_many_records_are_sealed_as_fit() {
    let data = [7; 35];
    for size in 0..200 {
        let mut sealer = sealer(Suite::Tls13, Epoch::Application);
        let mut out = vec![0; size];
        let sealed = sealer.seal(&[&data], &mut out);
        // Three full records of 32 bytes, and one of 27.
        let records = (size / 32).min(3) as u64;
        let last = u64::from(size >= 3 * 32 + 27);
        match sealed {
            Ok(sealed) => {
                assert_eq!(sealer.sequence(), Some(records + last));
                assert_eq!(sealed.taken, records as usize * 10 + last as usize * 5);
                assert_eq!(sealed.written, records as usize * 32 + last as usize * 27);
            }
            Err(error) => assert_eq!((error, records), (SealError::NoSpace { need: 32 }, 0)),
        }
    }
}

// The rest of a record is plaintext in the buffer of the call that opened it. If it were read from
// another buffer, unauthenticated bytes would pass for plaintext.
#[test]
fn the_rest_of_a_record_is_not_read_from_another_buffer() {
    let tickets = [message(4, b"first"), message(4, b"second"), message(4, b"third")].concat();
    let mut hand = Hand::new(Suite::Tls13, 1);
    let record = hand.seal(HANDSHAKE, &tickets);
    let forged = message(4, b"a ticket that the server never sent");
    let client = || {
        let mut opener = Opener::new(Config::new(Role::Client));
        opener.install(Epoch::Application, Suite::Tls13.secret(1)).unwrap();
        opener
    };

    let mut opener = client();
    let mut out = [forged.clone(), vec![0; 512]].concat();
    let mut input = record.clone();
    let first = opener.open(&mut input).unwrap();
    let rest = input.split_off(first.consumed);
    let stale = out.clone();
    for _ in 0..2 {
        let wrong = opener.open_into(&[&rest], &mut out);
        assert_eq!(wrong, Err(OpenError::OtherBuffer));
        assert_eq!(out, stale, "nothing is copied");
    }
    // Nothing has changed: the function that opened the record continues.
    let (got, left) = open_all(|input| opener.open(input), &rest);
    assert_eq!(
        got,
        [Got::Message(4, 0, b"second".to_vec()), Got::Message(4, 0, b"third".to_vec())]
    );
    assert_eq!(left, Ok(0));

    let mut opener = client();
    let first = opener.open_into(&[&record], &mut out).unwrap();
    let rest = &record[first.consumed..];
    for _ in 0..2 {
        let wrong = opener.open(&mut [forged.clone(), rest.to_vec()].concat());
        assert_eq!(wrong, Err(OpenError::OtherBuffer));
        assert_eq!(opener.end(), ReadEnd::Open);
    }
    // The rest needs input and room in the output, as a record does.
    let need_more = |total| Ok(Opened { consumed: 0, event: Event::NeedMore { total } });
    assert_eq!(opener.open_into(&[], &mut out), need_more(rest.len()));
    assert_eq!(opener.open_into(&[&rest[..5]], &mut out), need_more(rest.len()));
    let mut short = [0; 20];
    assert_eq!(opener.open_into(&[rest], &mut short), need_more(record.len()));
    let second = opener.open_into(&[rest], &mut out).unwrap();
    assert_eq!(Got::of(&second.event, &out), Some(Got::Message(4, 0, b"second".to_vec())));
    let third = opener.open_into(&[&rest[second.consumed..]], &mut out).unwrap();
    assert_eq!(Got::of(&third.event, &out), Some(Got::Message(4, 0, b"third".to_vec())));
    // Between records both functions may be called.
    let mut next = hand.seal(HANDSHAKE, &message(4, b"fourth"));
    let fourth = opener.open(&mut next).unwrap();
    assert_eq!(Got::of(&fourth.event, &next), Some(Got::Message(4, 0, b"fourth".to_vec())));
}

#[test]
fn the_longest_record_under_a_limit_fits_the_buffer_of_that_limit() {
    assert_eq!(
        record_size_limit(u16::MAX).max_record_len(),
        record_size_limit(16_385).max_record_len()
    );
    for suite in Suite::ALL {
        for bytes in [64, 512, 16_384] {
            let limit = record_size_limit(bytes);
            let mut sealer = Sealer::new(Config::new(Role::Client));
            sealer.set_record_size_limit(limit);
            sealer.take_over(Epoch::Application, suite.secret(1), 1).unwrap();
            let longest = sealer.record_len(sealer.fragment_limit().into());
            assert!(longest <= limit.max_record_len(), "{suite:?}, {bytes}: {longest}");
            // One suite needs the last byte of it.
            let is_longest = suite == Suite::Tls12Gcm;
            assert_eq!(longest == limit.max_record_len(), is_longest, "{suite:?}, {bytes}");
        }
    }
}

// DMA fills the room while what arrived before is opened.
#[test]
fn the_room_stays_where_it_is_while_records_are_consumed() {
    for leaves_rest in [false, true] {
        let mut peer = Hand::new(Suite::Tls13, 1);
        let mut wire = peer.seal(DATA, b"first");
        let first = wire.len();
        wire.extend(peer.seal(DATA, b"second"));
        let mut opener = Opener::new(Config::new(Role::Client));
        opener.install(Epoch::Application, Suite::Tls13.secret(1)).unwrap();

        let mut buffer = RecordBuffer::<256>::new();
        let arrived = if leaves_rest { first + 7 } else { first };
        buffer.room().unwrap()[..arrived].copy_from_slice(&wire[..arrived]);
        buffer.received(arrived);
        let rest = &wire[arrived..];
        buffer.room().unwrap()[..rest.len()].copy_from_slice(rest);
        let opened = opener.open(buffer.filled()).unwrap();
        buffer.consume(&opened);
        buffer.received(rest.len());
        let opened = opener.open(buffer.filled()).unwrap();
        let Event::ApplicationData(data) = opened.event.clone() else { panic!("{opened:?}") };
        assert_eq!(&buffer.filled()[data], b"second", "{leaves_rest}");
        buffer.consume(&opened);
        assert_eq!(buffer.room().unwrap().len(), 256, "all of it");
    }
}
