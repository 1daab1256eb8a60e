//! Random calls with random bytes: nothing panics, and the invariants hold.

use proptest::prelude::{
    Arbitrary, Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest,
};
use tls_record::close::{OnPeerClose, ReadState, WriteState};
use tls_record::{
    AlertDescription, Config, ContentType, Epoch, Event, Notice, OpenError, Opener, ReadEnd,
    RecordSizeLimit, Role, SealError, Sealer, Signal, Version,
};
use tls_record_tests::records::{ALERT, DATA, HANDSHAKE, Hand, Layer, Secret, Suite, plaintext};

/// A call and its arguments.
#[derive(Clone, Debug)]
enum Call {
    Open(Vec<u8>),
    OpenPlaintext(u8, Vec<u8>),
    /// A record that opens under the keys of `Install`.
    OpenProtected(u8, Vec<u8>),
    Eof,
    Seal(Vec<u8>, usize),
    SealInPlace(usize, usize),
    SealHandshake(Vec<u8>, usize),
    ChangeCipherSpec(usize),
    PollControl(usize),
    Close,
    Cancel,
    Abort(u8),
    UpdateKeys(bool),
    SetVersion(bool),
    Install(Epoch, Suite, u64),
    Establish,
    SkipEarlyData(bool),
    SetRecordSizeLimit(u16),
    RefuseRenegotiation,
    Tell,
    Notice(u32),
    Signal(u32),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        // Bytes with a meaning in TLS.
        prop::collection::vec(prop_oneof![Just(0), Just(1), Just(2), Just(4), Just(24)], 0..12),
        // A header, as likely as not of a type and a version that exist, and a few bytes.
        (20..25_u8, any::<(u8, u8)>(), prop::collection::vec(any::<u8>(), 0..12)).prop_map(
            |(content_type, (high, low), body)| {
                [&[content_type, 3, 3, high % 80, low][..], &body].concat()
            },
        ),
        any::<[u8; 2]>().prop_map(Vec::from),
        Just(vec![24, 0, 0, 1, 1]),
        Just(vec![1, 0]),
        Just(vec![4, 0, 0, 3, 1, 2, 3, 24, 0, 0, 1, 0]),
    ]
}

fn content_type() -> impl Strategy<Value = u8> {
    prop_oneof![20..24_u8, any::<u8>()]
}

fn sequence() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), Just(u64::MAX - 5), Just(23_726_560), any::<u64>()]
}

fn call() -> impl Strategy<Value = Call> {
    let epoch = prop_oneof![
        Just(Epoch::Plaintext),
        Just(Epoch::EarlyData),
        Just(Epoch::Handshake),
        Just(Epoch::Application)
    ];
    let suite = prop_oneof![Just(Suite::Tls13), Just(Suite::Tls12Gcm), Just(Suite::Tls12Chacha)];
    let room = || prop_oneof![0..80_usize, Just(2000)];
    prop_oneof![
        2 => bytes().prop_map(Call::Open),
        3 => (content_type(), bytes()).prop_map(|(kind, body)| Call::OpenPlaintext(kind, body)),
        8 => (content_type(), bytes()).prop_map(|(kind, body)| Call::OpenProtected(kind, body)),
        1 => Just(Call::Eof),
        4 => (bytes(), room()).prop_map(|(data, room)| Call::Seal(data, room)),
        2 => (0..80_usize, room()).prop_map(|(len, room)| Call::SealInPlace(len, room)),
        2 => (bytes(), room()).prop_map(|(data, room)| Call::SealHandshake(data, room)),
        1 => room().prop_map(Call::ChangeCipherSpec),
        6 => room().prop_map(Call::PollControl),
        1 => prop_oneof![Just(Call::Close), Just(Call::Cancel), any::<u8>().prop_map(Call::Abort)],
        2 => any::<bool>().prop_map(Call::UpdateKeys),
        1 => any::<bool>().prop_map(Call::SetVersion),
        4 => (epoch, suite, sequence()).prop_map(|(epoch, suite, at)| Call::Install(epoch, suite, at)),
        1 => Just(Call::Establish),
        1 => any::<bool>().prop_map(Call::SkipEarlyData),
        1 => any::<u16>().prop_map(Call::SetRecordSizeLimit),
        1 => Just(Call::RefuseRenegotiation),
        4 => Just(Call::Tell),
    ]
}

