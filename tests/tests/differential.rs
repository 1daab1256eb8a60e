//! The engine compared with OpenSSL and rustls as receivers. Each random stream of records, most of
//! them valid, is given to a real peer and to the engine in the same state. Both must deliver the
//! same bytes, end in the same way and send the same alert. [`KnownDifference`] lists the
//! exceptions and their reasons.
//!
//! There are 10,000 streams over all peers and versions, the same in each run.
//! `TLS_RECORD_DIFFERENTIAL_CASES` sets another number, and other streams.

use std::env;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tls_record_tests::differential::{
    KnownDifference, Plan,
    Stack::{self, Openssl, Rustls},
    Stage, Step, Tampering,
};
use tls_record_tests::peers::{Role, Suite, Version};
use tls_record_tests::records::{ALERT, CCS, CLOSE_NOTIFY, DATA, HANDSHAKE};

fn step() -> impl Strategy<Value = Step> {
    let len = || prop_oneof![8 => 0..300_usize, 1 => 300..40_000_usize];
    let alert = prop_oneof![
        4 => Just(vec![1, 90]),
        1 => Just(vec![1, 100]),
        1 => Just(vec![2, 0]),
        2 => (1..=2_u8, any::<u8>()).prop_map(|(level, description)| vec![level, description]),
        1 => prop::collection::vec(0..4_u8, 0..4),
    ];
    let few = || prop_oneof![6 => 1..4_usize, 1 => 4..37_usize];
    prop_oneof![
        12 => (len(), prop_oneof![1 => 1..50_usize, 3 => 500..=16_384_usize])
            .prop_map(|(len, fragment)| Step::Data { len: len.min(fragment * 40), fragment }),
        4 => (0..200_usize, 0..300_usize).prop_map(|(len, padding)| Step::Padded { len, padding }),
        1 => few().prop_map(|count| Step::Empty { count }),
        4 => (0..=1_u8, few()).prop_map(|(value, count)| Step::KeyUpdates { value, count }),
        1 => (0..5_usize).prop_map(|at| Step::SplitKeyUpdate { at }),
        1 => (1..20_usize).prop_map(|excess| Step::TooLong { excess }),
        2 => (alert, 1..7_usize).prop_map(|(content, count)| Step::Alerts { content, count }),
        4 => Just(Step::Alerts { content: CLOSE_NOTIFY.to_vec(), count: 1 }),
    ]
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let index = any::<usize>;
    let content_type = prop_oneof![Just(ALERT), Just(CCS), Just(HANDSHAKE), Just(DATA)];
    let content = prop_oneof![
        2 => Just(CLOSE_NOTIFY.to_vec()),
        1 => Just(vec![2, 20]),
        1 => Just(vec![1]),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        4 => Just(Tampering::None),
        2 => index().prop_map(|at| Tampering::Truncate { at }),
        2 => (index(), 0..5_usize, 0..8_u8)
            .prop_map(|(record, byte, bit)| Tampering::FlipHeader { record, byte, bit }),
        2 => (index(), index(), 0..8_u8)
            .prop_map(|(record, byte, bit)| Tampering::FlipBody { record, byte, bit }),
        2 => (index(), content_type, content).prop_map(|(before, content_type, content)| {
            Tampering::Inject { before, content_type, content }
        }),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        prop_oneof![Just(Role::Client), Just(Role::Server)],
        prop::sample::select(Suite::ALL.to_vec()),
        prop::collection::vec(step(), 1..8),
        tampering(),
        prop::collection::vec(prop_oneof![1 => 1..40_usize, 3 => 40..40_000_usize], 1..4),
    )
        .prop_map(|(role, suite, steps, tampering, pieces)| Plan {
            role,
            suite,
            steps,
            tampering,
            pieces,
        })
}

