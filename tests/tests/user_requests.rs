//! One test for each thing that users of other libraries ask for.
//!
//! Some are tested in other files: two halves that do not wait for each other (rustls#288, #1958, #2761;
//! embedded-tls#94) in `threads.rs`; a lost alert, an answer to a KeyUpdate that waits for a write
//! (mbedtls#8859, ktls#78, ntex#899) and a write after our close_notify (rustls#3047) in
//! `known_vulnerabilities.rs`; suspending and resuming (mbedtls#3141, #6812) in `adapter/suspend.rs`; tickets
//! that arrive after the hand-over of secrets (rustls#2362) in `adapter/resumption.rs`.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tls_record::close::OnPeerClose;
use tls_record::{
    AlertDescription, Config, Connection, End, Epoch, Event, OpenError, ReadEnd, RecordBuffer,
    RecordLayer, RecordSizeLimit, Role, SealError, ShutdownError, WriteEnd,
};
use tls_record_tests::records::{
    self, ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Hand, Secret, Suite, key_update, open_all,
    split,
};

type Tls<const TX: usize> = Connection<Secret, TX>;

/// A connection, one [`Hand`] that seals for it, and one that opens its records.
fn with_hands(suite: Suite, configure: impl FnOnce(&mut Config)) -> (Tls<512>, Hand, Hand) {
    let records::Connection { layer, peer, mirror } =
        records::Connection::configured(suite, configure);
    (Connection::new(layer), peer, mirror)
}

/// Two ends of one connection.
fn pair<const CLIENT: usize, const SERVER: usize>(
    suite: Suite,
    configure: impl Fn(&mut Config),
) -> (Tls<CLIENT>, Tls<SERVER>) {
    fn end<const TX: usize>(
        mut config: Config,
        suite: Suite,
        configure: &dyn Fn(&mut Config),
    ) -> Tls<TX> {
        configure(&mut config);
        let first = suite.first_sequence(Epoch::Application);
        let [client, server] = [1, 2].map(|byte| (suite.secret(byte), first));
        let mut layer = RecordLayer::new(config);
        layer.take_over(Epoch::Application, client, server).unwrap();
        Connection::new(layer)
    }
    (
        end(Config::new(Role::Client), suite, &configure),
        end(Config::new(Role::Server), suite, &configure),
    )
}

/// rustls#779, #959, #1637; mbedtls#2173; pyopenssl#229: a close_notify, an end of the transport, a
/// fatal alert and "no record yet" are four results, and earlier data is delivered first.
#[test]
fn four_ends_of_reading_are_distinguished_after_earlier_data() {
    for suite in Suite::ALL {
        let new = || {
            let (tls, mut peer, _) = with_hands(suite, |_| {});
            let data = peer.seal(DATA, b"before");
            (tls, peer, data)
        };
        let before = vec![Got::Data(b"before".to_vec())];

        let (mut tls, mut peer, wire) = new();
        let wire = [wire, peer.seal(ALERT, &CLOSE_NOTIFY)].concat();
        let (got, left) = open_all(|input| tls.received(input), &wire);
        assert_eq!((got, left), ([before.clone(), vec![Got::Closed]].concat(), Ok(0)));
        assert_eq!(tls.eof(), ReadEnd::Closed { epoch: Epoch::Application });

        let (mut tls, mut peer, wire) = new();
        let wire = [wire, peer.seal(ALERT, &[2, 80])].concat();
        let (got, left) = open_all(|input| tls.received(input), &wire);
        let alert = OpenError::PeerAlert(AlertDescription::INTERNAL_ERROR);
        assert_eq!((got, left), (before.clone(), Err(alert)));

        let (mut tls, _, wire) = new();
        let (got, left) = open_all(|input| tls.received(input), &wire);
        assert_eq!((got, left), (before.clone(), Ok(0)));
        let not_yet = tls.received(&mut []).unwrap().event;
        assert_eq!((not_yet, tls.end().read), (Event::NeedMore { total: 5 }, ReadEnd::Open));
        let read = ReadEnd::Truncated { epoch: Epoch::Application, inside_record: false };
        assert_eq!(tls.eof(), read);
        assert_eq!(tls.received(&mut []), Err(OpenError::Truncated));

        let (mut tls, mut peer, wire) = new();
        let cut = peer.seal(DATA, b"cut off");
        let wire = [&wire[..], &cut[..cut.len() - 1]].concat();
        let (got, left) = open_all(|input| tls.received(input), &wire);
        assert_eq!((got, left), (before, Ok(cut.len() - 1)));
        let read = ReadEnd::Truncated { epoch: Epoch::Application, inside_record: true };
        assert_eq!(tls.eof(), read);
    }
}

