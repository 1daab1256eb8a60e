//! Keys in hardware: a chip with tags of a configurable length, which fails on request and records
//! its inputs and the keys that it was told to erase.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tls_record::aead::{Aead, AeadError, NONCE_LEN};
use tls_record::{Config, DirectionKeys, Epoch, KeyError, KeySchedule, RecordLayer, Role, Version};
use zeroize::Zeroize;

/// A simulated chip.
pub struct Chip {
    /// Length of a tag, in bytes.
    pub tag_len: Cell<usize>,
    /// The number of records that it seals before it fails.
    pub seals: Cell<u32>,
    /// The number of keys that it makes before it fails.
    pub keys: Cell<u32>,
    /// The number of generations that it derives before it fails.
    pub updates: Cell<u32>,
    /// The number of schedules and keys that it was told to erase.
    pub forgotten: Cell<(u32, u32)>,
    /// The nonces and the additional data that it has received.
    pub given: RefCell<Vec<([u8; NONCE_LEN], Vec<u8>)>>,
}

impl Chip {
    /// Returns a chip with tags of 16 bytes that does not fail.
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            tag_len: Cell::new(16),
            seals: Cell::new(u32::MAX),
            keys: Cell::new(u32::MAX),
            updates: Cell::new(u32::MAX),
            forgotten: Cell::default(),
            given: RefCell::default(),
        })
    }

    /// Returns the handle of a secret, which stays in the chip.
    pub fn slot(self: &Rc<Self>) -> Slot {
        self.slot_of(Version::Tls13)
    }

    /// [`slot`](Self::slot) for either version.
    pub fn slot_of(self: &Rc<Self>, version: Version) -> Slot {
        Slot { chip: Rc::clone(self), version }
    }

    /// A connection with ourselves.
    pub fn layer(self: &Rc<Self>) -> RecordLayer<Slot> {
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        layer.install(Epoch::Application, self.slot(), self.slot()).unwrap();
        layer
    }

    fn forget(&self, schedules: u32, keys: u32) {
        let (all_schedules, all_keys) = self.forgotten.get();
        self.forgotten.set((all_schedules + schedules, all_keys + keys));
    }
}

/// Takes one of what is left.
fn spend(left: &Cell<u32>) -> Option<()> {
    left.set(left.get().checked_sub(1)?);
    Some(())
}

/// The handle of a secret.
pub struct Slot {
    chip: Rc<Chip>,
    version: Version,
}

impl Zeroize for Slot {
    fn zeroize(&mut self) {
        self.chip.forget(1, 0);
    }
}

impl KeySchedule for Slot {
    type Aead = Key;

    fn version(&self) -> Version {
        self.version
    }

    fn keys(&self) -> Result<DirectionKeys<Key>, KeyError> {
        spend(&self.chip.keys).ok_or(KeyError::Crypto)?;
        Ok(DirectionKeys { aead: Key(Rc::clone(&self.chip)), iv: IV })
    }

    fn is_same_secret(&self, _: &Self) -> bool {
        false // Each slot holds another secret.
    }

    fn update(&mut self) -> Result<(), KeyError> {
        spend(&self.chip.updates).ok_or(KeyError::Crypto)
    }
}

const IV: [u8; NONCE_LEN] = [0xf0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// The handle of a key. It leaves the content unencrypted, and its tags are zeros.
pub struct Key(Rc<Chip>);

impl Zeroize for Key {
    fn zeroize(&mut self) {
        self.0.forget(0, 1);
    }
}

impl Aead for Key {
    fn tag_len(&self) -> usize {
        self.0.tag_len.get()
    }

    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }

    fn has_explicit_nonce(&self) -> bool {
        false
    }

    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        _: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        self.0.given.borrow_mut().push((*nonce, additional_data.to_vec()));
        assert_eq!(tag.len(), self.tag_len());
        tag.fill(0);
        spend(&self.0.seals).ok_or(AeadError)
    }

    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        _: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        self.0.given.borrow_mut().push((*nonce, additional_data.to_vec()));
        assert_eq!(tag.len(), self.tag_len());
        if tag.iter().all(|&byte| byte == 0) { Ok(()) } else { Err(AeadError) }
    }
}
