//! Connections in buffers of the caller's, of any length.

use core::hint::black_box as any;

use tls_record::{
    ConnectionIn, KeySchedule, Opened, RecordBufferIn, RecordLayer, Sealer, WriterIn,
};

use crate::{Keys, config, slices};

pub(crate) fn prove<K: KeySchedule>(_: impl Keys<K>) {
    let mut buffer = [0; 600];
    any(ConnectionIn::<K, &mut [u8]>::without_keys_in(config(), any(&mut buffer))).ok();
    let layer = any(RecordLayer::<K>::new(config()));
    if let Ok(connection) = any(ConnectionIn::new_in(layer, any(&mut buffer[..]))) {
        let mut connection = any(connection);
        let connection = any(&mut connection);
        let mut input = [0; 64];
        let _ = any(any(&mut *connection).received(any(&mut input)));
        let _ = any(any(&mut *connection).received_into(slices(), any(&mut input)));
        let _ = any(any(&mut *connection).write(slices()));
        let _ = any(any(&mut *connection).write_handshake(slices()));
        let _ = any(any(&mut *connection).reserve(any(1)));
        any(any(&mut *connection).slot_mut());
        let _ = any(any(&mut *connection).commit(any(1)));
        any(any(&mut *connection).unsent());
        any(&mut *connection).sent(any(1));
        let _ = any(any(&mut *connection).shutdown_both(any(1)));
    }
    if let Ok(writer) = any(WriterIn::new_in(any(Sealer::<K>::new(config())), any(&mut buffer[..])))
    {
        let mut writer = any(writer);
        let _ = any(any(&mut writer).write(slices()));
        any(&mut writer).sent(any(1));
    }
    let mut received = any(RecordBufferIn::new_in(any(&mut buffer[..])));
    let _ = any(any(&mut received).room());
    any(&mut received).received(any(1));
    any(any(&mut received).filled());
    any(&mut received).consume(any::<&Opened>(&Opened {
        consumed: any(1),
        event: any(tls_record::Event::Closed),
    }));
}
