//! The functions of the C API, called from Rust, so that Miri can follow every pointer.
//!
//! The tests in C are complete; these are those that touch memory in different ways: objects in memory that
//! was never written, objects that move into one another, buffers that objects keep, halves on two
//! threads, and pointers that are refused.

use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};
use std::thread;

use tls_record_c::*;

const CLIENT: u8 = 1;
const SERVER: u8 = 2;
const APPLICATION: u8 = 4;
const EVENT_APPLICATION_DATA: u8 = 2;
const EVENT_CLOSED: u8 = 7;

/// Memory of an object, as C has it: a pointer, and nothing was written there.
struct Place<T>(*mut Memory<T>);

impl<T: Object> Place<T> {
    /// Not less than the size of the header, which is a multiple of its alignment.
    const SIZE: usize = size_of::<Memory<T>>().next_multiple_of(64);

    fn new() -> Self {
        Self(Box::into_raw(Box::<Memory<T>>::new_uninit()).cast())
    }

    /// All bytes are `byte`.
    fn filled(byte: u8) -> Self {
        let place = Self::new();
        // SAFETY: any bytes may be there, and so many are.
        unsafe { place.0.write_bytes(byte, 1) };
        place
    }

    fn handle(&mut self) -> Handle<'_, T> {
        handle(self.0)
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        // SAFETY: `new` has made it so.
        drop(unsafe { Box::<MaybeUninit<Memory<T>>>::from_raw(self.0.cast()) });
    }
}

fn handle<'a, T: Object>(memory: *mut Memory<T>) -> Handle<'a, T> {
    // SAFETY: null, or memory of the test, which waits for the call. Those that are given to functions that
    // make no object were written to.
    unsafe { Handle::new(memory) }
}

fn bytes(bytes: &[u8]) -> Bytes<'_> {
    // SAFETY: a slice.
    unsafe { Bytes::new(bytes.as_ptr()) }
}

fn bytes_mut(bytes: &mut [u8]) -> BytesMut<'_> {
    // SAFETY: a slice.
    unsafe { BytesMut::new(bytes.as_mut_ptr()) }
}

fn out<T: Plain>(value: &mut MaybeUninit<T>) -> Out<'_, T> {
    // SAFETY: a reference.
    unsafe { Out::new(value.as_mut_ptr()) }
}

fn input<T: Plain>(value: &T) -> In<'_, T> {
    // SAFETY: a reference.
    unsafe { In::new(value) }
}

/// Calls a function that fills a structure, and returns the structure.
#[track_caller]
fn filled<T: Plain>(call: impl FnOnce(Out<'_, T>) -> Status) -> T {
    let mut value = MaybeUninit::uninit();
    assert_eq!(call(out(&mut value)), Status::OK);
    // SAFETY: it was filled, because the status is `OK`.
    unsafe { value.assume_init() }
}

fn config(role: u8) -> Config {
    filled(|config| config_init(config, role))
}

fn secret(secret: &[u8]) -> Secret<'_> {
    Secret {
        secret: bytes(secret),
        secret_len: secret.len(),
        iv: bytes(&[]),
        iv_len: 0,
        store: null(),
        handle: 0,
        sequence: 0,
        suite: 0x1303,
    }
}

fn make_layer(role: u8) -> Place<Layer> {
    let mut layer = Place::new();
    assert_eq!(layer_init(layer.handle(), Place::<Layer>::SIZE, input(&config(role))), Status::OK);
    let (client, server) = (secret(&[1; 32]), secret(&[2; 32]));
    let status = layer_install(layer.handle(), APPLICATION, input(&client), input(&server));
    assert_eq!(status, Status::OK);
    layer
}

fn seal(layer: &mut Place<Layer>, data: &[u8], record: &mut [u8]) -> usize {
    let len = record.len();
    let sealed: Sealed = filled(|sealed| {
        layer_seal(layer.handle(), bytes(data), data.len(), bytes_mut(record), len, sealed)
    });
    assert_eq!(sealed.taken, data.len());
    sealed.written
}

