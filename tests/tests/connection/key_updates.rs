//! KeyUpdates that become due at any time.

use tls_record::{Fault, Flood, KeyError, OpenError, SealError, ShutdownError};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Suite, key_update, message,
};

use crate::support::{Wired, alert, data};

#[test]
fn an_idle_connection_answers_a_key_update_without_a_further_call() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    for _ in 0..40 {
        end.accept(HANDSHAKE, &key_update(1));
        assert_eq!(end.tls.unsent().len(), 27);
        assert_eq!(end.send(), [(HANDSHAKE, key_update(0))]);
        end.accept(DATA, b"data");
    }
    // One answer waits for the transport, and one for all later requests waits after it.
    for _ in 0..5 {
        end.accept(HANDSHAKE, &key_update(1));
        assert_eq!(end.tls.unsent().len(), 27);
    }
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0)), (HANDSHAKE, key_update(0))]);
}

#[test]
fn requests_while_the_transport_stalls_take_no_more_room_than_there_is() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.fill();
    let waits = end.tls.unsent().len();
    for _ in 0..32 {
        end.accept(HANDSHAKE, &key_update(1));
        assert_eq!(end.tls.unsent().len(), waits);
    }
    let records = end.send();
    assert_eq!(records.iter().filter(|record| record.0 == HANDSHAKE).count(), 1);
}

