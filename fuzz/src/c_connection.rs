//! Calls on two connections through the C API, and the same calls on connections of Rust.
//!
//! A connection has a buffer whose length is chosen at run time. It is split into an opener and a writer, with or
//! without a mailbox, and joined again. A call that the header allows must return what Rust returns, leave the same
//! bytes unsent at the same place of the buffer, and end the same directions. One with a pointer, a length or a
//! value that the header does not allow must return the documented status, and change nothing. Memory in which
//! nothing is made any more must be zeros. The keys are in a key store: each must be destroyed once.
//!
//! The header leaves out what no function can see, as for [`c_api`](crate::c_api).

// The pointers of C are made here.
#![allow(unsafe_code)]

mod calls;
mod closing;
mod making;
mod twin;

use std::ops::Range;

use tls_record_c as c;
use tls_record_c::Status;

use self::making::Before;
use self::twin::{Part, Twin};
use crate::c_shared::{ALIGNMENT, Arena, ResultBytes, Store};
pub use crate::c_shared::{Buffer, Place};
use crate::input::input;
pub use crate::setup::{Few, Pad, Setup, Suite};

input! {
    /// Where a call finds its object, if not where it is.
    pub enum Elsewhere {
        /// Null.
        Null,
        /// Some bytes further.
        Misaligned { by: u8, },
        /// In memory for an object, where none was made.
        Unmade,
        /// Among the bytes of the buffers.
        Inside { at: u16, },
        /// In a copy of its bytes.
        Copied,
        /// Where an object of another type is made.
        OtherType { number: u8, },
    }
}

input! {
    /// Where a call makes one of several objects.
    pub enum Room {
        /// Null.
        Null,
        /// At an odd address.
        Misaligned { by: u8, },
        /// Where there is room, but with a size that says otherwise.
        TooShort,
        /// Over the connection.
        OverConnection { at: u8, },
        /// Over the buffer of the connection.
        OverBuffer { at: u16, },
        /// Where another one is made.
        OverOther,
    }
}

input! {
    /// The mailbox of two halves.
    pub enum Mailbox {
        /// None: the caller carries the words.
        None,
        /// That of this end.
        Own,
        /// That of the other end, whose halves lose it.
        OfPeer,
        /// In memory where it cannot be.
        Wrong { room: Room, },
    }
}

input! {
    /// The buffer of a new connection.
    pub enum Memory {
        /// Where it should be.
        Own { at: u8, len: u16, },
        /// Null.
        Null { len: u8, },
        /// Longer than any object.
        TooLong { len: u8, },
        /// Over the connection, or over the layer of which it is made.
        Over { layer: bool, at: u16, len: u8, },
    }
}

input! {
    /// A setting of a connection.
    pub enum Setting {
        /// `set_version`: TLS 1.2, TLS 1.3, or another one.
        Version { number: u8, },
        /// `set_fragment_limit`, also of a writer.
        FragmentLimit { limit: u16, },
        /// `set_padding`.
        Padding { padding: u8, size: u16, },
        /// `set_own_record_size_limit`.
        OwnRecordSizeLimit { limit: u16, },
        /// `set_peer_record_size_limit`.
        PeerRecordSizeLimit { limit: u16, },
    }
}

