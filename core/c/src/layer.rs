//! `tlsr_layer`: a record layer, whose sealed records the caller sends at once.

use tls_record::{AlertDescription, RecordLayer};

use crate::config::{Config, config_of, padding_of, role_of, size_limit_of, version_of};
use crate::keys::{Keys, Secret, keys_of};
use crate::memory::{Bytes, BytesMut, Handle, In, Object, Out, Parts};
use crate::outcome::{Control, End, Opened, Sealed, epoch_of};
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
        let config = config_of(config)?;
        layer.put(size, Layer(RecordLayer::new(config)))
    })
}

/// `tlsr_layer_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_wipe"))]
pub extern "C" fn layer_wipe(layer: Handle<'_, Layer>) -> Status {
    layer.wipe()
}

// Keys and settings

/// `tlsr_layer_install`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_install"))]
pub extern "C" fn layer_install(
    layer: Handle<'_, Layer>,
    epoch: u8,
    client: In<'_, Secret<'_>>,
    server: In<'_, Secret<'_>>,
) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.take_over(epoch_of(epoch)?, keys_of(client)?, keys_of(server)?)?;
        Ok(())
    })
}

/// `tlsr_layer_set_version`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_set_version"))]
pub extern "C" fn layer_set_version(layer: Handle<'_, Layer>, version: u16) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.set_version(version_of(version)?);
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
        opened.place()?.write(layer.open(input)?.into());
        Ok(())
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
        let Layer(layer) = layer.get()?;
        let (out, pieces) = out.beside_parts(len, pieces, count)?;
        opened.place()?.write(layer.open_into(pieces.get(), out)?.into());
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
        let Layer(layer) = layer.get()?;
        let (out, message) = out.beside(out_len, message, message_len)?;
        let place = sealed.place()?;
        let sealed = layer.seal_handshake(&[message], out);
        Sealed::fill(place, sealed.map(|written| (message_len, written)))
    })
}

/// `tlsr_layer_poll_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_poll_control"))]
pub extern "C" fn layer_poll_control(
    layer: Handle<'_, Layer>,
    out: BytesMut<'_>,
    out_len: usize,
    sealed: Out<'_, Sealed>,
) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        let out = out.slice(out_len)?;
        let place = sealed.place()?;
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
        let Layer(layer) = layer.get()?;
        control.place()?.write(layer.next_control().into());
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

/// `tlsr_layer_abort`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_abort"))]
pub extern "C" fn layer_abort(layer: Handle<'_, Layer>, alert: u8) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        layer.abort(AlertDescription(alert))?;
        Ok(())
    })
}

/// `tlsr_layer_end`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_end"))]
pub extern "C" fn layer_end(layer: Handle<'_, Layer>, end: Out<'_, End>) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        end.place()?.write(layer.end().into());
        Ok(())
    })
}
