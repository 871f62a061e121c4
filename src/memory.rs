//! Where memory comes from.

/// Faster than the system's with many small allocations of many threads: those of the API and of counting.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Asks the kernel for small pages; once, before anything is served.
///
/// The first touch of a page has the kernel clear it, on the core that touches it, and redirects there wait
/// that long: for a huge one milliseconds, on virtual machines. Nothing that was measured gains by them.
pub(crate) fn configure() {
    // Where the system refuses it, all that is lost is that.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
