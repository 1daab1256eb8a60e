//! Calls on record layers through the C API, with pointers of every kind into one piece of memory, and the same
//! calls on record layers of Rust.
//!
//! A call with pointers that the header allows must return what Rust returns, and write the same bytes. Any other
//! must return TLSR_ERR_ARGUMENT or TLSR_ERR_INVALID_HANDLE and change nothing. The keys are in a key store: each
//! must be destroyed once, and not be used after that.
//!
//! The header leaves out what no function can see: a buffer that is shorter than its length, one that overlaps an
//! object that was made, and an object that is made where another one is.

// The pointers of C are made here.
#![allow(unsafe_code)]

use tls_record::{AlertDescription, Control as Due, Epoch, RecordLayer, SealError, TrafficSecret};
use tls_record_c as c;
use tls_record_c::Status;

use crate::c_shared::{
    ALIGNMENT, Arena, ResultBytes, Store, check_end, check_opened, config_of, contents, epoch_of,
    policy, slices,
};
pub use crate::c_shared::{Buffer, Place};
use crate::checksum::Checksum;
use crate::input::input;
pub use crate::setup::{Few, Pad, Setup, Suite};

input! {
    /// Where a call finds its layer.
    pub enum Object {
        /// Where it is.
        Own,
        /// Null.
        Null,
        /// Some bytes further.
        Misaligned { by: u8, },
        /// In memory for a layer, where none was made.
        Unmade,
        /// Among the bytes of the buffers.
        Inside { at: u16, },
    }
}

input! {
    /// One call on one of two layers.
    pub enum Call {
        /// The first layer, or the second, seals data, which the other one opens. All is as it should be.
        Exchange { second: bool, len: u8, },
        /// The same with the control records that are due.
        ExchangeControl { second: bool, },
        /// The caller writes to the buffers.
        Fill { at: u16, bytes: Vec<u8>, },
        /// `layer_init`, if there is no layer, with a size.
        Init { second: bool, object: Object, is_short: bool, has_config: bool, },
        /// `layer_wipe`.
        Wipe { second: bool, object: Object, },
        /// `layer_install`, with two secrets or one.
        Install { second: bool, object: Object, epoch: u8, is_same: bool, has_server: bool, },
        /// `layer_seal`.
        Seal { second: bool, object: Object, data: Buffer, out: Buffer, place: Place, },
        /// `layer_seal_parts`, with as many parts.
        SealParts { second: bool, object: Object, one: Buffer, other: Buffer, count: u8, out: Buffer, place: Place, },
        /// `layer_seal_in_place`.
        SealInPlace { second: bool, object: Object, record: Buffer, len: u16, place: Place, },
        /// `layer_seal_handshake`.
        SealHandshake { second: bool, object: Object, message: Buffer, out: Buffer, place: Place, },
        /// `layer_open`.
        Open { second: bool, object: Object, input: Buffer, place: Place, },
        /// `layer_open_into`, with as many pieces.
        OpenInto { second: bool, object: Object, one: Buffer, other: Buffer, count: u8, out: Buffer, place: Place, },
        /// `layer_poll_control`.
        PollControl { second: bool, object: Object, out: Buffer, place: Place, },
        /// `layer_next_control`.
        NextControl { second: bool, object: Object, place: Place, },
        /// `layer_end`.
        End { second: bool, object: Object, place: Place, },
        /// `layer_close`.
        Close { second: bool, object: Object, },
        /// `layer_abort`.
        Abort { second: bool, object: Object, alert: u8, },
        /// `layer_update_keys`.
        Update { second: bool, object: Object, request: bool, },
        /// `layer_eof`.
        Eof { second: bool, object: Object, },
        /// `layer_set_padding`.
        SetPadding { second: bool, object: Object, padding: u8, size: u16, },
    }
}

