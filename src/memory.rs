//! Where memory comes from, and when it goes back to the system.
//!
//! What is touched for the first time has the kernel find and clear a page for it, on the core that touches it: redirects
//! there wait that long. So pages are small, and what a write of counted clicks leaves is mostly there still for the next.

use libmimalloc_sys::mi_option_t;
use std::ffi::c_long;

/// Faster than the system's with many small allocations of many threads: those of the API and of counting.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often free memory goes back to the system: all that is free at that time. Twice the default of
/// `clicks.write_seconds`; mimalloc's own default of a second would have it go and come with every write.
const PURGE_DELAY_MILLIS: c_long = 60_000;
/// `mi_option_purge_delay`, in milliseconds. Bindings do not name it; the test below sees whether it still is that.
const MI_OPTION_PURGE_DELAY: mi_option_t = 15;

/// Tells the kernel and the allocator both; once, before anything is served.
#[expect(unsafe_code, reason = "measured: a part of the tail of redirects beside counting; see the module")]
pub(crate) fn configure() {
    // Huge pages take milliseconds to clear on virtual machines, and nothing that was measured gains by them. Where the
    // system refuses it, all that is lost is that.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // SAFETY: options may be set at any time; this one is a number that any thread may read.
    unsafe { libmimalloc_sys::mi_option_set(MI_OPTION_PURGE_DELAY, PURGE_DELAY_MILLIS) };
}

#[cfg(test)]
mod tests {
    use super::MI_OPTION_PURGE_DELAY;

    #[test]
    #[expect(unsafe_code, reason = "it asks the allocator")]
    fn the_option_that_is_set_is_the_delay_before_memory_goes_back() {
        // SAFETY: it reads a number.
        let default = unsafe { libmimalloc_sys::mi_option_get(MI_OPTION_PURGE_DELAY) };
        assert_eq!(default, 1_000, "mimalloc's default; no other option has it");
    }
}
