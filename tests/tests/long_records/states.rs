//! What may be called while a record is opened in part, and what ends it.

use tls_record::{
    AlertDescription, Arrival, Arrived, Config, ContentType, End, Epoch, Event, Fault, HEADER_LEN,
    OpenError, Opened, Opener, ReadEnd, Role, ShutdownError, SuspendError, WriteEnd,
};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, Connection, DATA, HANDSHAKE, Hand, Secret, Suite, key_update, message,
    record_size_limit,
};

/// The shortest buffer that receives records of any length.
const CAPACITY: usize = 256;

fn fault(fault: Fault) -> OpenError {
    OpenError::Fault(fault)
}

/// A part of a long record, without its borrow.
#[derive(Debug, PartialEq)]
enum Part {
    Usual(Event),
    Provisional { offset: usize, plaintext: Vec<u8> },
    Committed { content: usize },
}

impl Part {
    fn of(event: Arrival<'_>) -> Self {
        match event {
            Arrival::Record(event) => Self::Usual(event),
            Arrival::Provisional(part) => Self::Provisional {
                offset: part.offset(),
                plaintext: part.expose_unauthenticated().to_vec(),
            },
            Arrival::Committed { content } => Self::Committed { content },
            other => unreachable!("{other:?}"),
        }
    }
}

fn open(connection: &mut Connection, input: &mut [u8]) -> Result<(usize, Part), OpenError> {
    let Arrived { consumed, event } = connection.layer.open_arriving(input, CAPACITY)?;
    Ok((consumed, Part::of(event)))
}

/// Receives `wire`, as much at a time as fits. Returns how many bytes of plaintext were provisional.
fn receive(connection: &mut Connection, wire: &[u8]) -> (usize, Result<Vec<Part>, OpenError>) {
    let (mut at, mut provisional, mut parts) = (0, 0, Vec::new());
    while at < wire.len() {
        let end = wire.len().min(at + CAPACITY);
        match open(connection, &mut wire[at..end].to_vec()) {
            Ok((0, _)) => break,
            Ok((consumed, part)) => {
                at += consumed;
                match part {
                    Part::Provisional { plaintext, .. } => provisional += plaintext.len(),
                    part => parts.push(part),
                }
            }
            Err(error) => return (provisional, Err(error)),
        }
    }
    (provisional, Ok(parts))
}

/// Receives a connection's long record up to its middle. Returns the rest of it.
fn into_the_middle(connection: &mut Connection) -> Vec<u8> {
    let mut record = connection.peer.seal(DATA, &[7; 1000]);
    let (consumed, part) = open(connection, &mut record[..CAPACITY]).unwrap();
    let Part::Provisional { offset: 0, plaintext } = part else { panic!("{part:?}") };
    assert!(plaintext.iter().all(|byte| *byte == 7));
    record.split_off(consumed)
}

#[test]
fn parts_are_whole_blocks_and_follow_each_other() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        let record = connection.peer.seal(DATA, &(0..1000).map(|at| at as u8).collect::<Vec<_>>());
        let (mut at, mut all) = (0, Vec::new());
        let content = loop {
            let end = record.len().min(at + CAPACITY);
            let (consumed, part) = open(&mut connection, &mut record[at..end].to_vec()).unwrap();
            at += consumed;
            match part {
                Part::Provisional { offset, plaintext } => {
                    assert_eq!(offset, all.len());
                    all.extend(plaintext);
                    assert!(all.len() % 64 == 0 || at + 16 == record.len());
                }
                Part::Committed { content } => break content,
                Part::Usual(event) => panic!("{event:?}"),
            }
        };
        assert_eq!((at, content), (record.len(), 1000));
        assert_eq!(all.len(), if suite == Suite::Tls13 { 1001 } else { 1000 });
        assert!(all.iter().zip(0..1000).all(|(byte, at)| *byte == at as u8));
    }
}

