//! A peer over OpenSSL.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    mem,
    sync::LazyLock,
};

use openssl::{
    error::ErrorStack,
    ex_data::Index,
    pkey::PKey,
    ssl::{
        ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions,
        SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
    },
    x509::{X509, store::X509StoreBuilder},
};
use tls_record_alloc::takeover::Openssl;

use super::{
    Extras, Group, Negotiated, Peer, PeerEnd, Role, SERVER_NAME, Setup, Suite, Version, identity,
};

/// What OpenSSL peers of one [`Setup`] have in common.
///
/// A server resumes the sessions only of servers that share its context, for this holds the keys
/// of the tickets.
#[derive(Clone)]
pub struct OpensslContext {
    setup: Setup,
    context: SslContext,
}

impl OpensslContext {
    /// A new context, with ticket keys of its own.
    pub fn new(setup: &Setup) -> Self {
        Self::with(setup, &Extras::default())
    }

    /// A new context with options. It never accepts early data, and never sends any.
    pub fn with(setup: &Setup, extras: &Extras) -> Self {
        Self {
            setup: *setup,
            context: new_context(setup, extras).expect("OpenSSL takes the configuration"),
        }
    }

    /// A new peer, which makes a full handshake if it is a client.
    pub fn peer(&self) -> OpensslPeer {
        OpensslPeer::over(self.ssl())
    }

    /// A new connection that is not a peer yet, for the adapter to take over.
    pub fn ssl(&self) -> Ssl {
        self.new_ssl().expect("OpenSSL makes a connection")
    }

    /// A new client that tries to resume a session.
    ///
    /// # Panics
    ///
    /// If this is a server's context.
    pub fn resume(&self, session: &OpensslSession) -> OpensslPeer {
        OpensslPeer::over(self.resuming_ssl(session))
    }

    /// A new connection of a client that tries to resume a session, and is not a peer yet.
    ///
    /// # Panics
    ///
    /// If this is a server's context.
    pub fn resuming_ssl(&self, session: &OpensslSession) -> Ssl {
        assert_eq!(self.setup.role, Role::Client, "it is clients that resume");
        let mut ssl = self.ssl();
        ffi::set_session(&mut ssl, &session.0).expect("OpenSSL takes its own session back");
        ssl
    }

    fn new_ssl(&self) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        match self.setup.role {
            Role::Client => {
                ssl.set_hostname(SERVER_NAME)?;
                ssl.param_mut().set_host(SERVER_NAME)?;
                ssl.set_connect_state();
            }
            Role::Server => ssl.set_accept_state(),
        }
        Ok(ssl)
    }
}

