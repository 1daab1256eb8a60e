//! Inputs for the target of the sending half.

use super::{Seed, seed};
use crate::receiving::Stage;
use crate::seal;
use crate::setup::{Setup, Suite};

pub(super) fn of_seal() -> Vec<Seed> {
    use seal::{Call, News, Pad, Room};
    let of = |name, setup: Setup, calls| {
        seed("seal", name, &seal::Input { setup, stage: Some(Stage::Application), calls })
    };
    let data = || Call::Seal { len: 100 << 4 | 1, first: 3, room: Room::Plenty };
    let control = || Call::Control { room: Room::Exact };
    let with = |change: fn(&mut Setup)| {
        let mut setup = Setup::new(Suite::Tls13);
        change(&mut setup);
        setup
    };
    let requested = || Call::News { news: News::UpdateRequested };
    let hello = || Call::Handshake {
        message_type: 1,
        len: 100 << 4 | 1,
        count: 1,
        lacks: 0,
        room: Room::Exact,
    };
    vec![
        of("answer-goes-first", with(|_| ()), vec![requested(), requested(), data(), control()]),
        of(
            "update-without-room",
            with(|_| ()),
            vec![requested(), Call::Control { room: Room::Short }, control(), data()],
        ),
        of(
            "alert-without-room",
            with(|_| ()),
            vec![Call::Close, Call::Control { room: Room::Short }, control(), data()],
        ),
        of(
            "keys-run-out",
            with(|setup| setup.key_limit = Some(6)),
            vec![data(), data(), data(), control(), data()],
        ),
        of(
            "keys-run-out-without-updates",
            Setup { suite: Suite::Tls12Gcm, ..with(|setup| setup.key_limit = Some(6)) },
            vec![data(), data(), data(), Call::Close, control()],
        ),
        of(
            "one-request-at-a-time",
            with(|_| ()),
            vec![
                Call::Update { request: true },
                Call::Update { request: true },
                control(),
                Call::Update { request: true },
                Call::Answered,
                Call::Update { request: true },
            ],
        ),
        of(
            "padding-at-the-limit",
            with(|setup| setup.padding = Pad::Block { size: 512 }),
            vec![
                Call::PeerLimit { limit: 257 },
                Call::Seal { len: 63 << 4 | 1, first: 0, room: Room::Plenty },
                Call::SealInPlace { len: 1, room: Room::Exact },
            ],
        ),
        of(
            "all-records-alike",
            with(|setup| {
                setup.padding = Pad::Size { size: 300 };
                setup.pads_control = true;
            }),
            vec![data(), requested(), control(), Call::Cancel, control(), control()],
        ),
        of(
            "fault-while-a-close-is-queued",
            with(|_| ()),
            vec![Call::Close, Call::News { news: News::Fault }, control(), control()],
        ),
        of(
            "kernel-is-given-what-is-due",
            with(|_| ()),
            vec![Call::HandToKernel, requested(), control(), Call::Close, control(), control()],
        ),
        seed(
            "seal",
            "alert-waits-for-the-keys-of-change-cipher-spec",
            &seal::Input {
                setup: Setup::new(Suite::Tls12Gcm),
                stage: None,
                calls: vec![
                    Call::SetVersion,
                    Call::ChangeCipherSpec { room: Room::Exact },
                    Call::Close,
                    control(),
                    Call::Install { stage: Stage::Handshake },
                    control(),
                ],
            },
        ),
        seed(
            "seal",
            "second-client-hello",
            &seal::Input {
                setup: Setup::new(Suite::Tls13),
                stage: None,
                calls: vec![hello(), hello()],
            },
        ),
        seed(
            "seal",
            "foreign-word-asks-for-a-key-update-in-tls12",
            &seal::Input {
                setup: Setup::new(Suite::Tls12Gcm),
                stage: None,
                calls: vec![
                    Call::Foreign { low: 1 << 11, high: 0 },
                    Call::Install { stage: Stage::Handshake },
                    Call::Close,
                    control(),
                    Call::Establish,
                    control(),
                ],
            },
        ),
        seed(
            "seal",
            "foreign-word-before-the-version-changes",
            &seal::Input {
                setup: Setup::new(Suite::Tls12Gcm),
                stage: None,
                calls: vec![
                    Call::SetOtherVersion,
                    Call::Foreign { low: 1 << 11, high: 0 },
                    Call::SetVersion,
                    Call::Install { stage: Stage::Handshake },
                    Call::Establish,
                    control(),
                ],
            },
        ),
        of(
            "foreign-word-with-a-closure-alert",
            with(|_| ()),
            vec![Call::Foreign { low: 1 << 8, high: u16::MAX }, control()],
        ),
        of(
            "flight-of-messages",
            with(|setup| setup.fragment_limit = Some(50)),
            vec![Call::Handshake {
                message_type: 4,
                len: 100 << 4 | 1,
                count: 3,
                lacks: 0,
                room: Room::Exact,
            }],
        ),
    ]
}

/// Keys that a sender must refuse, and versions that it must not change to.
pub(super) fn of_seal_keys() -> Vec<Seed> {
    use seal::{Call, Room};
    let of = |name, suite, calls| {
        seed("seal", name, &seal::Input { setup: Setup::new(suite), stage: None, calls })
    };
    let hello = || Call::Handshake {
        message_type: 1,
        len: 100 << 4 | 1,
        count: 1,
        lacks: 0,
        room: Room::Exact,
    };
    let ccs = || Call::ChangeCipherSpec { room: Room::Exact };
    vec![
        of(
            "secret-of-an-earlier-epoch",
            Suite::Tls13,
            vec![
                Call::InstallAgain { stage: Stage::EarlyData },
                Call::Install { stage: Stage::Handshake },
                Call::Install { stage: Stage::Application },
            ],
        ),
        of(
            "tls12-established-before-the-finished",
            Suite::Tls12Gcm,
            vec![
                Call::SetVersion,
                ccs(),
                Call::Install { stage: Stage::Handshake },
                Call::Establish,
                hello(),
                Call::Establish,
            ],
        ),
        of("version-counts-once", Suite::Tls13, vec![Call::SetOtherVersion, Call::SetVersion]),
        of("pinned-version-is-known", Suite::Tls12Pinned, vec![ccs(), hello()]),
        of("first-record-of-a-known-version", Suite::Tls13, vec![Call::SetVersion, hello()]),
        of(
            "kernel-refuses-to-renegotiate",
            Suite::Tls12Gcm,
            vec![
                Call::Install { stage: Stage::Application },
                Call::HandToKernel,
                Call::Refuse,
                Call::Refuse,
            ],
        ),
    ]
}
