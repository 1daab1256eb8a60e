//! `tlsr_kernel`: one direction of a connection, handed to the TLS of Linux.

use tls_record::{KernelDirection, SuspendError};

use crate::connection::Connection;
use crate::keys::{Provider, moving_keys};
use crate::layer::Layer;
use crate::memory::{Handle, Memory, Object, Out, Plain, Room};
use crate::outcome::Control;
use crate::status::Status;

/// `tlsr_kernel`.
pub struct Kernel(KernelDirection<Provider>);

impl Object for Kernel {
    const KIND: u8 = 7;
}

/// The longest `tls12_crypto_info_*`: that of AES-256-GCM.
pub(crate) const MAX_CRYPTO_INFO: usize = 56;

/// `tlsr_crypto_info`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct CryptoInfo {
    pub len: usize,
    pub bytes: [u8; MAX_CRYPTO_INFO],
}

// SAFETY: integers.
unsafe impl Plain for CryptoInfo {}

fn put(
    room: Room<'_, Kernel>,
    direction: Result<KernelDirection<Provider>, SuspendError>,
) -> Result<(), Status> {
    room.fill(Kernel(direction?));
    Ok(())
}

/// `tlsr_layer_hand_sender_to_kernel`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_hand_sender_to_kernel"))]
pub extern "C" fn layer_hand_sender_to_kernel(
    layer: Handle<'_, Layer>,
    kernel: Handle<'_, Kernel>,
    size: usize,
) -> Status {
    moving_keys(size_of::<Memory<Kernel>>(), || {
        kernel.check_beside(&layer)?;
        let Layer(layer) = layer.get()?;
        put(kernel.room(size)?, layer.hand_sender_to_kernel())
    })
}

/// `tlsr_layer_hand_receiver_to_kernel`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_hand_receiver_to_kernel"))]
pub extern "C" fn layer_hand_receiver_to_kernel(
    layer: Handle<'_, Layer>,
    kernel: Handle<'_, Kernel>,
    size: usize,
) -> Status {
    moving_keys(size_of::<Memory<Kernel>>(), || {
        kernel.check_beside(&layer)?;
        let Layer(layer) = layer.get()?;
        put(kernel.room(size)?, layer.hand_receiver_to_kernel())
    })
}

/// `tlsr_connection_hand_sender_to_kernel`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_hand_sender_to_kernel"))]
pub extern "C" fn connection_hand_sender_to_kernel(
    connection: Handle<'_, Connection>,
    kernel: Handle<'_, Kernel>,
    size: usize,
) -> Status {
    moving_keys(size_of::<Memory<Kernel>>(), || {
        kernel.check_beside(&connection)?;
        let connection = connection.get()?;
        kernel.check_beside_buffer(connection.buffer())?;
        put(kernel.room(size)?, connection.0.hand_sender_to_kernel())
    })
}

/// `tlsr_connection_hand_receiver_to_kernel`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_hand_receiver_to_kernel"))]
pub extern "C" fn connection_hand_receiver_to_kernel(
    connection: Handle<'_, Connection>,
    kernel: Handle<'_, Kernel>,
    size: usize,
) -> Status {
    moving_keys(size_of::<Memory<Kernel>>(), || {
        kernel.check_beside(&connection)?;
        let connection = connection.get()?;
        kernel.check_beside_buffer(connection.buffer())?;
        put(kernel.room(size)?, connection.0.hand_receiver_to_kernel())
    })
}

/// `tlsr_layer_take_kernel_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_take_kernel_control"))]
pub extern "C" fn layer_take_kernel_control(
    layer: Handle<'_, Layer>,
    control: Out<'_, Control>,
) -> Status {
    Status::of(|| {
        let place = control.cleared()?;
        let Layer(layer) = layer.get()?;
        Control::fill(place, layer.take_kernel_control());
        Ok(())
    })
}

/// `tlsr_connection_take_kernel_control`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_take_kernel_control"))]
pub extern "C" fn connection_take_kernel_control(
    connection: Handle<'_, Connection>,
    control: Out<'_, Control>,
) -> Status {
    Status::of(|| {
        let place = control.cleared()?;
        let Connection(connection) = connection.get()?;
        Control::fill(place, connection.take_kernel_control());
        Ok(())
    })
}

/// `tlsr_kernel_crypto_info`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "kernel_crypto_info"))]
pub extern "C" fn kernel_crypto_info(
    kernel: Handle<'_, Kernel>,
    info: Out<'_, CryptoInfo>,
) -> Status {
    moving_keys(size_of::<CryptoInfo>(), || {
        let place = info.cleared()?;
        let Kernel(kernel) = kernel.get()?;
        let info = kernel.crypto_info()?;
        // Written where it will be: another copy would have to be wiped.
        let filled = place.value();
        filled.len = info.as_bytes().len();
        for (to, from) in filled.bytes.iter_mut().zip(info.as_bytes()) {
            *to = *from;
        }
        Ok(())
    })
}

/// `tlsr_kernel_update`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "kernel_update"))]
pub extern "C" fn kernel_update(kernel: Handle<'_, Kernel>) -> Status {
    Status::of(|| {
        let Kernel(kernel) = kernel.get()?;
        kernel.update()?;
        Ok(())
    })
}

/// `tlsr_kernel_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "kernel_wipe"))]
pub extern "C" fn kernel_wipe(kernel: Handle<'_, Kernel>) -> Status {
    kernel.wipe()
}
