//! Connections that own their output, and sets of them.

use core::hint::black_box as any;

use tls_record::{
    AlertDescription, Connection, ConnectionIn, ConnectionSet, Epoch, KeySchedule, Notice, Opener,
    Padding, PaddingFn, RecordLayer, Role, Sealer, Version, Writer, WriterIn,
};

use crate::{AnyBytes, Keys, config, limit, longest, slices};

pub(crate) fn prove<K: KeySchedule, const TX: usize>(keys: impl Keys<K>) {
    any(Connection::<K, TX>::without_keys(config()));
    connection(any(Connection::<K, TX>::new(any(RecordLayer::new(config())))), keys);
    writer(Writer::<K, TX>::new(any(Sealer::new(config()))));
    set::<Connection<K, TX>>(|| Connection::new(any(RecordLayer::new(config()))));
}

/// In buffers of any length, which may change.
pub(crate) fn prove_in_buffers<K: KeySchedule>(keys: impl Keys<K>) {
    let _ = any(ConnectionIn::<K, _>::without_keys_in(config(), AnyBytes));
    let layer = any(RecordLayer::<K>::new(config()));
    if let Ok(in_buffer) = any(ConnectionIn::new_in(layer, AnyBytes)) {
        any(ConnectionIn::buffer(&in_buffer));
        connection(in_buffer, keys);
    }
    if let Ok(in_buffer) = any(WriterIn::<K, _>::new_in(any(Sealer::new(config())), AnyBytes)) {
        any(WriterIn::buffer(&in_buffer));
        writer(in_buffer);
    }
}

fn connection<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>>(
    connection: Connection<K, TX, B>,
    keys: impl Keys<K>,
) {
    let mut buffer = [0; 64];
    let (mut opener, mut writer) = Connection::split(connection);
    any((&mut opener, &mut writer));
    let Ok(mut connection) = any(Connection::join(opener, writer)) else { return };
    let connection = any(&mut connection);
    let _ = any(Connection::received(any(connection), any(&mut buffer)));
    let _ = any(Connection::received_into(any(connection), slices(), any(&mut buffer)));
    let _ = any(Connection::received_out_of_place(
        any(connection),
        any(&mut buffer),
        any(&mut [0; 64]),
    ));
    any(Connection::eof(any(connection)));
    let _ = any(Connection::write(any(connection), slices()));
    let _ = any(Connection::write_handshake(any(connection), slices()));
    let _ = any(Connection::write_change_cipher_spec(any(connection)));
    let _ = any(Connection::reserve(any(connection), any(1)));
    any(Connection::slot_mut(any(connection)));
    let _ = any(Connection::commit(any(connection), any(1)));
    let _ = any(Connection::discard(any(connection)));
    any(Connection::may_write(any(connection)));
    any(Connection::can_write(any(connection)));
    any(Connection::unsent(any(connection)));
    any(Connection::begin_send(any(connection)));
    Connection::sent(any(connection), any(1));
    let _ = any(Connection::check_closed(any(connection), any(1)));
    any(Connection::transport_failed(any(connection)));
    let _ = any(Connection::shutdown(any(connection)));
    let _ = any(Connection::shutdown_both(any(connection), any(1)));
    let _ = any(Connection::abort(any(connection), any(AlertDescription::DECODE_ERROR)));
    any(Connection::take_sealed_alert(any(connection)));
    any(Connection::end(any(connection)));
    let _ = any(Connection::update_keys(any(connection), any(true)));
    let _ = any(Connection::refuse_renegotiation(any(connection)));
    let _ = any(Connection::take_kernel_control(any(connection)));
    Connection::set_version(any(connection), any(Version::Tls12));
    let epoch = any(Epoch::Handshake);
    let _ = any(Connection::install(any(connection), epoch, keys(), keys()));
    let (client, server) = ((keys(), any(0)), (keys(), any(1)));
    let _ = any(Connection::take_over(any(connection), epoch, client, server));
    let _ = any(Connection::install_one(any(connection), any(Role::Client), epoch, keys()));
    Connection::set_fragment_limit(any(connection), any(1));
    Connection::set_padding(any(connection), any(Padding::By(PaddingFn(longest))));
    Connection::set_own_record_size_limit(any(connection), limit());
    Connection::set_peer_record_size_limit(any(connection), limit());
    Connection::with_halves(any(connection), |opener: &mut Opener<K>, sealer| {
        any((opener, sealer));
    });
    any(Connection::opener(any(connection)));
    any(Connection::writer(any(connection)));
}

fn writer<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>>(
    mut writer: Writer<K, TX, B>,
) {
    let writer = any(&mut writer);
    let _ = any(Writer::write(any(writer), slices()));
    let _ = any(Writer::write_handshake(any(writer), slices()));
    let _ = any(Writer::write_change_cipher_spec(any(writer)));
    let _ = any(Writer::reserve(any(writer), any(1)));
    any(Writer::slot_mut(any(writer)));
    let _ = any(Writer::commit(any(writer), any(1)));
    let _ = any(Writer::discard(any(writer)));
    any(Writer::may_write(any(writer)));
    any(Writer::can_write(any(writer)));
    Writer::set_fragment_limit(any(writer), any(1));
    any(Writer::unsent(any(writer)));
    any(Writer::begin_send(any(writer)));
    Writer::sent(any(writer), any(1));
    any(Writer::transport_failed(any(writer)));
    let _ = any(Writer::shutdown(any(writer)));
    let _ = any(Writer::abort(any(writer), any(AlertDescription::DECODE_ERROR)));
    any(Writer::take_sealed_alert(any(writer)));
    any(Writer::end(any(writer)));
    let _ = any(Writer::update_keys(any(writer), any(true)));
    let _ = any(Writer::refuse_renegotiation(any(writer)));
    let _ = any(Writer::take_kernel_control(any(writer)));
    any(Writer::sealer(any(writer)));
    Writer::apply(any(writer), Notice::from_bits(any(0)));
    any(Writer::take_signal(any(writer)).bits());
    any(Writer::has_signal(any(writer)));
}

fn set<C>(connection: impl Fn() -> C) {
    let mut set = ConnectionSet::<C, 4>::new(any(1));
    let set = any(&mut set);
    let Ok(handle) = any(ConnectionSet::insert(any(set), connection())) else { return };
    let _ = any(ConnectionSet::get(any(set), handle));
    let _ = any(ConnectionSet::get_mut(any(set), handle));
    for (handle, connection) in ConnectionSet::iter_mut(any(set)) {
        any((handle, connection));
    }
    let _ = any(ConnectionSet::remove(any(set), handle));
    any(ConnectionSet::len(any(set)));
    any(ConnectionSet::is_empty(any(set)));
}
