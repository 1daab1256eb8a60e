//! The same bytes have the same meaning, whichever function opens them.

use tls_record::aead::rustcrypto::RustCryptoParts;
use tls_record::aead::{Algorithm, Provider};
use tls_record::{
    Config, ContentType, Epoch, Padding, ReadEnd, Role, Sealer, TrafficSecret, Version,
};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Hand, Secret, Suite, USER_CANCELED, key_update,
    message, record_size_limit,
};

use crate::random::Random;
use crate::ways::{Session, established};

type Parts = TrafficSecret<RustCryptoParts>;

/// Records of the null cipher, sealed by hand.
fn by_hand(
    suite: Suite,
    configure: fn(&mut Config),
    seal: impl Fn(&mut Hand) -> Vec<u8>,
) -> Session<Secret> {
    let mut hand = Hand::established(suite, 7);
    let sequence = hand.sequence;
    let wire = seal(&mut hand);
    let make = move || {
        let mut config = Config::new(Role::Client);
        configure(&mut config);
        established(config, suite.secret(7), sequence)
    };
    Session { make: Box::new(make), wire }
}

fn tls13(seal: impl Fn(&mut Hand) -> Vec<u8>) -> Session<Secret> {
    by_hand(Suite::Tls13, |_| {}, seal)
}

/// Two records without content, where the limit is one that has no padding either.
fn two_with_one_empty_allowed(suite: Suite, padding: usize) -> Session<Secret> {
    let configure = |config: &mut Config| config.limits.empty_records = 1;
    by_hand(suite, configure, |hand| {
        let mut seal = || match padding {
            0 => hand.seal(DATA, b""),
            padding => hand.seal_padded(DATA, b"", padding),
        };
        [seal(), seal()].concat()
    })
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 13 + at / 250) as u8).collect()
}

/// A KeyUpdate; the next record is under the next keys.
fn update(hand: &mut Hand, request: u8) -> Vec<u8> {
    let record = hand.seal(HANDSHAKE, &key_update(request));
    hand.update();
    record
}

