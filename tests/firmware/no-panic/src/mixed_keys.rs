//! Keys that are a secret in memory or in a key store. The optimizer cannot know which.

use core::hint::black_box as any;

use stub::{Key, KeyStore, Library};
use tls_record::{DirectionKeys, Extractable, KeyError, KeySchedule, TrafficSecret, Version};
use zeroize::Zeroize;

pub(crate) enum MixedKeys {
    Secret(TrafficSecret<Library>),
    Store(KeyStore),
}

impl From<TrafficSecret<Library>> for MixedKeys {
    fn from(secret: TrafficSecret<Library>) -> Self {
        Self::Secret(secret)
    }
}

impl Extractable for MixedKeys {
    type Provider = Library;

    fn traffic_secret(&self) -> Option<&TrafficSecret<Library>> {
        match any(self) {
            Self::Secret(secret) => Some(secret),
            Self::Store(_) => None,
        }
    }
}

impl Zeroize for MixedKeys {
    fn zeroize(&mut self) {
        match any(self) {
            Self::Secret(secret) => secret.zeroize(),
            Self::Store(store) => store.zeroize(),
        }
    }
}

impl KeySchedule for MixedKeys {
    type Aead = Key;

    const STACK: usize = <TrafficSecret<Library> as KeySchedule>::STACK;

    fn version(&self) -> Version {
        match any(self) {
            Self::Secret(secret) => secret.version(),
            Self::Store(store) => store.version(),
        }
    }

    fn keys(&self) -> Result<DirectionKeys<Key>, KeyError> {
        match any(self) {
            Self::Secret(secret) => secret.keys(),
            Self::Store(store) => store.keys(),
        }
    }

    fn is_same_secret(&self, other: &Self) -> bool {
        match any((self, other)) {
            (Self::Secret(one), Self::Secret(other)) => one.is_same_secret(other),
            (Self::Store(one), Self::Store(other)) => one.is_same_secret(other),
            _ => false,
        }
    }

    fn update(&mut self) -> Result<(), KeyError> {
        match any(self) {
            Self::Secret(secret) => secret.update(),
            Self::Store(store) => store.update(),
        }
    }
}