fn new_context(setup: &Setup, extras: &Extras) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls())?;
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    // Data that could not be written yet moves in memory while more is added to it.
    builder.set_mode(SslMode::ACCEPT_MOVING_WRITE_BUFFER);
    if setup.suite == Suite::Aes128Ccm8 {
        // To OpenSSL a tag of 8 bytes is 64 bits of security, and its default asks for 112.
        builder.set_security_level(0);
    }
    match setup.version {
        Version::Tls12 => {
            builder.set_cipher_list(match setup.suite {
                Suite::Aes128Gcm => "ECDHE-ECDSA-AES128-GCM-SHA256",
                Suite::Aes256Gcm => "ECDHE-ECDSA-AES256-GCM-SHA384",
                Suite::Chacha20Poly1305 => "ECDHE-ECDSA-CHACHA20-POLY1305",
                Suite::Aes128Ccm => "ECDHE-ECDSA-AES128-CCM",
                Suite::Aes128Ccm8 => "ECDHE-ECDSA-AES128-CCM8",
            })?;
            set_version(&mut builder, SslVersion::TLS1_2)?;
        }
        Version::Tls13 => {
            builder.set_ciphersuites(match setup.suite {
                Suite::Aes128Gcm => "TLS_AES_128_GCM_SHA256",
                Suite::Aes256Gcm => "TLS_AES_256_GCM_SHA384",
                Suite::Chacha20Poly1305 => "TLS_CHACHA20_POLY1305_SHA256",
                Suite::Aes128Ccm => "TLS_AES_128_CCM_SHA256",
                Suite::Aes128Ccm8 => "TLS_AES_128_CCM_8_SHA256",
            })?;
            set_version(&mut builder, SslVersion::TLS1_3)?;
        }
    }
    let log = extras.log.clone();
    builder.set_keylog_callback(move |ssl, line| {
        Openssl::key_log(ssl, line);
        if let Some(log) = &log {
            log.add_line(line);
        }
    });
    if !extras.groups.is_empty() {
        let names = extras.groups.iter().map(|group| match group {
            Group::X25519 => "X25519",
            Group::P256 => "P-256",
        });
        builder.set_groups_list(&names.collect::<Vec<_>>().join(":"))?;
    }
    if extras.no_compatibility_mode {
        builder.clear_options(SslOptions::ENABLE_MIDDLEBOX_COMPAT);
    }
    let is_client = setup.role == Role::Client;
    if is_client || extras.client_auth {
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(X509::from_der(&identity().authority)?)?;
        builder.set_cert_store(store.build());
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    if !is_client || extras.client_auth {
        builder.set_certificate(&*X509::from_der(&identity().certificate)?)?;
        let key = PKey::private_key_from_der(identity().key.secret_pkcs8_der())?;
        builder.set_private_key(&*key)?;
    }
    if is_client {
        builder
            .set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
        builder.set_new_session_callback(|ssl, session| {
            if let Ok(der) = session.to_der() {
                ssl.set_ex_data(*NEWEST_SESSION, OpensslSession(der));
            }
        });
    } else {
        builder.set_max_early_data(extras.early_data)?;
        // Without it a server that verifies clients resumes no sessions.
        builder.set_session_id_context(b"tls-record")?;
    }
    Ok(builder.build())
}

fn set_version(builder: &mut SslContextBuilder, version: SslVersion) -> Result<(), ErrorStack> {
    builder.set_min_proto_version(Some(version))?;
    builder.set_max_proto_version(Some(version))
}

/// Where a client's connection keeps the last session that it was given.
static NEWEST_SESSION: LazyLock<Index<Ssl, OpensslSession>> =
    LazyLock::new(|| Ssl::new_ex_index().expect("OpenSSL has room for an index"));

/// A session that a client can resume.
///
/// It is a serialized copy: the original is marked as not to be resumed once a connection that it
/// belongs to fails, or is dropped without having sent a `close_notify`.
///
/// A server may refuse it: one of rustls takes each ticket of TLS 1.3 once only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpensslSession(Vec<u8>);

/// One end of a TLS connection by OpenSSL.
///
/// Each KeyUpdate that asks for one is answered within the [`Peer::receive`] that takes it.
/// (OpenSSL by itself keeps the answer until data is written, or another message of the handshake
/// protocol is read. The latter holds even after its own `close_notify`: a second request then has
/// it answer the first.)
///
/// While such a message has come in part, OpenSSL writes nothing: data and a `close_notify` wait
/// for the rest of it, and [`Peer::key_update`] panics.
#[derive(Debug)]
pub struct OpensslPeer {
    stream: SslStream<Wire>,
    received: Vec<u8>,
    /// Application data that could not be written yet.
    unsent: Vec<u8>,
    end: PeerEnd,
    // OpenSSL forgets this after a fatal error.
    established: bool,
    close: Close,
}

/// The state of closing the sending direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    No,
    Due,
    Sent,
}

impl OpensslPeer {
    /// A peer with a context of its own.
    pub fn new(setup: &Setup) -> Self {
        OpensslContext::new(setup).peer()
    }

    /// A client, with a context of its own, that tries to resume a session.
    ///
    /// # Panics
    ///
    /// If the setup is a server's.
    pub fn resume(setup: &Setup, session: &OpensslSession) -> Self {
        OpensslContext::new(setup).resume(session)
    }

