//! Room in the output: what has room, and what waits for it.

use tls_record::{Config, Connection, Padding, Role, SealError, ShutdownError};
use tls_record_tests::records::{
    CLOSE_NOTIFY, DATA, HANDSHAKE, Layer, Secret, Suite, key_update, message,
};

use crate::support::{Wired, alert, data};

/// Header, alert, inner type, tag.
const CLOSE_NOTIFY_LEN: usize = 5 + 2 + 1 + 16;

#[test]
fn state_and_room_are_different_questions() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        let asks = |end: &Wired<512>| (end.tls.may_write(), end.tls.can_write());
        assert_eq!(asks(&end), (true, true));
        end.tls.reserve(1).unwrap();
        assert_eq!(asks(&end), (true, false), "a slot is reserved");
        end.tls.discard().unwrap();
        end.fill();
        assert_eq!(asks(&end), (true, false), "there is no room");
        end.send();
        assert_eq!(asks(&end), (true, true));
        let _ = end.tls.shutdown();
        assert_eq!(asks(&end), (false, false), "it is closed");
    }
    let tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
    assert_eq!((tls.may_write(), tls.can_write()), (false, false), "there are no keys");
}

/// If `can_write` says that there is room, a write and a slot get it.
#[test]
fn can_write_is_a_promise() {
    let mut promises = 0;
    for suite in Suite::ALL {
        for slot in [false, true] {
            for step in 1..200 {
                let mut end = Wired::<300>::new(suite);
                let limit = usize::from(end.tls.writer().sealer().fragment_limit());
                for _ in 0..8 {
                    if end.tls.can_write() {
                        promises += 1;
                        if slot {
                            end.tls.reserve(limit).unwrap();
                            end.tls.commit(step.min(limit)).unwrap();
                        } else {
                            assert_eq!(end.tls.write(&[&vec![0; limit]]), Ok(limit));
                        }
                    }
                    end.take(step);
                }
            }
        }
    }
    println!("{promises} promises");
    assert!(promises > 1000);
}

#[test]
fn a_key_update_that_has_no_room_makes_data_and_slots_wait() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.fill();
    end.tls.update_keys(false).unwrap();
    assert_eq!(end.tls.write(&[b"data"]), Err(SealError::NoSpace { need: 27 }));
    assert_eq!(end.tls.reserve(1), Err(SealError::NoSpace { need: 27 }));
    assert_eq!(end.tls.write_handshake(&[&message(4, b"")]), Err(SealError::NoSpace { need: 27 }));
    assert!(end.tls.may_write() && !end.tls.can_write());
    assert_eq!(end.send_in(9).last(), Some(&(HANDSHAKE, key_update(0))));
    assert_eq!(end.tls.write(&[b"data"]), Ok(4));
    assert_eq!(end.send(), [data(b"data")]);
}

/// One that the peer requested, and one that requests an update.
#[test]
fn can_write_counts_two_key_updates_if_two_are_due() {
    for room in 0..150 {
        let mut end = Wired::<300>::new(Suite::Tls13);
        end.tls.with_halves(|_, sealer| sealer.set_fragment_limit(100));
        assert_eq!(end.tls.write(&[&vec![0; room]]).unwrap(), room);
        end.tls.update_keys(false).unwrap();
        end.tls.update_keys(true).unwrap();
        let limit = usize::from(end.tls.writer().sealer().fragment_limit());
        let has_room = end.tls.can_write();
        let unsent = end.tls.unsent().len();
        assert_eq!(has_room, unsent + 2 * (5 + 5 + 17) + 5 + limit + 17 <= 300, "{unsent}");
        assert_eq!(end.tls.write(&[&vec![0; limit]]).is_ok(), has_room, "{unsent}");
    }
}

#[test]
fn control_records_take_the_room_of_sent_bytes() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.fill();
    end.take(100);
    let unsent = end.tls.unsent().len();
    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(end.tls.unsent().len(), unsent + CLOSE_NOTIFY_LEN);
}