/// Calls, among them notices and signals that no engine posts.
fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        10 => call(),
        1 => any::<u32>().prop_map(Call::Notice),
        1 => any::<u32>().prop_map(Call::Signal),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let numbers = (any::<Option<u16>>(), any::<u16>(), prop_oneof![0..20_u32, any::<u32>()]);
    let limits = (<[u8; 4]>::arbitrary(), any::<u32>(), 0..100_u32);
    (<[bool; 3]>::arbitrary(), numbers, limits).prop_map(|(flags, numbers, limits)| {
        let mut config = Config::new(if flags[0] { Role::Client } else { Role::Server });
        let record_size_limit;
        (record_size_limit, config.fragment_limit, config.key_limit) = numbers;
        config.record_size_limit = record_size_limit.and_then(RecordSizeLimit::new);
        let few: [u8; 4];
        (few, config.limits.handshake_message, config.limits.early_data) = limits;
        config.limits.empty_records = few[0];
        config.limits.warnings = few[1];
        config.limits.key_updates = few[2];
        config.limits.renegotiations = few[3];
        config.post_handshake_auth = flags[1];
        config.tls12_on_peer_close =
            if flags[2] { OnPeerClose::Reply } else { OnPeerClose::HalfClose };
        config
    })
}

/// Two halves and the states that they were seen in.
struct Seen {
    opener: Opener<Secret>,
    sealer: Sealer<Secret>,
    peer: Option<Hand>,
    error: Option<OpenError>,
    alerts: u32,
}

/// True if a direction may go from one state to the other.
fn read_may_go(from: ReadState, to: ReadState) -> bool {
    from == to || from == ReadState::Open
}

fn write_may_go(from: WriteState, to: WriteState) -> bool {
    use WriteState::{AlertQueued, CancelQueued, CloseQueued, Closed, Failed, HandedOver, Open};
    let rank = |state| match state {
        Open => 0,
        CancelQueued => 1,
        CloseQueued => 2,
        AlertQueued => 3,
        Closed | Failed => 4,
        HandedOver => 5,
    };
    from == to || rank(from) < rank(to)
}

impl Seen {
    fn new(config: Config) -> Self {
        let (opener, sealer) = Layer::new(config).split();
        Self { opener, sealer, peer: None, error: None, alerts: 0 }
    }

    fn open(&mut self, wire: &[u8]) {
        let mut input = wire.to_vec();
        let mut at = 0;
        loop {
            let (before, state) = (self.opener.sequence(), self.opener.state());
            let opened = self.opener.open(&mut input[at..]);
            assert!(self.error.is_none_or(|error| opened == Err(error)), "an error is latched");
            assert!(read_may_go(state, self.opener.state()));
            let opened = match opened {
                Ok(opened) => opened,
                Err(error) => {
                    self.error = Some(error);
                    let failed =
                        matches!(self.opener.state(), ReadState::Failed | ReadState::Truncated);
                    assert!(failed && !matches!(self.opener.end(), ReadEnd::Open));
                    assert!(
                        self.opener.state() == ReadState::Truncated
                            || self.opener.sequence().is_none()
                    );
                    return;
                }
            };
            assert!(at + opened.consumed <= input.len(), "it consumes more than the input");
            let input_len = input.len() - at;
            match opened.event {
                Event::NeedMore { total } => {
                    assert!(opened.consumed == 0 && total > input_len);
                    assert_eq!(self.opener.sequence(), before);
                    return;
                }
                Event::ApplicationData(range) => {
                    assert!(!range.is_empty() && range.end <= opened.consumed);
                    assert!(self.opener.epoch() >= Epoch::EarlyData);
                }
                Event::Handshake(piece) => assert!(piece.body.end <= opened.consumed),
                Event::KeyUpdate { .. } => {
                    assert_eq!(self.opener.sequence(), Some(0));
                    if let Some(peer) = &mut self.peer {
                        peer.update();
                    }
                }
                // The record of the close_notify, and everything behind it at the next call.
                Event::Closed => {
                    assert!(state == ReadState::Open || opened.consumed == input_len);
                }
                _ => {}
            }
            let after = self.opener.sequence();
            assert!(after >= before || after == Some(0), "sequence numbers go up or restart");
            at += opened.consumed;
            if opened.consumed == 0 || at == input.len() {
                return;
            }
        }
    }