    /// Returns the last session that this client received.
    ///
    /// In TLS 1.2 there is one after a full handshake, but not after one that resumed a session. In
    /// TLS 1.3 there is one after the server's first ticket, which follows the handshake.
    pub fn session(&self) -> Option<OpensslSession> {
        self.stream.ssl().ex_data(*NEWEST_SESSION).cloned()
    }

    fn over(ssl: Ssl) -> Self {
        let mut peer = Self {
            stream: SslStream::new(ssl, Wire::default()).expect("OpenSSL takes the stream"),
            received: Vec::new(),
            unsent: Vec::new(),
            end: PeerEnd::Open,
            established: false,
            close: Close::No,
        };
        peer.advance();
        peer
    }

    /// Continues as far as the input allows.
    fn advance(&mut self) {
        if self.end == PeerEnd::Open && !self.established {
            let done = self.stream.do_handshake();
            self.established = self.note(done).is_some();
        }
        if self.established {
            self.read_all();
            self.send_all();
        }
    }

    fn read_all(&mut self) {
        let mut buffer = [0; 1 << 14];
        while self.end == PeerEnd::Open {
            let read = self.stream.ssl_read(&mut buffer);
            let Some(count) = self.note(read) else { break };
            self.received.extend_from_slice(&buffer[..count]);
        }
    }

    fn send_all(&mut self) {
        if !self.end.lets_write() || self.close == Close::Sent {
            return;
        }
        if !self.unsent.is_empty() {
            let written = self.stream.ssl_write(&self.unsent);
            let Some(count) = self.note(written) else {
                return;
            };
            assert_eq!(count, self.unsent.len(), "OpenSSL writes all data or none");
            self.unsent.clear();
        }
        // False while a message has come in part.
        if !self.stream.ssl().is_init_finished() {
            return;
        }
        if ffi::is_key_update_due(&self.stream) {
            self.send_key_update(ffi::KeyUpdate::NotRequested);
        }
        if self.close == Close::Due {
            let sent = self.stream.shutdown();
            if self.note(sent).is_some() {
                self.close = Close::Sent;
            }
        }
    }

    fn send_key_update(&mut self, kind: ffi::KeyUpdate) {
        ffi::schedule_key_update(&mut self.stream, kind)
            .expect("keys are updated in TLS 1.3, after the handshake and between messages");
        let sent = self.stream.do_handshake();
        self.note(sent);
    }

    /// Records the end of the connection, unless an operation only lacked input.
    fn note<T>(&mut self, result: Result<T, openssl::ssl::Error>) -> Option<T> {
        result
            .inspect_err(|error| match error.code() {
                ErrorCode::WANT_READ => {}
                ErrorCode::ZERO_RETURN => self.end = PeerEnd::CloseNotify,
                _ => self.end = end_of(error),
            })
            .ok()
    }
}

/// Converts an error of OpenSSL to an end.
fn end_of(error: &openssl::ssl::Error) -> PeerEnd {
    // A received alert is an error with the alert's number added to this.
    const ALERT_REASONS: i32 = 1000;

    let errors = error.ssl_error().map_or(&[][..], ErrorStack::errors);
    let alert =
        errors.iter().find_map(|error| u8::try_from(error.reason_code() - ALERT_REASONS).ok());
    if let Some(alert) = alert {
        return PeerEnd::Alert(alert);
    }
    let reasons: Vec<_> = errors.iter().filter_map(|error| error.reason()).collect();
    PeerEnd::Failed(match &reasons[..] {
        [] => error.to_string(),
        reasons => reasons.join(", "),
    })
}

impl Peer for OpensslPeer {
    fn receive(&mut self, bytes: &[u8]) {
        self.stream.get_mut().incoming.extend(bytes);
        self.advance();
    }

