//! The record layer of `layer`, with both ways to open records in parts.

#![no_std]
#![no_main]

use stub::KeyStore;
use tls_record::RecordLayer;

sizes::keep! {
    RecordLayer<KeyStore>: new join split open eof seal seal_in_place seal_handshake has_control
        poll_control next_control close cancel abort update_keys set_version install end opener
        sealer open_pieces open_arriving;
}
