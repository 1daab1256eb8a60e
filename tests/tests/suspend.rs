//! Connections that are suspended to bytes and resumed, and directions that are given to the
//! kernel.

use std::collections::HashSet;

use tls_record::aead::{Algorithm, null::Null, ring::Ring, rustcrypto::RustCrypto};
use tls_record::close::OnPeerClose;
use tls_record::{
    AlertDescription, Config, Connection, End, Epoch, Event, KernelDirection, KeyError, Padding,
    PaddingFn, ReadEnd, RecordLayer, ResumeError, Role, SUSPENDED_LEN, SealError, ShutdownError,
    SuspendError, TrafficSecret, Version, WriteEnd,
};
use tls_record_tests::mixed_keys::MixedKeys;
use tls_record_tests::records::{
    self, ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Suite, key_update, message, split,
};

const KEY: [u8; 32] = [0x5e; 32];

type Layer = RecordLayer<TrafficSecret<Ring>>;

fn secret(byte: u8) -> TrafficSecret<Ring> {
    TrafficSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap()
}

/// Both ends of a connection.
fn pair(configure: impl Fn(&mut Config)) -> (Layer, Layer) {
    let layer = |role| {
        let mut config = Config::new(role);
        configure(&mut config);
        let mut layer = Layer::new(config);
        layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
        layer
    };
    (layer(Role::Client), layer(Role::Server))
}

/// Suspends and resumes a connection, and checks that it is unchanged.
fn sleep(connection: &mut records::Connection) {
    let mut bytes = connection.layer.suspend(&KEY).unwrap();
    let slept = bytes;
    connection.layer = records::Layer::resume(&mut bytes, &KEY).unwrap();
    // Nothing was lost: suspending it again gives the same bytes.
    let mut bytes = connection.layer.suspend(&KEY).unwrap();
    assert_eq!(bytes, slept);
    connection.layer = records::Layer::resume(&mut bytes, &KEY).unwrap();
}

// CVE-2026-34877.
#[test]
fn tampered_bytes_are_refused_and_left_unchanged() {
    let (mut client, _) = pair(|_| {});
    let bytes = client.suspend(&KEY).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut tampered = bytes;
            tampered[at] ^= 1 << bit;
            let before = tampered;
            let error = if at < 4 { ResumeError::Format } else { ResumeError::Forged };
            assert_eq!(Layer::resume(&mut tampered, &KEY).err(), Some(error));
            assert_eq!(tampered, before);
        }
    }
    for len in 0..bytes.len() {
        let resumed = Layer::resume(&mut bytes[..len].to_vec(), &KEY);
        assert_eq!(resumed.err(), Some(ResumeError::Format));
    }
    let longer = Layer::resume(&mut [&bytes[..], &[0]].concat(), &KEY);
    assert_eq!(longer.err(), Some(ResumeError::Format));
    let mut other_key = KEY;
    other_key[31] ^= 1;
    let resumed = Layer::resume(&mut bytes.clone(), &other_key);
    assert_eq!(resumed.err(), Some(ResumeError::Forged));
    assert!(Layer::resume(&mut bytes.clone(), &KEY).is_ok());
}

#[test]
fn the_bytes_contain_no_secret_in_the_clear() {
    let (mut client, _) = pair(|_| {});
    let bytes = client.suspend(&KEY).unwrap();
    for secret in [[1; 8], [2; 8]] {
        assert!(!bytes[16..].windows(8).any(|window| window == secret));
    }
}

// CVE-2026-5446, across a suspension.
#[test]
fn nonces_stay_unique_across_a_suspension() {
    let mut connection = records::Connection::established(Suite::Tls13, Role::Client);
    let mut tags = HashSet::new();
    for round in 0..20 {
        let mut out = [0; 64];
        for _ in 0..round {
            let sealed = connection.layer.seal(&[b"data"], &mut out).unwrap();
            assert!(tags.insert(out[sealed.written - 16..sealed.written].to_vec()));
        }
        if round % 5 == 4 {
            connection.layer.update_keys(false).unwrap();
            let length = connection.layer.poll_control(&mut out).unwrap();
            assert!(tags.insert(out[length - 16..length].to_vec()));
        }
        sleep(&mut connection);
    }
}

