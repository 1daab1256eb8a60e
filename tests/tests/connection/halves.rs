//! Connections that are split into halves.

use tls_record::{AlertDescription, Connection, Fault, ReadEnd, Role, ShutdownError, WriteEnd};
use tls_record_tests::records::{
    self, CLOSE_NOTIFY, DATA, HANDSHAKE, Secret, Suite, key_update, message, split,
};

use crate::support::{Wired, alert, data};

#[test]
fn a_connection_continues_after_splitting_and_joining() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.write(&[b"before"]).unwrap();
        end.take(3);
        end.tls.reserve(4).unwrap().copy_from_slice(b"slot");
        let (mut opener, mut writer) = end.tls.split();
        writer.commit(4).unwrap();
        // Joining delivers the notices of the opener.
        let mut forged = end.peer.forge(DATA, b"forged");
        assert!(opener.open(&mut forged).is_err());
        end.tls = Connection::join(opener, writer).unwrap();
        let queued = WriteEnd::AlertQueued(AlertDescription::BAD_RECORD_MAC);
        assert_eq!(end.tls.end().write, queued, "at once");
        assert_eq!(end.send(), [data(b"before"), data(b"slot"), alert([2, 20])]);
        let end = end.tls.end();
        assert_eq!(end.read, ReadEnd::Fault(Fault::BadRecordMac));
        assert_eq!(end.write, WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC));
    }
}

#[test]
fn a_renegotiation_is_refused_by_a_warning_without_a_further_call() {
    let mut end = Wired::<512>::new(Suite::Tls12Gcm);
    end.accept(HANDSHAKE, &message(0, b""));
    end.tls.with_halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
    assert_eq!(end.send(), [alert([1, 100])]);
    assert!(end.tls.can_write());
}

#[test]
fn a_writer_alone_seals_control_records_at_once() {
    let Wired { tls, mut mirror, .. } = Wired::<512>::new(Suite::Tls12Gcm);
    let (_, mut writer) = tls.split();
    writer.refuse_renegotiation().unwrap();
    assert_eq!(mirror.open(writer.unsent()), alert([1, 100]));
    let Wired { tls, mut mirror, .. } = Wired::<512>::new(Suite::Tls13);
    let (_, mut writer) = tls.split();
    writer.update_keys(true).unwrap();
    assert_eq!(mirror.open(writer.unsent()), (HANDSHAKE, key_update(1)));
    assert!(writer.has_signal());
    assert!(!writer.take_signal().is_empty() && !writer.has_signal());
    assert_eq!(writer.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(format!("{writer:?}"), format!("Writer({:?}, 51 bytes unsent)", writer.sealer()));
}

#[test]
fn a_writer_alone_keeps_to_its_fragment_limit() {
    let Wired { tls, mut mirror, .. } = Wired::<512>::new(Suite::Tls13);
    let (_, mut writer) = tls.split();
    writer.set_fragment_limit(100);
    assert_eq!(writer.write(&[&[1; 150]]), Ok(150));
    let wire = writer.unsent().to_vec();
    let lengths = split(&wire).map(|record| mirror.open(record).1.len());
    assert_eq!(lengths.collect::<Vec<_>>(), [100, 50]);
}

#[test]
fn records_due_before_are_unsent_from_the_start() {
    let records::Connection { mut layer, mut mirror, .. } =
        records::Connection::established(Suite::Tls13, Role::Client);
    layer.update_keys(false).unwrap();
    layer.close().unwrap();
    let tls = Connection::<Secret, 512>::new(layer);
    let wire = tls.unsent().to_vec();
    let mut records = split(&wire);
    assert_eq!(mirror.open(records.next().unwrap()), (HANDSHAKE, key_update(0)));
    mirror.update();
    assert_eq!(mirror.open(records.next().unwrap()), alert(CLOSE_NOTIFY));
}