/// rsyslog#1231, curl#4487, aiohttp#11091, s2n-tls#213: a peer that never closes, or never stops
/// sending, does not delay the end.
#[test]
fn a_shutdown_does_not_wait_for_a_peer_that_does_not_answer() {
    for suite in Suite::ALL {
        let (mut tls, _, mut mirror) = with_hands(suite, |_| {});
        assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
        let (content_type, content) = mirror.open(tls.unsent());
        assert_eq!((content_type, content), (ALERT, CLOSE_NOTIFY.to_vec()));
        tls.sent(usize::MAX);
        assert_eq!(tls.shutdown(), Ok(()), "with not a word of the peer's");

        let (mut tls, mut peer, _) = with_hands(suite, |_| {});
        let mut received = 0;
        let drained = loop {
            match tls.shutdown_both(10_000) {
                Err(ShutdownError::WouldBlock) => tls.sent(1),
                Err(ShutdownError::AwaitingPeer { drained }) => assert_eq!(drained, received),
                Err(ShutdownError::BudgetSpent { drained }) => break drained,
                other => panic!("{other:?}"),
            }
            let mut record = peer.seal(DATA, &[0; 300]);
            let opened = tls.received(&mut record).unwrap();
            assert!(matches!(opened.event, Event::ApplicationData(_)), "it is still delivered");
            received += opened.consumed as u32;
        };
        assert!((10_000..11_000).contains(&drained), "{drained}");
        assert_eq!(tls.end(), End { read: ReadEnd::Open, write: WriteEnd::Closed });
    }
}

/// s2n-tls#598, #4374; rustls#1895: in TLS 1.3 a close ends one direction; in TLS 1.2 the caller
/// chooses.
#[test]
fn half_close_depends_on_the_version_and_the_configuration() {
    for suite in Suite::ALL {
        for policy in [OnPeerClose::Reply, OnPeerClose::HalfClose] {
            let half_closes = suite == Suite::Tls13 || policy == OnPeerClose::HalfClose;
            let (mut client, mut server) =
                pair::<512, 512>(suite, |config| config.tls12_on_peer_close = policy);
            let _ = client.shutdown();
            let closed = server.received(&mut client.unsent().to_vec()).unwrap();
            assert_eq!(closed.event, Event::Closed);
            client.sent(usize::MAX);
            assert_eq!(client.write(&[b"late"]), Err(SealError::Closed));
            let answer = server.write(&[b"answer"]);
            assert_eq!(answer, if half_closes { Ok(6) } else { Err(SealError::Closed) });

            let _ = server.shutdown();
            let (got, left) = open_all(|input| client.received(input), server.unsent());
            server.sent(usize::MAX);
            let mut expected = vec![Got::Closed];
            if half_closes {
                expected.insert(0, Got::Data(b"answer".to_vec()));
            }
            assert_eq!((got, left), (expected, Ok(0)));
            assert!(client.end().is_clean() && server.end().is_clean());
        }
    }
}

/// A transport whose calls are pending at first, every time.
struct Slow<'a> {
    wire: &'a [u8],
    taken: Vec<u8>,
    calls: usize,
}