#[test]
fn connections_of_every_suite_and_version_continue() {
    for suite in Suite::ALL {
        for role in [Role::Client, Role::Server] {
            let mut connection = records::Connection::established(suite, role);
            for _ in 0..3 {
                assert_eq!(connection.accept(DATA, b"in"), [Got::Data(b"in".to_vec())]);
                assert_eq!(connection.send(b"out").unwrap(), [b"out"]);
                sleep(&mut connection);
            }
            if suite == Suite::Tls13 {
                connection.accept(HANDSHAKE, &key_update(1));
                assert_eq!(connection.layer.suspend(&KEY).err(), Some(SuspendError::Busy));
                assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
                sleep(&mut connection);
                assert_eq!(connection.send(b"later").unwrap(), [b"later"]);
                assert_eq!(connection.accept(DATA, b"on"), [Got::Data(b"on".to_vec())]);
            }
        }
    }
}

#[test]
fn keys_of_every_algorithm_continue_in_both_versions() {
    let secret = |algorithm: Algorithm, version, byte| match version {
        Version::Tls13 => TrafficSecret::tls13(algorithm, &[byte; 48][..algorithm.secret_len()]),
        Version::Tls12 => {
            TrafficSecret::tls12(algorithm, &[byte; 32][..algorithm.key_len()], &[byte; 12])
        }
    };
    for algorithm in [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305] {
        for version in [Version::Tls13, Version::Tls12] {
            let first = u64::from(version == Version::Tls12);
            let [mut client, mut server] = [Role::Client, Role::Server].map(|role| {
                let mut layer = Layer::new(Config::new(role));
                let [client, server] =
                    [1, 2].map(|byte| (secret(algorithm, version, byte).unwrap(), first));
                layer.take_over(Epoch::Application, client, server).unwrap();
                layer
            });
            let mut bytes = client.suspend(&KEY).unwrap();
            assert_eq!(bytes.len(), 209, "what core/README.md says");
            client = Layer::resume(&mut bytes, &KEY).unwrap();
            for (from, to) in [(0, 1), (1, 0)] {
                let ends = [&mut client, &mut server];
                let mut wire = [0; 64];
                let sealed = ends[from].seal(&[b"data"], &mut wire).unwrap();
                let opened = ends[to].open(&mut wire[..sealed.written]).unwrap();
                let Event::ApplicationData(range) = opened.event else { panic!("{opened:?}") };
                assert_eq!(wire[range], *b"data", "{algorithm:?}, {version:?}");
            }
        }
    }
}

#[test]
fn every_configuration_survives() {
    let paddings = [Padding::None, Padding::Block(64), Padding::PowerOfTwo, Padding::Size(512)];
    for padding in paddings {
        for flags in 0..8 {
            let configure = |config: &mut Config| {
                config.padding = padding;
                config.pads_control = flags & 1 != 0;
                config.constant_time_padding = flags & 2 != 0;
                config.post_handshake_auth = flags & 4 != 0;
            };
            let mut connection = records::Connection::configured(Suite::Tls13, configure);
            let mut out = [0; 600];
            let mut before = connection.layer.seal(&[b"data"], &mut out).unwrap().written;
            connection.mirror.open(&out[..before]);
            sleep(&mut connection);
            let after = connection.layer.seal(&[b"data"], &mut out).unwrap().written;
            assert_eq!(after, before, "{padding:?}");
            connection.layer.close().unwrap();
            before = connection.layer.poll_control(&mut out).unwrap();
            assert_eq!(before > 24, padding != Padding::None && flags & 1 != 0, "{padding:?}");
        }
    }
}