    fn take_output(&mut self) -> Vec<u8> {
        mem::take(&mut self.stream.get_mut().outgoing)
    }

    fn is_handshaking(&self) -> bool {
        !self.established
    }

    fn write(&mut self, data: &[u8]) {
        assert_eq!(self.close, Close::No, "data is written after the close");
        self.unsent.extend_from_slice(data);
        self.advance();
    }

    fn read(&mut self) -> Vec<u8> {
        mem::take(&mut self.received)
    }

    fn close(&mut self) {
        if self.close == Close::No {
            self.close = Close::Due;
        }
        self.advance();
    }

    fn key_update(&mut self, request: bool) {
        assert_eq!(self.close, Close::No, "a KeyUpdate is sent after the close");
        self.send_key_update(if request {
            ffi::KeyUpdate::Requested
        } else {
            ffi::KeyUpdate::NotRequested
        });
    }

    fn end(&self) -> PeerEnd {
        self.end.clone()
    }

    fn resumed(&self) -> bool {
        self.stream.ssl().session_reused()
    }

    fn negotiated(&self) -> Option<Negotiated> {
        if self.is_handshaking() {
            return None;
        }
        let ssl = self.stream.ssl();
        let version = match ssl.version2()? {
            SslVersion::TLS1_2 => Version::Tls12,
            SslVersion::TLS1_3 => Version::Tls13,
            _ => return None,
        };
        let suite = u16::from_be_bytes(ssl.current_cipher()?.protocol_id());
        Negotiated::from_code_points(version.code_point(), suite)
    }
}

/// The wire as OpenSSL sees it: never at its end, and never full.
#[derive(Debug, Default)]
struct Wire {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.incoming.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The functions of OpenSSL that the `openssl` crate does not have, or not as safe ones.
#[expect(unsafe_code, reason = "foreign functions")]
mod ffi {
    use std::ffi::c_int;

    use foreign_types_shared::ForeignTypeRef;
    use openssl::{
        error::ErrorStack,
        ssl::{Ssl, SslSession, SslStream},
    };
    use openssl_sys::SSL;

    // As in OpenSSL's ssl.h.
    const SSL_KEY_UPDATE_NONE: c_int = -1;
    unsafe extern "C" {
        fn SSL_key_update(ssl: *mut SSL, kind: c_int) -> c_int;
        fn SSL_get_key_update_type(ssl: *const SSL) -> c_int;
    }

    /// The kinds of KeyUpdate, by their numbers on the wire and in OpenSSL.
    #[derive(Clone, Copy)]
    pub(super) enum KeyUpdate {
        NotRequested = 0,
        Requested = 1,
    }

    /// Makes the next handshake or write begin with a KeyUpdate.
    pub(super) fn schedule_key_update<S>(
        stream: &mut SslStream<S>,
        kind: KeyUpdate,
    ) -> Result<(), ErrorStack> {
        // SAFETY: the pointer is that of a live connection, which is borrowed for the call and
        // not used by anyone else during it. The call does no input or output.
        match unsafe { SSL_key_update(stream.ssl().as_ptr(), kind as c_int) } {
            1 => Ok(()),
            _ => Err(ErrorStack::get()),
        }
    }

    /// Whether the next write will begin with a KeyUpdate.
    pub(super) fn is_key_update_due<S>(stream: &SslStream<S>) -> bool {
        // SAFETY: the pointer is that of a live connection, which is borrowed for the call. The
        // call only reads a field.
        unsafe { SSL_get_key_update_type(stream.ssl().as_ptr()) != SSL_KEY_UPDATE_NONE }
    }

    /// Has a new connection try to resume a serialized session.
    pub(super) fn set_session(ssl: &mut Ssl, session: &[u8]) -> Result<(), ErrorStack> {
        let session = SslSession::from_der(session)?;
        // SAFETY: the session must not belong to another context. Just deserialized, this one
        // belongs to none.
        unsafe { ssl.set_session(&session) }
    }
}
