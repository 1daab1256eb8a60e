//! Inputs for `c_connection`.

use super::{Seed, seed};
use crate::c_connection::{
    Buffer, Call, Elsewhere, Input, Mailbox, Memory, Place, Room, Setting, What,
};
use crate::setup::{Setup, Suite};

const OWN: Place = Place::Own;
const IN: fn(u16, u16) -> Buffer = |at, len| Buffer::In { at, len };

const fn first(what: What) -> Call {
    Call { second: false, object: None, what }
}

const fn second(what: What) -> Call {
    Call { second: true, object: None, what }
}

const fn at(object: Elsewhere, what: What) -> Call {
    Call { second: false, object: Some(object), what }
}

fn write(len: u16) -> What {
    What::Write { data: IN(0, len), place: OWN }
}

/// The transport takes everything.
const ALL: What = What::Transfer { len: u16::MAX };

fn both(budget: u16) -> What {
    What::ShutdownBoth { budget, place: OWN }
}

fn split(mailbox: Mailbox) -> What {
    What::Split { opener: None, writer: None, mailbox }
}

fn join(is_crossed: bool) -> What {
    What::Join { is_short: false, is_crossed, opener: None, writer: None, over_buffer: None }
}

fn init(memory: Memory) -> What {
    What::Init { is_short: false, has_config: true, memory }
}

fn install_one(writer: u8, epoch: u8) -> What {
    What::InstallOne { writer, epoch, is_used: false }
}

/// A ClientHello, a ServerHello or a Finished without a body.
fn message(message_type: u8) -> What {
    What::Message { message_type, len: 0 }
}

fn input(suite: Suite, is_established: bool, calls: &[Call]) -> Input {
    let (setup, calls) = (Setup::new(suite), calls.to_vec());
    Input { setup, len: 500, is_established, compares_late: false, calls }
}

fn established(name: &'static str, calls: &[Call]) -> Seed {
    seed("c_connection", name, &input(Suite::Tls13, true, calls))
}

fn without_keys(name: &'static str, calls: &[Call]) -> Seed {
    seed("c_connection", name, &input(Suite::Tls13, false, calls))
}

pub(super) fn of_c_connection() -> Vec<Seed> {
    [shutdowns(), slots_and_sends(), halves(), handshakes(), pointers()].concat()
}

/// The answers of a shutdown. The one of a connection that is not valid is in `pointers`.
fn shutdowns() -> Vec<Seed> {
    let slot = || What::Reserve { len: 20, place: OWN };
    vec![
        established(
            "shutdown-in-one-step-would-block-and-succeeds-once",
            &[
                first(write(9)),
                first(What::Shutdown),
                first(What::Transfer { len: 20 }),
                first(What::Shutdown),
                first(ALL),
                first(What::Shutdown),
                first(What::Shutdown),
                first(What::TakeSealedAlert),
                first(What::TakeSealedAlert),
            ],
        ),
        established(
            "shutdown-in-two-steps-waits-for-the-peer",
            &[
                first(both(100)),
                first(ALL),
                first(both(100)),
                second(write(9)),
                second(ALL),
                first(both(100)),
                second(What::Shutdown),
                second(ALL),
                first(both(0)),
                first(both(0)),
            ],
        ),
        established(
            "budget-is-spent",
            &[first(both(40)), first(ALL), second(write(30)), second(ALL), first(both(40))],
        ),
        established(
            "shutdown-while-a-slot-is-reserved",
            &[first(slot()), first(What::Shutdown), first(both(9)), first(What::Discard)],
        ),
        established(
            "shutdown-after-the-transport-failed",
            &[
                first(write(9)),
                first(What::TransportFailed),
                first(What::Sent { len: 500 }),
                first(What::Shutdown),
            ],
        ),
        established(
            "shutdown-after-the-end-of-the-transport",
            &[first(What::Eof), first(What::Shutdown), first(ALL), first(both(9))],
        ),
        established(
            "shutdown-after-a-fatal-alert",
            &[
                first(What::Abort { alert: 80 }),
                first(What::Shutdown),
                second(write(9)),
                first(ALL),
                second(What::Sent { len: 31 }),
                second(What::Shutdown),
            ],
        ),
        without_keys("shutdown-before-anything", &[first(What::Shutdown), first(both(9))]),
        without_keys(
            "shutdown-of-a-peer-that-speaks-http",
            &[
                first(What::Fill { at: 0, bytes: b"HTTP/1.1 400".to_vec() }),
                first(What::Received { input: IN(0, 12), place: OWN }),
                first(What::Shutdown),
            ],
        ),
        without_keys(
            "close-notify-in-the-handshake-may-be-forged",
            &[
                first(message(1)),
                first(ALL),
                second(What::Shutdown),
                second(ALL),
                first(What::Shutdown),
                first(ALL),
                first(both(9)),
                first(What::CheckClosed { budget: 9, place: Place::Null }),
            ],
        ),
    ]
}