/// Short records of every kind, and what may be wrong with them.
fn short() -> Vec<(&'static str, Session<Secret>)> {
    let ticket = message(4, &content(30));
    let mut all = vec![
        (
            "data and close",
            tls13(|hand| [hand.seal(DATA, b"some data"), hand.seal(ALERT, &CLOSE_NOTIFY)].concat()),
        ),
        ("padded data", tls13(|hand| hand.seal_padded(DATA, b"data", 20))),
        ("padding alone", tls13(|hand| hand.seal_padded(DATA, b"", 20))),
        ("content type alone", tls13(|hand| hand.seal_padded(DATA, b"", 0))),
        ("more empty records than are allowed", two_with_one_empty_allowed(Suite::Tls13, 0)),
        ("the same in TLS 1.2", two_with_one_empty_allowed(Suite::Tls12Gcm, 0)),
        ("records of padding, which do not count", two_with_one_empty_allowed(Suite::Tls13, 1)),
        ("nothing but zeros", tls13(|hand| hand.seal_inner(&[0; 20]))),
        ("an empty inner plaintext", tls13(|hand| hand.seal_inner(&[]))),
        ("an unknown content type", tls13(|hand| hand.seal(ContentType(99), b"data"))),
        ("a padded close", tls13(|hand| hand.seal_padded(ALERT, &CLOSE_NOTIFY, 9))),
        (
            "a warning",
            tls13(|hand| [hand.seal(ALERT, &USER_CANCELED), hand.seal(DATA, b"data")].concat()),
        ),
        ("a fatal alert", tls13(|hand| hand.seal(ALERT, &[2, 40]))),
        ("an empty alert", tls13(|hand| hand.seal_padded(ALERT, &[], 3))),
        ("a long alert", tls13(|hand| hand.seal(ALERT, &[1, 0, 0]))),
        ("an alert longer than what is looked at", tls13(|hand| hand.seal(ALERT, &[1; 9]))),
        ("an empty handshake record", tls13(|hand| hand.seal(HANDSHAKE, &[]))),
        (
            "a KeyUpdate that requests one, and data",
            tls13(|hand| [update(hand, 1), hand.seal(DATA, b"data")].concat()),
        ),
        (
            "a padded KeyUpdate",
            tls13(|hand| {
                let record = hand.seal_padded(HANDSHAKE, &key_update(0), 11);
                hand.update();
                [record, hand.seal(DATA, b"data")].concat()
            }),
        ),
        ("an unknown KeyUpdate", tls13(|hand| hand.seal(HANDSHAKE, &key_update(2)))),
        (
            "a KeyUpdate with a message behind it",
            tls13(|hand| hand.seal(HANDSHAKE, &[key_update(0), key_update(0)].concat())),
        ),
        ("a message of a wrong type", tls13(|hand| hand.seal(HANDSHAKE, &message(1, b"hello")))),
        ("forged", tls13(|hand| hand.forge(DATA, b"data"))),
        (
            "forged later",
            tls13(|hand| [hand.seal(DATA, b"genuine"), hand.forge(DATA, b"data")].concat()),
        ),
        ("shorter than its tag", tls13(|_| vec![23, 3, 3, 0, 3, 1, 2, 3])),
        ("an empty record", tls13(|_| vec![23, 3, 3, 0, 0])),
        ("a plaintext alert", tls13(|_| vec![21, 3, 3, 0, 2, 1, 0])),
        ("too long by its header", tls13(|_| vec![23, 3, 3, 0x41, 1, 0, 0])),
        (
            "over the record_size_limit",
            by_hand(
                Suite::Tls13,
                |config| config.record_size_limit = Some(record_size_limit(64)),
                |hand| {
                    [hand.seal(DATA, &content(63)), hand.seal_padded(DATA, b"data", 60)].concat()
                },
            ),
        ),
        (
            "padding in constant time",
            by_hand(
                Suite::Tls13,
                |config| config.constant_time_padding = true,
                |hand| [hand.seal_padded(DATA, b"a\0\0b", 40), hand.seal_inner(&[0; 9])].concat(),
            ),
        ),
    ];
    let (one, two) = (ticket.clone(), ticket);
    all.push((
        "two messages in a record",
        tls13(move |hand| {
            [hand.seal_padded(HANDSHAKE, &[&one[..], &one].concat(), 3), hand.seal(DATA, b"data")]
                .concat()
        }),
    ));
    all.push((
        "a message in three records",
        tls13(move |hand| {
            let mut wire: Vec<u8> =
                two.chunks(13).flat_map(|part| hand.seal(HANDSHAKE, part)).collect();
            wire.extend(hand.seal(DATA, b"data"));
            wire
        }),
    ));
    all.push((
        "data inside a message",
        tls13(|hand| {
            [hand.seal(HANDSHAKE, &message(4, &[1; 9])[..7]), hand.seal(DATA, b"data")].concat()
        }),
    ));
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        let session = |seal: fn(&mut Hand) -> Vec<u8>| by_hand(suite, |_| {}, seal);
        all.extend([
            (
                "TLS 1.2: data and close",
                session(|hand| {
                    [hand.seal(DATA, b"some data"), hand.seal(ALERT, &CLOSE_NOTIFY)].concat()
                }),
            ),
            ("TLS 1.2: an empty record", session(|hand| hand.seal(DATA, b""))),
            ("TLS 1.2: zeros at the end", session(|hand| hand.seal(DATA, b"data\0\0"))),
            ("TLS 1.2: forged", session(|hand| hand.forge(DATA, b"data"))),
            ("TLS 1.2: two HelloRequests", session(|hand| hand.seal(HANDSHAKE, &[0; 8]))),
            (
                "TLS 1.2: shorter than its overhead",
                session(|_| vec![23, 3, 3, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
            ),
            ("TLS 1.2: another version", session(|_| vec![23, 3, 1, 0, 1, 0])),
            ("TLS 1.2: change_cipher_spec", session(|_| vec![20, 3, 3, 0, 1, 1])),
        ]);
    }
    all
}

#[test]
fn short_records_open_in_every_split() {
    for (name, session) in short() {
        let usual = session.usual();
        let len = session.wire.len();
        for first in 0..=len {
            assert_eq!(session.in_pieces(&[first]), usual, "{name}, cut at {first}");
        }
        for first in 0..=len {
            for second in first..=len {
                if len < 50 || (first + second) % 7 == 0 {
                    assert_eq!(
                        session.in_pieces(&[first, second]),
                        usual,
                        "{name}, {first}, {second}"
                    );
                }
            }
        }
        assert_eq!(
            session.in_pieces(&(0..=len).collect::<Vec<_>>()),
            usual,
            "{name}, byte by byte"
        );
    }
}

#[test]
fn short_records_open_as_they_arrive_in_the_usual_way() {
    for (name, session) in short() {
        let usual = session.usual();
        for most in [1, 5, 64, 1000] {
            let (arriving, parts) = session.arriving(256, most);
            assert_eq!((arriving, parts), (usual.clone(), 0), "{name}, {most} at a time");
        }
    }
}

/// Long records, with something else between them.
fn long() -> Vec<(&'static str, Session<Secret>)> {
    let mut all = vec![
        (
            "data, KeyUpdates and close",
            tls13(|hand| {
                [
                    hand.seal(DATA, &content(16_384)),
                    update(hand, 1),
                    hand.seal(DATA, &content(300)),
                    hand.seal(DATA, b"short"),
                    update(hand, 0),
                    hand.seal(DATA, &content(5_000)),
                    hand.seal(ALERT, &CLOSE_NOTIFY),
                ]
                .concat()
            }),
        ),
        (
            "padding over several windows",
            tls13(|hand| {
                [
                    hand.seal_padded(DATA, b"data", 3_000),
                    hand.seal_padded(DATA, &[0; 700], 2_000),
                    hand.seal_padded(DATA, &content(16_000), 384),
                ]
                .concat()
            }),
        ),
        ("padding alone", tls13(|hand| hand.seal_padded(DATA, b"", 16_384))),
        (
            "content type in the last byte of a window",
            tls13(|hand| {
                (240..=520)
                    .step_by(8)
                    .flat_map(|len| hand.seal_padded(DATA, &content(len), 300))
                    .collect()
            }),
        ),
        ("nothing but zeros", tls13(|hand| hand.seal_inner(&[0; 1_000]))),
        (
            "forged",
            tls13(|hand| {
                [hand.seal(DATA, &content(700)), hand.forge(DATA, &content(700))].concat()
            }),
        ),
        (
            "data inside a message",
            tls13(|hand| {
                [hand.seal(HANDSHAKE, &message(4, &[1; 9])[..7]), hand.seal(DATA, &content(700))]
                    .concat()
            }),
        ),
        (
            "at the record_size_limit",
            by_hand(
                Suite::Tls13,
                |config| config.record_size_limit = Some(record_size_limit(1_024)),
                |hand| hand.seal(DATA, &content(1_023)),
            ),
        ),
        (
            "padding in constant time",
            by_hand(
                Suite::Tls13,
                |config| config.constant_time_padding = true,
                |hand| {
                    [
                        hand.seal_padded(DATA, &content(300), 900),
                        hand.seal_padded(DATA, &content(1), 900),
                        hand.seal_inner(&[0; 999]),
                    ]
                    .concat()
                },
            ),
        ),
        (
            "too long by its header",
            by_hand(
                Suite::Tls13,
                |config| config.record_size_limit = Some(record_size_limit(1_024)),
                |_| vec![23, 3, 3, 4, 17],
            ),
        ),
        ("no TLS 1.3 record", tls13(|_| vec![22, 3, 3, 4, 0])),
    ];
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        let session = |seal: fn(&mut Hand) -> Vec<u8>| by_hand(suite, |_| {}, seal);
        all.extend([
            (
                "TLS 1.2: data and close",
                session(|hand| {
                    [
                        hand.seal(DATA, &content(16_384)),
                        hand.seal(DATA, &[0; 4_000]),
                        hand.seal(ALERT, &CLOSE_NOTIFY),
                    ]
                    .concat()
                }),
            ),
            ("TLS 1.2: forged", session(|hand| hand.forge(DATA, &content(700)))),
            ("TLS 1.2: another version", session(|_| vec![23, 3, 1, 4, 1, 0])),
        ]);
    }
    all
}

