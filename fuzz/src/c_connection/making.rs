//! Making, splitting, joining and wiping connections, and giving them keys.

use std::ops::Range;
use std::rc::Rc;

use tls_record::{ConnectionIn, Epoch, KeyError, RecordLayer, Role};
use tls_record_c as c;
use tls_record_c::Status;

use super::twin::{Part, Secret, Twin};
use super::{
    CONNECTION, Elsewhere, End, LAYER, MAILBOX, MIN_BUFFER, Mailbox, Memory, OPENER, OUTPUT,
    OUTPUT_LEN, Room, WRITER, Who, World, answer,
};
use crate::c_shared::{ALIGNMENT, config_of, epoch_of};

/// The buffer of a new connection, as C has it.
struct Buffer {
    pointer: *mut u8,
    len: usize,
    /// Bytes of the memory for buffers, if it is there.
    range: Option<Range<usize>>,
}

impl Buffer {
    fn bytes_mut(&self) -> c::BytesMut<'_> {
        // SAFETY: so many bytes of the memory, or refused. Nothing else uses them until the connection is wiped.
        unsafe { c::BytesMut::new(self.pointer) }
    }
}

/// Checks that a call says what is wrong with it. Returns whether nothing is.
#[track_caller]
fn check_wrong(status: Status, wrong: &[Status]) -> bool {
    if wrong.is_empty() {
        return true;
    }
    assert!(wrong.contains(&status), "{status:?}, not one of {wrong:?}");
    false
}

/// The layer of which a connection is made.
pub(super) struct Before<'a> {
    /// Where the call finds it, if not where it is.
    pub(super) object: Option<&'a Elsewhere>,
    pub(super) has_keys: bool,
    /// A close_notify is due.
    pub(super) is_closing: bool,
}

/// The secrets of a call, which a key store has.
struct Secrets {
    seeds: [u8; 2],
    numbers: [usize; 2],
    sequence: u64,
    of_c: [c::Secret<'static>; 2],
}

impl World<'_> {
    /// Returns the configuration of an end.
    fn config(&self, second: bool) -> tls_record::Config {
        let mut config = self.setup.config();
        if second {
            config.role = config.role.peer();
        }
        config
    }

    fn buffer(&self, second: bool, memory: &Memory) -> Buffer {
        let output = self.arena.object(Self::index(second, OUTPUT));
        match memory {
            Memory::Own { at, len } => {
                let start = usize::from(*at) % ALIGNMENT;
                let len = usize::from(*len) % (OUTPUT_LEN - start + 1);
                Buffer { pointer: output.wrapping_add(start), len, range: Some(start..start + len) }
            }
            Memory::Null { len } => {
                Buffer { pointer: std::ptr::null_mut(), len: (*len).into(), range: None }
            }
            Memory::TooLong { len } => {
                Buffer { pointer: output, len: usize::MAX - usize::from(*len), range: None }
            }
            Memory::Over { layer, at, len } => {
                let (index, size) = if *layer {
                    (LAYER, size_of::<c::Memory<c::Layer>>())
                } else {
                    (CONNECTION, size_of::<c::Memory<c::Connection>>())
                };
                let object = self.arena.object(Self::index(second, index));
                // From a byte before the object to its last one.
                let before = usize::from(*at) % (size + 1);
                let pointer = object.wrapping_add(before).wrapping_sub(1);
                Buffer { pointer, len: MIN_BUFFER + usize::from(*len), range: None }
            }
        }
    }

    /// What is wrong with a buffer.
    fn wrong_buffer(buffer: &Buffer) -> Vec<Status> {
        match buffer.range {
            // It is said first, even if it is not short.
            None if buffer.pointer.is_null() => vec![Status::ARGUMENT, Status::NO_SPACE],
            None => vec![Status::ARGUMENT],
            Some(_) if buffer.len < MIN_BUFFER => vec![Status::NO_SPACE],
            Some(_) => Vec::new(),
        }
    }

