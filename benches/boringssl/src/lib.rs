//! C functions around BoringSSL: a client over a transport of the caller.
//!
//! BoringSSL has the same symbols as OpenSSL. This library hides them and exports only the
//! functions below, which `src/bin/compare/boringssl.rs` calls.

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

/// Reads into a buffer and returns the number of bytes, or -1 if there are none.
pub type Receive = unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> isize;

/// Takes all bytes.
pub type Send = unsafe extern "C" fn(*mut c_void, *const u8, usize);

/// The caller's transport.
struct Transport {
    context: *mut c_void,
    receive: Receive,
    send: Send,
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: guaranteed by the caller of `client_connect`.
        let len = unsafe { (self.receive)(self.context, buffer.as_mut_ptr(), buffer.len()) };
        usize::try_from(len).map_err(|_| ErrorKind::WouldBlock.into())
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: guaranteed by the caller of `client_connect`.
        unsafe { (self.send)(self.context, bytes.as_ptr(), bytes.len()) };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client after its handshake.
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

/// Performs a handshake with a server. Its certificate must be issued by `authority`, which must be
/// the same for all connections.
///
/// # Safety
/// `authority` must point to `authority_len` bytes. The two functions must accept `transport` until
/// the client is dropped.
///
/// # Panics
/// If the handshake fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_connect(
    authority: *const u8,
    authority_len: usize,
    transport: *mut c_void,
    receive: Receive,
    send: Send,
) -> *mut Client {
    static CONTEXT: OnceLock<SslContext> = OnceLock::new();
    // SAFETY: guaranteed by the caller.
    let authority = unsafe { slice::from_raw_parts(authority, authority_len) };
    let context = CONTEXT.get_or_init(|| context(authority).expect("a valid config"));
    let mut ssl = Ssl::new(context).expect("a connection");
    ssl.set_hostname("localhost").expect("a name");
    let transport = Transport { context: transport, receive, send };
    let Ok(stream) = SslStreamBuilder::new(ssl, transport).connect() else {
        panic!("the handshake failed")
    };
    Box::into_raw(Box::new(Client(stream)))
}

/// Sends a record of application data and returns the number of content bytes.
///
/// # Safety
/// `client` must come from [`client_connect`], and `content` must point to `len` bytes.
///
/// # Panics
/// If sending fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_seal(client: *mut Client, content: *const u8, len: usize) -> usize {
    // SAFETY: guaranteed by the caller.
    let (client, content) = unsafe { (&mut *client, slice::from_raw_parts(content, len)) };
    client.0.ssl_write(content).expect("the transport takes all bytes")
}

/// Receives application data and returns its length.
///
/// # Safety
/// `client` must come from [`client_connect`], and `content` must point to `len` bytes.
///
/// # Panics
/// If no data arrives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_open(client: *mut Client, content: *mut u8, len: usize) -> usize {
    // SAFETY: guaranteed by the caller.
    let (client, content) = unsafe { (&mut *client, slice::from_raw_parts_mut(content, len)) };
    client.0.ssl_read(content).expect("a valid record")
}

/// Sends a close_notify and returns whether it succeeded.
///
/// # Safety
/// `client` must come from [`client_connect`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_close(client: *mut Client) -> bool {
    // SAFETY: guaranteed by the caller.
    let client = unsafe { &mut *client };
    client.0.shutdown().is_ok_and(|result| result == ShutdownResult::Sent)
}

/// Receives a record and returns whether it is a close_notify.
///
/// # Safety
/// `client` must come from [`client_connect`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_open_close(client: *mut Client) -> bool {
    // SAFETY: guaranteed by the caller.
    let client = unsafe { &mut *client };
    let read = client.0.ssl_read(&mut [0; 16]);
    read.is_err_and(|error| error.code() == ErrorCode::ZERO_RETURN)
}

/// Frees a client.
///
/// # Safety
/// `client` must come from [`client_connect`] and must not be used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn client_drop(client: *mut Client) {
    // SAFETY: guaranteed by the caller.
    drop(unsafe { Box::from_raw(client) });
}