#[test]
fn closing_states_survive() {
    for on_peer_close in [OnPeerClose::HalfClose, OnPeerClose::Reply] {
        for suite in Suite::ALL {
            let closes_too = suite != Suite::Tls13 && on_peer_close == OnPeerClose::Reply;
            let configure = |config: &mut Config| config.tls12_on_peer_close = on_peer_close;

            // The peer has closed: the configured policy of TLS 1.2 survives, too.
            let mut connection = records::Connection::configured(suite, configure);
            sleep(&mut connection);
            connection.accept(ALERT, &CLOSE_NOTIFY);
            assert_eq!(connection.layer.has_control(), closes_too);
            connection.control();
            sleep(&mut connection);
            let end = connection.layer.end();
            assert_eq!(end.read, ReadEnd::Closed { epoch: Epoch::Application });
            assert_eq!(end.write, if closes_too { WriteEnd::Closed } else { WriteEnd::Open });
            assert_eq!(connection.layer.open(&mut [1, 2, 3]).unwrap().event, Event::Closed);

            // We have closed and read on.
            let mut connection = records::Connection::configured(suite, configure);
            connection.layer.close().unwrap();
            assert_eq!(connection.layer.suspend(&KEY).err(), Some(SuspendError::Busy));
            connection.control();
            sleep(&mut connection);
            assert_eq!(connection.send(b"late"), Err(SealError::Closed));
            assert_eq!(connection.accept(DATA, b"in"), [Got::Data(b"in".to_vec())]);

            // The transport has ended, inside a record or between two.
            for inside_record in [false, true] {
                let mut connection = records::Connection::configured(suite, configure);
                if inside_record {
                    let record = connection.peer.seal(DATA, b"cut");
                    connection.layer.open(&mut record[..9].to_vec()).unwrap();
                    sleep(&mut connection);
                }
                connection.layer.eof();
                sleep(&mut connection);
                let epoch = Epoch::Application;
                assert_eq!(
                    connection.layer.end().read,
                    ReadEnd::Truncated { epoch, inside_record }
                );
                assert_eq!(
                    connection.layer.close(),
                    Err(tls_record::CloseError::Truncated),
                    "the sealer knows, too"
                );
            }
        }
    }
}

#[test]
fn a_connection_that_is_not_at_rest_is_not_suspended() {
    let busy = |connection: &mut records::Connection, error| {
        let before = format!("{:?}", connection.layer);
        assert_eq!(connection.layer.suspend(&KEY).err(), Some(error));
        assert_eq!(format!("{:?}", connection.layer), before);
    };
    let fresh = || records::Connection::new(Config::new(Role::Client));
    let tls13 = || records::Connection::established(Suite::Tls13, Role::Client);

    busy(&mut fresh(), SuspendError::NotEstablished);
    busy(&mut fresh().install(Epoch::Handshake, Suite::Tls13), SuspendError::NotEstablished);

    let mut half_a_ticket = tls13();
    half_a_ticket.accept(HANDSHAKE, &message(4, &[0; 20])[..10]);
    busy(&mut half_a_ticket, SuspendError::Busy);

    let mut two_tickets = tls13();
    let record = two_tickets.peer.seal(HANDSHAKE, &[message(4, &[0]), message(4, &[1])].concat());
    two_tickets.layer.open(&mut record.clone()).unwrap();
    busy(&mut two_tickets, SuspendError::Busy);

    let mut closing = tls13();
    closing.layer.close().unwrap();
    busy(&mut closing, SuspendError::Busy);

    let mut failed = tls13();
    let forged = failed.peer.forge(DATA, b"x");
    failed.layer.open(&mut forged.clone()).unwrap_err();
    busy(&mut failed, SuspendError::NotEstablished);
    failed.control();
    busy(&mut failed, SuspendError::NotEstablished);

    let mut aborted = tls13();
    aborted.layer.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    busy(&mut aborted, SuspendError::NotEstablished);
}

#[test]
fn a_connection_with_unsent_bytes_or_a_slot_is_not_suspended() {
    let (client, mut server) = pair(|_| {});
    let mut client = Connection::<_, 512>::new(client);
    client.write(&[b"data"]).unwrap();
    assert_eq!(client.suspend(&KEY).err(), Some(SuspendError::Busy));
    client.sent(client.unsent().len());
    client.reserve(10).unwrap();
    assert_eq!(client.suspend(&KEY).err(), Some(SuspendError::Busy));
    client.discard().unwrap();

    let mut bytes = client.suspend(&KEY).unwrap();
    assert_eq!(client.write(&[b"data"]), Err(SealError::HandedOver));
    let mut client = Connection::<TrafficSecret<Ring>, 128>::resume(&mut bytes, &KEY).unwrap();
    assert_eq!(bytes, [0; SUSPENDED_LEN]);
    client.write(&[b"more"]).unwrap();
    let mut wire = client.unsent().to_vec();
    // The record before it is not sent yet.
    assert!(server.open(&mut wire).is_err());
}

#[test]
fn a_suspended_connection_leaves_nothing_in_memory_and_nothing_to_send() {
    let (client, _) = pair(|_| {});
    let mut client = Connection::<_, 512>::new(client);
    client.reserve(100).unwrap().fill(0x77);
    client.discard().unwrap();
    client.shutdown().unwrap_err();
    client.sent(client.unsent().len());
    client.shutdown().unwrap();
    client.suspend(&KEY).unwrap();
    assert_eq!(client.take_sealed_alert(), None);
    assert_eq!(client.shutdown(), Err(ShutdownError::HandedOver));
    assert_eq!(client.shutdown_both(1_000), Err(ShutdownError::HandedOver));
    assert!(client.unsent().is_empty());
}

