//! The alerts and the closing state machine as the halves use them: without the names of alerts,
//! and without `transition`, which is the specification.

#![no_std]
#![no_main]

use tls_record::close::{OnPeerClose, ReadState, WriteState};
use tls_record::{Alert, AlertDescription, Fault};

sizes::keep! {
    Alert: new encode decode plaintext_record;
    AlertDescription: class level;
    Fault: alert;
    OnPeerClose: in_version;
    ReadState: after;
    WriteState: after is_alert_due;
}
