//! Slots: records that are filled in the output buffer.

use tls_record::close::OnPeerClose;
use tls_record::{
    AlertDescription, KeyError, Padding, RecordSizeLimit, SealError, SuspendError, WriteEnd,
};
use tls_record_tests::records::{ALERT, CLOSE_NOTIFY, DATA, HANDSHAKE, Suite, key_update, message};

use crate::support::{PIECES, Wired, alert, data};

#[test]
fn a_due_control_record_is_sent_before_the_slot_and_before_its_commit() {
    for waits in [false, true] {
        let mut end = Wired::<512>::new(Suite::Tls13);
        if waits {
            end.tls.write(&[b"first"]).unwrap();
            end.take(2);
        }
        end.tls.reserve(100).unwrap().copy_from_slice(&[7; 100]);
        end.accept(HANDSHAKE, &key_update(1));
        let mut expected = vec![(HANDSHAKE, key_update(0))];
        if waits {
            expected.insert(0, data(b"first"));
        }
        assert_eq!(end.send_in(1), expected, "while the slot is reserved");
        assert_eq!(end.tls.slot_mut(), Some(&mut [7; 100][..]));
        end.tls.commit(100).unwrap();
        assert_eq!(end.send(), [data(&[7; 100])]);
    }
}

#[test]
fn an_unsent_control_record_comes_before_the_record_of_the_slot() {
    for piece in PIECES {
        let mut end = Wired::<512>::new(Suite::Tls13);
        end.tls.write(&[b"first"]).unwrap();
        end.tls.reserve(9).unwrap().copy_from_slice(b"committed");
        end.accept(HANDSHAKE, &key_update(1));
        end.tls.commit(9).unwrap();
        end.tls.write(&[b"last"]).unwrap();
        let expected =
            [data(b"first"), (HANDSHAKE, key_update(0)), data(b"committed"), data(b"last")];
        assert_eq!(end.send_in(piece), expected);
    }
}

#[test]
fn a_second_control_record_makes_the_slot_wait_until_the_transport_has_taken_the_first() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.reserve(4).unwrap().copy_from_slice(b"slot");
    end.accept(HANDSHAKE, &key_update(1));
    assert_eq!(end.tls.unsent().len(), 27);
    end.tls.update_keys(true).unwrap();
    assert_eq!(end.tls.unsent().len(), 27, "there is no room for it");
    for taken in 0..27 {
        assert_eq!(end.tls.commit(4), Err(SealError::NoSpace { need: 27 }), "{taken}");
        assert_eq!(end.tls.slot_mut(), Some(&mut b"slot".to_owned()[..]));
        end.take(1);
    }
    assert_eq!(end.tls.unsent().len(), 27, "the second");
    end.tls.commit(4).unwrap();
    let expected = [(HANDSHAKE, key_update(0)), (HANDSHAKE, key_update(1)), data(b"slot")];
    assert_eq!(end.send(), expected);
}

#[test]
fn a_control_record_that_waits_for_the_slot_is_sent_when_the_slot_is_discarded() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.reserve(4).unwrap();
    end.accept(HANDSHAKE, &key_update(1));
    end.tls.update_keys(true).unwrap();
    assert_eq!(end.tls.unsent().len(), 27);
    end.tls.discard().unwrap();
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0)), (HANDSHAKE, key_update(1))]);
    // The opener knows of the request, and gets the answer.
    assert_eq!(end.tls.update_keys(true), Err(KeyError::RequestOutstanding));
    end.accept(HANDSHAKE, &key_update(0));
    assert_eq!(end.tls.update_keys(true), Ok(()));
}

#[test]
fn a_fault_discards_the_slot_and_sends_its_alert() {
    for suite in Suite::ALL {
        // With and without room before the slot.
        for updates in 0..=usize::from(suite == Suite::Tls13) * 2 {
            for how in 0..3 {
                let mut end = Wired::<512>::new(suite);
                end.tls.reserve(300).unwrap().fill(7);
                for _ in 0..updates {
                    end.accept(HANDSHAKE, &key_update(1));
                }
                match how {
                    0 => {
                        let forged = end.peer.forge(DATA, b"forged");
                        assert!(end.receive(&forged).is_err());
                    }
                    1 => end.tls.abort(AlertDescription::BAD_RECORD_MAC).unwrap(),
                    _ => {
                        let error = end.peer.seal(ALERT, &[2, 80]);
                        assert!(end.receive(&error).is_err());
                    }
                }
                assert_eq!(end.tls.slot_mut(), None);
                assert_eq!(end.tls.commit(300), Err(SealError::NoSlot));
                assert_eq!(end.tls.discard(), Err(SealError::NoSlot));
                // It has room before the slot, which a KeyUpdate may have taken.
                let last = end.send().pop();
                assert_eq!(last, (how != 2).then(|| alert([2, 20])), "{suite:?} {updates} {how}");
            }
        }
    }
}

