//! The CPU time of a thread, and pinning threads to processors.

use std::sync::LazyLock;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// The processors that the process may use. Must be read before any thread is pinned.
static PROCESSORS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("Linux supports this call");
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect()
});

/// Returns the user and system time of the calling thread.
pub(crate) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux supports this call").into()
}

/// Pins the calling thread, the measured one, to the first processor.
pub(crate) fn pin_subject() {
    pin(&PROCESSORS[..1]);
}

/// Pins the calling thread to the other processors, if there are any.
pub(crate) fn pin_peer() {
    let others = &PROCESSORS[1..];
    pin(if others.is_empty() { &PROCESSORS } else { others });
}

fn pin(processors: &[usize]) {
    let mut set = CpuSet::new();
    for &cpu in processors {
        set.set(cpu).expect("the number of an existing processor");
    }
    sched_setaffinity(Pid::from_raw(0), &set).expect("the process may use these processors");
}