    /// Returns whether a call that makes a connection there could overwrite an object.
    fn may_not_make(&self, who: Who<'_>) -> bool {
        let is_elsewhere = !matches!(
            who.object,
            None | Some(Elsewhere::Null) | Some(Elsewhere::Misaligned { .. })
        );
        let is_aligned = who.object.is_some_and(|object| {
            matches!(object, Elsewhere::Misaligned { .. })
                && Self::misplaced::<c::Connection>(object) != Status::ARGUMENT
        });
        is_elsewhere || is_aligned || self.ends[usize::from(who.second)].twin.is_made()
    }

    fn made(&mut self, second: bool, buffer: Range<usize>) -> &mut End {
        let end = self.end_of(second);
        *end = End { buffer, wire: std::mem::take(&mut end.wire), seed: 1, ..End::default() };
        end.is_touched[CONNECTION] = true;
        end
    }

    pub(super) fn init(&mut self, who: Who<'_>, is_short: bool, has_config: bool, memory: &Memory) {
        if self.may_not_make(who) {
            return;
        }
        let (config, buffer) = (self.config(who.second), self.buffer(who.second, memory));
        if matches!(memory, Memory::Over { layer: true, .. }) {
            return;
        }
        let of_c = config_of(&config);
        let config_in = if has_config { &raw const of_c } else { std::ptr::null() };
        // SAFETY: null or a variable of this function.
        let config_in = unsafe { c::In::new(config_in) };
        self.arena.fill_object(Self::index(who.second, OUTPUT), 0..OUTPUT_LEN, 0);
        let status = c::connection_init(
            self.handle(CONNECTION, who),
            self.size(CONNECTION, is_short),
            config_in,
            buffer.bytes_mut(),
            buffer.len,
        );
        let mut wrong = Self::wrong_buffer(&buffer);
        wrong.extend((who.object.is_some() || !has_config).then_some(Status::ARGUMENT));
        wrong.extend(is_short.then_some(Status::SIZE));
        if check_wrong(status, &wrong) {
            assert_eq!(status, Status::OK);
            let range = buffer.range.expect("it is not refused");
            let made = ConnectionIn::without_keys_in(config, vec![0; range.len()].into());
            self.made(who.second, range).twin.whole = Some(made.expect("it is long enough"));
        }
    }

    /// Returns the size that a call is given.
    fn size(&self, index: usize, is_short: bool) -> usize {
        self.arena.object_len(index) - if is_short { ALIGNMENT } else { 0 }
    }

