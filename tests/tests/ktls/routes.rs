//! Errors that TCP survives.

use std::io::Write;
use std::process::Command;

use tls_record_alloc::tls_record::WriteEnd;

use crate::support::{Sealing, is_required, sockets_at, to_kernel};

/// An address that only this test uses.
const ADDRESS: &str = "fd00::7";

fn ip(command: &str) {
    let status = Command::new("ip").arg("-6").args(command.split(' ')).status().unwrap();
    assert!(status.success(), "ip -6 {command}");
}

#[test]
fn a_route_that_is_missing_for_a_while_does_not_end_the_connection() {
    if !is_required() {
        return println!("left out: it changes the routes of the machine");
    }
    ip(&format!("addr add {ADDRESS}/128 dev lo"));
    // The kernel reports the last as EINVAL, like a record of another version.
    for kind in ["unreachable", "prohibit", "blackhole"] {
        let (stream, mut peer) = Sealing::connect_over(sockets_at(&format!("[{ADDRESS}]:0")));
        let mut kernel = to_kernel(stream).unwrap();
        ip(&format!("route del local {ADDRESS} dev lo table local"));
        ip(&format!("route add {kind} {ADDRESS}/128 metric 1"));
        for _ in 0..3 {
            kernel.write_all(b"data").unwrap();
        }
        ip(&format!("route del {kind} {ADDRESS}/128 metric 1"));
        ip(&format!("route add local {ADDRESS} dev lo table local"));
        kernel.close().unwrap();
        assert_eq!(kernel.end().write, WriteEnd::Closed);
        assert_eq!(kernel.transport_error(), None);
        drop(kernel);
        // Three records of 4 bytes, and the close_notify.
        assert_eq!(peer.receive_all().len(), 3 * (5 + 4 + 17) + 5 + 2 + 17);
    }
}
