//! Halves linked by a mailbox: no notice and no signal can be forgotten.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tls_record::aead::Algorithm;
use tls_record::{
    AlertDescription, CloseError, Config, Epoch, Event, Fault, KeyError, Linked, Mailbox,
    OpenError, Opened, Opener, RecordBuffer, RecordLayer, Role, SealError, Sealer, ShutdownError,
    TrafficSecret, WriteEnd, Writer,
};
use tls_record_tests::Backend;
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Hand, Layer, Secret, Suite, key_update,
    open_all,
};

const BAD_RECORD_MAC: Fault = Fault::BadRecordMac;

type LinkedOpener<'a> = Linked<'a, Opener<Secret>>;
type LinkedSealer<'a> = Linked<'a, Sealer<Secret>>;
type Owning = tls_record::Connection<Secret, 512>;

/// Opens a record and returns early on an error.
fn receive(opener: &mut LinkedOpener<'_>, record: &[u8]) -> Result<Got, OpenError> {
    let mut record = record.to_vec();
    let Opened { event, .. } = opener.with(|opener| opener.open(&mut record))?;
    Ok(Got::of(&event, &record).expect("a whole record"))
}

/// Returns the control records that the sealer sends on its own.
fn control(sealer: &mut LinkedSealer<'_>, mirror: &mut Hand) -> Vec<Vec<u8>> {
    let (mut sent, mut out) = (Vec::new(), [0; 64]);
    while sealer.half().has_control() {
        let length = sealer.with(|sealer| sealer.poll_control(&mut out)).expect("sealed");
        let (content_type, content) = mirror.open(&out[..length]);
        if content_type == HANDSHAKE {
            mirror.update();
        }
        sent.push(content);
        assert!(sent.len() < 100, "control does not end");
    }
    sent
}

/// Seals data and opens the record by hand.
fn seal(
    sealer: &mut LinkedSealer<'_>,
    mirror: &mut Hand,
    data: &[u8],
) -> Result<Vec<u8>, SealError> {
    let mut out = [0; 256];
    let sealed = sealer.with(|sealer| sealer.seal(&[data], &mut out))?;
    Ok(mirror.open(&out[..sealed.written]).1)
}

#[test]
fn nothing_is_sealed_after_a_record_that_does_not_open() {
    for suite in Suite::ALL {
        let Connection { layer, mut peer, mut mirror } =
            Connection::established(suite, Role::Server);
        let mut mailbox = Mailbox::new();
        let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
        assert_eq!(seal(&mut sealer, &mut mirror, b"before").unwrap(), b"before");

        let forged = peer.forge(DATA, b"forged");
        assert_eq!(receive(&mut opener, &forged), Err(OpenError::Fault(BAD_RECORD_MAC)));
        assert_eq!(seal(&mut sealer, &mut mirror, b"after"), Err(SealError::Failed));
        assert_eq!(control(&mut sealer, &mut mirror), [[2, 20]]);
        let sent = WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC);
        assert_eq!(sealer.half().end(), sent);
    }
}

#[test]
fn an_alert_reaches_the_other_half_although_the_call_panics() {
    let Connection { layer, mut peer, mut mirror } =
        Connection::established(Suite::Tls13, Role::Server);
    let mut mailbox = Mailbox::new();
    let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
    let mut forged = peer.forge(DATA, b"forged");
    thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            opener.with(|opener| opener.open(&mut forged).expect("a panic of the application"));
        });
        receiving.join().unwrap_err();
    });
    assert_eq!(seal(&mut sealer, &mut mirror, b"after"), Err(SealError::Failed));
    assert_eq!(control(&mut sealer, &mut mirror), [[2, 20]]);
}

#[test]
fn an_abort_of_the_sealing_half_stops_the_opener() {
    for suite in Suite::ALL {
        let Connection { layer, mut peer, .. } = Connection::established(suite, Role::Client);
        let mut mailbox = Mailbox::new();
        let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
        sealer.with(|sealer| sealer.abort(AlertDescription::DECODE_ERROR)).unwrap();
        let fault = Fault::Aborted(AlertDescription::DECODE_ERROR);
        assert_eq!(receive(&mut opener, &peer.seal(DATA, b"x")), Err(OpenError::Fault(fault)));
    }
}