/// One plan for each difference, so that the table has no entry without an example.
fn examples() -> Vec<(KnownDifference, Version, Vec<Step>, Tampering)> {
    use KnownDifference::*;
    use Version::{Tls12, Tls13};
    let words = || Step::Data { len: 40, fragment: 20 };
    let alerts = |content: [u8; 2], count| Step::Alerts { content: content.to_vec(), count };
    let no_alert = || Step::Alerts { content: vec![], count: 1 };
    let close = || alerts(CLOSE_NOTIFY, 1);
    let flip = |byte, bit| Tampering::FlipHeader { record: 0, byte, bit };
    let inject = |content_type, content: &[u8]| Tampering::Inject {
        before: 0,
        content_type,
        content: content.to_vec(),
    };
    let none = || Tampering::None;
    vec![
        (OpensslFatalCloseNotify, Tls12, vec![words(), alerts([2, 0], 1)], none()),
        (OpensslNoRenegotiation, Tls12, vec![alerts([1, 100], 1), words()], none()),
        (OpensslCloseNotifyIsCounted, Tls12, vec![alerts([1, 90], 4), close()], none()),
        (OpensslCloseAfterCancel, Tls13, vec![words(), alerts([1, 90], 1), close()], none()),
        (
            OpensslAlertLength,
            Tls13,
            vec![Step::Alerts { content: vec![1, 0, 0], count: 1 }],
            none(),
        ),
        // 0x4018 and some become 0x4418 and some.
        (OpensslShorterLimit, Tls12, vec![Step::TooLong { excess: 1 }], flip(3, 2)),
        (OpensslTooShort, Tls12, vec![words()], inject(DATA, b"short")),
        (OpensslDecryptsFirst, Tls12, vec![words()], flip(0, 7)),
        (OpensslVersion, Tls13, vec![words()], flip(2, 0)),
        (OpensslKeyUpdates, Tls13, vec![Step::KeyUpdates { value: 0, count: 33 }, words()], none()),
        (OpensslLateChangeCipherSpec, Tls13, vec![words()], inject(CCS, &[1])),
        (RustlsEmptyRecord, Tls13, vec![no_alert()], none()),
        (RustlsSilentFlood, Tls13, vec![Step::KeyUpdates { value: 0, count: 33 }], none()),
        (RustlsSilentFlood, Tls12, vec![Step::Empty { count: 32 }, no_alert()], none()),
        (
            RustlsWarningsInAll,
            Tls13,
            vec![alerts([1, 90], 3), words(), alerts([1, 90], 2), words()],
            none(),
        ),
        (
            RustlsEmptyIsData,
            Tls13,
            vec![
                Step::KeyUpdates { value: 0, count: 32 },
                Step::Empty { count: 1 },
                Step::KeyUpdates { value: 0, count: 1 },
                words(),
            ],
            none(),
        ),
        (RustlsOverflow, Tls12, vec![words()], flip(3, 7)),
        // 0x4012 becomes 0x4112.
        (RustlsLongerLimit, Tls13, vec![Step::TooLong { excess: 1 }], flip(3, 0)),
        (RustlsUnknownType, Tls13, vec![words()], flip(0, 7)),
        (RustlsVersion, Tls12, vec![words()], flip(1, 0)),
        (RustlsAssumesHeader, Tls13, vec![words()], flip(2, 0)),
        (RustlsDecryptsFirst, Tls13, vec![words()], inject(ALERT, &CLOSE_NOTIFY)),
        (RustlsObeysLevel, Tls13, vec![alerts([1, 20], 1)], none()),
        (RustlsObeysLevel, Tls13, vec![alerts([10, 90], 1), no_alert()], none()),
        (RustlsChangeCipherSpec, Tls13, vec![words()], inject(CCS, &[2])),
    ]
}

#[test]
fn every_known_difference_has_an_example() {
    for (known, version, steps, tampering) in examples() {
        let stack = if format!("{known:?}").starts_with("Openssl") { Openssl } else { Rustls };
        let stage = Stage::new(stack, version);
        // Some differences exist only at clients.
        let outcomes = [Role::Client, Role::Server].map(|role| {
            let (steps, tampering) = (steps.clone(), tampering.clone());
            let (suite, pieces) = (Suite::Aes128Gcm, vec![usize::MAX]);
            stage.check(&Plan { role, suite, steps, tampering, pieces })
        });
        assert_eq!(outcomes[0], Ok(Some(known)), "{steps:?}, {tampering:?}");
        assert!([&outcomes[0], &Ok(None)].contains(&&outcomes[1]), "{outcomes:?}");
    }
}

/// Gives a quarter of all plans to a peer and to the engine. The plans are the same each time,
/// unless a number is set.
fn agree(stack: Stack, version: Version) {
    let asked = env::var("TLS_RECORD_DIFFERENTIAL_CASES").ok();
    let cases = asked.as_ref().map_or(10_000, |cases| cases.parse().expect("a number")) / 4;
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let mut runner = match asked {
        Some(_) => TestRunner::new(config),
        None => {
            let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            TestRunner::new_with_rng(config, rng)
        }
    };
    let stage = Stage::new(stack, version);
    let outcome = runner.run(&plan(), |plan| match stage.check(&plan) {
        Ok(_) => Ok(()),
        Err(difference) => Err(TestCaseError::fail(difference)),
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn openssl_and_the_engine_agree_on_tls13() {
    agree(Openssl, Version::Tls13);
}

#[test]
fn openssl_and_the_engine_agree_on_tls12() {
    agree(Openssl, Version::Tls12);
}

#[test]
fn rustls_and_the_engine_agree_on_tls13() {
    agree(Rustls, Version::Tls13);
}

#[test]
fn rustls_and_the_engine_agree_on_tls12() {
    agree(Rustls, Version::Tls12);
}
