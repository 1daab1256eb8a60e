//! Secrets in software or in a key store, connections at rest, directions for the kernel.

use core::hint::black_box as any;

use stub::{KeyStore, Library};
use tls_record::aead::Algorithm;
use tls_record::{
    Connection, ConnectionIn, CryptoInfo, Extractable, KernelDirection, KeySchedule, Opener,
    RecordLayer, Sealer, TrafficSecret,
};
use zeroize::Zeroize;

use crate::mixed_keys::MixedKeys;
use crate::{AnyBytes, config, secret};

type Secret = TrafficSecret<Library>;

pub(crate) fn prove() {
    secrets();
    connections::<Secret>();
    connections::<MixedKeys>();
    kernel::<Secret>();
    kernel::<MixedKeys>();
}

fn secrets() {
    let algorithm = any(Algorithm::Aes256Gcm);
    let _ = any(TrafficSecret::<Library>::tls13(algorithm, any(&[7; 48])));
    #[cfg(feature = "tls12")]
    let _ = any(TrafficSecret::<Library>::tls12(algorithm, any(&[7; 32]), any(&[7; 12])));
    let mut secret = secret();
    let secret = any(&mut secret);
    any(TrafficSecret::algorithm(any(secret)));
    any(KeySchedule::version(any(secret)));
    any(KeySchedule::is_same_secret(any(secret), &crate::secret()));
    let _ = any(KeySchedule::keys(any(secret)));
    let _ = any(KeySchedule::update(any(secret)));
    Zeroize::zeroize(any(secret));
    any(MixedKeys::Store(any(KeyStore)));
}

fn connections<K: Extractable>() {
    let (key, mut bytes) = (any([7; 32]), [0; 256]);
    let mut layer = RecordLayer::<K>::new(config());
    let _ = any(RecordLayer::suspend(any(&mut layer), &key));
    let _ = any(RecordLayer::<K>::resume(any(&mut bytes), &key));
    let mut connection = Connection::<K, 512>::new(any(layer));
    let _ = any(Connection::suspend(any(&mut connection), &key));
    let _ = any(Connection::<K, 512>::resume(any(&mut bytes), &key));
    let resumed = ConnectionIn::<K, _>::resume_in(any(&mut bytes), &key, AnyBytes);
    if let Ok(mut connection) = any(resumed) {
        let _ = any(Connection::suspend(any(&mut connection), &key));
    }
}

fn kernel<K: Extractable>() {
    let mut opener = Opener::<K>::new(config());
    let mut sealer = Sealer::<K>::new(config());
    let _ = any(Opener::hand_to_kernel(any(&mut opener)));
    if let Ok(mut direction) = any(Sealer::hand_to_kernel(any(&mut sealer))) {
        if let Ok(info) = any(KernelDirection::crypto_info(any(&mut direction))) {
            any(CryptoInfo::as_bytes(any(&info)));
        }
        let _ = any(KernelDirection::update(any(&mut direction)));
    }
    let mut layer = RecordLayer::<K>::new(config());
    let layer = any(&mut layer);
    let _ = any(RecordLayer::hand_sender_to_kernel(any(layer)));
    let _ = any(RecordLayer::hand_receiver_to_kernel(any(layer)));
    let layer = || any(RecordLayer::<K>::new(config()));
    connection_for_kernel(Connection::<_, 512>::new(layer()));
    if let Ok(connection) = any(ConnectionIn::new_in(layer(), AnyBytes)) {
        connection_for_kernel(connection);
    }
}

fn connection_for_kernel<K: Extractable, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>>(
    mut connection: Connection<K, TX, B>,
) {
    let connection = any(&mut connection);
    let _ = any(Connection::hand_sender_to_kernel(any(connection)));
    let _ = any(Connection::hand_receiver_to_kernel(any(connection)));
}