fn slots_and_sends() -> Vec<Seed> {
    let reserve = |len| What::Reserve { len, place: OWN };
    vec![
        established(
            "slot-behind-a-key-update",
            &[
                first(write(9)),
                first(reserve(50)),
                first(What::Update { request: true }),
                first(What::Transfer { len: 7 }),
                first(What::FillSlot { byte: 7 }),
                first(What::Commit { len: 51 }),
                first(What::Commit { len: 30 }),
                first(ALL),
                second(ALL),
                first(What::Commit { len: 0 }),
            ],
        ),
        established(
            "slot-is-filled-after-it-was-dropped",
            &[
                first(write(9)),
                first(reserve(50)),
                first(What::Abort { alert: 40 }),
                first(What::FillSlot { byte: 7 }),
                first(ALL),
                first(What::Commit { len: 9 }),
                first(What::FillSlot { byte: 8 }),
                first(What::Discard),
            ],
        ),
        established(
            "bytes-in-flight-stay",
            &[
                first(write(9)),
                first(What::BeginSend { place: OWN }),
                first(What::BeginSend { place: OWN }),
                first(write(90)),
                first(What::Sent { len: 50 }),
                first(What::BeginSend { place: OWN }),
                first(What::Sent { len: 3 }),
                first(ALL),
            ],
        ),
        established(
            "more-is-sent-than-was-unsent",
            &[
                first(write(9)),
                first(What::Sent { len: 32 }),
                first(What::Sent { len: u16::MAX }),
                first(ALL),
            ],
        ),
        established(
            "no-room-for-a-record",
            &[first(write(600)), first(write(9)), first(reserve(9)), first(ALL), first(write(9))],
        ),
        established(
            "requests-that-arrive-at-once",
            &[
                first(write(9)),
                second(What::Update { request: true }),
                second(ALL),
                first(write(9)),
                first(ALL),
                second(What::Position { place: OWN }),
            ],
        ),
        established(
            "data-in-parts",
            &[first(What::WriteParts { one: IN(0, 9), other: IN(5, 9), count: 2, place: OWN })],
        ),
    ]
}

fn halves() -> Vec<Seed> {
    let close = [
        first(What::Abort { alert: 0 }),
        first(What::Shutdown),
        first(ALL),
        first(What::CheckClosed { budget: 9, place: OWN }),
        second(What::Shutdown),
        second(ALL),
        first(What::CheckClosed { budget: 9, place: OWN }),
        first(What::End { place: OWN }),
    ];
    let exchange = [
        first(write(9)),
        first(What::Reserve { len: 9, place: OWN }),
        first(What::Commit { len: 9 }),
        first(What::BeginSend { place: OWN }),
        first(What::BeginSend { place: OWN }),
        first(ALL),
        second(What::Update { request: true }),
        second(ALL),
        first(What::HasNotice { place: OWN }),
    ];
    let in_pieces = || [first(write(9)), first(What::TransferInPieces { len: u16::MAX, cut: 7 })];
    let mut fault = input(
        Suite::Tls13,
        true,
        &[
            first(split(Mailbox::Own)),
            first(What::Fill { at: 0, bytes: vec![23, 3, 3, 0, 1, 0] }),
            first(What::Received { input: IN(0, 6), place: OWN }),
            first(What::Unsent { place: OWN }),
            first(What::Abort { alert: 80 }),
            first(What::Received { input: IN(0, 6), place: OWN }),
        ],
    );
    fault.compares_late = true;
    vec![
        seed("c_connection", "alert-for-a-fault-reaches-the-writer", &fault),
        established(
            "halves-with-a-mailbox",
            &[
                &[first(write(9)), first(split(Mailbox::Own))][..],
                &exchange,
                &[first(What::TakeNotice { place: OWN }), first(ALL), first(join(false))],
                &close,
            ]
            .concat(),
        ),
        established(
            "halves-without-a-mailbox",
            &[
                &[first(split(Mailbox::None))][..],
                &exchange,
                &[first(What::Carry { to_writer: true }), first(ALL)],
                &close,
                &[first(What::Carry { to_writer: false }), first(join(false))],
            ]
            .concat(),
        ),
        established(
            "mailbox-is-given-to-other-halves",
            &[
                first(split(Mailbox::Own)),
                second(split(Mailbox::OfPeer)),
                first(write(9)),
                first(What::End { place: OWN }),
                first(join(false)),
                second(write(9)),
                second(join(false)),
                first(What::Wipe { part: 1 }),
            ],
        ),
        established(
            "halves-of-different-connections",
            &[
                first(split(Mailbox::Own)),
                second(split(Mailbox::None)),
                first(join(true)),
                first(join(false)),
                first(split(Mailbox::None)),
                first(join(true)),
                second(write(9)),
            ],
        ),
        established(
            "alert-of-the-peer-reaches-the-writer",
            &[
                second(split(Mailbox::Own)),
                second(write(9)),
                first(What::Abort { alert: 40 }),
                first(ALL),
                second(What::Sent { len: 31 }),
                second(What::Shutdown),
                second(What::KernelControl { place: OWN }),
            ],
        ),
        established(
            "handshake-messages-and-a-dropped-slot-of-a-writer",
            &[
                first(split(Mailbox::Own)),
                first(message(4)),
                first(What::ChangeCipherSpec),
                first(What::WriteParts { one: IN(0, 9), other: IN(5, 9), count: 2, place: OWN }),
                first(What::Reserve { len: 9, place: OWN }),
                first(What::Set { setting: Setting::FragmentLimit { limit: 5 } }),
                first(What::Update { request: false }),
                first(What::RefuseRenegotiation),
                first(What::Discard),
                first(What::TransportFailed),
                first(What::Eof),
                first(What::Shutdown),
            ],
        ),
        established(
            "record-in-pieces",
            &[&in_pieces()[..], &[second(split(Mailbox::Own))], &in_pieces()].concat(),
        ),
        established(
            "words-with-any-bits",
            &[
                first(split(Mailbox::None)),
                first(What::ApplyNotice { notice: 0xfefe }),
                first(What::TakeSignal { place: OWN }),
                first(What::ApplySignal { signal: 0xffff }),
                first(What::TakeNotice { place: OWN }),
            ],
        ),
    ]
}

