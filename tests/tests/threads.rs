//! The two halves of a connection in two threads, with nothing between them but a [`Mailbox`], and
//! OpenSSL at the other end.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tls_record::{
    AlertDescription, Connection, End, Event, Fault, KeyError, Mailbox, OpenError, Opener, ReadEnd,
    RecordBuffer, RecordLayer, SealError, ShutdownError, TrafficSecret, WriteEnd, Writer,
};
use tls_record_alloc::{Established, Handshake, Progress};
use tls_record_tests::breakable::{self, Breakable};
use tls_record_tests::peers::{
    Negotiated, OpensslPeer, Peer, PeerEnd, Role, SERVER_NAME, Suite, Version,
    rustls_client_config, rustls_server_config,
};

/// Room for several records of full length.
const BUFFER: usize = 1 << 15;

const TLS12: Negotiated = Negotiated { version: Version::Tls12, suite: Suite::Aes128Gcm };
const TLS13: Negotiated = Negotiated { version: Version::Tls13, suite: Suite::Aes256Gcm };

type Secret = TrafficSecret<Breakable>;

// Both ends

/// A connection established with OpenSSL, and the bytes that arrived after the handshake.
fn establish(role: Role, agreed: Negotiated) -> (Connection<Secret, BUFFER>, Vec<u8>, OpensslPeer) {
    let Negotiated { version, suite } = agreed;
    let (mut handshake, peer_role) = match role {
        Role::Client => {
            let config = Arc::new(rustls_client_config(version, suite));
            (Handshake::client(config, SERVER_NAME.try_into().unwrap()).unwrap(), Role::Server)
        }
        Role::Server => {
            let config = Arc::new(rustls_server_config(version, suite));
            (Handshake::server(config).unwrap(), Role::Client)
        }
    };
    let mut peer = OpensslPeer::new(&agreed.setup(peer_role));
    loop {
        let progress = handshake.advance().unwrap();
        peer.receive(handshake.unsent());
        handshake.sent(handshake.unsent().len());
        if progress == Progress::Complete {
            break;
        }
        let output = peer.take_output();
        assert_eq!(handshake.receive(&output), output.len());
    }
    let Established { opener, sealer, received, .. } = handshake.finish().unwrap();
    let mut left_over = received.filled().to_vec();
    left_over.extend(peer.take_output());
    (Connection::new(RecordLayer::join(*opener, *sealer).unwrap()), left_over, peer)
}

/// An input of the receiving thread.
enum Input {
    Bytes(Vec<u8>),
    BreakCipher,
}

/// The result of the receiving thread.
struct Received {
    opener: Opener<Secret>,
    data: Vec<u8>,
    key_updates: usize,
    error: Option<OpenError>,
}

/// Opens the bytes of the transport until it or the connection ends. The notices of a record are in
/// the mailbox before the next record is opened.
fn receive(
    opener: Opener<Secret>,
    transport: &Receiver<Input>,
    mailbox: &Mailbox,
    wake: &Sender<Task>,
) -> Received {
    let mut this = Received { opener, data: Vec::new(), key_updates: 0, error: None };
    let mut buffer = Box::new(RecordBuffer::<BUFFER>::new());
    for input in transport {
        let Input::Bytes(bytes) = input else {
            breakable::set_broken(true);
            continue;
        };
        let mut bytes = &bytes[..];
        while !bytes.is_empty() {
            let room = buffer.room().unwrap();
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            buffer.received(now.len());
            bytes = later;
            loop {
                this.opener.apply(mailbox.take_signal());
                let opened = this.opener.open(buffer.filled());
                if this.opener.has_notice() {
                    mailbox.post_notice(this.opener.take_notice());
                    wake.send(Task::Wake).expect("the sending thread lives");
                }
                let opened = match opened {
                    Ok(opened) => opened,
                    Err(error) => {
                        this.error = Some(error);
                        return this;
                    }
                };
                match &opened.event {
                    Event::NeedMore { .. } => {
                        buffer.consume(&opened);
                        break;
                    }
                    Event::ApplicationData(range) => {
                        this.data.extend_from_slice(&buffer.filled()[range.clone()]);
                    }
                    Event::KeyUpdate { .. } => this.key_updates += 1,
                    Event::Closed => return this,
                    _ => {}
                }
                buffer.consume(&opened);
            }
        }
    }
    this
}

