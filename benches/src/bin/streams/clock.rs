//! The CPU time of a thread, and the processor that it runs on.

use std::sync::LazyLock;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Processors that the process may use. First read before any thread is pinned.
static PROCESSORS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("Linux");
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect()
});

/// User and system time that the calling thread has taken so far.
pub(crate) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux").into()
}

/// Keeps the calling thread on the first processor.
pub(crate) fn pin_subject() {
    pin(&PROCESSORS[..1]);
}

/// Keeps the calling thread off the processor of the subject, unless there is only one.
pub(crate) fn pin_peer() {
    let others = &PROCESSORS[1..];
    pin(if others.is_empty() { &PROCESSORS } else { others });
}

fn pin(processors: &[usize]) {
    let mut set = CpuSet::new();
    for &cpu in processors {
        set.set(cpu).expect("it was in such a set");
    }
    sched_setaffinity(Pid::from_raw(0), &set).expect("the processors are ours");
}
