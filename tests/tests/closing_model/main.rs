//! The closing of two peers: every interleaving of what their applications, their drivers and the
//! transport do, over the states of `tls_record::close`.
//!
//! [`model`] says what can happen and what is bound to happen; [`endpoint`] wires the two states of
//! an end as the engine does, and [`walk`] holds it against the engine; [`kernel`] opens records for an
//! end that has handed its receiving half over; [`properties`] says what must hold in every state that
//! is reached; [`mistake`] plants what the checker must find.

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

/// Both by the letter of TLS 1.2; two troubles, so that failures cross.
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

/// What many do in TLS 1.2, and TLS 1.3 as long as there are no KeyUpdates.
const HALF_CLOSE: Scenario = Scenario {
    suite: Suite::Tls12Chacha,
    on_peer_close: [HalfClose; 2],
    data: [2, 1],
    troubles: 1,
    ..REPLY
};

/// One of each, with room for two records, their halves split.
const MIXED: Scenario = Scenario {
    on_peer_close: [Reply, HalfClose],
    capacity: 2,
    troubles: 1,
    is_split: true,
    ..REPLY
};

/// KeyUpdates around the end; the split halves hear of them late.
const TLS13: Scenario = Scenario {
    suite: Suite::Tls13,
    requests: [true, false],
    data: [1, 0],
    is_split: true,
    ..HALF_CLOSE
};

/// A client hands its halves to the kernel, one or both, at any time.
const KERNEL: Scenario = Scenario { requests: [false; 2], hands_over: [true, false], ..TLS13 };

/// The same by the letter of TLS 1.2: the peer's close_notify makes one due in the kernel.
const KERNEL_REPLY: Scenario =
    Scenario { data: [1, 0], troubles: 1, hands_over: [true, false], ..REPLY };

/// The kernel and KeyUpdates, without trouble: with it there would be 1,200,000 states.
const KERNEL_UPDATES: Scenario = Scenario { requests: [false, true], troubles: 0, ..KERNEL };

/// A client is suspended at any time and resumed, and the suspended connection is used all the same.
const SUSPENDED: Scenario = Scenario { suspends: [true, false], requests: [false; 2], ..TLS13 };

/// Everything that can be handed over, with KeyUpdates and trouble: for walks, too large to check.
const ALL_OF_IT: Scenario =
    Scenario { requests: [false, true], data: [1, 1], suspends: [true, false], ..KERNEL };

#[track_caller]
fn check(name: &str, scenario: Scenario, floor: usize) {
    let checker = scenario.checker().spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {states} states, {depth} deep");
    checker.assert_properties();
    assert!(states > floor, "the space collapsed");
}

#[test]
fn two_that_reply() {
    check("reply", REPLY, 240_000);
}

#[test]
fn two_that_half_close() {
    check("half-close", HALF_CLOSE, 90_000);
}

#[test]
fn one_that_replies_and_one_that_half_closes() {
    check("mixed", MIXED, 90_000);
}

#[test]
fn key_updates_around_the_end() {
    check("TLS 1.3", TLS13, 210_000);
}

#[test]
fn halves_that_the_kernel_has() {
    check("kernel", KERNEL, 150_000);
}

#[test]
fn halves_that_the_kernel_has_and_a_peer_that_replies() {
    check("kernel, reply", KERNEL_REPLY, 110_000);
}

#[test]
fn key_updates_in_the_kernel() {
    check("kernel, KeyUpdates", KERNEL_UPDATES, 57_000);
}

#[test]
fn a_connection_that_is_suspended_and_resumed() {
    check("suspended", SUSPENDED, 97_000);
}

/// Where a mistake is made that it matters to.
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

/// Random steps, the engine beside the model, until nothing can happen any more.
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
fn the_engine_does_what_the_model_does() {
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
fn beside_a_mistake_the_engine_does_something_else() {
    for (mistake, _) in Mistake::ALL {
        if !mistake.is_of_the_driver() {
            let walked = walks(vec![planted(mistake)], 0);
            assert!(matches!(walked, Err(TestError::Fail(..))), "{mistake:?}");
        }
    }
}
