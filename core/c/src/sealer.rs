//! `tlsr_sealer`: the sending half of a connection.

use tls_record::{AlertDescription, Notice};

use crate::config::{Config, config_of, padding_of, size_limit_of, version_of};
use crate::half::Half;
use crate::keys::{Keys, Secret, keys_of, moving_keys};
use crate::memory::{Bytes, BytesMut, Handle, In, Object, Out, Parts};
use crate::outcome::{Control, End, Position, Sealed, epoch_of};
use crate::status::Status;

/// `tlsr_sealer`.
pub struct Sealer(pub(crate) Half<tls_record::Sealer<Keys>>);

impl Object for Sealer {
    const KIND: u8 = 4;
}

/// `tlsr_sealer_init`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_init"))]
pub extern "C" fn sealer_init(
    sealer: Handle<'_, Sealer>,
    size: usize,
    config: In<'_, Config>,
) -> Status {
    Status::of(|| {
        let config = config_of(config)?;
        sealer.put(size, Sealer(Half::new(tls_record::Sealer::new(config))))
    })
}

/// `tlsr_sealer_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_wipe"))]
pub extern "C" fn sealer_wipe(sealer: Handle<'_, Sealer>) -> Status {
    sealer.wipe()
}

// Keys

/// `tlsr_sealer_install`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_install"))]
pub extern "C" fn sealer_install(
    sealer: Handle<'_, Sealer>,
    epoch: u8,
    secret: In<'_, Secret<'_>>,
) -> Status {
    moving_keys(size_of::<Keys>(), || {
        let Sealer(half) = sealer.get()?;
        let epoch = epoch_of(epoch)?;
        half.with(|sealer| {
            let (keys, sequence) = keys_of(secret)?;
            Ok(sealer.take_over(epoch, keys, sequence)?)
        })
    })
}

/// `tlsr_sealer_establish`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_establish"))]
pub extern "C" fn sealer_establish(sealer: Handle<'_, Sealer>) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| Ok(sealer.establish()?))
    })
}

// Settings

/// `tlsr_sealer_set_version`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_set_version"))]
pub extern "C" fn sealer_set_version(sealer: Handle<'_, Sealer>, version: u16) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        let version = version_of(version)?;
        half.with(|sealer| {
            sealer.set_version(version);
            Ok(())
        })
    })
}

/// `tlsr_sealer_set_fragment_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_set_fragment_limit"))]
pub extern "C" fn sealer_set_fragment_limit(sealer: Handle<'_, Sealer>, limit: u16) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| {
            sealer.set_fragment_limit(limit);
            Ok(())
        })
    })
}

/// `tlsr_sealer_set_padding`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_set_padding"))]
pub extern "C" fn sealer_set_padding(sealer: Handle<'_, Sealer>, padding: u8, size: u16) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        let padding = padding_of(padding, size)?;
        half.with(|sealer| {
            sealer.set_padding(padding);
            Ok(())
        })
    })
}

/// `tlsr_sealer_set_record_size_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_set_record_size_limit"))]
pub extern "C" fn sealer_set_record_size_limit(sealer: Handle<'_, Sealer>, limit: u16) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        let limit = size_limit_of(limit)?;
        half.with(|sealer| {
            sealer.set_record_size_limit(limit);
            Ok(())
        })
    })
}

// Sending

/// `tlsr_sealer_seal`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_seal"))]
pub extern "C" fn sealer_seal(
    sealer: Handle<'_, Sealer>,
    data: Bytes<'_>,
    data_len: usize,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Sealer(half) = sealer.get()?;
        let (out, data) = out.beside(out_len, data, data_len)?;
        half.with(|sealer| {
            let sealed = sealer.seal(&[data], out);
            Sealed::fill(place, sealed.map(|sealed| (sealed.taken, sealed.written)))
        })
    })
}

/// `tlsr_sealer_seal_parts`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_seal_parts"))]
pub extern "C" fn sealer_seal_parts(
    sealer: Handle<'_, Sealer>,
    parts: Parts<'_>,
    count: usize,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Sealer(half) = sealer.get()?;
        let (out, parts) = out.beside_parts(out_len, parts, count)?;
        half.with(|sealer| {
            let sealed = sealer.seal(parts.get(), out);
            Sealed::fill(place, sealed.map(|sealed| (sealed.taken, sealed.written)))
        })
    })
}

/// `tlsr_sealer_seal_in_place`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_seal_in_place"))]
pub extern "C" fn sealer_seal_in_place(
    sealer: Handle<'_, Sealer>,
    record: BytesMut<'_>,
    record_len: usize,
    len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Sealer(half) = sealer.get()?;
        let record = record.slice(record_len)?;
        half.with(|sealer| {
            let sealed = sealer.seal_in_place(record, len);
            Sealed::fill(place, sealed.map(|written| (len, written)))
        })
    })
}

/// `tlsr_sealer_seal_handshake`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_seal_handshake"))]
pub extern "C" fn sealer_seal_handshake(
    sealer: Handle<'_, Sealer>,
    message: Bytes<'_>,
    message_len: usize,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Sealer(half) = sealer.get()?;
        let (out, message) = out.beside(out_len, message, message_len)?;
        half.with(|sealer| {
            let sealed = sealer.seal_handshake(&[message], out);
            Sealed::fill(place, sealed.map(|written| (message_len, written)))
        })
    })
}

