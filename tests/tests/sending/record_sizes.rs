//! go#14376 and the like: small records reduce the time to the first byte.

use core::time::Duration;

use tls_record::RecordSizes;

const IDLE: Duration = Duration::from_secs(1);

#[test]
fn are_small_at_the_start_and_large_later() {
    let mut sizes = RecordSizes::new(100, 250, IDLE);
    let now = Duration::from_millis(1);
    for sealed in [100, 200, 300] {
        assert_eq!(sizes.limit(now), 100, "before byte {sealed}");
        sizes.sealed(100, now);
    }
    assert_eq!(sizes.limit(now), u16::MAX);
}

#[test]
fn are_small_again_after_a_pause_and_not_before() {
    let mut sizes = RecordSizes::new(100, 1, IDLE);
    let start = Duration::from_secs(100);
    sizes.sealed(1, start);
    assert_eq!(sizes.limit(start + IDLE - Duration::from_nanos(1)), u16::MAX);
    assert_eq!(sizes.limit(start + IDLE), 100);
    sizes.sealed(1, start + IDLE);
    assert_eq!(sizes.limit(start + IDLE), u16::MAX);
    // A clock that goes back does not count as a pause.
    assert_eq!(sizes.limit(start), u16::MAX);
}
