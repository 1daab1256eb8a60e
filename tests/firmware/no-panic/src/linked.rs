//! Halves that are linked by a mailbox.

use core::hint::black_box as any;

use tls_record::{Connection, ConnectionIn, KeySchedule, Linked, Mailbox, RecordLayer};

use crate::{AnyBytes, Keys, config};

pub(crate) fn prove<K: KeySchedule>(_: impl Keys<K>) {
    layer::<K>();
    connection(any(Connection::<K, 1000>::new(RecordLayer::new(config()))));
    if let Ok(in_buffer) = any(ConnectionIn::new_in(RecordLayer::<K>::new(config()), AnyBytes)) {
        connection(in_buffer);
    }
}

fn layer<K: KeySchedule>() {
    let mut mailbox = Mailbox::new();
    let layer = any(RecordLayer::<K>::new(config()));
    let (mut opener, mut sealer) = RecordLayer::split_over(layer, any(&mut mailbox));
    Linked::with(any(&mut opener), |opener| {
        any(opener);
    });
    Linked::with(any(&mut sealer), |sealer| {
        any(sealer);
    });
    any(Linked::half(any(&mut opener)));
    any(Linked::half(any(&mut sealer)));
    let _ = any(RecordLayer::join_linked(opener, sealer));
}

fn connection<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>>(
    connection: Connection<K, TX, B>,
) {
    let mut mailbox = Mailbox::new();
    let (opener, mut writer) = Connection::split_over(connection, any(&mut mailbox));
    Linked::with(any(&mut writer), |writer| {
        any(writer);
    });
    any(Linked::half(any(&mut writer)));
    let _ = any(Connection::join_linked(opener, writer));
}