/// A task for the sending thread.
enum Task {
    /// Take from the mailbox.
    Wake,
    Write(Vec<u8>),
    UpdateKeys {
        request: bool,
    },
    Shutdown,
    Abort(AlertDescription),
    BreakCipher,
}

/// The result of the sending thread.
struct Sent {
    writer: Writer<Secret, BUFFER>,
    error: Option<SealError>,
}

/// Works until all senders of tasks have gone.
fn send(
    writer: Writer<Secret, BUFFER>,
    tasks: &Receiver<Task>,
    mailbox: &Mailbox,
    transport: &Sender<Vec<u8>>,
) -> Sent {
    let mut this = Sent { writer, error: None };
    let flush = |writer: &mut Writer<Secret, BUFFER>| {
        // Post the signal before the record is sent: the answer may come at once.
        mailbox.post_signal(writer.take_signal());
        let unsent = writer.unsent().to_vec();
        writer.sent(unsent.len());
        transport.send(unsent).expect("the transport lives");
    };
    for task in tasks {
        this.writer.apply(mailbox.take_notice());
        match task {
            Task::Wake => {}
            Task::Write(data) => {
                let mut left = &data[..];
                while !left.is_empty() && this.error.is_none() {
                    this.writer.apply(mailbox.take_notice());
                    match this.writer.write(&[left]) {
                        Ok(taken) => left = &left[taken..],
                        Err(error) => this.error = Some(error),
                    }
                    flush(&mut this.writer);
                }
            }
            Task::UpdateKeys { request } => match this.writer.update_keys(request) {
                Ok(()) | Err(KeyError::RequestOutstanding) => {}
                Err(error) => panic!("{error}"),
            },
            Task::Shutdown => {
                while this.writer.shutdown() == Err(ShutdownError::WouldBlock) {
                    flush(&mut this.writer);
                }
            }
            Task::Abort(description) => this.writer.abort(description).unwrap(),
            Task::BreakCipher => breakable::set_broken(true),
        }
        flush(&mut this.writer);
    }
    this
}

/// OpenSSL, and the wire between it and the threads.
struct Wire {
    peer: OpensslPeer,
    to_opener: Sender<Input>,
    from_writer: Receiver<Vec<u8>>,
    tasks: Sender<Task>,
    /// Flips a bit of what the writer sends next.
    corrupts: bool,
}

impl Wire {
    fn task(&self, task: Task) {
        self.tasks.send(task).expect("the sending thread lives");
    }

    /// Carries bytes in both directions.
    fn carry(&mut self) {
        while let Ok(mut bytes) = self.from_writer.recv_timeout(Duration::from_millis(1)) {
            if let Some(last) = bytes.last_mut()
                && self.corrupts
            {
                *last ^= 1;
                self.corrupts = false;
            }
            self.peer.receive(&bytes);
            self.carry_back();
        }
        self.carry_back();
    }

    fn carry_back(&mut self) {
        let output = self.peer.take_output();
        if !output.is_empty() {
            // The receiving thread has ended after an error.
            let _ = self.to_opener.send(Input::Bytes(output));
        }
    }

    /// Carries bytes in both directions until the peer's receiving direction has ended.
    fn carry_to_the_end(&mut self) -> PeerEnd {
        while self.peer.end() == PeerEnd::Open {
            self.carry();
        }
        self.peer.end()
    }
}

/// The result of a connection whose halves are joined again.
struct Outcome {
    connection: Connection<Secret, BUFFER>,
    peer: OpensslPeer,
    data: Vec<u8>,
    key_updates: usize,
    open_error: Option<OpenError>,
    seal_error: Option<SealError>,
}

impl Outcome {
    fn end(&self) -> End {
        self.connection.end()
    }
}

