//! Sent records. `conformance.md` has the requirement of each test.

mod a_long_message;
mod closing;
mod establishing;
mod failing;
mod handshake_messages;
mod key_limits;
mod key_updates;
mod keys;
mod out_of_place;
mod record_sizes;
mod sequence_numbers;
mod sizes;
mod tls12_handshake_keys;

use std::collections::HashSet;

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use tls_record::aead::Algorithm;
use tls_record::close::{OnPeerClose, ReadState, WriteState};
use tls_record::{
    Alert, AlertDescription, CloseError, Config, Control, Epoch, Event, Fault, KeyError, OpenError,
    Opener, ReadEnd, RecordLayer, RecordSizeLimit, Role, SealError, Sealed, Sealer, ShutdownError,
    Version, WriteEnd,
};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Hand, Layer, Secret, Suite,
    USER_CANCELED, key_update, message, open_all, plaintext, record_size_limit, split,
};

/// The most records that one AES-GCM key may seal (9846 5.5).
const GCM_LIMIT: u64 = 23_726_566;
/// How many of those are reserved for control.
const RESERVE: u64 = 4;

fn fresh(role: Role) -> Connection {
    Connection::new(Config::new(role))
}

fn tls13() -> Connection {
    Connection::established(Suite::Tls13, Role::Client)
}

fn gcm() -> Connection {
    Connection::established(Suite::Tls12Gcm, Role::Client)
}

/// One connection in every epoch that a direction can be in.
fn every_epoch() -> [Connection; 7] {
    [
        fresh(Role::Server),
        fresh(Role::Client).set_version(Version::Tls13),
        fresh(Role::Client).install(Epoch::EarlyData, Suite::Tls13),
        fresh(Role::Server).install(Epoch::Handshake, Suite::Tls13),
        tls13(),
        gcm(),
        Connection::established(Suite::Tls12Chacha, Role::Server),
    ]
}

/// A direction whose next record is number `sequence`.
fn sealer_at(suite: Suite, sequence: u64) -> (Sealer<Secret>, Hand) {
    let mut sealer = Sealer::new(Config::new(Role::Client));
    sealer.take_over(Epoch::Application, suite.secret(7), sequence).unwrap();
    let mut mirror = Hand::new(suite, 7);
    mirror.sequence = sequence;
    (sealer, mirror)
}