fn open(layer: &mut Place<Layer>, record: &mut [u8]) -> Opened {
    let len = record.len();
    filled(|opened| layer_open(layer.handle(), bytes_mut(record), len, opened))
}

fn content(record: &[u8], opened: &Opened) -> Vec<u8> {
    record[opened.offset..][..opened.len].to_vec()
}

#[test]
fn data_arrives_and_both_sides_close() {
    let (mut client, mut server) = (make_layer(CLIENT), make_layer(SERVER));
    let mut record = [0; 64];
    let written = seal(&mut client, b"hello", &mut record);
    let opened = open(&mut server, &mut record[..written]);
    assert_eq!((opened.event, opened.consumed), (EVENT_APPLICATION_DATA, written));
    assert_eq!(content(&record, &opened), b"hello");

    // In three pieces, to another buffer.
    let written = seal(&mut client, b"again", &mut record);
    let pieces = [&record[..3], &[], &record[3..written]]
        .map(|piece| Slice { data: piece.as_ptr(), len: piece.len() });
    // SAFETY: slices of `record`.
    let pieces = unsafe { Parts::new(pieces.as_ptr()) };
    let mut content_out = [0; 32];
    let opened: Opened = filled(|opened| {
        layer_open_into(server.handle(), pieces, 3, bytes_mut(&mut content_out), 32, opened)
    });
    assert_eq!(content(&content_out, &opened), b"again");

    close(&mut client, &mut server);
    close(&mut server, &mut client);
    for mut layer in [client, server] {
        let end: End = filled(|end| layer_end(layer.handle(), end));
        assert_eq!(end.is_clean, 1);
        assert_eq!(layer_wipe(layer.handle()), Status::OK);
        // SAFETY: they were all written.
        assert!(unsafe { all_bytes(&layer) }.iter().all(|byte| *byte == 0));
    }
}

fn close(from: &mut Place<Layer>, to: &mut Place<Layer>) {
    assert_eq!(layer_close(from.handle()), Status::OK);
    let mut record = [0; 64];
    let sealed: Sealed =
        filled(|sealed| layer_poll_control(from.handle(), bytes_mut(&mut record), 64, sealed));
    assert_eq!(open(to, &mut record[..sealed.written]).event, EVENT_CLOSED);
}

/// # Safety
/// All bytes were written, the padding too.
unsafe fn all_bytes<T>(place: &Place<T>) -> &[u8] {
    let first = place.0.cast();
    // SAFETY: as the caller says.
    unsafe { core::slice::from_raw_parts(first, size_of::<Memory<T>>()) }
}

#[test]
fn what_is_no_object_is_refused() {
    let mut layer = make_layer(CLIENT);
    let mut copy = Place::<Layer>::new();
    // SAFETY: both have that size. What is not initialised is copied as it is.
    unsafe { copy.0.copy_from(layer.0, 1) };
    assert_eq!(layer_close(copy.handle()), Status::INVALID_HANDLE);

    for byte in [0, 0xff] {
        let mut other = Place::<Layer>::filled(byte);
        assert_eq!(layer_close(other.handle()), Status::INVALID_HANDLE);
        assert_eq!(layer_wipe(other.handle()), Status::INVALID_HANDLE);
    }

    // Another type of object at the same place.
    let mut other = Place::<Connection>::filled(0);
    let same = other.0.cast::<Memory<Layer>>();
    assert_eq!(layer_init(handle(same), Place::<Layer>::SIZE, input(&config(CLIENT))), Status::OK);
    assert_eq!(connection_shutdown(other.handle()), Status::INVALID_HANDLE);
    assert_eq!(layer_wipe(handle(same)), Status::OK);
    assert_eq!(layer_wipe(handle(same)), Status::INVALID_HANDLE);

    assert_eq!(layer_close(handle(null_mut())), Status::ARGUMENT);
    let misaligned = layer.0.wrapping_byte_add(1);
    assert_eq!(layer_close(handle(misaligned)), Status::ARGUMENT);
    // It cannot be followed.
    assert_eq!(layer_close(handle(core::ptr::without_provenance_mut(8))), Status::ARGUMENT);
    assert_eq!(layer_close(layer.handle()), Status::OK);
    layer_wipe(layer.handle());
}