/// Runs the halves of a new connection in two threads, and OpenSSL by `script` in this one.
fn run(role: Role, agreed: Negotiated, script: impl FnOnce(&mut Wire)) -> Outcome {
    let (connection, left_over, peer) = establish(role, agreed);
    let (opener, writer) = connection.split();
    let mailbox = Mailbox::new();
    let (to_opener, incoming) = channel();
    let (outgoing, from_writer) = channel();
    let (tasks, to_do) = channel();
    to_opener.send(Input::Bytes(left_over)).unwrap();
    thread::scope(|scope| {
        let (mailbox, wake) = (&mailbox, tasks.clone());
        let receiving = scope.spawn(move || receive(opener, &incoming, mailbox, &wake));
        let sending = scope.spawn(move || send(writer, &to_do, mailbox, &outgoing));
        let mut wire = Wire { peer, to_opener, from_writer, tasks, corrupts: false };
        script(&mut wire);

        let Wire { mut peer, to_opener, from_writer, tasks, .. } = wire;
        drop(to_opener);
        let Received { mut opener, data, key_updates, error: open_error } =
            receiving.join().unwrap();
        drop(tasks);
        let Sent { mut writer, error: seal_error } = sending.join().unwrap();
        for bytes in from_writer {
            peer.receive(&bytes);
        }
        // The last notice or signal may not be taken yet.
        opener.apply(mailbox.take_signal());
        writer.apply(mailbox.take_notice());
        let connection = Connection::join(opener, writer).unwrap();
        Outcome { connection, peer, data, key_updates, open_error, seal_error }
    })
}

fn for_each_connection(test: impl Fn(Role, Negotiated)) {
    for role in [Role::Client, Role::Server] {
        for agreed in [TLS13, TLS12] {
            println!("{role:?}, {agreed:?}");
            test(role, agreed);
        }
    }
}

fn data(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i / 251) as u8 ^ seed).collect()
}

// Tests

#[test]
fn data_goes_both_ways_at_once_with_key_updates_from_both_ends() {
    const ROUNDS: usize = 60;
    for_each_connection(|role, agreed| {
        let updates_keys = agreed.version == Version::Tls13;
        let chunk = |round: usize| data(round as u8, 37 * round * round % 30_000 + 1);
        let all: Vec<u8> = (0..ROUNDS).flat_map(chunk).collect();
        let mut delivered = Vec::new();
        let mut outcome = run(role, agreed, |wire| {
            for round in 0..ROUNDS {
                wire.task(Task::Write(chunk(round)));
                wire.peer.write(&chunk(round));
                if updates_keys && round % 3 == 0 {
                    wire.task(Task::UpdateKeys { request: round % 2 == 0 });
                }
                if updates_keys && round % 4 == 0 {
                    wire.peer.key_update(round % 8 == 0);
                }
                if round % 5 == 0 {
                    wire.carry();
                }
                wire.carry_back();
            }
            wire.task(Task::Shutdown);
            assert_eq!(wire.carry_to_the_end(), PeerEnd::CloseNotify);
            delivered = wire.peer.read();
            wire.peer.close();
            wire.carry();
        });
        assert!(
            outcome.data == all,
            "received from OpenSSL: {} of {}",
            outcome.data.len(),
            all.len()
        );
        assert!(delivered == all, "received by OpenSSL: {} of {}", delivered.len(), all.len());
        assert_eq!((outcome.open_error, outcome.seal_error), (None, None));
        assert_eq!(outcome.key_updates >= 15, updates_keys, "{} updates", outcome.key_updates);
        assert!(outcome.end().is_clean());
        assert_eq!(outcome.connection.shutdown_both(0), Ok(()));
    });
}

/// A forged record for the opener.
fn forged() -> Input {
    Input::Bytes([&[23, 3, 3, 0, 40][..], &[7; 40]].concat())
}

fn assert_failed_by_bad_record_mac(outcome: &mut Outcome, end: PeerEnd) {
    const BAD_RECORD_MAC: AlertDescription = AlertDescription::BAD_RECORD_MAC;
    let fault = Fault::BadRecordMac;
    assert_eq!(end, PeerEnd::Alert(BAD_RECORD_MAC.0));
    assert_eq!(outcome.open_error, Some(OpenError::Fault(fault)));
    let end = End { read: ReadEnd::Fault(fault), write: WriteEnd::AlertSent(BAD_RECORD_MAC) };
    assert_eq!(outcome.end(), end);
    assert_eq!(outcome.connection.write(&[b"late"]), Err(SealError::Failed));
    assert_eq!(outcome.connection.shutdown(), Err(ShutdownError::Failed));
}

