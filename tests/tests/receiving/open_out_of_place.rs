//! `Opener::open_out_of_place`: application data in the output, all else in the input.

use tls_record::aead::{AeadError, Provider, null::Null};
use tls_record::{OpenedIn, RecordLayer, SealError};
use tls_record_tests::records::Hand;
use tls_record_tests::watched::{Call, Watch, Watched};

use super::*;

/// A cipher that encrypts, out of place.
enum Apart {}

impl Watch for Apart {
    type Inner = Backend;
    const IS_OUT_OF_PLACE: bool = true;

    fn before(_: Call, _: &[u8]) -> Result<(), AeadError> {
        Ok(())
    }
}

/// The null cipher, which leaves the plaintext of a forged record.
enum NullApart {}

impl Watch for NullApart {
    type Inner = Null;
    const IS_OUT_OF_PLACE: bool = true;

    fn before(_: Call, _: &[u8]) -> Result<(), AeadError> {
        Ok(())
    }
}

const SECRET: u8 = 1;

fn secret<P: Provider>(version: Version) -> TrafficSecret<P> {
    match version {
        Version::Tls13 => TrafficSecret::tls13(Algorithm::Aes128Gcm, &[SECRET; 32]),
        Version::Tls12 => TrafficSecret::tls12(Algorithm::Aes128Gcm, &[SECRET; 16], &[SECRET; 4]),
    }
    .unwrap()
}

fn first(version: Version) -> u64 {
    u64::from(version == Version::Tls12)
}

/// A server's sender, and a client's receiver of what it seals.
fn pair(
    version: Version,
) -> (Sealer<TrafficSecret<Backend>>, Opener<TrafficSecret<Watched<Apart>>>) {
    let mut sealer = Sealer::new(Config::new(Role::Server));
    sealer.take_over(Epoch::Application, secret(version), first(version)).unwrap();
    let mut opener = Opener::new(Config::new(Role::Client));
    opener.take_over(Epoch::Application, secret(version), first(version)).unwrap();
    (sealer, opener)
}

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

/// Returns the record that `seal` writes.
fn record(seal: impl FnOnce(&mut [u8]) -> Result<usize, SealError>) -> Vec<u8> {
    let mut record = vec![0; 20_000];
    let len = seal(&mut record).unwrap();
    record.truncate(len);
    record
}

