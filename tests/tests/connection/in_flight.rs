//! Transports that take bytes now and read them later: io_uring, DMA.

use tls_record::SealError;
use tls_record_tests::records::{CLOSE_NOTIFY, DATA, HANDSHAKE, Suite, key_update};

use crate::support::{Wired, alert, data};

/// The address of the bytes in flight, and the bytes.
fn submit<const TX: usize>(end: &mut Wired<TX>) -> (usize, Vec<u8>) {
    let bytes = end.tls.begin_send();
    (bytes.as_ptr().addr(), bytes.to_vec())
}

#[track_caller]
fn assert_in_place<const TX: usize>(end: &Wired<TX>, (address, bytes): &(usize, Vec<u8>)) {
    let unsent = end.tls.unsent();
    assert_eq!(unsent.as_ptr().addr(), *address, "the bytes were moved");
    assert!(unsent.starts_with(bytes), "the bytes were changed");
}

#[test]
fn bytes_in_flight_do_not_move_while_records_are_sealed() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.write(&[&[1; 100]]).unwrap();
    end.take(60);
    // There is room before the bytes, where sealing would move them.
    let submitted = submit(&mut end);
    let mut written = 0;
    while let Ok(taken) = end.tls.write(&[&[2; 90]]) {
        assert_in_place(&end, &submitted);
        written += taken;
    }
    assert_eq!(end.tls.write(&[&[2; 90]]).err(), Some(SealError::NoSpace { need: 90 + 22 }));
    assert!(!end.tls.can_write());
    end.accept(HANDSHAKE, &key_update(1));
    assert!(end.tls.reserve(90).is_err());
    let _ = end.tls.shutdown();
    assert_in_place(&end, &submitted);

    // A completion of a part, and one of the rest.
    end.take(30);
    let submitted = submit(&mut end);
    assert_in_place(&end, &submitted);
    end.take(submitted.1.len());
    let records = end.send();
    let sent: usize = records.iter().filter(|(kind, _)| *kind == DATA).map(|(_, c)| c.len()).sum();
    assert_eq!(sent, 100 + written);
    assert_eq!(records.last(), Some(&alert(CLOSE_NOTIFY)));
}

#[test]
fn a_slot_is_filled_and_committed_after_bytes_in_flight() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.write(&[b"first"]).unwrap();
    let submitted = submit(&mut end);
    end.tls.reserve(50).unwrap()[..6].copy_from_slice(b"second");
    end.tls.commit(6).unwrap();
    assert_in_place(&end, &submitted);
    end.take(submitted.1.len());
    assert_eq!(end.send(), [data(b"first"), data(b"second")]);
}

#[test]
fn room_is_made_again_when_nothing_is_in_flight() {
    for completes in [0, 122] {
        let mut end = Wired::<512>::new(Suite::Tls13);
        for _ in 0..4 {
            end.tls.write(&[&[1; 100]]).unwrap();
        }
        end.take(200);
        submit(&mut end);
        assert!(end.tls.write(&[&[2; 100]]).is_err());
        // The transport failed, or took a part.
        end.take(completes);
        assert_eq!(end.tls.write(&[&[2; 100]]), Ok(100));
    }
}

#[test]
fn one_send_at_a_time_and_no_more_is_taken_than_was_submitted() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.write(&[b"first"]).unwrap();
    let submitted = end.tls.begin_send().len();
    assert!(end.tls.begin_send().is_empty(), "the transport would send the record twice");
    end.tls.write(&[b"second"]).unwrap();
    let second = end.tls.unsent()[submitted..].to_vec();
    end.tls.sent(submitted + 5);
    assert_eq!(end.tls.unsent(), second);
}
