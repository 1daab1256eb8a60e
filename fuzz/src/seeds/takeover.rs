//! Handshakes for the followers.

use super::{Seed, seed};
use crate::takeover::{Call, Input, Setup};

const TLS13: Setup = Setup {
    tls12: false,
    suite: 0,
    random: 0xc1,
    early_data: false,
    nonces: 0,
    client_limit: 0,
    server_limit: 0,
    wrong: 0,
    wrong_len: false,
    cut: 3,
};

const TLS12: Setup = Setup { tls12: true, ..TLS13 };

pub(super) fn of_takeover() -> Vec<Seed> {
    let of = |name, setup, calls| seed("takeover", name, &Input { setup, calls });
    let hello = || Call::ClientHello { split: 0 };
    let data = |server| Call::Data { server, len: 9, padding: 0 };
    let ticket = |kind| Call::Message { server: true, kind, len: 20, hold: false, split: 0 };
    let finished = |server| Call::Finished { server, split: 0 };
    let changed = |server| Call::ChangeCipherSpec { server };
    let finish = |server| Call::Finish { server };
    vec![
        of("tickets-are-counted", TLS13, vec![Call::Rest, ticket(0), ticket(0), finish(false)]),
        of(
            "messages-in-one-record-and-in-two",
            Setup { suite: 1, ..TLS13 },
            vec![
                Call::ClientHello { split: 40 },
                Call::ServerHello { split: 9 },
                Call::Extensions { hold: true },
                Call::Message { server: true, kind: 0, len: 200, hold: true, split: 0 },
                Call::Finished { server: true, split: 100 },
                Call::Rest,
                finish(true),
            ],
        ),
        of(
            "secrets-come-late",
            TLS13,
            vec![
                hello(),
                Call::ServerHello { split: 0 },
                Call::Extensions { hold: false },
                finished(true),
                finished(false),
                ticket(0),
                Call::Secret { kind: 1 },
                Call::KeyLog { kind: 0, other: true },
                Call::KeyLog { kind: 0, other: false },
                Call::Secret { kind: 3 },
                finish(false),
                Call::Secret { kind: 2 },
                finish(false),
            ],
        ),
        of(
            "hello-retry-request-and-early-data",
            Setup { early_data: true, ..TLS13 },
            vec![
                hello(),
                Call::EarlyData { len: 9 },
                Call::Retry,
                Call::EarlyData { len: 9 },
                Call::Rest,
                finish(true),
            ],
        ),
        of(
            "early-data-is-passed-over",
            Setup { early_data: true, ..TLS13 },
            vec![
                hello(),
                Call::EarlyData { len: 9 },
                Call::ServerHello { split: 0 },
                changed(false),
                Call::Extensions { hold: false },
                Call::EarlyData { len: 9 },
                Call::Rest,
                finish(true),
            ],
        ),
        of(
            "key-updates-are-answered",
            TLS13,
            vec![
                Call::Rest,
                Call::KeyUpdate { server: true, request: true },
                finish(false),
                Call::KeyUpdate { server: false, request: false },
                data(true),
                finish(false),
            ],
        ),
        of(
            "record-sizes",
            Setup { client_limit: 9, server_limit: 3, ..TLS13 },
            vec![Call::Rest, finish(false)],
        ),
        of(
            "post-handshake-authentication",
            TLS13,
            vec![
                Call::Rest,
                ticket(1),
                Call::Message { server: false, kind: 2, len: 9, hold: false, split: 0 },
                finish(false),
            ],
        ),
        of(
            "explicit-nonces-do-not-meet",
            Setup { nonces: 7, ..TLS12 },
            vec![Call::Rest, data(false), finish(false)],
        ),
        of(
            "explicit-nonces-of-the-upper-half",
            Setup { nonces: 0x87, suite: 1, ..TLS12 },
            vec![Call::Rest, data(true), finish(true)],
        ),
        of(
            "explicit-nonces-of-both-halves",
            TLS12,
            vec![
                Call::Rest,
                Call::Nonces { server: true, start: 0x90 },
                data(true),
                finish(true),
                finish(false),
            ],
        ),
        of(
            "abbreviated",
            Setup { suite: 2, ..TLS12 },
            vec![
                hello(),
                Call::ServerHello { split: 0 },
                ticket(3),
                changed(true),
                Call::Secret { kind: 4 },
                finished(true),
                Call::Rest,
                finish(true),
            ],
        ),
        of(
            "finished-before-keys",
            TLS13,
            vec![
                hello(),
                Call::Odd { server: true, message_type: 20, len: 12 },
                Call::Odd { server: false, message_type: 20, len: 12 },
                finish(false),
            ],
        ),
        of("wrong-secret", Setup { wrong: 1, ..TLS13 }, vec![Call::Rest, finish(false)]),
        of("closed", TLS12, vec![Call::Rest, Call::Close { server: true }, finish(true)]),
    ]
}
