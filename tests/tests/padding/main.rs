//! Padding (9846 5.4): the length of records under each policy, and receivers that accept them.

#[cfg(feature = "peers")]
mod other_stacks;

use tls_record::{
    Config, ContentType, Epoch, Event, Fault, Flood, OpenError, Opener, Padding, PaddingFn,
    Role as End, SealError, Sealer,
};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Hand, Secret, Suite, key_update,
    message, record_size_limit, split,
};

/// The secret that the engine sends with, as `Connection` installs it.
const OWN: u8 = 0x80 + 0x30;

fn odd(_: ContentType, length: usize) -> usize {
    length | 1
}

fn alerts_only(content_type: ContentType, length: usize) -> usize {
    if content_type == ALERT { 100 } else { length }
}

const POLICIES: [Padding; 10] = [
    Padding::None,
    Padding::Block(1),
    Padding::Block(64),
    Padding::Block(1000),
    Padding::PowerOfTwo,
    Padding::Size(1),
    Padding::Size(512),
    Padding::FULL,
    Padding::By(PaddingFn(odd)),
    Padding::By(PaddingFn(|_, _| usize::MAX)),
];

/// Computes the length of an inner plaintext, independently of the engine.
fn expected(policy: Padding, content: usize, limit: usize) -> usize {
    let least = content + 1;
    let wanted = match policy {
        Padding::None => least,
        Padding::Block(size) => (least..).find(|n| n % usize::from(size) == 0).unwrap(),
        Padding::PowerOfTwo => (0..16).map(|bit| 1 << bit).find(|n| *n >= least).unwrap(),
        Padding::Size(size) => least.max(size.into()),
        Padding::By(PaddingFn(function)) => function(DATA, least),
        other => unreachable!("a policy that the test does not know: {other:?}"),
    };
    wanted.min(limit)
}

/// Opens a record whose content has a known length. Returns its content type and content.
fn take_apart(mirror: &mut Hand, record: &[u8], content: usize) -> (ContentType, Vec<u8>) {
    let (last, mut inner) = mirror.open(record);
    inner.push(last.0);
    assert!(inner[content + 1..].iter().all(|&byte| byte == 0), "padding is zeros");
    (ContentType(inner[content]), inner[..content].to_vec())
}

/// Lengths of content around the limits.
fn lengths(limit: usize) -> impl Iterator<Item = usize> {
    let max = limit - 1;
    let edges = [0, 64, 512, 1000, 1024, 2000, 4096, 8192, max];
    (0..=max).filter(move |&length| edges.iter().any(|edge| length.abs_diff(*edge) <= 2))
}

#[test]
fn policies_are_equal_if_they_are_the_same() {
    for (a, one) in POLICIES.iter().enumerate() {
        for (b, other) in POLICIES.iter().enumerate() {
            assert_eq!(one == other, a == b, "{one:?}, {other:?}");
        }
    }
}

// 9846 5.4, 8449 4: "the reduced limit applies to the full plaintext, including the content type
// and padding", and is filled exactly.
#[test]
fn every_policy_at_every_edge_makes_records_of_its_length_and_within_the_limit() {
    for limit in [64, 512, 16_385] {
        for policy in POLICIES {
            let mut connection = Connection::configured(Suite::Tls13, |config| {
                (config.padding, config.limits.empty_records) = (policy, 255);
            });
            connection.halves(|_, sealer| sealer.set_record_size_limit(record_size_limit(limit)));
            let limit = usize::from(limit);
            let mut config = Config::new(End::Server);
            config.record_size_limit = Some(record_size_limit(limit as u16));
            let mut opener = Opener::new(config);
            opener.install(Epoch::Application, Suite::Tls13.secret(OWN)).unwrap();

            for length in lengths(limit) {
                let inner = expected(policy, length, limit);
                let len = 5 + inner + 16;
                assert_eq!(connection.layer.sealer().record_len(length), len);
                let content = vec![0x5a; length];
                // Earlier bytes of the buffer are not in the padding.
                let mut wire = vec![0xff; len + 1];
                wire[5..][..length].fill(0x5a);
                let short = &mut wire[..len - 1];
                let no_space = Err(SealError::NoSpace { need: len });
                assert_eq!(connection.layer.seal_in_place(short, length), no_space);
                assert_eq!(connection.layer.seal_in_place(&mut wire, length), Ok(len));
                assert_eq!(wire[len], 0xff);
                let found = take_apart(&mut connection.mirror, &wire[..len], length);
                assert_eq!(found, (DATA, content.clone()));
                let event = opener.open(&mut wire[..len]).unwrap().event;
                if length == 0 {
                    assert_eq!(event, Event::Nothing);
                    continue;
                }
                assert_eq!(event, Event::ApplicationData(5..5 + length));

                // One slice and several slices give the same record.
                let (front, back) = content.split_at(length / 2);
                for parts in [&[&content[..]] as &[&[u8]], &[front, &[], back]] {
                    wire.fill(0xff);
                    assert_eq!(
                        connection.layer.seal(parts, &mut wire[..len - 1]).err(),
                        no_space.err()
                    );
                    let sealed = connection.layer.seal(parts, &mut wire).unwrap();
                    assert_eq!((sealed.taken, sealed.written), (length, len));
                    let found = take_apart(&mut connection.mirror, &wire[..len], length);
                    assert_eq!(found, (DATA, content.clone()));
                    assert!(opener.open(&mut wire[..len]).is_ok());
                }
            }
            let too_long = connection.layer.seal_in_place(&mut [0; 20_000], limit);
            assert_eq!(too_long, Err(SealError::TooLong));
        }
    }
}

