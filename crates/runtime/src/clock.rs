//! The time, as cheaply as the kernel gives it, and as HTTP writes it.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, as of the kernel's last tick (1 to 4 ms ago): a tenth of the cost of
/// the exact time.
#[inline]
pub fn coarse_millis() -> i64 {
    let time = clock_gettime(ClockId::RealtimeCoarse);
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}

/// The last second that HTTP can write: years have four digits.
const LAST_SECOND: i64 = 253_402_300_799;

/// Writes a second since the Unix epoch the way the `Date` header wants it: `Sun, 06 Nov 1994 08:49:37 GMT`
/// (RFC 9110, 5.6.7). What HTTP cannot write is the epoch, or the last second of the year 9999.
pub fn http_date(seconds: i64) -> String {
    let seconds = seconds.clamp(0, LAST_SECOND).unsigned_abs();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them_whatever_the_time() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(i64::MIN), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn the_coarse_time_is_the_time() {
        let exact =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        assert!((exact - coarse_millis()).abs() < 1_000);
    }
}
