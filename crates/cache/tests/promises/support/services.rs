//! Where the services for tests are: the environment says, or what `dev/services` left.

use std::fs;
use std::path::Path;

/// A setting of the services, such as `CURTAIL_TEST_REDIS`.
pub(crate) fn service(name: &str) -> String {
    let from_environment = std::env::var(name).ok();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services/env");
    let from_file = || {
        let text = fs::read_to_string(kept).ok()?;
        let lines = text.lines().map(|line| line.trim_start_matches("export "));
        let value = lines.filter_map(|line| line.split_once('=')).find(|(found, _)| *found == name)?.1;
        Some(value.trim_matches(['"', '\'']).to_owned())
    };
    from_environment
        .or_else(from_file)
        .unwrap_or_else(|| panic!("{name} is not known: run dev/services start"))
}

/// The nodes in a setting, one or several.
pub(crate) fn nodes(name: &str) -> Vec<String> {
    service(name).split(',').map(str::to_owned).collect()
}