#[test]
fn a_fragment_limit_is_never_more_than_fits() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    let limit = end.tls.writer().sealer().fragment_limit();
    // A small limit first, and then as large as possible.
    end.tls.with_halves(|_, sealer| sealer.set_fragment_limit(100));
    assert_eq!(end.tls.writer().sealer().fragment_limit(), 100);
    end.tls.with_halves(|_, sealer| sealer.set_fragment_limit(16_384));
    assert_eq!(end.tls.writer().sealer().fragment_limit(), limit);
    assert!(end.tls.can_write());
    assert!(end.tls.write(&[&[0; 2000]]).is_ok());
}

#[test]
fn where_control_is_padded_a_record_takes_half_the_room_at_most() {
    let mut end = Wired::<512>::configured(Suite::Tls13, |config| {
        config.padding = Padding::FULL;
        config.pads_control = true;
    });
    assert_eq!(end.tls.write(&[b"data"]), Ok(4));
    let record = end.tls.unsent().len();
    assert!((200..=256).contains(&record), "{record}");
    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(end.tls.unsent().len(), 2 * record);
}

#[test]
fn where_control_is_not_padded_a_record_takes_all_the_room() {
    let limit = |padding, pads_control| {
        let end = Wired::<512>::configured(Suite::Tls13, |config| {
            config.padding = padding;
            config.pads_control = pads_control;
        });
        end.tls.writer().sealer().fragment_limit()
    };
    let most = limit(Padding::None, false);
    assert_eq!(limit(Padding::FULL, false), most);
    assert_eq!(limit(Padding::None, true), most, "there is no padding");
    assert!(limit(Padding::FULL, true) < most);
}

fn writes_and_closes<const TX: usize>() {
    for suite in Suite::ALL {
        let mut end = Wired::<TX>::new(suite);
        let limit = usize::from(end.tls.writer().sealer().fragment_limit());
        assert!(limit >= 65 && end.tls.writer().sealer().record_len(limit) <= TX, "{TX}");
        assert!(end.tls.can_write(), "{TX}");
        let content: Vec<u8> = (0..5 * TX).map(|i| (i % 251) as u8).collect();
        let (mut written, mut got) = (0, Vec::new());
        while written < content.len() {
            match end.tls.write(&[&content[written..]]) {
                Ok(0) => panic!("{TX}: no progress"),
                Ok(taken) => written += taken,
                Err(SealError::NoSpace { need }) => {
                    assert!(need <= TX && !end.tls.unsent().is_empty(), "{TX}: {need}");
                    end.take(TX / 3);
                }
                Err(error) => panic!("{TX}: {error}"),
            }
            got.extend(end.opened());
        }
        got.extend(end.send_in(TX / 3));
        assert!(got.iter().all(|record| record.0 == DATA), "{TX}");
        let got: Vec<u8> = got.into_iter().flat_map(|record| record.1).collect();
        assert!(got == content, "{TX}");

        // The longest slot, with a control record in front of it.
        end.tls.reserve(limit).unwrap().fill(9);
        let mut expected = vec![data(&vec![9; limit]), alert(CLOSE_NOTIFY)];
        if suite == Suite::Tls13 {
            end.accept(HANDSHAKE, &key_update(1));
            expected.insert(0, (HANDSHAKE, key_update(0)));
        }
        end.tls.commit(limit).unwrap();
        let _ = end.tls.shutdown();
        assert_eq!(end.send(), expected, "{TX}");
        assert_eq!(end.tls.shutdown(), Ok(()));
    }
}

#[test]
fn every_size_of_output_works() {
    macro_rules! sizes {
        ($($tx:literal)*) => { $(writes_and_closes::<$tx>();)* };
    }
    sizes!(128 129 130 131 132 133 140 149 150 151 152 153 154 155 156 157 158 159 160 161 162);
    sizes!(190 191 192 193 255 256 257 511 512 513 1024 2048 16384 16446 16447 16448 16484);
    sizes!(20000 65535 65536 65598 65599 70000);
}