#[test]
fn memory_that_is_too_short_is_not_written_to() {
    let mut layer = Place::<Layer>::filled(7);
    let status = layer_init(layer.handle(), size_of::<Memory<Layer>>() - 1, input(&config(CLIENT)));
    assert_eq!(status, Status::SIZE);
    // SAFETY: `filled` has written them.
    assert!(unsafe { all_bytes(&layer) }.iter().all(|byte| *byte == 7));
}

#[test]
fn buffers_that_overlap_are_refused() {
    let mut layer = make_layer(CLIENT);
    let mut buffer = [0; 128];
    let first = buffer.as_mut_ptr();
    let mut try_seal = |data: usize, data_len: usize, out_at: usize, out_len: usize| {
        let mut sealed = MaybeUninit::uninit();
        // SAFETY: it is inside of the buffer, or refused.
        let data = unsafe { Bytes::new(first.wrapping_add(data)) };
        // SAFETY: as above.
        let record = unsafe { BytesMut::new(first.wrapping_add(out_at)) };
        layer_seal(layer.handle(), data, data_len, record, out_len, out(&mut sealed))
    };
    assert_eq!(try_seal(0, 10, 9, 64), Status::ARGUMENT);
    assert_eq!(try_seal(73, 10, 10, 64), Status::ARGUMENT);
    assert_eq!(try_seal(20, 10, 10, 64), Status::ARGUMENT);
    assert_eq!(try_seal(0, 10, 10, 64), Status::OK);
    assert_eq!(try_seal(74, 10, 10, 64), Status::OK);
    // No bytes overlap nothing.
    assert_eq!(try_seal(20, 0, 10, 64), Status::OK);
    layer_wipe(layer.handle());
}

/// The addresses wrap: no object lies there, and the check of the overlap must not say that it is elsewhere.
#[test]
fn buffers_at_the_end_of_the_address_space_are_refused() {
    let mut layer = make_layer(CLIENT);
    let at = core::ptr::without_provenance_mut::<u8>;
    for (data, data_len, record, len) in [
        (usize::MAX - 7, 16, 4, 64),
        (4, 64, usize::MAX - 7, 16),
        (usize::MAX, 1, usize::MAX, 1),
        (1, usize::MAX, 2, usize::MAX),
        (1, 1, 64, usize::MAX),
        (1, usize::MAX, 1 << 20, 1),
        (64, 1, 2, isize::MAX as usize + 1),
    ] {
        // SAFETY: they are refused.
        let data = unsafe { Bytes::new(at(data)) };
        // SAFETY: as above.
        let record = unsafe { BytesMut::new(at(record)) };
        let mut sealed = MaybeUninit::uninit();
        let status = layer_seal(layer.handle(), data, data_len, record, len, out(&mut sealed));
        assert_eq!(status, Status::ARGUMENT);
    }
    layer_wipe(layer.handle());
}

/// A result that lies in the input overwrites bytes of it, and is right.
#[test]
fn a_result_may_lie_in_a_buffer() {
    let (mut client, mut server) = (make_layer(CLIENT), make_layer(SERVER));
    let mut aligned = [0_u64; 32];
    let record: *mut u8 = aligned.as_mut_ptr().cast();
    let opened = record.wrapping_add(8).cast::<Opened>();
    // SAFETY: as many bytes are there, and nothing else uses them.
    let room = unsafe { core::slice::from_raw_parts_mut(record, 200) };
    let written = seal(&mut client, &[5; 100], room);
    // SAFETY: it is in the array.
    let input = unsafe { BytesMut::new(record) };
    // SAFETY: so is this. It may overlap the input.
    let place = unsafe { Out::new(opened) };
    assert_eq!(layer_open(server.handle(), input, written, place), Status::OK);
    // SAFETY: it was filled.
    let opened = unsafe { opened.read() };
    assert_eq!((opened.event, opened.len), (EVENT_APPLICATION_DATA, 100));
    for layer in [&mut client, &mut server] {
        layer_wipe(layer.handle());
    }
}

