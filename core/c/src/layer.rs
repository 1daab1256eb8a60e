//! `tlsr_layer`: a record layer, whose sealed records the caller sends at once.
//!
//! Of the engine's `RecordLayer` these are not here: `has_control`, because `poll_control` writes nothing
//! if nothing is due; `with_halves`, because what it is for has functions of the layer; and the
//! closing states of the halves, because `end` says more. Records in several pieces are in `long_records`.

use tls_record::{AlertDescription, RecordLayer};

use crate::config::{Config, config_of, padding_of, role_of, size_limit_of, version_of};
use crate::keys::{Keys, Secret, both_keys_of, moving_keys, new_keys_of};
use crate::memory::{Bytes, BytesMut, Handle, In, Object, Out, Parts};
use crate::outcome::{Control, End, Opened, Position, Sealed, epoch_of, fill_closed};
use crate::status::Status;

/// `tlsr_layer`.
pub struct Layer(pub(crate) RecordLayer<Keys>);

impl Object for Layer {
    const KIND: u8 = 1;
}

/// `tlsr_layer_init`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_init"))]
pub extern "C" fn layer_init(
    layer: Handle<'_, Layer>,
    size: usize,
    config: In<'_, Config>,
) -> Status {
    Status::of(|| {
        let room = layer.room(size)?;
        room.fill(Layer(RecordLayer::new(config_of(config)?)));
        Ok(())
    })
}

/// `tlsr_layer_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_wipe"))]
pub extern "C" fn layer_wipe(layer: Handle<'_, Layer>) -> Status {
    layer.wipe()
}

// Keys

/// `tlsr_layer_install`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_install"))]
pub extern "C" fn layer_install(
    layer: Handle<'_, Layer>,
    epoch: u8,
    client: In<'_, Secret<'_>>,
    server: In<'_, Secret<'_>>,
) -> Status {
    moving_keys(size_of::<[Keys; 2]>(), || {
        let Layer(layer) = layer.get()?;
        let epoch = epoch_of(epoch)?;
        let (client, server) = both_keys_of(client, server)?;
        layer.take_over(epoch, client, server)?;
        Ok(())
    })
}

/// `tlsr_layer_install_one`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_install_one"))]
pub extern "C" fn layer_install_one(
    layer: Handle<'_, Layer>,
    writer: u8,
    epoch: u8,
    secret: In<'_, Secret<'_>>,
) -> Status {
    moving_keys(size_of::<Keys>(), || {
        let Layer(layer) = layer.get()?;
        let (writer, epoch) = (role_of(writer)?, epoch_of(epoch)?);
        layer.install_one(writer, epoch, new_keys_of(secret)?)?;
        Ok(())
    })
}

/// `tlsr_layer_establish`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_establish"))]
pub extern "C" fn layer_establish(layer: Handle<'_, Layer>, writer: u8) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        let writer = role_of(writer)?;
        layer.with_halves(|opener, sealer| {
            if opener.role() == writer { sealer.establish() } else { opener.establish() }
        })?;
        Ok(())
    })
}

// Settings

/// `tlsr_layer_set_version`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_set_version"))]
pub extern "C" fn layer_set_version(layer: Handle<'_, Layer>, version: u16) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.set_version(version_of(version)?);
        Ok(())
    })
}

/// `tlsr_layer_set_fragment_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_set_fragment_limit"))]
pub extern "C" fn layer_set_fragment_limit(layer: Handle<'_, Layer>, limit: u16) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.set_fragment_limit(limit);
        Ok(())
    })
}

/// `tlsr_layer_set_padding`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_set_padding"))]
pub extern "C" fn layer_set_padding(layer: Handle<'_, Layer>, padding: u8, size: u16) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.set_padding(padding_of(padding, size)?);
        Ok(())
    })
}

/// `tlsr_layer_set_own_record_size_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_set_own_record_size_limit"))]
pub extern "C" fn layer_set_own_record_size_limit(layer: Handle<'_, Layer>, limit: u16) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.set_own_record_size_limit(size_limit_of(limit)?);
        Ok(())
    })
}

/// `tlsr_layer_set_peer_record_size_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_set_peer_record_size_limit"))]
pub extern "C" fn layer_set_peer_record_size_limit(layer: Handle<'_, Layer>, limit: u16) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.set_peer_record_size_limit(size_limit_of(limit)?);
        Ok(())
    })
}