#[test]
fn a_record_that_fits_the_buffer_is_opened_as_a_whole() {
    for suite in Suite::ALL {
        for (len, fits) in [(CAPACITY, true), (CAPACITY + 1, false)] {
            let mut connection = Connection::established(suite, Role::Client);
            let record = connection.peer.seal(DATA, &vec![1; len - suite.overhead()]);
            let (_, part) = open(&mut connection, &mut record[..CAPACITY].to_vec()).unwrap();
            assert_eq!(matches!(part, Part::Usual(Event::ApplicationData(_))), fits);
            assert_eq!(matches!(part, Part::Provisional { offset: 0, .. }), !fits);
        }
    }
}

#[test]
fn less_than_a_block_is_awaited() {
    for (suite, front) in [(Suite::Tls13, 5), (Suite::Tls12Gcm, 13)] {
        let mut connection = Connection::established(suite, Role::Client);
        let record = connection.peer.seal(DATA, &[1; 1000]);
        for len in HEADER_LEN..front + 64 {
            let need = Part::Usual(Event::NeedMore { total: front + 64 });
            assert_eq!(open(&mut connection, &mut record[..len].to_vec()), Ok((0, need)));
        }
        let (consumed, _) = open(&mut connection, &mut record[..front + 64].to_vec()).unwrap();
        assert_eq!(consumed, front + 64);
        let need = Part::Usual(Event::NeedMore { total: 64 });
        let mut next = record[consumed..][..63].to_vec();
        assert_eq!(open(&mut connection, &mut next), Ok((0, need)));
        // Cut off here, the record is not committed.
        let inside = ReadEnd::Truncated { epoch: Epoch::Application, inside_record: true };
        assert_eq!(connection.layer.eof(), inside);
        let truncated = Err(OpenError::Truncated);
        assert_eq!(open(&mut connection, &mut record[consumed..].to_vec()).map(drop), truncated);
    }
}

#[test]
fn a_short_buffer_is_told_how_long_the_record_is() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let mut record = connection.peer.seal(DATA, &[1; 1000]);
    let need = Event::NeedMore { total: record.len() };
    for capacity in [0, 5, CAPACITY - 1] {
        let input = &mut record[..CAPACITY - 1];
        let Arrived { consumed, event } = connection.layer.open_arriving(input, capacity).unwrap();
        assert_eq!((consumed, Part::of(event)), (0, Part::Usual(need.clone())));
    }
}

#[test]
fn records_of_a_handshake_are_not_opened_in_parts() {
    for epoch in [Epoch::Plaintext, Epoch::Handshake] {
        let mut connection = Connection::new(Config::new(Role::Client));
        if epoch == Epoch::Handshake {
            connection = connection.install(epoch, Suite::Tls13);
        }
        let record = connection.peer.seal(HANDSHAKE, &message(11, &[1; 1000]));
        let need = Part::Usual(Event::NeedMore { total: record.len() });
        assert_eq!(open(&mut connection, &mut record[..CAPACITY].to_vec()), Ok((0, need)));
    }
}

#[test]
fn no_other_function_opens_the_rest_of_a_record_that_arrives() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        let rest = into_the_middle(&mut connection);
        let mut input = rest.clone();
        let other = Err(OpenError::OtherBuffer);
        assert_eq!(connection.layer.open(&mut input), other);
        assert_eq!(connection.layer.open_into(&[&input], &mut [0; 2000]), other);
        assert_eq!(connection.layer.open_pieces(&mut [&mut input]), other);
        assert_eq!(input, rest, "nothing has changed");
        assert_eq!(connection.layer.end(), End { read: ReadEnd::Open, write: WriteEnd::Open });
        let (_, parts) = receive(&mut connection, &rest);
        assert_eq!(parts, Ok(vec![Part::Committed { content: 1000 }]));
        connection.accept(DATA, b"the next record");
    }
}

