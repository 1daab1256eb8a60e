//! Removes the stored sessions of a connection that failed, so that they are not resumed.

#[cfg(feature = "takeover")]
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "std")]
use std::sync::Mutex;

use rustls::HandshakeKind;
use rustls::client::ClientSessionStore;
use rustls::pki_types::ServerName;
use rustls::server::StoresServerSessions;
use tls_record::Version;

use crate::capture::Slot;
use crate::established::Info;

/// The longest key of a stored session, in bytes: a TLS 1.2 session id, or a key made by rustls.
const MAX_KEY: usize = 32;

/// The stored sessions of a connection, to be removed if it fails.
///
/// After a fatal alert of either side, a session must not be resumed in TLS 1.2 (RFC 5246 section
/// 7.2.2) and should not be in TLS 1.3 (RFC 9846 section 6.2). The streams ensure this themselves.
/// A caller that drives the engine calls [`forget`](Self::forget).
///
/// On a server this removes the sessions of this connection from the session storage. Tickets made
/// by a ticketer are stored only by the client and cannot be revoked. On a client it removes
/// sessions from the store that was passed to
/// [`Handshake::session_store`](crate::Handshake::session_store), and does nothing if none was.
pub struct Resumption(Sessions);

enum Sessions {
    None,
    Client {
        store: Arc<dyn ClientSessionStore>,
        name: ServerName<'static>,
        version: Version,
    },
    Server {
        storage: Arc<dyn StoresServerSessions>,
        keys: Vec<Vec<u8>>,
    },
    #[cfg(feature = "takeover")]
    Library(Box<dyn FnOnce() + Send + Sync>),
    /// The sessions of a split stream, which either half may remove.
    #[cfg(feature = "std")]
    Shared(Arc<Mutex<Self>>),
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

    /// Takes what removes the session of another library than rustls.
    #[cfg(feature = "takeover")]
    pub(crate) fn by(forget: Option<Box<dyn FnOnce() + Send + Sync>>) -> Self {
        Self(forget.map_or(Sessions::None, Sessions::Library))
    }

    pub(crate) fn server(recorder: &Recorder, info: &Info) -> Self {
        let resumed = recorder.resumed.take().filter(|_| info.kind == HandshakeKind::Resumed);
        let stored = recorder.stored.iter().filter_map(Slot::take);
        let keys = stored.chain(resumed).map(|key| key.to_vec()).collect();
        Self(Sessions::Server { storage: recorder.storage.clone(), keys })
    }

    /// Returns the same sessions for the other half of a split stream.
    #[cfg(feature = "std")]
    pub(crate) fn share(&mut self) -> Self {
        let shared = match core::mem::replace(&mut self.0, Sessions::None) {
            Sessions::Shared(shared) => shared,
            sessions => Arc::new(Mutex::new(sessions)),
        };
        self.0 = Sessions::Shared(shared.clone());
        Self(Sessions::Shared(shared))
    }

    /// Removes the sessions from their store. Call it after a fatal alert of either side.
    ///
    /// Only the first call has an effect. A client removes the TLS 1.2 session with this server or
    /// all TLS 1.3 tickets for it, because a store does not tell which ticket belongs to which
    /// connection.
    pub fn forget(&mut self) {
        match core::mem::replace(&mut self.0, Sessions::None) {
            Sessions::None => {}
            Sessions::Client { store, name, version: Version::Tls12 } => {
                store.remove_tls12_session(&name);
            }
            Sessions::Client { store, name, version: Version::Tls13 } => {
                while store.take_tls13_ticket(&name).is_some() {}
            }
            #[cfg(feature = "takeover")]
            Sessions::Library(forget) => forget(),
            #[cfg(feature = "std")]
            Sessions::Shared(shared) => {
                // It does not wait: while the lock is held, the other half takes the sessions.
                let taken = shared
                    .try_lock()
                    .map(|mut sessions| core::mem::replace(&mut *sessions, Sessions::None));
                if let Ok(sessions) = taken {
                    Self(sessions).forget();
                }
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

/// Wraps the session storage of a server's config: forwards every call and records the keys that one
/// connection used.
pub(crate) struct Recorder {
    storage: Arc<dyn StoresServerSessions>,
    /// The keys that were stored: one for a TLS 1.2 session, or one for each TLS 1.3 ticket.
    stored: Vec<Slot<MAX_KEY>>,
    count: AtomicUsize,
    /// The key of the session that was found last. It counts only if the handshake resumed: a
    /// client may ask for a session that is not its own.
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