/// DMA may still fill it, and what it writes must not be sent.
#[test]
fn the_memory_of_a_slot_that_was_dropped_is_not_used_again() {
    for (updates, pads) in [(0, false), (1, false), (2, false), (0, true), (1, true)] {
        let mut end = Wired::<1024>::configured(Suite::Tls13, |config| {
            if pads {
                (config.padding, config.pads_control) = (Padding::Block(128), true);
            }
        });
        let slot = end.tls.reserve(200).unwrap().as_ptr_range();
        for _ in 0..updates {
            end.tls.update_keys(false).unwrap();
            end.accept(HANDSHAKE, &key_update(1));
        }
        let forged = end.peer.forge(DATA, b"forged");
        assert!(end.receive(&forged).is_err());
        while !end.tls.unsent().is_empty() {
            let unsent = end.tls.unsent().as_ptr_range();
            assert!(unsent.end <= slot.start || slot.end <= unsent.start, "{updates} {pads}");
            end.take(usize::MAX);
        }
        assert_eq!(end.tls.end().write, WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC));
    }
}

#[test]
fn padding_that_is_set_after_a_slot_was_reserved_does_not_keep_the_alert_back() {
    let mut end = Wired::<512>::configured(Suite::Tls13, |config| config.pads_control = true);
    let slot = end.tls.reserve(4).unwrap().as_ptr_range();
    end.tls.set_padding(Padding::Block(128));
    end.tls.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    let unsent = end.tls.unsent().as_ptr_range();
    assert!(unsent.end <= slot.start, "nothing uses the memory of the slot");
    assert_eq!(end.send(), [alert([2, 80])]);
}

// 5246 7.2.1: "discarding any pending writes"
#[test]
fn the_close_notify_of_a_tls12_peer_discards_the_slot_unless_we_half_close() {
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        for policy in [OnPeerClose::Reply, OnPeerClose::HalfClose] {
            let mut end =
                Wired::<512>::configured(suite, |config| config.tls12_on_peer_close = policy);
            end.tls.write(&[b"sealed"]).unwrap();
            end.tls.reserve(4).unwrap().copy_from_slice(b"slot");
            end.accept(ALERT, &CLOSE_NOTIFY);
            if policy == OnPeerClose::Reply {
                assert_eq!(end.tls.commit(4), Err(SealError::NoSlot));
                assert_eq!(end.tls.write(&[b"late"]), Err(SealError::Closed));
                assert_eq!(end.send(), [data(b"sealed"), alert(CLOSE_NOTIFY)]);
            } else {
                assert_eq!(end.tls.commit(4), Ok(()));
                assert_eq!(end.send(), [data(b"sealed"), data(b"slot")]);
            }
        }
    }
}

#[test]
fn a_slot_can_be_committed_in_part_or_not_at_all() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.reserve(9).unwrap().copy_from_slice(b"committed");
        assert_eq!(end.tls.reserve(1), Err(SealError::SlotReserved));
        assert_eq!(end.tls.write(&[b"data"]), Err(SealError::SlotReserved));
        assert_eq!(end.tls.write_handshake(&[&message(4, b"")]), Err(SealError::SlotReserved));
        assert_eq!(end.tls.commit(10), Err(SealError::TooLong));
        assert_eq!(end.tls.slot_mut(), Some(&mut b"committed".to_owned()[..]));
        end.tls.commit(6).unwrap();
        assert_eq!(end.tls.commit(6), Err(SealError::NoSlot));
        // Cover traffic, 9846 5.4.
        end.tls.reserve(0).unwrap();
        end.tls.commit(0).unwrap();
        end.tls.reserve(5).unwrap();
        end.tls.discard().unwrap();
        assert_eq!(end.tls.discard(), Err(SealError::NoSlot));
        assert_eq!(end.tls.slot_mut(), None);
        assert_eq!(end.send(), [data(b"commit"), data(b"")]);
    }
}

#[test]
fn a_slot_longer_than_a_record_is_refused() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        let limit = usize::from(end.tls.writer().sealer().fragment_limit());
        assert_eq!(end.tls.reserve(limit + 1), Err(SealError::TooLong));
        assert_eq!(end.tls.reserve(limit).unwrap().len(), limit);
        end.tls.commit(limit).unwrap();
        assert_eq!(end.send()[0].1.len(), limit);
    }
}

#[test]
fn a_record_size_limit_that_comes_late_applies_to_the_slot() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.reserve(100).unwrap();
    end.tls
        .with_halves(|_, sealer| sealer.set_record_size_limit(RecordSizeLimit::new(64).unwrap()));
    assert_eq!(end.tls.commit(64), Err(SealError::TooLong));
    end.tls.commit(63).unwrap();
    assert_eq!(end.send(), [data(&[0; 63])]);
}

#[test]
fn a_slot_that_was_dropped_is_given_up_before_a_suspend() {
    let mut end = Wired::<512>::new(Suite::Tls12Gcm);
    end.tls.reserve(4).unwrap();
    end.accept(ALERT, &CLOSE_NOTIFY);
    assert_eq!(end.send(), [alert(CLOSE_NOTIFY)]);
    let key = [7; 32];
    assert_eq!(end.tls.suspend(&key).err(), Some(SuspendError::Busy), "DMA may still fill it");
    assert_eq!(end.tls.discard(), Err(SealError::NoSlot));
    assert!(end.tls.suspend(&key).is_ok());
}
