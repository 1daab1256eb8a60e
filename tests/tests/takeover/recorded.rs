//! Connections that are read from outside: both directions, and the key log.

use super::*;

/// What both ends of a connection sent, in turns, and their secrets.
pub(crate) struct Recording {
    pub(crate) log: SecretLog,
    pub(crate) turns: Vec<(Role, Vec<u8>)>,
    client: Box<dyn Peer>,
    server: Box<dyn Peer>,
}

impl Recording {
    /// A handshake of OpenSSL with itself.
    pub(crate) fn of_handshake(agreed: Negotiated) -> Self {
        let log = SecretLog::default();
        let logging = Extras { log: Some(log.clone()), ..Extras::default() };
        let mut this = Self {
            client: Stack::Openssl.peer(Role::Client, agreed, &logging),
            server: Stack::Openssl.peer(Role::Server, agreed, &Extras::default()),
            log,
            turns: Vec::new(),
        };
        this.go_on();
        this
    }

    /// Records until nothing is sent.
    fn go_on(&mut self) {
        for _ in 0..10 {
            let sent = self.client.take_output();
            self.server.receive(&sent);
            self.turns.push((Role::Client, sent));
            let sent = self.server.take_output();
            self.client.receive(&sent);
            self.turns.push((Role::Server, sent));
        }
    }
}

fn with_all_secrets(log: &SecretLog) -> Follower<RustCrypto> {
    let mut follower = Follower::new();
    for line in log.lines() {
        let line = KeyLogLine::parse(line.as_bytes());
        if let Some(line) = line {
            follower.secret(line.kind(), line.secret()).unwrap();
        }
    }
    follower
}

#[test]
fn a_recorded_connection_is_read_to_its_end() {
    for agreed in Negotiated::all().chain(Negotiated::all_ccm()) {
        println!("{agreed:?}");
        let mut recording = Recording::of_handshake(agreed);
        recording.client.write(b"from the client");
        recording.server.write(b"from the server");
        recording.go_on();
        if agreed.version == Version::Tls13 {
            recording.client.key_update(true);
            recording.go_on();
        }
        recording.server.write(b"the last");
        recording.go_on();
        recording.client.close();
        recording.server.close();
        recording.go_on();

        let mut follower = with_all_secrets(&recording.log);
        let [mut data, mut updates, mut ends] = [(); 3].map(|()| [Vec::new(), Vec::new()]);
        for (sender, mut bytes) in recording.turns {
            let mut at = 0;
            while at < bytes.len() {
                let opened = follower.follow(engine_role(sender), &mut bytes[at..]).unwrap();
                let side = usize::from(sender == Role::Server);
                match opened.event {
                    Event::ApplicationData(range) => data[side].extend(&bytes[at..][range]),
                    Event::KeyUpdate { requested } => updates[side].push(u8::from(requested)),
                    Event::Closed => ends[side].push(0),
                    Event::NeedMore { .. } => panic!("a record is missing"),
                    _ => {}
                }
                at += opened.consumed;
            }
        }
        assert_eq!(data, [b"from the client".to_vec(), b"from the serverthe last".to_vec()]);
        if agreed.version == Version::Tls13 {
            assert_eq!(updates, [vec![1], vec![0]]);
        }
        assert_eq!(ends, [vec![0], vec![0]]);
        let finished = follower.finish(Config::new(tls_record::Role::Client));
        assert_eq!(finished.err(), Some(TakeoverError::Ended));
    }
}

#[test]
fn a_handshake_that_arrives_byte_by_byte_is_followed_alike() {
    for agreed in Negotiated::all() {
        let recording = Recording::of_handshake(agreed);
        let mut follower = with_all_secrets(&recording.log);
        for (sender, bytes) in recording.turns {
            let mut shown = Vec::new();
            for byte in bytes {
                shown.push(byte);
                loop {
                    let opened = follower.follow(engine_role(sender), &mut shown).unwrap();
                    if matches!(opened.event, Event::NeedMore { .. }) {
                        assert_eq!(opened.consumed, 0);
                        break;
                    }
                    shown.drain(..opened.consumed);
                }
            }
            assert!(shown.is_empty());
        }
        assert!(follower.is_complete());
        assert!(follower.finish(Config::new(tls_record::Role::Server)).is_ok());
    }
}

#[test]
fn the_state_beside_the_two_openers_is_small() {
    use tls_record::Opener;
    use tls_record::aead::null::Null;

    let openers = 2 * size_of::<Opener<TrafficSecret<Null>>>();
    let beside = size_of::<Follower<Null>>() - openers;
    assert!(beside <= 384, "{beside} bytes");
}
