//! The workspace as files: its packages, their manifests, its sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A package of the workspace.
pub(super) struct Package {
    /// Short: `store`, `curtail`.
    pub(super) name: String,
    /// What its `[dependencies]` name, the prefix again left out.
    pub(super) dependencies: BTreeSet<String>,
}

/// The folder of the workspace.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the workspace.
pub(super) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All packages that make up the workspace.
pub(super) fn packages() -> Vec<Package> {
    let mut folders: Vec<PathBuf> = entries(&root().join("crates"));
    folders.extend([root().to_owned(), root().join("bench"), root().join("tests/servers")]);
    folders.iter().map(|folder| package(&read(folder.join("Cargo.toml")))).collect()
}

/// All files under these folders of the workspace whose names end so, each with its path in the workspace.
pub(super) fn files(folders: &[&str], ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> =
        folders.iter().map(|folder| root().join(folder)).filter(|path| path.is_dir()).collect();
    while let Some(folder) = left.pop() {
        for path in entries(&folder) {
            let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
            if path.is_dir() && !name.ends_with("target") {
                left.push(path);
            } else if name.ends_with(ending) && path.is_file() {
                found.push((name, read(&path)));
            }
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn package(manifest: &str) -> Package {
    let manifest = DeTable::parse(manifest).unwrap();
    let section = |name: &str| match manifest.get_ref().get(name).map(|value| value.get_ref()) {
        Some(DeValue::Table(table)) => Some(table),
        _ => None,
    };
    let name = section("package").unwrap().get("name").unwrap().get_ref().as_str().unwrap();
    let dependencies = section("dependencies").into_iter().flatten();
    Package { name: short(name), dependencies: dependencies.map(|(name, _)| short(name.get_ref())).collect() }
}

/// The name of a package without the prefix that all but the root have.
pub(super) fn short(package: &str) -> String {
    package.strip_prefix("curtail-").unwrap_or(package).to_owned()
}