    /// Checks a call that writes: it changes as many bytes as it returns, and none after them.
    fn write(
        &mut self,
        room: usize,
        call: impl FnOnce(&mut Sealer<Secret>, &mut [u8]) -> Result<usize, SealError>,
    ) {
        let mut out = vec![0xaa; room];
        let (before, state) = (self.sealer.sequence(), self.sealer.state());
        let control = self.sealer.has_control();
        let written = match call(&mut self.sealer, &mut out) {
            Ok(written) => {
                if matches!(state, WriteState::Closed | WriteState::Failed) {
                    assert_eq!(written, 0, "nothing after the end");
                }
                written
            }
            Err(SealError::Crypto) => {
                assert_eq!(self.sealer.state(), WriteState::Failed);
                return;
            }
            Err(error) => {
                assert_eq!((self.sealer.sequence(), self.sealer.state()), (before, state));
                assert!(
                    !control || self.sealer.has_control(),
                    "a pending control record stays pending"
                );
                if let SealError::NoSpace { need } = error {
                    assert!(need > room);
                }
                0
            }
        };
        assert!(out[written..].iter().all(|&byte| byte == 0xaa));
        if self.sealer.state() != state && written > 0 {
            self.alerts += 1;
        }
        let after = self.sealer.sequence();
        assert!(after >= before || after == Some(0) || self.sealer.state() == WriteState::Failed);
    }