#[test]
fn keys_are_updated_in_the_middle_of_writing() {
    for piece in [1, 13, 100, 512] {
        let mut end = Wired::<512>::configured(Suite::Tls13, |config| {
            config.key_limit = 7; // three of them for data
            config.fragment_limit = 10;
        });
        let content: Vec<u8> = (0..=255).collect();
        let (mut written, mut got) = (0, Vec::new());
        while written < content.len() {
            match end.tls.write(&[&content[written..]]) {
                Ok(taken) => written += taken,
                Err(SealError::NoSpace { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            end.take(piece);
            got.extend(end.opened());
        }
        got.extend(end.send());
        let updates = got.iter().filter(|record| record.0 == HANDSHAKE).count();
        assert_eq!(updates, 26 / 3, "26 records");
        for (at, record) in got.iter().enumerate() {
            assert_eq!(record.0 == HANDSHAKE, at % 4 == 3, "three records of data between them");
        }
        let got: Vec<u8> =
            got.into_iter().filter(|record| record.0 == DATA).flat_map(|record| record.1).collect();
        assert_eq!(got, content);
    }
}

#[test]
fn the_key_update_of_a_used_up_key_is_sent_without_a_further_call() {
    for slot in [false, true] {
        // One record for data.
        let mut end = Wired::<512>::configured(Suite::Tls13, |config| config.key_limit = 5);
        for _ in 0..3 {
            if slot {
                end.tls.reserve(4).unwrap().copy_from_slice(b"data");
                end.tls.commit(4).unwrap();
            } else {
                end.tls.write(&[b"data"]).unwrap();
            }
            assert_eq!(end.send(), [data(b"data"), (HANDSHAKE, key_update(0))]);
        }
    }
}

// 9846 5.1: no other record between the fragments of a message.
#[test]
fn a_message_that_one_key_cannot_seal_to_its_end_waits_for_the_next() {
    let mut end = Wired::<512>::configured(Suite::Tls13, |config| {
        config.key_limit = 8; // four of them
        config.fragment_limit = 10;
    });
    end.tls.write(&[b"first", b" second"]).unwrap();
    end.tls.write_handshake(&[&message(4, &[7; 20])]).unwrap();
    let records = end.send();
    let types: Vec<_> = records.iter().map(|record| (record.0, record.1.len())).collect();
    let expected = [(DATA, 10), (DATA, 2), (HANDSHAKE, 5), (HANDSHAKE, 10), (HANDSHAKE, 10)];
    assert_eq!(types, [&expected[..], &[(HANDSHAKE, 4)]].concat());
    assert_eq!(records[2].1, key_update(0));
}

#[test]
fn exhausted_keys_of_tls12_are_an_error_and_the_connection_still_closes() {
    let mut end = Wired::<512>::configured(Suite::Tls12Gcm, |config| config.key_limit = 7);
    end.tls.write(&[b"1"]).unwrap();
    end.tls.reserve(1).unwrap();
    end.tls.commit(1).unwrap();
    assert_eq!(end.tls.write(&[b"3"]), Err(SealError::KeyExhausted));
    assert_eq!(end.tls.reserve(1), Err(SealError::KeyExhausted));
    assert!(!end.tls.may_write() && !end.tls.can_write());
    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(end.send().pop(), Some(alert(CLOSE_NOTIFY)));
}

#[test]
fn the_opener_knows_of_our_request_at_once() {
    let mut end = Wired::<512>::configured(Suite::Tls13, |config| config.limits.key_updates = 0);
    end.fill();
    end.tls.update_keys(true).unwrap();
    assert_eq!(end.tls.update_keys(true), Err(KeyError::RequestOutstanding));
    let records = end.send();
    assert_eq!(records.last(), Some(&(HANDSHAKE, key_update(1))));
    // The only KeyUpdate within the budget is the answer to ours.
    assert_eq!(end.accept(HANDSHAKE, &key_update(0)), [Got::KeyUpdate(false)]);
    end.tls.update_keys(true).unwrap();
}

/// The answer to a request arrives before the transport reports that it has taken the request.
#[test]
fn the_answer_to_a_request_may_come_before_the_transport_is_done() {
    for how in 0..5 {
        let mut end =
            Wired::<512>::configured(Suite::Tls13, |config| config.limits.key_updates = 1);
        match how {
            0 => end.tls.update_keys(true).unwrap(),
            1 => end.tls.with_halves(|_, sealer| sealer.update_keys(true)).unwrap(),
            // The request waits for the slot.
            2 => {
                end.tls.reserve(4).unwrap();
                end.accept(HANDSHAKE, &key_update(1));
                end.tls.update_keys(true).unwrap();
                end.tls.discard().unwrap();
                end.take(usize::MAX);
            }
            // It is sealed before a slot.
            3 => {
                end.tls.write(&[b"data"]).unwrap();
                end.tls.update_keys(true).unwrap();
                end.tls.reserve(4).unwrap();
            }
            // For room.
            _ => {
                end.fill();
                end.tls.update_keys(true).unwrap();
                end.take(usize::MAX);
            }
        }
        // One update is tolerated, and this is none.
        end.accept(HANDSHAKE, &key_update(0));
        if how != 2 {
            end.accept(HANDSHAKE, &key_update(0));
        }
        let flood = end.peer.seal(HANDSHAKE, &key_update(0));
        assert_eq!(
            end.receive(&flood),
            Err(OpenError::Fault(Fault::Flood(Flood::KeyUpdates))),
            "{how}"
        );
    }
}

// 9846 4.7.3: "multiple KeyUpdate messages while silent" are answered with a single update, also if
// they arrive together with data.
#[test]
fn all_requests_of_one_read_get_one_answer() {
    for (behind, in_pieces) in [(0, false), (1, false), (5, false), (0, true), (1, true), (5, true)]
    {
        let mut end = Wired::<512>::new(Suite::Tls13);
        let (mut batch, mut out) = (Vec::new(), [0; 64]);
        for round in 0..4_u8 {
            batch.extend(end.peer.seal(HANDSHAKE, &key_update(1)));
            end.peer.update();
            batch.extend(end.peer.seal(DATA, &[round]));
        }
        // The last record may have arrived in part.
        batch.extend(&end.peer.seal(DATA, b"more")[..behind]);
        let mut at = 0;
        while at < batch.len() {
            let rest = &mut batch[at..];
            let opened = if in_pieces {
                let (first, second) = rest.split_at(rest.len() / 2);
                end.tls.received_into(&[first, second], &mut out).unwrap()
            } else {
                end.tls.received(rest).unwrap()
            };
            at += opened.consumed;
            if let tls_record::Event::NeedMore { .. } = opened.event {
                break;
            }
            let is_last = at == batch.len();
            assert_eq!(end.tls.unsent().is_empty(), !is_last, "after {at} bytes");
        }
        assert_eq!(end.send(), [(HANDSHAKE, key_update(0))]);
    }
}

#[test]
fn data_written_between_two_reads_is_sent_after_the_answer() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    let request = end.peer.seal(HANDSHAKE, &key_update(1));
    end.peer.update();
    let mut batch = [request, end.peer.seal(DATA, b"data")].concat();
    end.tls.received(&mut batch).unwrap();
    assert_eq!(end.tls.unsent().len(), 0);
    assert_eq!(end.tls.write(&[b"ours"]), Ok(4));
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0)), data(b"ours")]);

    // And so does a close_notify.
    let mut end = Wired::<512>::new(Suite::Tls13);
    let request = end.peer.seal(HANDSHAKE, &key_update(1));
    end.peer.update();
    let mut batch = [request, end.peer.seal(DATA, b"data")].concat();
    end.tls.received(&mut batch).unwrap();
    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0)), alert(CLOSE_NOTIFY)]);
}

#[test]
fn an_alert_amid_a_read_does_not_wait_for_its_end() {
    let mut end = Wired::<512>::new(Suite::Tls12Gcm);
    let close_notify = end.peer.seal(ALERT, &CLOSE_NOTIFY);
    let mut batch = [close_notify, b"not TLS".to_vec()].concat();
    end.tls.received(&mut batch).unwrap();
    assert_eq!(end.send(), [alert(CLOSE_NOTIFY)]);
}
