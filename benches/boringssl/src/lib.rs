//! BoringSSL behind a few C functions: a client over a transport of the caller's.
//!
//! Its symbols are those of OpenSSL, and stay in here: of this library nothing else is seen than the
//! functions below. `src/bin/compare/boringssl.rs` is who calls them.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io::{self, ErrorKind, Read, Write};
use std::slice;
use std::sync::OnceLock;

use boring::error::ErrorStack;
use boring::ssl::{
    ErrorCode, ShutdownResult, Ssl, SslContext, SslMethod, SslStream, SslStreamBuilder,
    SslVerifyMode, SslVersion,
};
use boring::x509::{X509, store::X509StoreBuilder};

/// Fills a buffer and says how far, or -1 if nothing is there.
pub type Receive = unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> isize;

/// Takes all that it is given.
pub type Send = unsafe extern "C" fn(*mut c_void, *const u8, usize);

/// The caller's transport.
struct Transport {
    context: *mut c_void,
    receive: Receive,
    send: Send,
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: what `client_connect` was promised.
        let len = unsafe { (self.receive)(self.context, buffer.as_mut_ptr(), buffer.len()) };
        usize::try_from(len).map_err(|_| ErrorKind::WouldBlock.into())
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: what `client_connect` was promised.
        unsafe { (self.send)(self.context, bytes.as_ptr(), bytes.len()) };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client behind its handshake.
pub struct Client(SslStream<Transport>);

fn context(authority: &[u8]) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls())?;
    context.set_min_proto_version(Some(SslVersion::TLS1_3))?;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(X509::from_der(authority)?)?;
    context.set_cert_store(store.build());
    context.set_verify(SslVerifyMode::PEER);
    Ok(context.build())
}

/// Makes a handshake with a server whose certificate `authority` issued: the same for all connections.
///
/// # Safety
/// `authority` is as long as is said; `transport` may be given to the two functions until the client
/// is dropped.
///
/// # Panics
/// If there is no good server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_connect(
    authority: *const u8,
    authority_len: usize,
    transport: *mut c_void,
    receive: Receive,
    send: Send,
) -> *mut Client {
    static CONTEXT: OnceLock<SslContext> = OnceLock::new();
    // SAFETY: the caller's promise.
    let authority = unsafe { slice::from_raw_parts(authority, authority_len) };
    let context = CONTEXT.get_or_init(|| context(authority).expect("a good configuration"));
    let mut ssl = Ssl::new(context).expect("a connection");
    ssl.set_hostname("localhost").expect("a name");
    let transport = Transport { context: transport, receive, send };
    let Ok(stream) = SslStreamBuilder::new(ssl, transport).connect() else {
        panic!("not a good server")
    };
    Box::into_raw(Box::new(Client(stream)))
}

/// Sends a record of application data: how much of it.
///
/// # Safety
/// The client is one of [`client_connect`]'s, and `content` as long as is said.
///
/// # Panics
/// If it cannot be sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_seal(client: *mut Client, content: *const u8, len: usize) -> usize {
    // SAFETY: the caller's promise.
    let (client, content) = unsafe { (&mut *client, slice::from_raw_parts(content, len)) };
    client.0.ssl_write(content).expect("the transport takes it")
}

/// Receives application data: the length.
///
/// # Safety
/// The client is one of [`client_connect`]'s, and `content` as long as is said.
///
/// # Panics
/// If none comes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_open(client: *mut Client, content: *mut u8, len: usize) -> usize {
    // SAFETY: the caller's promise.
    let (client, content) = unsafe { (&mut *client, slice::from_raw_parts_mut(content, len)) };
    client.0.ssl_read(content).expect("a good record")
}

/// Sends a close_notify: whether that is what it did.
///
/// # Safety
/// The client is one of [`client_connect`]'s.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_close(client: *mut Client) -> bool {
    // SAFETY: the caller's promise.
    let client = unsafe { &mut *client };
    client.0.shutdown().is_ok_and(|result| result == ShutdownResult::Sent)
}

/// Receives a close_notify: whether it was one.
///
/// # Safety
/// The client is one of [`client_connect`]'s.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_open_close(client: *mut Client) -> bool {
    // SAFETY: the caller's promise.
    let client = unsafe { &mut *client };
    let read = client.0.ssl_read(&mut [0; 16]);
    read.is_err_and(|error| error.code() == ErrorCode::ZERO_RETURN)
}

/// Frees a client.
///
/// # Safety
/// It is one of [`client_connect`]'s, and not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_drop(client: *mut Client) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(client) });
}
