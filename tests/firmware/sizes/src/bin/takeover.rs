//! The record layer, and in it the halves, with secrets in software, and the follower that makes one of a handshake.

#![no_std]
#![no_main]

use stub::Library;
use tls_record::takeover::Follower;
use tls_record::{RecordLayer, TrafficSecret};

type Secret = TrafficSecret<Library>;

sizes::keep! {
    Follower<Library>: new follow is_finished is_complete key_log secret client_random negotiated alpn
        finish;
    RecordLayer<Secret>: new join split open eof seal seal_in_place seal_handshake has_control
        poll_control next_control close cancel abort update_keys set_version install end opener
        sealer;
}
