//! Connections and receive buffers in buffers of the caller's, whose length is known at run time
//! only.

use tls_record::aead::Provider;
use tls_record::{
    BufferTooShort, Config, Connection, ConnectionIn, Epoch, Event, Linked, Mailbox, RecordBuffer,
    RecordLayer, ResumeError, Role, Sealer, TrafficSecret, Writer, WriterIn,
};
use tls_record_tests::records::{self, DATA, HANDSHAKE, Hand, Secret, Suite, header, key_update};

use crate::support::Random;

/// The shortest buffer.
const MIN_LEN: usize = 128;

/// The content of a buffer at first, and of the slots that are not sent.
pub(crate) const MARK: u8 = 0xee;

pub(crate) const KEY: [u8; 32] = [7; 32];

/// Calls `check` with the lengths of arrays, as a const parameter.
macro_rules! with_arrays {
    ($check:ident: $($len:literal)*) => { $($check::<$len>();)* };
}

/// Makes random calls of every kind. Returns what they return, and what is unsent after each.
///
/// `arriving` returns a record of the peer's: a request for a KeyUpdate, or data.
pub(crate) fn life<P: Provider, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>>(
    mut tls: Connection<TrafficSecret<P>, TX, B>,
    mut arriving: impl FnMut(bool) -> Vec<u8>,
    resume: impl FnOnce(&mut [u8]) -> Result<Connection<TrafficSecret<P>, TX, B>, ResumeError>,
    mut random: Random,
) -> Vec<(String, Vec<u8>)> {
    let limit = tls.writer().sealer().fragment_limit();
    let mut trace = vec![(format!("{limit} {tls:?}"), Vec::new())];
    let mut resume = Some(resume);
    for _ in 0..150 {
        let len = random.below(220);
        let result = match random.below(16) {
            0..3 => format!("{:?}", tls.write(&[&vec![7; len]])),
            3 | 4 => format!("{:?}", tls.reserve(len).map(|slot| slot.fill(MARK))),
            5 => {
                if let Some(slot) = tls.slot_mut() {
                    slot.fill(7);
                }
                let committed = tls.commit(len.min(90));
                if let Some(slot) = tls.slot_mut() {
                    slot.fill(MARK);
                }
                format!("{committed:?}")
            }
            6 => format!("{:?}", tls.discard()),
            7 => format!("{:?}", tls.update_keys(random.below(2) == 0)),
            8 | 9 => {
                let opened = tls.received(&mut arriving(random.below(2) == 0));
                // The answer to a request waits for the end of the input.
                format!("{opened:?} {:?}", tls.received(&mut []))
            }
            10 => format!("{}", tls.begin_send().len()),
            11 => {
                let (opener, writer) = tls.split();
                tls = Connection::join(opener, writer).expect("they belong together");
                format!("{} {}", tls.can_write(), tls.may_write())
            }
            12 => {
                let mut mailbox = Mailbox::new();
                let (opener, writer) = tls.split_over(&mut mailbox);
                let writer: Linked<'_, Writer<TrafficSecret<P>, TX, B>> = writer;
                tls = Connection::join_linked(opener, writer).expect("they belong together");
                String::new()
            }
            13 if random.below(4) == 0 => match tls.suspend(&KEY) {
                Ok(mut bytes) => {
                    let Some(resume) = resume.take() else { break };
                    tls = resume(&mut bytes).expect("it was suspended just now");
                    "resumed".to_owned()
                }
                Err(error) => format!("{error:?}"),
            },
            _ => {
                tls.sent(len);
                String::new()
            }
        };
        trace.push((format!("{result} {:?}", tls.end()), tls.unsent().to_vec()));
    }
    let _ = tls.discard();
    for _ in 0..3 {
        trace.push((format!("{:?}", tls.shutdown()), tls.unsent().to_vec()));
        tls.sent(usize::MAX);
    }
    trace
}

/// Returns the records of a peer that is played by hand.
fn by_hand(mut peer: Hand) -> impl FnMut(bool) -> Vec<u8> {
    move |requests_update| {
        if !requests_update || peer.suite != Suite::Tls13 {
            return peer.seal(DATA, b"data");
        }
        let record = peer.seal(HANDSHAKE, &key_update(1));
        peer.update();
        record
    }
}

