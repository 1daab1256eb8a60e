//! The steps in which a cipher opens a record in parts, and what follows if one of them fails.

use std::cell::{Cell, RefCell};

use tls_record::aead::null::{Null, NullAead};
use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider, multi_part::MultiPart};
use tls_record::{Arrival, Config, Epoch, Fault, OpenError, Opener, ReadEnd, Role, TrafficSecret};
use tls_record_tests::records::{DATA, Hand, Suite};
use zeroize::Zeroize;

thread_local! {
    static STEPS: RefCell<Vec<&'static str>> = RefCell::default();
    static FAILING: Cell<&'static str> = const { Cell::new("") };
}

/// Notes a step, which fails if it is the chosen one.
fn step(name: &'static str) -> Result<(), AeadError> {
    STEPS.with_borrow_mut(|steps| steps.push(name));
    if FAILING.get() == name { Err(AeadError) } else { Ok(()) }
}

/// The null cipher, whose steps are noted.
struct Noted(NullAead);

impl Zeroize for Noted {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Aead for Noted {
    fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.0.has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        self.0.seal(nonce, additional_data, in_out, tag)
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        step("open")?;
        self.0.open(nonce, additional_data, in_out, tag)
    }
}

impl MultiPart for Noted {
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        step("begin")?;
        self.0.begin(nonce, additional_data, len)
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        step("authenticate")?;
        self.0.authenticate(ciphertext)
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        step("decrypt")?;
        self.0.decrypt(in_out)
    }

    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        step("update")?;
        self.0.update(in_out)
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        step("verify")?;
        self.0.verify(tag)
    }

    fn end(&mut self) {
        let _ = step("end");
        self.0.end();
    }
}

struct Noting;

impl Provider for Noting {
    type Aead = Noted;

    const STACK: usize = 0;

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Noted> {
        Null::aead(algorithm, key).map(Noted)
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        Null::hkdf_expand(algorithm, prk, info, out)
    }
}

/// A receiver whose cipher fails in the step `failing`, and a record with 600 bytes.
fn receiver(failing: &'static str) -> (Opener<TrafficSecret<Noting>>, Vec<u8>) {
    let mut opener = Opener::new(Config::new(Role::Client));
    let secret = TrafficSecret::tls13(Algorithm::Aes128Gcm, &[7; 32]).unwrap();
    opener.install(Epoch::Application, secret).unwrap();
    STEPS.take();
    FAILING.set(failing);
    (opener, Hand::new(Suite::Tls13, 7).seal(DATA, &[9; 600]))
}

fn in_pieces(failing: &'static str) -> (Option<OpenError>, ReadEnd) {
    let (mut opener, mut record) = receiver(failing);
    let (front, back) = record.split_at_mut(300);
    let error = opener.open_pieces(&mut [front, back]).err();
    (error, opener.end())
}

fn arriving(failing: &'static str) -> (Option<OpenError>, ReadEnd) {
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
                if failing == "update" {
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
    assert_eq!(in_pieces(""), (None, ReadEnd::Open));
    let steps = ["begin", "authenticate", "authenticate", "verify", "decrypt", "decrypt", "end"];
    assert_eq!(STEPS.take(), steps);
}

#[test]
fn a_record_that_arrives_is_decrypted_in_one_pass() {
    assert_eq!(arriving(""), (None, ReadEnd::Open));
    assert_eq!(STEPS.take(), ["begin", "update", "update", "verify", "end"]);
}

#[test]
fn a_record_that_fits_is_opened_in_one_piece() {
    let (mut opener, mut record) = receiver("");
    let capacity = record.len();
    opener.open_arriving(&mut record, capacity).unwrap();
    assert_eq!(STEPS.take(), ["open"]);
}

#[test]
fn a_step_that_fails_is_the_same_fault_as_a_wrong_tag() {
    let fault = Fault::BadRecordMac;
    let failed = (Some(OpenError::Fault(fault)), ReadEnd::Fault(fault));
    for failing in ["begin", "authenticate", "verify", "decrypt"] {
        assert_eq!(in_pieces(failing), failed, "{failing}");
    }
    for failing in ["begin", "update", "verify"] {
        assert_eq!(arriving(failing), failed, "{failing}");
    }
}