#[test]
fn a_mailbox_used_before_does_not_affect_the_next_connection() {
    let established = || Connection::established(Suite::Tls13, Role::Client);
    let mut mailbox = Mailbox::new();

    // Linked halves leave an alert that the sealer has not taken.
    let Connection { layer, mut peer, .. } = established();
    let (mut opener, _) = layer.split_over(&mut mailbox);
    receive(&mut opener, &peer.forge(DATA, b"forged")).unwrap_err();
    // Halves that post by hand leave a notice and a signal.
    let Connection { layer, mut peer, .. } = established();
    let (mut opener, mut sealer) = layer.split();
    opener.open(&mut peer.forge(DATA, b"forged")).unwrap_err();
    mailbox.post_notice(opener.take_notice());
    sealer.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    mailbox.post_signal(sealer.take_signal());

    let Connection { layer, mut peer, mut mirror } = established();
    let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
    assert_eq!(receive(&mut opener, &peer.seal(DATA, b"in")), Ok(Got::Data(b"in".to_vec())));
    assert_eq!(seal(&mut sealer, &mut mirror, b"out").unwrap(), b"out");
    assert!(!sealer.half().has_control());
}

#[test]
fn notices_of_a_layer_are_posted_when_it_is_linked() {
    let Connection { mut layer, mut peer, mut mirror } =
        Connection::established(Suite::Tls13, Role::Client);
    // A request is held back while more input can be opened.
    let mut input = [peer.seal(HANDSHAKE, &key_update(1)), vec![23]].concat();
    let opened = layer.open(&mut input).unwrap();
    assert_eq!(opened.event, Event::KeyUpdate { requested: true });
    assert!(!layer.has_control());

    let mut mailbox = Mailbox::new();
    let (_opener, mut sealer) = layer.split_over(&mut mailbox);
    assert_eq!(control(&mut sealer, &mut mirror), [key_update(0)]);
}

#[test]
fn a_key_update_of_the_peer_is_answered_once() {
    let Connection { layer, mut peer, mut mirror } =
        Connection::established(Suite::Tls13, Role::Client);
    let mut mailbox = Mailbox::new();
    let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
    let mut wire = Vec::new();
    for _ in 0..3 {
        wire.extend(peer.seal(HANDSHAKE, &key_update(1)));
        peer.update();
    }
    let (got, left) = opener.with(|opener| open_all(|input| opener.open(input), &wire));
    assert_eq!((got, left), (vec![Got::KeyUpdate(true); 3], Ok(0)));
    assert_eq!(control(&mut sealer, &mut mirror), [key_update(0)]);
}

#[test]
fn the_answer_to_our_key_update_is_expected() {
    let Connection { layer, mut peer, mut mirror } =
        Connection::configured(Suite::Tls13, |config| {
            config.limits.key_updates = 0;
        });
    let mut mailbox = Mailbox::new();
    let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
    for _ in 0..3 {
        sealer.with(|sealer| sealer.update_keys(true)).unwrap();
        assert_eq!(control(&mut sealer, &mut mirror), [key_update(1)]);
        let again = sealer.with(|sealer| sealer.update_keys(true));
        assert_eq!(again, Err(KeyError::RequestOutstanding));
        let answer = peer.seal(HANDSHAKE, &key_update(0));
        assert_eq!(receive(&mut opener, &answer), Ok(Got::KeyUpdate(false)));
        peer.update();
    }
}

#[test]
fn both_steps_of_a_shutdown_have_a_byte_budget() {
    for suite in Suite::ALL {
        let Connection { layer, mut peer, mut mirror } =
            Connection::established(suite, Role::Client);
        let mut mailbox = Mailbox::new();
        let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
        // Bytes that arrive before the first step do not count.
        receive(&mut opener, &peer.seal(DATA, b"before")).unwrap();

        sealer.with(|sealer| sealer.close()).unwrap();
        assert_eq!(control(&mut sealer, &mut mirror), [CLOSE_NOTIFY]);
        let repeated = sealer.with(|sealer| sealer.close());
        assert_eq!(repeated, Err(CloseError::AlreadyClosed));

        let awaiting = |drained| Err(ShutdownError::AwaitingPeer { drained });
        let record = peer.seal(DATA, &[0; 100]);
        let length = record.len() as u32;
        assert_eq!(opener.with(|opener| opener.check_closed(length)), awaiting(0));
        receive(&mut opener, &record).unwrap();
        assert_eq!(opener.with(|opener| opener.check_closed(length)), awaiting(length));
        receive(&mut opener, &peer.seal(DATA, b"one too many")).unwrap();
        let spent = opener.with(|opener| opener.check_closed(length));
        assert!(matches!(spent, Err(ShutdownError::BudgetSpent { .. })), "{spent:?}");
        assert_eq!(receive(&mut opener, &peer.seal(ALERT, &CLOSE_NOTIFY)), Ok(Got::Closed));
        assert_eq!(opener.with(|opener| opener.check_closed(length)), Ok(()));

        let layer = Layer::join_linked(opener, sealer).unwrap();
        assert!(layer.end().is_clean());
    }
}

