//! Received records and the answers of the engine. `conformance.md` has the requirement of each
//! test.

use tls_record::aead::Algorithm;
use tls_record::{
    AlertDescription, Config, ContentType, Epoch, Event, Fault, KeyError, OpenError, Opened,
    Opener, ReadEnd, Role, Sealer, TrafficSecret, Version, WriteEnd, close::ReadState,
    close::WriteState,
};
use tls_record_tests::Backend;
use tls_record_tests::records::{
    ALERT, CCS, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Suite, USER_CANCELED, header,
    key_update, message, plaintext, record_size_limit,
};

/// Each entry is a test: on this connection, the input that the closure returns causes this fault,
/// which is answered with this alert.
macro_rules! refused {
    ($($name:ident: $connection:expr, $wire:expr => $fault:ident, $alert:ident;)*) => {$(
        #[test]
        fn $name() {
            let mut connection: Connection = $connection;
            let wire: fn(&mut Connection) -> Vec<u8> = $wire;
            let wire = wire(&mut connection);
            connection.assert_refuses(&wire, Fault::$fault, AlertDescription::$alert);
        }
    )*};
}

/// Each entry is a test: on this connection, the input that the closure returns gives these events.
macro_rules! accepted {
    ($($name:ident: $connection:expr, $wire:expr => $got:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut connection: Connection = $connection;
            let wire: fn(&mut Connection) -> Vec<u8> = $wire;
            let wire = wire(&mut connection);
            assert_eq!(connection.receive(&wire), Ok(Vec::from($got)));
            assert_eq!(connection.layer.opener().state(), ReadState::Open);
            assert!(!connection.layer.has_control());
        }
    )*};
}

mod alerts;
mod any_padding;
mod change_cipher_spec;
mod early_data;
mod handshake;
mod limits_learnt_late;
mod open_out_of_place;
mod out_of_place;
mod protection;
mod sizes;

fn fresh() -> Connection {
    Connection::new(Config::new(Role::Server))
}

fn tls13() -> Connection {
    Connection::established(Suite::Tls13, Role::Client)
}

fn gcm() -> Connection {
    Connection::established(Suite::Tls12Gcm, Role::Client)
}

fn chacha() -> Connection {
    Connection::established(Suite::Tls12Chacha, Role::Client)
}

fn tls13_handshake() -> Connection {
    Connection::new(Config::new(Role::Server)).install(Epoch::Handshake, Suite::Tls13)
}

fn limited(suite: Suite, limit: u16) -> Connection {
    Connection::configured(suite, |config| {
        config.record_size_limit = Some(record_size_limit(limit))
    })
}

/// Returns the length of the record with this header, if the engine waits for it.
#[track_caller]
fn assert_waits(mut connection: Connection, header: Vec<u8>, length: usize) {
    let opened = connection.layer.open(&mut header.clone()).expect("a good header");
    assert_eq!(opened.event, Event::NeedMore { total: 5 + length });
}
