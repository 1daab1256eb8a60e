//! Keys in hardware, which may have tags of another length, may fail, and must be told when to
//! erase keys.

use std::rc::Rc;

use tls_record::close::{ReadState, WriteState};
use tls_record::{
    AlertDescription, Config, Epoch, Event, Fault, KeyError, OpenError, Opener, RecordLayer, Role,
    SealError, Sealed, Sealer, Version, WriteEnd,
};
use tls_record_tests::chip::{Chip, Slot};
use tls_record_tests::records::{CLOSE_NOTIFY, HANDSHAKE, key_update, message, plaintext};

fn sealer(chip: &Rc<Chip>) -> Sealer<Slot> {
    let mut config = Config::new(Role::Client);
    config.fragment_limit = 10;
    let mut sealer = Sealer::new(config);
    sealer.install(Epoch::Application, chip.slot()).unwrap();
    sealer
}

/// Makes a record as a chip with tags of 16 bytes seals it.
fn record(content_type: u8, content: &[u8]) -> Vec<u8> {
    plaintext(tls_record::ContentType(23), &[content, &[content_type], &[0; 16]].concat())
}

// AES-CCM_8 has tags of 8 bytes (RFC 6655 section 3).
#[test]
fn tags_may_have_1_to_48_bytes() {
    for tag_len in [1, 8, 16, 32, 48] {
        let chip = Chip::new();
        chip.tag_len.set(tag_len);
        let mut layer = chip.layer();
        let mut wire = [0; 512];
        let written = layer.seal(&[b"data"], &mut wire).unwrap().written;
        assert_eq!(written, 5 + 4 + 1 + tag_len);
        let opened = layer.open(&mut wire[..written]).unwrap();
        assert_eq!((opened.consumed, opened.event), (written, Event::ApplicationData(5..9)));
    }
}

// 9846 5.2 and 5.3: the header of the record, and the sequence number in the iv; 5246 6.2.3.3 and
// 7905 2: seq_num, type, version and the length of the plaintext, and the same nonce.
#[test]
fn a_cipher_gets_the_nonce_and_additional_data_of_its_version() {
    const SEQUENCE: u64 = 0x0102_0304_0506_0708;
    let nonce = [0xf0, 1, 2, 3, 4 ^ 1, 5 ^ 2, 6 ^ 3, 7 ^ 4, 8 ^ 5, 9 ^ 6, 10 ^ 7, 11 ^ 8];
    for (version, additional_data) in [
        (Version::Tls13, vec![23, 3, 3, 1, 4 + 1 + 16]),
        (Version::Tls12, vec![1, 2, 3, 4, 5, 6, 7, 8, 23, 3, 3, 1, 4]),
    ] {
        let chip = Chip::new();
        let config = Config::new(Role::Client);
        let (mut opener, mut sealer) = (Opener::new(config), Sealer::new(config));
        opener.take_over(Epoch::Application, chip.slot_of(version), SEQUENCE).unwrap();
        sealer.take_over(Epoch::Application, chip.slot_of(version), SEQUENCE).unwrap();
        let mut wire = [0; 512];
        let written = sealer.seal(&[&[7; 0x104]], &mut wire).unwrap().written;
        opener.open(&mut wire[..written]).unwrap();
        let given = (nonce, additional_data);
        assert_eq!(chip.given.take(), [given.clone(), given], "sealed, opened");
    }
}

#[test]
fn keys_that_cannot_be_made_are_not_installed() {
    let chip = Chip::new();
    chip.keys.set(0);
    let mut opener = Opener::new(Config::new(Role::Client));
    assert_eq!(opener.install(Epoch::Application, chip.slot()), Err(KeyError::Crypto));
    assert_eq!((opener.epoch(), opener.sequence()), (Epoch::Plaintext, None));
    let mut sealer = Sealer::new(Config::new(Role::Client));
    assert_eq!(sealer.install(Epoch::Application, chip.slot()), Err(KeyError::Crypto));
    assert_eq!((sealer.epoch(), sealer.sequence()), (Epoch::Plaintext, None));
}

#[test]
fn a_cipher_that_fails_ends_the_connection_without_an_alert() {
    type Call = fn(&mut Sealer<Slot>, &mut [u8]) -> Result<usize, SealError>;
    let calls: [Call; 5] = [
        |sealer, out| sealer.seal(&[b"data"], out).map(|sealed| sealed.written),
        |sealer, out| sealer.seal(&[b"da", b"ta"], out).map(|sealed| sealed.written),
        |sealer, out| sealer.seal_in_place(out, 4),
        |sealer, out| sealer.seal_handshake(&[&message(4, b"ticket")], out),
        |sealer, out| {
            sealer.close().unwrap();
            sealer.poll_control(out)
        },
    ];
    for call in calls {
        let chip = Chip::new();
        let mut sealer = sealer(&chip);
        chip.seals.set(0);
        assert_eq!(call(&mut sealer, &mut [0; 64]), Err(SealError::Crypto));
        assert_eq!((sealer.state(), sealer.end()), (WriteState::Failed, WriteEnd::Failed));
        assert!(!sealer.has_control() && sealer.has_signal());
        assert_eq!((sealer.sequence(), chip.forgotten.get()), (None, (1, 1)));
        assert_eq!(sealer.seal(&[b"data"], &mut [0; 64]), Err(SealError::Failed));
    }
}

