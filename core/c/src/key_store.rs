//! Keys that stay in a key store: a table of C functions.

use core::cell::Cell;
use core::ffi::c_void;

use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN};
use tls_record::{DirectionKeys, KeyError, KeySchedule, Version};
use zeroize::Zeroize;

/// `tlsr_key_store`. The functions return 0, or another number if they failed.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct KeyStore {
    pub context: *mut c_void,
    pub keys: Option<unsafe extern "C" fn(*mut c_void, usize, u16, *mut usize, *mut u8) -> i32>,
    pub update: Option<unsafe extern "C" fn(*mut c_void, *mut usize, u16) -> i32>,
    pub seal: Option<
        unsafe extern "C" fn(
            *mut c_void,
            usize,
            *const u8,
            *const u8,
            usize,
            *mut u8,
            usize,
            *mut u8,
            usize,
        ) -> i32,
    >,
    pub open: Option<
        unsafe extern "C" fn(
            *mut c_void,
            usize,
            *const u8,
            *const u8,
            usize,
            *mut u8,
            usize,
            *const u8,
            usize,
        ) -> i32,
    >,
    pub destroy_key: Option<unsafe extern "C" fn(*mut c_void, usize)>,
    pub destroy_secret: Option<unsafe extern "C" fn(*mut c_void, usize)>,
    pub parts: *const KeyStoreParts,
}

/// `tlsr_key_store_parts`. The functions return 0, or another number if they failed.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct KeyStoreParts {
    pub begin:
        Option<unsafe extern "C" fn(*mut c_void, usize, *const u8, *const u8, usize, usize) -> i32>,
    pub authenticate: Option<unsafe extern "C" fn(*mut c_void, usize, *const u8, usize) -> i32>,
    pub decrypt: Option<unsafe extern "C" fn(*mut c_void, usize, *mut u8, usize) -> i32>,
    pub update: Option<unsafe extern "C" fn(*mut c_void, usize, *mut u8, usize) -> i32>,
    pub verify: Option<unsafe extern "C" fn(*mut c_void, usize, *const u8, usize) -> i32>,
    pub end: Option<unsafe extern "C" fn(*mut c_void, usize)>,
}

/// A pointer to a table, which the caller keeps for as long as a connection uses it.
#[derive(Clone, Copy, PartialEq)]
struct Store(*const KeyStore);

impl Store {
    fn table(&self) -> &KeyStore {
        // SAFETY: `StoredSecret::new` refuses null and misaligned pointers, and its caller keeps the table.
        unsafe { &*self.0 }
    }
}

/// The secret of one direction, which the store knows by a number.
pub(crate) struct StoredSecret {
    store: Store,
    secret: usize,
    suite: u16,
    version: Version,
    algorithm: Algorithm,
    /// Whether the number is destroyed with this value. Not after it was, or if it belongs to another one.
    is_owner: Cell<bool>,
}

impl StoredSecret {
    /// # Errors
    /// `None` if the pointer is null or misaligned, or a function is missing.
    ///
    /// # Safety
    /// The table stays where it is, and unchanged, until the secret and its keys are destroyed.
    pub(crate) unsafe fn new(
        table: *const KeyStore,
        secret: usize,
        suite: u16,
        version: Version,
        algorithm: Algorithm,
    ) -> Option<Self> {
        if table.is_null() || !table.is_aligned() {
            return None;
        }
        let store = Store(table);
        let KeyStore {
            context: _,
            parts: _,
            keys,
            update,
            seal,
            open,
            destroy_key,
            destroy_secret,
        } = store.table();
        let is_complete = keys.is_some()
            && update.is_some()
            && seal.is_some()
            && open.is_some()
            && destroy_key.is_some()
            && destroy_secret.is_some();
        // Not made before that is known: dropping it destroys the secret, which stays the caller's.
        is_complete.then(|| Self {
            store,
            secret,
            suite,
            version,
            algorithm,
            is_owner: Cell::new(true),
        })
    }

    /// Leaves the secret to the caller: it is not destroyed.
    pub(crate) fn give_back(&self) {
        self.is_owner.set(false);
    }
}

impl KeySchedule for StoredSecret {
    type Aead = StoredKey;

    fn version(&self) -> Version {
        self.version
    }

    fn keys(&self) -> Result<DirectionKeys<StoredKey>, KeyError> {
        let table = self.store.table();
        let keys = table.keys.ok_or(KeyError::Crypto)?;
        let mut key = 0;
        let mut iv = [0; NONCE_LEN];
        // SAFETY: a function of the caller, with what the header promises it.
        let failed =
            unsafe { keys(table.context, self.secret, self.suite, &mut key, iv.as_mut_ptr()) };
        if failed != 0 {
            return Err(KeyError::Crypto);
        }
        let aead = StoredKey {
            store: self.store,
            key,
            algorithm: self.algorithm,
            is_destroyed: false,
            #[cfg(feature = "long-records")]
            is_opening: false,
        };
        Ok(DirectionKeys { aead, iv })
    }

    /// The engine drops `other` if it is the same, because it has `self` already or will drop it, too. The
    /// number is destroyed with `self` alone.
    fn is_same_secret(&self, other: &Self) -> bool {
        let is_same = self.store == other.store && self.secret == other.secret;
        if is_same {
            other.give_back();
        }
        is_same
    }

