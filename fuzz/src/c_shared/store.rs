//! A key store, which is called from the engine through pointers of C.

use std::cell::RefCell;
use std::ffi::c_void;
use std::mem;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use tls_record::aead::{Aead, NONCE_LEN};
use tls_record::{DirectionKeys, KeySchedule, TrafficSecret};
use tls_record_c as c;

use crate::checksum::{Checksum, ChecksumAead};
use crate::setup::Suite;

/// The secrets and keys, by their numbers.
pub(crate) struct Store {
    suite: Suite,
    // Where it is does not change when the world moves.
    inner: Box<RefCell<Inner>>,
    table: Box<c::KeyStore>,
}

#[derive(Default)]
struct Inner {
    secrets: Vec<Secret>,
    /// `None` if it was destroyed.
    keys: Vec<Option<ChecksumAead>>,
}

struct Secret {
    secret: TrafficSecret<Checksum>,
    /// Whether the engine has it, and has not destroyed it yet.
    is_given: bool,
}

impl Store {
    pub(crate) fn new(suite: Suite) -> Self {
        let inner = Box::<RefCell<Inner>>::default();
        let table = Box::new(c::KeyStore {
            context: (&raw const *inner).cast_mut().cast(),
            keys: Some(keys),
            update: Some(update),
            seal: Some(seal),
            open: Some(open),
            destroy_key: Some(destroy_key),
            destroy_secret: Some(destroy_secret),
            parts: std::ptr::null(),
        });
        Self { suite, inner, table }
    }

    /// Says in C which secret it is.
    pub(crate) fn secret(&self, number: usize, sequence: u64) -> c::Secret<'static> {
        // SAFETY: no bytes.
        let none = || unsafe { c::Bytes::new(std::ptr::null()) };
        c::Secret {
            secret: none(),
            secret_len: 0,
            iv: none(),
            iv_len: 0,
            store: &raw const *self.table,
            handle: number,
            sequence,
            suite: match self.suite {
                Suite::Tls13 | Suite::Tls13Pinned => 0x1301,
                Suite::Tls13Sha384 => 0x1302,
                Suite::Tls12Gcm | Suite::Tls12Pinned => 0xc02f,
                Suite::Tls12Chacha => 0xcca8,
            },
        }
    }

    /// Makes a secret, and returns its number.
    pub(crate) fn give(&self, seed: u8) -> usize {
        let secrets = &mut self.inner.borrow_mut().secrets;
        secrets.push(Secret { secret: self.suite.secret(seed), is_given: true });
        secrets.len() - 1
    }

    /// Returns the number of the last secret, to give it for the other direction, too. It is destroyed once.
    pub(crate) fn again(&self) -> usize {
        self.inner.borrow().secrets.len() - 1
    }

    /// The engine has not taken them.
    pub(crate) fn give_back(&self, numbers: &[usize]) {
        for number in numbers {
            let is_given = &mut self.inner.borrow_mut().secrets[*number].is_given;
            assert!(mem::take(is_given), "it was destroyed, and left to the caller");
        }
    }
    /// Checks that the engine has destroyed all that it was given.
    pub(crate) fn check_all_destroyed(&self) {
        let inner = self.inner.borrow();
        assert!(inner.secrets.iter().all(|secret| !secret.is_given), "a secret is left");
        assert!(inner.keys.iter().all(Option::is_none), "a key is left");
    }
}

/// Calls `call` with what a key store has, and returns what its functions return.
fn with(context: *mut c_void, call: impl FnOnce(&mut Inner) -> Option<()>) -> i32 {
    // SAFETY: `Store::new` has put it into the table.
    let inner = unsafe { &*context.cast::<RefCell<Inner>>() };
    i32::from(call(&mut inner.borrow_mut()).is_none())
}

unsafe extern "C" fn keys(
    context: *mut c_void,
    secret: usize,
    _: u16,
    key: *mut usize,
    iv: *mut u8,
) -> i32 {
    with(context, |inner| {
        let secret = &inner.secrets[secret];
        assert!(secret.is_given, "keys of a secret that was destroyed");
        let DirectionKeys { aead, iv: made } = secret.secret.keys().ok()?;
        // SAFETY: the engine gives the place of a key.
        unsafe { key.write(inner.keys.len()) };
        // SAFETY: and of an iv.
        unsafe { iv.copy_from(made.as_ptr(), NONCE_LEN) };
        inner.keys.push(Some(aead));
        Some(())
    })
}

unsafe extern "C" fn update(context: *mut c_void, secret: *mut usize, _: u16) -> i32 {
    with(context, |inner| {
        // SAFETY: the engine gives the place of a secret.
        let secret = &mut inner.secrets[unsafe { secret.read() }];
        assert!(secret.is_given, "an update of a secret that was destroyed");
        secret.secret.update().ok()
    })
}

unsafe extern "C" fn seal(
    context: *mut c_void,
    key: usize,
    nonce: *const u8,
    additional_data: *const u8,
    additional_data_len: usize,
    in_out: *mut u8,
    len: usize,
    tag: *mut u8,
    tag_len: usize,
) -> i32 {
    with(context, |inner| {
        let key = inner.keys[key].as_mut().expect("a key that was destroyed");
        // SAFETY: the engine gives 12 bytes.
        let nonce = unsafe { &*nonce.cast::<[u8; NONCE_LEN]>() };
        // SAFETY: the engine gives so many.
        let additional_data = unsafe { from_raw_parts(additional_data, additional_data_len) };
        // SAFETY: as above.
        let in_out = unsafe { from_raw_parts_mut(in_out, len) };
        // SAFETY: as above.
        let tag = unsafe { from_raw_parts_mut(tag, tag_len) };
        key.seal(nonce, additional_data, in_out, tag).ok()
    })
}

unsafe extern "C" fn open(
    context: *mut c_void,
    key: usize,
    nonce: *const u8,
    additional_data: *const u8,
    additional_data_len: usize,
    in_out: *mut u8,
    len: usize,
    tag: *const u8,
    tag_len: usize,
) -> i32 {
    with(context, |inner| {
        let key = inner.keys[key].as_mut().expect("a key that was destroyed");
        // SAFETY: the engine gives 12 bytes.
        let nonce = unsafe { &*nonce.cast::<[u8; NONCE_LEN]>() };
        // SAFETY: the engine gives so many.
        let additional_data = unsafe { from_raw_parts(additional_data, additional_data_len) };
        // SAFETY: as above.
        let in_out = unsafe { from_raw_parts_mut(in_out, len) };
        // SAFETY: as above.
        let tag = unsafe { from_raw_parts(tag, tag_len) };
        key.open(nonce, additional_data, in_out, tag).ok()
    })
}

unsafe extern "C" fn destroy_key(context: *mut c_void, key: usize) {
    with(context, |inner| inner.keys[key].take().map(drop).or_else(|| panic!("destroyed twice")));
}

unsafe extern "C" fn destroy_secret(context: *mut c_void, secret: usize) {
    with(context, |inner| {
        assert!(mem::take(&mut inner.secrets[secret].is_given), "destroyed twice");
        Some(())
    });
}
