//! Inputs for the targets of whole connections.

use super::{Seed, seed};
use crate::receiving::Kind;
use crate::setup::{Setup, Suite};
use crate::{connection, duplex, suspend};

pub(super) fn of_duplex() -> Vec<Seed> {
    use duplex::{Call, Trouble};
    let of = |name, suite, calls| {
        let setup = Setup::new(suite);
        seed("duplex", name, &duplex::Input { setup, right_half_closes: false, calls })
    };
    let send = |right| Call::Send { right, len: 50 };
    let all = |right| Call::Bring { right, len: u16::MAX };
    vec![
        of(
            "half-close",
            Suite::Tls13,
            vec![
                send(false),
                Call::Close { right: false },
                Call::Control { right: false },
                all(true),
                send(true),
                all(false),
            ],
        ),
        of(
            "reply",
            Suite::Tls12Gcm,
            vec![
                send(true),
                Call::Close { right: false },
                Call::Control { right: false },
                all(true),
            ],
        ),
        of(
            "drained-since-it-was-asked",
            Suite::Tls13,
            vec![
                send(true),
                Call::CheckClosed { right: false },
                all(false),
                Call::CheckClosed { right: false },
            ],
        ),
        of(
            "cut-behind-a-record",
            Suite::Tls13,
            vec![send(false), all(true), Call::Cut { right: true }],
        ),
        of(
            "both-ask-for-keys",
            Suite::Tls13,
            vec![
                Call::Update { right: false, request: true },
                Call::Update { right: true, request: true },
                Call::Control { right: false },
                Call::Control { right: true },
                all(true),
                all(false),
            ],
        ),
        of(
            "flipped",
            Suite::Tls12Chacha,
            vec![
                send(false),
                Call::Tamper { right: true, trouble: Trouble::Flip { at: 9, bit: 1 } },
            ],
        ),
        of(
            "replayed",
            Suite::Tls13,
            vec![send(false), Call::Tamper { right: true, trouble: Trouble::Replay }],
        ),
    ]
}

pub(super) fn of_connection() -> Vec<Seed> {
    use connection::Call as C;
    let of = |name, suite, calls| {
        seed("connection", name, &connection::Input { setup: Setup::new(suite), calls })
    };
    let at = 0;
    let all = || C::Sent { at, len: u16::MAX };
    vec![
        of(
            "shutdown-would-block-and-is-told-once",
            Suite::Tls13,
            vec![
                C::Write { at, len: 9 },
                C::Shutdown { at },
                C::Sent { at, len: 5 },
                C::Shutdown { at },
                all(),
                C::Shutdown { at },
                C::Shutdown { at },
            ],
        ),
        of(
            "shutdown-in-two-steps",
            Suite::Tls13,
            vec![
                C::ShutdownBoth { at, budget: 100 },
                all(),
                C::ShutdownBoth { at, budget: 100 },
                C::Record { at, kind: Kind::Data, content: vec![1; 30] },
                C::ShutdownBoth { at, budget: 100 },
                C::PeerClose { at },
                C::ShutdownBoth { at, budget: 100 },
            ],
        ),
        of(
            "budget-is-spent",
            Suite::Tls13,
            vec![
                C::ShutdownBoth { at, budget: 10 },
                all(),
                C::Record { at, kind: Kind::Data, content: vec![1; 30] },
                C::ShutdownBoth { at, budget: 10 },
            ],
        ),
        of(
            "slot-behind-what-is-sent",
            Suite::Tls13,
            vec![
                C::Write { at, len: 100 },
                C::Reserve { at, len: 50 },
                C::Fill { at },
                C::PeerUpdate { at, requested: true },
                C::Sent { at, len: 60 },
                C::Commit { at, len: 40 },
                C::Shutdown { at },
            ],
        ),
        of(
            "slot-when-a-peer-closes",
            Suite::Tls12Gcm,
            vec![C::Reserve { at, len: 50 }, C::PeerClose { at }, C::Commit { at, len: 40 }],
        ),
        of(
            "unsent-when-a-peer-fails",
            Suite::Tls13,
            vec![
                C::Write { at, len: 100 },
                C::Record { at, kind: Kind::Alert, content: vec![2, 80] },
                C::Shutdown { at },
            ],
        ),
        of("stale-handle", Suite::Tls13, vec![C::Replace { at }, C::Replace { at: 1 }]),
        of(
            "garbage",
            Suite::Tls13,
            vec![C::Garbage { at, bytes: vec![21, 3, 3, 0, 2, 1, 0] }, C::Shutdown { at }],
        ),
        of("cut", Suite::Tls13, vec![C::Eof { at }, C::ShutdownBoth { at, budget: 0 }]),
        of(
            "in-flight-stays-where-it-is",
            Suite::Tls13,
            vec![
                C::Write { at, len: 100 },
                C::Write { at, len: 100 },
                C::Sent { at, len: 122 },
                C::BeginSend { at },
                C::Write { at, len: 300 },
                C::Sent { at, len: 0 },
                C::Write { at, len: 300 },
            ],
        ),
        of(
            "requests-that-arrive-at-once",
            Suite::Tls13,
            vec![C::PeerRequests { at, count: 3 }, all()],
        ),
        of(
            "sender-in-the-kernel",
            Suite::Tls13,
            vec![
                C::Write { at, len: 9 },
                C::HandOver { at, sender: true },
                all(),
                C::HandOver { at, sender: true },
                C::Shutdown { at },
                C::KernelControl { at },
                C::ShutdownBoth { at, budget: 9 },
            ],
        ),
        of(
            "receiver-in-the-kernel",
            Suite::Tls12Gcm,
            vec![
                C::HandOver { at, sender: false },
                C::PeerClose { at },
                C::ShutdownBoth { at, budget: 9 },
                all(),
                C::ShutdownBoth { at, budget: 9 },
            ],
        ),
        of(
            "kernel-refuses-to-renegotiate",
            Suite::Tls12Gcm,
            vec![
                C::HandOver { at, sender: true },
                C::Refuse { at },
                C::Refuse { at },
                C::KernelControl { at },
            ],
        ),
        of("halves", Suite::Tls13, vec![C::Write { at, len: 9 }, C::SplitAndJoin { at }]),
        seed(
            "connection",
            "two-key-updates-have-no-room",
            &connection::Input {
                setup: Setup { fragment_limit: Some(143), ..Setup::new(Suite::Tls13) },
                calls: vec![
                    C::Write { at, len: 263 },
                    C::Update { at, request: false },
                    C::Update { at, request: true },
                    C::Write { at, len: 143 },
                ],
            },
        ),
    ]
}

