//! The steps in which a cipher opens a record in parts, and what follows if one of them fails.

use std::cell::{Cell, RefCell};

use tls_record::aead::{AeadError, Algorithm, null::Null};
use tls_record::{Arrival, Config, Epoch, Fault, OpenError, Opener, ReadEnd, Role, TrafficSecret};
use tls_record_tests::records::{DATA, Hand, Suite};
use tls_record_tests::watched::Call::{self, *};
use tls_record_tests::watched::{Watch, Watched};

thread_local! {
    static STEPS: RefCell<Vec<Call>> = RefCell::default();
    static FAILING: Cell<Option<Call>> = const { Cell::new(None) };
}

/// Notes the steps of the null cipher, and lets the chosen one fail.
enum Noting {}

impl Watch for Noting {
    type Inner = Null;

    fn before(call: Call, _: &[u8]) -> Result<(), AeadError> {
        STEPS.with_borrow_mut(|steps| steps.push(call));
        if FAILING.get() == Some(call) { Err(AeadError) } else { Ok(()) }
    }
}

/// A receiver whose cipher fails in the step `failing`, and a record with 600 bytes.
fn receiver(failing: Option<Call>) -> (Opener<TrafficSecret<Watched<Noting>>>, Vec<u8>) {
    let mut opener = Opener::new(Config::new(Role::Client));
    let secret = TrafficSecret::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    opener.install(Epoch::Application, secret).unwrap();
    STEPS.take();
    FAILING.set(failing);
    (opener, Hand::new(Suite::Tls13, 7).seal(DATA, &[9; 600]))
}

fn in_pieces(failing: Option<Call>) -> (Option<OpenError>, ReadEnd) {
    let (mut opener, mut record) = receiver(failing);
    let (front, back) = record.split_at_mut(300);
    let error = opener.open_pieces(&mut [front, back]).err();
    if failing == Some(Decrypt) {
        assert_eq!(record[5..605], [0; 600], "what may be plaintext is overwritten");
    }
    (error, opener.end())
}

fn arriving(failing: Option<Call>) -> (Option<OpenError>, ReadEnd) {
    let (mut opener, mut record) = receiver(failing);
    let mut at = 0;
    while at < record.len() {
        let end = record.len().min(at + 400);
        let before = record[at..end].to_vec();
        match opener.open_arriving(&mut record[at..end], 400) {
            Ok(arrived) => {
                assert!(!matches!(arrived.event, Arrival::Record(_)));
                at += arrived.consumed;
            }
            Err(error) => {
                if failing == Some(Update) {
                    assert_ne!(record[at..end], before, "what a failed step left is overwritten");
                }
                return (Some(error), opener.end());
            }
        }
    }
    (None, opener.end())
}

#[test]
fn pieces_are_all_authenticated_before_one_is_decrypted() {
    assert_eq!(in_pieces(None), (None, ReadEnd::Open));
    let steps = [Begin, Authenticate, Authenticate, Verify, Decrypt, Decrypt, End];
    assert_eq!(STEPS.take(), steps);
}

#[test]
fn a_record_that_arrives_is_decrypted_in_one_pass() {
    assert_eq!(arriving(None), (None, ReadEnd::Open));
    assert_eq!(STEPS.take(), [Begin, Update, Update, Verify, End]);
}

#[test]
fn a_record_that_fits_is_opened_in_one_piece() {
    let (mut opener, mut record) = receiver(None);
    let capacity = record.len();
    opener.open_arriving(&mut record, capacity).unwrap();
    assert_eq!(STEPS.take(), [Open]);
}

#[test]
fn a_step_that_fails_is_the_same_fault_as_a_wrong_tag() {
    let fault = Fault::BadRecordMac;
    let failed = (Some(OpenError::Fault(fault)), ReadEnd::Fault(fault));
    // What has begun, or tried to, ends: an accelerator may wait for it.
    let is_ended = || STEPS.take().iter().filter(|step| **step == End).count() == 1;
    for failing in [Begin, Authenticate, Verify] {
        assert_eq!(in_pieces(Some(failing)), failed, "{failing:?}");
        assert!(is_ended(), "{failing:?}");
    }
    for failing in [Begin, Update, Verify] {
        assert_eq!(arriving(Some(failing)), failed, "{failing:?}");
        assert!(is_ended(), "{failing:?}");
    }
}

/// The tag was right: it is not the peer that has failed.
#[test]
fn a_cipher_that_fails_behind_the_tag_is_a_fault_of_this_end() {
    let failed = (Some(OpenError::Fault(Fault::Crypto)), ReadEnd::Fault(Fault::Crypto));
    assert_eq!(in_pieces(Some(Decrypt)), failed);
    assert_eq!(STEPS.take().iter().filter(|step| **step == End).count(), 1);
}