input! {
    /// Two layers, and the calls on them.
    pub struct Input {
        /// The setup of the first; the second is its peer.
        pub setup: Setup,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

type Twin = RecordLayer<TrafficSecret<Checksum>>;

/// Bytes of a layer, not less than `TLSR_LAYER_SIZE`.
const LAYER: usize = size_of::<c::Memory<c::Layer>>().next_multiple_of(ALIGNMENT);

struct World<'a> {
    setup: &'a Setup,
    arena: Arena,
    store: Store,
    twins: [Option<Twin>; 2],
    /// The number of the next secret: no two are the same.
    seed: u8,
}

impl<'a> World<'a> {
    fn new(setup: &'a Setup) -> Self {
        // Two layers, and memory in which none is made.
        let (arena, store) = (Arena::new(&[LAYER; 3]), Store::new(setup.suite.clone()));
        let mut this = Self { setup, arena, store, twins: [None, None], seed: 1 };
        for second in [false, true] {
            this.call(&Call::Init {
                second,
                object: Object::Own,
                is_short: false,
                has_config: true,
            });
        }
        let seed = this.seed;
        for second in [false, true] {
            // The peers have the same secrets.
            this.seed = seed;
            let (object, epoch) = (Object::Own, 4);
            let both = Call::Install { second, object, epoch, is_same: false, has_server: true };
            this.call(&both);
        }
        this
    }

    fn layer(&self, second: bool, object: &Object) -> c::Handle<'_, c::Layer> {
        let own = self.arena.object(second.into());
        let pointer = match object {
            Object::Own => own,
            Object::Null => std::ptr::null_mut(),
            Object::Misaligned { by } => own.wrapping_add(usize::from(by % 16)),
            Object::Unmade => self.arena.object(2),
            Object::Inside { at } => self.arena.inside(*at, LAYER),
        };
        // SAFETY: null, misaligned, or as many bytes of this memory, all of which were written. Objects are only made
        // in those of `Own`.
        unsafe { c::Handle::new(pointer.cast()) }
    }

    /// Returns whether a call finds a layer there, and the status if it does not.
    fn refused(&self, second: bool, object: &Object) -> Option<Status> {
        match object {
            Object::Own if self.twins[usize::from(second)].is_some() => None,
            Object::Own | Object::Unmade | Object::Inside { .. } => Some(Status::INVALID_HANDLE),
            Object::Null => Some(Status::ARGUMENT),
            Object::Misaligned { by } if by % 16 == 0 => self.refused(second, &Object::Own),
            // How much is aligned depends on the ciphers of the library.
            Object::Misaligned { by }
                if usize::from(*by) % align_of::<c::Memory<c::Layer>>() == 0 =>
            {
                Some(Status::INVALID_HANDLE)
            }
            Object::Misaligned { .. } => Some(Status::ARGUMENT),
        }
    }

    /// Checks a call. `call` makes it in C; `expected` makes it on the twin, whose buffers are a copy.
    ///
    /// `place` is where the result is written, and `is_argument` whether one of the pointers or values is none
    /// that the header allows.
    #[track_caller]
    fn check<R>(
        &mut self,
        (second, object): (bool, &Object),
        is_argument: bool,
        place: Option<ResultBytes>,
        call: impl FnOnce(&mut Self) -> Status,
        expected: impl FnOnce(&mut Twin, &mut [u8]) -> R,
        status_of: impl FnOnce(&R) -> Status,
    ) -> Option<R> {
        // Some calls write zeros there first, whatever they return, and some do not.
        let place = place.map_or(0..0, |place| place.in_buffers());
        self.arena.fill(place.start, &vec![0; place.len()]);
        let before = self.arena.buffers();
        let refused = self.refused(second, object);
        let status = call(self);
        if refused.is_some() || is_argument {
            let is_right = Some(status) == refused || is_argument && status == Status::ARGUMENT;
            assert!(is_right, "{status:?} of {object:?}");
            assert_eq!(self.arena.buffers(), before, "it was refused, and changed bytes");
            return None;
        }
        let mut buffers = before;
        let twin = self.twins[usize::from(second)].as_mut().expect("it was not refused");
        let result = expected(twin, &mut buffers);
        assert_eq!(status, status_of(&result));
        let after = self.arena.buffers();
        assert_eq!(after[..place.start], buffers[..place.start]);
        assert_eq!(after[place.end..], buffers[place.end..]);
        Some(result)
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Exchange { second, len } => {
                let (at, len) = (0, (*len).into());
                let data = Buffer::In { at, len };
                let out = Buffer::In { at: 512, len: 1024 };
                let sealed = self.seal(*second, &Object::Own, &data, &out, &Place::Own);
                self.exchange(*second, sealed);
            }
            Call::ExchangeControl { second } => {
                let out = Buffer::In { at: 512, len: 1024 };
                let sealed = self.poll_control(*second, &Object::Own, &out, &Place::Own);
                self.exchange(*second, sealed);
            }
            Call::Fill { at, bytes } => self.arena.fill((*at).into(), bytes),
            Call::Init { second, object, is_short, has_config } => {
                self.init(*second, object, *is_short, *has_config);
            }
            Call::Wipe { second, object } => self.wipe(*second, object),
            Call::Install { second, object, epoch, is_same, has_server } => {
                self.install(*second, object, *epoch, *is_same, *has_server);
            }
            Call::Seal { second, object, data, out, place } => {
                self.seal(*second, object, data, out, place);
            }
            Call::SealParts { second, object, one, other, count, out, place } => {
                self.seal_parts(*second, object, [one, other], *count, out, place);
            }
            Call::SealInPlace { second, object, record, len, place } => {
                self.seal_in_place(*second, object, record, usize::from(*len), place);
            }
            Call::SealHandshake { second, object, message, out, place } => {
                self.seal_handshake(*second, object, message, out, place);
            }
            Call::Open { second, object, input, place } => {
                self.open(*second, object, input, place);
            }
            Call::OpenInto { second, object, one, other, count, out, place } => {
                self.open_into(*second, object, [one, other], *count, out, place);
            }
            Call::PollControl { second, object, out, place } => {
                self.poll_control(*second, object, out, place);
            }
            Call::NextControl { second, object, place } => {
                self.next_control(*second, object, place);
            }
            Call::End { second, object, place } => self.end(*second, object, place),
            Call::Close { second, object } => {
                let call = |layer: c::Handle<'_, _>| c::layer_close(layer);
                self.simple(*second, object, false, call, Twin::close);
            }
            Call::Abort { second, object, alert } => {
                let alert = *alert;
                let call = |layer: c::Handle<'_, _>| c::layer_abort(layer, alert);
                self.simple(*second, object, false, call, |twin| {
                    twin.abort(AlertDescription(alert))
                });
            }
            Call::Update { second, object, request } => {
                let request = *request;
                let call = |layer: c::Handle<'_, _>| c::layer_update_keys(layer, request.into());
                self.simple(*second, object, false, call, |twin| twin.update_keys(request));
            }
            Call::Eof { second, object } => {
                let call = |layer: c::Handle<'_, _>| c::layer_eof(layer);
                self.simple(*second, object, false, call, |twin| {
                    twin.eof();
                    Ok::<_, Status>(())
                });
            }
            Call::SetPadding { second, object, padding, size } => {
                let (padding, size) = (*padding % 5, *size);
                let call = |layer: c::Handle<'_, _>| c::layer_set_padding(layer, padding, size);
                self.simple(*second, object, padding > 3, call, |twin| {
                    twin.set_padding(policy(padding, size));
                    Ok::<_, Status>(())
                });
            }
        }
    }

    /// The other end opens the record at 512 of the buffers.
    fn exchange(&mut self, second: bool, sealed: Option<usize>) {
        let len = sealed.unwrap_or(0) as u16;
        if len > 0 {
            let input = Buffer::In { at: 512, len };
            self.open(!second, &Object::Own, &input, &Place::Own);
        }
    }

    /// A call without pointers but that of the layer.
    #[track_caller]
    fn simple<E: Into<Status> + Copy>(
        &mut self,
        second: bool,
        object: &Object,
        is_argument: bool,
        call: impl FnOnce(c::Handle<'_, c::Layer>) -> Status,
        expected: impl FnOnce(&mut Twin) -> Result<(), E>,
    ) {
        self.check(
            (second, object),
            is_argument,
            None,
            |this| call(this.layer(second, object)),
            |twin, _| expected(twin),
            |result| result.map_or_else(Into::into, |()| Status::OK),
        );
    }

    fn init(&mut self, second: bool, object: &Object, is_short: bool, has_config: bool) {
        // Elsewhere, or over another one, an object would be made that other calls overwrite.
        let is_own = matches!(object, Object::Own);
        let refused = self.refused(second, object);
        if refused.is_none() || !is_own && refused != Some(Status::ARGUMENT) {
            return;
        }
        let mut config = self.setup.config();
        if second {
            config.role = config.role.peer();
        }
        let of_c = config_of(&config);
        let config_in = if has_config { &raw const of_c } else { std::ptr::null() };
        // SAFETY: null or a variable of this function.
        let config_in = unsafe { c::In::new(config_in) };
        let size = if is_short { LAYER - ALIGNMENT } else { LAYER };
        let status = c::layer_init(self.layer(second, object), size, config_in);
        let is_argument = refused == Some(Status::ARGUMENT) || !has_config;
        match (is_argument, is_short) {
            (true, true) => assert!(status == Status::ARGUMENT || status == Status::SIZE),
            (true, false) => assert_eq!(status, Status::ARGUMENT),
            (false, true) => assert_eq!(status, Status::SIZE),
            (false, false) => {
                assert_eq!(status, Status::OK);
                self.twins[usize::from(second)] = Some(Twin::new(config));
            }
        }
    }

    fn wipe(&mut self, second: bool, object: &Object) {
        let wiped = self.check(
            (second, object),
            false,
            None,
            |this| c::layer_wipe(this.layer(second, object)),
            |_, _| (),
            |()| Status::OK,
        );
        if wiped.is_some() {
            self.twins[usize::from(second)] = None;
        }
    }

    fn install(
        &mut self,
        second: bool,
        object: &Object,
        epoch: u8,
        is_same: bool,
        has_server: bool,
    ) {
        // A secret is never given twice, except on purpose.
        if self.seed > 200 {
            return;
        }
        let seeds = [self.seed, self.seed + u8::from(!is_same)];
        self.seed += 2;
        let epoch = epoch % 6;
        let first = match epoch {
            4 => self.setup.suite.first_number(Epoch::Application),
            _ => 0,
        };
        let numbers = [0, 1].map(|at| {
            if at == 1 && is_same { self.store.again() } else { self.store.give(seeds[at]) }
        });
        let secrets = numbers.map(|number| self.store.secret(number, first));
        let server = if has_server { &raw const secrets[1] } else { std::ptr::null() };
        let setup = self.setup;
        let result = self.check(
            (second, object),
            !(1..=4).contains(&epoch) || !has_server,
            None,
            |this| {
                let layer = this.layer(second, object);
                // SAFETY: a variable of this function.
                let client = unsafe { c::In::new(&raw const secrets[0]) };
                // SAFETY: as above, or null.
                let server = unsafe { c::In::new(server) };
                c::layer_install(layer, epoch, client, server)
            },
            |twin, _| {
                let [client, server] = seeds.map(|seed| (setup.suite.secret(seed), first));
                twin.take_over(epoch_of(epoch), client, server)
            },
            |result| result.map_or_else(Status::from, |()| Status::OK),
        );
        let is_taken = match result {
            None => false,
            Some(result) => {
                let status = result.map_or_else(Status::from, |()| Status::OK);
                status != Status::LENGTH && status != Status::UNSUPPORTED
            }
        };
        if !is_taken {
            self.store.give_back(if is_same { &numbers[..1] } else { &numbers });
        }
    }

    /// A call that seals, and fills a `tlsr_sealed`.
    #[track_caller]
    fn sealing(
        &mut self,
        second: bool,
        object: &Object,
        is_argument: bool,
        place: &Place,
        call: impl FnOnce(&mut Self, c::Out<'_, c::Sealed>) -> Status,
        expected: impl FnOnce(&mut Twin, &mut [u8]) -> Result<(usize, usize), SealError>,
    ) -> Option<usize> {
        let sealed = self.arena.place::<c::Sealed>(place);
        let result = self.check(
            (second, object),
            is_argument || sealed.is_refused(),
            Some(sealed.result()),
            |this| call(this, sealed.out()),
            expected,
            |result| result.map_or_else(Status::from, |_| Status::OK),
        )?;
        let needed = match result {
            Err(SealError::NoSpace { need }) => need,
            _ => 0,
        };
        let (taken, written) = result.unwrap_or_default();
        let filled = sealed.take();
        assert_eq!((filled.taken, filled.written, filled.needed), (taken, written, needed));
        Some(written)
    }

    fn seal(
        &mut self,
        second: bool,
        object: &Object,
        data: &Buffer,
        out: &Buffer,
        place: &Place,
    ) -> Option<usize> {
        let (data, out) = (self.arena.span(data), self.arena.span(out));
        self.sealing(
            second,
            object,
            data.is_refused() || out.is_refused() || data.overlaps(&out),
            place,
            |this, sealed| {
                let layer = this.layer(second, object);
                c::layer_seal(layer, data.bytes(), data.len, out.bytes_mut(), out.len, sealed)
            },
            |twin, buffers| {
                let data = buffers[data.range()].to_vec();
                twin.seal(&[&data], &mut buffers[out.range()])
                    .map(|sealed| (sealed.taken, sealed.written))
            },
        )
    }

    fn seal_parts(
        &mut self,
        second: bool,
        object: &Object,
        parts: [&Buffer; 2],
        count: u8,
        out: &Buffer,
        place: &Place,
    ) {
        let (parts, out) = (parts.map(|part| self.arena.span(part)), self.arena.span(out));
        let (slices, count, is_refused) = slices(&parts, count, Some(&out));
        self.sealing(
            second,
            object,
            is_refused || out.is_refused(),
            place,
            |this, sealed| {
                let layer = this.layer(second, object);
                // SAFETY: so many slices, whose bytes nothing changes.
                let parts = unsafe { c::Parts::new(slices.as_ptr()) };
                c::layer_seal_parts(layer, parts, count, out.bytes_mut(), out.len, sealed)
            },
            |twin, buffers| {
                let parts = contents(&parts, count, buffers);
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                twin.seal(&parts, &mut buffers[out.range()])
                    .map(|sealed| (sealed.taken, sealed.written))
            },
        );
    }

    fn seal_in_place(
        &mut self,
        second: bool,
        object: &Object,
        record: &Buffer,
        len: usize,
        place: &Place,
    ) {
        let record = self.arena.span(record);
        self.sealing(
            second,
            object,
            record.is_refused(),
            place,
            |this, sealed| {
                let layer = this.layer(second, object);
                c::layer_seal_in_place(layer, record.bytes_mut(), record.len, len, sealed)
            },
            |twin, buffers| {
                twin.seal_in_place(&mut buffers[record.range()], len).map(|written| (len, written))
            },
        );
    }

    fn seal_handshake(
        &mut self,
        second: bool,
        object: &Object,
        message: &Buffer,
        out: &Buffer,
        place: &Place,
    ) {
        let (message, out) = (self.arena.span(message), self.arena.span(out));
        self.sealing(
            second,
            object,
            message.is_refused() || out.is_refused() || message.overlaps(&out),
            place,
            |this, sealed| {
                let layer = this.layer(second, object);
                let (bytes, len) = (message.bytes(), message.len);
                c::layer_seal_handshake(layer, bytes, len, out.bytes_mut(), out.len, sealed)
            },
            |twin, buffers| {
                let content = buffers[message.range()].to_vec();
                twin.seal_handshake(&[&content], &mut buffers[out.range()])
                    .map(|written| (message.len, written))
            },
        );
    }

    fn poll_control(
        &mut self,
        second: bool,
        object: &Object,
        out: &Buffer,
        place: &Place,
    ) -> Option<usize> {
        let out = self.arena.span(out);
        self.sealing(
            second,
            object,
            out.is_refused(),
            place,
            |this, sealed| {
                let layer = this.layer(second, object);
                c::layer_poll_control(layer, out.bytes_mut(), out.len, sealed)
            },
            |twin, buffers| {
                twin.poll_control(&mut buffers[out.range()]).map(|written| (0, written))
            },
        )
    }

    fn open(&mut self, second: bool, object: &Object, input: &Buffer, place: &Place) {
        let (input, opened) = (self.arena.span(input), self.arena.place(place));
        let result = self.check(
            (second, object),
            input.is_refused() || opened.is_refused(),
            Some(opened.result()),
            |this| {
                let layer = this.layer(second, object);
                c::layer_open(layer, input.bytes_mut(), input.len, opened.out())
            },
            |twin, buffers| twin.open(&mut buffers[input.range()]),
            |result| result.as_ref().map_or_else(|error| (*error).into(), |_| Status::OK),
        );
        if let Some(Ok(expected)) = result {
            check_opened(&opened.take(), &expected);
        }
    }

    fn open_into(
        &mut self,
        second: bool,
        object: &Object,
        pieces: [&Buffer; 2],
        count: u8,
        out: &Buffer,
        place: &Place,
    ) {
        let (pieces, out) = (pieces.map(|piece| self.arena.span(piece)), self.arena.span(out));
        let opened = self.arena.place(place);
        let (slices, count, is_refused) = slices(&pieces, count, Some(&out));
        let result = self.check(
            (second, object),
            is_refused || out.is_refused() || opened.is_refused(),
            Some(opened.result()),
            |this| {
                let layer = this.layer(second, object);
                // SAFETY: so many slices, whose bytes nothing changes.
                let pieces = unsafe { c::Parts::new(slices.as_ptr()) };
                c::layer_open_into(layer, pieces, count, out.bytes_mut(), out.len, opened.out())
            },
            |twin, buffers| {
                let pieces = contents(&pieces, count, buffers);
                let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
                twin.open_into(&pieces, &mut buffers[out.range()])
            },
            |result| result.as_ref().map_or_else(|error| (*error).into(), |_| Status::OK),
        );
        if let Some(Ok(expected)) = result {
            check_opened(&opened.take(), &expected);
        }
    }

    fn next_control(&mut self, second: bool, object: &Object, place: &Place) {
        let due = self.arena.place::<c::Control>(place);
        let result = self.check(
            (second, object),
            due.is_refused(),
            Some(due.result()),
            |this| c::layer_next_control(this.layer(second, object), due.out()),
            |twin, _| twin.next_control(),
            |_| Status::OK,
        );
        let Some(expected) = result else { return };
        let due = due.take();
        let expected_parts = match expected {
            None => (0, 0, 0),
            Some(Due::Alert(alert)) => (1, alert.0, 0),
            Some(Due::KeyUpdate { request }) => (2, 0, request.into()),
        };
        assert_eq!((due.kind, due.alert, due.request), expected_parts);
        let message = expected.map(|control| control.message());
        let message = message.as_ref().map_or(&[][..], |message| message.as_bytes());
        assert_eq!(&due.message[..due.len.into()], message);
    }

    fn end(&mut self, second: bool, object: &Object, place: &Place) {
        let end = self.arena.place::<c::End>(place);
        let result = self.check(
            (second, object),
            end.is_refused(),
            Some(end.result()),
            |this| c::layer_end(this.layer(second, object), end.out()),
            |twin, _| twin.end(),
            |_| Status::OK,
        );
        if let Some(expected) = result {
            check_end(&end.take(), &expected);
        }
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "c_api";

    fn run(&self) {
        let mut world = World::new(&self.setup);
        for call in &self.calls {
            world.call(call);
            for second in [false, true] {
                world.end(second, &Object::Own, &Place::Own);
                world.next_control(second, &Object::Own, &Place::Own);
            }
        }
        for second in [false, true] {
            world.wipe(second, &Object::Own);
            world.wipe(second, &Object::Own);
        }
        world.store.check_all_destroyed();
    }
}
