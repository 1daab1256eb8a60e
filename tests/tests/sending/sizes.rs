use super::*;

fn sizes(connection: &mut Connection, length: usize) -> Vec<usize> {
    connection.send(&vec![7; length]).unwrap().iter().map(Vec::len).collect()
}

fn limited(suite: Suite, limit: u16) -> Connection {
    let mut connection = Connection::established(suite, Role::Client);
    connection.halves(|_, sealer| sealer.set_record_size_limit(record_size_limit(limit)));
    connection
}

// 8449 4: the limit "includes the content type and padding" in TLS 1.3; 6066 4.
#[test]
fn the_peers_limit_is_filled_and_kept() {
    assert_eq!(sizes(&mut limited(Suite::Tls13, 64), 200), [63, 63, 63, 11]);
    assert_eq!(sizes(&mut limited(Suite::Tls12Gcm, 64), 200), [64, 64, 64, 8]);
    assert_eq!(sizes(&mut limited(Suite::Tls12Chacha, 64), 200), [64, 64, 64, 8]);
    assert_eq!(sizes(&mut limited(Suite::Tls13, 512), 1000), [511, 489]);
    for limit in [16_385, u16::MAX] {
        for suite in Suite::ALL {
            assert_eq!(sizes(&mut limited(suite, limit), 16_385), [16_384, 1]);
        }
    }
    assert_eq!(sizes(&mut tls13(), 40_000), [16_384, 16_384, 7232]);
}

#[test]
fn the_smaller_of_two_limits_counts() {
    for (own, peers, expected) in [(50, 64, 50), (100, 64, 63), (1, 64, 1), (0, 64, 1)] {
        let mut connection =
            Connection::configured(Suite::Tls13, |config| config.fragment_limit = own);
        connection.halves(|_, sealer| sealer.set_record_size_limit(record_size_limit(peers)));
        assert_eq!(connection.layer.sealer().fragment_limit(), expected);
        assert_eq!(sizes(&mut connection, 2 * usize::from(expected)), [usize::from(expected); 2]);
        let too_long = usize::from(expected) + 1;
        let sealed = connection.layer.seal_in_place(&mut [0; 200], too_long);
        assert_eq!(sealed, Err(SealError::TooLong));
    }
}

// 8449 4: "Endpoints MUST NOT send a "record_size_limit" extension with a value smaller than 64."
#[test]
fn a_limit_under_64_is_illegal() {
    for limit in 0..64 {
        assert_eq!(RecordSizeLimit::new(limit), None);
    }
    for limit in 64..=u16::MAX {
        assert_eq!(RecordSizeLimit::new(limit).unwrap().get(), limit);
    }
}

// 8449 4: "Unprotected messages are not subject to this limit."
#[test]
fn the_peers_limit_binds_protected_records_alone() {
    let mut connection = fresh(Role::Server).set_version(Version::Tls13);
    connection.halves(|_, sealer| sealer.set_record_size_limit(record_size_limit(64)));
    let hello = message(2, &[0; 196]);
    let mut out = [0; 1024];
    assert_eq!(connection.layer.seal_handshake(&[&hello], &mut out), Ok(205));
    let mut connection = connection.install(Epoch::Handshake, Suite::Tls13);
    assert_eq!(connection.layer.seal_handshake(&[&hello], &mut out), Ok(200 + 4 * 22));
    let records = split(&out[..200 + 4 * 22]).map(|record| connection.mirror.open(record).1);
    assert_eq!(records.collect::<Vec<_>>().concat(), hello);
}

// 9846 5.4: cover traffic is asked for, it does not happen.
#[test]
fn no_data_makes_no_record_unless_asked_for() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        let none: [&[&[u8]]; 3] = [&[], &[b""], &[b"", b""]];
        for parts in none {
            assert_eq!(connection.layer.seal(parts, &mut []), Ok(Sealed::default()));
        }
        let first = suite.first_sequence(Epoch::Application);
        assert_eq!(connection.layer.sealer().sequence(), Some(first));
        let mut record = [0; 64];
        let length = connection.layer.seal_in_place(&mut record, 0).unwrap();
        assert_eq!(length, suite.overhead());
        assert_eq!(connection.mirror.open(&record[..length]), (DATA, vec![]));
    }
}

#[test]
fn parts_are_sealed_as_one() {
    let mut connection = Connection::configured(Suite::Tls13, |config| config.fragment_limit = 7);
    let mut out = [0; 512];
    let parts: [&[u8]; 6] = [b"a", b"", b"longer than a record", b"b", b"c", b""];
    let sealed = connection.layer.seal(&parts, &mut out).unwrap();
    let records: Vec<_> =
        split(&out[..sealed.written]).map(|record| connection.mirror.open(record).1).collect();
    assert_eq!((sealed.taken, records.concat()), (23, parts.concat()));
    assert_eq!(records.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 7, 2]);
}