    fn update(&mut self) -> Result<(), KeyError> {
        if self.version == Version::Tls12 {
            return Err(KeyError::NoUpdate);
        }
        let table = self.store.table();
        let update = table.update.ok_or(KeyError::Crypto)?;
        // SAFETY: a function of the caller, with what the header promises it.
        let failed = unsafe { update(table.context, &mut self.secret, self.suite) };
        if failed == 0 { Ok(()) } else { Err(KeyError::Crypto) }
    }
}

impl Zeroize for StoredSecret {
    #[inline(never)]
    fn zeroize(&mut self) {
        let table = self.store.table();
        if let Some(destroy) = table.destroy_secret.filter(|_| self.is_owner.replace(false)) {
            // SAFETY: a function of the caller, called once for each secret.
            unsafe { destroy(table.context, self.secret) };
        }
    }
}

impl Drop for StoredSecret {
    fn drop(&mut self) {
        self.zeroize();
    }
}

/// A key of one generation, which the store knows by a number.
pub(crate) struct StoredKey {
    store: Store,
    key: usize,
    algorithm: Algorithm,
    is_destroyed: bool,
    /// Whether a record in parts was begun, and not ended.
    #[cfg(feature = "long-records")]
    is_opening: bool,
}

impl Aead for StoredKey {
    fn tag_len(&self) -> usize {
        self.algorithm.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.algorithm.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.algorithm.has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        let table = self.store.table();
        let seal = table.seal.ok_or(AeadError)?;
        // SAFETY: a function of the caller, with what the header promises it. It may write the tag through
        // either pointer: nothing here uses it.
        let failed = unsafe {
            seal(
                table.context,
                self.key,
                nonce.as_ptr(),
                additional_data.as_ptr(),
                additional_data.len(),
                in_out.as_mut_ptr(),
                in_out.len(),
                tag.as_mut_ptr(),
                tag.len(),
            )
        };
        succeeded(failed)
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        let table = self.store.table();
        let open = table.open.ok_or(AeadError)?;
        // SAFETY: a function of the caller, with what the header promises it.
        let failed = unsafe {
            open(
                table.context,
                self.key,
                nonce.as_ptr(),
                additional_data.as_ptr(),
                additional_data.len(),
                in_out.as_mut_ptr(),
                in_out.len(),
                tag.as_ptr(),
                tag.len(),
            )
        };
        succeeded(failed)
    }
}

impl Zeroize for StoredKey {
    #[inline(never)]
    fn zeroize(&mut self) {
        #[cfg(feature = "long-records")]
        tls_record::aead::multi_part::MultiPart::end(self);
        let table = self.store.table();
        if let Some(destroy) = table.destroy_key.filter(|_| !self.is_destroyed) {
            self.is_destroyed = true;
            // SAFETY: a function of the caller, called once for each key.
            unsafe { destroy(table.context, self.key) };
        }
    }
}

impl Drop for StoredKey {
    fn drop(&mut self) {
        self.zeroize();
    }
}

/// A function that is missing fails as one that returns an error.
#[cfg(feature = "long-records")]
impl StoredKey {
    fn parts(&self) -> Result<&KeyStoreParts, AeadError> {
        let parts = self.store.table().parts;
        if parts.is_null() || !parts.is_aligned() {
            return Err(AeadError);
        }
        // SAFETY: the caller keeps it as long as the table.
        Ok(unsafe { &*parts })
    }
}

#[cfg(feature = "long-records")]
impl tls_record::aead::multi_part::MultiPart for StoredKey {
    fn begin(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        len: usize,
    ) -> Result<(), AeadError> {
        let begin = self.parts()?.begin.ok_or(AeadError)?;
        let context = self.store.table().context;
        let (data, data_len) = (additional_data.as_ptr(), additional_data.len());
        self.is_opening = true;
        // SAFETY: a function of the caller, with what the header promises it.
        succeeded(unsafe { begin(context, self.key, nonce.as_ptr(), data, data_len, len) })
    }

    fn authenticate(&mut self, ciphertext: &[u8]) -> Result<(), AeadError> {
        let authenticate = self.parts()?.authenticate.ok_or(AeadError)?;
        let context = self.store.table().context;
        // SAFETY: as above.
        succeeded(unsafe { authenticate(context, self.key, ciphertext.as_ptr(), ciphertext.len()) })
    }

    fn decrypt(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let decrypt = self.parts()?.decrypt.ok_or(AeadError)?;
        let context = self.store.table().context;
        // SAFETY: as above.
        succeeded(unsafe { decrypt(context, self.key, in_out.as_mut_ptr(), in_out.len()) })
    }

    fn update(&mut self, in_out: &mut [u8]) -> Result<(), AeadError> {
        let update = self.parts()?.update.ok_or(AeadError)?;
        let context = self.store.table().context;
        // SAFETY: as above.
        succeeded(unsafe { update(context, self.key, in_out.as_mut_ptr(), in_out.len()) })
    }

    fn verify(&mut self, tag: &[u8]) -> Result<(), AeadError> {
        let verify = self.parts()?.verify.ok_or(AeadError)?;
        let context = self.store.table().context;
        // SAFETY: as above.
        succeeded(unsafe { verify(context, self.key, tag.as_ptr(), tag.len()) })
    }

    /// Once for each `begin`: also when the key is destroyed within a record.
    fn end(&mut self) {
        if !core::mem::take(&mut self.is_opening) {
            return;
        }
        if let Ok(Some(end)) = self.parts().map(|parts| parts.end) {
            let context = self.store.table().context;
            // SAFETY: as above.
            unsafe { end(context, self.key) };
        }
    }
}

const fn succeeded(failed: i32) -> Result<(), AeadError> {
    if failed == 0 { Ok(()) } else { Err(AeadError) }
}