input! {
    /// A function, and what it is given. If the end is split, it is that of the opener or the writer.
    ///
    /// A length of `u16::MAX` is `usize::MAX`.
    pub enum What {
        /// The transport takes some bytes, and the peer receives them. All is as it should be.
        Transfer { len: u16, },
        /// The words of halves without a mailbox are carried to the writer, or to the opener.
        Carry { to_writer: bool, },
        /// The caller writes to the buffers.
        Fill { at: u16, bytes: Vec<u8>, },
        /// `connection_init`, if there is no connection.
        Init { is_short: bool, has_config: bool, memory: Memory, },
        /// `connection_from_layer`, if there is no connection. The layer has keys, or none, and perhaps an alert is
        /// due.
        FromLayer {
            is_short: bool,
            has_keys: bool,
            is_closing: bool,
            layer: Option<Elsewhere>,
            memory: Memory,
        },
        /// Wipes the connection, its opener or its writer.
        Wipe { part: u8, },
        /// `connection_split`.
        Split { opener: Option<Room>, writer: Option<Room>, mailbox: Mailbox, },
        /// `connection_join`, perhaps with the opener of the other end, or over the buffer.
        Join {
            is_short: bool,
            is_crossed: bool,
            opener: Option<Elsewhere>,
            writer: Option<Elsewhere>,
            over_buffer: Option<u16>,
        },
        /// `connection_install`, with two secrets or one.
        Install { epoch: u8, is_same: bool, has_server: bool, },
        /// `connection_install_one`, with keys that were used or not.
        InstallOne { writer: u8, epoch: u8, is_used: bool, },
        /// `connection_establish`.
        Establish { writer: u8, },
        /// `connection_skip_early_data`.
        SkipEarlyData { after_retry: bool, },
        /// One of the settings.
        Set { setting: Setting, },
        /// `update_keys`.
        Update { request: bool, },
        /// `refuse_renegotiation`.
        RefuseRenegotiation,
        /// `write`.
        Write { data: Buffer, place: Place, },
        /// `write_parts`, with as many parts.
        WriteParts { one: Buffer, other: Buffer, count: u8, place: Place, },
        /// `write_handshake`.
        WriteHandshake { messages: Buffer, },
        /// The same with a whole message.
        Message { message_type: u8, len: u8, },
        /// `write_change_cipher_spec`.
        ChangeCipherSpec,
        /// `reserve`.
        Reserve { len: u16, place: Place, },
        /// The caller writes to the slot, also after the connection has dropped it, as DMA does.
        FillSlot { byte: u8, },
        /// `commit`.
        Commit { len: u16, },
        /// `discard`.
        Discard,
        /// `unsent`.
        Unsent { place: Place, },
        /// `begin_send`.
        BeginSend { place: Place, },
        /// `sent`.
        Sent { len: u16, },
        /// `connection_received`, or `opener_open`.
        Received { input: Buffer, place: Place, },
        /// `connection_received_into`, or `opener_open_into`, with as many pieces.
        ReceivedInto { one: Buffer, other: Buffer, count: u8, out: Buffer, place: Place, },
        /// `eof`.
        Eof,
        /// `transport_failed`.
        TransportFailed,
        /// `shutdown`.
        Shutdown,
        /// `connection_shutdown_both`.
        ShutdownBoth { budget: u16, place: Place, },
        /// `check_closed`.
        CheckClosed { budget: u16, place: Place, },
        /// `abort`.
        Abort { alert: u8, },
        /// `end` of each part of the end.
        End { place: Place, },
        /// `position`.
        Position { place: Place, },
        /// `connection_can_write` and `connection_may_write`.
        CanWrite,
        /// `connection_take_sealed_alert`.
        TakeSealedAlert,
        /// `opener_has_notice`.
        HasNotice { place: Place, },
        /// `opener_take_notice`.
        TakeNotice { place: Place, },
        /// `opener_apply_signal`, with any bits.
        ApplySignal { signal: u16, },
        /// `writer_take_signal`.
        TakeSignal { place: Place, },
        /// `writer_apply_notice`, with any bits.
        ApplyNotice { notice: u16, },
        /// `writer_take_kernel_control`.
        KernelControl { place: Place, },
        /// As `Transfer`, but the peer receives two pieces.
        TransferInPieces { len: u16, cut: u8, },
    }
}

input! {
    /// One call on one of two ends.
    pub struct Call {
        /// The second end.
        pub second: bool,
        /// Where the call finds its object.
        pub object: Option<Elsewhere>,
        /// The call.
        pub what: What,
    }
}

input! {
    /// Two connections, and the calls on them.
    pub struct Input {
        /// The setup of the first; the second is its peer.
        pub setup: Setup,
        /// The length of both buffers, beyond the shortest.
        pub len: u16,
        /// Whether the keys of application data are installed.
        pub is_established: bool,
        /// Whether halves are compared at the end alone. A comparison takes and posts words, which may hide that a
        /// call has not.
        pub compares_late: bool,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

// The memory of an end: its objects, and the buffer behind the connection.
const CONNECTION: usize = 0;
const OUTPUT: usize = 1;
const OPENER: usize = 2;
const WRITER: usize = 3;
const MAILBOX: usize = 4;
const LAYER: usize = 5;
/// Behind that of both ends.
const UNMADE: usize = 12;

/// Memory for buffers.
const OUTPUT_LEN: usize = 1024;

/// `TLSR_MIN_BUFFER`.
const MIN_BUFFER: usize = 128;

const fn size<T>() -> usize {
    size_of::<c::Memory<T>>().next_multiple_of(ALIGNMENT)
}

/// The greatest of the objects.
const OBJECT: usize = {
    let (mut greatest, mut at) = (0, 0);
    let sizes =
        [size::<c::Connection>(), size::<c::Opener>(), size::<c::Writer>(), size::<c::Layer>()];
    while at < sizes.len() {
        if sizes[at] > greatest {
            greatest = sizes[at];
        }
        at += 1;
    }
    greatest
};

/// Which end a call is for, and where it finds the object.
#[derive(Clone, Copy)]
struct Who<'a> {
    second: bool,
    object: Option<&'a Elsewhere>,
}

impl Who<'_> {
    /// All is as it should be.
    const fn own(second: bool) -> Self {
        Who { second, object: None }
    }
}