impl Slow<'_> {
    /// Ready at every third call.
    fn is_ready(&mut self) -> bool {
        self.calls += 1;
        self.calls.is_multiple_of(3)
    }

    async fn read(&mut self, room: &mut [u8]) -> usize {
        poll_fn(|_| if self.is_ready() { Poll::Ready(()) } else { Poll::Pending }).await;
        let (now, later) = self.wire.split_at(room.len().min(self.wire.len()).min(11));
        room[..now.len()].copy_from_slice(now);
        self.wire = later;
        now.len()
    }

    async fn write(&mut self, bytes: &[u8]) -> usize {
        poll_fn(|_| if self.is_ready() { Poll::Ready(()) } else { Poll::Pending }).await;
        let len = bytes.len().min(5);
        self.taken.extend_from_slice(&bytes[..len]);
        len
    }
}

/// A simple driver that waits for the transport in several places.
async fn drive(
    tls: &mut Tls<512>,
    buffer: &mut RecordBuffer<512>,
    transport: &mut Slow<'_>,
    data: &mut Vec<u8>,
) {
    loop {
        while !tls.unsent().is_empty() {
            let taken = transport.write(tls.unsent()).await;
            tls.sent(taken);
        }
        let opened = tls.received(buffer.filled()).unwrap();
        match opened.event {
            Event::NeedMore { .. } => {
                buffer.consume(&opened);
                let len = transport.read(buffer.room().unwrap()).await;
                buffer.received(len);
                continue;
            }
            Event::ApplicationData(ref range) => {
                data.extend_from_slice(&buffer.filled()[range.clone()]);
            }
            Event::Closed => return,
            _ => {}
        }
        buffer.consume(&opened);
    }
}

/// embedded-tls#142, #204: a dropped future lost bytes.
#[test]
fn dropping_a_future_anywhere_loses_nothing() {
    for patience in 1..30 {
        let (mut tls, mut peer, mut mirror) = with_hands(Suite::Tls13, |_| {});
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for round in 0..20_u8 {
            let content = vec![round; 5 * usize::from(round)];
            wire.extend(peer.seal(DATA, &content));
            expected.extend(content);
            wire.extend(peer.seal(HANDSHAKE, &key_update(round % 2)));
            peer.update();
        }
        wire.extend(peer.seal(ALERT, &CLOSE_NOTIFY));
        tls.write(&[b"ours"]).unwrap();

        let mut transport = Slow { wire: &wire, taken: Vec::new(), calls: 0 };
        let (mut buffer, mut got, mut drops) = (RecordBuffer::new(), Vec::new(), 0);
        let mut context = Context::from_waker(Waker::noop());
        'driving: loop {
            let mut future = pin!(drive(&mut tls, &mut buffer, &mut transport, &mut got));
            for _ in 0..patience {
                if future.as_mut().poll(&mut context).is_ready() {
                    break 'driving;
                }
            }
            drops += 1;
        }
        assert!(drops > 10, "{drops}");
        assert_eq!(got, expected, "dropped after {patience} polls");
        assert_eq!(tls.end().read, ReadEnd::Closed { epoch: Epoch::Application });
        let replies: Vec<_> = split(&transport.taken)
            .map(|record| {
                let (content_type, content) = mirror.open(record);
                if content_type == HANDSHAKE {
                    mirror.update();
                }
                content
            })
            .collect();
        assert_eq!(replies[0], b"ours");
        assert!(replies[1..].iter().all(|reply| *reply == key_update(0)));
        assert!((1..=10).contains(&(replies.len() - 1)), "{} replies", replies.len() - 1);
    }
}

