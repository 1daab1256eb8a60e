//! `tlsr_connection`: a record layer that keeps its sealed records until the transport has taken them.

use tls_record::{AlertDescription, ConnectionIn, WriteEnd};

use crate::config::{Config, config_of, padding_of, role_of, size_limit_of, version_of};
use crate::keys::{Keys, Secret, both_keys_of, moving_keys, new_keys_of};
use crate::layer::Layer;
use crate::memory::{
    Bytes, BytesMut, Handle, In, Memory, Object, Out, Owned, Parts, Region, Slice, SliceMut,
};
use crate::outcome::{End, Opened, Position, epoch_of, fill_closed};
use crate::status::Status;

/// `tlsr_connection`. Its records lie in a buffer of the caller's.
pub struct Connection(pub(crate) ConnectionIn<Keys, Owned>);

impl Object for Connection {
    const KIND: u8 = 2;

    fn buffer(&self) -> Region {
        self.0.buffer().region()
    }
}

/// `tlsr_connection_init`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_init"))]
pub extern "C" fn connection_init(
    connection: Handle<'_, Connection>,
    size: usize,
    config: In<'_, Config>,
    buffer: BytesMut<'_>,
    buffer_len: usize,
) -> Status {
    Status::of(|| {
        let config = config_of(config)?;
        buffer.check_beside_object(buffer_len, &connection)?;
        let buffer = buffer.owned(buffer_len)?;
        let room = connection.room(size)?;
        let made = ConnectionIn::without_keys_in(config, buffer);
        room.fill(Connection(made.map_err(|_| Status::NO_SPACE)?));
        Ok(())
    })
}

/// `tlsr_connection_from_layer`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_from_layer"))]
pub extern "C" fn connection_from_layer(
    connection: Handle<'_, Connection>,
    size: usize,
    layer: Handle<'_, Layer>,
    buffer: BytesMut<'_>,
    buffer_len: usize,
) -> Status {
    moving_keys(size_of::<(Memory<Layer>, Memory<Connection>)>(), || {
        layer.check_beside(&connection)?;
        buffer.check_beside_object(buffer_len, &connection)?;
        buffer.check_beside_object(buffer_len, &layer)?;
        let room = connection.room(size)?;
        let buffer = buffer.owned(buffer_len)?;
        if buffer_len < MIN_BUFFER {
            return Err(Status::NO_SPACE);
        }
        let made = layer.held()?.take(|Layer(layer)| ConnectionIn::new_in(layer, buffer));
        room.fill(Connection(made.map_err(|_| Status::NO_SPACE)?));
        Ok(())
    })
}

/// What `BufferTooShort` asks for, so that the layer is not lost.
pub(crate) const MIN_BUFFER: usize = 128;

/// `tlsr_connection_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_wipe"))]
pub extern "C" fn connection_wipe(connection: Handle<'_, Connection>) -> Status {
    connection.wipe()
}

// Keys and settings

/// `tlsr_connection_install`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_install"))]
pub extern "C" fn connection_install(
    connection: Handle<'_, Connection>,
    epoch: u8,
    client: In<'_, Secret<'_>>,
    server: In<'_, Secret<'_>>,
) -> Status {
    moving_keys(size_of::<[Keys; 2]>(), || {
        let Connection(connection) = connection.get()?;
        let epoch = epoch_of(epoch)?;
        let (client, server) = both_keys_of(client, server)?;
        connection.take_over(epoch, client, server)?;
        Ok(())
    })
}

/// `tlsr_connection_install_one`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_install_one"))]
pub extern "C" fn connection_install_one(
    connection: Handle<'_, Connection>,
    writer: u8,
    epoch: u8,
    secret: In<'_, Secret<'_>>,
) -> Status {
    moving_keys(size_of::<Keys>(), || {
        let Connection(connection) = connection.get()?;
        let (writer, epoch) = (role_of(writer)?, epoch_of(epoch)?);
        connection.install_one(writer, epoch, new_keys_of(secret)?)?;
        Ok(())
    })
}

/// `tlsr_connection_establish`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_establish"))]
pub extern "C" fn connection_establish(connection: Handle<'_, Connection>, writer: u8) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        let writer = role_of(writer)?;
        connection.with_halves(|opener, sealer| {
            if writer == opener.role() { sealer.establish() } else { opener.establish() }
        })?;
        Ok(())
    })
}

/// `tlsr_connection_set_version`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_set_version"))]
pub extern "C" fn connection_set_version(
    connection: Handle<'_, Connection>,
    version: u16,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.set_version(version_of(version)?);
        Ok(())
    })
}

/// `tlsr_connection_set_fragment_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_set_fragment_limit"))]
pub extern "C" fn connection_set_fragment_limit(
    connection: Handle<'_, Connection>,
    limit: u16,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.set_fragment_limit(limit);
        Ok(())
    })
}

