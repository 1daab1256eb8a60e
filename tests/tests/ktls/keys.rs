//! KeyUpdates, tickets, and the limits of keys.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::thread;

use tls_record_alloc::rustls::client::Resumption;
use tls_record_alloc::tls_record::aead::Algorithm;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{
    self, AlertDescription, Config, Epoch, KeyError, Opener, Sealer, TrafficSecret, Version,
    WriteEnd,
};
use tls_record_alloc::{Handshake, KernelStream, KernelTlsError, Stream};
use tls_record_tests::peers::{Peer, PeerEnd, Role, rustls_client_config, rustls_server_config};

use crate::support::{
    Sealing, TLS12, TLS13, User, client, connect_by, is_required, pair, sockets, ticket, to_kernel,
};

#[test]
fn a_key_update_is_followed_and_answered_or_ends_the_connection() {
    for request in [false, true] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
        peer.write(b"before");
        peer.tls.key_update(request);
        peer.write(b"behind");
        let mut data = [0; 6];
        kernel.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"before");
        if !kernel.can_update_keys() {
            let error = kernel.read(&mut data).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let reason = error.get_ref().unwrap().downcast_ref::<KernelTlsError>().unwrap();
            assert_eq!(*reason, KernelTlsError::NoKeyUpdate);
            let alert = AlertDescription::INTERNAL_ERROR;
            assert_eq!(kernel.end().write, WriteEnd::AlertSent(alert));
            assert_eq!(peer.receive_end(), PeerEnd::Alert(alert.0));
            continue;
        }
        kernel.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"behind");
        for _ in 0..3 {
            kernel.write_all(b"our data").unwrap();
            peer.tls.key_update(request);
            peer.write(b"behind");
            kernel.read_exact(&mut data).unwrap();
        }
        kernel.close().unwrap();
        assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
        assert_eq!(peer.read, b"our data".repeat(3));
        peer.close();
        assert_eq!(kernel.read(&mut data).unwrap(), 0);
        assert!(kernel.end().is_clean());
    }
}

#[test]
fn linux_replaces_keys_since_version_6_14() {
    let Some((kernel, _peer)) = pair(Role::Client, TLS13) else { return };
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-', '+']).map(|number| number.parse::<u32>().unwrap());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    assert_eq!(kernel.can_update_keys(), version >= (6, 14), "{release}");
}

#[test]
fn a_key_update_behind_another_message_is_followed() {
    let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
    if !kernel.can_update_keys() {
        return;
    }
    peer.send(22, &[&ticket()[..], &[24, 0, 0, 1, 0]].concat());
    peer.update();
    peer.send(23, b"data");
    peer.send(21, &[1, 0]);
    let mut data = Vec::new();
    kernel.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"data");
}

#[test]
fn a_key_update_in_fragments_ends_the_connection() {
    let Some((mut kernel, mut peer)) = Sealing::pair() else { return };
    peer.send(23, b"data");
    peer.send(22, &[24, 0]);
    peer.send(22, &[0, 1, 0]);
    peer.update();
    peer.send(23, b"more");
    let mut data = Vec::new();
    let error = kernel.read_to_end(&mut data).unwrap_err();
    assert_eq!(data, b"data");
    let reason = error.get_ref().unwrap().downcast_ref::<KernelTlsError>();
    assert_eq!(reason, Some(&KernelTlsError::NoKeyUpdate), "{error}");
    assert_eq!(kernel.end().write, WriteEnd::AlertSent(AlertDescription::INTERNAL_ERROR));
    assert!(kernel.write(b"more").is_err());
}

#[test]
fn a_key_update_is_answered_when_a_full_socket_takes_it() {
    let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
    if !kernel.can_update_keys() {
        return;
    }
    kernel.socket().set_nonblocking(true).unwrap();
    let mut written = Vec::new();
    for round in 0..3 {
        let data = [round; 1 << 16];
        while let Ok(len) = kernel.write(&data) {
            written.extend(&data[..len]);
        }
        peer.tls.key_update(true);
        peer.write(b"behind");
        let mut behind = [0; 6];
        while let Err(error) = kernel.read(&mut behind) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        assert_eq!(&behind, b"behind");
        peer.receive_data(written.len());
        kernel.flush().unwrap();
        assert!(!kernel.wants_write());
    }
    kernel.write_all(b"the last").unwrap();
    kernel.close().unwrap();
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    written.extend(b"the last");
    assert!(peer.read == written);
}