fn handshakes() -> Vec<Seed> {
    let hello = [
        first(message(1)),
        first(ALL),
        second(message(2)),
        second(ALL),
        first(What::Set { setting: Setting::Version { number: 0 } }),
        second(What::Set { setting: Setting::Version { number: 0 } }),
        first(What::ChangeCipherSpec),
        first(ALL),
    ];
    let finished = [
        first(install_one(1, 3)),
        second(install_one(1, 3)),
        first(message(20)),
        first(ALL),
        second(What::Establish { writer: 1 }),
        second(What::ChangeCipherSpec),
        second(ALL),
        second(install_one(2, 3)),
        first(install_one(2, 3)),
        second(What::Establish { writer: 2 }),
        second(message(20)),
        second(What::Establish { writer: 2 }),
        second(ALL),
        first(What::Establish { writer: 1 }),
        first(What::Establish { writer: 2 }),
        first(write(9)),
        first(ALL),
    ];
    let tls12 = |calls: &[Call]| input(Suite::Tls12Gcm, false, calls);
    // The keys that are to seal the close_notify are missing.
    let no_keys = [first(What::Shutdown), first(install_one(1, 3)), first(What::Shutdown)];
    let renegotiation = input(
        Suite::Tls12Chacha,
        true,
        &[
            second(message(0)),
            second(ALL),
            first(What::RefuseRenegotiation),
            first(ALL),
            first(What::TakeSealedAlert),
        ],
    );
    let mut padded = input(
        Suite::Tls13,
        true,
        &[
            first(What::Set { setting: Setting::PeerRecordSizeLimit { limit: 64 } }),
            second(What::Set { setting: Setting::OwnRecordSizeLimit { limit: 64 } }),
            first(What::Set { setting: Setting::Padding { padding: 1, size: 32 } }),
            first(What::Set { setting: Setting::FragmentLimit { limit: 40 } }),
            first(write(100)),
            first(ALL),
        ],
    );
    padded.setup.pads_control = true;
    vec![
        seed("c_connection", "handshake-of-tls12", &tls12(&[&hello[..], &finished].concat())),
        seed("c_connection", "shutdown-without-keys", &tls12(&[&hello[..], &no_keys].concat())),
        seed("c_connection", "renegotiation-is-refused", &renegotiation),
        seed("c_connection", "settings-change-the-next-record", &padded),
        without_keys(
            "handshake-of-tls13",
            &[
                first(message(1)),
                first(ALL),
                second(What::SkipEarlyData { after_retry: false }),
                second(message(2)),
                second(What::Install { epoch: 3, is_same: false, has_server: true }),
                second(message(20)),
                second(What::Transfer { len: 9 }),
                first(What::Install { epoch: 3, is_same: false, has_server: true }),
                second(ALL),
                first(message(20)),
                first(ALL),
                first(What::Install { epoch: 4, is_same: false, has_server: true }),
                second(What::Install { epoch: 4, is_same: false, has_server: true }),
                first(write(9)),
                first(ALL),
            ],
        ),
        established(
            "one-secret-for-both-directions",
            &[first(What::Install { epoch: 4, is_same: true, has_server: true })],
        ),
        established(
            "connection-of-a-layer",
            &[
                first(What::Wipe { part: 0 }),
                second(What::Wipe { part: 0 }),
                first(What::FromLayer {
                    is_short: false,
                    has_keys: true,
                    is_closing: true,
                    layer: None,
                    memory: Memory::Own { at: 3, len: 400 },
                }),
                second(What::FromLayer {
                    is_short: false,
                    has_keys: true,
                    is_closing: false,
                    layer: None,
                    memory: Memory::Own { at: 0, len: 128 },
                }),
                second(write(9)),
                first(ALL),
                second(ALL),
            ],
        ),
    ]
}