#[test]
fn no_other_function_opens_the_rest_of_a_record_in_pieces() {
    let ticket = message(4, b"a ticket");
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let mut record = connection.peer.seal(HANDSHAKE, &[&ticket[..], &ticket].concat());
    let (left, right) = record.split_at_mut(9);
    let opened = connection.layer.open_pieces(&mut [left, right]).unwrap();
    let rest = record[opened.consumed..].to_vec();
    let other = Err(OpenError::OtherBuffer);
    assert_eq!(connection.layer.open(&mut rest.clone()), other);
    assert_eq!(connection.layer.open_into(&[&rest], &mut [0; 2000]), other);
    assert_eq!(open(&mut connection, &mut rest.clone()), Err(OpenError::OtherBuffer));
    let mut rest = rest;
    let (left, right) = rest.split_at_mut(2);
    let opened = connection.layer.open_pieces(&mut [left, right]).unwrap();
    assert_eq!(opened.consumed, rest.len());

    // And not the other way round.
    let mut record = connection.peer.seal(HANDSHAKE, &[&ticket[..], &ticket].concat());
    let opened = connection.layer.open(&mut record).unwrap();
    let rest = &mut record[opened.consumed..];
    assert_eq!(connection.layer.open_pieces(&mut [rest]), other);
    assert_eq!(connection.layer.open(rest).unwrap().consumed, rest.len());
    let record = connection.peer.seal(HANDSHAKE, &[&ticket[..], &ticket].concat());
    let mut out = [0; 100];
    let opened = connection.layer.open_into(&[&record], &mut out).unwrap();
    let rest = &record[opened.consumed..];
    assert_eq!(connection.layer.open_pieces(&mut [&mut rest.to_vec()]), other);
    connection.layer.open_into(&[rest], &mut out).unwrap();
}

#[test]
fn a_connection_is_busy_inside_a_record_that_arrives() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let rest = into_the_middle(&mut connection);
    assert_eq!(connection.layer.suspend(&[5; 32]).err(), Some(SuspendError::Busy));
    let to_kernel = connection.layer.hand_receiver_to_kernel();
    assert_eq!(to_kernel.err(), Some(SuspendError::Busy));
    assert!(receive(&mut connection, &rest).1.is_ok());
    assert!(connection.layer.suspend(&[5; 32]).is_ok());
}

#[test]
fn nothing_is_counted_before_the_tag() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    connection.layer.close().unwrap();
    let start = connection.layer.check_closed(u32::MAX);
    assert_eq!(start, Err(ShutdownError::AwaitingPeer { drained: 0 }));
    let rest = into_the_middle(&mut connection);
    assert_eq!(connection.layer.opener().sequence(), Some(0));
    assert_eq!(connection.layer.check_closed(u32::MAX), start);
    let (tag, ciphertext) = rest.split_last_chunk::<16>().map(|(rest, tag)| (tag, rest)).unwrap();
    receive(&mut connection, ciphertext).1.unwrap();
    assert_eq!(connection.layer.opener().sequence(), Some(0));
    assert_eq!(connection.layer.check_closed(u32::MAX), start);
    receive(&mut connection, tag).1.unwrap();
    assert_eq!(connection.layer.opener().sequence(), Some(1));
    let drained = u32::try_from(1000 + Suite::Tls13.overhead()).unwrap();
    let end = Err(ShutdownError::AwaitingPeer { drained });
    assert_eq!(connection.layer.check_closed(u32::MAX), end);
}

#[test]
fn a_forged_record_fails_the_connection_at_its_tag() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        let record = connection.peer.forge(DATA, &[1; 1000]);
        let (provisional, opened) = receive(&mut connection, &record);
        assert!(provisional >= 1000, "an attacker can make this much provisional");
        assert_eq!(opened, Err(fault(Fault::BadRecordMac)));
        let next = connection.peer.seal(DATA, b"next");
        let again = open(&mut connection, &mut next.clone());
        assert_eq!(again, Err(fault(Fault::BadRecordMac)));
        assert_eq!(connection.layer.opener().sequence(), None, "the keys are wiped");
        assert_eq!(connection.control(), [(ALERT, vec![2, AlertDescription::BAD_RECORD_MAC.0])]);
    }
}

