use super::*;

// 8449 4: a limit binds the peer once it has confirmed it.
#[test]
fn a_record_size_limit_counts_from_its_confirmation_on() {
    let mut connection = tls13();
    connection.accept(DATA, &[0; 1000]);
    connection.layer.with_halves(|opener, _| opener.set_record_size_limit(record_size_limit(512)));
    connection.accept(DATA, &[0; 511]);
    let record = connection.peer.seal(DATA, &[0; 512]);
    connection.assert_refuses(&record, Fault::RecordOverflow, AlertDescription::RECORD_OVERFLOW);
}

// The client sends its early data before it knows our limit.
#[test]
fn rejected_early_data_may_be_over_it() {
    let mut config = Config::new(Role::Server);
    config.record_size_limit = Some(record_size_limit(64));
    let mut connection = Connection::new(config).install(Epoch::Handshake, Suite::Tls13);
    connection.layer.with_halves(|opener, _| opener.skip_early_data(false)).unwrap();
    let mut early = vec![23, 3, 3, 4, 0];
    early.resize(5 + 1024, 0x5a);
    assert_eq!(connection.receive(&early), Ok(vec![Got::Nothing]));
    connection.accept(HANDSHAKE, &message(20, &[0; 32]));
    let record = connection.peer.seal(HANDSHAKE, &message(20, &[0; 64]));
    connection.assert_refuses(&record, Fault::RecordOverflow, AlertDescription::RECORD_OVERFLOW);
}