#[test]
fn limits_and_budgets_survive() {
    // The budget of the flood keeps its count.
    let mut connection =
        records::Connection::configured(Suite::Tls13, |config| config.limits.warnings = 2);
    connection.accept(ALERT, &records::USER_CANCELED);
    sleep(&mut connection);
    connection.accept(ALERT, &records::USER_CANCELED);
    sleep(&mut connection);
    let third = connection.peer.seal(ALERT, &records::USER_CANCELED);
    connection.receive(&third).unwrap_err();

    // The record size limits of both ends.
    let (mut client, mut server) = pair(|config| {
        config.fragment_limit = 200;
        config.record_size_limit = Some(records::record_size_limit(300));
        config.padding = Padding::Block(64);
        config.pads_control = true;
    });
    client.with_halves(|_, sealer| sealer.set_record_size_limit(records::record_size_limit(100)));
    let mut bytes = client.suspend(&KEY).unwrap();
    let mut client = Layer::resume(&mut bytes, &KEY).unwrap();
    let mut wire = [0; 2_000];
    let sealed = client.seal(&[&[7; 150]], &mut wire).unwrap();
    let lengths: Vec<usize> = split(&wire[..sealed.written]).map(<[u8]>::len).collect();
    // 99 bytes of content at most; 52 and a type, padded to 64.
    assert_eq!(lengths, [5 + 100 + 16, 5 + 64 + 16]);
    client.close().unwrap();
    assert_eq!(client.poll_control(&mut wire), Ok(5 + 64 + 16));
    server.with_halves(|_, sealer| sealer.set_fragment_limit(10));
    let mut bytes = server.suspend(&KEY).unwrap();
    let mut server = Layer::resume(&mut bytes, &KEY).unwrap();
    assert_eq!(server.sealer().fragment_limit(), 10);
    assert!(server.open(&mut [23, 3, 3, 1, 61]).is_err(), "longer than 300 and the tag");

    // A key keeps its count of records.
    let mut connection =
        records::Connection::configured(Suite::Tls13, |config| config.key_limit = 8);
    for _ in 0..4 {
        sleep(&mut connection);
        connection.send(b"data").unwrap();
    }
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
    sleep(&mut connection);

    // Our request has no answer yet, and its answer does not count as a flood.
    let mut connection =
        records::Connection::configured(Suite::Tls13, |config| config.limits.key_updates = 0);
    connection.layer.update_keys(true).unwrap();
    connection.control();
    sleep(&mut connection);
    assert_eq!(connection.layer.update_keys(true), Err(KeyError::RequestOutstanding));
    connection.accept(HANDSHAKE, &key_update(0));
    sleep(&mut connection);
    connection.layer.update_keys(true).unwrap();
}

#[test]
fn a_connection_with_a_padding_function_is_not_suspended() {
    let (mut client, _) = pair(|config| config.padding = Padding::By(PaddingFn(|_, len| len + 1)));
    assert_eq!(client.suspend(&KEY).err(), Some(SuspendError::PaddingFunction));
    client.with_halves(|_, sealer| sealer.set_padding(Padding::None));
    assert!(client.suspend(&KEY).is_ok());
}

// The kernel

/// `tls12_crypto_info_aes_gcm_128` and the like, field by field as in `linux/tls.h`.
fn info(version: u16, cipher: u16, fields: [&[u8]; 4]) -> Vec<u8> {
    let [iv, key, salt, sequence] = fields;
    [&version.to_ne_bytes(), &cipher.to_ne_bytes(), iv, key, salt, sequence].concat()
}