#[test]
fn a_long_record_without_application_data_is_a_fault_after_its_tag() {
    let ticket = message(4, &[1; 1000]);
    for (content_type, content) in [
        (HANDSHAKE, &ticket[..]),
        (HANDSHAKE, &key_update(1)),
        (ALERT, &CLOSE_NOTIFY),
        (ContentType(99), b""),
    ] {
        let mut connection = Connection::established(Suite::Tls13, Role::Client);
        let record = connection.peer.seal_padded(content_type, content, 1000);
        let (_, opened) = receive(&mut connection, &record[..record.len() - 1]);
        assert_eq!(opened, Ok(vec![]), "its type is not authenticated yet");
        let rest = &record[record.len() - 16..];
        assert_eq!(receive(&mut connection, rest).1, Err(fault(Fault::UnexpectedContentType)));
        let end = connection.layer.end();
        assert_eq!(end.read, ReadEnd::Fault(Fault::UnexpectedContentType));
        let alert = AlertDescription::UNEXPECTED_MESSAGE;
        assert_eq!(connection.control(), [(ALERT, vec![2, alert.0])]);
    }
}

#[test]
fn a_long_tls12_record_without_application_data_is_a_fault_at_its_header() {
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        for content_type in [HANDSHAKE, ALERT] {
            let mut connection = Connection::established(suite, Role::Client);
            let record = connection.peer.seal(content_type, &[0; 1000]);
            let header = &record[..HEADER_LEN];
            let refused = Err(fault(Fault::UnexpectedContentType));
            assert_eq!(receive(&mut connection, header), (0, refused));
        }
    }
}

#[test]
fn a_plaintext_that_is_too_long_is_a_fault_at_the_header() {
    let mut configured = Connection::configured(Suite::Tls13, |config| {
        config.record_size_limit = Some(record_size_limit(512));
    });
    let record = configured.peer.seal(DATA, &[0; 512]);
    assert_eq!(receive(&mut configured, &record), (0, Err(fault(Fault::RecordOverflow))));
    // Without a limit, a record that may be this long as ciphertext.
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let record = connection.peer.seal(DATA, &[0; 16_385]);
    assert_eq!(receive(&mut connection, &record), (0, Err(fault(Fault::RecordOverflow))));
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let record = connection.peer.seal(DATA, &[0; 16_384]);
    let committed = Ok(vec![Part::Committed { content: 16_384 }]);
    assert_eq!(receive(&mut connection, &record), (16_385, committed));
}

#[test]
fn an_abort_ends_the_record() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let rest = into_the_middle(&mut connection);
    connection.layer.abort(AlertDescription::UNKNOWN_CA).unwrap();
    let aborted = Err(fault(Fault::Aborted(AlertDescription::UNKNOWN_CA)));
    assert_eq!(receive(&mut connection, &rest), (0, aborted));
}

#[test]
fn a_key_update_is_answered_while_the_next_record_arrives() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let mut wire = connection.peer.seal(HANDSHAKE, &key_update(1));
    connection.peer.update();
    let update = wire.len();
    wire.extend(connection.peer.seal(DATA, &[1; 1000]));
    let (consumed, _) = open(&mut connection, &mut wire[..CAPACITY].to_vec()).unwrap();
    assert_eq!(consumed, update);
    assert!(!connection.layer.has_control(), "it waits for the end of the input");
    let (consumed, _) =
        open(&mut connection, &mut wire[update..][..64 + HEADER_LEN].to_vec()).unwrap();
    assert_eq!(consumed, 64 + HEADER_LEN);
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
    let (_, parts) = receive(&mut connection, &wire[update + consumed..]);
    assert_eq!(parts, Ok(vec![Part::Committed { content: 1000 }]));
}