/// A slot that the caller may write to.
struct Slot {
    /// Bytes of the buffer.
    range: Range<usize>,
    /// What the caller has written.
    byte: u8,
}

#[derive(Default)]
struct End {
    twin: Twin,
    /// Where the buffer lies in its memory.
    buffer: Range<usize>,
    /// A slot that was not committed or discarded, although it may be dropped.
    slot: Option<Slot>,
    /// How many bytes the transport is reading.
    in_flight: usize,
    /// What the transport has taken, and the peer has not consumed.
    wire: Vec<u8>,
    /// The number of the next secret. Both ends have the same.
    seed: u8,
    /// The parts that were called since they were last compared.
    is_touched: [bool; MAILBOX],
}

struct World<'a> {
    setup: &'a Setup,
    arena: Arena,
    store: Store,
    ends: [End; 2],
    /// Whose halves the mailbox of each end belongs to.
    owners: [Option<bool>; 2],
}

/// Makes a call on the connection, or on a half if it is split, and the same on its twin.
macro_rules! either {
    (
        $world:expr, $who:expr, $is_argument:expr, $result:expr,
        $whole:ident | $half:ident($($argument:expr),*) of $part:ident by $with:ident,
        |$twin:ident, $buffers:pat_param| $expected:expr
    ) => {
        if $world.ends[usize::from($who.second)].twin.is_split() {
            $world.check::<tls_record_c::$part, _>(
                $who,
                $is_argument,
                $result,
                |handle| tls_record_c::$half(handle, $($argument),*),
                |twin, $buffers| twin.$with(|$twin| $expected),
            )
        } else {
            $world.check::<tls_record_c::Connection, _>(
                $who,
                $is_argument,
                $result,
                |handle| tls_record_c::$whole(handle, $($argument),*),
                |twin, $buffers| {
                    let $twin = twin.whole();
                    $expected
                },
            )
        }
    };
}
use either;

/// The status of a result, and what it holds.
fn answer<T, E: Into<Status>>(result: Result<T, E>) -> (Status, Option<T>) {
    match result {
        Ok(value) => (Status::OK, Some(value)),
        Err(error) => (error.into(), None),
    }
}

/// What a call returns that cannot fail.
const DONE: (Status, ()) = (Status::OK, ());

/// What C says of a length.
fn len_of(len: u16) -> usize {
    if len == u16::MAX { usize::MAX } else { len.into() }
}

impl<'a> World<'a> {
    fn new(input: &'a Input) -> Self {
        let setup = &input.setup;
        let of_end = [
            size::<c::Connection>(),
            OUTPUT_LEN,
            size::<c::Opener>(),
            size::<c::Writer>(),
            size::<c::Mailbox>(),
            size::<c::Layer>(),
        ];
        let arena = Arena::new(&[&of_end[..], &of_end, &[OBJECT]].concat());
        let store = Store::new(setup.suite.clone());
        let mut this = Self { setup, arena, store, ends: Default::default(), owners: [None; 2] };
        let len = MIN_BUFFER as u16 + input.len % (OUTPUT_LEN - MIN_BUFFER + 1) as u16;
        for second in [false, true] {
            let memory = Memory::Own { at: 0, len };
            this.init(Who::own(second), false, true, &memory);
            if input.is_established {
                this.install(Who::own(second), 4, false, true);
            }
        }
        this
    }

    fn end_of(&mut self, second: bool) -> &mut End {
        &mut self.ends[usize::from(second)]
    }

    /// Which memory it is.
    fn index(second: bool, index: usize) -> usize {
        index + usize::from(second) * (LAYER + 1)
    }

