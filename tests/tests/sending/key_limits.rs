use super::*;

/// What a connection is made to do.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Handshake(usize),
    PeerRequests,
    Request,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..200_usize).prop_map(Step::Write),
        1 => (0..60_usize).prop_map(Step::Handshake),
        1 => any::<bool>().prop_map(|peer| if peer { Step::PeerRequests } else { Step::Request }),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 256 },
        failure_persistence: None,
        ..Default::default()
    })]

    // 9846 5.5: "implementations SHOULD do a key update [...] prior to reaching these limits".
    #[test]
    fn short_key_phases(key_limit in 12..30_u32, fragment_limit in 10..40_u16, steps in steps()) {
        let mut connection = Connection::configured(Suite::Tls13, |config| {
            (config.key_limit, config.fragment_limit) = (key_limit, fragment_limit);
        });
        let mut config = Config::new(Role::Client); // who reads tickets
        config.limits.key_updates = 255; // which are another test's
        let mut opener = Opener::new(config);
        // Our secret, as `Connection` installs it.
        opener.install(Epoch::Application, Suite::Tls13.secret(0x80 + 0x30)).unwrap();
        let (mut written, mut read) = (Vec::new(), Vec::new());
        let mut phases = 0;

        for step in steps {
            let data = match step {
                Step::Write(length) => vec![length as u8; length],
                Step::Handshake(length) => message(4, &vec![0; length]),
                Step::PeerRequests => {
                    connection.accept(DATA, b"restores the budget");
                    connection.accept(HANDSHAKE, &key_update(1));
                    continue;
                }
                Step::Request => {
                    let _ = connection.layer.update_keys(true);
                    continue;
                }
            };
            let (mut at, mut out) = (0, [0; 2048]);
            while at < data.len() {
                let layer = &mut connection.layer;
                let sealed = match step {
                    Step::Write(_) => layer.seal(&[&data[at..]], &mut out),
                    _ => layer.seal_handshake(&[&data[at..]], &mut out).map(|written| Sealed { taken: data.len(), written }),
                };
                let length = match sealed {
                    Ok(sealed) => {
                        at += sealed.taken;
                        sealed.written
                    }
                    Err(error) => {
                        assert_eq!(error, SealError::ControlFirst);
                        layer.poll_control(&mut out).unwrap()
                    }
                };
                assert!(length > 0, "progress");
                assert!(layer.sealer().sequence().unwrap() <= key_limit.into());
                let (got, left) = open_all(|input| opener.open(input), &out[..length]);
                assert_eq!(left, Ok(0));
                for got in got {
                    match got {
                        Got::Data(data) => read.extend(data),
                        Got::KeyUpdate(_) => phases += 1,
                        Got::Message(..) | Got::Nothing => {}
                        got => panic!("{got:?}"),
                    }
                }
            }
            if let Step::Write(_) = step {
                written.extend(data);
            }
        }
        assert_eq!(read, written);
        assert!(phases as usize >= written.len() / (usize::from(fragment_limit) * key_limit as usize));
    }
}

/// Both ends of a connection, and the bytes in flight to each.
struct Ends {
    layers: [Layer; 2],
    wires: [Vec<u8>; 2],
    written: [Vec<u8>; 2],
    read: [Vec<u8>; 2],
    updates: [usize; 2],
}

impl Ends {
    fn new(key_limits: [u32; 2]) -> Self {
        let layer = |end: usize| {
            let mut config = Config::new([Role::Client, Role::Server][end]);
            config.key_limit = key_limits[end];
            config.limits.key_updates = 255; // which are another test's
            let secret = |end| Suite::Tls13.secret([1, 0x80][end]);
            let mut layer = Layer::new(config);
            layer.install(Epoch::Application, secret(0), secret(1)).unwrap();
            layer
        };
        Self {
            layers: [layer(0), layer(1)],
            wires: Default::default(),
            written: Default::default(),
            read: Default::default(),
            updates: [0; 2],
        }
    }

    fn write(&mut self, end: usize, length: usize) {
        for byte in (0..length).map(|at| at as u8) {
            let mut out = [0; 64];
            // A KeyUpdate of its own and a request may be due.
            for _ in 0..2 {
                let written = self.layers[end].poll_control(&mut out).unwrap();
                self.wires[1 - end].extend(&out[..written]);
            }
            let written = self.layers[end].seal(&[&[byte]], &mut out).unwrap().written;
            self.wires[1 - end].extend(&out[..written]);
            self.written[1 - end].push(byte);
        }
    }

    fn deliver(&mut self, end: usize) {
        let wire = std::mem::take(&mut self.wires[end]);
        let (got, left) = open_all(|input| self.layers[end].open(input), &wire);
        assert_eq!(left, Ok(0));
        for got in got {
            match got {
                Got::Data(data) => self.read[end].extend(data),
                Got::KeyUpdate(_) => self.updates[end] += 1,
                got => panic!("{got:?}"),
            }
        }
    }

