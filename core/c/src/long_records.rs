//! Records in several pieces, and records that are longer than the receive buffer.

use tls_record::Arrival;

use crate::connection::Connection;
use crate::layer::Layer;
use crate::memory::{BytesMut, Handle, Out, PartsMut, Plain};
use crate::numbers::*;
use crate::opener::Opener;
use crate::outcome::Opened;
use crate::status::Status;

/// `tlsr_arrived`.
#[repr(C)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct Arrived {
    pub record: Opened,
    pub unauthenticated_offset: usize,
    pub unauthenticated_len: usize,
    pub place: usize,
    pub content: usize,
    pub arrival: u8,
}

// SAFETY: integers.
unsafe impl Plain for Arrived {}

impl Arrived {
    /// `input` is the address of the bytes that were given.
    fn of(arrived: tls_record::Arrived<'_>, input: usize) -> Self {
        let mut this = Self {
            record: Opened::new(arrived.consumed),
            unauthenticated_offset: 0,
            unauthenticated_len: 0,
            place: 0,
            content: 0,
            arrival: ARRIVAL_RECORD,
        };
        match arrived.event {
            Arrival::Record(event) => this.record.set(&event),
            Arrival::Provisional(part) => {
                this.arrival = ARRIVAL_PROVISIONAL;
                let plaintext = part.expose_unauthenticated();
                // It lies in the input.
                this.unauthenticated_offset = plaintext.as_ptr().addr().wrapping_sub(input);
                this.unauthenticated_len = plaintext.len();
                this.place = part.offset();
            }
            Arrival::Committed { content } => {
                this.arrival = ARRIVAL_COMMITTED;
                this.content = content;
            }
            // Needs no action, as a record without effect.
            _ => {}
        }
        this
    }
}

/// `tlsr_layer_open_pieces`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_open_pieces"))]
pub extern "C" fn layer_open_pieces(
    layer: Handle<'_, Layer>,
    pieces: PartsMut<'_>,
    count: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        let place = opened.cleared()?;
        let Layer(layer) = layer.get()?;
        let mut pieces = pieces.get(count)?;
        Opened::fill(place, &layer.open_pieces(pieces.get()))
    })
}

/// `tlsr_layer_open_arriving`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_open_arriving"))]
pub extern "C" fn layer_open_arriving(
    layer: Handle<'_, Layer>,
    input: BytesMut<'_>,
    len: usize,
    capacity: usize,
    arrived: Out<'_, Arrived>,
) -> Status {
    Status::of(|| {
        let place = arrived.cleared()?;
        let Layer(layer) = layer.get()?;
        let input = input.slice(len)?;
        let address = input.as_ptr().addr();
        place.write(Arrived::of(layer.open_arriving(input, capacity)?, address));
        Ok(())
    })
}

/// `tlsr_connection_received_pieces`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_received_pieces"))]
pub extern "C" fn connection_received_pieces(
    connection: Handle<'_, Connection>,
    pieces: PartsMut<'_>,
    count: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        let place = opened.cleared()?;
        let Connection(connection) = connection.get()?;
        let mut pieces = pieces.get(count)?;
        Opened::fill(place, &connection.received_pieces(pieces.get()))
    })
}

/// `tlsr_connection_received_arriving`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_received_arriving"))]
pub extern "C" fn connection_received_arriving(
    connection: Handle<'_, Connection>,
    input: BytesMut<'_>,
    len: usize,
    capacity: usize,
    arrived: Out<'_, Arrived>,
) -> Status {
    Status::of(|| {
        let place = arrived.cleared()?;
        let Connection(connection) = connection.get()?;
        let input = input.slice(len)?;
        let address = input.as_ptr().addr();
        place.write(Arrived::of(connection.received_arriving(input, capacity)?, address));
        Ok(())
    })
}

/// `tlsr_opener_open_pieces`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_open_pieces"))]
pub extern "C" fn opener_open_pieces(
    opener: Handle<'_, Opener>,
    pieces: PartsMut<'_>,
    count: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        let place = opened.cleared()?;
        let Opener(half) = opener.get()?;
        let mut pieces = pieces.get(count)?;
        half.with(|opener| Opened::fill(place, &opener.open_pieces(pieces.get())))
    })
}

/// `tlsr_opener_open_arriving`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_open_arriving"))]
pub extern "C" fn opener_open_arriving(
    opener: Handle<'_, Opener>,
    input: BytesMut<'_>,
    len: usize,
    capacity: usize,
    arrived: Out<'_, Arrived>,
) -> Status {
    Status::of(|| {
        let place = arrived.cleared()?;
        let Opener(half) = opener.get()?;
        let input = input.slice(len)?;
        let address = input.as_ptr().addr();
        half.with(|opener| {
            place.write(Arrived::of(opener.open_arriving(input, capacity)?, address));
            Ok(())
        })
    })
}
