#![no_std]
#![no_main]

use stub::KeyStore;
use tls_record::RecordLayer;

sizes::keep! {
    RecordLayer<KeyStore>: new open eof seal seal_in_place seal_handshake
        poll_control next_control close abort set_version install end ;
}
