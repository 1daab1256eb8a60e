use super::*;

fn seal(connection: &mut Connection, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut out = vec![0; 100_000];
    let written = connection.layer.seal_handshake(parts, &mut out).unwrap();
    let opened = split(&out[..written]).map(|record| connection.mirror.open(record));
    opened
        .map(|(content_type, content)| {
            assert_eq!(content_type, HANDSHAKE);
            content
        })
        .collect()
}

// 9846 5.1: "MAY be coalesced into a single TLSPlaintext record or fragmented across several".
#[test]
fn are_coalesced_and_fragmented_and_never_empty() {
    for mut connection in [
        fresh(Role::Server),
        fresh(Role::Server).install(Epoch::Handshake, Suite::Tls13),
        tls13(),
        fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm),
    ] {
        let flight = [message(8, b""), message(11, b"certificate"), message(20, b"verify")];
        let coalesced = seal(&mut connection, &[&flight[0], &flight[1], &flight[2]]);
        assert_eq!(coalesced, [flight.concat()]);
        let long = message(11, &[7; 40_000]);
        let (front, back) = long.split_at(2);
        let fragments = seal(&mut connection, &[front, b"", back]);
        assert_eq!(fragments.iter().map(Vec::len).collect::<Vec<_>>(), [16_384, 16_384, 7236]);
        assert_eq!(fragments.concat(), long);
        assert_eq!(seal(&mut connection, &[]), [[]; 0]);
        assert_eq!(seal(&mut connection, &[b""]), [[]; 0]);
        let exactly = message(11, &[7; 2 * 16_384 - 4]);
        assert_eq!(seal(&mut connection, &[&exactly]).len(), 2);
    }
}

#[test]
fn are_whole_and_no_key_updates() {
    let whole = message(11, b"certificate");
    let more = |extra: &[u8]| [&whole[..], extra].concat();
    for (mut connection, content) in [
        whole[..1].to_vec(),
        whole[..4].to_vec(),
        whole[..14].to_vec(),
        more(&[11]),
        more(&whole[..8]),
        key_update(0),
        more(&key_update(1)),
        [key_update(0), whole.clone()].concat(),
        message(24, b""),
    ]
    .into_iter()
    .flat_map(|content| {
        [fresh(Role::Server), tls13(), gcm()].map(|connection| (connection, content.clone()))
    }) {
        let before = connection.layer.sealer().sequence();
        let mut out = [0xaa; 128];
        for at in 0..=content.len() {
            let (front, back) = content.split_at(at);
            let sealed = connection.layer.seal_handshake(&[front, back], &mut out);
            assert_eq!(sealed, Err(SealError::NotHandshake));
        }
        assert_eq!(connection.layer.sealer().sequence(), before);
        assert_eq!(out, [0xaa; 128]);
    }
}

#[test]
fn change_cipher_spec_is_sealed_where_it_can_come() {
    let tls12_handshake = fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm);
    for (mut connection, is_expected) in [
        (fresh(Role::Client), false),
        (fresh(Role::Client).set_version(Version::Tls13), true),
        (fresh(Role::Client).install(Epoch::EarlyData, Suite::Tls13), true),
        (fresh(Role::Client).install(Epoch::Handshake, Suite::Tls13), true),
        (tls13(), false),
        (fresh(Role::Client).set_version(Version::Tls12), true),
        (tls12_handshake, false),
        (gcm(), false),
    ] {
        let mut out = [0; 6];
        let sealed = connection.halves(|_, sealer| sealer.change_cipher_spec(&mut out));
        assert_eq!(sealed, if is_expected { Ok(6) } else { Err(SealError::NotHandshake) });
        assert_eq!(out, if is_expected { [20, 3, 3, 0, 1, 1] } else { [0; 6] });
    }
}
