//! How much memory this process may use: that of the machine,
//! or less where a cgroup says so (containers, systemd).

use super::number::{GIB, MIB};
use std::path::{Path, PathBuf};

/// What the cache takes when nobody says: a quarter of memory, at most 1 GiB, in whole MiB.
pub(crate) fn default_cache_bytes() -> u64 {
    quarter(available(&|path| std::fs::read_to_string(path).ok()).unwrap_or(GIB))
}

fn quarter(memory: u64) -> u64 {
    (memory / 4 / MIB * MIB).clamp(MIB, GIB)
}

/// The least of all limits that hold for this process, as `read` shows the files of the kernel.
fn available(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| limit_of_group(line, read));
    machine(read).into_iter().chain(limits).min()
}

fn machine(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let text = read(Path::new("/proc/meminfo"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The least limit of a group and the groups around it. A line reads `0::/a/b` (version 2) or `4:memory:/a/b`
/// (version 1); see the kernel's admin-guide, cgroup-v2 and cgroup-v1/memory.
fn limit_of_group(line: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, group) = (parts.next()?, parts.next()?);
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        list if list.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let group = PathBuf::from(root).join(group.trim_start_matches('/'));
    // Inside a container the group's own path may not be
    // mounted: then the root of what is mounted is the group.
    let folders = group.ancestors().take_while(|folder| folder.starts_with(root));
    folders.filter_map(|folder| read(&folder.join(file))?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)]) -> Option<u64> {
        let find = |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path);
        available(&|path| find(path).map(|(_, text)| (*text).to_owned()))
    }

    const MACHINE: (&str, &str) = ("/proc/meminfo", "MemFree: 1 kB\nMemTotal:       16384 kB\n");

    #[test]
    fn a_container_counts_what_it_may_use_not_what_the_machine_has() {
        assert_eq!(with(&[MACHINE]), Some(16 * MIB));
        let group = ("/proc/self/cgroup", "0::/system.slice/curtail.service\n");
        let unlimited = ("/sys/fs/cgroup/system.slice/curtail.service/memory.max", "max\n");
        assert_eq!(with(&[MACHINE, group, unlimited]), Some(16 * MIB));
        assert_eq!(
            with(&[MACHINE, group, unlimited, ("/sys/fs/cgroup/system.slice/memory.max", "4194304\n")]),
            Some(4 * MIB)
        );
        assert_eq!(
            with(&[MACHINE, ("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/memory.max", "1048576")]),
            Some(MIB)
        );
        let old = ("/proc/self/cgroup", "4:cpu:/x\n3:memory,other:/x\n");
        assert_eq!(
            with(&[MACHINE, old, ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "2097152\n")]),
            Some(2 * MIB)
        );
    }

    #[test]
    fn the_cache_takes_a_quarter_and_at_most_a_gibibyte() {
        assert_eq!(quarter(0), MIB);
        assert_eq!(quarter(1000 * MIB), 250 * MIB);
        assert_eq!(quarter(64 * GIB), GIB);
    }
}