#[test]
fn tls12_replies_to_a_close_notify_of_the_peer() {
    let Connection { layer, mut peer, mut mirror } =
        Connection::established(Suite::Tls12Gcm, Role::Server);
    let mut mailbox = Mailbox::new();
    let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
    assert_eq!(receive(&mut opener, &peer.seal(ALERT, &CLOSE_NOTIFY)), Ok(Got::Closed));
    assert_eq!(seal(&mut sealer, &mut mirror, b"late"), Err(SealError::Closed));
    assert_eq!(control(&mut sealer, &mut mirror), [CLOSE_NOTIFY]);
}

// Joining

#[test]
fn joining_keeps_everything_that_was_posted() {
    let Connection { layer, mut peer, .. } = Connection::established(Suite::Tls13, Role::Client);
    let mut mailbox = Mailbox::new();
    let (mut opener, sealer) = layer.split_over(&mut mailbox);
    receive(&mut opener, &peer.seal(HANDSHAKE, &key_update(1))).unwrap();
    let layer = Layer::join_linked(opener, sealer).unwrap();
    assert!(layer.has_control());

    let (opener, mut sealer) = layer.split_over(&mut mailbox);
    sealer.with(|sealer| sealer.abort(AlertDescription::DECODE_ERROR)).unwrap();
    let mut layer = Layer::join_linked(opener, sealer).unwrap();
    let fault = Fault::Aborted(AlertDescription::DECODE_ERROR);
    assert_eq!(layer.open(&mut []), Err(OpenError::Fault(fault)));
}

#[test]
fn halves_of_different_connections_do_not_join() {
    let layer = || Connection::established(Suite::Tls13, Role::Client).layer;
    let (mut first, mut second) = (Mailbox::new(), Mailbox::new());
    let (opener, _) = layer().split_over(&mut first);
    let (_, sealer) = layer().split_over(&mut second);
    assert_eq!(Layer::join_linked(opener, sealer).unwrap_err(), KeyError::Mismatch);

    let (opener, _) = Owning::new(layer()).split_over(&mut first);
    let (_, writer) = Owning::new(layer()).split_over(&mut second);
    assert_eq!(Owning::join_linked(opener, writer).unwrap_err(), KeyError::Mismatch);
}

// A writer, which owns its output

#[test]
fn a_linked_writer_sends_the_alert_for_a_record_that_does_not_open() {
    let Connection { layer, mut peer, mut mirror } =
        Connection::established(Suite::Tls13, Role::Server);
    let mut mailbox = Mailbox::new();
    let (mut opener, mut writer) = Owning::new(layer).split_over(&mut mailbox);
    receive(&mut opener, &peer.forge(DATA, b"forged")).unwrap_err();
    let late = writer.with(|writer| writer.write(&[b"late"]));
    assert_eq!(late, Err(SealError::Failed));
    let unsent = writer.half().unsent().to_vec();
    assert_eq!(mirror.open(&unsent), (ALERT, vec![2, 20]));
    writer.with(|writer| writer.sent(unsent.len()));
    let connection = Owning::join_linked(opener, writer).unwrap();
    let sent = WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC);
    assert_eq!(connection.end().write, sent);
}

#[test]
fn a_linked_writer_discards_records_for_a_peer_that_has_failed() {
    let Connection { layer, mut peer, .. } = Connection::established(Suite::Tls13, Role::Server);
    let mut mailbox = Mailbox::new();
    let (mut opener, mut writer) = Owning::new(layer).split_over(&mut mailbox);
    writer.with(|writer| writer.write(&[b"data"])).unwrap();
    assert!(!writer.half().unsent().is_empty());
    receive(&mut opener, &peer.seal(ALERT, &[2, 80])).unwrap_err();
    assert!(writer.half().unsent().is_empty());
}