#[test]
fn long_records_have_the_same_meaning_in_pieces_and_as_they_arrive() {
    let mut random = Random::new(2);
    for (name, session) in long() {
        let usual = session.usual();
        for _ in 0..if cfg!(miri) { 1 } else { 10 } {
            let cuts = random.cuts(session.wire.len());
            assert_eq!(session.in_pieces(&cuts), usual, "{name}, cut at {cuts:?}");
            let (arriving, _) = session.arriving_at_random(&mut random);
            assert_eq!(arriving, usual, "{name}");
        }
        for (capacity, most) in [(256, 1), (256, 256), (300, 77), (512, 512), (20_000, 20_000)] {
            let (arriving, parts) = session.arriving(capacity, most);
            assert_eq!(arriving, usual, "{name}, {capacity}, {most}");
            assert!(capacity < 20_000 || parts == 0, "a record that fits is opened as a whole");
        }
    }
}

#[test]
fn a_record_that_ends_early_is_truncated_inside() {
    for suite in Suite::ALL {
        let mut session = by_hand(suite, |_| {}, |hand| hand.seal(DATA, &content(600)));
        let all = session.wire.clone();
        for len in 1..all.len() {
            session.wire = all[..len].to_vec();
            let usual = session.usual();
            let end = ReadEnd::Truncated { epoch: Epoch::Application, inside_record: true };
            assert_eq!((&usual.got[..], usual.end), (&[][..], end));
            assert_eq!(session.in_pieces(&[len / 2]), usual);
            assert_eq!(session.arriving(256, 200).0, usual, "cut at {len}, never committed");
        }
    }
}

