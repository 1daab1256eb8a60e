//! Records that the kernel, or the engine behind it, refuses: each has its alert.

use std::io::{ErrorKind, Read, Write};

use tls_record_alloc::tls_record::{AlertDescription, Fault, ReadEnd, WriteEnd};
use tls_record_tests::peers::{Peer, PeerEnd, Role};

use crate::support::{Kernel, Sealing, TLS12, TLS13, fill, pair, wait_for_error};

/// The header of a record that the kernel refuses before it has the rest.
const REFUSED: [u8; 5] = [23, 9, 9, 0, 50];
/// The lengths of records with an alert, and with 4 bytes.
const ALERT: usize = 5 + 2 + 1 + 16;
const FOUR: usize = 5 + 4 + 1 + 16;

/// Reads until an error, which must be that the peer broke the protocol.
fn read_fault(kernel: &mut Kernel) -> Fault {
    let error = kernel.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert!(kernel.read(&mut [0; 10]).is_err(), "the error stays");
    assert!(kernel.write(b"more").is_err());
    match kernel.end().read {
        ReadEnd::Fault(fault) => fault,
        end => panic!("{end:?}"),
    }
}

#[test]
fn a_forged_record_is_answered_with_bad_record_mac() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, agreed) else { return };
        peer.tls.write(b"data");
        let mut record = peer.tls.take_output();
        *record.last_mut().unwrap() ^= 1;
        peer.socket.write_all(&record).unwrap();
        assert_eq!(read_fault(&mut kernel), Fault::BadRecordMac);
        let alert = AlertDescription::BAD_RECORD_MAC;
        assert_eq!(kernel.end().write, WriteEnd::AlertSent(alert));
        assert_eq!(peer.receive_end(), PeerEnd::Alert(alert.0));
    }
}

#[test]
fn data_before_a_forged_record_is_delivered() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    peer.tls.write(b"before");
    peer.tls.write(b"forged");
    let mut records = peer.tls.take_output();
    *records.last_mut().unwrap() ^= 1;
    peer.socket.write_all(&records).unwrap();
    let mut data = [0; 6];
    kernel.read_exact(&mut data).unwrap();
    assert_eq!(&data, b"before");
    assert_eq!(read_fault(&mut kernel), Fault::BadRecordMac);
    assert_eq!(peer.receive_end(), PeerEnd::Alert(AlertDescription::BAD_RECORD_MAC.0));
}

#[test]
fn data_that_the_kernel_has_opened_is_delivered_after_a_write_finds_a_refusal() {
    for closes in [false, true] {
        let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
        let records = [&peer.seal(23, &[7; 100])[..], &REFUSED].concat();
        peer.socket.write_all(&records).unwrap();
        let mut data = vec![0; 10];
        kernel.read_exact(&mut data).unwrap();
        // The rest of the data is in the kernel, which has come to the next record.
        wait_for_error(&kernel);
        if closes {
            assert_eq!(kernel.close().unwrap_err().kind(), ErrorKind::ConnectionAborted);
        } else {
            assert_eq!(kernel.write(b"more").unwrap_err().kind(), ErrorKind::InvalidData);
        }
        assert_eq!(kernel.end().write, WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC));
        assert!(kernel.write(b"more").is_err());

        assert!(kernel.has_pending());
        let error = kernel.read_to_end(&mut data).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(data.len(), 100);
        assert_eq!(kernel.end().read, ReadEnd::Fault(Fault::BadRecordMac));
        drop(kernel);
        assert_eq!(peer.receive_all().len(), ALERT, "an alert");
    }
}

#[test]
fn a_write_finds_a_forged_record_that_a_read_has_passed() {
    for closes in [false, true] {
        let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
        let mut records = [peer.seal(23, b"data"), peer.seal(23, b"forged")].concat();
        *records.last_mut().unwrap() ^= 1;
        peer.socket.write_all(&records).unwrap();
        assert_eq!(kernel.read(&mut [0; 100]).unwrap(), 4);
        // The kernel has tried the next record, too.
        wait_for_error(&kernel);
        if closes {
            assert_eq!(kernel.close().unwrap_err().kind(), ErrorKind::ConnectionAborted);
        } else {
            assert_eq!(kernel.write(b"more").unwrap_err().kind(), ErrorKind::InvalidData);
        }
        assert_eq!(kernel.end().write, WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC));
        assert_eq!(read_fault(&mut kernel), Fault::BadRecordMac);
        drop(kernel);
        assert_eq!(peer.receive_all().len(), ALERT, "an alert");
    }
}

