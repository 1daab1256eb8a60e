use super::*;

// 9846 5.4: "from zero up to TLS record size limits".
#[test]
fn is_accepted_up_to_the_limit_and_not_over_it() {
    for content in 0..=63 {
        for padding in 0..=64 - content {
            let mut connection = limited(Suite::Tls13, 64);
            let content = vec![7; content];
            let record = connection.peer.seal_padded(DATA, &content, padding);
            if content.len() + 1 + padding > 64 {
                connection.assert_refuses(
                    &record,
                    Fault::RecordOverflow,
                    AlertDescription::RECORD_OVERFLOW,
                );
                continue;
            }
            let got = if content.is_empty() { Got::Nothing } else { Got::Data(content) };
            assert_eq!(connection.receive(&record), Ok(vec![got]));
        }
    }
}
