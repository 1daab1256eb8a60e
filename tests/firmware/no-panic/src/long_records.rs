//! Records that are opened in parts.

use core::hint::black_box as any;

use tls_record::aead::multi_part::MultiPart;
use tls_record::{
    Arrival, Arrived, Connection, KeySchedule, Opener, Provisional, RecordLayer, slices_of,
};

use crate::{Keys, config, slices};

pub(crate) fn prove<K: KeySchedule<Aead: MultiPart>>(keys: impl Keys<K>) {
    let mut buffer = [0; 64];
    let mut opener = Opener::<K>::new(config());
    let opener = any(&mut opener);
    let _ = any(Opener::install(any(opener), any(tls_record::Epoch::Application), keys()));
    with_pieces(|pieces| {
        let _ = any(Opener::open_pieces(any(opener), pieces));
    });
    if let Ok(arrived) = any(Opener::open_arriving(any(opener), any(&mut buffer), any(256))) {
        read(&arrived);
    }

    let mut layer = RecordLayer::<K>::new(config());
    let layer = any(&mut layer);
    with_pieces(|pieces| {
        let _ = any(RecordLayer::open_pieces(any(layer), pieces));
    });
    let _ = any(RecordLayer::open_arriving(any(layer), any(&mut buffer), any(256)));

    let mut connection = Connection::<K, 128>::without_keys(config());
    let connection = any(&mut connection);
    with_pieces(|pieces| {
        let _ = any(Connection::received_pieces(any(connection), pieces));
    });
    let _ = any(Connection::received_arriving(any(connection), any(&mut buffer), any(256)));
}

/// Gives any number of pieces of any length.
fn with_pieces(use_them: impl FnOnce(&mut [&mut [u8]])) {
    let (mut one, mut two) = ([0; 16], [0; 16]);
    let mut pieces = [any(&mut one[..]), any(&mut two[..])];
    use_them(any(&mut pieces));
    for slice in slices_of(slices(), any(1)..any(9)) {
        any(slice);
    }
}

fn read(arrived: &Arrived<'_>) {
    if let Arrival::Provisional(part) = any(&arrived.event) {
        any(Provisional::offset(any(part)));
        any(Provisional::expose_unauthenticated(any(part)));
    }
}