#[test]
fn a_close_notify_before_a_refusal_is_a_clean_end_and_data_is_sent_after_it() {
    for writes in [false, true] {
        let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
        let records = [&peer.seal(23, &[7; 100])[..], &peer.seal(21, &[1, 0]), &REFUSED].concat();
        peer.socket.write_all(&records).unwrap();
        let mut data = vec![0; 200];
        assert_eq!(kernel.read(&mut data).unwrap(), 100);
        // The kernel has opened the alert, to see that it is no data.
        wait_for_error(&kernel);
        if writes {
            kernel.write_all(b"four").unwrap();
        }
        kernel.close().unwrap();
        assert_eq!(kernel.read(&mut data).unwrap(), 0);
        assert!(kernel.end().is_clean());
        drop(kernel);
        assert_eq!(peer.receive_all().len(), ALERT + if writes { FOUR } else { 0 });
    }
}

#[test]
fn bytes_after_a_close_notify_do_not_end_our_direction() {
    for writes in [false, true] {
        let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
        peer.send(21, &[1, 0]);
        assert_eq!(kernel.read(&mut [0; 10]).unwrap(), 0);
        peer.socket.write_all(&REFUSED).unwrap();
        wait_for_error(&kernel);
        if writes {
            kernel.write_all(b"four").unwrap();
        }
        kernel.close().unwrap();
        assert!(kernel.end().is_clean());
        drop(kernel);
        assert_eq!(peer.receive_all().len(), ALERT + if writes { FOUR } else { 0 });
    }
}

#[test]
fn a_read_that_finds_a_refusal_before_it_receives_does_not_wait() {
    let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
    fill(&mut kernel);
    // The tickets are before the record that is refused.
    assert_eq!(kernel.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let closed = kernel.close();
    if closed.is_ok() {
        return println!("left out: this kernel has taken the alert");
    }
    assert!(kernel.wants_write());
    peer.socket.write_all(&REFUSED).unwrap();
    wait_for_error(&kernel);
    kernel.socket().set_nonblocking(false).unwrap();
    let receiving = std::thread::spawn(move || peer.receive_all());
    let error = kernel.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    drop(kernel);
    receiving.join().unwrap();
}

#[test]
fn a_record_that_is_too_long_is_answered_with_record_overflow() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, agreed) else { return };
        peer.socket.write_all(&[23, 3, 3, 0xff, 0xff]).unwrap();
        peer.socket.write_all(&[7; 100]).unwrap();
        assert_eq!(read_fault(&mut kernel), Fault::RecordOverflow);
        assert_eq!(peer.receive_end(), PeerEnd::Alert(AlertDescription::RECORD_OVERFLOW.0));
    }
}

#[test]
fn a_change_cipher_spec_after_the_handshake_is_refused() {
    for agreed in [TLS12, TLS13] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, agreed) else { return };
        peer.socket.write_all(&[20, 3, 3, 0, 1, 1]).unwrap();
        // In TLS 1.2 the kernel waits for an explicit nonce before it looks at a header.
        peer.write(b"data");
        // For the kernel it is a record without a tag.
        assert_eq!(read_fault(&mut kernel), Fault::BadRecordMac);
        assert_eq!(peer.receive_end(), PeerEnd::Alert(AlertDescription::BAD_RECORD_MAC.0));
    }
}

#[test]
fn records_that_have_no_place_are_refused_by_the_engine() {
    let key_update = [24, 0, 0, 1, 2];
    let cases: [(u8, &[u8], Fault); 8] = [
        (21, &[2], Fault::AlertLength),
        (21, &[], Fault::EmptyAlert),
        (21, &[1, 0, 0], Fault::AlertLength),
        (20, &[1], Fault::UnexpectedContentType),
        (99, b"what?", Fault::UnexpectedContentType),
        (22, &[1, 0, 0, 0], Fault::UnexpectedHandshake),
        (22, &key_update, Fault::KeyUpdateValue),
        (22, &[], Fault::EmptyHandshakeRecord),
    ];
    for (content_type, content, fault) in cases {
        let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
        peer.send(content_type, content);
        assert_eq!(read_fault(&mut kernel), fault);
        let alert = fault.alert().unwrap();
        assert_eq!(kernel.end().write, WriteEnd::AlertSent(alert));
        drop(kernel);
        assert_eq!(peer.receive_all().len(), ALERT, "an alert");
    }
}

#[test]
fn data_between_the_fragments_of_a_message_is_refused() {
    let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
    peer.send(22, &[4, 0]);
    peer.send(23, b"data");
    assert_eq!(read_fault(&mut kernel), Fault::Interleaved);
}

#[test]
fn warnings_without_end_are_a_flood() {
    let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
    let flood: Vec<u8> = (0..100).flat_map(|_| peer.seal(21, &[1, 90])).collect();
    peer.socket.write_all(&flood).unwrap();
    assert!(matches!(read_fault(&mut kernel), Fault::Flood(_)));
    assert_eq!(kernel.take_warning(), Some(AlertDescription::USER_CANCELED));
}