#[test]
fn one_call_makes_several_padded_records() {
    for policy in POLICIES {
        let mut connection = Connection::configured(Suite::Tls13, |config| config.padding = policy);
        connection.halves(|_, sealer| sealer.set_record_size_limit(record_size_limit(64)));
        let data: Vec<u8> = (0..150).collect();
        let mut out = [0xff; 400];
        let sealed = connection.layer.seal(&[&data], &mut out).unwrap();
        assert_eq!(sealed.taken, 150);
        let mut found = vec![];
        for (record, length) in split(&out[..sealed.written]).zip([63, 63, 24]) {
            assert_eq!(record.len(), 5 + expected(policy, length, 64) + 16);
            found.extend(take_apart(&mut connection.mirror, record, length).1);
        }
        assert_eq!(found, data);
    }
}

// Our own limit exists because of buffers, so that padding keeps to it as well.
#[test]
fn padding_keeps_to_our_fragment_limit() {
    let connection = Connection::configured(Suite::Tls13, |config| {
        (config.padding, config.fragment_limit) = (Padding::FULL, 100);
    });
    assert_eq!(connection.layer.sealer().record_len(0), 5 + 101 + 16);
    assert_eq!(connection.layer.sealer().record_len(100), 5 + 101 + 16);
}

#[test]
fn control_records_are_padded_if_configured() {
    for (policy, covers, lengths) in [
        (Padding::Block(64), false, [3, 6, 11]),
        (Padding::Block(64), true, [64, 64, 64]),
        (Padding::Size(512), true, [512, 512, 512]),
        (Padding::By(PaddingFn(alerts_only)), true, [100, 6, 11]),
        (Padding::By(PaddingFn(alerts_only)), false, [3, 6, 11]),
        (Padding::None, true, [3, 6, 11]),
    ] {
        let mut connection = Connection::configured(Suite::Tls13, |config| {
            (config.padding, config.pads_control) = (policy, covers);
        });
        let mut out = [0xff; 600];
        let [alert, update, flight] = lengths.map(|inner| 5 + inner + 16);

        let tickets = message(4, b"ticket");
        let need = SealError::NoSpace { need: flight };
        assert_eq!(connection.layer.seal_handshake(&[&tickets], &mut out[..flight - 1]), Err(need));
        assert_eq!(connection.layer.seal_handshake(&[&tickets], &mut out), Ok(flight));
        let found = take_apart(&mut connection.mirror, &out[..flight], tickets.len());
        assert_eq!(found, (HANDSHAKE, tickets));
        connection.layer.update_keys(false).unwrap();
        let need = SealError::NoSpace { need: update };
        assert_eq!(connection.layer.poll_control(&mut out[..update - 1]), Err(need));
        assert_eq!(connection.layer.poll_control(&mut out), Ok(update));
        let found = take_apart(&mut connection.mirror, &out[..update], 5);
        assert_eq!(found, (HANDSHAKE, key_update(0)));
        connection.mirror.update();

        connection.layer.close().unwrap();
        let need = SealError::NoSpace { need: alert };
        assert_eq!(connection.layer.poll_control(&mut out[..alert - 1]), Err(need));
        assert_eq!(connection.layer.poll_control(&mut out), Ok(alert));
        let found = take_apart(&mut connection.mirror, &out[..alert], 2);
        assert_eq!(found, (ALERT, CLOSE_NOTIFY.to_vec()));
    }
}

// The computed length of a flight of several records is the written length.
#[test]
fn a_padded_flight_has_the_computed_length() {
    for policy in POLICIES {
        let mut connection = Connection::configured(Suite::Tls13, |config| {
            (config.padding, config.pads_control, config.fragment_limit) = (policy, true, 99);
        });
        let flight = message(4, &[0x5a; 246]);
        let need: usize =
            [99, 99, 52].iter().map(|&content| 5 + expected(policy, content, 100) + 16).sum();
        let mut out = [0xff; 400];
        let no_space = Err(SealError::NoSpace { need });
        assert_eq!(connection.layer.seal_handshake(&[&flight], &mut out[..need - 1]), no_space);
        assert_eq!(connection.layer.seal_handshake(&[&flight], &mut out), Ok(need));
        let mut found = vec![];
        for (record, length) in split(&out[..need]).zip([99, 99, 52]) {
            let (content_type, piece) = take_apart(&mut connection.mirror, record, length);
            assert_eq!(content_type, HANDSHAKE);
            found.extend(piece);
        }
        assert_eq!(found, flight);
    }
}