#[test]
fn the_kernel_gets_keys_in_its_own_layout() {
    for (suite, cipher, key_len, salt_len) in [
        (Algorithm::Aes128Gcm, 51, 16, 4),
        (Algorithm::Aes256Gcm, 52, 32, 4),
        (Algorithm::Chacha20Poly1305, 54, 32, 0),
        (Algorithm::Aes128Ccm, 53, 16, 4),
    ] {
        let len = if key_len == 16 { 40 } else { 56 };
        let sequence = 0x0001_0203_u64;
        // The null cipher derives a key of the secret's bytes and one more each.
        let mut layer = RecordLayer::<TrafficSecret<Null>>::new(Config::new(Role::Client));
        let secret = |byte| TrafficSecret::tls13(suite, &vec![byte; suite.secret_len()]).unwrap();
        layer
            .with_halves(|opener, sealer| {
                opener.install(Epoch::Application, secret(0x10))?;
                sealer.take_over(Epoch::Application, secret(0x20), sequence)
            })
            .unwrap();
        let (mut rx, mut tx) = layer.with_halves(|opener, sealer| {
            (opener.hand_to_kernel().unwrap(), sealer.hand_to_kernel().unwrap())
        });
        assert_eq!(layer.seal(&[b"data"], &mut [0; 64]), Err(SealError::HandedOver));

        let expected = |byte: u8, sequence: u64| {
            let (iv, key, salt) =
                (vec![byte; 12 - salt_len], vec![byte; key_len], vec![byte; salt_len]);
            info(0x0304, cipher, [&iv, &key, &salt, &sequence.to_be_bytes()])
        };
        let infos = [&mut tx, &mut rx].map(|direction| direction.crypto_info().unwrap());
        assert_eq!(infos[0].as_bytes(), expected(0x21, sequence));
        assert_eq!(infos[1].as_bytes(), expected(0x11, 0));
        assert_eq!(infos[0].as_bytes().len(), len);
        for direction in [&mut rx, &mut tx] {
            direction.update().unwrap();
        }
        assert_eq!(tx.crypto_info().unwrap().as_bytes(), expected(0x22, 0));
        assert_eq!(rx.crypto_info().unwrap().as_bytes(), expected(0x12, 0));
    }
}

#[test]
fn the_kernel_gets_no_keys_of_a_cipher_that_it_does_not_have() {
    let secret = |byte| TrafficSecret::<Null>::tls13(Algorithm::Aes128Ccm8, &[byte; 32]).unwrap();
    let mut layer = RecordLayer::new(Config::new(Role::Client));
    layer.install(Epoch::Application, secret(7), secret(8)).unwrap();
    let errors = layer.with_halves(|opener, sealer| {
        [opener.hand_to_kernel().err(), sealer.hand_to_kernel().err()]
    });
    assert_eq!(errors, [Some(SuspendError::Unsupported); 2]);
    assert!(layer.seal(&[b"data"], &mut [0; 64]).is_ok(), "nothing has changed");
}

// The kernel counts the explicit nonce of TLS 1.2 GCM up from the iv it gets; the engine XORs a
// start with the sequence number. A nonce must not be repeated under one key (RFC 5288 section 3).
#[test]
fn the_kernel_repeats_no_nonce_that_was_used_before() {
    for start in [0_u64, 1, 7, 8, 0x0fff, 0xffff_ffff_ffff_fff0, u64::MAX] {
        for last in [1_u64, 2, 3, 7, 8, 9, 200] {
            let iv = [&[0xaa; 4][..], &start.to_be_bytes()].concat();
            let secret = TrafficSecret::<RustCrypto>::tls12(Algorithm::Aes128Gcm, &[3; 16], &iv);
            let mut sealer = tls_record::Sealer::new(Config::new(Role::Client));
            // The Finished has used sequence number 0.
            sealer.take_over(Epoch::Application, secret.unwrap(), 1).unwrap();
            let mut used = HashSet::from([start]);
            for _ in 1..last {
                let mut record = [0; 64];
                sealer.seal(&[b"data"], &mut record).unwrap();
                assert!(used.insert(u64::from_be_bytes(record[5..13].try_into().unwrap())));
            }
            let mut kernel = sealer.hand_to_kernel().unwrap();
            assert_eq!(kernel.update(), Err(KeyError::NoUpdate));
            let info = kernel.crypto_info().unwrap();
            let bytes = info.as_bytes();
            assert_eq!(bytes[..4], [0x0303_u16.to_ne_bytes(), 51_u16.to_ne_bytes()].concat());
            assert_eq!(bytes[28..32], [0xaa; 4]);
            assert_eq!(bytes[32..], last.to_be_bytes());
            let first = u64::from_be_bytes(bytes[4..12].try_into().unwrap());
            for count in 0..1_000 {
                let nonce = first.wrapping_add(count);
                assert!(used.insert(nonce), "start {start:#x}, {last} sent: {nonce:#x} again");
            }
        }
    }
}

