//! Connections that own their output, suspended and resumed, with secrets in software, and receive
//! buffers.

#![no_std]
#![no_main]

use stub::Library;
use tls_record::{Connection, RecordBuffer, RecordLayer, RecordSizes, TrafficSecret};

type Secret = TrafficSecret<Library>;

sizes::keep! {
    Connection<Secret, 512>: new join split received received_into eof write write_handshake
        write_change_cipher_spec reserve slot_mut commit discard may_write can_write unsent sent
        shutdown shutdown_both abort take_sealed_alert end update_keys opener writer suspend resume;
    RecordBuffer<512>: new room received filled consume;
    RecordLayer<Secret>: new install;
    RecordSizes: new limit sealed;
    Secret: tls13 algorithm;
}