#[test]
fn tls12_and_plaintext_records_have_no_padding() {
    let configure = |config: &mut Config| {
        (config.padding, config.pads_control) = (Padding::FULL, true);
    };
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        let mut connection = Connection::configured(suite, configure);
        assert_eq!(connection.layer.sealer().record_len(4), 4 + suite.overhead());
        assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
        let mut record = [0; 64];
        assert_eq!(connection.layer.seal_in_place(&mut record, 4), Ok(4 + suite.overhead()));
        connection.mirror.sequence += 1;
        connection.layer.close().unwrap();
        assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
    }
    let mut config = Config::new(End::Client);
    configure(&mut config);
    let mut sealer = Sealer::<Secret>::new(config);
    let mut out = [0; 64];
    assert_eq!(sealer.seal_handshake(&[&message(1, b"hello")], &mut out), Ok(5 + 9));
    sealer.close().unwrap();
    assert_eq!(sealer.poll_control(&mut out), Ok(7));
}

// 9846 5.4: "plausibly sized cover traffic"
#[test]
fn padded_cover_traffic_is_no_flood() {
    for (policy, is_tolerated) in [(Padding::None, false), (Padding::Block(256), true)] {
        let mut sender = Connection::configured(Suite::Tls13, |config| config.padding = policy);
        let mut opener = Opener::new(Config::new(End::Server));
        opener.install(Epoch::Application, Suite::Tls13.secret(OWN)).unwrap();
        let mut opened = Ok(());
        for _ in 0..1000 {
            let mut record = [0xff; 300];
            let length = sender.layer.seal_in_place(&mut record, 0).unwrap();
            opened = opener.open(&mut record[..length]).map(|opened| {
                assert_eq!(opened.event, Event::Nothing);
            });
        }
        let flood = Err(OpenError::Fault(Fault::Flood(Flood::EmptyRecords)));
        assert_eq!(opened, if is_tolerated { Ok(()) } else { flood });
    }
}

// A connection reads the same with and without the scan in constant time.
#[test]
fn both_scans_find_the_same_content() {
    for constant_time in [false, true] {
        let open = || {
            Connection::configured(Suite::Tls13, |config| {
                config.constant_time_padding = constant_time;
            })
        };
        let mut connection = open();
        for content in [1, 2, 63, 64, 65, 1000] {
            for padding in (0..130).chain([1000, 16_384 - content]) {
                let data = vec![0; content];
                let record = connection.peer.seal_padded(DATA, &data, padding);
                assert_eq!(connection.receive(&record).unwrap(), [Got::Data(data)]);
            }
        }
        let record = connection.peer.seal_padded(DATA, &[], 16_384);
        assert_eq!(connection.receive(&record).unwrap(), [Got::Nothing]);
        let record = connection.peer.seal_padded(ALERT, &CLOSE_NOTIFY, 100);
        assert_eq!(connection.receive(&record).unwrap(), [Got::Closed]);

        for zeros in [0, 1, 63, 64, 65, 16_385] {
            let mut connection = open();
            let record = connection.peer.seal_inner(&vec![0; zeros]);
            let fault = Fault::NoContentType;
            let alert = tls_record::AlertDescription::UNEXPECTED_MESSAGE;
            connection.assert_refuses(&record, fault, alert);
        }
        let mut connection = open();
        let record = connection.peer.seal_inner(&[0; 16_386]);
        let alert = tls_record::AlertDescription::RECORD_OVERFLOW;
        connection.assert_refuses(&record, Fault::RecordOverflow, alert);
    }
}

#[test]
fn the_content_that_fits_a_space_is_maximal() {
    for policy in POLICIES {
        for fragment_limit in [20, 100, 16_384] {
            let mut connection = Connection::configured(Suite::Tls13, |config| {
                (config.padding, config.fragment_limit) = (policy, fragment_limit);
            });
            let limit = connection.layer.sealer().fragment_limit();
            for space in (0..300).chain([1000, 16_405, 16_406, 16_407, 20_000]) {
                let sealer = connection.layer.sealer();
                let fits = |content: &usize| sealer.record_len(*content) <= space;
                let expected = (0..=usize::from(limit)).rev().find(fits);
                assert_eq!(sealer.content_len(space), expected, "{policy:?}, {space} bytes");
            }
            connection.layer.set_padding(Padding::None);
        }
    }
}