// The opener learns of the failure even if the caller only looks at the writer.
#[test]
fn a_cipher_that_fails_at_a_reply_stops_the_opener() {
    let mut layer = Layer::new(Config::new(Role::Client));
    let [client, server] = [1, 2].map(|byte| Suite::Tls12Chacha.secret(byte));
    layer.take_over(Epoch::Application, (client, u64::MAX), (server, 1)).unwrap();
    let mut mailbox = Mailbox::new();
    let (mut opener, mut writer) = Owning::new(layer).split_over(&mut mailbox);
    let close = Hand::established(Suite::Tls12Chacha, 2).seal(ALERT, &CLOSE_NOTIFY);
    assert_eq!(receive(&mut opener, &close), Ok(Got::Closed));
    assert_eq!(opener.half().sequence(), Some(2));
    assert_eq!(writer.half().end(), WriteEnd::Failed);
    assert_eq!(opener.half().sequence(), None, "the keys are wiped");
}

// `sent` seals a KeyUpdate request: the opener knows of it before the caller can send the record.
#[test]
fn a_request_sealed_when_there_is_room_is_posted_before_it_can_be_sent() {
    let Connection { layer, mut peer, mut mirror } =
        Connection::configured(Suite::Tls13, |config| {
            config.limits.key_updates = 0;
        });
    let mut mailbox = Mailbox::new();
    let (mut opener, mut writer) = Owning::new(layer).split_over(&mut mailbox);
    writer.with(|writer| writer.write(&[b"data"])).unwrap();
    writer.with(|writer| writer.update_keys(true)).unwrap();
    for content in [b"data".to_vec(), key_update(1)] {
        let unsent = writer.half().unsent().to_vec();
        assert_eq!(mirror.open(&unsent).1, content);
        if content == key_update(1) {
            let answer = peer.seal(HANDSHAKE, &key_update(0));
            assert_eq!(receive(&mut opener, &answer), Ok(Got::KeyUpdate(false)));
        }
        writer.with(|writer| writer.sent(unsent.len()));
    }
    writer.with(|writer| writer.update_keys(true)).unwrap();
}

#[test]
fn a_linked_writer_and_its_opener_shut_down_in_two_steps() {
    for suite in Suite::ALL {
        let Connection { layer, mut peer, mut mirror } =
            Connection::established(suite, Role::Client);
        let mut mailbox = Mailbox::new();
        let (mut opener, mut writer) = Owning::new(layer).split_over(&mut mailbox);
        let mut wire = Vec::new();
        while let Err(error) = writer.with(|writer| writer.shutdown()) {
            assert_eq!(error, ShutdownError::WouldBlock);
            wire.push(writer.half().unsent()[0]);
            writer.with(|writer| writer.sent(1));
        }
        assert_eq!(mirror.open(&wire), (ALERT, CLOSE_NOTIFY.to_vec()));

        // The budget counts from the first call.
        let awaiting = ShutdownError::AwaitingPeer { drained: 0 };
        assert_eq!(opener.with(|opener| opener.check_closed(0)), Err(awaiting));
        let record = peer.seal(DATA, b"under way");
        let drained = record.len() as u32;
        receive(&mut opener, &record).unwrap();
        let awaiting = ShutdownError::AwaitingPeer { drained };
        assert_eq!(opener.with(|opener| opener.check_closed(drained)), Err(awaiting));
        let spent = ShutdownError::BudgetSpent { drained };
        assert_eq!(opener.with(|opener| opener.check_closed(drained - 1)), Err(spent));
        receive(&mut opener, &peer.seal(ALERT, &CLOSE_NOTIFY)).unwrap();
        assert_eq!(opener.with(|opener| opener.check_closed(0)), Ok(()));
        assert!(Owning::join_linked(opener, writer).unwrap().end().is_clean());
    }
}

// Threads

type RealSecret = TrafficSecret<Backend>;
type RealConnection = tls_record::Connection<RealSecret, 4096>;

/// A task for the sending thread.
enum Task {
    /// The receiving thread has posted something.
    Wake,
    Write(Vec<u8>),
    UpdateKeys,
    Shutdown,
}

type RealOpener<'a> = Linked<'a, Opener<RealSecret>>;
type RealWriter<'a> = Linked<'a, Writer<RealSecret, 4096>>;

