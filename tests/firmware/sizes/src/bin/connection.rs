//! Connections that own their output, and receive buffers, with keys in hardware.

#![no_std]
#![no_main]

use stub::KeyStore;
use tls_record::{Connection, RecordBuffer, RecordLayer};

sizes::keep! {
    Connection<KeyStore, 512>: new join split received received_into eof write write_handshake
        write_change_cipher_spec reserve slot_mut commit discard may_write can_write unsent sent
        shutdown shutdown_both abort take_sealed_alert end update_keys opener writer;
    RecordBuffer<512>: new room received filled consume;
    RecordLayer<KeyStore>: new install;
}
