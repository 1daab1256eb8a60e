//! `tlsr_buffer`: collects received bytes until a record is whole.

use tls_record::{Event, RecordBuffer};

use crate::memory::{BytesMut, Handle, In, Object, Out, Owned, SliceMut};
use crate::outcome::Opened;
use crate::status::Status;

/// `tlsr_buffer`. Its bytes lie in memory of the caller's.
pub struct Buffer(RecordBuffer<0, Owned>);

impl Object for Buffer {
    const KIND: u8 = 8;
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
        buffer.put(size, Buffer(RecordBuffer::new_in(memory)))
    })
}

/// `tlsr_buffer_room`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_room"))]
pub extern "C" fn buffer_room(buffer: Handle<'_, Buffer>, room: Out<'_, SliceMut>) -> Status {
    Status::of(|| {
        let Buffer(buffer) = buffer.get()?;
        let place = room.place()?;
        place.write(SliceMut::of(buffer.room().map_err(|_| Status::RECORD_TOO_LONG)?));
        Ok(())
    })
}

/// `tlsr_buffer_received`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_received"))]
pub extern "C" fn buffer_received(buffer: Handle<'_, Buffer>, len: usize) -> Status {
    Status::of(|| {
        let Buffer(buffer) = buffer.get()?;
        buffer.received(len);
        Ok(())
    })
}

/// `tlsr_buffer_filled`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_filled"))]
pub extern "C" fn buffer_filled(buffer: Handle<'_, Buffer>, filled: Out<'_, SliceMut>) -> Status {
    Status::of(|| {
        let Buffer(buffer) = buffer.get()?;
        let place = filled.place()?;
        place.write(SliceMut::of(buffer.filled()));
        Ok(())
    })
}

/// `tlsr_buffer_consume`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "buffer_consume"))]
pub extern "C" fn buffer_consume(buffer: Handle<'_, Buffer>, opened: In<'_, Opened>) -> Status {
    Status::of(|| {
        let Buffer(buffer) = buffer.get()?;
        let opened = opened.get()?;
        let event = match opened.needed {
            0 => Event::Nothing,
            total => Event::NeedMore { total },
        };
        buffer.consume(&tls_record::Opened { consumed: opened.consumed, event });
        Ok(())
    })
}
