//! Inputs for the targets of the receiving half.

use super::{Seed, seed};
use crate::receiving::{Call, Kind, Limit, MessageKind, Secrets, Stage};
use crate::setup::{Few, Setup, Suite};
use crate::{handshake_epochs, open};

fn data(content: &[u8]) -> Call {
    Call::Record { kind: Kind::Data, content: content.to_vec(), padding: 0 }
}

fn ticket(body: &[u8], at: u8) -> Call {
    Call::Messages { kind: MessageKind::Ticket, body: body.to_vec(), twice: false, at }
}

fn two_tickets() -> Call {
    Call::Messages { kind: MessageKind::Ticket, body: b"ticket".to_vec(), twice: true, at: 255 }
}

pub(super) fn of_open() -> Vec<Seed> {
    let on = |suite, calls: Vec<Call>| open::Input {
        setup: Setup::new(suite),
        cipher: open::Cipher::Checksum,
        into: false,
        stage: Stage::Application,
        calls,
    };
    let of = |name, suite, calls| seed("open", name, &on(suite, calls));
    let flood = |call: Call, count| [vec![call; count], vec![Call::Open]].concat();
    let edge = |limit, by| Call::Edge { limit, kind: Kind::Data, by, padding: 3 };
    let alert = |description| Call::Alert { level: 1, description };
    let mut seeds = vec![
        of(
            "close-notify-in-the-middle",
            Suite::Tls13,
            vec![data(b"a"), Call::PeerClose, data(b"b")],
        ),
        of(
            "key-update-not-at-the-end-of-its-record",
            Suite::Tls13,
            vec![Call::Messages {
                kind: MessageKind::KeyUpdate,
                body: vec![0],
                twice: true,
                at: 255,
            }],
        ),
        of(
            "key-update-of-wrong-length",
            Suite::Tls13,
            vec![Call::Messages {
                kind: MessageKind::KeyUpdate,
                body: vec![0, 0],
                twice: false,
                at: 255,
            }],
        ),
        of("key-update-flood", Suite::Tls13, flood(Call::PeerUpdate { requested: true }, 33)),
        of("empty-record-flood", Suite::Tls12Gcm, flood(data(b""), 33)),
        of("warning-flood", Suite::Tls12Chacha, flood(alert(90), 5)),
        of("user-canceled-flood", Suite::Tls13, flood(alert(90), 5)),
        of(
            "renegotiation-flood",
            Suite::Tls12Gcm,
            flood(
                Call::Messages {
                    kind: MessageKind::HelloRequest,
                    body: vec![],
                    twice: false,
                    at: 255,
                },
                33,
            ),
        ),
        of("data-between-fragments", Suite::Tls13, vec![ticket(b"ticket", 5), data(b"x")]),
        of(
            "ticket-byte-by-byte",
            Suite::Tls13,
            vec![ticket(b"ticket", 1), Call::Cut { len: 1 }, Call::Open],
        ),
        of("forged", Suite::Tls13, vec![Call::Forged { kind: Kind::Data, content: vec![1] }]),
        of(
            "no-content-type",
            Suite::Tls13,
            vec![Call::Record {
                kind: Kind::Other { content_type: 0 },
                content: vec![0, 0],
                padding: 2,
            }],
        ),
        of(
            "cut-inside-a-record",
            Suite::Tls13,
            vec![data(b"cut"), Call::Cut { len: 9 }, Call::Eof],
        ),
        of(
            "plaintext-alert",
            Suite::Tls13,
            vec![Call::Plain { kind: Kind::Alert, content: vec![1, 0] }],
        ),
        of(
            "answer-to-our-request",
            Suite::Tls13,
            vec![
                Call::Update { request: true },
                Call::Control,
                Call::PeerUpdate { requested: false },
                Call::Open,
            ],
        ),
        of(
            "rest-of-a-record-in-the-other-buffer",
            Suite::Tls13,
            vec![two_tickets(), Call::Cut { len: u16::MAX }, Call::OpenOther, Call::Open],
        ),
        of(
            "rest-of-a-record-in-our-buffer",
            Suite::Tls13,
            vec![two_tickets(), Call::OpenOther, Call::Open, Call::OpenOther],
        ),
        of(
            "sender-in-the-kernel",
            Suite::Tls13,
            vec![
                Call::HandOver { sender: true },
                Call::PeerUpdate { requested: true },
                Call::Open,
                Call::Control,
                Call::Close,
                Call::Control,
                Call::Control,
            ],
        ),
        of(
            "receiver-in-the-kernel",
            Suite::Tls12Gcm,
            vec![Call::HandOver { sender: false }, data(b"x"), Call::Open, Call::Eof, Call::Close],
        ),
        of(
            "request-behind-which-data-ends-the-input-of-a-closed-sender",
            Suite::Tls13,
            vec![
                Call::Close,
                Call::PeerUpdate { requested: true },
                data(b"x"),
                Call::Cut { len: u16::MAX },
                Call::Cut { len: u16::MAX },
            ],
        ),
        of(
            "requests-that-arrive-at-once",
            Suite::Tls13,
            vec![
                Call::PeerUpdate { requested: true },
                Call::PeerUpdate { requested: true },
                Call::Open,
                Call::Control,
                Call::Control,
            ],
        ),
        of(
            "alert-level-that-is-none",
            Suite::Tls12Gcm,
            vec![Call::Alert { level: 3, description: 80 }],
        ),
    ];
    for (name, suite) in [("13", Suite::Tls13), ("12", Suite::Tls12Gcm)] {
        let names = match name {
            "13" => ["tls13-inner-at-the-limit", "tls13-inner-over-it", "tls13-body-over-it"],
            _ => ["tls12-inner-at-the-limit", "tls12-inner-over-it", "tls12-body-over-it"],
        };
        for (name, (limit, by)) in
            names.into_iter().zip([(Limit::Inner, 4), (Limit::Inner, 5), (Limit::Body, 5)])
        {
            seeds.push(of(name, suite.clone(), vec![edge(limit, by), Call::Open]));
        }
    }
    let mut small = on(Suite::Tls13, vec![edge(Limit::Inner, 4), edge(Limit::Inner, 5)]);
    small.setup.record_size_limit = Some(1);
    seeds.push(seed("open", "record-size-limit-of-64", &small));
    let calls = vec![
        two_tickets(),
        Call::OpenInto { len: u16::MAX, room: 30 },
        Call::OpenInto { len: u16::MAX, room: 100 },
        Call::OpenInto { len: 20, room: 100 },
        Call::OpenInto { len: u16::MAX, room: 30 },
        Call::Open,
    ];
    seeds.push(of("rest-waits-for-its-room", Suite::Tls13, calls));
    // A `Cut` opens one record.
    let request = || Call::PeerUpdate { requested: true };
    let one = || Call::Cut { len: u16::MAX };
    let calls = vec![request(), Call::PeerClose, one(), Call::Abort { description: 80 }];
    seeds.push(of("request-waits-and-we-abort", Suite::Tls13, calls));
    let calls = vec![request(), two_tickets(), one(), one(), Call::OpenOther, one()];
    seeds.push(of("request-waits-at-the-other-buffer", Suite::Tls13, calls));
    seeds
}

