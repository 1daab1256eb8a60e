//! Code shared by the benchmarks and tests: established connections, time measurement and charts.

pub mod chart;
pub mod life;
pub mod padded;
pub mod timing;

use tls_record::aead::{Algorithm, Provider};
use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret, Version};

/// A record layer with the keys of a provider.
pub type Layer<P> = RecordLayer<TrafficSecret<P>>;

/// Returns the client and the server of one connection after the handshake.
///
/// # Panics
/// If the provider does not support the algorithm.
pub fn established<P: Provider>(version: Version, algorithm: Algorithm) -> (Layer<P>, Layer<P>) {
    configured(version, algorithm, |_| {})
}

/// Like [`established`], with a change to the config of both ends.
///
/// # Panics
/// If the provider does not support the algorithm.
pub fn configured<P: Provider>(
    version: Version,
    algorithm: Algorithm,
    configure: impl Fn(&mut Config),
) -> (Layer<P>, Layer<P>) {
    let secret = |byte| match version {
        Version::Tls13 => TrafficSecret::tls13(algorithm, &vec![byte; algorithm.secret_len()]),
        Version::Tls12 => {
            TrafficSecret::tls12(algorithm, &vec![byte; algorithm.key_len()], &[byte; 12])
        }
    };
    // In TLS 1.2 the Finished had sequence number 0.
    let first = u64::from(version == Version::Tls12);
    let end = |role| {
        let mut config = Config::new(role);
        configure(&mut config);
        let mut layer = Layer::<P>::new(config);
        let [client, server] =
            [1, 2].map(|byte| (secret(byte).expect("a secret of the right length"), first));
        layer
            .take_over(Epoch::Application, client, server)
            .expect("the provider supports the algorithm");
        layer
    };
    (end(Role::Client), end(Role::Server))
}
