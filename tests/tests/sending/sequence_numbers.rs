use super::*;

// 9846 5.3: "implementations MUST NOT allow the sequence number to wrap".
#[test]
fn never_wrap_when_sealing() {
    let mut out = [0; 64];
    for start in u64::MAX - 8..=u64::MAX {
        let (mut sealer, mut mirror) = sealer_at(Suite::Tls12Chacha, start);
        let mut data = 0;
        while let Ok(sealed) = sealer.seal(&[b"data"], &mut out) {
            mirror.open(&out[..sealed.written]);
            data += 1;
        }
        assert_eq!(data, (u64::MAX - RESERVE).saturating_sub(start));
        assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::KeyExhausted));
        sealer.cancel().unwrap();
        for _ in 0..2 {
            let before = sealer.sequence();
            match sealer.poll_control(&mut out) {
                Ok(0) => assert_eq!(before, None),
                Ok(length) => drop(mirror.open(&out[..length])),
                Err(error) => assert_eq!((error, before), (SealError::Crypto, Some(u64::MAX))),
            }
        }
        let state = if start > u64::MAX - 2 { WriteState::Failed } else { WriteState::Closed };
        assert_eq!(sealer.state(), state, "from {start}");
    }
}

#[test]
fn start_again_with_every_key_update() {
    let secret = || Secret::tls13(Algorithm::Chacha20Poly1305, &[7; 32]).unwrap();
    let mut sealer = Sealer::new(Config::new(Role::Client));
    sealer.take_over(Epoch::Application, secret(), u64::MAX - RESERVE).unwrap();
    let mut opener = Opener::new(Config::new(Role::Server));
    opener.take_over(Epoch::Application, secret(), u64::MAX - RESERVE).unwrap();
    let mut out = [0; 64];
    assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::ControlFirst));
    let length = sealer.poll_control(&mut out).unwrap();
    let (got, _) = open_all(|input| opener.open(input), &out[..length]);
    assert_eq!(got, [Got::KeyUpdate(false)]);
    assert_eq!((sealer.sequence(), opener.sequence()), (Some(0), Some(0)));
}

#[test]
fn never_wrap_when_opening() {
    for suite in Suite::ALL {
        let mut connection = fresh(Role::Client);
        let installed = connection.halves(|opener, sealer| {
            sealer.take_over(Epoch::Application, suite.secret(8), 1)?;
            opener.take_over(Epoch::Application, suite.secret(7), u64::MAX - 1)
        });
        assert_eq!(installed, Ok(()));
        connection.peer = Hand::new(suite, 7).at(u64::MAX - 1);
        connection.mirror = Hand::new(suite, 8).at(1);
        assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
        assert_eq!(connection.layer.opener().sequence(), Some(u64::MAX));
        let record = plaintext(DATA, &[0; 40]);
        connection.peer = Hand::new(Suite::Plain, 0);
        connection.assert_refuses(
            &record,
            Fault::SequenceExhausted,
            AlertDescription::INTERNAL_ERROR,
        );
    }
}

// 5288 3: "The nonce_explicit MAY be the 64-bit sequence number"; CVE-2016-0270: it must not
// repeat. With an iv of 12 bytes it starts where that says.
#[test]
fn explicit_nonces_of_tls12_are_unique() {
    for (iv, start) in
        [(&[9; 4][..], 0_u64), (&[9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8], 0x0102_0304_0506_0708)]
    {
        let mut sealer = Sealer::new(Config::new(Role::Client));
        let secret = Secret::tls12(Algorithm::Aes128Gcm, &[7; 16], iv).unwrap();
        sealer.take_over(Epoch::Application, secret, 1).unwrap();
        let mut seen = HashSet::new();
        for sequence in 1..1000_u64 {
            let mut out = [0; 64];
            let sealed = sealer.seal(&[b"data"], &mut out).unwrap();
            let record = &out[..sealed.written];
            let explicit = u64::from_be_bytes(record[5..13].try_into().unwrap());
            assert_eq!(explicit, start ^ sequence);
            // The null cipher's tag shows the nonce that it was given.
            assert_eq!(record[17..21], iv[..4]);
            assert_eq!(record[21..29], record[5..13]);
            assert!(seen.insert(explicit), "repeated");
        }
    }
}
