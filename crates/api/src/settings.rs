//! What the API can be told by whoever starts it.

use curtail_clicks::pipeline::Retention;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of the API. The composition root fills them
/// from the configuration; all of them are checked there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Scheme and host that short links begin with, such as `https://sho.rt`. Without it they begin with
    /// `http://` and the host that the request named.
    pub base_url: Option<String>,
    /// Schemes that destinations may have beside http and https.
    pub app_schemes: Vec<String>,
    /// Hosts that lead back to this shortener, with their port where it is not the scheme's usual one. The
    /// host of `base_url`, or else of the request, counts as one without being named.
    pub own_hosts: Vec<String>,
    /// The largest body of a request other than a bulk, in bytes.
    pub body_bytes_max: usize,
    /// How long a body may take to arrive; for a bulk, how long it may pause.
    pub body_timeout: Duration,
    /// Requests per second that each key may make.
    pub rate_per_second: NonZeroU32,
    /// How long detail is kept, for telling why it is not there any more.
    pub retention: Retention,
    /// Where answers to a bulk are put aside that its client does not take yet, in files without names.
    pub spill_folder: PathBuf,
}