/// A record with `len` bytes of data, which are in the output.
fn in_output(consumed: usize, len: usize) -> OpenedIn {
    OpenedIn::Output(Opened { consumed, event: Event::ApplicationData(0..len) })
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

#[test]
fn data_goes_to_the_output_if_all_of_its_plaintext_fits() {
    for version in VERSIONS {
        for len in [600, 16_384] {
            let (mut sealer, mut opener) = pair(version);
            let plaintext = len + usize::from(version == Version::Tls13);
            let mut out = vec![0xaa; plaintext + 1];
            for room in [plaintext, plaintext + 1] {
                let mut input = record(|out| Ok(sealer.seal(&[&content(len)], out)?.written));
                let (consumed, sealed) = (input.len(), input.clone());
                input.extend(b"the next");
                let opened = opener.open_out_of_place(&mut input, &mut out[..room]).unwrap();
                assert_eq!(opened, in_output(consumed, len));
                assert_eq!(out[..len], content(len));
                assert_eq!(input[..consumed], sealed, "the input has not changed");
            }
            let mut input = record(|out| Ok(sealer.seal(&[&content(len)], out)?.written));
            let opened = opener.open_out_of_place(&mut input, &mut out[..plaintext - 1]);
            let Ok(OpenedIn::Input(Opened { consumed, event })) = opened else { panic!() };
            assert_eq!(consumed, input.len());
            assert_eq!(Got::of(&event, &input), Some(Got::Data(content(len))));
        }
    }
}

#[test]
fn the_padding_of_a_record_needs_room_as_well() {
    let (_, mut opener) = pair(Version::Tls13);
    let mut config = Config::new(Role::Server);
    config.padding = tls_record::Padding::Size(2_000);
    let mut sealer = Sealer::<TrafficSecret<Backend>>::new(config);
    sealer.install(Epoch::Application, secret(Version::Tls13)).unwrap();
    for (room, is_in_output) in [(1_999, false), (2_000, true)] {
        let mut input = record(|out| Ok(sealer.seal(&[b"short"], out)?.written));
        let mut out = vec![0; room];
        let opened = opener.open_out_of_place(&mut input, &mut out).unwrap();
        assert_eq!(opened == in_output(input.len(), 5), is_in_output);
        assert_eq!(out.starts_with(b"short"), is_in_output);
    }
}

#[test]
fn a_record_without_data_is_opened_in_the_input_with_all_of_its_messages() {
    let (mut sealer, mut opener) = pair(Version::Tls13);
    let messages =
        [message(4, &content(300)), message(4, &content(200)), message(4, &content(400))];
    let mut input = record(|out| sealer.seal_handshake(&[&messages.concat()], out));
    let (mut out, mut at) = (vec![0; 20_000], 0);
    for (number, message) in messages.iter().enumerate() {
        // By turns: the rest of the record is in the input.
        let opened = if number == 1 {
            opener.open(&mut input[at..]).unwrap()
        } else {
            match opener.open_out_of_place(&mut input[at..], &mut out).unwrap() {
                OpenedIn::Input(opened) => opened,
                other => panic!("{other:?}"),
            }
        };
        let got = Got::of(&opened.event, &input[at..]);
        assert_eq!(got, Some(Got::Message(4, 0, message[4..].to_vec())));
        at += opened.consumed;
    }
    assert_eq!(at, input.len());
    let mut input = record(|out| Ok(sealer.seal(&[&content(600)], out)?.written));
    let opened = opener.open_out_of_place(&mut input, &mut out).unwrap();
    assert_eq!(opened, in_output(input.len(), 600));
}

#[test]
fn every_front_of_a_record_needs_more_and_changes_nothing() {
    for version in VERSIONS {
        let (mut sealer, mut opener) = pair(version);
        let whole = record(|out| Ok(sealer.seal(&[&content(600)], out)?.written));
        let mut out = vec![0xaa; 1_000];
        for len in 0..whole.len() {
            let mut input = whole[..len].to_vec();
            let total = if len < 5 { 5 } else { whole.len() };
            let expected = Opened { consumed: 0, event: Event::NeedMore { total } };
            let opened = opener.open_out_of_place(&mut input, &mut out).unwrap();
            assert_eq!(opened, OpenedIn::Input(expected));
            assert_eq!(input, whole[..len]);
        }
        assert_eq!(out, [0xaa; 1_000]);
    }
}

#[test]
fn a_forged_record_ends_the_direction_and_leaves_nothing_in_the_output() {
    let record = Hand::established(Suite::Tls13, SECRET).seal(DATA, &[7; 600]);
    for at in record.len() - 16..record.len() {
        let mut opener =
            Opener::<TrafficSecret<Watched<NullApart>>>::new(Config::new(Role::Client));
        opener.install(Epoch::Application, secret(Version::Tls13)).unwrap();
        let mut input = record.clone();
        input[at] ^= 1;
        let mut out = vec![0xaa; 1_000];
        let error = Err(OpenError::Fault(Fault::BadRecordMac));
        for _ in 0..2 {
            assert_eq!(opener.open_out_of_place(&mut input, &mut out), error);
        }
        assert_eq!(opener.end(), ReadEnd::Fault(Fault::BadRecordMac));
        assert!(opener.has_notice(), "the alert");
        assert!(!out.contains(&7), "byte {at} of the record");
    }
}

#[test]
fn every_changed_byte_of_a_record_is_found() {
    for version in VERSIONS {
        let (mut sealer, _) = pair(version);
        let whole = record(|out| Ok(sealer.seal(&[&[7; 600]], out)?.written));
        for at in 5..whole.len() {
            let mut input = whole.clone();
            input[at] ^= 1;
            let opened = pair(version).1.open_out_of_place(&mut input, &mut [0; 1_000]);
            assert_eq!(opened, Err(Fault::BadRecordMac.into()), "byte {at}");
        }
    }
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_opened() {
    let (mut sealer, _) = pair(Version::Tls13);
    let mut config = Config::new(Role::Client);
    config.record_size_limit = Some(record_size_limit(600));
    for is_forged in [false, true] {
        let mut opener = Opener::<TrafficSecret<Watched<Apart>>>::new(config);
        opener.install(Epoch::Application, secret(Version::Tls13)).unwrap();
        let mut input = record(|out| Ok(sealer.seal(&[&content(1_000)], out)?.written));
        *input.last_mut().unwrap() ^= u8::from(is_forged);
        let opened = opener.open_out_of_place(&mut input, &mut [0; 2_000]);
        assert_eq!(opened, Err(Fault::RecordOverflow.into()));
    }
}

#[test]
fn valid_records_behind_the_end_are_not_opened() {
    for version in VERSIONS {
        let mut out = vec![0xaa; 1_000];
        let (mut sealer, mut opener) = pair(version);
        let data = record(|out| Ok(sealer.seal(&[&[7; 600]], out)?.written));
        opener.eof();
        let opened = opener.open_out_of_place(&mut data.clone(), &mut out);
        assert_eq!(opened, Err(OpenError::Truncated));

        // A peer that sends under the number behind its close_notify.
        let (mut sealer, mut opener) = pair(version);
        sealer.close().unwrap();
        let mut input = record(|out| sealer.poll_control(out));
        let mut sealer = Sealer::<TrafficSecret<Backend>>::new(Config::new(Role::Server));
        sealer.take_over(Epoch::Application, secret(version), first(version) + 1).unwrap();
        let data = record(|out| Ok(sealer.seal(&[&[7; 600]], out)?.written));
        let len = data.len();
        input.extend(data);
        let closed = opener.open_out_of_place(&mut input, &mut out).unwrap();
        let OpenedIn::Input(Opened { consumed, event: Event::Closed }) = closed else {
            panic!("{closed:?}")
        };
        let behind = opener.open_out_of_place(&mut input[consumed..], &mut out).unwrap();
        assert_eq!(behind, OpenedIn::Input(Opened { consumed: len, event: Event::Closed }));
        assert_eq!(opener.end(), ReadEnd::Closed { epoch: Epoch::Application });
        assert!(!out.contains(&7));
    }
}

#[test]
fn the_rest_of_a_record_in_another_buffer_is_not_passed_over() {
    let (mut sealer, mut opener) = pair(Version::Tls13);
    let messages = [message(4, &content(300)), message(4, &content(200))].concat();
    let record = record(|out| sealer.seal_handshake(&[&messages], out));
    let mut other = vec![0; 1_000];
    opener.open_into(&[&record], &mut other).unwrap();
    // It looks like a record, whose tag is right.
    let mut next = vec![0; 1_000];
    let len = sealer.seal(&[&content(600)], &mut next).unwrap().written;
    let opened = opener.open_out_of_place(&mut next[..len], &mut [0; 1_000]);
    assert_eq!(opened, Err(OpenError::OtherBuffer));
}

#[test]
fn requests_for_key_updates_in_one_input_get_one_answer() {
    let mut layer =
        RecordLayer::<TrafficSecret<Watched<NullApart>>>::new(Config::new(Role::Client));
    let own = TrafficSecret::tls13(Algorithm::Aes128Gcm, &[9; 32]).unwrap();
    layer.install(Epoch::Application, own, secret(Version::Tls13)).unwrap();
    let mut hand = Hand::established(Suite::Tls13, SECRET);
    let mut input = Vec::new();
    for requests in [true, false, true, false] {
        if requests {
            input.extend(hand.seal(HANDSHAKE, &key_update(1)));
            hand.update();
        }
        input.extend(hand.seal(DATA, &content(600)));
    }
    let (mut at, mut out, mut data) = (0, vec![0; 1_000], 0);
    while at < input.len() {
        assert!(!layer.has_control(), "all of the input comes first");
        let (OpenedIn::Input(opened) | OpenedIn::Output(opened)) =
            layer.open_out_of_place(&mut input[at..], &mut out).unwrap();
        data += usize::from(matches!(opened.event, Event::ApplicationData(_)));
        at += opened.consumed;
    }
    assert_eq!(data, 4);
    assert_ne!(layer.poll_control(&mut out), Ok(0));
    assert!(!layer.has_control(), "one answer");
}