fn a_borrowed_buffer_is_like_an_array<const TX: usize>() {
    for suite in Suite::ALL {
        for seed in 1..=4 {
            let made = || {
                records::Connection::configured(suite, |config| {
                    if suite == Suite::Tls13 {
                        config.key_limit = 9;
                    }
                })
            };
            let end = made();
            let tls = Connection::<_, TX>::new(end.layer);
            let resume = |bytes: &mut [u8]| Connection::resume(bytes, &KEY);
            let expected = life(tls, by_hand(end.peer), resume, Random(seed));

            let (mut one, mut other) = ([MARK; TX], [MARK; TX]);
            let end = made();
            let tls = Connection::new_in(end.layer, &mut one[..]).unwrap();
            let other = &mut other[..];
            let resume = move |bytes: &mut [u8]| Connection::resume_in(bytes, &KEY, other);
            let trace = life(tls, by_hand(end.peer), resume, Random(seed));
            assert_eq!(trace, expected, "{TX}, {suite:?}, {seed}");
        }
    }
}

#[test]
fn a_connection_in_a_borrowed_buffer_does_what_one_in_an_array_does() {
    with_arrays!(a_borrowed_buffer_is_like_an_array:
        128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143
        150 160 175 191 192 193 200 220 255 256 257 300 333 400 1000 17000);
}

#[test]
fn a_buffer_of_every_length_holds_the_longest_record_or_is_refused() {
    let mut memory = [MARK; 600];
    for suite in Suite::ALL {
        for len in 0..memory.len() {
            let records::Connection { layer, mirror, .. } =
                records::Connection::established(suite, Role::Client);
            let tls = Connection::new_in(layer, &mut memory[..len]);
            if len < MIN_LEN {
                assert_eq!(tls.err(), Some(BufferTooShort { need: MIN_LEN }), "{len}");
                continue;
            }
            let (mut tls, mut mirror) = (tls.unwrap(), mirror);
            let limit = usize::from(tls.writer().sealer().fragment_limit());
            assert!(limit > 0 && limit < len, "{len}");
            assert_eq!(tls.write(&[&vec![7; 2 * len]]), Ok(limit), "{len}");
            assert_eq!(mirror.open(tls.unsent()), (DATA, vec![7; limit]), "{len}");
            tls.sent(len);
            tls.reserve(limit).unwrap().fill(8);
            if suite == Suite::Tls13 {
                tls.update_keys(false).unwrap();
                assert_eq!(mirror.open(tls.unsent()), (HANDSHAKE, key_update(0)), "{len}");
                mirror.update();
                tls.sent(len);
            }
            tls.commit(limit).unwrap();
            assert_eq!(mirror.open(tls.unsent()), (DATA, vec![8; limit]), "{len}");
        }
    }
}

#[test]
fn every_constructor_refuses_a_buffer_that_is_too_short() {
    let config = Config::new(Role::Client);
    let too_short = BufferTooShort { need: MIN_LEN };
    let mut layer = records::Connection::established(Suite::Tls13, Role::Client).layer;
    let bytes = layer.suspend(&KEY).unwrap();
    for len in [0, 1, MIN_LEN - 1, MIN_LEN] {
        let is_refused = len < MIN_LEN;
        let error = is_refused.then_some(too_short);
        let layer = RecordLayer::<Secret>::new(config);
        assert_eq!(Connection::new_in(layer, vec![0; len]).err(), error);
        let sealer = Sealer::<Secret>::new(config);
        assert_eq!(Writer::new_in(sealer, vec![0; len]).err(), error);
        let without_keys = ConnectionIn::<Secret, _>::without_keys_in(config, vec![0; len]);
        assert_eq!(without_keys.err(), error);

        let mut suspended = bytes;
        let buffer = vec![0; len];
        let resumed = ConnectionIn::<Secret, _>::resume_in(&mut suspended, &KEY, buffer);
        assert_eq!(resumed.err(), is_refused.then_some(ResumeError::BufferTooShort));
        assert_eq!(suspended == bytes, is_refused, "after an error the bytes have not changed");
    }
    assert_eq!(too_short.to_string(), "buffer too short: a connection needs 128 bytes");
}

#[test]
fn a_connection_without_keys_in_a_buffer_is_one_of_a_new_record_layer() {
    let config = Config::new(Role::Client);
    for len in MIN_LEN..400 {
        let (mut one, mut other) = (vec![0; len], vec![0; len]);
        let secret = |byte| Suite::Tls13.secret(byte);
        let made = [
            ConnectionIn::<Secret, _>::without_keys_in(config, &mut one[..]),
            Connection::new_in(RecordLayer::new(config), &mut other[..]),
        ];
        let [written, expected] = made.map(|tls| {
            let mut tls = tls.unwrap();
            tls.install(Epoch::Application, secret(1), secret(2)).unwrap();
            (tls.write(&[&[7; 400]]), tls.unsent().to_vec())
        });
        assert_eq!(written, expected, "{len}");
    }
}

