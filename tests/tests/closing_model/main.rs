//! A model of two peers that close: every interleaving of the steps of their applications, their
//! drivers and the transport, over the states of `tls_record::close`.
//!
//! [`model`] defines the possible steps, and the steps that must happen in the end. [`endpoint`]
//! connects the two states of an endpoint as the engine does, and [`walk`] compares it with the
//! engine. [`kernel`] opens records for an endpoint that has handed over its opener. [`properties`]
//! has the properties of every reachable state, and [`mistake`] the mistakes that the checker must
//! find.

mod endpoint;
mod kernel;
mod mistake;
mod model;
mod properties;
mod walk;
mod wire;

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, any, prop};
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use stateright::{Checker, HasDiscoveries, Model};
use tls_record::close::OnPeerClose::{HalfClose, Reply};
use tls_record_tests::records::Suite;

use crate::mistake::Mistake;
use crate::model::Scenario;
use crate::walk::Walk;

/// Both reply to a close_notify, as TLS 1.2 demands; two failures, so that they can cross.
const REPLY: Scenario = Scenario {
    suite: Suite::Tls12Gcm,
    on_peer_close: [Reply; 2],
    requests: [false; 2],
    data: [1, 1],
    capacity: 1,
    troubles: 2,
    is_split: false,
    hands_over: [false; 2],
    suspends: [false; 2],
    mistake: None,
};

/// Both half-close, as many do in TLS 1.2 and as in TLS 1.3 without KeyUpdates.
const HALF_CLOSE: Scenario = Scenario {
    suite: Suite::Tls12Chacha,
    on_peer_close: [HalfClose; 2],
    data: [2, 1],
    troubles: 1,
    ..REPLY
};

/// One replies and one half-closes, with room for two records and split halves.
const MIXED: Scenario = Scenario {
    on_peer_close: [Reply, HalfClose],
    capacity: 2,
    troubles: 1,
    is_split: true,
    ..REPLY
};

/// KeyUpdates around the end, of which split halves learn late.
const TLS13: Scenario = Scenario {
    suite: Suite::Tls13,
    requests: [true, false],
    data: [1, 0],
    is_split: true,
    ..HALF_CLOSE
};

/// A client hands its halves to the kernel, one or both, at any time.
const KERNEL: Scenario = Scenario { requests: [false; 2], hands_over: [true, false], ..TLS13 };

/// The same with a reply as in TLS 1.2: the peer's close_notify makes one due in the kernel.
const KERNEL_REPLY: Scenario =
    Scenario { data: [1, 0], troubles: 1, hands_over: [true, false], ..REPLY };

/// The kernel and KeyUpdates, without failures: with them there would be 1,200,000 states.
const KERNEL_UPDATES: Scenario = Scenario { requests: [false, true], troubles: 0, ..KERNEL };

/// A client is suspended at any time and resumed, and the suspended connection is still called.
const SUSPENDED: Scenario = Scenario { suspends: [true, false], requests: [false; 2], ..TLS13 };

/// Every hand-over, with KeyUpdates and failures: for random walks, because it is too large to
/// check.
const ALL_OF_IT: Scenario =
    Scenario { requests: [false, true], data: [1, 1], suspends: [true, false], ..KERNEL };

#[track_caller]
fn check(name: &str, scenario: Scenario, minimum: usize) {
    let checker = scenario.checker().spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {states} states, {depth} deep");
    checker.assert_properties();
    assert!(states > minimum, "too few states: {states}");
}

#[test]
fn two_peers_that_reply_keep_every_property() {
    check("reply", REPLY, 240_000);
}

#[test]
fn two_peers_that_half_close_keep_every_property() {
    check("half-close", HALF_CLOSE, 90_000);
}

#[test]
fn a_peer_that_replies_and_one_that_half_closes_keep_every_property() {
    check("mixed", MIXED, 90_000);
}

#[test]
fn key_updates_around_the_end_keep_every_property() {
    check("TLS 1.3", TLS13, 210_000);
}

#[test]
fn halves_in_the_kernel_keep_every_property() {
    check("kernel", KERNEL, 150_000);
}

#[test]
fn halves_in_the_kernel_with_a_peer_that_replies_keep_every_property() {
    check("kernel, reply", KERNEL_REPLY, 110_000);
}

#[test]
fn key_updates_in_the_kernel_keep_every_property() {
    check("kernel, KeyUpdates", KERNEL_UPDATES, 57_000);
}

#[test]
fn a_connection_that_is_suspended_and_resumed_keeps_every_property() {
    check("suspended", SUSPENDED, 97_000);
}

/// Returns a scenario in which a mistake matters.
fn planted(mistake: Mistake) -> Scenario {
    let scenario = match mistake {
        Mistake::SuspendedOffers => SUSPENDED,
        Mistake::OffersTwice => KERNEL_UPDATES,
        _ if mistake.is_of_the_hand_over() => KERNEL,
        _ if mistake.is_of_key_updates() => TLS13,
        _ => REPLY,
    };
    Scenario { mistake: Some(mistake), ..scenario }
}

#[test]
fn planted_mistakes_are_found() {
    let mut found = BTreeSet::new();
    for (mistake, breaks) in Mistake::ALL {
        let breaks = BTreeSet::from_iter(breaks.iter().copied());
        let until = HasDiscoveries::AllOf(breaks.clone());
        let checker = planted(mistake).checker().finish_when(until).spawn_bfs().join();
        for name in breaks {
            let actions = checker.assert_any_discovery(name).into_actions();
            println!("{mistake:?}: not \"{name}\" after {actions:?}");
            found.insert(name);
        }
    }
    let required = properties::required();
    assert_eq!(found, required.iter().map(|property| property.name).collect());
}

/// Makes random steps in the model and in the engine until no step is left.
fn walk(scenario: &Scenario, choices: &[Index]) {
    let mut walk = Walk::new(scenario);
    for choice in choices {
        let mut actions = Vec::new();
        scenario.actions(&walk.state, &mut actions);
        if actions.is_empty() {
            break;
        }
        walk.take(actions[choice.index(actions.len())]);
    }
    assert!(walk.state.sides.iter().all(|side| side.has_left), "the walk is too short");
}

fn walks(
    scenarios: Vec<Scenario>,
    max_shrink_iters: u32,
) -> Result<(), TestError<(Scenario, Vec<Index>)>> {
    let config = ProptestConfig {
        cases: 4096,
        max_shrink_iters,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(9846),
        ..Default::default()
    };
    let cases = (prop::sample::select(scenarios), prop::collection::vec(any::<Index>(), 60));
    TestRunner::new(config).run(&cases, |(scenario, choices)| {
        walk(&scenario, &choices);
        Ok(())
    })
}

#[test]
fn the_engine_takes_the_steps_of_the_model() {
    if let Err(error) = walks(vec![REPLY, HALF_CLOSE, MIXED, TLS13], 1024) {
        panic!("{error}");
    }
}

#[test]
fn the_engine_hands_over_as_the_model_does() {
    let joined = Scenario { is_split: false, ..ALL_OF_IT };
    let scenarios = vec![KERNEL, KERNEL_REPLY, KERNEL_UPDATES, SUSPENDED, ALL_OF_IT, joined];
    if let Err(error) = walks(scenarios, 1024) {
        panic!("{error}");
    }
}

#[test]
fn a_model_with_a_mistake_differs_from_the_engine() {
    for (mistake, _) in Mistake::ALL {
        if !mistake.is_of_the_driver() {
            let walked = walks(vec![planted(mistake)], 0);
            assert!(matches!(walked, Err(TestError::Fail(..))), "{mistake:?}");
        }
    }
}