/// A connection of two ends of the adapter, whose client may seal 40 more records under its key.
fn at_the_limit(version: Version, key_limit: u32) -> (User, User) {
    let limit = match key_limit {
        u32::MAX => Algorithm::Aes128Gcm.confidentiality_limit(),
        chosen => chosen.into(),
    };
    let secret = move || match version {
        Version::Tls12 => TrafficSecret::<Ring>::tls12(Algorithm::Aes128Gcm, &[7; 16], &[7; 4]),
        Version::Tls13 => TrafficSecret::tls13(Algorithm::Aes128Gcm, &[7; 32]),
    };
    let agreed = if version == Version::Tls12 { TLS12 } else { TLS13 };
    let (mut ours, mut theirs) = sockets();
    let peer = thread::spawn(move || {
        let config = rustls_server_config(agreed.version, agreed.suite);
        let mut handshake = Handshake::server(Arc::new(config)).unwrap();
        handshake.complete(&mut theirs).unwrap();
        let mut established = handshake.finish::<Ring>().unwrap();
        let mut opener = Opener::new(Config::new(tls_record::Role::Server));
        opener.take_over(Epoch::Application, secret().unwrap(), limit - 40).unwrap();
        established.opener = Box::new(opener);
        Stream::new(established, theirs)
    });
    let config = rustls_client_config(agreed.version, agreed.suite);
    let mut handshake = client(Arc::new(config));
    handshake.complete(&mut ours).unwrap();
    let mut established = handshake.finish::<Ring>().unwrap();
    let mut config = Config::new(tls_record::Role::Client);
    config.key_limit = key_limit;
    let mut sealer = Sealer::new(config);
    sealer.take_over(Epoch::Application, secret().unwrap(), limit - 40).unwrap();
    established.sealer = Box::new(sealer);
    (Stream::new(established, ours), peer.join().unwrap())
}

#[test]
fn keys_are_replaced_before_their_limit_or_protect_nothing_more() {
    let versions = [Version::Tls12, Version::Tls13];
    // The limit of the cipher, and one of the config.
    for (version, key_limit) in versions.into_iter().flat_map(|it| [(it, u32::MAX), (it, 1000)]) {
        let (stream, mut peer) = at_the_limit(version, key_limit);
        let Some(mut kernel) = to_kernel(stream) else { return };
        let mut written = 0;
        let exhausted = loop {
            match kernel.write(b"data") {
                Ok(len) => written += len,
                Err(error) => break Some(error),
            }
            if written == 4 * 200 {
                break None;
            }
        };
        assert_eq!(exhausted.is_none(), kernel.can_update_keys());
        if let Some(error) = exhausted {
            let reason = error.get_ref().unwrap().downcast_ref::<KernelTlsError>();
            assert_eq!(reason, Some(&KernelTlsError::KeysExhausted), "{error}");
            // Of the 40 records some are kept for alerts.
            assert!((4 * 30..4 * 40).contains(&written), "{written}");
            assert!(kernel.write(b"data").is_err());
        }
        // Closing is still possible.
        kernel.close().unwrap();
        let mut data = Vec::new();
        peer.read_to_end(&mut data).unwrap();
        assert_eq!(data, b"data".repeat(written / 4));
    }
}

#[test]
fn a_stream_with_exhausted_keys_stays_in_user_space() {
    let (mut stream, mut peer) = at_the_limit(Version::Tls12, 1000);
    let mut written = 0;
    while let Ok(len) = stream.write(b"data") {
        written += len;
    }
    peer.write_all(b"answer").unwrap();
    let refused = KernelStream::new(stream).unwrap_err();
    let reason = refused.error.get_ref().unwrap().downcast_ref();
    if !is_required() && matches!(reason, Some(KernelTlsError::NoModule | KernelTlsError::Suite)) {
        return println!("left out: {}", refused.error);
    }
    assert_eq!(reason, Some(&KernelTlsError::KeysExhausted));
    // Both directions go on.
    let mut stream = refused.stream;
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    stream.close().unwrap();
    let mut data = Vec::new();
    peer.read_to_end(&mut data).unwrap();
    assert_eq!(data.len(), written);
}

#[test]
fn our_key_updates_are_sent_where_the_kernel_can() {
    let Some((mut kernel, mut peer)) = pair(Role::Server, TLS13) else { return };
    if !kernel.can_update_keys() {
        assert_eq!(kernel.update_keys(), Err(KeyError::NoUpdate));
    } else {
        for _ in 0..5 {
            kernel.write_all(b"data").unwrap();
            kernel.update_keys().unwrap();
        }
    }
    kernel.write_all(b"the last").unwrap();
    kernel.close().unwrap();
    assert_eq!(kernel.update_keys(), Err(KeyError::Closed));
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    assert!(peer.read.ends_with(b"the last"));

    let Some((mut kernel, _peer)) = pair(Role::Server, TLS12) else { return };
    assert!(!kernel.can_update_keys());
    assert_eq!(kernel.update_keys(), Err(KeyError::NoUpdate));
}

#[test]
fn tickets_that_the_kernel_receives_are_stored() {
    let mut config = rustls_client_config(TLS13.version, TLS13.suite);
    config.resumption = Resumption::in_memory_sessions(8);
    let config = Arc::new(config);
    let (stream, mut peer) = connect_by(client(config.clone()), Role::Client, TLS13);
    let Some(mut kernel) = to_kernel(stream) else { return };
    // The tickets of OpenSSL are sent now.
    peer.send();
    peer.write(b"data");
    let mut byte = [0];
    for expected in b"data" {
        // A ticket comes in hundreds of pieces.
        kernel.read_exact(&mut byte).unwrap();
        assert_eq!(byte[0], *expected);
    }
    // A session is offered again: the ClientHello has a binder.
    let mut again = client(config);
    again.advance().unwrap();
    let mut first = client(Arc::new(rustls_client_config(TLS13.version, TLS13.suite)));
    first.advance().unwrap();
    assert!(again.unsent().len() > first.unsent().len() + 100);
    drop(peer);
}