    /// Returns the address that a call is given.
    fn pointer<T>(&self, index: usize, who: Who<'_>) -> *mut c::Memory<T> {
        let own = Self::index(who.second, index);
        let pointer = match who.object {
            None => self.arena.object(own),
            Some(Elsewhere::Null) => std::ptr::null_mut(),
            Some(Elsewhere::Misaligned { by }) => {
                self.arena.object(own).wrapping_add(1 + usize::from(by % 15))
            }
            Some(Elsewhere::Unmade | Elsewhere::Copied) => self.arena.object(UNMADE),
            Some(Elsewhere::Inside { at }) => self.arena.inside(*at, OBJECT),
            Some(Elsewhere::OtherType { number }) => {
                const TYPES: [usize; 5] = [CONNECTION, OPENER, WRITER, MAILBOX, LAYER];
                let own = TYPES.iter().position(|other| *other == index).unwrap_or(0);
                let other = TYPES[(own + 1 + usize::from(number % 4)) % TYPES.len()];
                self.arena.object(Self::index(who.second, other))
            }
        };
        pointer.cast()
    }

    /// Returns what a call is given.
    fn handle<T: c::Object>(&self, index: usize, who: Who<'_>) -> c::Handle<'_, T> {
        // SAFETY: null, misaligned, or as many bytes of this memory, all of which were written. Objects are only
        // made where there is room for them.
        unsafe { c::Handle::new(self.pointer(index, who)) }
    }

    /// Returns the status that an object elsewhere causes, in a function that makes none.
    fn misplaced<T>(object: &Elsewhere) -> Status {
        match object {
            Elsewhere::Null => Status::ARGUMENT,
            // How much is aligned depends on the ciphers of the library.
            Elsewhere::Misaligned { by }
                if (1 + usize::from(by % 15)) % align_of::<c::Memory<T>>() != 0 =>
            {
                Status::ARGUMENT
            }
            _ => Status::INVALID_HANDLE,
        }
    }

    /// Returns whether the halves of an end have lost their mailbox to others.
    fn has_lost_mailbox(&self, second: bool) -> bool {
        let mailbox = &self.ends[usize::from(second)].twin.mailbox;
        mailbox.as_ref().is_some_and(|(of, _)| self.owners[usize::from(*of)] != Some(second))
    }

    /// Returns the status of a call that finds no object there.
    fn refused<T: Part>(&self, who: Who<'_>) -> Option<Status> {
        match who.object {
            Some(object) => Some(Self::misplaced::<T>(object)),
            None => {
                let is_made = T::is_made(&self.ends[usize::from(who.second)].twin);
                (!is_made).then_some(Status::INVALID_HANDLE)
            }
        }
    }

    /// Makes a call of C, with a copy of the object if there is to be one.
    fn call_c<T: Part, R>(&self, who: Who<'_>, call: impl FnOnce(c::Handle<'_, T>) -> R) -> R {
        let is_copied = who.object == Some(&Elsewhere::Copied);
        if is_copied {
            self.arena.copy_object(Self::index(who.second, T::INDEX), UNMADE);
        }
        let returned = call(self.handle(T::INDEX, who));
        if is_copied {
            self.arena.fill_object(UNMADE, 0..OBJECT, 0);
        }
        returned
    }

    /// Marks a part that was called, to be compared after the call. A comparison of a half takes what the other
    /// half has posted: so only parts that were called are compared.
    fn touch<T: Part>(&mut self, second: bool) {
        let end = self.end_of(second);
        end.is_touched[T::INDEX] |= T::is_made(&end.twin);
    }