#[test]
fn the_alert_for_a_forged_record_reaches_openssl_from_the_other_thread() {
    for_each_connection(|role, agreed| {
        let mut end = PeerEnd::Open;
        let mut outcome = run(role, agreed, |wire| {
            wire.peer.write(b"before");
            wire.carry();
            wire.to_opener.send(forged()).unwrap();
            // While data is being sent.
            for round in 0..20 {
                let _ = wire.tasks.send(Task::Write(data(round, 10_000)));
            }
            end = wire.carry_to_the_end();
        });
        assert_failed_by_bad_record_mac(&mut outcome, end);
        assert_eq!(outcome.data, b"before");
    });
}

#[test]
fn a_cipher_that_fails_to_open_is_a_record_that_does_not_open() {
    for_each_connection(|role, agreed| {
        let mut end = PeerEnd::Open;
        let mut outcome = run(role, agreed, |wire| {
            wire.carry();
            wire.to_opener.send(Input::BreakCipher).unwrap();
            wire.peer.write(b"unreadable");
            end = wire.carry_to_the_end();
        });
        assert_failed_by_bad_record_mac(&mut outcome, end);
        assert_eq!(outcome.data, b"");
    });
}

#[test]
fn an_abort_of_the_sending_half_reaches_openssl_and_stops_the_receiving_half() {
    const DECODE_ERROR: AlertDescription = AlertDescription::DECODE_ERROR;
    for_each_connection(|role, agreed| {
        let outcome = run(role, agreed, |wire| {
            wire.task(Task::Abort(DECODE_ERROR));
            assert_eq!(wire.carry_to_the_end(), PeerEnd::Alert(DECODE_ERROR.0));
            // Later records are not opened.
            let _ = wire.to_opener.send(forged());
        });
        let fault = Fault::Aborted(DECODE_ERROR);
        assert_eq!(outcome.open_error, Some(OpenError::Fault(fault)));
        let end = End { read: ReadEnd::Fault(fault), write: WriteEnd::AlertSent(DECODE_ERROR) };
        assert_eq!(outcome.end(), end);
    });
}

/// Without a cipher no alert can be sent: the end says that OpenSSL got none.
#[test]
fn a_cipher_that_fails_to_seal_stops_both_halves() {
    for_each_connection(|role, agreed| {
        let mut outcome = run(role, agreed, |wire| {
            wire.task(Task::Write(b"before".to_vec()));
            wire.task(Task::BreakCipher);
            wire.task(Task::Write(b"unsealed".to_vec()));
            while wire.peer.read() != b"before" {
                wire.carry();
            }
            wire.carry();
            let _ = wire.to_opener.send(forged());
        });
        assert_eq!(outcome.seal_error, Some(SealError::Crypto));
        let end = End { read: ReadEnd::Fault(Fault::Crypto), write: WriteEnd::Failed };
        assert_eq!(outcome.end(), end);
        assert_eq!(outcome.peer.end(), PeerEnd::Open);
        assert_eq!(outcome.connection.shutdown(), Err(ShutdownError::Failed));
    });
}

#[test]
fn an_alert_of_openssl_stops_the_sending_half() {
    const BAD_RECORD_MAC: AlertDescription = AlertDescription::BAD_RECORD_MAC;
    for_each_connection(|role, agreed| {
        let mut outcome = run(role, agreed, |wire| {
            wire.carry();
            wire.corrupts = true;
            wire.task(Task::Write(b"will be damaged".to_vec()));
            let PeerEnd::Failed(_) = wire.carry_to_the_end() else {
                panic!("it was not damaged");
            };
            wire.carry();
        });
        assert_eq!(outcome.open_error, Some(OpenError::PeerAlert(BAD_RECORD_MAC)));
        let end = End { read: ReadEnd::PeerAlert(BAD_RECORD_MAC), write: WriteEnd::Failed };
        assert_eq!(outcome.end(), end);
        assert_eq!(outcome.connection.write(&[b"late"]), Err(SealError::Failed));
    });
}