/// `tlsr_connection_set_padding`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_set_padding"))]
pub extern "C" fn connection_set_padding(
    connection: Handle<'_, Connection>,
    padding: u8,
    size: u16,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.set_padding(padding_of(padding, size)?);
        Ok(())
    })
}

/// `tlsr_connection_set_own_record_size_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_set_own_record_size_limit"))]
pub extern "C" fn connection_set_own_record_size_limit(
    connection: Handle<'_, Connection>,
    limit: u16,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.set_own_record_size_limit(size_limit_of(limit)?);
        Ok(())
    })
}

/// `tlsr_connection_set_peer_record_size_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_set_peer_record_size_limit"))]
pub extern "C" fn connection_set_peer_record_size_limit(
    connection: Handle<'_, Connection>,
    limit: u16,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.set_peer_record_size_limit(size_limit_of(limit)?);
        Ok(())
    })
}

/// `tlsr_connection_update_keys`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_update_keys"))]
pub extern "C" fn connection_update_keys(
    connection: Handle<'_, Connection>,
    request: u8,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.update_keys(request != 0)?;
        Ok(())
    })
}

/// `tlsr_connection_skip_early_data`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_skip_early_data"))]
pub extern "C" fn connection_skip_early_data(
    connection: Handle<'_, Connection>,
    after_hello_retry_request: u8,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection
            .with_halves(|opener, _| opener.skip_early_data(after_hello_retry_request != 0))?;
        Ok(())
    })
}

// Receiving

/// `tlsr_connection_received`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_received"))]
pub extern "C" fn connection_received(
    connection: Handle<'_, Connection>,
    input: BytesMut<'_>,
    len: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        opened.filled(|place| {
            let Connection(connection) = connection.get()?;
            let input = input.slice(len)?;
            Opened::fill(place, &connection.received(input))
        })
    })
}

/// `tlsr_connection_received_into`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_received_into"))]
pub extern "C" fn connection_received_into(
    connection: Handle<'_, Connection>,
    pieces: Parts<'_>,
    count: usize,
    out: BytesMut<'_>,
    len: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        opened.filled(|place| {
            let Connection(connection) = connection.get()?;
            let (out, pieces) = out.beside_parts(len, pieces, count)?;
            Opened::fill(place, &connection.received_into(pieces.get(), out))
        })
    })
}

/// `tlsr_connection_eof`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_eof"))]
pub extern "C" fn connection_eof(connection: Handle<'_, Connection>) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.eof();
        Ok(())
    })
}

/// `tlsr_connection_transport_failed`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_transport_failed"))]
pub extern "C" fn connection_transport_failed(connection: Handle<'_, Connection>) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.transport_failed();
        Ok(())
    })
}

/// `tlsr_connection_refuse_renegotiation`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_refuse_renegotiation"))]
pub extern "C" fn connection_refuse_renegotiation(connection: Handle<'_, Connection>) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.refuse_renegotiation()?;
        Ok(())
    })
}

// Writing

/// `tlsr_connection_write`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_write"))]
pub extern "C" fn connection_write(
    connection: Handle<'_, Connection>,
    data: Bytes<'_>,
    len: usize,
    taken: Out<'_, usize>,
) -> Status {
    Status::of(|| {
        let place = taken.cleared()?;
        let Connection(connection) = connection.get()?;
        let data = data.slice(len)?;
        place.write(connection.write(&[data])?);
        Ok(())
    })
}

/// `tlsr_connection_write_parts`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_write_parts"))]
pub extern "C" fn connection_write_parts(
    connection: Handle<'_, Connection>,
    parts: Parts<'_>,
    count: usize,
    taken: Out<'_, usize>,
) -> Status {
    Status::of(|| {
        let place = taken.cleared()?;
        let Connection(connection) = connection.get()?;
        let parts = parts.get(count)?;
        place.write(connection.write(parts.get())?);
        Ok(())
    })
}

/// `tlsr_connection_write_handshake`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_write_handshake"))]
pub extern "C" fn connection_write_handshake(
    connection: Handle<'_, Connection>,
    messages: Bytes<'_>,
    len: usize,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.write_handshake(&[messages.slice(len)?])?;
        Ok(())
    })
}

/// `tlsr_connection_write_change_cipher_spec`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_write_change_cipher_spec"))]
pub extern "C" fn connection_write_change_cipher_spec(
    connection: Handle<'_, Connection>,
) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.write_change_cipher_spec()?;
        Ok(())
    })
}

/// `tlsr_connection_reserve`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_reserve"))]
pub extern "C" fn connection_reserve(
    connection: Handle<'_, Connection>,
    len: usize,
    slot: Out<'_, SliceMut>,
) -> Status {
    Status::of(|| {
        let place = slot.cleared()?;
        let Connection(connection) = connection.get()?;
        place.write(SliceMut::of(connection.reserve(len)?));
        Ok(())
    })
}

