//! Inputs made by hand, each named after what it shows: the lessons of others (see `lessons.rs` of the
//! tests), and the calls that random bytes do not come to.

use crate::input::Field;
use crate::receiving::{Call, Kind, Limit, MessageKind, Secrets, Stage};
use crate::setup::{Few, Setup, Suite};
use crate::{close, connection, duplex, handshake_epochs, header, open, seal, suspend};

/// A target, the name of an input, its bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

fn seed(target: &'static str, name: &'static str, input: &impl Field) -> Seed {
    let mut bytes = Vec::new();
    input.encode(&mut bytes);
    (target, name, bytes)
}

/// All of them.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    seeds.extend(of_header());
    seeds.extend(of_close());
    seeds.extend(of_open());
    seeds.extend(of_handshake_epochs());
    seeds.extend(of_seal());
    seeds.extend(of_seal_keys());
    seeds.extend(of_duplex());
    seeds.extend(of_connection());
    seeds.extend(of_suspend());
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

fn data(content: &[u8]) -> Call {
    Call::Record { kind: Kind::Data, content: content.to_vec(), padding: 0 }
}

fn ticket(body: &[u8], at: u8) -> Call {
    Call::Messages { kind: MessageKind::Ticket, body: body.to_vec(), twice: false, at }
}

fn two_tickets() -> Call {
    Call::Messages { kind: MessageKind::Ticket, body: b"ticket".to_vec(), twice: true, at: 255 }
}

fn of_open() -> Vec<Seed> {
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
    // A call of `Cut` opens one record.
    let request = || Call::PeerUpdate { requested: true };
    let one = || Call::Cut { len: u16::MAX };
    let calls = vec![request(), Call::PeerClose, one(), Call::Abort { description: 80 }];
    seeds.push(of("request-waits-and-we-abort", Suite::Tls13, calls));
    let calls = vec![request(), two_tickets(), one(), one(), Call::OpenOther, one()];
    seeds.push(of("request-waits-at-the-other-buffer", Suite::Tls13, calls));
    seeds
}

/// Keys that a sender must not take, and versions that it must not change to.
fn of_seal_keys() -> Vec<Seed> {
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

fn of_handshake_epochs() -> Vec<Seed> {
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

fn of_seal() -> Vec<Seed> {
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

fn of_duplex() -> Vec<Seed> {
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

fn of_connection() -> Vec<Seed> {
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

fn of_suspend() -> Vec<Seed> {
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

/// What a campaign found.
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
