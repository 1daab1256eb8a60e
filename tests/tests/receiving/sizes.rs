use super::*;

// Before the body: the input is the header alone.
refused! {
    unprotected_over_2_14:
        fresh(), |_| header(HANDSHAKE, 16_385) => RecordOverflow, RECORD_OVERFLOW;
    unprotected_over_2_14_under_handshake_keys:
        tls13_handshake(), |_| header(CCS, 16_385) => RecordOverflow, RECORD_OVERFLOW;
    tls13_header_over_2_14_and_256:
        tls13(), |_| header(DATA, 16_641) => RecordOverflow, RECORD_OVERFLOW;
    tls13_handshake_header_over_2_14_and_256:
        tls13_handshake(), |_| header(DATA, 16_641) => RecordOverflow, RECORD_OVERFLOW;
    tls12_header_over_2_14_and_2048:
        gcm(), |_| header(DATA, 18_433) => RecordOverflow, RECORD_OVERFLOW;
    tls12_chacha_header_over_2_14_and_2048:
        chacha(), |_| header(HANDSHAKE, 18_433) => RecordOverflow, RECORD_OVERFLOW;
    // RFC 8449 section 4, RFC 6066 section 4
    tls13_header_over_our_limit:
        limited(Suite::Tls13, 64), |_| header(DATA, 64 + 17 + 1) => RecordOverflow, RECORD_OVERFLOW;
    tls12_gcm_header_over_our_limit:
        limited(Suite::Tls12Gcm, 64), |_| header(DATA, 64 + 24 + 1) => RecordOverflow, RECORD_OVERFLOW;
    tls12_chacha_header_over_our_limit:
        limited(Suite::Tls12Chacha, 64), |_| header(DATA, 64 + 16 + 1) => RecordOverflow, RECORD_OVERFLOW;

    // Our limit cannot exceed the protocol's.
    tls13_header_over_2_14_under_a_larger_limit:
        limited(Suite::Tls13, u16::MAX), |_| header(DATA, 16_385 + 17) => RecordOverflow, RECORD_OVERFLOW;
    tls12_gcm_plaintext_over_2_14_under_a_larger_limit:
        limited(Suite::Tls12Gcm, u16::MAX), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
    tls12_chacha_header_over_2_14_under_a_larger_limit:
        limited(Suite::Tls12Chacha, 16_385), |_| header(DATA, 16_385 + 16) => RecordOverflow, RECORD_OVERFLOW;

    tls13_inner_plaintext_over_2_14_and_1:
        tls13(), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
    tls13_inner_plaintext_over_2_14_and_1_by_padding:
        tls13(), |c| c.peer.seal_padded(DATA, &[7; 16_384], 1) => RecordOverflow, RECORD_OVERFLOW;
    tls13_inner_plaintext_of_nothing_but_padding_over_2_14_and_1:
        tls13(), |c| c.peer.seal_inner(&[0; 16_386]) => RecordOverflow, RECORD_OVERFLOW;
    tls13_inner_plaintext_over_our_limit:
        limited(Suite::Tls13, 64), |c| c.peer.seal(DATA, &[7; 64]) => RecordOverflow, RECORD_OVERFLOW;
    tls13_inner_plaintext_over_a_max_fragment_length_and_the_type:
        limited(Suite::Tls13, 512 + 1), |c| c.peer.seal(DATA, &[7; 513]) => RecordOverflow, RECORD_OVERFLOW;
    tls13_padding_over_our_limit:
        limited(Suite::Tls13, 64), |c| c.peer.seal_padded(DATA, &[7; 63], 1) => RecordOverflow, RECORD_OVERFLOW;
    tls12_gcm_plaintext_over_2_14:
        gcm(), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
    tls12_chacha_plaintext_over_2_14:
        chacha(), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
    tls12_gcm_plaintext_over_our_limit:
        limited(Suite::Tls12Gcm, 64), |c| c.peer.seal(DATA, &[7; 65]) => RecordOverflow, RECORD_OVERFLOW;
    tls12_chacha_plaintext_over_our_limit:
        limited(Suite::Tls12Chacha, 64), |c| c.peer.seal(DATA, &[7; 65]) => RecordOverflow, RECORD_OVERFLOW;
}

accepted! {
    unprotected_of_2_14:
        fresh(), |_| plaintext(HANDSHAKE, &message(1, &[7; 16_380])) => [Got::Message(1, 0, vec![7; 16_380])];
    unprotected_is_not_bound_by_our_limit: {
            let mut config = Config::new(Role::Server);
            config.record_size_limit = Some(record_size_limit(64));
            Connection::new(config)
        }, |_| plaintext(HANDSHAKE, &message(1, &[7; 16_380])) => [Got::Message(1, 0, vec![7; 16_380])];
    tls13_of_2_14: tls13(), |c| c.peer.seal(DATA, &[7; 16_384]) => [Got::Data(vec![7; 16_384])];
    tls13_padded_to_2_14_and_1:
        tls13(), |c| c.peer.seal_padded(DATA, b"x", 16_383) => [Got::Data(b"x".to_vec())];
    tls13_of_our_limit:
        limited(Suite::Tls13, 64), |c| c.peer.seal(DATA, &[7; 63]) => [Got::Data(vec![7; 63])];
    tls13_padded_to_our_limit:
        limited(Suite::Tls13, 64), |c| c.peer.seal_padded(DATA, b"x", 62) => [Got::Data(b"x".to_vec())];
    // Peers apply a max_fragment_length of 512 to the content alone.
    tls13_of_a_max_fragment_length_and_the_type:
        limited(Suite::Tls13, 512 + 1), |c| c.peer.seal(DATA, &[7; 512]) => [Got::Data(vec![7; 512])];
    tls12_gcm_of_2_14: gcm(), |c| c.peer.seal(DATA, &[7; 16_384]) => [Got::Data(vec![7; 16_384])];
    tls12_chacha_of_2_14: chacha(), |c| c.peer.seal(DATA, &[7; 16_384]) => [Got::Data(vec![7; 16_384])];
    tls12_gcm_of_our_limit:
        limited(Suite::Tls12Gcm, 64), |c| c.peer.seal(DATA, &[7; 64]) => [Got::Data(vec![7; 64])];
    tls12_chacha_of_our_limit:
        limited(Suite::Tls12Chacha, 64), |c| c.peer.seal(DATA, &[7; 64]) => [Got::Data(vec![7; 64])];
}

#[test]
fn headers_at_the_limit_are_waited_for() {
    assert_waits(fresh(), header(HANDSHAKE, 16_384), 16_384);
    assert_waits(tls13_handshake(), header(CCS, 16_384), 16_384);
    assert_waits(tls13(), header(DATA, 16_640), 16_640);
    assert_waits(gcm(), header(DATA, 18_432), 18_432);
    assert_waits(chacha(), header(ALERT, 18_432), 18_432);
    assert_waits(limited(Suite::Tls13, 64), header(DATA, 80), 80);
    assert_waits(limited(Suite::Tls12Gcm, 64), header(DATA, 88), 88);
    assert_waits(limited(Suite::Tls12Chacha, 64), header(DATA, 80), 80);
    assert_eq!(tls_record::MAX_RECORD, 5 + 18_432);
    assert_waits(limited(Suite::Tls13, 16_385), header(DATA, 16_385 + 16), 16_385 + 16);
    assert_waits(limited(Suite::Tls13, u16::MAX), header(DATA, 16_385 + 16), 16_385 + 16);
}
