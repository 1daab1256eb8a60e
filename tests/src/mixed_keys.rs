//! Keys that are a secret in memory, or a handle of a key store that never gives its secrets away.

use std::cell::RefCell;
use std::rc::Rc;

use tls_record::aead::Provider;
use tls_record::{DirectionKeys, Extractable, KeyError, KeySchedule, TrafficSecret, Version};
use zeroize::Zeroize;

/// The keys of one direction.
pub enum MixedKeys<P: Provider> {
    /// In memory.
    Secret(TrafficSecret<P>),
    /// In a key store.
    Store(Handle<P>),
}

/// The handle of a secret in a simulated key store, which derives the keys of each generation.
pub struct Handle<P>(Rc<RefCell<TrafficSecret<P>>>);

impl<P: Provider> MixedKeys<P> {
    /// Moves the secret into a key store, and returns its handle.
    pub fn store(secret: TrafficSecret<P>) -> Self {
        Self::Store(Handle(Rc::new(RefCell::new(secret))))
    }
}

impl<P: Provider> From<TrafficSecret<P>> for MixedKeys<P> {
    fn from(secret: TrafficSecret<P>) -> Self {
        Self::Secret(secret)
    }
}

impl<P: Provider> Extractable for MixedKeys<P> {
    type Provider = P;

    fn traffic_secret(&self) -> Option<&TrafficSecret<P>> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::Store(_) => None,
        }
    }
}

impl<P: Provider> KeySchedule for MixedKeys<P> {
    type Aead = P::Aead;

    const STACK: usize = P::STACK;

    fn version(&self) -> Version {
        match self {
            Self::Secret(secret) => secret.version(),
            Self::Store(Handle(secret)) => secret.borrow().version(),
        }
    }

    fn keys(&self) -> Result<DirectionKeys<P::Aead>, KeyError> {
        match self {
            Self::Secret(secret) => secret.keys(),
            Self::Store(Handle(secret)) => secret.borrow().keys(),
        }
    }

    fn is_same_secret(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(one), Self::Secret(other)) => one.is_same_secret(other),
            (Self::Store(Handle(one)), Self::Store(Handle(other))) => Rc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn update(&mut self) -> Result<(), KeyError> {
        match self {
            Self::Secret(secret) => secret.update(),
            Self::Store(Handle(secret)) => secret.borrow_mut().update(),
        }
    }
}

impl<P: Provider> Zeroize for MixedKeys<P> {
    fn zeroize(&mut self) {
        match self {
            Self::Secret(secret) => secret.zeroize(),
            Self::Store(Handle(secret)) => secret.borrow_mut().zeroize(),
        }
    }
}
