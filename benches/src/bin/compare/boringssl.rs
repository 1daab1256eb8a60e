//! BoringSSL, in a shared library that hides its symbols (`benches/boringssl`).
//!
//! It reads from and writes to the transport itself.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io::{Read, Write};
use std::sync::LazyLock;

use crate::peer::{Client, Io, Library, Server, Transport, authority};

const PATH: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/boringssl/target/release/libtls_record_boringssl.so");

/// Loads the library. If it was not built, prints where to find the instructions.
pub(crate) fn libraries() -> Option<Library> {
    if FUNCTIONS.is_none() {
        eprintln!("BoringSSL is left out: see benches/README.md for how to build it");
    }
    FUNCTIONS.as_ref().map(|_| Library { name: "BoringSSL", connect })
}

type Receive = unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> isize;
type Send = unsafe extern "C" fn(*mut c_void, *const u8, usize);

/// A pointer to a client of the library.
type Handle = *mut c_void;

/// The functions of the library.
struct Functions {
    connect: unsafe extern "C" fn(*const u8, usize, *mut c_void, Receive, Send) -> Handle,
    seal: unsafe extern "C" fn(Handle, *const u8, usize) -> usize,
    open: unsafe extern "C" fn(Handle, *mut u8, usize) -> usize,
    close: unsafe extern "C" fn(Handle) -> bool,
    open_close: unsafe extern "C" fn(Handle) -> bool,
    drop: unsafe extern "C" fn(Handle),
}

static FUNCTIONS: LazyLock<Option<Functions>> = LazyLock::new(|| load().ok());

fn load() -> Result<Functions, libloading::Error> {
    // SAFETY: loading runs only initializers of Rust and BoringSSL, and the types are those of the
    // library's source. It is never unloaded.
    unsafe {
        let library = Box::leak(Box::new(libloading::Library::new(PATH)?));
        Ok(Functions {
            connect: *library.get("client_connect")?,
            seal: *library.get("client_seal")?,
            open: *library.get("client_open")?,
            close: *library.get("client_close")?,
            open_close: *library.get("client_open_close")?,
            drop: *library.get("client_drop")?,
        })
    }
}

struct Boringssl {
    functions: &'static Functions,
    handle: Handle,
    /// Boxed, because the library keeps its address.
    transport: Box<Transport>,
}

impl Drop for Boringssl {
    fn drop(&mut self) {
        // SAFETY: the handle comes from the library and is not used again.
        unsafe { (self.functions.drop)(self.handle) }
    }
}

unsafe extern "C" fn receive(context: *mut c_void, buffer: *mut u8, len: usize) -> isize {
    // SAFETY: the context is the transport of the calling client, which does not use it elsewhere
    // during the call. The buffer belongs to the library.
    let (transport, buffer) =
        unsafe { (&mut *context.cast::<Transport>(), std::slice::from_raw_parts_mut(buffer, len)) };
    transport.read(buffer).map_or(-1, |len| len as isize)
}

unsafe extern "C" fn send(context: *mut c_void, bytes: *const u8, len: usize) {
    // SAFETY: as in `receive`.
    let (transport, bytes) =
        unsafe { (&mut *context.cast::<Transport>(), std::slice::from_raw_parts(bytes, len)) };
    transport.write_all(bytes).expect("it takes all");
}

fn connect(server: Server) -> (Box<dyn Client>, Server) {
    let functions = FUNCTIONS.as_ref().expect("it is named only if it is there");
    let mut transport = Box::new(Transport::to(server));
    let context = (&raw mut *transport).cast();
    let authority = authority();
    // SAFETY: the transport is boxed and lives as long as the client.
    let handle =
        unsafe { (functions.connect)(authority.as_ptr(), authority.len(), context, receive, send) };
    let server = transport.server.take().expect("the server of the transport");
    (Box::new(Boringssl { functions, handle, transport }), server)
}

// SAFETY of the calls below: the client has not been dropped, and pointers and lengths come from
// slices.
impl Client for Boringssl {
    fn seal(&mut self, content: &[u8], _io: &mut Io) -> usize {
        let taken = unsafe { (self.functions.seal)(self.handle, content.as_ptr(), content.len()) };
        assert_eq!(taken, content.len());
        self.transport.take_sent()
    }

    fn open(&mut self, io: &mut Io) -> usize {
        self.transport.arrive(io);
        let content = io.content.bytes();
        unsafe { (self.functions.open)(self.handle, content.as_mut_ptr(), content.len()) }
    }

    fn close(&mut self, _io: &mut Io) -> usize {
        assert!(unsafe { (self.functions.close)(self.handle) });
        self.transport.take_sent()
    }

    fn open_close(&mut self, io: &mut Io) -> bool {
        self.transport.arrive(io);
        unsafe { (self.functions.open_close)(self.handle) }
    }
}