// Receiving

/// `tlsr_layer_open`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_open"))]
pub extern "C" fn layer_open(
    layer: Handle<'_, Layer>,
    input: BytesMut<'_>,
    len: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get_inline()?;
        let input = input.slice(len)?;
        Opened::fill(opened.place()?, &layer.open(input))
    })
}

/// `tlsr_layer_open_into`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_open_into"))]
pub extern "C" fn layer_open_into(
    layer: Handle<'_, Layer>,
    pieces: Parts<'_>,
    count: usize,
    out: BytesMut<'_>,
    len: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        opened.filled(|place| {
            let Layer(layer) = layer.get()?;
            let (out, pieces) = out.beside_parts(len, pieces, count)?;
            Opened::fill(place, &layer.open_into(pieces.get(), out))
        })
    })
}

/// `tlsr_layer_skip_early_data`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_skip_early_data"))]
pub extern "C" fn layer_skip_early_data(
    layer: Handle<'_, Layer>,
    after_hello_retry_request: u8,
) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        let is_retry = after_hello_retry_request != 0;
        layer.with_halves(|opener, _| opener.skip_early_data(is_retry))?;
        Ok(())
    })
}

/// `tlsr_layer_eof`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_eof"))]
pub extern "C" fn layer_eof(layer: Handle<'_, Layer>) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.eof();
        Ok(())
    })
}

// Sending

/// `tlsr_layer_seal`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_seal"))]
pub extern "C" fn layer_seal(
    layer: Handle<'_, Layer>,
    data: Bytes<'_>,
    data_len: usize,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get_inline()?;
        let (out, data) = out.beside(out_len, data, data_len)?;
        let place = sealed.place()?;
        let sealed = layer.seal(&[data], out);
        Sealed::fill(place, sealed.map(|sealed| (sealed.taken, sealed.written)))
    })
}

/// `tlsr_layer_seal_parts`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_seal_parts"))]
pub extern "C" fn layer_seal_parts(
    layer: Handle<'_, Layer>,
    parts: Parts<'_>,
    count: usize,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Layer(layer) = layer.get()?;
        let (out, parts) = out.beside_parts(out_len, parts, count)?;
        let sealed = layer.seal(parts.get(), out);
        Sealed::fill(place, sealed.map(|sealed| (sealed.taken, sealed.written)))
    })
}

/// `tlsr_layer_seal_in_place`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_seal_in_place"))]
pub extern "C" fn layer_seal_in_place(
    layer: Handle<'_, Layer>,
    record: BytesMut<'_>,
    record_len: usize,
    len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get_inline()?;
        let record = record.slice(record_len)?;
        let place = sealed.place()?;
        let sealed = layer.seal_in_place(record, len);
        Sealed::fill(place, sealed.map(|written| (len, written)))
    })
}

/// `tlsr_layer_seal_handshake`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_seal_handshake"))]
pub extern "C" fn layer_seal_handshake(
    layer: Handle<'_, Layer>,
    message: Bytes<'_>,
    message_len: usize,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Layer(layer) = layer.get()?;
        let (out, message) = out.beside(out_len, message, message_len)?;
        let sealed = layer.seal_handshake(&[message], out);
        Sealed::fill(place, sealed.map(|written| (message_len, written)))
    })
}

/// `tlsr_layer_change_cipher_spec`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_change_cipher_spec"))]
pub extern "C" fn layer_change_cipher_spec(
    layer: Handle<'_, Layer>,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Layer(layer) = layer.get()?;
        let out = out.slice(out_len)?;
        let sealed = layer.with_halves(|_, sealer| sealer.change_cipher_spec(out));
        Sealed::fill(place, sealed.map(|written| (0, written)))
    })
}

// Alerts and KeyUpdates

/// `tlsr_layer_poll_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_poll_control"))]
pub extern "C" fn layer_poll_control(
    layer: Handle<'_, Layer>,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let place = sealed.cleared()?;
        let Layer(layer) = layer.get()?;
        let out = out.slice(out_len)?;
        let sealed = layer.poll_control(out);
        Sealed::fill(place, sealed.map(|written| (0, written)))
    })
}

