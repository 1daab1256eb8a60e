//! `tlsr_buffer`: collects received bytes until a record is whole.

use tls_record::{Event, RecordBuffer};

use crate::memory::{BytesMut, Handle, In, Object, Out, Owned, SliceMut};
use crate::outcome::Opened;
use crate::status::Status;

/// `tlsr_buffer`. Its bytes lie in memory of the caller's.
pub struct Buffer {
    buffer: RecordBuffer<0, Owned>,
    /// How many bytes may be received: the room that the caller knows of.
    room: usize,
}

impl Object for Buffer {
    const KIND: u8 = 10;
}

/// `tlsr_buffer_init`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_init"))]
pub extern "C" fn buffer_init(
    buffer: Handle<'_, Buffer>,
    size: usize,
    memory: BytesMut<'_>,
    len: usize,
) -> Status {
    Status::of(|| {
        memory.check_beside_object(len, &buffer)?;
        let memory = memory.owned(len)?;
        buffer.put(size, Buffer { buffer: RecordBuffer::new_in(memory), room: 0 })
    })
}

/// `tlsr_buffer_room`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_room"))]
pub extern "C" fn buffer_room(buffer: Handle<'_, Buffer>, room: Out<'_, SliceMut>) -> Status {
    Status::of(|| {
        let place = room.cleared()?;
        let Buffer { buffer, room: len } = buffer.get()?;
        *len = 0;
        let room = buffer.room().map_err(|_| Status::RECORD_TOO_LONG)?;
        if room.is_empty() {
            // A `recv` of 0 bytes would look like the end of the transport.
            return Err(Status::NO_SPACE);
        }
        *len = room.len();
        place.write(SliceMut::of(room));
        Ok(())
    })
}

/// `tlsr_buffer_received`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_received"))]
pub extern "C" fn buffer_received(buffer: Handle<'_, Buffer>, len: usize) -> Status {
    Status::of(|| {
        let Buffer { buffer, room } = buffer.get()?;
        // As from a `recv` that returned -1.
        *room = room.checked_sub(len).ok_or(Status::ARGUMENT)?;
        buffer.received(len);
        Ok(())
    })
}

/// `tlsr_buffer_filled`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_filled"))]
pub extern "C" fn buffer_filled(buffer: Handle<'_, Buffer>, filled: Out<'_, SliceMut>) -> Status {
    Status::of(|| {
        let place = filled.cleared()?;
        let Buffer { buffer, .. } = buffer.get()?;
        place.write(SliceMut::of(buffer.filled()));
        Ok(())
    })
}

/// `tlsr_buffer_consume`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_consume"))]
pub extern "C" fn buffer_consume(buffer: Handle<'_, Buffer>, opened: In<'_, Opened>) -> Status {
    Status::of(|| {
        let Buffer { buffer, .. } = buffer.get()?;
        let opened = opened.get()?;
        if opened.consumed > buffer.filled().len() {
            return Err(Status::ARGUMENT);
        }
        let event = match opened.needed {
            0 => Event::Nothing,
            total => Event::NeedMore { total },
        };
        buffer.consume(&tls_record::Opened { consumed: opened.consumed, event });
        Ok(())
    })
}
