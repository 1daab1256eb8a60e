//! Records without progress, up to the limits of `conformance.md`: exactly N are accepted, and N +
//! 1 is answered with unexpected_message.

use tls_record::{AlertDescription, Config, Epoch, Fault, Flood, Limits, Role, Version};
use tls_record_tests::records::{
    ALERT, CCS, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Suite, USER_CANCELED, key_update,
    message, plaintext,
};

/// Makes a record without progress; the connection that receives it updates its keys if necessary.
type Nuisance = fn(&mut Connection) -> Vec<u8>;

fn empty(connection: &mut Connection) -> Vec<u8> {
    connection.peer.seal(DATA, b"")
}

fn padded(connection: &mut Connection) -> Vec<u8> {
    connection.peer.seal_padded(DATA, b"", 1)
}

fn user_canceled(connection: &mut Connection) -> Vec<u8> {
    connection.peer.seal(ALERT, &USER_CANCELED)
}

fn warning(connection: &mut Connection) -> Vec<u8> {
    connection.peer.seal(ALERT, &[1, 112])
}

fn update(connection: &mut Connection) -> Vec<u8> {
    let record = connection.peer.seal(HANDSHAKE, &key_update(0));
    connection.peer.update();
    record
}

fn requested_update(connection: &mut Connection) -> Vec<u8> {
    let record = connection.peer.seal(HANDSHAKE, &key_update(1));
    connection.peer.update();
    record
}

fn ccs(_: &mut Connection) -> Vec<u8> {
    plaintext(CCS, &[1])
}

fn hello_request(connection: &mut Connection) -> Vec<u8> {
    connection.peer.seal(HANDSHAKE, &message(0, b""))
}

fn data(connection: &mut Connection) -> Vec<u8> {
    connection.peer.seal(DATA, b"data")
}

fn ticket(connection: &mut Connection) -> Vec<u8> {
    connection.peer.seal(HANDSHAKE, &message(4, b"ticket"))
}

fn with(suite: Suite, set: impl FnOnce(&mut Limits)) -> Connection {
    Connection::configured(suite, |config| set(&mut config.limits))
}

/// A TLS 1.3 connection during its handshake.
fn handshaking(set: impl FnOnce(&mut Limits)) -> Connection {
    let mut config = Config::new(Role::Client);
    set(&mut config.limits);
    Connection::new(config).install(Epoch::Handshake, Suite::Tls13)
}

#[track_caller]
fn assert_accepts(connection: &mut Connection, count: usize, nuisance: Nuisance) {
    for i in 0..count {
        let record = nuisance(connection);
        let got = connection.receive(&record);
        assert!(matches!(got.as_deref(), Ok([_])), "number {}: {got:?}", i + 1);
    }
}

#[track_caller]
fn assert_floods(of: Flood, mut connection: Connection, count: usize, nuisance: Nuisance) {
    assert_accepts(&mut connection, count, nuisance);
    let record = nuisance(&mut connection);
    // Pending answers would be sent with the alert otherwise.
    connection.control();
    connection.assert_refuses(&record, Fault::Flood(of), AlertDescription::UNEXPECTED_MESSAGE);
}

/// Checks that after `count` records and one `other`, another `count` are accepted and no more.
#[track_caller]
fn assert_starts_again(
    of: Flood,
    mut connection: Connection,
    count: usize,
    nuisance: Nuisance,
    other: Nuisance,
) {
    assert_accepts(&mut connection, count, nuisance);
    assert_accepts(&mut connection, 1, other);
    assert_floods(of, connection, count, nuisance);
}

/// Checks that after `count` records and one `other`, no more are accepted.
#[track_caller]
fn assert_goes_on(
    of: Flood,
    mut connection: Connection,
    count: usize,
    nuisance: Nuisance,
    other: Nuisance,
) {
    assert_accepts(&mut connection, count, nuisance);
    assert_accepts(&mut connection, 1, other);
    assert_floods(of, connection, 0, nuisance);
}