#[test]
fn a_layer_becomes_a_connection_that_keeps_its_buffer() {
    let (mut layer, mut server) = (make_layer(CLIENT), make_layer(SERVER));
    let mut buffer = vec![0_u8; 256];
    let mut connection = Place::<Connection>::new();
    let mut refused = |memory, layer| {
        connection_from_layer(
            memory,
            Place::<Connection>::SIZE,
            layer,
            // SAFETY: the buffer stays until the connection is wiped.
            unsafe { BytesMut::new(buffer.as_mut_ptr()) },
            256,
        )
    };
    let same = layer.0;
    assert_eq!(refused(handle(same.cast()), handle(same)), Status::ARGUMENT);
    assert_eq!(refused(connection.handle(), layer.handle()), Status::OK);
    assert_eq!(layer_close(layer.handle()), Status::INVALID_HANDLE);

    let taken: usize =
        filled(|taken| connection_write(connection.handle(), bytes(b"one"), 3, taken));
    assert_eq!(taken, 3);
    let slot: SliceMut = filled(|slot| connection_reserve(connection.handle(), 5, slot));
    // SAFETY: the slot is so long, and the caller's until it commits.
    unsafe { slot.data.copy_from(b"two!!".as_ptr(), 5) };
    assert_eq!(connection_commit(connection.handle(), 5), Status::OK);
    assert_eq!(connection_shutdown(connection.handle()), Status::WOULD_BLOCK_WRITE);

    let mut received = vec![];
    let mut events = 0;
    while events < 3 {
        let unsent: Slice = filled(|unsent| connection_unsent(connection.handle(), unsent));
        // SAFETY: the slice that the connection gave.
        let mut wire = unsafe { core::slice::from_raw_parts(unsent.data, unsent.len) }.to_vec();
        assert_eq!(connection_sent(connection.handle(), unsent.len), Status::OK);
        let mut at = 0;
        while at < wire.len() {
            let opened = open(&mut server, &mut wire[at..]);
            received.extend(content(&wire[at..], &opened));
            at += opened.consumed;
            events += 1;
        }
    }
    assert_eq!(received, b"onetwo!!");
    assert_eq!(connection_shutdown(connection.handle()), Status::OK);
    assert_eq!(connection_wipe(connection.handle()), Status::OK);
    layer_wipe(server.handle());
}

#[test]
fn buffers_inside_of_an_object_are_refused() {
    let connection = Place::<Connection>::filled(0);
    let inside = connection.0;
    let start = |memory: *mut Memory<Connection>, at: *mut u8| {
        // SAFETY: the buffer is refused.
        let buffer = unsafe { BytesMut::new(at) };
        connection_init(
            handle(memory),
            Place::<Connection>::SIZE,
            input(&config(CLIENT)),
            buffer,
            200,
        )
    };
    let last = size_of::<Memory<Connection>>() - 1;
    assert_eq!(start(inside, inside.cast()), Status::ARGUMENT);
    assert_eq!(start(inside, inside.cast::<u8>().wrapping_add(last)), Status::ARGUMENT);
    assert_eq!(start(inside, inside.cast::<u8>().wrapping_sub(199)), Status::ARGUMENT);
    let mut buffer = Place::<Buffer>::filled(0);
    // SAFETY: it is refused.
    let memory = unsafe { BytesMut::new(buffer.0.cast()) };
    assert_eq!(buffer_init(buffer.handle(), Place::<Buffer>::SIZE, memory, 40), Status::ARGUMENT);
}