/// `tlsr_layer_next_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_next_control"))]
pub extern "C" fn layer_next_control(
    layer: Handle<'_, Layer>,
    control: Out<'_, Control>,
) -> Status {
    Status::of(|| {
        let place = control.cleared()?;
        let Layer(layer) = layer.get()?;
        Control::fill(place, layer.next_control());
        Ok(())
    })
}

/// `tlsr_layer_update_keys`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_update_keys"))]
pub extern "C" fn layer_update_keys(layer: Handle<'_, Layer>, request: u8) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.update_keys(request != 0)?;
        Ok(())
    })
}

/// `tlsr_layer_refuse_renegotiation`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_refuse_renegotiation"))]
pub extern "C" fn layer_refuse_renegotiation(layer: Handle<'_, Layer>) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.refuse_renegotiation()?;
        Ok(())
    })
}

// Closing

/// `tlsr_layer_close`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_close"))]
pub extern "C" fn layer_close(layer: Handle<'_, Layer>) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.close()?;
        Ok(())
    })
}

/// `tlsr_layer_cancel`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_cancel"))]
pub extern "C" fn layer_cancel(layer: Handle<'_, Layer>) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.cancel()?;
        Ok(())
    })
}

/// `tlsr_layer_abort`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_abort"))]
pub extern "C" fn layer_abort(layer: Handle<'_, Layer>, alert: u8) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.abort(AlertDescription(alert))?;
        Ok(())
    })
}

/// `tlsr_layer_check_closed`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_check_closed"))]
pub extern "C" fn layer_check_closed(
    layer: Handle<'_, Layer>,
    budget: u32,
    drained: Out<'_, u32>,
) -> Status {
    Status::of(|| {
        let place = drained.cleared_if_any()?;
        let Layer(layer) = layer.get()?;
        fill_closed(place, layer.check_closed(budget))
    })
}

/// `tlsr_layer_end`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_end"))]
pub extern "C" fn layer_end(layer: Handle<'_, Layer>, end: Out<'_, End>) -> Status {
    Status::of(|| {
        let place = end.cleared()?;
        let Layer(layer) = layer.get()?;
        End::fill(place, layer.end());
        Ok(())
    })
}

// Asking

/// `tlsr_layer_needed`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_needed"))]
pub extern "C" fn layer_needed(layer: Handle<'_, Layer>, input: Bytes<'_>, len: usize) -> usize {
    let needed = || -> Result<usize, Status> {
        let Layer(layer) = layer.get()?;
        Ok(layer.opener().needed(input.slice(len)?))
    };
    needed().unwrap_or(0)
}

/// `tlsr_layer_headroom`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_headroom"))]
pub extern "C" fn layer_headroom(layer: Handle<'_, Layer>) -> usize {
    layer.get().map_or(0, |Layer(layer)| layer.sealer().headroom())
}

/// `tlsr_layer_record_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_record_len"))]
pub extern "C" fn layer_record_len(layer: Handle<'_, Layer>, content: usize) -> usize {
    layer.get().map_or(0, |Layer(layer)| layer.sealer().record_len(content))
}

/// `tlsr_layer_content_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_content_len"))]
pub extern "C" fn layer_content_len(layer: Handle<'_, Layer>, space: usize) -> usize {
    layer.get().map_or(0, |Layer(layer)| layer.sealer().content_len(space).unwrap_or(0))
}

/// `tlsr_layer_control_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_control_len"))]
pub extern "C" fn layer_control_len(layer: Handle<'_, Layer>) -> usize {
    layer.get().map_or(0, |Layer(layer)| layer.sealer().control_len())
}

/// `tlsr_layer_fragment_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_fragment_limit"))]
pub extern "C" fn layer_fragment_limit(layer: Handle<'_, Layer>) -> usize {
    layer.get().map_or(0, |Layer(layer)| layer.sealer().fragment_limit().into())
}

/// `tlsr_layer_position`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_position"))]
pub extern "C" fn layer_position(layer: Handle<'_, Layer>, position: Out<'_, Position>) -> Status {
    Status::of(|| {
        let place = position.cleared()?;
        let Layer(layer) = layer.get()?;
        let (opener, sealer) = (layer.opener(), layer.sealer());
        place.write(Position::of(Some(opener), Some(sealer)));
        Ok(())
    })
}