pub(super) fn of_suspend() -> Vec<Seed> {
    use suspend::{Call, Sleep};
    let of = |name, suite, calls| {
        seed("suspend", name, &suspend::Input { setup: Setup::new(suite), calls })
    };
    let sleep = || Call::Sleep { sleep: Sleep::Sound };
    vec![
        of(
            "between-records",
            Suite::Tls13,
            vec![Call::Seal { len: 9 }, sleep(), Call::Seal { len: 9 }],
        ),
        of(
            "while-a-request-is-open",
            Suite::Tls13,
            vec![
                Call::Update { request: true },
                Call::Control,
                sleep(),
                Call::Update { request: true },
                Call::PeerUpdate { requested: false },
            ],
        ),
        of(
            "explicit-nonces-go-on",
            Suite::Tls12Gcm,
            vec![Call::Seal { len: 9 }, sleep(), Call::Seal { len: 9 }],
        ),
        of(
            "after-the-peer-closed",
            Suite::Tls13,
            vec![Call::PeerClose, sleep(), Call::Seal { len: 9 }],
        ),
        of(
            "request-in-front-of-data",
            Suite::Tls13,
            vec![
                Call::PeerUpdateAndData { requested: true },
                sleep(),
                Call::Control,
                sleep(),
                Call::Open,
            ],
        ),
        of("inside-a-record", Suite::Tls13, vec![Call::Cut { len: 7 }, sleep(), Call::Eof]),
        of("tampered", Suite::Tls13, vec![Call::Sleep { sleep: Sleep::Flip { at: 100, bit: 0 } }]),
        of("too-short", Suite::Tls13, vec![Call::Sleep { sleep: Sleep::Length { len: 17 } }]),
        of("busy", Suite::Tls13, vec![Call::Close, sleep(), Call::Control, sleep()]),
        of(
            "what-is-left-behind-is-dead",
            Suite::Tls12Gcm,
            vec![
                sleep(),
                Call::Close,
                Call::Abort { description: 80 },
                Call::PeerUpdate { requested: true },
                Call::Control,
                Call::Eof,
            ],
        ),
    ]
}
