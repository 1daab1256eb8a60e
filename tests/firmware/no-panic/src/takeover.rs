//! Handshakes of other libraries.

use core::hint::black_box as any;

use stub::Library;
use tls_record::Role;
use tls_record::takeover::{Follower, KeyLogLine, SecretKind};

use crate::config;
use crate::mixed_keys::MixedKeys;

pub(crate) fn prove() {
    let mut follower = Follower::<Library>::new();
    let follower = any(&mut follower);
    let mut bytes = [0; 256];
    let _ = any(Follower::follow(any(follower), any(Role::Client), any(&mut bytes)));
    any(Follower::is_finished(any(follower), any(Role::Server)));
    any(Follower::is_complete(any(follower)));
    let _ = any(Follower::key_log(any(follower), any(&[b'#'; 200])));
    let _ = any(Follower::secret(any(follower), any(SecretKind::Master), any(&[7; 48])));
    any(Follower::client_random(any(follower)));
    any(Follower::negotiated(any(follower)));
    any(Follower::suite(any(follower)));
    any(Follower::alpn(any(follower)));
    let _ = any(Follower::finish(any(follower), config()));
    let _ = any(Follower::finish_as::<MixedKeys>(any(follower), config()));
    any(SecretKind::from_label(any("CLIENT_RANDOM")));
    if let Some(line) = any(KeyLogLine::parse(any(&[b'0'; 200]))) {
        any(SecretKind::label(any(KeyLogLine::kind(any(&line)))));
        any(KeyLogLine::client_random(any(&line)));
        any(KeyLogLine::secret(any(&line)));
    }
}
