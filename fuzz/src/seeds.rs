//! Inputs written by hand, each named after the behaviour that it covers.
//!
//! They cover faults of other implementations (see `tests/tests/known_vulnerabilities.rs`), and calls that random
//! bytes do not reach.

mod both_halves;
mod c_api;
mod c_connection;
mod parts;
mod receiving;
mod seal;
mod takeover;

use crate::input::Field;
use crate::receiving::Stage;
use crate::setup::{Setup, Suite};
use crate::{close, header};

/// The name of a target, the name of an input, and its bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

fn seed(target: &'static str, name: &'static str, input: &impl Field) -> Seed {
    let mut bytes = Vec::new();
    input.encode(&mut bytes);
    (target, name, bytes)
}

/// Returns all inputs written by hand.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    seeds.extend(of_header());
    seeds.extend(of_close());
    seeds.extend(receiving::of_open());
    seeds.extend(receiving::of_handshake_epochs());
    seeds.extend(seal::of_seal());
    seeds.extend(seal::of_seal_keys());
    seeds.extend(both_halves::of_duplex());
    seeds.extend(both_halves::of_connection());
    seeds.extend(both_halves::of_suspend());
    seeds.extend(takeover::of_takeover());
    seeds.extend(parts::of_parts());
    seeds.extend(c_api::of_c_api());
    seeds.extend(c_connection::of_c_connection());
    #[cfg(feature = "peers")]
    seeds.extend(of_differential_rustls());
    seeds
}

fn of_header() -> Vec<Seed> {
    let input = |stage: Option<Stage>, bytes: &[u8]| header::Input {
        setup: Setup::new(Suite::Tls13),
        stage,
        skips: None,
        bytes: bytes.to_vec(),
    };
    let established = || Some(Stage::Application);
    let of = |name, input| seed("header", name, &input);
    vec![
        of("http", input(None, b"GET / HTTP/1.1\r\n")),
        of("sslv2-hello", input(None, &[0x80, 0x2e, 1, 0, 2])),
        of("client-hello", input(None, &[22, 3, 1, 0, 4, 1, 0, 0, 0])),
        of("data-before-keys", input(None, &[23, 3, 3, 0, 1, 0])),
        of("longest-record", input(established(), &[23, 3, 3, 0x41, 0])),
        of("record-one-byte-too-long", input(established(), &[23, 3, 3, 0x41, 1])),
        of("plaintext-alert-under-keys", input(established(), &[21, 3, 3, 0, 2, 1, 0])),
        of("plaintext-error-alert-under-keys", input(established(), &[21, 3, 3, 0, 2, 2, 40])),
        of("shorter-than-a-tag", input(established(), &[23, 3, 3, 0, 1, 0])),
    ]
}

fn of_close() -> Vec<Seed> {
    use close::Event as E;
    let of = |name, replies, events: &[E]| {
        seed("close", name, &close::Input { replies, events: events.to_vec() })
    };
    vec![
        of("both-close", false, &[E::Close, E::AlertSealed, E::PeerCloseNotify]),
        of("reply", true, &[E::PeerCloseNotify, E::AlertSealed, E::Close]),
        of("cancel-is-followed-by-close", false, &[E::Cancel, E::AlertSealed, E::AlertSealed]),
        of("fault-replaces-close", false, &[E::Close, E::Fault, E::AlertSealed, E::Close]),
        of("fault-behind-close", false, &[E::Close, E::AlertSealed, E::Fault, E::AlertSealed]),
        of("error-is-not-answered", false, &[E::PeerError, E::Close, E::AlertSealed]),
        of("end-of-transport-is-no-close", true, &[E::TransportEof, E::PeerCloseNotify, E::Close]),
        of(
            "nothing-leaves-after-a-hand-over",
            true,
            &[E::WriteHandedOver, E::Close, E::Fault, E::AlertSealed, E::PeerCloseNotify],
        ),
        of(
            "nothing-arrives-after-a-hand-over",
            true,
            &[E::ReadHandedOver, E::PeerCloseNotify, E::PeerError, E::TransportEof, E::Fault],
        ),
        of(
            "alerts-leave-before-a-hand-over",
            true,
            &[E::Cancel, E::WriteHandedOver, E::AlertSealed],
        ),
        of(
            "a-failure-has-no-keys-to-hand-over",
            true,
            &[E::Fault, E::ReadHandedOver, E::AlertSealed],
        ),
    ]
}

/// Inputs that a campaign found.
#[cfg(feature = "peers")]
fn of_differential_rustls() -> Vec<Seed> {
    use crate::differential_rustls::{Case, Input, Part, Tampering};
    let of = |name, tls12, parts| {
        let tampering = Tampering::None;
        let case = Case { tls12, is_server: false, suite: 0, piece: 999, tampering, parts };
        seed("differential_rustls", name, &Input { case })
    };
    let no_alert = |content| Part::NoAlert { content };
    vec![
        of("no-level-and-then-no-alert", false, vec![no_alert(vec![10, 90]), no_alert(vec![])]),
        of(
            "no-alert-after-32-empty-records",
            true,
            // 2 and 30 of them.
            vec![Part::Empty { count: 42 }, Part::Empty { count: 230 }, no_alert(vec![])],
        ),
    ]
}
