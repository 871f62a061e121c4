//! Short turns on the processor, which no library of ours can ask for.
//!
//! A thread that wakes with a short slice may take the place of one with a longer slice at once, instead of
//! waiting until that one's slice is used up: so a request does not wait milliseconds for those who count in
//! the background. Since Linux 6.12 each thread may say how long its slice is (`sched_setattr(2)`,
//! `sched_runtime` under `SCHED_OTHER`); earlier kernels take no notice.

use std::io;

/// The shortest slice that the kernel gives.
const SLICE_NANOS: u64 = 100_000;

/// What the kernel knows of a thread's turns, in the first version of its form.
#[derive(Debug, Default)]
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

const SIZE: u32 = size_of::<Attributes>() as u32;

/// Asks for the shortest slice for this thread, and leaves all else as it is.
pub(super) fn shorten() -> io::Result<()> {
    let mut attributes = read()?;
    attributes.runtime = SLICE_NANOS;
    write(&attributes)
}

#[expect(unsafe_code, reason = "measured: a part of the latency beside counting; see the module")]
fn read() -> io::Result<Attributes> {
    let mut attributes = Attributes::default();
    // SAFETY: the kernel writes at most the `SIZE` bytes that the pointer leads to.
    let done = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) };
    if done == 0 { Ok(attributes) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "measured: a part of the latency beside counting; see the module")]
fn write(attributes: &Attributes) -> io::Result<()> {
    // SAFETY: the kernel reads the `size` bytes that the form says it has, and `read` has set that.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const *attributes, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gets_the_shortest_slice_and_keeps_the_rest() {
        std::thread::spawn(|| {
            let before = read().unwrap();
            shorten().unwrap();
            let after = read().unwrap();
            assert_eq!((after.policy, after.nice), (before.policy, before.nice));
            // Kernels before 6.12 take no notice.
            assert!(after.runtime == SLICE_NANOS || before.runtime == 0, "{after:?}");
        })
        .join()
        .unwrap();
    }
}