/// rustls#585, openssl#955, embedded-tls#126: a connection in little memory, and in more in one
/// direction than in the other.
#[test]
fn a_connection_works_in_little_memory_with_asymmetric_buffers() {
    // The client sends commands and receives much: 128 bytes out, and in what it announced.
    const LIMIT: RecordSizeLimit = RecordSizeLimit::new(512).unwrap();
    const RECORD: usize = LIMIT.max_record_len();
    let (mut client, mut server) = pair::<128, 4096>(Suite::Tls13, |config| {
        if config.role == Role::Client {
            config.record_size_limit = Some(LIMIT);
        }
    });
    server.set_peer_record_size_limit(LIMIT);
    assert!(size_of::<Tls<128>>() + size_of::<RecordBuffer<RECORD>>() < 1500);

    let page: Vec<u8> = (0..20_000).map(|i| (i % 251) as u8).collect();
    let mut requests = RecordBuffer::<128>::new();
    let mut pages = RecordBuffer::<RECORD>::new();
    let (mut written, mut got, mut request) = (0, Vec::new(), Vec::new());
    assert_eq!(client.write(&[&[b'r'; 60]]), Ok(60));
    client.update_keys(true).unwrap();
    while got.len() < page.len() {
        carry(&mut client, &mut requests, &mut server, &mut request);
        if let Ok(taken) = server.write(&[&page[written..]]) {
            written += taken;
        }
        carry(&mut server, &mut pages, &mut client, &mut got);
    }
    assert!(got == page);
    assert_eq!(request, [b'r'; 60]);
}

/// Carries the unsent records of one end to the other, through its buffer.
fn carry<const FROM: usize, const BUFFER: usize, const TO: usize>(
    from: &mut Tls<FROM>,
    buffer: &mut RecordBuffer<BUFFER>,
    to: &mut Tls<TO>,
    data: &mut Vec<u8>,
) {
    while !from.unsent().is_empty() {
        let room = buffer.room().expect("no record is longer than was announced");
        let len = room.len().min(from.unsent().len());
        room[..len].copy_from_slice(&from.unsent()[..len]);
        buffer.received(len);
        from.sent(len);
        loop {
            let opened = to.received(buffer.filled()).unwrap();
            if let Event::ApplicationData(range) = &opened.event {
                data.extend_from_slice(&buffer.filled()[range.clone()]);
            }
            buffer.consume(&opened);
            if let Event::NeedMore { .. } = opened.event {
                break;
            }
        }
    }
}

/// rustls#2362, #2370; ktls#59, #75: a connection that another implementation has established
/// continues at its sequence numbers, and its keys can still be updated.
#[test]
fn a_connection_that_is_taken_over_continues_and_updates_its_keys() {
    for suite in Suite::ALL {
        let mut tls = Tls::<512>::new(RecordLayer::new(Config::new(Role::Client)));
        tls.with_halves(|opener, sealer| {
            opener.take_over(Epoch::Application, suite.secret(1), 1000).unwrap();
            sealer.take_over(Epoch::Application, suite.secret(2), 70_000).unwrap();
        });
        let (mut peer, mut mirror) = (Hand::new(suite, 1), Hand::new(suite, 2));
        (peer.sequence, mirror.sequence) = (1000, 70_000);
        let mut sends = |tls: &mut Tls<512>, content: &[u8]| {
            assert_eq!(tls.write(&[content]), Ok(content.len()));
            let wire = tls.unsent().to_vec();
            tls.sent(wire.len());
            for record in split(&wire) {
                match mirror.open(record) {
                    (HANDSHAKE, update) => {
                        assert_eq!(update, key_update(0));
                        mirror.update();
                    }
                    (_, data) => assert_eq!(data, content),
                }
            }
        };
        sends(&mut tls, b"ours");
        let mut receives = |tls: &mut Tls<512>, content: &[u8], updates: bool| {
            let mut wire = peer.seal(DATA, content);
            if updates {
                wire.extend(peer.seal(HANDSHAKE, &key_update(1)));
                peer.update();
            }
            let (got, left) = open_all(|input| tls.received(input), &wire);
            assert_eq!((&got[0], left), (&Got::Data(content.to_vec()), Ok(0)));
        };
        receives(&mut tls, b"theirs", suite == Suite::Tls13);
        sends(&mut tls, b"under the next keys");
        receives(&mut tls, b"under theirs", false);
        assert_eq!(tls.end().read, ReadEnd::Open);
        let sequence = tls.writer().sealer().sequence();
        assert_eq!(sequence, Some(if suite == Suite::Tls13 { 1 } else { 70_002 }));
    }
}
