//! Inputs of `parts`.

use super::{Seed, seed};
use crate::parts::{Call, Input};
use crate::receiving::Kind;
use crate::setup::{Setup, Suite};

pub(super) fn of_parts() -> Vec<Seed> {
    let of = |name, suite, calls: &[Call]| {
        let setup = Setup::new(suite);
        seed("parts", name, &Input { setup, room: 0, lengths: 0x4011, calls: calls.to_vec() })
    };
    let long = |kind: &Kind, len, padding| Call::Long { kind: kind.clone(), byte: 7, len, padding };
    let (data, alert, handshake) = (Kind::Data, Kind::Alert, Kind::Handshake);
    let ticket = [4, 0, 0, 2, 1, 2];
    let content = [ticket, ticket].concat();
    let tickets = Call::Record { kind: handshake.clone(), content, padding: 9 };
    let close = Call::Record { kind: alert.clone(), content: vec![1, 0], padding: 0 };
    vec![
        of("long-and-close", Suite::Tls13, &[long(&data, 16_384, 0), close.clone()]),
        of("long-and-close-tls12", Suite::Tls12Gcm, &[long(&data, 16_384, 0), close]),
        of("padding-over-windows", Suite::Tls13, &[long(&data, 5, 1_900), long(&data, 0, 999)]),
        of("nothing-but-zeros", Suite::Tls13, &[long(&Kind::Other { content_type: 0 }, 0, 999)]),
        of("long-close", Suite::Tls13, &[long(&alert, 2, 999)]),
        of("long-handshake", Suite::Tls13, &[long(&handshake, 999, 0)]),
        of("long-handshake-tls12", Suite::Tls12Chacha, &[long(&handshake, 999, 0)]),
        of("too-long", Suite::Tls13, &[long(&data, 16_385, 0)]),
        of("forged", Suite::Tls12Chacha, &[Call::Forged { len: 999, at: 500 }]),
        of(
            "update-before-long",
            Suite::Tls13,
            &[Call::KeyUpdate { requested: true }, long(&data, 999, 0), tickets],
        ),
    ]
}
