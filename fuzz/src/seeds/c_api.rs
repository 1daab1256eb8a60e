//! Inputs for `c_api`.

use super::{Seed, seed};
use crate::c_api::{Buffer, Call, Input, Object, Place};
use crate::setup::{Setup, Suite};

const OWN: Object = Object::Own;
const IN: fn(u16, u16) -> Buffer = |at, len| Buffer::In { at, len };

fn install(epoch: u8, is_same: bool) -> Call {
    Call::Install { second: false, object: OWN, epoch, is_same, has_server: true }
}

pub(super) fn of_c_api() -> Vec<Seed> {
    let of = |name, suite, calls: &[Call]| {
        seed("c_api", name, &Input { setup: Setup::new(suite), calls: calls.to_vec() })
    };
    let seal = |data, out, place| Call::Seal { second: false, object: OWN, data, out, place };
    let open = |input, place| Call::Open { second: true, object: OWN, input, place };
    let close = |second| [Call::Close { second, object: OWN }, Call::ExchangeControl { second }];
    vec![
        of(
            "both-close",
            Suite::Tls13,
            &[&[Call::Exchange { second: false, len: 9 }][..], &close(false), &close(true)]
                .concat(),
        ),
        of(
            "result-in-the-input",
            Suite::Tls12Gcm,
            &[
                seal(IN(0, 100), IN(128, 400), Place::Own),
                open(IN(128, 129), Place::Inside { at: 16 }),
            ],
        ),
        of("data-in-the-output", Suite::Tls13, &[seal(IN(0, 100), IN(99, 400), Place::Own)]),
        of(
            "result-in-the-data",
            Suite::Tls13,
            &[seal(IN(0, 100), IN(128, 400), Place::Inside { at: 0 })],
        ),
        of(
            "parts-beside-the-output",
            Suite::Tls13,
            &[
                Call::SealParts {
                    second: false,
                    object: OWN,
                    one: IN(0, 10),
                    other: IN(90, 10),
                    count: 2,
                    out: IN(10, 80),
                    place: Place::Own,
                },
                Call::SealParts {
                    second: false,
                    object: OWN,
                    one: IN(0, 10),
                    other: IN(89, 10),
                    count: 8,
                    out: IN(10, 80),
                    place: Place::Own,
                },
            ],
        ),
        of("one-secret-for-both-directions", Suite::Tls13, &[install(4, true)]),
        of("one-secret-for-both-directions-of-another-epoch", Suite::Tls13, &[install(1, true)]),
        of("keys-of-an-earlier-epoch", Suite::Tls13Sha384, &[install(3, false), install(9, false)]),
        of(
            "keys-are-updated-and-wiped",
            Suite::Tls13,
            &[
                Call::Update { second: false, object: OWN, request: true },
                Call::ExchangeControl { second: false },
                Call::ExchangeControl { second: true },
                Call::Wipe { second: false, object: OWN },
                Call::Wipe { second: false, object: OWN },
                Call::Init { second: false, object: OWN, is_short: false, has_config: true },
                install(4, false),
            ],
        ),
    ]
}