    fn call(&mut self, call: Call) {
        let (read, write) = (self.opener.state(), self.sealer.state());
        match call {
            Call::Open(bytes) => self.open(&bytes),
            Call::OpenPlaintext(kind, body) => self.open(&plaintext(ContentType(kind), &body)),
            Call::OpenProtected(kind, body) => {
                // The rest of the last record would come before the next record.
                if let (Some(peer), Some(sequence)) = (&mut self.peer, self.opener.sequence()) {
                    peer.sequence = sequence;
                    if sequence < u64::MAX {
                        let record = peer.seal(ContentType(kind), &body);
                        self.open(&record);
                    }
                }
            }
            Call::Eof => {
                let end = self.opener.eof();
                assert_ne!(end, ReadEnd::Open);
                assert_eq!(self.opener.eof(), end);
            }
            Call::Seal(data, room) => self.write(room, |sealer, out| {
                sealer.seal(&[&data, b"", &data], out).map(|sealed| {
                    assert!(sealed.taken <= 2 * data.len());
                    sealed.written
                })
            }),
            Call::SealInPlace(len, room) => {
                self.write(room, |sealer, out| {
                    let written = sealer.seal_in_place(out, len)?;
                    assert_eq!(written, sealer.record_len(len));
                    Ok(written)
                });
            }
            Call::SealHandshake(data, room) => {
                self.write(room, |sealer, out| sealer.seal_handshake(&[&data], out));
            }
            Call::ChangeCipherSpec(room) => {
                self.write(room, |sealer, out| sealer.change_cipher_spec(out));
            }
            Call::PollControl(room) => {
                let due = self.sealer.has_control();
                self.write(room, |sealer, out| {
                    let sealed = sealer.poll_control(out);
                    assert!(sealed.is_err() || (sealed != Ok(0)) == due, "has_control is right");
                    sealed
                });
            }
            Call::Close => drop(self.sealer.close()),
            Call::Cancel => drop(self.sealer.cancel()),
            Call::Abort(description) => drop(self.sealer.abort(AlertDescription(description))),
            Call::UpdateKeys(request) => drop(self.sealer.update_keys(request)),
            Call::SetVersion(is_tls13) => {
                let version = if is_tls13 { Version::Tls13 } else { Version::Tls12 };
                // Keys have set the version, which the caller must not contradict.
                if self.opener.epoch() == Epoch::Plaintext {
                    self.opener.set_version(version);
                }
                if self.sealer.epoch() == Epoch::Plaintext {
                    self.sealer.set_version(version);
                }
            }
            Call::Install(epoch, suite, sequence) => {
                if self.opener.take_over(epoch, suite.secret(1), sequence).is_ok() {
                    self.peer = Some(Hand::new(suite, 1).at(sequence));
                }
                let _ = self.sealer.take_over(epoch, suite.secret(2), sequence);
            }
            Call::Establish => drop((self.opener.establish(), self.sealer.establish())),
            Call::SkipEarlyData(by_type) => drop(self.opener.skip_early_data(by_type)),
            Call::SetRecordSizeLimit(limit) => {
                if let Some(limit) = RecordSizeLimit::new(limit) {
                    self.sealer.set_record_size_limit(limit);
                }
            }
            Call::RefuseRenegotiation => drop(self.sealer.refuse_renegotiation()),
            Call::Tell => {
                self.sealer.apply(self.opener.take_notice());
                self.opener.apply(self.sealer.take_signal());
            }
            Call::Notice(bits) => self.sealer.apply(Notice::from_bits(bits)),
            Call::Signal(bits) => self.opener.apply(Signal::from_bits(bits)),
        }
        assert!(read_may_go(read, self.opener.state()), "{read:?}");
        assert!(write_may_go(write, self.sealer.state()), "{write:?}");
        assert!(self.alerts <= 2, "at most user_canceled and an end");
        assert!(self.sealer.fragment_limit() > 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 512 },
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_calls(config in config(), calls in prop::collection::vec(any_call(), 0..60)) {
        let mut seen = Seen::new(config);
        calls.into_iter().for_each(|call| seen.call(call));
    }

    #[test]
    fn any_calls_under_application_keys(
        config in config(),
        tls13 in any::<bool>(),
        calls in prop::collection::vec(call(), 0..60),
    ) {
        let mut seen = Seen::new(config);
        let suite = if tls13 { Suite::Tls13 } else { Suite::Tls12Gcm };
        seen.call(Call::Install(Epoch::Application, suite, 1));
        calls.into_iter().for_each(|call| seen.call(call));
    }

    #[test]
    fn any_bytes(config in config(), chunks in prop::collection::vec(bytes(), 0..20)) {
        for epoch in [Epoch::Plaintext, Epoch::Handshake, Epoch::Application] {
            for suite in Suite::ALL {
                let mut seen = Seen::new(config);
                seen.call(Call::Install(epoch, suite, 1));
                seen.open(&chunks.concat());
                seen.call(Call::Tell);
                seen.call(Call::PollControl(64));
            }
        }
    }

    /// Records with one bit changed, or none.
    #[test]
    fn flipped_bits(
        bits in prop::collection::vec((any::<usize>(), any::<bool>()), 1..10),
        bodies in prop::collection::vec((content_type(), bytes()), 10),
    ) {
        for suite in Suite::ALL {
            let mut seen = Seen::new(Config::new(Role::Server));
            seen.call(Call::Install(Epoch::Application, suite, 1));
            let mut peer = Hand::new(suite, 1).at(1);
            for ((bit, flips), (kind, body)) in bits.iter().zip(&bodies) {
                let mut record = peer.seal(ContentType(*kind), body);
                let bit = bit % (record.len() * 8);
                record[bit / 8] ^= u8::from(*flips) << (bit % 8);
                seen.open(&record);
            }
            seen.call(Call::Tell);
            seen.call(Call::PollControl(64));
        }
    }

    /// The opener opens the records that the sealer seals, whatever the sizes.
    #[test]
    fn data_arrives(
        fragment_limit in any::<u16>(),
        limit in prop::option::of(64..=16_385_u16),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
        room in 100..4000_usize,
    ) {
        for suite in Suite::ALL {
            let mut config = Config::new(Role::Client);
            config.fragment_limit = fragment_limit;
            config.record_size_limit = limit.and_then(RecordSizeLimit::new);
            let mut sealer = Sealer::new(config);
            if let Some(limit) = config.record_size_limit {
                sealer.set_record_size_limit(limit);
            }
            sealer.take_over(Epoch::Application, suite.secret(1), 1).unwrap();
            let mut opener = Opener::new(config);
            opener.take_over(Epoch::Application, suite.secret(1), 1).unwrap();
            let data = parts.concat();
            let (mut at, mut read) = (0, Vec::new());
            while at < data.len() {
                let mut out = vec![0; room];
                let sealed = match sealer.seal(&[&data[at..]], &mut out) {
                    Err(SealError::NoSpace { need }) => {
                        out.resize(need, 0);
                        sealer.seal(&[&data[at..]], &mut out).unwrap()
                    }
                    sealed => sealed.unwrap(),
                };
                at += sealed.taken;
                let mut from = 0;
                while from < sealed.written {
                    let opened = opener.open(&mut out[from..sealed.written]).unwrap();
                    let Event::ApplicationData(range) = opened.event else { panic!("data") };
                    read.extend_from_slice(&out[from..][range]);
                    from += opened.consumed;
                }
            }
            assert_eq!(read, data);
        }
    }
}

#[test]
fn the_random_calls_can_reach_every_end() {
    // The strategies above contain the calls that they need for this.
    let mut seen = Seen::new(Config::new(Role::Client));
    seen.call(Call::Install(Epoch::Application, Suite::Tls13, 0));
    seen.call(Call::OpenProtected(HANDSHAKE.0, vec![24, 0, 0, 1, 1]));
    seen.call(Call::OpenProtected(DATA.0, b"under new keys".to_vec()));
    assert_eq!(seen.opener.sequence(), Some(1));
    seen.call(Call::Tell);
    seen.call(Call::PollControl(64));
    assert_eq!(seen.sealer.sequence(), Some(0));
    seen.call(Call::OpenProtected(ALERT.0, vec![1, 0]));
    assert_eq!(seen.opener.state(), ReadState::PeerClosed);
    seen.call(Call::Close);
    seen.call(Call::PollControl(64));
    assert_eq!((seen.sealer.state(), seen.alerts), (WriteState::Closed, 1));
}