fn pointers() -> Vec<Seed> {
    let over = |layer, at| Memory::Over { layer, at, len: 0 };
    let from_layer = |memory, layer| What::FromLayer {
        is_short: false,
        has_keys: true,
        is_closing: false,
        layer,
        memory,
    };
    vec![
        established(
            "shutdown-of-what-is-no-connection",
            &[
                at(Elsewhere::Null, What::Shutdown),
                at(Elsewhere::Misaligned { by: 0 }, What::Shutdown),
                at(Elsewhere::Unmade, What::Shutdown),
                at(Elsewhere::Copied, What::Shutdown),
                at(Elsewhere::Inside { at: 0 }, What::Shutdown),
                at(Elsewhere::OtherType { number: 1 }, What::Shutdown),
                first(What::Wipe { part: 0 }),
                first(What::Shutdown),
            ],
        ),
        established(
            "buffer-over-the-objects",
            &[
                first(What::Wipe { part: 0 }),
                first(init(over(false, 0))),
                first(init(over(false, 8))),
                first(init(Memory::Null { len: 0 })),
                first(init(Memory::TooLong { len: 0 })),
                first(init(Memory::Own { at: 1, len: 127 })),
                first(from_layer(over(true, 0), None)),
                first(from_layer(over(false, 0), None)),
                first(from_layer(Memory::Own { at: 0, len: 300 }, Some(Elsewhere::Copied))),
                // The layer in the place of the connection.
                at(
                    Elsewhere::OtherType { number: 3 },
                    from_layer(Memory::Own { at: 0, len: 300 }, None),
                ),
                first(init(Memory::Own { at: 1, len: 128 })),
            ],
        ),
        established(
            "halves-over-the-connection",
            &[
                Some(Room::OverConnection { at: 0 }),
                Some(Room::OverBuffer { at: 100 }),
                Some(Room::OverOther),
                Some(Room::TooShort),
                Some(Room::Misaligned { by: 0 }),
            ]
            .into_iter()
            .flat_map(|room| {
                let wrong = room.clone().map(|room| Mailbox::Wrong { room });
                [
                    What::Split { opener: room.clone(), writer: None, mailbox: Mailbox::None },
                    What::Split { opener: None, writer: room, mailbox: Mailbox::Own },
                    split(wrong.unwrap_or(Mailbox::None)),
                ]
            })
            .map(first)
            .collect::<Vec<_>>(),
        ),
        established(
            "connection-over-its-halves",
            &[
                first(split(Mailbox::Own)),
                at(Elsewhere::OtherType { number: 0 }, join(false)),
                at(Elsewhere::OtherType { number: 1 }, join(false)),
                first(What::Join {
                    is_short: false,
                    is_crossed: false,
                    opener: None,
                    writer: None,
                    over_buffer: Some(100),
                }),
                first(What::Join {
                    is_short: true,
                    is_crossed: false,
                    opener: None,
                    writer: Some(Elsewhere::Copied),
                    over_buffer: None,
                }),
                first(join(false)),
            ],
        ),
        established(
            "data-and-results-that-are-refused",
            &[
                first(What::Write { data: Buffer::Null { len: 1 }, place: OWN }),
                first(What::Write { data: Buffer::TooLong { at: 0, len: 0 }, place: OWN }),
                first(What::Write { data: IN(0, 9), place: Place::Null }),
                first(What::Write { data: IN(0, 9), place: Place::Misaligned { by: 0 } }),
                first(What::Write { data: IN(0, 9), place: Place::Inside { at: 0 } }),
                first(What::Reserve { len: u16::MAX, place: OWN }),
                first(What::Unsent { place: Place::Null }),
            ],
        ),
    ]
}