#[test]
fn received_bytes_are_opened_in_the_buffer_that_collects_them() {
    let (mut client, mut server) = (make_layer(CLIENT), make_layer(SERVER));
    let mut memory = vec![0_u8; 64];
    let mut buffer = Place::<Buffer>::new();
    // SAFETY: the memory stays until the buffer is not used any more.
    let kept = unsafe { BytesMut::new(memory.as_mut_ptr()) };
    assert_eq!(buffer_init(buffer.handle(), Place::<Buffer>::SIZE, kept, 64), Status::OK);
    for _ in 0..2 {
        let mut record = [0; 64];
        let written = seal(&mut client, &[9; 30], &mut record);
        for part in record[..written].chunks(40) {
            let room: SliceMut = filled(|room| buffer_room(buffer.handle(), room));
            // SAFETY: the room is the caller's until it reports what it received.
            unsafe { room.data.copy_from(part.as_ptr(), part.len()) };
            assert_eq!(buffer_received(buffer.handle(), part.len()), Status::OK);
            let arrived: SliceMut = filled(|arrived| buffer_filled(buffer.handle(), arrived));
            // SAFETY: as above.
            let bytes = unsafe { core::slice::from_raw_parts_mut(arrived.data, arrived.len) };
            let opened = open(&mut server, bytes);
            assert!(opened.len == 0 || content(bytes, &opened) == [9; 30]);
            assert_eq!(buffer_consume(buffer.handle(), input(&opened)), Status::OK);
        }
    }
    for layer in [&mut client, &mut server] {
        layer_wipe(layer.handle());
    }
}

/// Pointers that a test gives to another thread.
struct Sent<T>(T);

// SAFETY: the thread is joined before the memory is used again.
unsafe impl<T> Send for Sent<T> {}

impl<T> Sent<T> {
    /// The whole, not a field, is what a closure takes.
    fn get(self) -> T {
        self.0
    }
}

#[test]
fn halves_run_on_two_threads_and_are_joined() {
    let (mut layer, mut peer) = (make_layer(SERVER), make_layer(CLIENT));
    let (opener, sealer) = (Place::<Opener>::new(), Place::<Sealer>::new());
    let mut mailbox = Place::<Mailbox>::new();
    let (opener_at, sealer_at) = (opener.0, sealer.0);
    let status = layer_split(
        layer.handle(),
        handle(opener_at),
        Place::<Opener>::SIZE,
        handle(sealer_at),
        Place::<Sealer>::SIZE,
        mailbox.handle(),
        Place::<Mailbox>::SIZE,
    );
    assert_eq!(status, Status::OK);

    // The opener finds a forged record, for which the sealer sends an alert.
    let mut record = [0; 64];
    let written = seal(&mut peer, b"hello", &mut record);
    record[written - 1] ^= 1;
    let opener_sent = Sent(opener_at);
    let thread = thread::spawn(move || {
        let mut opened = MaybeUninit::uninit();
        let input = bytes_mut(&mut record[..written]);
        opener_open(handle(opener_sent.get()), input, written, out(&mut opened))
    });
    let mut alert = [0; 64];
    let alert_len = loop {
        let sealed: Sealed = filled(|sealed| {
            sealer_poll_control(handle(sealer_at), bytes_mut(&mut alert), 64, sealed)
        });
        if sealed.written != 0 {
            break sealed.written;
        }
        thread::yield_now();
    };
    assert_eq!(thread.join().expect("no panic"), Status::FAULT);
    let mut opened = MaybeUninit::uninit();
    let alert = bytes_mut(&mut alert[..alert_len]);
    let status = layer_open(peer.handle(), alert, alert_len, out(&mut opened));
    assert_eq!(status, Status::PEER_ALERT);

    let status =
        layer_join(layer.handle(), Place::<Layer>::SIZE, handle(opener_at), handle(sealer_at));
    assert_eq!(status, Status::OK);
    assert_eq!(opener_wipe(handle(opener_at)), Status::INVALID_HANDLE);
    for layer in [&mut layer, &mut peer] {
        assert_eq!(layer_wipe(layer.handle()), Status::OK);
    }
}

/// A key store in Rust: its cipher inverts the bits, its tags are the lengths.
#[cfg(feature = "key-store")]
mod key_store {
    use core::ffi::c_void;
    use core::slice::{from_raw_parts, from_raw_parts_mut};
    use std::cell::RefCell;

    use super::*;

    #[derive(Default)]
    struct Store {
        /// What was destroyed: keys at 100 and more, secrets below.
        destroyed: RefCell<Vec<usize>>,
        /// An object that is wiped while a key of it is destroyed.
        wiped: RefCell<Option<*mut Memory<Layer>>>,
    }