#[test]
fn a_sealer_with_a_pending_key_update_is_not_given_to_the_kernel() {
    let (mut client, _) = pair(|_| {});
    client.update_keys(false).unwrap();
    client.with_halves(|opener, sealer| {
        assert_eq!(sealer.hand_to_kernel().err(), Some(SuspendError::Busy));
        assert!(opener.hand_to_kernel().is_ok());
        assert_eq!(opener.hand_to_kernel().err(), Some(SuspendError::NotEstablished));
    });
}

#[test]
fn the_kernel_gets_neither_handshake_keys_nor_a_sealer_with_a_pending_signal() {
    let mut layer = Layer::new(Config::new(Role::Client));
    layer.install(Epoch::Handshake, secret(1), secret(2)).unwrap();
    let refused = layer.with_halves(|opener, sealer| {
        (opener.hand_to_kernel().err(), sealer.hand_to_kernel().err())
    });
    let not_established = Some(SuspendError::NotEstablished);
    assert_eq!(refused, (not_established, not_established));

    let (client, _) = pair(|_| {});
    let (_, mut sealer) = client.split();
    sealer.update_keys(true).unwrap();
    sealer.poll_control(&mut [0; 64]).unwrap();
    assert_eq!(sealer.hand_to_kernel().err(), Some(SuspendError::Busy), "the opener must know");
    assert!(!sealer.take_signal().is_empty());
    assert!(sealer.hand_to_kernel().is_ok());
}

#[test]
fn debug_output_hides_the_keys_for_the_kernel() {
    let (mut client, _) = pair(|_| {});
    let mut kernel = client.with_halves(|_, sealer| sealer.hand_to_kernel()).unwrap();
    let info = kernel.crypto_info().unwrap();
    assert_eq!(
        [format!("{kernel:?}"), format!("{info:?}")],
        [
            "KernelDirection { secret: TrafficSecret(Aes128Gcm, redacted), sequence: None }",
            "CryptoInfo(40 bytes, redacted)",
        ]
    );
}

// Directions that are not given to the kernel

#[test]
fn the_kernel_gets_no_direction_that_has_ended() {
    let mut connection = records::Connection::established(Suite::Tls13, Role::Client);
    connection.layer.close().unwrap();
    connection.control();
    connection.accept(ALERT, &CLOSE_NOTIFY);
    connection.layer.with_halves(|opener, sealer| {
        assert_eq!(opener.hand_to_kernel().err(), Some(SuspendError::NotEstablished));
        assert_eq!(sealer.hand_to_kernel().err(), Some(SuspendError::NotEstablished));
    });
    let mut connection = records::Connection::established(Suite::Tls13, Role::Client);
    connection.layer.eof();
    connection.layer.with_halves(|opener, _| {
        assert_eq!(opener.hand_to_kernel().err(), Some(SuspendError::NotEstablished));
    });
}

#[test]
fn the_kernel_does_not_start_inside_a_record() {
    let mut connection = records::Connection::established(Suite::Tls13, Role::Client);
    let mut record = connection.peer.seal(DATA, b"data");
    connection.layer.open(&mut record[..5]).unwrap();
    connection.layer.with_halves(|opener, _| {
        assert_eq!(opener.hand_to_kernel().err(), Some(SuspendError::Busy));
    });
    connection.layer.open(&mut record).unwrap();
    connection.layer.with_halves(|opener, _| assert!(opener.hand_to_kernel().is_ok()));
}

#[test]
fn the_kernel_gets_no_key_that_may_seal_no_more() {
    let mut connection =
        records::Connection::configured(Suite::Tls12Gcm, |config| config.key_limit = 6);
    connection.send(b"the only one").unwrap();
    assert_eq!(connection.send(b"more"), Err(SealError::KeyExhausted));
    connection.layer.with_halves(|_, sealer| {
        assert_eq!(sealer.hand_to_kernel().err(), Some(SuspendError::NotEstablished));
    });
}

// State of a connection outside its halves

#[test]
fn the_progress_of_a_shutdown_survives() {
    type Tls = Connection<TrafficSecret<Ring>, 512>;
    let (client, mut server) = pair(|_| {});
    let mut client = Tls::new(client);
    let _ = client.shutdown();
    client.sent(client.unsent().len());
    assert_eq!(client.shutdown(), Ok(()));
    let mut wire = [0; 64];
    let sealed = server.seal(&[b"still under way"], &mut wire).unwrap();
    client.received(&mut wire[..sealed.written]).unwrap();
    let drained = sealed.written as u32;
    assert_eq!(client.shutdown_both(1_000), Err(ShutdownError::AwaitingPeer { drained }));

    let mut bytes = client.suspend(&KEY).unwrap();
    let mut client = Tls::resume(&mut bytes, &KEY).unwrap();
    assert_eq!(client.shutdown(), Err(ShutdownError::AlreadyClosed));
    assert_eq!(client.shutdown_both(1_000), Err(ShutdownError::AwaitingPeer { drained }));
    assert_eq!(client.take_sealed_alert(), Some(AlertDescription::CLOSE_NOTIFY));
    assert_eq!(client.take_sealed_alert(), None);
}