#[test]
fn records_sealed_before_the_cipher_failed_are_still_sent() {
    let chip = Chip::new();
    let mut sealer = sealer(&chip);
    chip.seals.set(2);
    let mut out = [0; 256];
    let sealed = sealer.seal(&[&[7; 35]], &mut out);
    assert_eq!(sealed, Ok(Sealed { taken: 20, written: 2 * 32 }));
    assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::Failed));
}

// The caller could not tell which messages of the flight were sealed.
#[test]
fn a_flight_amid_which_the_cipher_fails_is_an_error() {
    let chip = Chip::new();
    let mut sealer = sealer(&chip);
    chip.seals.set(1);
    let sealed = sealer.seal_handshake(&[&message(4, &[7; 35])], &mut [0; 256]);
    assert_eq!(sealed, Err(SealError::Crypto));
    assert_eq!(sealer.state(), WriteState::Failed);
}

#[test]
fn a_next_generation_that_cannot_be_made_is_an_internal_error() {
    let chip = Chip::new();
    let mut layer = chip.layer();
    chip.keys.set(0);
    let mut wire = record(HANDSHAKE.0, &key_update(0));
    assert_eq!(layer.open(&mut wire), Err(OpenError::Fault(Fault::Crypto)));
    assert_eq!(layer.opener().state(), ReadState::Failed);
    assert_eq!(layer.end().write, WriteEnd::AlertQueued(AlertDescription::INTERNAL_ERROR));
}

#[test]
fn a_next_generation_of_our_own_that_cannot_be_made_ends_the_connection() {
    let chip = Chip::new();
    let mut sealer = sealer(&chip);
    sealer.update_keys(false).unwrap();
    chip.keys.set(0);
    let mut out = [0xaa; 64];
    assert_eq!(sealer.poll_control(&mut out), Err(SealError::Crypto));
    assert_eq!((sealer.end(), sealer.sequence()), (WriteEnd::Failed, None));
    assert_eq!(out, [0; 64], "a KeyUpdate that could be sent by mistake");
}

// 9846 6.2 and 7.2: keys are erased when they are replaced, after a failure, and at the end.
mod keys_are_forgotten {
    use super::*;

    #[test]
    fn when_others_are_installed() {
        let chip = Chip::new();
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        layer.install(Epoch::Handshake, chip.slot(), chip.slot()).unwrap();
        assert_eq!(chip.forgotten.get(), (0, 0));
        layer.install(Epoch::Application, chip.slot(), chip.slot()).unwrap();
        assert_eq!(chip.forgotten.get(), (2, 2));
    }

    #[test]
    fn when_they_are_updated() {
        let chip = Chip::new();
        let mut layer = chip.layer();
        layer.open(&mut record(HANDSHAKE.0, &key_update(1))).unwrap();
        assert_eq!(chip.forgotten.get(), (0, 1));
        layer.poll_control(&mut [0; 64]).unwrap();
        assert_eq!(chip.forgotten.get(), (0, 2));
    }

    #[test]
    fn at_a_fault_and_when_its_alert_is_sealed() {
        let chip = Chip::new();
        let mut layer = chip.layer();
        layer.open(&mut record(0, b"")).unwrap_err();
        assert_eq!(chip.forgotten.get(), (1, 1));
        layer.poll_control(&mut [0; 64]).unwrap();
        assert_eq!(chip.forgotten.get(), (2, 2));
        drop(layer);
        assert_eq!(chip.forgotten.get(), (2, 2), "once");
    }

    #[test]
    fn at_an_error_alert_of_the_peer() {
        let chip = Chip::new();
        let mut layer = chip.layer();
        layer.open(&mut record(21, &[2, 80])).unwrap_err();
        assert_eq!(chip.forgotten.get(), (2, 2));
    }

    #[test]
    fn of_both_directions_after_an_abort() {
        let chip = Chip::new();
        let mut layer = chip.layer();
        layer.abort(AlertDescription::HANDSHAKE_FAILURE).unwrap();
        assert_eq!(chip.forgotten.get(), (1, 1));
        layer.poll_control(&mut [0; 64]).unwrap();
        assert_eq!(chip.forgotten.get(), (2, 2));
    }

    #[test]
    fn when_a_closed_connection_is_dropped() {
        let chip = Chip::new();
        let mut layer = chip.layer();
        layer.open(&mut record(21, &CLOSE_NOTIFY)).unwrap();
        layer.close().unwrap();
        layer.poll_control(&mut [0; 64]).unwrap();
        drop(layer);
        assert_eq!(chip.forgotten.get(), (2, 2));
    }
}
