//! Halves that are linked by a mailbox.

use core::hint::black_box as any;

use tls_record::{Connection, KeySchedule, Linked, Mailbox, RecordLayer};

use crate::{Keys, config};

pub(crate) fn prove<K: KeySchedule>(_: impl Keys<K>) {
    layer::<K>();
    connection::<K>();
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

fn connection<K: KeySchedule>() {
    let mut mailbox = Mailbox::new();
    let connection = any(Connection::<K, 1000>::new(RecordLayer::new(config())));
    let (opener, mut writer) = Connection::split_over(connection, any(&mut mailbox));
    Linked::with(any(&mut writer), |writer| {
        any(writer);
    });
    any(Linked::half(any(&mut writer)));
    let _ = any(Connection::join_linked(opener, writer));
}
