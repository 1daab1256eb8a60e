//! Suspending connections into bytes, and resuming them.

use tls_record::{ConnectionIn, RecordLayer, SUSPENDED_LEN};

use crate::connection::{Connection, MIN_BUFFER};
use crate::keys::moving_keys;
use crate::layer::Layer;
use crate::memory::{BytesMut, Handle, In, Memory, Object, Out, Region, check_apart};
use crate::status::Status;

/// The caller's key, under which connections are sealed.
type Key = [u8; 32];

/// `tlsr_layer_suspend`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_suspend"))]
pub extern "C" fn layer_suspend(
    layer: Handle<'_, Layer>,
    key: In<'_, Key>,
    bytes: Out<'_, [u8; SUSPENDED_LEN]>,
) -> Status {
    Status::of(|| {
        check_apart(&[layer.region(), key.region(), bytes.region()])?;
        let place = bytes.cleared()?;
        let Layer(layer) = layer.get()?;
        let key = key.get()?;
        place.write(layer.suspend(key)?);
        Ok(())
    })
}

/// `tlsr_connection_suspend`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_suspend"))]
pub extern "C" fn connection_suspend(
    connection: Handle<'_, Connection>,
    key: In<'_, Key>,
    bytes: Out<'_, [u8; SUSPENDED_LEN]>,
) -> Status {
    Status::of(|| {
        let connection_region = connection.region();
        let connection = connection.get();
        let buffer = connection.as_ref().map_or(Region::NONE, |connection| connection.buffer());
        check_apart(&[connection_region, key.region(), bytes.region(), buffer])?;
        let place = bytes.cleared()?;
        let Connection(connection) = connection?;
        let key = key.get()?;
        place.write(connection.suspend(key)?);
        Ok(())
    })
}

/// `tlsr_layer_resume`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_resume"))]
pub extern "C" fn layer_resume(
    layer: Handle<'_, Layer>,
    size: usize,
    bytes: BytesMut<'_>,
    len: usize,
    key: In<'_, Key>,
) -> Status {
    moving_keys(size_of::<Memory<Layer>>(), || {
        check_apart(&[layer.region(), key.region(), bytes.region(len)])?;
        let room = layer.room(size)?;
        let key = key.get()?;
        let bytes = bytes.slice(len)?;
        room.fill(Layer(RecordLayer::resume(bytes, key)?));
        Ok(())
    })
}

/// `tlsr_connection_resume`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_resume"))]
pub extern "C" fn connection_resume(
    connection: Handle<'_, Connection>,
    size: usize,
    bytes: BytesMut<'_>,
    len: usize,
    key: In<'_, Key>,
    buffer: BytesMut<'_>,
    buffer_len: usize,
) -> Status {
    moving_keys(size_of::<Memory<Connection>>(), || {
        let regions =
            [connection.region(), key.region(), bytes.region(len), buffer.region(buffer_len)];
        check_apart(&regions)?;
        let room = connection.room(size)?;
        let key = key.get()?;
        let bytes = bytes.slice(len)?;
        let buffer = buffer.owned(buffer_len)?;
        if buffer_len < MIN_BUFFER {
            return Err(Status::NO_SPACE);
        }
        room.fill(Connection(ConnectionIn::resume_in(bytes, key, buffer)?));
        Ok(())
    })
}
