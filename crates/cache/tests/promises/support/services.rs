//! The services that `dev/services` started.

use curtail_servers::service;

/// The nodes in a setting such as `CURTAIL_TEST_REDIS`, one or several.
pub(crate) fn nodes(name: &str) -> Vec<String> {
    service(name).split(',').map(str::to_owned).collect()
}