    unsafe extern "C" fn keys(
        _: *mut c_void,
        secret: usize,
        _: u16,
        key: *mut usize,
        iv: *mut u8,
    ) -> i32 {
        // SAFETY: the engine gives a key and 12 bytes.
        unsafe { key.write(secret + 100) };
        // SAFETY: as above.
        unsafe { iv.write_bytes(secret as u8, 12) };
        0
    }

    unsafe extern "C" fn update(_: *mut c_void, secret: *mut usize, _: u16) -> i32 {
        // SAFETY: the engine gives a secret.
        unsafe { *secret += 10 };
        0
    }

    unsafe extern "C" fn seal_with(
        _: *mut c_void,
        _: usize,
        _: *const u8,
        _: *const u8,
        _: usize,
        in_out: *mut u8,
        len: usize,
        tag: *mut u8,
        tag_len: usize,
    ) -> i32 {
        // SAFETY: the engine gives so many bytes.
        let bytes = unsafe { from_raw_parts_mut(in_out, len) };
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
        // SAFETY: as above.
        unsafe { tag.write_bytes(len as u8, tag_len) };
        0
    }

    unsafe extern "C" fn open_with(
        _: *mut c_void,
        _: usize,
        _: *const u8,
        _: *const u8,
        _: usize,
        in_out: *mut u8,
        len: usize,
        tag: *const u8,
        tag_len: usize,
    ) -> i32 {
        // SAFETY: the engine gives so many bytes.
        let bytes = unsafe { from_raw_parts_mut(in_out, len) };
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
        // SAFETY: as above.
        let tag = unsafe { from_raw_parts(tag, tag_len) };
        i32::from(tag.iter().any(|byte| *byte != len as u8))
    }

    unsafe extern "C" fn destroy(context: *mut c_void, key: usize) {
        // SAFETY: `table` has put a store there.
        let store = unsafe { &*context.cast::<Store>() };
        store.destroyed.borrow_mut().push(key);
        if let Some(layer) = *store.wiped.borrow() {
            assert_eq!(layer_wipe(handle(layer)), Status::INVALID_HANDLE);
        }
    }

    fn table(store: &Store) -> KeyStore {
        KeyStore {
            context: (&raw const *store).cast_mut().cast(),
            keys: Some(keys),
            update: Some(update),
            seal: Some(seal_with),
            open: Some(open_with),
            destroy_key: Some(destroy),
            destroy_secret: Some(destroy),
            parts: null(),
        }
    }

    fn stored(table: &KeyStore, handle: usize) -> Secret<'_> {
        let mut stored = secret(&[]);
        stored.store = table;
        stored.handle = handle;
        stored.suite = 0x1301;
        stored
    }

    #[test]
    fn records_are_sealed_by_the_store_and_every_key_is_destroyed_once() {
        let store = Store::default();
        let table = table(&store);
        let mut layer = Place::<Layer>::new();
        let size = Place::<Layer>::SIZE;
        assert_eq!(layer_init(layer.handle(), size, input(&config(CLIENT))), Status::OK);
        let (client, server) = (stored(&table, 1), stored(&table, 2));
        let status = layer_install(layer.handle(), APPLICATION, input(&client), input(&server));
        assert_eq!(status, Status::OK);
        assert_eq!(layer_update_keys(layer.handle(), 0), Status::OK);
        let mut record = [0; 64];
        let sealed: Sealed =
            filled(|sealed| layer_poll_control(layer.handle(), bytes_mut(&mut record), 64, sealed));
        assert_eq!(sealed.written, 5 + 5 + 1 + 16);
        assert_eq!(*store.destroyed.borrow(), [101]);
        seal(&mut layer, b"hello", &mut record);
        assert_eq!(record[5], !b'h');

        let memory = layer.0;
        *store.wiped.borrow_mut() = Some(memory);
        assert_eq!(layer_wipe(handle(memory)), Status::OK);
        let mut destroyed = store.destroyed.borrow().clone();
        destroyed.sort_unstable();
        assert_eq!(destroyed, [2, 11, 101, 102, 111]);
    }
}