    pub(super) fn init_from_layer(
        &mut self,
        who: Who<'_>,
        is_short: bool,
        before: &Before<'_>,
        memory: &Memory,
    ) {
        let elsewhere = before.object;
        // A layer in the place of the connection is refused, too.
        let is_over = self.pointer::<c::Layer>(CONNECTION, who)
            == self.pointer::<c::Layer>(LAYER, Who::own(who.second));
        let second = who.second;
        if self.ends[usize::from(second)].twin.is_made() || !is_over && self.may_not_make(who) {
            return;
        }
        let config = self.config(second);
        let of_c = config_of(&config);
        // SAFETY: a variable of this function.
        let config_in = unsafe { c::In::new(&raw const of_c) };
        let own = Who::own(second);
        let size = self.size(LAYER, false);
        assert_eq!(c::layer_init(self.handle(LAYER, own), size, config_in), Status::OK);
        let mut layer = RecordLayer::<Secret>::new(config);
        self.end_of(second).seed = 1;
        if before.has_keys
            && let Some(secrets) = self.secrets(second, Epoch::Application, false)
        {
            let [client, server] = secrets.of_c.each_ref().map(|secret| {
                // SAFETY: a variable of this function.
                unsafe { c::In::new(secret) }
            });
            let status = c::layer_install(self.handle(LAYER, own), 4, client, server);
            let [client, server] = self.of_rust(&secrets);
            assert_eq!(status, answer(layer.take_over(Epoch::Application, client, server)).0);
        }
        let seed = self.end_of(second).seed;
        if before.is_closing {
            assert_eq!(c::layer_close(self.handle(LAYER, own)), answer(layer.close()).0);
        }

        let buffer = self.buffer(second, memory);
        self.arena.fill_object(Self::index(second, OUTPUT), 0..OUTPUT_LEN, 0);
        let object = Who { second, object: elsewhere };
        let is_copied = elsewhere == Some(&Elsewhere::Copied);
        if is_copied {
            self.arena.copy_object(Self::index(second, LAYER), super::UNMADE);
        }
        let status = c::connection_from_layer(
            self.handle(CONNECTION, who),
            self.size(CONNECTION, is_short),
            self.handle(LAYER, object),
            buffer.bytes_mut(),
            buffer.len,
        );
        if is_copied {
            self.arena.fill_object(super::UNMADE, 0..super::OBJECT, 0);
        }
        let mut wrong = Self::wrong_buffer(&buffer);
        wrong.extend(who.object.is_some().then_some(Status::ARGUMENT));
        wrong.extend(is_short.then_some(Status::SIZE));
        if let Some(elsewhere) = elsewhere {
            // It may be one that overlaps, too.
            wrong.extend([Self::misplaced::<c::Layer>(elsewhere), Status::ARGUMENT]);
        }
        if check_wrong(status, &wrong) {
            assert_eq!(status, Status::OK);
            let range = buffer.range.expect("it is not refused");
            let made = ConnectionIn::new_in(layer, vec![0; range.len()].into());
            let end = self.made(second, range);
            end.twin.whole = Some(made.expect("it is long enough"));
            end.seed = seed;
        } else {
            assert_eq!(c::layer_wipe(self.handle(LAYER, own)), Status::OK, "it has not changed");
        }
    }