#[test]
fn an_aborted_connection_is_not_established() {
    let mut connection = records::Connection::established(Suite::Tls13, Role::Client);
    connection.accept(ALERT, &CLOSE_NOTIFY);
    connection.layer.close().unwrap();
    connection.control();
    connection.layer.abort(AlertDescription::INTERNAL_ERROR).unwrap_err();
    assert_eq!(connection.layer.suspend(&KEY).err(), Some(SuspendError::NotEstablished));
}

// RFC 5297 section 2: a nonce derived from the content differs for different contents.
#[test]
fn suspended_connections_never_share_a_nonce() {
    let nonce = |bytes: &[u8; SUSPENDED_LEN]| bytes[4..16].to_vec();
    let mut nonces = HashSet::new();
    let (mut client, mut server) = pair(|_| {});
    let mut wire = [0; 64];
    for _ in 0..100 {
        let sealed = client.seal(&[b"data"], &mut wire).unwrap();
        server.open(&mut wire[..sealed.written]).unwrap();
        for layer in [&mut client, &mut server] {
            let mut bytes = layer.suspend(&KEY).unwrap();
            assert!(nonces.insert(nonce(&bytes)), "a nonce is repeated");
            *layer = Layer::resume(&mut bytes, &KEY).unwrap();
        }
    }
    // The same connection at the same point gives the same bytes, and other bytes under another
    // key.
    let mut bytes = client.suspend(&KEY).unwrap();
    let before = bytes;
    client = Layer::resume(&mut bytes, &KEY).unwrap();
    assert_eq!(client.suspend(&KEY).unwrap(), before);
    bytes = before;
    client = Layer::resume(&mut bytes, &KEY).unwrap();
    let other = client.suspend(&[7; 32]).unwrap();
    assert_ne!(nonce(&other), nonce(&before));
    assert_ne!(other[16..], before[16..]);
}

// A KeyUpdate request, or an answer to ours, that waits for the end of the input is passed on
// before.
#[test]
fn a_notice_held_for_the_end_of_the_input_does_not_prevent_suspending() {
    let mut connection = records::Connection::established(Suite::Tls13, Role::Client);
    connection.layer.update_keys(true).unwrap();
    connection.control();
    let mut answer = connection.peer.seal(HANDSHAKE, &records::key_update(0));
    answer.extend([23, 3, 3]);
    let opened = connection.layer.open(&mut answer).unwrap();
    assert_eq!(opened.event, Event::KeyUpdate { requested: false });
    assert!(connection.layer.suspend(&KEY).is_ok());

    let connection = records::Connection::established(Suite::Tls13, Role::Client);
    let mut peer = connection.peer;
    let mut tls = Connection::<_, 512>::new(connection.layer);
    let mut request = peer.seal(HANDSHAKE, &records::key_update(1));
    request.extend([23, 3, 3]);
    tls.received(&mut request).unwrap();
    assert_eq!(tls.suspend(&KEY).err(), Some(SuspendError::Busy));
    // The reason is the answer.
    assert_eq!(tls.unsent().len(), 27);
    tls.sent(27);
    assert!(tls.suspend(&KEY).is_ok());
}

// Keys that are in memory or in a key store

type Mixed = MixedKeys<Ring>;

/// The client of [`pair`], with each secret in memory or in a key store.
fn client([sends, receives]: [fn(TrafficSecret<Ring>) -> Mixed; 2]) -> RecordLayer<Mixed> {
    let mut layer = RecordLayer::new(Config::new(Role::Client));
    layer.install(Epoch::Application, sends(secret(1)), receives(secret(2))).unwrap();
    layer
}

const IN_MEMORY: fn(TrafficSecret<Ring>) -> Mixed = Mixed::Secret;
const IN_STORE: fn(TrafficSecret<Ring>) -> Mixed = Mixed::store;