/// Receives until the peer has closed, and returns the data.
fn receive_all<'a>(
    mut opener: RealOpener<'a>,
    transport: Receiver<Vec<u8>>,
    wake: Sender<Task>,
) -> (RealOpener<'a>, Vec<u8>) {
    let mut buffer = RecordBuffer::<8192>::new();
    let mut data = Vec::new();
    while opener.with(|opener| opener.check_closed(u32::MAX)).is_err() {
        let bytes = transport.recv().expect("the peer has not closed");
        buffer.room().unwrap()[..bytes.len()].copy_from_slice(&bytes);
        buffer.received(bytes.len());
        let has_notice = opener.with(|opener| {
            loop {
                let opened = opener.open(buffer.filled()).unwrap();
                match &opened.event {
                    Event::NeedMore { .. } | Event::Closed => break,
                    Event::ApplicationData(range) => {
                        data.extend_from_slice(&buffer.filled()[range.clone()]);
                    }
                    _ => {}
                }
                buffer.consume(&opened);
            }
            opener.has_notice()
        });
        if has_notice {
            // The sending thread may have ended after its shutdown.
            let _ = wake.send(Task::Wake);
        }
    }
    (opener, data)
}

/// Works until our direction is shut down.
fn send_all<'a>(
    mut writer: RealWriter<'a>,
    tasks: Receiver<Task>,
    transport: Sender<Vec<u8>>,
) -> RealWriter<'a> {
    let flush = |writer: &mut RealWriter<'a>| {
        while !writer.half().unsent().is_empty() {
            // Pieces, so that records arrive in parts.
            let unsent = writer.half().unsent();
            let taken = unsent.len().min(1000);
            let _ = transport.send(unsent[..taken].to_vec());
            writer.with(|writer| writer.sent(taken));
        }
    };
    for task in tasks {
        match task {
            Task::Wake => {}
            Task::Write(data) => {
                let mut left = &data[..];
                while !left.is_empty() {
                    let taken = writer.with(|writer| writer.write(&[left])).unwrap();
                    left = &left[taken..];
                    flush(&mut writer);
                }
            }
            Task::UpdateKeys => match writer.with(|writer| writer.update_keys(true)) {
                Ok(()) | Err(KeyError::RequestOutstanding) => {}
                Err(error) => panic!("{error}"),
            },
            Task::Shutdown => {
                while writer.with(|writer| writer.shutdown()) == Err(ShutdownError::WouldBlock) {
                    flush(&mut writer);
                }
                return writer;
            }
        }
        flush(&mut writer);
    }
    unreachable!("the last task is to shut down")
}

/// The data of round `round`.
fn chunk(round: usize) -> Vec<u8> {
    (0..37 * round + 1).map(|i| (i ^ round) as u8).collect()
}

const ROUNDS: usize = if cfg!(miri) { 4 } else { 60 };

/// Runs one end in two threads. Returns the data that arrived, and whether the end is clean.
fn run(role: Role, incoming: Receiver<Vec<u8>>, outgoing: Sender<Vec<u8>>) -> (Vec<u8>, bool) {
    let mut config = Config::new(role);
    config.fragment_limit = 1024;
    if role == Role::Client {
        // It requests KeyUpdates, and tolerates only answers.
        config.limits.key_updates = 0;
    }
    let mut layer = RecordLayer::new(config);
    let secret = |byte| RealSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
    layer.install(Epoch::Application, secret(1), secret(2)).unwrap();

    let mut mailbox = Mailbox::new();
    let (opener, writer) = RealConnection::new(layer).split_over(&mut mailbox);
    let (tasks, to_do) = channel();
    thread::scope(|scope| {
        let wake = tasks.clone();
        let receiving = scope.spawn(move || receive_all(opener, incoming, wake));
        let sending = scope.spawn(move || send_all(writer, to_do, outgoing));
        for round in 0..ROUNDS {
            tasks.send(Task::Write(chunk(round))).unwrap();
            if role == Role::Client && round % 3 == 0 {
                tasks.send(Task::UpdateKeys).unwrap();
            }
        }
        tasks.send(Task::Shutdown).unwrap();
        let (opener, data) = receiving.join().unwrap();
        let connection = RealConnection::join_linked(opener, sending.join().unwrap()).unwrap();
        (data, connection.end().is_clean())
    })
}

#[test]
fn linked_halves_in_threads_exchange_data_and_key_updates_and_shut_down() {
    let (to_server, from_client) = channel();
    let (to_client, from_server) = channel();
    let ends = thread::scope(|scope| {
        let client = scope.spawn(move || run(Role::Client, from_server, to_server));
        let server = scope.spawn(move || run(Role::Server, from_client, to_client));
        [client.join().unwrap(), server.join().unwrap()]
    });
    let all: Vec<u8> = (0..ROUNDS).flat_map(chunk).collect();
    for (data, is_clean) in ends {
        assert!(data == all, "{} bytes of {}", data.len(), all.len());
        assert!(is_clean);
    }
}