/// What the keys of a session with real ciphers are made of.
fn secret(version: Version, algorithm: Algorithm) -> Parts {
    match version {
        Version::Tls13 => Parts::tls13(algorithm, &vec![9; algorithm.secret_len()]),
        Version::Tls12 => {
            let iv = if algorithm.has_explicit_nonce() { 4 } else { 12 };
            Parts::tls12(algorithm, &vec![9; algorithm.key_len()], &vec![8; iv])
        }
    }
    .unwrap()
}

/// Records of a real cipher, and who opens them.
fn sealed(version: Version, algorithm: Algorithm, padding: Padding, data: &[u8]) -> Session<Parts> {
    assert!(RustCryptoParts::supports(algorithm));
    let first = u64::from(version == Version::Tls12);
    let mut sealer = Sealer::new(Config::new(Role::Server));
    sealer.take_over(Epoch::Application, secret(version, algorithm), first).unwrap();
    sealer.set_padding(padding);
    let mut wire = vec![0; 2 * data.len() + 40_000];
    let written = sealer.seal(&[data], &mut wire).unwrap().written;
    wire.truncate(written);
    let make = move || established(Config::new(Role::Client), secret(version, algorithm), first);
    Session { make: Box::new(make), wire }
}

fn suites() -> impl Iterator<Item = (Version, Algorithm)> {
    let algorithms = [
        Algorithm::Aes128Gcm,
        Algorithm::Aes256Gcm,
        Algorithm::Chacha20Poly1305,
        Algorithm::Aes128Ccm,
        Algorithm::Aes128Ccm8,
    ];
    [Version::Tls13, Version::Tls12]
        .into_iter()
        .flat_map(move |version| algorithms.map(|it| (version, it)))
}

#[test]
fn real_ciphers_open_the_same_content_in_every_way() {
    let mut random = Random::new(3);
    for (version, algorithm) in suites() {
        for (len, padding) in [(40_000, Padding::None), (500, Padding::Size(3_000))] {
            let data = content(len);
            let session = sealed(version, algorithm, padding, &data);
            let usual = session.usual();
            let delivered = usual.got.iter().flat_map(|got| match got {
                Got::Data(data) => data,
                other => panic!("{other:?}"),
            });
            assert!(delivered.eq(&data));
            for _ in 0..3 {
                let cuts = random.cuts(session.wire.len());
                assert_eq!(session.in_pieces(&cuts), usual, "{version:?} {algorithm:?}, {cuts:?}");
                let (arriving, parts) = session.arriving_at_random(&mut random);
                assert_eq!(arriving, usual, "{version:?} {algorithm:?}");
                assert!(parts != 0 || len == 500);
            }
        }
    }
}

#[test]
fn a_forgery_at_any_byte_is_the_same_fault_in_every_way() {
    for (version, algorithm) in suites() {
        let mut session = sealed(version, algorithm, Padding::None, &content(300));
        let genuine = session.wire.clone();
        for at in 0..genuine.len() {
            session.wire.clone_from(&genuine);
            session.wire[at] ^= 0x20;
            let usual = session.usual();
            assert_eq!(usual.got, []);
            assert_eq!(session.in_pieces(&[2, 150]), usual, "byte {at}");
            assert_eq!(session.arriving(256, 256).0, usual, "byte {at}");
        }
    }
}

#[test]
fn the_meaning_of_pieces_is_that_of_the_record() {
    // So that the tests above cannot pass because every way fails.
    let session =
        tls13(|hand| [hand.seal(DATA, b"some data"), hand.seal(ALERT, &CLOSE_NOTIFY)].concat());
    let outcome = session.in_pieces(&[3, 9, 30]);
    assert_eq!(outcome.got, [Got::Data(b"some data".to_vec()), Got::Closed]);
    assert_eq!(outcome.end, ReadEnd::Closed { epoch: Epoch::Application });
}