#[test]
fn a_suspended_connection_leaves_nothing_in_its_buffer() {
    let mut buffer = [MARK; 200];
    let layer = records::Connection::established(Suite::Tls13, Role::Client).layer;
    let mut tls = Connection::new_in(layer, &mut buffer[..]).unwrap();
    tls.reserve(100).unwrap().fill(MARK);
    tls.discard().unwrap();
    tls.suspend(&KEY).unwrap();
    drop(tls);
    assert_eq!(buffer, [0; 200]);
}

#[test]
fn a_writer_in_a_buffer_joins_its_opener() {
    let end = records::Connection::established(Suite::Tls13, Role::Client);
    let (opener, sealer) = end.layer.split();
    let mut writer: WriterIn<_, Box<[u8]>> = Writer::new_in(sealer, vec![0; 200].into()).unwrap();
    writer.write(&[b"from the writer"]).unwrap();
    let tls = ConnectionIn::join(opener, writer).unwrap();
    let mut mirror = end.mirror;
    assert_eq!(mirror.open(tls.unsent()), (DATA, b"from the writer".to_vec()));
}

// Receive buffers

/// Receives records in random pieces, and returns what each call returned.
fn receiving<const LEN: usize, B: AsRef<[u8]> + AsMut<[u8]>>(
    mut buffer: RecordBuffer<LEN, B>,
    mut random: Random,
) -> Vec<String> {
    let mut end = records::Connection::established(Suite::Tls13, Role::Server);
    let (mut wire, mut trace) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        wire.extend(end.peer.seal(DATA, &vec![7; random.below(150)]));
    }
    let mut wire = &wire[..];
    while !wire.is_empty() {
        let room = match buffer.room() {
            Ok(room) => room,
            Err(error) => {
                trace.push(format!("{error:?}"));
                break;
            }
        };
        let len = (1 + random.below(100)).min(room.len()).min(wire.len());
        room[..len].copy_from_slice(&wire[..len]);
        wire = &wire[len..];
        trace.push(format!("{len} {}", room.len()));
        buffer.received(len);
        loop {
            let opened = end.layer.open(buffer.filled()).unwrap();
            if let Event::ApplicationData(range) = &opened.event {
                trace.push(format!("{:?}", &buffer.filled()[range.clone()]));
            }
            buffer.consume(&opened);
            if let Event::NeedMore { .. } = opened.event {
                break;
            }
        }
        trace.push(format!("{buffer:?}"));
    }
    trace
}

fn a_borrowed_receive_buffer_is_like_an_array<const LEN: usize>() {
    for seed in 1..=20 {
        let expected = receiving(RecordBuffer::<LEN>::new(), Random(seed));
        let mut memory = [MARK; LEN];
        let trace = receiving(RecordBuffer::new_in(&mut memory[..]), Random(seed));
        assert_eq!(trace, expected, "{LEN}, {seed}");
    }
}

#[test]
fn a_borrowed_receive_buffer_does_what_an_array_does() {
    with_arrays!(a_borrowed_receive_buffer_is_like_an_array:
        0 1 2 3 4 5 6 7 21 22 23 40 100 128 170 171 172 173 174 200 255 256 257 300 400 20000);
}

#[test]
fn a_receive_buffer_of_every_length_refuses_what_it_cannot_hold() {
    let mut memory = [MARK; 300];
    for len in 0..memory.len() {
        let mut buffer = RecordBuffer::new_in(&mut memory[..len]);
        let mut end = records::Connection::established(Suite::Tls13, Role::Server);
        let record = end.peer.seal(DATA, &[7; 100]);
        for byte in header(DATA, 100 + 17) {
            let Ok(room) = buffer.room() else { break };
            room[0] = byte;
            buffer.received(1);
            let opened = end.layer.open(buffer.filled()).unwrap();
            buffer.consume(&opened);
        }
        let total = if len < 5 { 5 } else { record.len() };
        assert_eq!(buffer.room().map_err(|error| error.total).is_err(), len < total, "{len}");
        assert_eq!(buffer.room().err().map_or(total, |error| error.total), total, "{len}");
    }
}