// CVE-2016-6305
#[test]
fn empty_records_in_a_row_are_limited() {
    for suite in Suite::ALL {
        assert_floods(Flood::EmptyRecords, with(suite, |_| ()), 32, empty);
        for limit in [0, 1, 255] {
            assert_floods(
                Flood::EmptyRecords,
                with(suite, |limits| limits.empty_records = limit),
                limit.into(),
                empty,
            );
        }
        assert_starts_again(Flood::EmptyRecords, with(suite, |_| ()), 32, empty, data);
        assert_goes_on(Flood::EmptyRecords, with(suite, |_| ()), 32, empty, warning_of(suite));
    }
    assert_starts_again(Flood::EmptyRecords, with(Suite::Tls13, |_| ()), 32, empty, ticket);
    assert_starts_again(
        Flood::EmptyRecords,
        with(Suite::Tls12Gcm, |_| ()),
        32,
        empty,
        hello_request,
    );
    assert_goes_on(Flood::EmptyRecords, with(Suite::Tls13, |_| ()), 32, empty, padded);
}

fn warning_of(suite: Suite) -> Nuisance {
    if suite == Suite::Tls13 { user_canceled } else { warning }
}

#[test]
fn empty_early_data_in_a_row_is_limited() {
    let early = Connection::new(Config::new(Role::Server)).install(Epoch::EarlyData, Suite::Tls13);
    assert_floods(Flood::EmptyRecords, early, 32, empty);
}

// 9846 5.4: padded empty records are cover traffic.
#[test]
fn padded_records_are_no_flood() {
    let mut connection = with(Suite::Tls13, |limits| limits.empty_records = 0);
    assert_accepts(&mut connection, 1000, padded);
}

// CVE-2016-8610
#[test]
fn warnings_in_a_row_are_limited() {
    for suite in Suite::ALL {
        let nuisance = warning_of(suite);
        assert_floods(Flood::Warnings, with(suite, |_| ()), 4, nuisance);
        for limit in [0, 1, 255] {
            assert_floods(
                Flood::Warnings,
                with(suite, |limits| limits.warnings = limit),
                limit.into(),
                nuisance,
            );
        }
        assert_starts_again(Flood::Warnings, with(suite, |_| ()), 4, nuisance, data);
        assert_goes_on(Flood::Warnings, with(suite, |_| ()), 4, nuisance, empty);
    }
    assert_floods(Flood::Warnings, with(Suite::Tls12Gcm, |_| ()), 4, user_canceled);
    assert_goes_on(Flood::Warnings, with(Suite::Tls12Gcm, |_| ()), 3, warning, user_canceled);
    assert_starts_again(Flood::Warnings, with(Suite::Tls13, |_| ()), 4, user_canceled, ticket);
    assert_goes_on(Flood::Warnings, with(Suite::Tls13, |_| ()), 4, user_canceled, padded);
    assert_goes_on(Flood::Warnings, handshaking(|_| ()), 4, user_canceled, ccs);
}

#[test]
fn warnings_before_keys_are_limited() {
    for version in [None, Some(Version::Tls12), Some(Version::Tls13)] {
        let connection = || {
            let connection = Connection::new(Config::new(Role::Client));
            match version {
                Some(version) => connection.set_version(version),
                None => connection,
            }
        };
        assert_floods(Flood::Warnings, connection(), 4, user_canceled);
        assert_starts_again(Flood::Warnings, connection(), 4, user_canceled, |_| {
            plaintext(HANDSHAKE, &message(2, b"hello"))
        });
    }
}

// CVE-2026-32283, CVE-2026-56862, CVE-2026-39304
#[test]
fn key_updates_without_data_are_limited() {
    let connection = || with(Suite::Tls13, |_| ());
    for nuisance in [update as Nuisance, requested_update] {
        assert_floods(Flood::KeyUpdates, connection(), 32, nuisance);
        for limit in [0, 1, 100] {
            let limited = with(Suite::Tls13, |limits| limits.key_updates = limit);
            assert_floods(Flood::KeyUpdates, limited, limit.into(), nuisance);
        }
        assert_starts_again(Flood::KeyUpdates, connection(), 32, nuisance, data);
        // Only data resets the budget.
        for other in [empty as Nuisance, padded, ticket, user_canceled] {
            assert_goes_on(Flood::KeyUpdates, connection(), 32, nuisance, other);
        }
    }
}

#[test]
fn the_answer_to_our_request_is_no_flood_once() {
    let mut connection = with(Suite::Tls13, |limits| limits.key_updates = 2);
    assert_accepts(&mut connection, 2, update);
    connection.layer.update_keys(true).unwrap();
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(1))]);
    assert_accepts(&mut connection, 1, update);
    assert_floods(Flood::KeyUpdates, connection, 0, update);

    // A KeyUpdate that requests no update has no answer.
    let mut connection = with(Suite::Tls13, |limits| limits.key_updates = 2);
    connection.layer.update_keys(false).unwrap();
    connection.control();
    assert_floods(Flood::KeyUpdates, connection, 2, update);
}

