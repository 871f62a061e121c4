//! `TCP_DEFER_ACCEPT`, which no library of ours can set.
//!
//! With it the kernel hands a connection over once its first bytes are there, so that a request is read and
//! answered with no wait in between. Under wrk with 64 connections of one request each that took 20.5 us of
//! CPU instead of 30; the figure of `dev/bench redirect`, which is loaded less, fell from 1.42 of nginx's to
//! 1.31. A client that sends nothing is handed over after [`SECONDS`], when the kernel has asked it once
//! more; until then it costs no file and no memory of ours.

use socket2::Socket;
use std::ffi::c_int;
use std::io;
use std::os::fd::AsRawFd;

/// How long a silent client is left with the kernel.
static SECONDS: c_int = 1;

/// Tells a socket, before it listens, to hand over connections once their first bytes are there.
#[expect(unsafe_code, reason = "measured: a part of a short connection's cost; see the module")]
pub(super) fn until_data_arrives(socket: &Socket) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as the borrow lasts, and the kernel copies the `c_int` that
    // the pointer and the length describe before the call returns.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const SECONDS).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