/// `tlsr_sealer_change_cipher_spec`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_change_cipher_spec"))]
pub extern "C" fn sealer_change_cipher_spec(
    sealer: Handle<'_, Sealer>,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Sealer(half) = sealer.get()?;
        let out = out.slice(out_len)?;
        half.with(|sealer| {
            let sealed = sealer.change_cipher_spec(out);
            Sealed::fill(place, sealed.map(|written| (0, written)))
        })
    })
}

// Alerts and KeyUpdates

/// `tlsr_sealer_poll_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_poll_control"))]
pub extern "C" fn sealer_poll_control(
    sealer: Handle<'_, Sealer>,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Sealer(half) = sealer.get()?;
        let out = out.slice(out_len)?;
        half.with(|sealer| {
            let sealed = sealer.poll_control(out);
            Sealed::fill(place, sealed.map(|written| (0, written)))
        })
    })
}

/// `tlsr_sealer_next_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_next_control"))]
pub extern "C" fn sealer_next_control(
    sealer: Handle<'_, Sealer>,
    control: Out<'_, Control>,
) -> Status {
    Status::of(|| {
        let place = control.cleared()?;
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| {
            Control::fill(place, sealer.next_control());
            Ok(())
        })
    })
}

/// `tlsr_sealer_update_keys`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_update_keys"))]
pub extern "C" fn sealer_update_keys(sealer: Handle<'_, Sealer>, request: u8) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| Ok(sealer.update_keys(request != 0)?))
    })
}

/// `tlsr_sealer_refuse_renegotiation`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_refuse_renegotiation"))]
pub extern "C" fn sealer_refuse_renegotiation(sealer: Handle<'_, Sealer>) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| Ok(sealer.refuse_renegotiation()?))
    })
}

// The other half

/// `tlsr_sealer_take_signal`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_take_signal"))]
pub extern "C" fn sealer_take_signal(sealer: Handle<'_, Sealer>, signal: Out<'_, u32>) -> Status {
    Status::of(|| {
        let place = signal.cleared()?;
        let Sealer(half) = sealer.get()?;
        place.write(half.with_posted(|sealer| sealer.take_signal().bits())?);
        Ok(())
    })
}

/// `tlsr_sealer_apply_notice`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_apply_notice"))]
pub extern "C" fn sealer_apply_notice(sealer: Handle<'_, Sealer>, notice: u32) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| {
            sealer.apply(Notice::from_bits(notice));
            Ok(())
        })
    })
}

// Closing

/// `tlsr_sealer_close`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_close"))]
pub extern "C" fn sealer_close(sealer: Handle<'_, Sealer>) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| Ok(sealer.close()?))
    })
}

/// `tlsr_sealer_cancel`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_cancel"))]
pub extern "C" fn sealer_cancel(sealer: Handle<'_, Sealer>) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| Ok(sealer.cancel()?))
    })
}

/// `tlsr_sealer_abort`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_abort"))]
pub extern "C" fn sealer_abort(sealer: Handle<'_, Sealer>, alert: u8) -> Status {
    Status::of(|| {
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| Ok(sealer.abort(AlertDescription(alert))?))
    })
}

/// `tlsr_sealer_end`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_end"))]
pub extern "C" fn sealer_end(sealer: Handle<'_, Sealer>, end: Out<'_, End>) -> Status {
    Status::of(|| {
        let place = end.cleared()?;
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| {
            End::fill_write(place, sealer.end());
            Ok(())
        })
    })
}

// Asking

/// Returns a length, or 0 if there is no sealer.
fn ask(
    sealer: Handle<'_, Sealer>,
    length: impl FnOnce(&tls_record::Sealer<Keys>) -> usize,
) -> usize {
    let length = sealer.get().and_then(|Sealer(half)| half.with(|sealer| Ok(length(sealer))));
    length.unwrap_or(0)
}

/// `tlsr_sealer_headroom`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_headroom"))]
pub extern "C" fn sealer_headroom(sealer: Handle<'_, Sealer>) -> usize {
    ask(sealer, |sealer| sealer.headroom())
}

/// `tlsr_sealer_record_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_record_len"))]
pub extern "C" fn sealer_record_len(sealer: Handle<'_, Sealer>, content: usize) -> usize {
    ask(sealer, |sealer| sealer.record_len(content))
}

/// `tlsr_sealer_content_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_content_len"))]
pub extern "C" fn sealer_content_len(sealer: Handle<'_, Sealer>, space: usize) -> usize {
    ask(sealer, |sealer| sealer.content_len(space).unwrap_or(0))
}

/// `tlsr_sealer_control_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_control_len"))]
pub extern "C" fn sealer_control_len(sealer: Handle<'_, Sealer>) -> usize {
    ask(sealer, |sealer| sealer.control_len())
}

/// `tlsr_sealer_fragment_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_fragment_limit"))]
pub extern "C" fn sealer_fragment_limit(sealer: Handle<'_, Sealer>) -> usize {
    ask(sealer, |sealer| sealer.fragment_limit().into())
}

/// `tlsr_sealer_position`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "sealer_position"))]
pub extern "C" fn sealer_position(
    sealer: Handle<'_, Sealer>,
    position: Out<'_, Position>,
) -> Status {
    Status::of(|| {
        let place = position.cleared()?;
        let Sealer(half) = sealer.get()?;
        half.with(|sealer| {
            place.write(Position::of(None, Some(sealer)));
            Ok(())
        })
    })
}