#[test]
fn a_long_record_is_like_a_short_one_to_the_budgets() {
    let mut connection = Connection::configured(Suite::Tls13, |config| {
        config.limits.key_updates = 1;
        config.limits.empty_records = 0;
    });
    for _ in 0..5 {
        connection.accept(HANDSHAKE, &key_update(0));
        // Data between two KeyUpdates refills their budget; padding alone costs nothing.
        let wire =
            [connection.peer.seal_padded(DATA, b"", 900), connection.peer.seal(DATA, &[1; 900])];
        let parts = receive(&mut connection, &wire.concat()).1.unwrap();
        assert_eq!(parts, [Part::Committed { content: 0 }, Part::Committed { content: 900 }]);
    }
    connection.accept(HANDSHAKE, &key_update(0));
    let padding = connection.peer.seal_padded(DATA, b"", 900);
    receive(&mut connection, &padding).1.unwrap();
    let update = connection.peer.seal(HANDSHAKE, &key_update(0));
    assert!(receive(&mut connection, &update).1.is_err(), "padding alone does not refill it");
}

#[test]
fn the_input_may_end_anywhere_after_the_close() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let mut wire = connection.peer.seal(ALERT, &CLOSE_NOTIFY);
    wire.extend([0; 1000]);
    let (_, parts) = receive(&mut connection, &wire);
    assert!(parts.unwrap().iter().all(|part| *part == Part::Usual(Event::Closed)));
    let need = Part::Usual(Event::NeedMore { total: HEADER_LEN });
    assert_eq!(open(&mut connection, &mut []), Ok((0, need)));
    assert_eq!(connection.layer.open_pieces(&mut []).unwrap().consumed, 0);
}

#[test]
fn provisional_plaintext_does_not_show_itself() {
    let mut opener = Opener::<Secret>::new(Config::new(Role::Client));
    opener.install(Epoch::Application, Suite::Tls13.secret(7)).unwrap();
    let mut record = Hand::new(Suite::Tls13, 7).seal(DATA, &[b's'; 1000]);
    let arrived = opener.open_arriving(&mut record[..CAPACITY], CAPACITY).unwrap();
    let shown = format!("{arrived:?}");
    assert_eq!(shown, "Arrived { consumed: 197, event: Provisional(Provisional(192 bytes at 0)) }");
}

#[test]
fn a_connection_carries_the_alert_of_either_way() {
    let make = || {
        let layer = Connection::established(Suite::Tls13, Role::Client).layer;
        tls_record::Connection::<Secret, 256>::new(layer)
    };
    let forged = Connection::established(Suite::Tls13, Role::Client).peer.forge(DATA, &[1; 300]);
    let mac = fault(Fault::BadRecordMac);

    let mut connection = make();
    let mut record = forged.clone();
    let (left, right) = record.split_at_mut(100);
    assert_eq!(connection.received_pieces(&mut [left, right]), Err(mac));
    assert_eq!(connection.unsent().len(), 5 + 2 + 1 + 16);

    let mut connection = make();
    let (mut record, mut at) = (forged, 0);
    let error = loop {
        let end = record.len().min(at + CAPACITY);
        match connection.received_arriving(&mut record[at..end], CAPACITY) {
            Ok(arrived) => at += arrived.consumed,
            Err(error) => break error,
        }
    };
    assert_eq!((error, connection.unsent().len()), (mac, 5 + 2 + 1 + 16));
}

#[test]
fn ranges_in_pieces_count_from_the_first() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let mut record = connection.peer.seal(DATA, b"content");
    let (left, right) = record.split_at_mut(6);
    let mut pieces = [&mut [][..], left, &mut [][..], right];
    let Opened { consumed, event } = connection.layer.open_pieces(&mut pieces).unwrap();
    assert_eq!((consumed, &event), (5 + 7 + 1 + 16, &Event::ApplicationData(5..12)));
    let Event::ApplicationData(range) = event else { unreachable!() };
    assert!(tls_record::slices_of(&pieces, range).eq([b"c".as_slice(), b"ontent"]));
}