// CVE-2020-25648
#[test]
fn change_cipher_specs_in_a_row_are_limited() {
    assert_floods(Flood::ChangeCipherSpecs, handshaking(|_| ()), 32, ccs);
    for limit in [0, 1, 255] {
        assert_floods(
            Flood::ChangeCipherSpecs,
            handshaking(|limits| limits.empty_records = limit),
            limit.into(),
            ccs,
        );
    }
    let certificate: Nuisance = |c| c.peer.seal(HANDSHAKE, &message(11, b"certificate"));
    assert_starts_again(Flood::ChangeCipherSpecs, handshaking(|_| ()), 32, ccs, certificate);
    assert_goes_on(Flood::ChangeCipherSpecs, handshaking(|_| ()), 32, ccs, user_canceled);
    let before_keys = Connection::new(Config::new(Role::Server)).set_version(Version::Tls13);
    assert_floods(Flood::ChangeCipherSpecs, before_keys, 32, ccs);
}

#[test]
fn change_cipher_specs_count_together_with_empty_records() {
    let mut early =
        Connection::new(Config::new(Role::Server)).install(Epoch::EarlyData, Suite::Tls13);
    for _ in 0..16 {
        assert_accepts(&mut early, 1, ccs);
        assert_accepts(&mut early, 1, empty);
    }
    assert_floods(Flood::ChangeCipherSpecs, early, 0, ccs);
}

#[test]
fn requests_to_renegotiate_are_limited() {
    let client_hello: Nuisance = |c| c.peer.seal(HANDSHAKE, &message(1, b"hello"));
    let server = |set: fn(&mut Limits)| {
        Connection::configured(Suite::Tls12Gcm, |config| {
            config.role = Role::Server;
            set(&mut config.limits);
        })
    };
    assert_floods(Flood::Renegotiations, with(Suite::Tls12Gcm, |_| ()), 32, hello_request);
    assert_floods(Flood::Renegotiations, server(|_| ()), 32, client_hello);
    assert_floods(
        Flood::Renegotiations,
        server(|limits| limits.renegotiations = 1),
        1,
        client_hello,
    );
    assert_floods(
        Flood::Renegotiations,
        with(Suite::Tls12Chacha, |limits| limits.renegotiations = 0),
        0,
        hello_request,
    );
    // The budget is for the whole connection.
    assert_goes_on(Flood::Renegotiations, with(Suite::Tls12Gcm, |_| ()), 32, hello_request, data);
    // A request in several fragments counts once.
    let mut connection = server(|limits| limits.renegotiations = 1);
    let hello = message(1, b"hello");
    for piece in [&hello[..3], &hello[3..4], &hello[4..6], &hello[6..]] {
        assert!(connection.accept(HANDSHAKE, piece).len() == 1);
    }
    assert_floods(Flood::Renegotiations, connection, 0, client_hello);
}

#[test]
fn a_close_notify_is_accepted_after_every_limit() {
    let mut connection = with(Suite::Tls13, |_| ());
    assert_accepts(&mut connection, 32, empty);
    assert_accepts(&mut connection, 4, user_canceled);
    assert_accepts(&mut connection, 32, update);
    assert_eq!(connection.accept(ALERT, &CLOSE_NOTIFY), [Got::Closed]);
}

#[test]
fn the_default_limits_are_32_records_and_4_warnings() {
    let limits = Limits::default();
    assert_eq!(
        (limits.empty_records, limits.warnings, limits.key_updates, limits.renegotiations),
        (32, 4, 32, 32)
    );
}

// 9846 4.7.1: a server may send tickets at any time. The messages of a TLS 1.2 handshake do not
// count either.
#[test]
fn other_handshake_messages_are_no_requests_to_renegotiate() {
    let mut tls13 = with(Suite::Tls13, |limits| limits.renegotiations = 0);
    assert_accepts(&mut tls13, 100, ticket);
    let mut config = Config::new(Role::Client);
    config.limits.renegotiations = 0;
    let mut tls12 = Connection::new(config).install(Epoch::Handshake, Suite::Tls12Gcm);
    assert_accepts(&mut tls12, 100, ticket);
}