    /// Checks a call. `call` makes it in C; `expected` makes it on the twin, whose buffers are a copy, and returns
    /// its status.
    ///
    /// `is_argument` says whether one of the pointers or values is none that the header allows, and `result` where
    /// the result is written: zeros after an error.
    #[track_caller]
    fn check<T: Part, R>(
        &mut self,
        who: Who<'_>,
        is_argument: bool,
        result: Option<ResultBytes>,
        call: impl FnOnce(c::Handle<'_, T>) -> Status,
        expected: impl FnOnce(&mut Twin, &mut [u8]) -> (Status, R),
    ) -> Option<R> {
        if let Some(result) = &result {
            result.prepare();
        }
        let before = self.arena.buffers();
        let is_lost = T::INDEX != CONNECTION && self.has_lost_mailbox(who.second);
        let refused = self.refused::<T>(who).or_else(|| is_lost.then_some(Status::INVALID_HANDLE));
        let status = self.call_c(who, call);
        // These two say more in the result.
        let has_result =
            matches!(status, Status::OK | Status::AWAITING_PEER | Status::BUDGET_SPENT);
        if let Some(result) = &result
            && !has_result
        {
            assert!(result.is_cleared(), "{status:?}, and no zeros");
        }
        let after = self.arena.buffers();
        if refused.is_some() || is_argument {
            let is_right = Some(status) == refused || is_argument && status == Status::ARGUMENT;
            assert!(is_right, "{status:?} of {:?}", who.object);
            assert_eq!(after, before, "it was refused, and changed bytes");
            self.touch::<T>(who.second);
            return None;
        }
        let mut buffers = before;
        self.touch::<T>(who.second);
        let (expected_status, returned) = expected(&mut self.end_of(who.second).twin, &mut buffers);
        assert_eq!(status, expected_status);
        let place = result.map_or(0..0, |result| result.in_buffers());
        assert_eq!(after[..place.start], buffers[..place.start]);
        assert_eq!(after[place.end..], buffers[place.end..]);
        Some(returned)
    }

    fn call(&mut self, Call { second, object, what }: &Call) {
        let who = Who { second: *second, object: object.as_ref() };
        match what {
            What::Transfer { len } => self.transfer(*second, usize::from(*len), None),
            What::TransferInPieces { len, cut } => {
                self.transfer(*second, usize::from(*len), Some(*cut));
            }
            What::Carry { to_writer } => self.carry(*second, *to_writer),
            What::Fill { at, bytes } => self.arena.fill((*at).into(), bytes),
            What::Init { is_short, has_config, memory } => {
                self.init(who, *is_short, *has_config, memory);
            }
            What::FromLayer { is_short, has_keys, is_closing, layer, memory } => {
                let layer =
                    Before { object: layer.as_ref(), has_keys: *has_keys, is_closing: *is_closing };
                self.init_from_layer(who, *is_short, &layer, memory);
            }
            What::Wipe { part } => match part % 3 {
                0 => self.wipe::<c::Connection>(
                    who,
                    |handle| c::connection_wipe(handle),
                    |twin| twin.whole = None,
                ),
                1 => self.wipe::<c::Opener>(
                    who,
                    |handle| c::opener_wipe(handle),
                    |twin| twin.opener = None,
                ),
                _ => self.wipe::<c::Writer>(
                    who,
                    |handle| c::writer_wipe(handle),
                    |twin| twin.writer = None,
                ),
            },
            What::Split { opener, writer, mailbox } => {
                self.split(who, opener.as_ref(), writer.as_ref(), mailbox);
            }
            What::Join { is_short, is_crossed, opener, writer, over_buffer } => {
                let objects = (opener.as_ref(), writer.as_ref());
                self.join(who, *is_short, *is_crossed, objects, *over_buffer);
            }
            What::Install { epoch, is_same, has_server } => {
                self.install(who, *epoch, *is_same, *has_server);
            }
            What::InstallOne { writer, epoch, is_used } => {
                self.install_one(who, *writer, *epoch, *is_used);
            }
            What::Establish { writer } => self.establish(who, *writer),
            What::SkipEarlyData { after_retry } => self.skip_early_data(who, *after_retry),
            What::Set { setting } => self.set(who, setting),
            What::Update { request } => self.update(who, *request),
            What::RefuseRenegotiation => self.refuse_renegotiation(who),
            What::Write { data, place } => self.write(who, data, place),
            What::WriteParts { one, other, count, place } => {
                self.write_parts(who, [one, other], *count, place);
            }
            What::WriteHandshake { messages } => self.write_handshake(who, messages),
            What::Message { message_type, len } => {
                let message = [&[*message_type, 0, 0, *len][..], &vec![1; (*len).into()]].concat();
                self.arena.fill(0, &message);
                self.write_handshake(who, &Buffer::In { at: 0, len: message.len() as u16 });
            }
            What::ChangeCipherSpec => self.change_cipher_spec(who),
            What::Reserve { len, place } => self.reserve(who, len_of(*len), place),
            What::FillSlot { byte } => self.fill_slot(*second, *byte),
            What::Commit { len } => self.commit(who, len_of(*len)),
            What::Discard => self.discard(who),
            What::Unsent { place } => drop(self.unsent(who, place)),
            What::BeginSend { place } => self.begin_send(who, place),
            What::Sent { len } => self.sent(who, len_of(*len)),
            What::Received { input, place } => drop(self.received(who, input, place)),
            What::ReceivedInto { one, other, count, out, place } => {
                self.received_into(who, [one, other], *count, out, place);
            }
            What::Eof => self.eof(who),
            What::TransportFailed => self.transport_failed(who),
            What::Shutdown => self.shutdown(who),
            What::ShutdownBoth { budget, place } => {
                self.shutdown_both(who, (*budget).into(), place);
            }
            What::CheckClosed { budget, place } => self.check_closed(who, (*budget).into(), place),
            What::Abort { alert } => self.abort(who, *alert),
            What::End { place } => self.end(who, place),
            What::Position { place } => self.position(who, place),
            What::CanWrite => self.can_write(who),
            What::TakeSealedAlert => self.take_sealed_alert(who),
            What::HasNotice { place } => self.has_notice(who, place),
            What::TakeNotice { place } => drop(self.take_notice(who, place)),
            What::ApplySignal { signal } => self.apply_signal(who, (*signal).into()),
            What::TakeSignal { place } => drop(self.take_signal(who, place)),
            What::ApplyNotice { notice } => self.apply_notice(who, (*notice).into()),
            What::KernelControl { place } => self.kernel_control(who, place),
        }
    }

    /// Compares the parts that were called with their twins, and checks the memory of the others.
    fn compare(&mut self, leaves_halves: bool) {
        for second in [false, true] {
            let mut is_touched = std::mem::take(&mut self.end_of(second).is_touched);
            if leaves_halves {
                (is_touched[OPENER], is_touched[WRITER]) = (false, false);
            }
            let who = Who::own(second);
            if is_touched[CONNECTION] {
                self.end_of_part::<c::Connection>(who, &Place::Own);
                self.position(who, &Place::Own);
                self.can_write(who);
            }
            if is_touched[OPENER] {
                self.end_of_part::<c::Opener>(who, &Place::Own);
                self.position(who, &Place::Own);
            }
            if is_touched[WRITER] {
                self.end_of_part::<c::Writer>(who, &Place::Own);
            }
            if is_touched[CONNECTION] || is_touched[WRITER] {
                self.unsent(who, &Place::Own);
            }
            self.end_of(second).is_touched = Default::default();
            self.check_memory(second);
        }
    }

    /// Checks that memory without an object is zeros, and that the engine leaves bytes of the caller alone.
    fn check_memory(&self, second: bool) {
        let End { twin, buffer, slot, .. } = &self.ends[usize::from(second)];
        let unmade = [
            (Self::index(second, CONNECTION), twin.whole.is_none()),
            (Self::index(second, OPENER), twin.opener.is_none()),
            (Self::index(second, WRITER), twin.writer.is_none()),
            (Self::index(second, LAYER), true),
            (UNMADE, true),
        ];
        for (index, is_unmade) in unmade {
            if is_unmade {
                let bytes = self.arena.object_bytes(index, 0..self.arena.object_len(index));
                assert!(is_zeros(&bytes), "bytes of an object are left");
            }
        }
        let output = self.arena.object_bytes(Self::index(second, OUTPUT), 0..OUTPUT_LEN);
        let is_left_alone = is_zeros(&output[..buffer.start]) && is_zeros(&output[buffer.end..]);
        assert!(is_left_alone, "bytes beside the buffer have changed");
        if let Some(Slot { range, byte }) = slot {
            let slot = &output[buffer.clone()][range.clone()];
            assert!(slot.iter().all(|other| other == byte), "the slot has changed");
        }
    }
}

/// Compared as a whole, which is faster in tests without optimizations.
fn is_zeros(bytes: &[u8]) -> bool {
    static ZEROS: [u8; 1 << 14] = [0; 1 << 14];
    bytes == &ZEROS[..bytes.len()]
}

impl crate::target::Input for Input {
    const NAME: &'static str = "c_connection";

    fn run(&self) {
        let mut world = World::new(self);
        for call in &self.calls {
            world.call(call);
            world.compare(self.compares_late);
        }
        for second in [false, true] {
            world.touch::<c::Connection>(second);
            world.touch::<c::Opener>(second);
            world.touch::<c::Writer>(second);
        }
        world.compare(false);
        for second in [false, true] {
            for _ in 0..2 {
                for part in 0..3 {
                    world.call(&Call { second, object: None, what: What::Wipe { part } });
                }
            }
        }
        world.compare(false);
        world.store.check_all_destroyed();
    }
}