/// `tlsr_connection_commit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_commit"))]
pub extern "C" fn connection_commit(connection: Handle<'_, Connection>, len: usize) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.commit(len)?;
        Ok(())
    })
}

/// `tlsr_connection_discard`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_discard"))]
pub extern "C" fn connection_discard(connection: Handle<'_, Connection>) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.discard()?;
        Ok(())
    })
}

// Sending

/// `tlsr_connection_unsent`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_unsent"))]
pub extern "C" fn connection_unsent(
    connection: Handle<'_, Connection>,
    unsent: Out<'_, Slice>,
) -> Status {
    Status::of(|| {
        let place = unsent.cleared()?;
        let Connection(connection) = connection.get()?;
        place.write(Slice::of(connection.unsent()));
        Ok(())
    })
}

/// `tlsr_connection_begin_send`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_begin_send"))]
pub extern "C" fn connection_begin_send(
    connection: Handle<'_, Connection>,
    unsent: Out<'_, Slice>,
) -> Status {
    Status::of(|| {
        let place = unsent.cleared()?;
        let Connection(connection) = connection.get()?;
        place.write(Slice::of(connection.begin_send()));
        Ok(())
    })
}

/// `tlsr_connection_sent`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_sent"))]
pub extern "C" fn connection_sent(connection: Handle<'_, Connection>, len: usize) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        check_sent(len, connection.unsent(), connection.end().write)?;
        connection.sent(len);
        Ok(())
    })
}

/// Refuses more bytes than are unsent, as from a `send` that returned -1. A direction that has failed may
/// have discarded its records, which a transport may still have.
pub(crate) fn check_sent(len: usize, unsent: &[u8], end: WriteEnd) -> Result<(), Status> {
    let is_discarded = unsent.is_empty() && end == WriteEnd::Failed;
    if len > unsent.len() && !is_discarded {
        return Err(Status::ARGUMENT);
    }
    Ok(())
}

// Closing

/// `tlsr_connection_shutdown`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_shutdown"))]
pub extern "C" fn connection_shutdown(connection: Handle<'_, Connection>) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.shutdown()?;
        Ok(())
    })
}

/// `tlsr_connection_shutdown_both`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_shutdown_both"))]
pub extern "C" fn connection_shutdown_both(
    connection: Handle<'_, Connection>,
    budget: u32,
    drained: Out<'_, u32>,
) -> Status {
    Status::of(|| {
        let place = drained.cleared_if_any()?;
        let Connection(connection) = connection.get()?;
        fill_closed(place, connection.shutdown_both(budget))
    })
}

/// `tlsr_connection_check_closed`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_check_closed"))]
pub extern "C" fn connection_check_closed(
    connection: Handle<'_, Connection>,
    budget: u32,
    drained: Out<'_, u32>,
) -> Status {
    Status::of(|| {
        let place = drained.cleared_if_any()?;
        let Connection(connection) = connection.get()?;
        fill_closed(place, connection.check_closed(budget))
    })
}

/// `tlsr_connection_abort`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_abort"))]
pub extern "C" fn connection_abort(connection: Handle<'_, Connection>, alert: u8) -> Status {
    Status::of(|| {
        let Connection(connection) = connection.get()?;
        connection.abort(AlertDescription(alert))?;
        Ok(())
    })
}

// Asking

/// `tlsr_connection_end`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_end"))]
pub extern "C" fn connection_end(connection: Handle<'_, Connection>, end: Out<'_, End>) -> Status {
    Status::of(|| {
        let place = end.cleared()?;
        let Connection(connection) = connection.get()?;
        End::fill(place, connection.end());
        Ok(())
    })
}

/// `tlsr_connection_can_write`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_can_write"))]
pub extern "C" fn connection_can_write(connection: Handle<'_, Connection>) -> i32 {
    connection.get().is_ok_and(|Connection(connection)| connection.can_write()).into()
}

/// `tlsr_connection_may_write`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_may_write"))]
pub extern "C" fn connection_may_write(connection: Handle<'_, Connection>) -> i32 {
    connection.get().is_ok_and(|Connection(connection)| connection.may_write()).into()
}

/// `tlsr_connection_take_sealed_alert`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_take_sealed_alert"))]
pub extern "C" fn connection_take_sealed_alert(connection: Handle<'_, Connection>) -> i32 {
    let alert =
        connection.get().ok().and_then(|Connection(connection)| connection.take_sealed_alert());
    alert.map_or(-1, |alert| alert.0.into())
}

/// `tlsr_connection_position`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_position"))]
pub extern "C" fn connection_position(
    connection: Handle<'_, Connection>,
    position: Out<'_, Position>,
) -> Status {
    Status::of(|| {
        let place = position.cleared()?;
        let Connection(connection) = connection.get()?;
        let (opener, sealer) = (connection.opener(), connection.writer().sealer());
        place.write(Position::of(Some(opener), Some(sealer)));
        Ok(())
    })
}