pub(super) fn of_handshake_epochs() -> Vec<Seed> {
    let of = |name, suite, is_server, calls| {
        let mut setup = Setup::new(suite);
        setup.is_server = is_server;
        setup.limits = Some(Few {
            empty_records: 2,
            warnings: 2,
            key_updates: 2,
            renegotiations: 2,
            handshake_message: 100,
            early_data: 60,
        });
        seed("handshake_epochs", name, &handshake_epochs::Input { setup, into: false, calls })
    };
    let hello = || Call::Messages {
        kind: MessageKind::ClientHello,
        body: b"hello".to_vec(),
        twice: false,
        at: 255,
    };
    let finished = |at| Call::Messages {
        kind: MessageKind::Finished,
        body: b"finished".to_vec(),
        twice: false,
        at,
    };
    let install = |stage: Stage| {
        vec![Call::Open, Call::Install { stage: stage.clone() }, Call::PeerKeys { stage }]
    };
    let ccs = || Call::Plain { kind: Kind::ChangeCipherSpec, content: vec![1] };
    let take_over = |number, secrets| Call::TakeOver { stage: Stage::Application, number, secrets };
    let early = |content: &[u8]| {
        vec![Call::PeerKeys { stage: Stage::EarlyData }, data(content), data(content)]
    };
    vec![
        of(
            "tls13-server",
            Suite::Tls13,
            true,
            [
                vec![hello(), Call::SetVersion, ccs()],
                install(Stage::Handshake),
                vec![finished(255)],
                install(Stage::Application),
                vec![data(b"data"), Call::PeerClose],
            ]
            .concat(),
        ),
        of(
            "early-data-accepted-up-to-the-limit",
            Suite::Tls13,
            true,
            [
                vec![hello()],
                install(Stage::EarlyData),
                vec![data(&[1; 40]), data(&[1; 20]), Call::Open, data(&[1; 1])],
            ]
            .concat(),
        ),
        of(
            "early-data-skipped-by-trial",
            Suite::Tls13,
            true,
            [
                vec![hello(), Call::Open, Call::SkipEarlyData { after_retry: false }],
                vec![Call::Install { stage: Stage::Handshake }],
                early(&[1; 5]),
                vec![Call::Open, Call::PeerKeys { stage: Stage::Handshake }, finished(255)],
            ]
            .concat(),
        ),
        of(
            "more-early-data-than-is-skipped",
            Suite::Tls13,
            true,
            [
                vec![hello(), Call::Open, Call::SkipEarlyData { after_retry: false }],
                vec![Call::Install { stage: Stage::Handshake }],
                early(&[1; 20]),
            ]
            .concat(),
        ),
        of(
            "early-data-skipped-by-type",
            Suite::Tls13,
            true,
            [
                vec![hello(), Call::Open, Call::SkipEarlyData { after_retry: true }],
                vec![Call::Plain { kind: Kind::Data, content: vec![1; 20] }, hello()],
                vec![Call::Plain { kind: Kind::Data, content: vec![1; 20] }],
            ]
            .concat(),
        ),
        of(
            "message-spans-a-key-change",
            Suite::Tls13,
            true,
            [
                vec![hello()],
                install(Stage::Handshake),
                vec![finished(3), Call::Cut { len: 24 }],
                install(Stage::Application),
            ]
            .concat(),
        ),
        of(
            "tls12-client",
            Suite::Tls12Gcm,
            false,
            [
                vec![hello(), Call::SetVersion, ccs()],
                install(Stage::Handshake),
                vec![finished(255), Call::Open, Call::Establish, data(b"data"), Call::PeerClose],
            ]
            .concat(),
        ),
        of(
            "change-cipher-spec-after-finished",
            Suite::Tls13,
            false,
            [vec![Call::SetVersion], install(Stage::Application), vec![ccs()]].concat(),
        ),
        of("change-cipher-spec-flood", Suite::Tls13, false, vec![ccs(), ccs(), ccs()]),
        of(
            "key-update-before-finished",
            Suite::Tls13,
            false,
            [install(Stage::Handshake), vec![Call::PeerUpdate { requested: true }]].concat(),
        ),
        of(
            "tls12-application-keys-at-zero",
            Suite::Tls12Gcm,
            false,
            vec![take_over(0, Secrets::Two), take_over(1, Secrets::Two)],
        ),
        of(
            "one-secret-for-both-directions",
            Suite::Tls13,
            true,
            vec![take_over(0, Secrets::One), take_over(0, Secrets::Mixed)],
        ),
        of(
            "one-secret-for-halves-one-by-one",
            Suite::Tls13,
            true,
            vec![
                Call::InstallOne { stage: Stage::Handshake, ours: false, crossed: false },
                Call::InstallOne { stage: Stage::Handshake, ours: true, crossed: true },
                Call::InstallOne { stage: Stage::Application, ours: true, crossed: true },
                Call::Install { stage: Stage::Application },
                Call::Control,
            ],
        ),
        of(
            "secret-of-an-earlier-epoch",
            Suite::Tls13,
            true,
            vec![
                Call::Install { stage: Stage::Handshake },
                Call::InstallAgain { stage: Stage::Application, ours: false },
                Call::InstallAgain { stage: Stage::Application, ours: true },
                take_over(0, Secrets::OfHandshake),
                Call::Install { stage: Stage::Application },
            ],
        ),
        of(
            "tls12-established-before-the-finished",
            Suite::Tls12Gcm,
            false,
            vec![
                Call::Install { stage: Stage::Handshake },
                Call::PeerKeys { stage: Stage::Handshake },
                Call::Establish,
                finished(255),
                Call::Open,
                Call::Establish,
            ],
        ),
        of(
            "pinned-tls12-client-sees-a-change-cipher-spec",
            Suite::Tls12Pinned,
            false,
            vec![ccs(), Call::Open],
        ),
        of(
            "version-counts-once",
            Suite::Tls13,
            true,
            vec![
                Call::SetOtherVersion,
                Call::SetVersion,
                Call::SkipEarlyData { after_retry: false },
                Call::Install { stage: Stage::Handshake },
                ccs(),
                Call::Open,
            ],
        ),
        of(
            "client-skips-no-early-data",
            Suite::Tls13,
            false,
            vec![
                Call::SkipEarlyData { after_retry: true },
                Call::SkipEarlyData { after_retry: false },
            ],
        ),
        of(
            "pinned-version-judges-early-alerts",
            Suite::Tls13Pinned,
            false,
            vec![Call::Plain { kind: Kind::Alert, content: vec![1, 40] }, Call::Open],
        ),
        of(
            "hello-request-with-a-body",
            Suite::Tls12Gcm,
            false,
            vec![Call::Messages {
                kind: MessageKind::HelloRequest,
                body: vec![1],
                twice: false,
                at: 255,
            }],
        ),
        of(
            "early-data-skipped-too-late",
            Suite::Tls13,
            true,
            [
                vec![hello()],
                install(Stage::Handshake),
                vec![finished(255), Call::Open, Call::SkipEarlyData { after_retry: false }],
            ]
            .concat(),
        ),
        of(
            "plaintext-alert-in-answer-to-a-hello",
            Suite::Tls13,
            true,
            vec![
                Call::Install { stage: Stage::Handshake },
                Call::Plain { kind: Kind::Alert, content: vec![2, 40] },
            ],
        ),
    ]
}
