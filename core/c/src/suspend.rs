//! Suspending connections into bytes, and resuming them.

use tls_record::{ConnectionIn, KeySchedule, RecordLayer, SUSPENDED_LEN, scrub_stack};

use crate::connection::{Connection, MIN_BUFFER};
use crate::keys::Keys;
use crate::layer::Layer;
use crate::memory::{BytesMut, Handle, In, Out};
use crate::status::Status;

/// The caller's key, under which connections are sealed.
type Key = [u8; 32];

/// Bytes of stack on which a resumed connection was moved.
const MOVED: usize = Keys::STACK.saturating_add(size_of::<RecordLayer<Keys>>().saturating_mul(4));

/// `tlsr_layer_suspend`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_suspend"))]
pub extern "C" fn layer_suspend(
    layer: Handle<'_, Layer>,
    key: In<'_, Key>,
    bytes: Out<'_, [u8; SUSPENDED_LEN]>,
) -> Status {
    Status::of(|| {
        let Layer(layer) = layer.get()?;
        let key = key.get()?;
        let place = bytes.place()?;
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
        let Connection(connection) = connection.get()?;
        let key = key.get()?;
        let place = bytes.place()?;
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
    let status = resume_layer(layer, size, bytes, len, key);
    scrub_stack(MOVED);
    status
}

/// Not inlined, so that its frame, in which a layer is moved, is one that is overwritten.
#[inline(never)]
fn resume_layer(
    layer: Handle<'_, Layer>,
    size: usize,
    bytes: BytesMut<'_>,
    len: usize,
    key: In<'_, Key>,
) -> Status {
    Status::of(|| {
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
    let status = resume_connection(connection, size, bytes, len, key, buffer, buffer_len);
    scrub_stack(MOVED);
    status
}

/// Not inlined, for the same reason.
#[inline(never)]
fn resume_connection(
    connection: Handle<'_, Connection>,
    size: usize,
    bytes: BytesMut<'_>,
    len: usize,
    key: In<'_, Key>,
    buffer: BytesMut<'_>,
    buffer_len: usize,
) -> Status {
    Status::of(|| {
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
