//! `tlsr_writer`: the sending half of a `tlsr_connection`.

use tls_record::{AlertDescription, Notice, WriterIn};

use crate::connection::check_sent;
use crate::half::Half;
use crate::keys::Keys;
use crate::memory::{Bytes, Handle, Object, Out, Owned, Parts, Region, Slice, SliceMut};
use crate::outcome::{Control, End};
use crate::status::Status;

/// `tlsr_writer`. Its records lie in a buffer of the caller's.
pub struct Writer(pub(crate) Half<WriterIn<Keys, Owned>>);

impl Object for Writer {
    const KIND: u8 = 9;

    fn buffer(&self) -> Region {
        self.0.get().buffer().region()
    }
}

/// `tlsr_writer_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_wipe"))]
pub extern "C" fn writer_wipe(writer: Handle<'_, Writer>) -> Status {
    writer.wipe()
}

// Writing

/// `tlsr_writer_write`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_write"))]
pub extern "C" fn writer_write(
    writer: Handle<'_, Writer>,
    data: Bytes<'_>,
    len: usize,
    taken: Out<'_, usize>,
) -> Status {
    Status::of(|| {
        let place = taken.cleared()?;
        let Writer(half) = writer.get()?;
        let data = data.slice(len)?;
        place.write(half.with(|writer| Ok(writer.write(&[data])?))?);
        Ok(())
    })
}

/// `tlsr_writer_write_parts`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_write_parts"))]
pub extern "C" fn writer_write_parts(
    writer: Handle<'_, Writer>,
    parts: Parts<'_>,
    count: usize,
    taken: Out<'_, usize>,
) -> Status {
    Status::of(|| {
        let place = taken.cleared()?;
        let Writer(half) = writer.get()?;
        let parts = parts.get(count)?;
        place.write(half.with(|writer| Ok(writer.write(parts.get())?))?);
        Ok(())
    })
}

/// `tlsr_writer_write_handshake`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_write_handshake"))]
pub extern "C" fn writer_write_handshake(
    writer: Handle<'_, Writer>,
    messages: Bytes<'_>,
    len: usize,
) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        let messages = messages.slice(len)?;
        half.with(|writer| Ok(writer.write_handshake(&[messages])?))
    })
}

/// `tlsr_writer_write_change_cipher_spec`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_write_change_cipher_spec"))]
pub extern "C" fn writer_write_change_cipher_spec(writer: Handle<'_, Writer>) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| Ok(writer.write_change_cipher_spec()?))
    })
}

/// `tlsr_writer_reserve`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_reserve"))]
pub extern "C" fn writer_reserve(
    writer: Handle<'_, Writer>,
    len: usize,
    slot: Out<'_, SliceMut>,
) -> Status {
    Status::of(|| {
        let place = slot.cleared()?;
        let Writer(half) = writer.get()?;
        place.write(half.with(|writer| Ok(SliceMut::of(writer.reserve(len)?)))?);
        Ok(())
    })
}

/// `tlsr_writer_commit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_commit"))]
pub extern "C" fn writer_commit(writer: Handle<'_, Writer>, len: usize) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| Ok(writer.commit(len)?))
    })
}

/// `tlsr_writer_discard`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_discard"))]
pub extern "C" fn writer_discard(writer: Handle<'_, Writer>) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| Ok(writer.discard()?))
    })
}

// Sending

/// `tlsr_writer_unsent`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_unsent"))]
pub extern "C" fn writer_unsent(writer: Handle<'_, Writer>, unsent: Out<'_, Slice>) -> Status {
    Status::of(|| {
        let place = unsent.cleared()?;
        let Writer(half) = writer.get()?;
        place.write(half.with(|writer| Ok(Slice::of(writer.unsent())))?);
        Ok(())
    })
}

/// `tlsr_writer_begin_send`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_begin_send"))]
pub extern "C" fn writer_begin_send(writer: Handle<'_, Writer>, unsent: Out<'_, Slice>) -> Status {
    Status::of(|| {
        let place = unsent.cleared()?;
        let Writer(half) = writer.get()?;
        place.write(half.with(|writer| Ok(Slice::of(writer.begin_send())))?);
        Ok(())
    })
}

/// `tlsr_writer_sent`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_sent"))]
pub extern "C" fn writer_sent(writer: Handle<'_, Writer>, len: usize) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| {
            check_sent(len, writer.unsent(), writer.end())?;
            writer.sent(len);
            Ok(())
        })
    })
}

/// `tlsr_writer_transport_failed`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_transport_failed"))]
pub extern "C" fn writer_transport_failed(writer: Handle<'_, Writer>) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| {
            writer.transport_failed();
            Ok(())
        })
    })
}

// Keys and settings

/// `tlsr_writer_update_keys`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_update_keys"))]
pub extern "C" fn writer_update_keys(writer: Handle<'_, Writer>, request: u8) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| Ok(writer.update_keys(request != 0)?))
    })
}

/// `tlsr_writer_refuse_renegotiation`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_refuse_renegotiation"))]
pub extern "C" fn writer_refuse_renegotiation(writer: Handle<'_, Writer>) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| Ok(writer.refuse_renegotiation()?))
    })
}

/// `tlsr_writer_set_fragment_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_set_fragment_limit"))]
pub extern "C" fn writer_set_fragment_limit(writer: Handle<'_, Writer>, limit: u16) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| {
            writer.set_fragment_limit(limit);
            Ok(())
        })
    })
}

// The other half

/// `tlsr_writer_take_signal`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_take_signal"))]
pub extern "C" fn writer_take_signal(writer: Handle<'_, Writer>, signal: Out<'_, u32>) -> Status {
    Status::of(|| {
        let place = signal.cleared()?;
        let Writer(half) = writer.get()?;
        place.write(half.with_posted(|writer| writer.take_signal().bits())?);
        Ok(())
    })
}

/// `tlsr_writer_apply_notice`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_apply_notice"))]
pub extern "C" fn writer_apply_notice(writer: Handle<'_, Writer>, notice: u32) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| {
            writer.apply(Notice::from_bits(notice));
            Ok(())
        })
    })
}

// Closing

/// `tlsr_writer_shutdown`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_shutdown"))]
pub extern "C" fn writer_shutdown(writer: Handle<'_, Writer>) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| Ok(writer.shutdown()?))
    })
}

/// `tlsr_writer_abort`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_abort"))]
pub extern "C" fn writer_abort(writer: Handle<'_, Writer>, alert: u8) -> Status {
    Status::of(|| {
        let Writer(half) = writer.get()?;
        half.with(|writer| Ok(writer.abort(AlertDescription(alert))?))
    })
}

/// `tlsr_writer_end`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_end"))]
pub extern "C" fn writer_end(writer: Handle<'_, Writer>, end: Out<'_, End>) -> Status {
    Status::of(|| {
        let place = end.cleared()?;
        let Writer(half) = writer.get()?;
        End::fill_write(place, half.with(|writer| Ok(writer.end()))?);
        Ok(())
    })
}

/// `tlsr_writer_take_kernel_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "writer_take_kernel_control"))]
pub extern "C" fn writer_take_kernel_control(
    writer: Handle<'_, Writer>,
    control: Out<'_, Control>,
) -> Status {
    Status::of(|| {
        let place = control.cleared()?;
        let Writer(half) = writer.get()?;
        Control::fill(place, half.with(|writer| Ok(writer.take_kernel_control()))?);
        Ok(())
    })
}