#[test]
fn keys_of_a_mixed_type_are_suspended_if_both_secrets_are_in_memory() {
    let (_, mut server) = pair(|_| {});
    let mut layer = client([IN_MEMORY, IN_MEMORY]);
    // The second generation of one direction.
    let mut wire = [0; 64];
    layer.update_keys(false).unwrap();
    let len = layer.poll_control(&mut wire).unwrap();
    server.open(&mut wire[..len]).unwrap();

    let mut bytes = layer.suspend(&KEY).unwrap();
    assert_eq!(layer.seal(&[b"data"], &mut wire), Err(SealError::HandedOver));
    let layer = RecordLayer::<Mixed>::resume(&mut bytes, &KEY).unwrap();
    let mut client = Connection::<_, 512>::new(layer);
    let mut bytes = client.suspend(&KEY).unwrap();
    assert_eq!(client.write(&[b"data"]), Err(SealError::HandedOver));
    let mut client = Connection::<Mixed, 512>::resume(&mut bytes, &KEY).unwrap();
    assert_eq!(bytes, [0; SUSPENDED_LEN]);

    client.write(&[b"data"]).unwrap();
    let mut sent = client.unsent().to_vec();
    let Event::ApplicationData(range) = server.open(&mut sent).unwrap().event else { panic!() };
    assert_eq!(sent[range], *b"data");
    let len = server.seal(&[b"answer"], &mut wire).unwrap().written;
    let opened = client.received(&mut wire[..len]).unwrap();
    let Event::ApplicationData(range) = opened.event else { panic!("{opened:?}") };
    assert_eq!(wire[range], *b"answer");
}

// What is stored does not depend on the type of the keys.
#[test]
fn a_connection_is_resumed_with_keys_of_another_type() {
    let (mut plain, _) = pair(|_| {});
    let mut bytes = plain.suspend(&KEY).unwrap();
    let stored = bytes;
    let mut mixed = RecordLayer::<Mixed>::resume(&mut bytes, &KEY).unwrap();
    assert_eq!(mixed.suspend(&KEY).unwrap(), stored);
}

#[test]
fn a_connection_with_a_secret_in_a_key_store_is_not_suspended() {
    for places in [[IN_STORE, IN_MEMORY], [IN_MEMORY, IN_STORE], [IN_STORE, IN_STORE]] {
        let (_, mut server) = pair(|_| {});
        let mut layer = client(places);
        let before = format!("{layer:?}");
        assert_eq!(layer.suspend(&KEY).err(), Some(SuspendError::Unsupported));
        assert_eq!(format!("{layer:?}"), before);

        let mut client = Connection::<_, 512>::new(layer);
        assert_eq!(client.suspend(&KEY).err(), Some(SuspendError::Unsupported));
        client.write(&[b"data"]).unwrap();
        let opened = server.open(&mut client.unsent().to_vec()).unwrap();
        assert!(matches!(opened.event, Event::ApplicationData(_)));
        let mut wire = [0; 64];
        let len = server.seal(&[b"answer"], &mut wire).unwrap().written;
        let opened = client.received(&mut wire[..len]).unwrap();
        assert!(matches!(opened.event, Event::ApplicationData(_)));
    }
}

#[test]
fn the_kernel_gets_a_direction_whose_secret_is_in_memory_and_no_other() {
    let info = |direction: Result<KernelDirection<Ring>, SuspendError>| {
        direction.map(|mut direction| direction.crypto_info().unwrap().as_bytes().to_vec())
    };
    let (mut plain, _) = pair(|_| {});
    let sends = info(plain.hand_sender_to_kernel());
    let receives = info(plain.hand_receiver_to_kernel());
    let refused = Err(SuspendError::Unsupported);
    for (places, expected, end) in [
        (
            [IN_MEMORY, IN_STORE],
            [sends, refused.clone()],
            End { read: ReadEnd::Open, write: WriteEnd::HandedOver },
        ),
        (
            [IN_STORE, IN_MEMORY],
            [refused, receives],
            End { read: ReadEnd::HandedOver, write: WriteEnd::Open },
        ),
    ] {
        let mut layer = client(places);
        let given = [layer.hand_sender_to_kernel(), layer.hand_receiver_to_kernel()];
        assert_eq!(given.map(info), expected);
        assert_eq!(layer.end(), end);
        let mut connection = Connection::<_, 512>::new(client(places));
        let given = [connection.hand_sender_to_kernel(), connection.hand_receiver_to_kernel()];
        assert_eq!(given.map(info), expected);
        assert_eq!(connection.end(), end);
    }
}
