//! What following costs beside the handshake itself.

use std::time::{Duration, Instant};

use super::*;

/// Runs both ends by themselves, record by record.
fn alone(mut client: Rustls, mut server: Rustls) {
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    let step = |library: &mut Rustls, input: &mut Vec<u8>, output: &mut Vec<u8>| {
        let len = input
            .first_chunk()
            .map_or(0, |header| HEADER_LEN + usize::from(Header::decode(*header).length));
        let record: Vec<u8> = input.drain(..len).collect();
        let progress = library.advance(&record, output).unwrap();
        let _: Secrets = library.take_secrets();
        progress == Progress::Complete
    };
    while !(step(&mut client, &mut to_client, &mut to_server)
        & step(&mut server, &mut to_server, &mut to_client))
    {}
}

fn followed(client: Rustls, server: Rustls) {
    let (mut client, mut server) =
        (Takeover::<_, Ring>::new(client), Takeover::<_, Ring>::new(server));
    while [client.advance().unwrap(), server.advance().unwrap()] != [Progress::Complete; 2] {
        let taken = server.receive(client.unsent());
        client.sent(taken);
        let taken = client.receive(server.unsent());
        server.sent(taken);
    }
    client.finish().unwrap();
    server.finish().unwrap();
}

#[test]
#[ignore = "a measurement: run it alone, in release"]
fn following_takes_little_time_beside_a_handshake_with_p256() {
    for agreed in [crate::support::TLS12, TLS13] {
        let extras = Extras { groups: vec![Group::P256], ..Extras::default() };
        let ends = || {
            let mut client = rustls_client_config_with(agreed.version, agreed.suite, &extras);
            client.resumption = tls_record_alloc::rustls::client::Resumption::disabled();
            let server = rustls_server_config_with(agreed.version, agreed.suite, &extras);
            (Rustls::client(&client), Rustls::server(&server))
        };
        let time = |run: fn(Rustls, Rustls)| {
            let (client, server) = ends();
            let start = Instant::now();
            run(client, server);
            start.elapsed()
        };
        let (mut alone_took, mut followed_took) = (Vec::new(), Vec::new());
        for _ in 0..2000 {
            alone_took.push(time(alone));
            followed_took.push(time(followed));
        }
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2].as_secs_f64() * 1e6
        };
        let (alone, followed) = (median(alone_took), median(followed_took));
        println!("{agreed:?}: both ends {alone:.1} us, and followed {followed:.1} us");
        assert!(followed < 1.10 * alone);
    }
}
