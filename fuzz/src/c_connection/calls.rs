//! Settings, writing, sending and receiving.

use tls_record::Opened;
use tls_record_c as c;
use tls_record_c::Status;

use super::twin::{Sends as _, Whole};
use super::{DONE, End, OUTPUT, Setting, Slot, Who, World, answer, either};
use crate::c_shared::{AREA, Buffer, Place, check_opened, contents, epoch_number, policy, slices};

/// Where the peer opens a record that arrives in pieces, in the second half of the buffers.
const OUT: u16 = (AREA / 2) as u16;

impl World<'_> {
    // Settings

    pub(super) fn set(&mut self, who: Who<'_>, setting: &Setting) {
        match *setting {
            Setting::Version { number } => {
                let version = match number % 3 {
                    0 => Some(tls_record::Version::Tls12),
                    1 => Some(tls_record::Version::Tls13),
                    _ => None,
                };
                let number = [0x0303, 0x0304, 0x0305][usize::from(number % 3)];
                self.set_whole(
                    who,
                    version,
                    |handle| c::connection_set_version(handle, number),
                    Whole::set_version,
                );
            }
            Setting::FragmentLimit { limit } => {
                either!(self, who, false, None,
                connection_set_fragment_limit | writer_set_fragment_limit(limit)
                    of Writer by with_writer,
                |twin, _| {
                    twin.set_fragment_limit(limit);
                    DONE
                });
            }
            Setting::Padding { padding, size } => {
                let padding = padding % 5;
                self.set_whole(
                    who,
                    (padding < 4).then(|| policy(padding, size)),
                    |handle| c::connection_set_padding(handle, padding, size),
                    Whole::set_padding,
                );
            }
            Setting::OwnRecordSizeLimit { limit } => self.set_whole(
                who,
                tls_record::RecordSizeLimit::new(limit),
                |handle| c::connection_set_own_record_size_limit(handle, limit),
                Whole::set_own_record_size_limit,
            ),
            Setting::PeerRecordSizeLimit { limit } => self.set_whole(
                who,
                tls_record::RecordSizeLimit::new(limit),
                |handle| c::connection_set_peer_record_size_limit(handle, limit),
                Whole::set_peer_record_size_limit,
            ),
        }
    }

    /// A setting that only a whole connection has. There is no `value` if the one of C does not exist.
    fn set_whole<V>(
        &mut self,
        who: Who<'_>,
        value: Option<V>,
        call: impl FnOnce(c::Handle<'_, c::Connection>) -> Status,
        set: impl FnOnce(&mut Whole, V),
    ) {
        self.check::<c::Connection, _>(who, value.is_none(), None, call, |twin, _| {
            if let Some(value) = value {
                set(twin.whole(), value);
            }
            DONE
        });
    }

    pub(super) fn update(&mut self, who: Who<'_>, request: bool) {
        either!(self, who, false, None,
            connection_update_keys | writer_update_keys(request.into()) of Writer by with_writer,
            |twin, _| answer(twin.update_keys(request)));
    }

    pub(super) fn refuse_renegotiation(&mut self, who: Who<'_>) {
        either!(self, who, false, None,
            connection_refuse_renegotiation | writer_refuse_renegotiation()
                of Writer by with_writer,
            |twin, _| answer(twin.refuse_renegotiation()));
    }

    // Writing

    pub(super) fn write(&mut self, who: Who<'_>, data: &Buffer, place: &Place) {
        let (data, taken) = (self.arena.span(data), self.arena.place::<usize>(place));
        let is_argument = data.is_refused() || taken.is_refused();
        let written = either!(self, who, is_argument, Some(taken.result()),
            connection_write | writer_write(data.bytes(), data.len, taken.out())
                of Writer by with_writer,
            |twin, buffers| answer(twin.write(&[&buffers[data.range()]])));
        if let Some(Some(written)) = written {
            assert_eq!(taken.take(), written);
        }
    }

    pub(super) fn write_parts(
        &mut self,
        who: Who<'_>,
        parts: [&Buffer; 2],
        count: u8,
        place: &Place,
    ) {
        let parts = parts.map(|part| self.arena.span(part));
        let taken = self.arena.place::<usize>(place);
        let (slices, count, is_refused) = slices(&parts, count, None);
        // SAFETY: so many slices, whose bytes nothing changes.
        let of_c = || unsafe { c::Parts::new(slices.as_ptr()) };
        let written = either!(self, who, is_refused || taken.is_refused(), Some(taken.result()),
        connection_write_parts | writer_write_parts(of_c(), count, taken.out())
            of Writer by with_writer,
        |twin, buffers| {
            let parts = contents(&parts, count, buffers);
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            answer(twin.write(&parts))
        });
        if let Some(Some(written)) = written {
            assert_eq!(taken.take(), written);
        }
    }

    pub(super) fn write_handshake(&mut self, who: Who<'_>, messages: &Buffer) {
        let messages = self.arena.span(messages);
        either!(self, who, messages.is_refused(), None,
            connection_write_handshake | writer_write_handshake(messages.bytes(), messages.len)
                of Writer by with_writer,
            |twin, buffers| answer(twin.write_handshake(&[&buffers[messages.range()]])));
    }

    pub(super) fn change_cipher_spec(&mut self, who: Who<'_>) {
        either!(self, who, false, None,
            connection_write_change_cipher_spec | writer_write_change_cipher_spec()
                of Writer by with_writer,
            |twin, _| answer(twin.write_change_cipher_spec()));
    }

    pub(super) fn reserve(&mut self, who: Who<'_>, len: usize, place: &Place) {
        let slot = self.arena.place::<c::SliceMut>(place);
        let reserved = either!(self, who, slot.is_refused(), Some(slot.result()),
        connection_reserve | writer_reserve(len, slot.out()) of Writer by with_writer,
        |twin, _| {
            let buffer = twin.buffer().as_ptr().addr();
            let reserved = twin.reserve(len);
            answer(reserved.map(|slot| (slot.as_ptr().addr() - buffer, slot.len())))
        });
        if let Some(Some((start, len))) = reserved {
            let slot = slot.take();
            assert_eq!(slot.data, self.in_buffer(who.second, start));
            assert_eq!(slot.len, len);
            self.end_of(who.second).slot = Some(Slot { range: start..start + len, byte: 0 });
            self.fill_slot(who.second, 0x5a);
        }
    }

    /// Returns the address of a byte of the buffer.
    fn in_buffer(&self, second: bool, at: usize) -> *mut u8 {
        let start = self.ends[usize::from(second)].buffer.start;
        self.arena.object(Self::index(second, OUTPUT)).wrapping_add(start + at)
    }

    pub(super) fn fill_slot(&mut self, second: bool, byte: u8) {
        let End { twin, buffer, slot, .. } = &mut self.ends[usize::from(second)];
        if let Some(slot) = slot {
            slot.byte = byte;
            let range = buffer.start + slot.range.start..buffer.start + slot.range.end;
            self.arena.fill_object(Self::index(second, OUTPUT), range, byte);
            if let Some(slot) = twin.slot_mut() {
                slot.fill(byte);
            }
        }
    }

    pub(super) fn commit(&mut self, who: Who<'_>, len: usize) {
        let committed = either!(self, who, false, None,
            connection_commit | writer_commit(len) of Writer by with_writer,
            |twin, _| answer(twin.commit(len)));
        if let Some(Some(())) = committed {
            self.end_of(who.second).slot = None;
        }
    }

    pub(super) fn discard(&mut self, who: Who<'_>) {
        let discarded = either!(self, who, false, None,
            connection_discard | writer_discard() of Writer by with_writer,
            |twin, _| answer(twin.discard()));
        // Its memory is free, also if the connection had dropped it before.
        if discarded.is_some() {
            self.end_of(who.second).slot = None;
        }
    }

    // Sending

    /// Returns the bytes that are unsent.
    pub(super) fn unsent(&mut self, who: Who<'_>, place: &Place) -> Option<Vec<u8>> {
        let unsent = self.arena.place::<c::Slice>(place);
        let expected = either!(self, who, unsent.is_refused(), Some(unsent.result()),
        connection_unsent | writer_unsent(unsent.out()) of Writer by with_writer,
        |twin, _| {
            let (bytes, buffer) = (twin.unsent(), twin.buffer().as_ptr().addr());
            (Status::OK, (bytes.as_ptr().addr().wrapping_sub(buffer), bytes.to_vec()))
        });
        let (start, bytes) = expected?;
        self.check_slice(who.second, &unsent.take(), start, &bytes);
        Some(bytes)
    }

    pub(super) fn begin_send(&mut self, who: Who<'_>, place: &Place) {
        let unsent = self.arena.place::<c::Slice>(place);
        let expected = either!(self, who, unsent.is_refused(), Some(unsent.result()),
        connection_begin_send | writer_begin_send(unsent.out()) of Writer by with_writer,
        |twin, _| {
            let buffer = twin.buffer().as_ptr().addr();
            let bytes = twin.begin_send();
            (Status::OK, (bytes.as_ptr().addr().wrapping_sub(buffer), bytes.to_vec()))
        });
        let Some((start, bytes)) = expected else { return };
        self.check_slice(who.second, &unsent.take(), start, &bytes);
        if !bytes.is_empty() {
            self.end_of(who.second).in_flight = bytes.len();
        }
    }

    /// Checks that a slice has these bytes, at this place of the buffer.
    fn check_slice(&self, second: bool, slice: &c::Slice, start: usize, expected: &[u8]) {
        assert_eq!(slice.len, expected.len());
        if !expected.is_empty() {
            assert_eq!(slice.data, self.in_buffer(second, start).cast_const());
            let start = self.ends[usize::from(second)].buffer.start + start;
            let range = start..start + expected.len();
            let bytes = self.arena.object_bytes(Self::index(second, OUTPUT), range);
            assert_eq!(bytes, expected, "other bytes are unsent");
        }
    }

    pub(super) fn sent(&mut self, who: Who<'_>, len: usize) {
        let in_flight = match self.end_of(who.second).in_flight {
            0 => usize::MAX,
            in_flight => in_flight,
        };
        let taken = either!(self, who, false, None,
        connection_sent | writer_sent(len) of Writer by with_writer,
        |twin, _| {
            let unsent = twin.unsent();
            // A direction that failed may have discarded what the transport has taken.
            let is_discarded =
                unsent.is_empty() && twin.write_end() == tls_record::WriteEnd::Failed;
            if len > unsent.len() && !is_discarded {
                (Status::ARGUMENT, None)
            } else {
                let taken = unsent[..len.min(in_flight).min(unsent.len())].to_vec();
                twin.sent(len);
                (Status::OK, Some(taken))
            }
        });
        if let Some(Some(taken)) = taken {
            let end = self.end_of(who.second);
            end.in_flight = 0;
            end.wire.extend(taken);
            // A peer that reads nothing more.
            if end.wire.len() > 4 * AREA {
                end.wire.clear();
            }
        }
    }

    /// The transport takes up to `len` bytes, and the peer receives what it has, perhaps in two pieces.
    pub(super) fn transfer(&mut self, second: bool, len: usize, cut: Option<u8>) {
        let Some(unsent) = self.unsent(Who::own(second), &Place::Own) else { return };
        self.sent(Who::own(second), len.min(unsent.len()));
        loop {
            let wire = &self.ends[usize::from(second)].wire;
            let len = wire.len().min(if cut.is_some() { OUT.into() } else { AREA });
            if len == 0 {
                break;
            }
            self.arena.fill(0, &wire[..len]);
            let (peer, piece) = (Who::own(!second), |at, len| Buffer::In { at, len });
            let len = len as u16;
            let consumed = match cut {
                None => self.received(peer, &piece(0, len), &Place::Own),
                Some(cut) => {
                    let cut = len.min(cut.into());
                    let pieces = [&piece(0, cut), &piece(cut, len - cut)];
                    self.received_into(peer, pieces, 2, &piece(OUT, OUT), &Place::Own)
                }
            };
            match consumed {
                None | Some(0) => break,
                Some(consumed) => drop(self.end_of(second).wire.drain(..consumed)),
            }
        }
    }

    // Receiving

    /// Returns how many bytes were consumed.
    pub(super) fn received(
        &mut self,
        who: Who<'_>,
        input: &Buffer,
        place: &Place,
    ) -> Option<usize> {
        let (input, opened) = (self.arena.span(input), self.arena.place::<c::Opened>(place));
        let is_argument = input.is_refused() || opened.is_refused();
        let expected: Option<Option<Opened>> = if self.ends[usize::from(who.second)].twin.is_split()
        {
            self.check::<c::Opener, _>(
                who,
                is_argument,
                Some(opened.result()),
                |handle| c::opener_open(handle, input.bytes_mut(), input.len, opened.out()),
                |twin, buffers| {
                    twin.with_opener(|twin| answer(twin.open(&mut buffers[input.range()])))
                },
            )
        } else {
            self.check::<c::Connection, _>(
                who,
                is_argument,
                Some(opened.result()),
                |handle| c::connection_received(handle, input.bytes_mut(), input.len, opened.out()),
                |twin, buffers| answer(twin.whole().received(&mut buffers[input.range()])),
            )
        };
        let expected = expected??;
        check_opened(&opened.take(), &expected);
        Some(expected.consumed)
    }

    pub(super) fn received_into(
        &mut self,
        who: Who<'_>,
        pieces: [&Buffer; 2],
        count: u8,
        out: &Buffer,
        place: &Place,
    ) -> Option<usize> {
        let (pieces, out) = (pieces.map(|piece| self.arena.span(piece)), self.arena.span(out));
        let opened = self.arena.place::<c::Opened>(place);
        let (slices, count, is_refused) = slices(&pieces, count, Some(&out));
        let is_argument = is_refused || out.is_refused() || opened.is_refused();
        // SAFETY: so many slices, whose bytes nothing changes.
        let of_c = || unsafe { c::Parts::new(slices.as_ptr()) };
        let expected = if self.ends[usize::from(who.second)].twin.is_split() {
            self.check::<c::Opener, _>(
                who,
                is_argument,
                Some(opened.result()),
                |handle| {
                    let (bytes, len) = (out.bytes_mut(), out.len);
                    c::opener_open_into(handle, of_c(), count, bytes, len, opened.out())
                },
                |twin, buffers| {
                    let pieces = contents(&pieces, count, buffers);
                    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
                    let out = &mut buffers[out.range()];
                    twin.with_opener(|twin| answer(twin.open_into(&pieces, out)))
                },
            )
        } else {
            self.check::<c::Connection, _>(
                who,
                is_argument,
                Some(opened.result()),
                |handle| {
                    let (bytes, len) = (out.bytes_mut(), out.len);
                    c::connection_received_into(handle, of_c(), count, bytes, len, opened.out())
                },
                |twin, buffers| {
                    let pieces = contents(&pieces, count, buffers);
                    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
                    answer(twin.whole().received_into(&pieces, &mut buffers[out.range()]))
                },
            )
        };
        let expected = expected??;
        check_opened(&opened.take(), &expected);
        Some(expected.consumed)
    }

    pub(super) fn eof(&mut self, who: Who<'_>) {
        either!(self, who, false, None,
        connection_eof | opener_eof() of Opener by with_opener,
        |twin, _| {
            twin.eof();
            DONE
        });
    }

    pub(super) fn transport_failed(&mut self, who: Who<'_>) {
        either!(self, who, false, None,
        connection_transport_failed | writer_transport_failed() of Writer by with_writer,
        |twin, _| {
            twin.transport_failed();
            DONE
        });
    }

    // Asking

    pub(super) fn position(&mut self, who: Who<'_>, place: &Place) {
        let position = self.arena.place::<c::Position>(place);
        let result = Some(position.result());
        let is_split = self.ends[usize::from(who.second)].twin.is_split();
        let expected = if is_split {
            self.check::<c::Opener, _>(
                who,
                position.is_refused(),
                result,
                |handle| c::opener_position(handle, position.out()),
                |twin, _| {
                    let of =
                        |opener: &mut tls_record::Opener<_>| (opener.epoch(), opener.sequence());
                    (Status::OK, (twin.with_opener(of), None))
                },
            )
        } else {
            self.check::<c::Connection, _>(
                who,
                position.is_refused(),
                result,
                |handle| c::connection_position(handle, position.out()),
                |twin, _| {
                    let whole = twin.whole();
                    let (opener, sealer) = (whole.opener(), whole.writer().sealer());
                    let write = (sealer.epoch(), sealer.sequence());
                    (Status::OK, ((opener.epoch(), opener.sequence()), Some(write)))
                },
            )
        };
        let Some(((read_epoch, read), write)) = expected else { return };
        let position = position.take();
        let of_read = (position.read_epoch, position.read_sequence, position.has_read_keys);
        let expected = (epoch_number(read_epoch), read.unwrap_or(0), read.is_some().into());
        assert_eq!(of_read, expected);
        let of_write = (position.write_epoch, position.write_sequence, position.has_write_keys);
        let expected = write.map_or((0, 0, 0), |(epoch, write)| {
            (epoch_number(epoch), write.unwrap_or(0), write.is_some().into())
        });
        assert_eq!(of_write, expected);
    }

    pub(super) fn can_write(&mut self, who: Who<'_>) {
        let can = self.call_c::<c::Connection, _>(who, |handle| c::connection_can_write(handle));
        let may = self.call_c::<c::Connection, _>(who, |handle| c::connection_may_write(handle));
        let is_refused = self.refused::<c::Connection>(who).is_some();
        let whole = self.end_of(who.second).twin.whole.as_ref().filter(|_| !is_refused);
        assert_eq!(can, whole.is_some_and(Whole::can_write).into());
        assert_eq!(may, whole.is_some_and(Whole::may_write).into());
    }

    // The other half

    pub(super) fn has_notice(&mut self, who: Who<'_>, place: &Place) {
        let has_notice = self.arena.place::<u8>(place);
        let expected = self.check::<c::Opener, _>(
            who,
            has_notice.is_refused(),
            Some(has_notice.result()),
            |handle| c::opener_has_notice(handle, has_notice.out()),
            |twin, _| {
                let is_here = twin.with_opener(|opener| opener.has_notice());
                let has_posted = std::mem::take(&mut twin.has_posted);
                (Status::OK, if twin.mailbox.is_some() { has_posted } else { is_here })
            },
        );
        if let Some(expected) = expected {
            assert_eq!(has_notice.take(), u8::from(expected));
        }
    }

    pub(super) fn take_notice(&mut self, who: Who<'_>, place: &Place) -> Option<u32> {
        let notice = self.arena.place::<u32>(place);
        let expected = self.check::<c::Opener, _>(
            who,
            notice.is_refused(),
            Some(notice.result()),
            |handle| c::opener_take_notice(handle, notice.out()),
            |twin, _| {
                twin.with_opener(|_| ());
                let opener = twin.opener.as_mut().expect("it was not refused");
                (Status::OK, opener.take_notice().bits())
            },
        )?;
        assert_eq!(notice.take(), expected);
        Some(expected)
    }

    pub(super) fn take_signal(&mut self, who: Who<'_>, place: &Place) -> Option<u32> {
        let signal = self.arena.place::<u32>(place);
        let expected = self.check::<c::Writer, _>(
            who,
            signal.is_refused(),
            Some(signal.result()),
            |handle| c::writer_take_signal(handle, signal.out()),
            |twin, _| {
                twin.with_writer(|_| ());
                let writer = twin.writer.as_mut().expect("it was not refused");
                (Status::OK, writer.take_signal().bits())
            },
        )?;
        assert_eq!(signal.take(), expected);
        Some(expected)
    }

    pub(super) fn apply_signal(&mut self, who: Who<'_>, signal: u32) {
        self.check::<c::Opener, _>(
            who,
            false,
            None,
            |handle| c::opener_apply_signal(handle, signal),
            |twin, _| {
                let signal = tls_record::Signal::from_bits(signal);
                twin.with_opener(|opener| opener.apply(signal));
                DONE
            },
        );
    }

    pub(super) fn apply_notice(&mut self, who: Who<'_>, notice: u32) {
        self.check::<c::Writer, _>(
            who,
            false,
            None,
            |handle| c::writer_apply_notice(handle, notice),
            |twin, _| {
                let notice = tls_record::Notice::from_bits(notice);
                twin.with_writer(|writer| writer.apply(notice));
                DONE
            },
        );
    }

    pub(super) fn carry(&mut self, second: bool, to_writer: bool) {
        let who = Who::own(second);
        if to_writer {
            if let Some(notice) = self.take_notice(who, &Place::Own) {
                self.apply_notice(who, notice);
            }
        } else if let Some(signal) = self.take_signal(who, &Place::Own) {
            self.apply_signal(who, signal);
        }
    }

    pub(super) fn kernel_control(&mut self, who: Who<'_>, place: &Place) {
        let control = self.arena.place::<c::Control>(place);
        let expected = self.check::<c::Writer, _>(
            who,
            control.is_refused(),
            Some(control.result()),
            |handle| c::writer_take_kernel_control(handle, control.out()),
            |twin, _| {
                (Status::OK, twin.with_writer(|writer| writer.take_kernel_control()).is_some())
            },
        );
        if let Some(is_due) = expected {
            // No key of a store is given to a kernel.
            assert_eq!((control.take().kind != 0, is_due), (false, false));
        }
    }
}
