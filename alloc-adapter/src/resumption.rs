//! Which sessions a connection leaves behind for later ones, to forget them if it fails.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use rustls::HandshakeKind;
use rustls::client::ClientSessionStore;
use rustls::pki_types::ServerName;
use rustls::server::StoresServerSessions;
use tls_record::Version;

use crate::capture::Slot;
use crate::established::Info;

/// The longest key of a session, in bytes: a session id of TLS 1.2, or what rustls makes up.
const MAX_KEY: usize = 32;

/// What may resume the session of a connection later.
///
/// A session must not be resumed after a fatal alert in TLS 1.2 (RFC 5246 section 7.2.2), and should
/// not be in TLS 1.3 (RFC 9846 section 6.2), whoever sent the alert. The streams see to it by
/// themselves; whoever drives the engine calls [`forget`](Self::forget).
///
/// What is forgotten on a server is what its session storage holds of this connection. Tickets of a
/// ticketer are in the hands of the client alone, and cannot be taken back. On a client it is what
/// [`Handshake::session_store`](crate::Handshake::session_store) was told of: without it, nothing.
pub struct Resumption(Sessions);

enum Sessions {
    None,
    Client { store: Arc<dyn ClientSessionStore>, name: ServerName<'static>, version: Version },
    Server { storage: Arc<dyn StoresServerSessions>, keys: Vec<Vec<u8>> },
}

impl Resumption {
    pub(crate) fn client(store: Option<Arc<dyn ClientSessionStore>>, info: &Info) -> Self {
        Self(match (store, &info.server_name) {
            (Some(store), Some(name)) => {
                Sessions::Client { store, name: name.clone(), version: info.version }
            }
            _ => Sessions::None,
        })
    }

    pub(crate) fn server(recorder: &Recorder, info: &Info) -> Self {
        let resumed = recorder.resumed.take().filter(|_| info.kind == HandshakeKind::Resumed);
        let stored = recorder.stored.iter().filter_map(Slot::take);
        let keys = stored.chain(resumed).map(|key| key.to_vec()).collect();
        Self(Sessions::Server { storage: recorder.storage.clone(), keys })
    }

    /// Takes the sessions out of their store: call it when the connection ended in a fatal alert of
    /// either side. Only the first call has an effect.
    ///
    /// A client forgets the TLS 1.2 session with this server, or all its TLS 1.3 tickets: a store does
    /// not tell which of them belong to which connection.
    pub fn forget(&mut self) {
        match core::mem::replace(&mut self.0, Sessions::None) {
            Sessions::None => {}
            Sessions::Client { store, name, version: Version::Tls12 } => {
                store.remove_tls12_session(&name);
            }
            Sessions::Client { store, name, version: Version::Tls13 } => {
                while store.take_tls13_ticket(&name).is_some() {}
            }
            Sessions::Server { storage, keys } => {
                for key in keys {
                    let _ = storage.take(&key);
                }
            }
        }
    }
}

impl core::fmt::Debug for Resumption {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Resumption(redacted)")
    }
}

/// Stands in for the session storage of a server's config, and remembers the keys that one connection
/// used.
pub(crate) struct Recorder {
    storage: Arc<dyn StoresServerSessions>,
    /// The keys of what was stored: a session of TLS 1.2, or one for each ticket.
    stored: Vec<Slot<MAX_KEY>>,
    count: AtomicUsize,
    /// The key of the session that was found last. Clients may ask for one that is not theirs.
    resumed: Slot<MAX_KEY>,
}

impl Recorder {
    pub(crate) fn new(storage: Arc<dyn StoresServerSessions>, tickets: usize) -> Self {
        Self {
            storage,
            stored: (0..tickets.max(1)).map(|_| Slot::new()).collect(),
            count: AtomicUsize::new(0),
            resumed: Slot::new(),
        }
    }
}

impl StoresServerSessions for Recorder {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let index = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = self.stored.get(index) {
            slot.put(&key);
        }
        self.storage.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let value = self.storage.get(key)?;
        self.resumed.put(key);
        Some(value)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.storage.take(key)
    }

    fn can_cache(&self) -> bool {
        self.storage.can_cache()
    }
}

impl core::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.storage.fmt(f)
    }
}