    fn answer(&mut self, end: usize) {
        let mut out = [0; 64];
        for _ in 0..2 {
            let written = self.layers[end].poll_control(&mut out).unwrap();
            self.wires[1 - end].extend(&out[..written]);
        }
        assert!(!self.layers[end].has_control());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    // 9846 5.5 and 4.7.3: both ends update their keys on their own and request updates, while
    // records are in flight.
    #[test]
    fn short_key_phases_at_both_ends(
        key_limits in [5..12_u32, 5..12_u32],
        steps in prop::collection::vec((0..2_usize, 0..4_u8, 0..20_usize), 0..60),
    ) {
        let mut ends = Ends::new(key_limits);
        for (end, action, length) in steps {
            match action {
                0 => ends.write(end, length),
                1 => drop(ends.layers[end].update_keys(true)),
                2 => ends.deliver(end),
                _ => ends.answer(end),
            }
        }
        for end in [0, 1, 0, 1, 0, 1] {
            ends.answer(end);
            ends.deliver(1 - end);
        }
        assert_eq!(ends.read, ends.written);
        for end in [0, 1] {
            // A key seals `key_limit` records, of which four are reserved for control.
            let phases = ends.written[end].len() / (u64::from(key_limits[1 - end]) - RESERVE) as usize;
            assert!(ends.updates[end] >= phases.saturating_sub(1));
            // Every request is answered.
            assert_eq!(ends.layers[end].update_keys(true), Ok(()));
            let sequence = ends.layers[1 - end].opener().sequence();
            assert_eq!(ends.layers[end].sealer().sequence(), sequence);
        }
    }
}

#[test]
fn keys_are_updated_automatically_before_their_limit() {
    let (mut sealer, mut mirror) = sealer_at(Suite::Tls13, GCM_LIMIT - RESERVE - 1);
    let mut out = [0; 64];
    let sealed = sealer.seal(&[b"the last"], &mut out).unwrap();
    assert_eq!(mirror.open(&out[..sealed.written]), (DATA, b"the last".to_vec()));
    assert!(sealer.has_control());
    assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::ControlFirst));
    let length = sealer.poll_control(&mut out).unwrap();
    // "Automatic updates carry update_not_requested."
    assert_eq!(mirror.open(&out[..length]), (HANDSHAKE, key_update(0)));
    assert_eq!((sealer.sequence(), sealer.has_control()), (Some(0), false));
}

#[test]
fn without_key_updates_data_ends_at_the_limit_and_closing_does_not() {
    for (limit, suite, epoch) in [
        (20, Suite::Tls12Gcm, Epoch::Application),
        (20, Suite::Tls12Chacha, Epoch::Application),
        (20, Suite::Tls13, Epoch::EarlyData),
        (u32::MAX, Suite::Tls12Gcm, Epoch::Application),
        (u32::MAX, Suite::Tls13, Epoch::EarlyData),
    ] {
        for cancels in [false, true] {
            let mut config = Config::new(Role::Client);
            config.key_limit = limit;
            let mut sealer = Sealer::new(config);
            let start = GCM_LIMIT.min(limit.into()) - RESERVE - 3;
            sealer.take_over(epoch, suite.secret(7), start).unwrap();
            let mut mirror = Hand::new(suite, 7);
            mirror.sequence = start;
            let mut out = [0; 64];
            for _ in 0..3 {
                let sealed = sealer.seal(&[b"data"], &mut out).unwrap();
                mirror.open(&out[..sealed.written]);
            }
            assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::KeyExhausted));
            assert_eq!(sealer.seal_in_place(&mut out, 4), Err(SealError::KeyExhausted));
            let ticket = message(5, b"");
            assert_eq!(sealer.seal_handshake(&[&ticket], &mut out), Err(SealError::KeyExhausted));
            assert!(!sealer.has_control());
            assert!(sealer.refuse_renegotiation().is_err());

            let expected = if cancels {
                sealer.cancel().unwrap();
                vec![USER_CANCELED, CLOSE_NOTIFY]
            } else {
                sealer.abort(AlertDescription::INTERNAL_ERROR).unwrap();
                vec![[2, 80]]
            };
            for alert in expected {
                let length = sealer.poll_control(&mut out).unwrap();
                assert_eq!(mirror.open(&out[..length]), (ALERT, alert.to_vec()));
            }
            assert!(!sealer.has_control());
        }
    }
}

#[test]
fn handshake_keys_have_a_limit_too() {
    let mut config = Config::new(Role::Server);
    (config.key_limit, config.fragment_limit) = (6, 100);
    let mut connection = Connection::new(config).install(Epoch::Handshake, Suite::Tls13);
    let mut out = [0; 1024];
    let long = message(11, &[0; 200]);
    let sealed = connection.layer.seal_handshake(&[&long], &mut out);
    assert_eq!(sealed, Err(SealError::KeyExhausted), "three records where there are two");
    assert_eq!(connection.layer.sealer().sequence(), Some(0));
    let short = message(11, &[0; 196]);
    assert_eq!(connection.layer.seal_handshake(&[&short], &mut out), Ok(2 * 122));
}

// A driver that loops while control records are due, as in the example of the crate, must end with
// any configuration.
#[test]
fn a_tiny_key_limit_still_lets_data_through() {
    for key_limit in 0..=8 {
        let mut connection =
            Connection::configured(Suite::Tls13, |config| config.key_limit = key_limit);
        let mut sent = false;
        for _ in 0..10 {
            connection.layer.poll_control(&mut [0; 64]).unwrap();
            sent |= connection.layer.seal(&[b"x"], &mut [0; 64]).is_ok();
        }
        assert!(sent, "a key limit of {key_limit}");
    }
}

#[test]
fn a_message_that_no_key_can_seal_is_an_error() {
    let mut connection = Connection::configured(Suite::Tls13, |config| {
        (config.key_limit, config.fragment_limit, config.role) = (6, 10, Role::Server);
    });
    let ticket = message(4, &[0; 100]);
    let mut out = [0; 1024];
    let mut last = None;
    for _ in 0..10 {
        connection.control();
        last = Some(connection.layer.seal_handshake(&[&ticket], &mut out));
    }
    assert_eq!(last, Some(Err(SealError::KeyExhausted)));
}