    pub(super) fn wipe<T: Part>(
        &mut self,
        who: Who<'_>,
        wipe: impl FnOnce(c::Handle<'_, T>) -> Status,
        drop: impl FnOnce(&mut Twin),
    ) {
        let status = self.call_c(who, wipe);
        assert_eq!(status, self.refused::<T>(who).unwrap_or(Status::OK));
        if status == Status::OK {
            let end = self.end_of(who.second);
            drop(&mut end.twin);
            if end.twin.whole.is_none() && end.twin.writer.is_none() {
                end.slot = None;
                end.in_flight = 0;
            }
            if !end.twin.is_made() {
                end.twin = Twin::default();
            }
        }
    }

    /// Returns the address for one of several objects that are made, and what is wrong with it.
    fn room(
        &self,
        second: bool,
        index: usize,
        room: Option<&Room>,
        other: usize,
    ) -> (*mut u8, Option<Status>) {
        let own = self.arena.object(Self::index(second, index));
        let output = self.arena.object(Self::index(second, OUTPUT));
        match room {
            None => (own, None),
            Some(Room::TooShort) => (own, Some(Status::SIZE)),
            Some(Room::Null) => (std::ptr::null_mut(), Some(Status::ARGUMENT)),
            Some(Room::Misaligned { by }) => {
                (own.wrapping_add(1 + 2 * usize::from(by % 8)), Some(Status::ARGUMENT))
            }
            Some(Room::OverConnection { at }) => {
                let connection = self.arena.object(Self::index(second, CONNECTION));
                let at = usize::from(*at) * 8 % size_of::<c::Memory<c::Connection>>();
                (connection.wrapping_add(at), Some(Status::ARGUMENT))
            }
            Some(Room::OverBuffer { at }) => {
                let buffer = &self.ends[usize::from(second)].buffer;
                let at = buffer.start + usize::from(*at) % buffer.len().max(1);
                (output.wrapping_add(at / 8 * 8), Some(Status::ARGUMENT))
            }
            Some(Room::OverOther) => {
                (self.arena.object(Self::index(second, other)), Some(Status::ARGUMENT))
            }
        }
    }

    pub(super) fn split(
        &mut self,
        who: Who<'_>,
        opener: Option<&Room>,
        writer: Option<&Room>,
        mailbox: &Mailbox,
    ) {
        let second = who.second;
        // They would change places.
        if (opener, writer) == (Some(&Room::OverOther), Some(&Room::OverOther)) {
            return;
        }
        let size_of = |index, room: Option<&Room>| self.size(index, room == Some(&Room::TooShort));
        let (opener_size, writer_size) = (size_of(OPENER, opener), size_of(WRITER, writer));
        let wrong_mailbox = if let Mailbox::Wrong { room } = mailbox { Some(room) } else { None };
        let mailbox_size = size_of(MAILBOX, wrong_mailbox);
        let (opener, wrong_opener) = self.room(second, OPENER, opener, WRITER);
        let (writer, wrong_writer) = self.room(second, WRITER, writer, OPENER);
        let (mailbox, wrong_mailbox, of) = match mailbox {
            Mailbox::None | Mailbox::Wrong { room: Room::Null } => {
                (std::ptr::null_mut(), None, None)
            }
            Mailbox::Own => (self.room(second, MAILBOX, None, OPENER).0, None, Some(second)),
            Mailbox::OfPeer => (self.room(!second, MAILBOX, None, OPENER).0, None, Some(!second)),
            Mailbox::Wrong { room } => {
                let (pointer, wrong) = self.room(second, MAILBOX, Some(room), OPENER);
                (pointer, wrong, None)
            }
        };
        let status = self.call_c::<c::Connection, _>(who, |connection| {
            // SAFETY: null, or so many bytes of the memory, in which nothing is made if nothing is wrong.
            let opener = unsafe { c::Handle::new(opener.cast()) };
            // SAFETY: as above.
            let writer = unsafe { c::Handle::new(writer.cast()) };
            // SAFETY: as above, or the mailbox of earlier halves.
            let mailbox = unsafe { c::Handle::new(mailbox.cast()) };
            c::connection_split(
                connection,
                opener,
                opener_size,
                writer,
                writer_size,
                mailbox,
                mailbox_size,
            )
        });
        let mut wrong: Vec<Status> =
            [wrong_opener, wrong_writer, wrong_mailbox].into_iter().flatten().collect();
        wrong.extend(self.refused::<c::Connection>(who));
        // An object elsewhere may be one that overlaps.
        wrong.extend(who.object.map(|_| Status::ARGUMENT));
        if !check_wrong(status, &wrong) {
            self.touch::<c::Connection>(second);
            return;
        }
        assert_eq!(status, Status::OK);
        if let Some(of) = of {
            self.owners[usize::from(of)] = Some(second);
        }
        let end = self.end_of(second);
        let whole = end.twin.whole.take().expect("it was not refused");
        let (opener, writer) = whole.split();
        end.twin = Twin {
            whole: None,
            opener: Some(opener),
            writer: Some(writer),
            mailbox: of.map(|of| (of, Rc::default())),
            has_posted: false,
        };
        end.twin.post_notice();
        end.twin.post_signal();
        end.is_touched[WRITER] = true;
    }

    pub(super) fn join(
        &mut self,
        who: Who<'_>,
        is_short: bool,
        is_crossed: bool,
        (opener, writer): (Option<&Elsewhere>, Option<&Elsewhere>),
        over_buffer: Option<u16>,
    ) {
        let second = who.second;
        let of_opener = second ^ is_crossed;
        let (opener, writer) =
            (Who { second: of_opener, object: opener }, Who { second, object: writer });
        if self.ends[usize::from(second)].twin.whole.is_none() && self.may_not_join(who) {
            return;
        }
        let mut wrong = Vec::new();
        wrong.extend(self.refused::<c::Opener>(opener));
        wrong.extend(self.refused::<c::Writer>(writer));
        wrong.extend(is_short.then_some(Status::SIZE));
        let is_elsewhere = [who.object, opener.object, writer.object].iter().any(Option::is_some);
        wrong.extend(is_elsewhere.then_some(Status::ARGUMENT));
        let connection = match over_buffer {
            None => self.pointer::<c::Connection>(CONNECTION, who),
            Some(at) => {
                wrong.push(Status::ARGUMENT);
                self.room(second, CONNECTION, Some(&Room::OverBuffer { at }), OPENER).0.cast()
            }
        };
        let links = [of_opener, second].map(|second| {
            let twin = &self.ends[usize::from(second)].twin;
            twin.mailbox.as_ref().map(|(of, _)| *of)
        });
        if self.has_lost_mailbox(of_opener) || self.has_lost_mailbox(second) {
            wrong.push(Status::INVALID_HANDLE);
        }
        if links[0] != links[1] {
            wrong.push(Status::MISMATCH);
        }
        let status = self.call_c::<c::Opener, _>(opener, |opener| {
            self.call_c::<c::Writer, _>(writer, |writer| {
                // SAFETY: null, or so many bytes of the memory, in which nothing is made if nothing is wrong.
                let connection = unsafe { c::Handle::new(connection) };
                let size = self.size(CONNECTION, is_short);
                c::connection_join(connection, size, opener, writer)
            })
        });
        if !check_wrong(status, &wrong) {
            self.touch::<c::Opener>(of_opener);
            self.touch::<c::Writer>(second);
            return;
        }
        self.end_of(of_opener).twin.take_signal();
        self.end_of(second).twin.take_notice();
        let opener = self.end_of(of_opener).twin.opener.take().expect("it was not refused");
        let end = self.end_of(second);
        let writer = end.twin.writer.take().expect("it was not refused");
        let joined = ConnectionIn::join(opener, writer);
        // What is left of the other pair has no use.
        let joined = joined.map_err(Status::from);
        assert_eq!(status, joined.as_ref().map_or_else(|status| *status, |_| Status::OK));
        match joined {
            Ok(whole) => {
                end.twin = Twin { whole: Some(whole), ..Twin::default() };
                end.is_touched[CONNECTION] = true;
            }
            Err(_) => {
                end.slot = None;
                end.in_flight = 0;
            }
        }
        for end in &mut self.ends {
            if !end.twin.is_made() {
                end.twin = Twin::default();
            }
        }
    }

    /// Returns whether a call that joins halves there could overwrite another object.
    fn may_not_join(&self, who: Who<'_>) -> bool {
        match who.object {
            None | Some(Elsewhere::Null) => false,
            Some(object @ Elsewhere::Misaligned { .. }) => {
                Self::misplaced::<c::Connection>(object) != Status::ARGUMENT
            }
            // Over one of the halves, which is refused.
            Some(Elsewhere::OtherType { .. }) => {
                let pointer = self.pointer::<c::Connection>(CONNECTION, who);
                let twin = &self.ends[usize::from(who.second)].twin;
                let is_over = |index| pointer == self.pointer(index, Who::own(who.second));
                !(is_over(OPENER) && twin.opener.is_some()
                    || is_over(WRITER) && twin.writer.is_some())
            }
            Some(_) => true,
        }
    }

    // Keys

    /// Makes two secrets, or one for both directions.
    fn secrets(&mut self, second: bool, epoch: Epoch, is_same: bool) -> Option<Secrets> {
        let seed = self.end_of(second).seed;
        // A secret is never given twice, except on purpose.
        if seed > 200 {
            return None;
        }
        self.end_of(second).seed += 2;
        let seeds = [seed, seed + u8::from(!is_same)];
        let first = self.store.give(seeds[0]);
        let other = if is_same { first } else { self.store.give(seeds[1]) };
        let numbers = [first, other];
        let sequence = match epoch {
            Epoch::Application => self.setup.suite.first_number(epoch),
            _ => 0,
        };
        let of_c = numbers.map(|number| self.store.secret(number, sequence));
        Some(Secrets { seeds, numbers, sequence, of_c })
    }

    /// Returns the same secrets for a twin.
    fn of_rust(&self, secrets: &Secrets) -> [(Secret, u64); 2] {
        secrets.seeds.map(|seed| (self.setup.suite.secret(seed), secrets.sequence))
    }

    /// Checks that secrets belong to the caller after these errors, and to the engine after all others.
    fn give_back(&self, status: Option<Status>, numbers: &[usize]) {
        let is_left =
            status.is_none_or(|status| [Status::LENGTH, Status::UNSUPPORTED].contains(&status));
        if is_left {
            self.store.give_back(numbers);
        }
    }

    pub(super) fn install(&mut self, who: Who<'_>, epoch: u8, is_same: bool, has_server: bool) {
        let epoch = epoch % 6;
        let Some(secrets) = self.secrets(who.second, epoch_of(epoch), is_same) else { return };
        let server = if has_server { &raw const secrets.of_c[1] } else { std::ptr::null() };
        let [client_keys, server_keys] = self.of_rust(&secrets);
        let installed = self.check::<c::Connection, _>(
            who,
            !(1..=4).contains(&epoch) || !has_server,
            None,
            |handle| {
                // SAFETY: a variable of this function.
                let client = unsafe { c::In::new(&raw const secrets.of_c[0]) };
                // SAFETY: as above, or null.
                let server = unsafe { c::In::new(server) };
                c::connection_install(handle, epoch, client, server)
            },
            |twin, _| {
                let epoch = epoch_of(epoch);
                let installed = twin.whole().take_over(epoch, client_keys, server_keys);
                let status = answer(installed).0;
                (status, status)
            },
        );
        let numbers = if is_same { &secrets.numbers[..1] } else { &secrets.numbers };
        self.give_back(installed, numbers);
    }

    pub(super) fn install_one(&mut self, who: Who<'_>, writer: u8, epoch: u8, is_used: bool) {
        let (writer, epoch) = (writer % 4, epoch % 6);
        let Some(mut secrets) = self.secrets(who.second, Epoch::Handshake, true) else { return };
        secrets.of_c[0].sequence = is_used.into();
        let [(keys, _), _] = self.of_rust(&secrets);
        let role = role_of(writer);
        let installed = self.check::<c::Connection, _>(
            who,
            !(1..=4).contains(&epoch) || role.is_none() || is_used,
            None,
            |handle| {
                // SAFETY: a variable of this function.
                let secret = unsafe { c::In::new(&raw const secrets.of_c[0]) };
                c::connection_install_one(handle, writer, epoch, secret)
            },
            |twin, _| {
                let role = role.expect("it was not refused");
                let status = answer(twin.whole().install_one(role, epoch_of(epoch), keys)).0;
                (status, status)
            },
        );
        self.give_back(installed, &secrets.numbers[..1]);
    }

    pub(super) fn establish(&mut self, who: Who<'_>, writer: u8) {
        let writer = writer % 4;
        let role = role_of(writer);
        self.check::<c::Connection, _>(
            who,
            role.is_none(),
            None,
            |handle| c::connection_establish(handle, writer),
            |twin, _| {
                let established: Result<(), KeyError> =
                    twin.whole().with_halves(|opener, sealer| {
                        if role == Some(opener.role()) {
                            sealer.establish()
                        } else {
                            opener.establish()
                        }
                    });
                answer(established)
            },
        );
    }

    pub(super) fn skip_early_data(&mut self, who: Who<'_>, after_retry: bool) {
        self.check::<c::Connection, _>(
            who,
            false,
            None,
            |handle| c::connection_skip_early_data(handle, after_retry.into()),
            |twin, _| {
                let skip = |opener: &mut tls_record::Opener<_>, _: &mut _| {
                    opener.skip_early_data(after_retry)
                };
                answer(twin.whole().with_halves(skip))
            },
        );
    }
}

fn role_of(number: u8) -> Option<Role> {
    match number {
        1 => Some(Role::Client),
        2 => Some(Role::Server),
        _ => None,
    }
}
