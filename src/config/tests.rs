//! What the settings promise to whoever runs a server.

use super::reader::Reader;
use super::settings::Settings;
use super::{FlagValue, Flags, Loaded, Mistakes, Origin, Row, environment, load, reference};
use curtail_model::{CodeScheme, destination};
use proptest::prelude::*;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

struct Sources {
    folder: TempDir,
    flags: Flags,
    variables: Vec<(OsString, OsString)>,
}

impl Sources {
    fn new() -> Sources {
        let folder = tempfile::tempdir().unwrap();
        Sources { folder, flags: Flags::default(), variables: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("settings.toml")
    }

    fn file(mut self, text: &str) -> Sources {
        fs::write(self.path(), text).unwrap();
        self.flags.file = Some(self.path());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Sources {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, flag: &'static str, name: &str, value: &str) -> Sources {
        self.flags.values.push(FlagValue { flag, name: name.to_owned(), value: value.to_owned() });
        self
    }

    fn set(mut self, text: &str) -> Sources {
        self.flags.set.push(text.to_owned());
        self
    }

    fn load(&self) -> Result<Loaded, Mistakes> {
        load(&self.flags, self.variables.clone())
    }

    /// The mistakes, one a line, with the folder of this run left out.
    fn mistakes(&self) -> Vec<String> {
        let text = self.load().unwrap_err().to_string();
        let folder = format!("{}/", self.folder.path().display());
        text.lines().skip(1).map(|line| line.trim_start().replace(&folder, "")).collect()
    }
}

fn row<'a>(loaded: &'a Loaded, name: &str) -> &'a Row {
    loaded.rows.iter().find(|row| row.name == name).unwrap()
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let file =
        "listen = '127.0.0.1:1'\n[cache]\nbytes = '2MiB'\nttl_seconds = 7\n[codes]\nscheme = 'sequential'\n";
    let loaded = Sources::new()
        .file(file)
        .variable("CURTAIL_LISTEN", "127.0.0.1:2")
        .variable("CURTAIL_CACHE_BYTES", "3MiB")
        .flag("--listen", "listen", "127.0.0.1:3")
        .load()
        .unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.server.listen.port(), 3);
    assert_eq!(settings.cache.bytes, 3 << 20);
    assert_eq!(settings.cache.ttl, Duration::from_secs(7));
    assert_eq!(settings.codes.scheme, CodeScheme::Sequential);
    assert_eq!(settings.shutdown.grace, Duration::from_secs(30));
    assert_eq!(row(&loaded, "listen").origin, Origin::Flag("--listen"));
    assert_eq!(row(&loaded, "cache.bytes").origin, Origin::Variable("CURTAIL_CACHE_BYTES".into()));
    assert!(matches!(row(&loaded, "codes.scheme").origin, Origin::File { line: 6, .. }));
    assert_eq!(row(&loaded, "shutdown.grace_seconds").origin, Origin::Default);
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place_and_its_remedy() {
    let file = "lisetn = '127.0.0.1:1'\n[cache]\nbytes = '12 apples'\nttl_seconds = [1]\n\n[clikcs]\n[limits]\nconnections = 0\n";
    let sources = Sources::new()
        .file(file)
        .variable("CURTAIL_LOG_LEVLE", "info")
        .variable("CURTAIL_FOO", "1")
        .variable("CURTAIL_LOG_LEVEL", "loud")
        .variable("HOME", "/nowhere")
        .set("geo.pth=x")
        .set("geo.path")
        .flag("--admin-listen", "admin_listen", "8081");
    assert_eq!(
        sources.mistakes(),
        [
            "--set: has no '=': write section.key=value, such as cache.bytes=256MiB",
            "--admin-listen: admin_listen: \"8081\" is not an IP address and a port: write one such as \
             127.0.0.1:8080, 0.0.0.0:80 or [::]:8080",
            "settings.toml:3: cache.bytes: \"12 apples\" is not a size: write bytes, or a number with KiB, MiB, \
             GiB, kB, MB or GB",
            "settings.toml:4: cache.ttl_seconds takes one value, not a list",
            "settings.toml:8: limits.connections: \"0\" is not a whole number from 1 to 10000000",
            "CURTAIL_LOG_LEVEL: log.level: \"loud\" must be one of off, error, warn, info, debug, trace",
            "settings.toml:1: there is no setting lisetn; did you mean listen?",
            "settings.toml:6: there is no section [clikcs]; did you mean clicks?",
            "CURTAIL_FOO: there is no such variable; `curtail config` lists all there are",
            "CURTAIL_LOG_LEVLE: there is no such variable; did you mean CURTAIL_LOG_LEVEL?",
            "--set: there is no setting geo.pth; did you mean geo.path?",
        ]
    );
}

#[test]
fn what_is_wrong_inside_an_address_is_a_mistake_of_its_setting_and_no_password_is_told() {
    let mistakes = Sources::new()
        .variable("CURTAIL_DATABASE_URL", "postgres://u:secret@h/d?sslmode=foo")
        .variable("CURTAIL_DATABASE_REPLICA_URLS", "postgres://u:secret@h/d,postgres:///d")
        .variable("CURTAIL_REDIS_URL", "redis://:secret@h:1/abc")
        .mistakes();
    let of = |variable: &str| mistakes.iter().filter(|line| line.starts_with(variable)).count();
    assert_eq!(
        [of("CURTAIL_DATABASE_URL: "), of("CURTAIL_DATABASE_REPLICA_URLS: "), of("CURTAIL_REDIS_URL: ")],
        [1, 1, 1],
        "{mistakes:?}"
    );
    assert!(mistakes[0].contains("sslmode=foo is not known; there are disable, prefer"), "{mistakes:?}");
    assert!(!mistakes.concat().contains("secret"), "{mistakes:?}");
}

#[test]
fn a_wrong_value_is_a_mistake_also_where_a_stronger_one_hides_it() {
    let sources = Sources::new().file("listen = 'nowhere'\n").variable("CURTAIL_LISTEN", "127.0.0.1:2");
    assert_eq!(sources.mistakes().len(), 1);
}

#[test]
fn every_error_of_syntax_is_told_with_its_line() {
    let mistakes = Sources::new().file("listen = \n\nbase_url = 'https://sho.rt\n").mistakes();
    assert!(mistakes[0].starts_with("settings.toml:1: is not TOML: "), "{mistakes:?}");
    assert!(mistakes.iter().any(|line| line.starts_with("settings.toml:3: ")), "{mistakes:?}");
    assert!(mistakes.iter().all(|line| line.contains(": is not TOML: ")), "no mistake more: {mistakes:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake_of_whoever_named_it() {
    let missing = Sources::new().variable("CURTAIL_CONFIG", "no-such-file.toml").mistakes();
    assert!(
        missing[0].starts_with("CURTAIL_CONFIG: cannot read the settings from no-such-file.toml: "),
        "{missing:?}"
    );
    let large = Sources::new().file(&"#".repeat(2 << 20)).mistakes();
    assert!(large[0].ends_with("it is larger than 1 MiB"), "{large:?}");
}

#[test]
fn a_secret_is_shown_nowhere_and_is_not_taken_from_a_flag() {
    let key = "s3cret-s3cret-s3cret-s3cret";
    let loaded = Sources::new().variable("CURTAIL_ADMIN_KEY", key).load().unwrap();
    assert_eq!(loaded.settings.server.admin_key.as_ref().unwrap().reveal(), key);
    assert!(!format!("{loaded:?}").contains("s3cret"));
    assert!(!reference::toml(&loaded.rows).contains("s3cret"));
    assert!(!reference::json(&loaded.rows).contains("s3cret"));
    assert!(
        !format!("{:?}", Sources::new().variable("CURTAIL_ADMIN_KEY", "s3cret s3cret").mistakes())
            .contains("s3cret")
    );
    let flag = Sources::new().set(&format!("admin_key={key}")).mistakes();
    assert_eq!(flag, ["--set: admin_key is a secret: give it in CURTAIL_ADMIN_KEY or in the settings file"]);
}

#[test]
fn settings_that_contradict_each_other_are_a_mistake() {
    let same = Sources::new().variable("CURTAIL_ADMIN_LISTEN", "127.0.0.1:8080").mistakes();
    assert_eq!(same, ["CURTAIL_ADMIN_LISTEN: admin_listen is the same as listen: give each its own port"]);
    let small = Sources::new().set("clicks.journal_bytes=4MiB").mistakes();
    assert!(small[0].contains("five segments of 16MiB"), "{small:?}");
    let behind = || Sources::new().set("cache.strategy=write-behind");
    let embedded = behind().mistakes();
    assert!(embedded[0].contains("write-behind, which needs database.url: SQLite"), "{embedded:?}");
    let alone = behind().variable("CURTAIL_DATABASE_URL", "postgres://host/curtail").mistakes();
    assert!(alone[0].contains("write-behind, which needs redis.url"), "{alone:?}");
}

#[test]
fn lists_come_with_commas_or_as_lists_and_off_means_none() {
    let file = "trusted_proxies = ['10.0.0.0/8', '::1']\nadmin_listen = 'off'\n[links]\napp_schemes = []\n";
    let settings = Sources::new().file(file).load().unwrap().settings;
    assert_eq!(settings.server.trusted_proxies.len(), 2);
    assert_eq!((settings.server.admin_listen, settings.links.app_schemes.len()), (None, 0));
    let settings =
        Sources::new().variable("CURTAIL_TRUSTED_PROXIES", "10.0.0.0/8, ::1").load().unwrap().settings;
    assert_eq!(settings.server.trusted_proxies.len(), 2);
    let wrong = Sources::new().variable("CURTAIL_LINKS_APP_SCHEMES", "tel,javascript").mistakes();
    assert!(wrong[0].contains("has \"javascript\", which cannot be allowed"), "{wrong:?}");
}

#[test]
fn what_is_printed_gives_the_same_settings_again() {
    let first = Sources::new()
        .variable("CURTAIL_BASE_URL", "https://sho.rt/")
        .variable("CURTAIL_TRUSTED_PROXIES", "10.0.0.0/8,192.0.2.1")
        .variable("CURTAIL_DATA", "a \"quoted\" \\ folder\t")
        .variable("CURTAIL_CACHE_BYTES", "1048577")
        .load()
        .unwrap();
    let again = Sources::new().file(&reference::toml(&first.rows)).load().unwrap();
    let values =
        |loaded: &Loaded| loaded.rows.iter().map(|row| (row.name, row.value.clone())).collect::<Vec<_>>();
    assert_eq!(values(&again), values(&first));
    assert_eq!(first.settings.server.base_url.as_deref(), Some("https://sho.rt"));
}

#[test]
fn every_default_is_valid_and_every_variable_means_one_setting() {
    let loaded = Sources::new().load().unwrap();
    let mut variables: Vec<String> = loaded.rows.iter().map(|row| environment::variable(row.name)).collect();
    assert!(!variables.contains(&environment::FILE.to_owned()));
    let all = variables.len();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), all);
    assert_eq!(loaded.settings.links.app_schemes, destination::APP_SCHEMES);
    // With which `the_largest_link_is_taken_however_it_is_escaped`.
    assert_eq!(loaded.settings.api.body_bytes, 192 * 1024);
}

#[test]
fn the_reference_in_the_documentation_is_the_table_in_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let text = fs::read_to_string(path).unwrap();
    let mut reader = Reader::new(Vec::new(), Vec::new());
    Settings::read(&mut reader);
    let expected = reference::markdown(&reader.finish().0);
    let begin = text.find("| setting |").expect("docs/operations.md has the table of settings");
    let documented = text[begin..].split("\n\n").next().unwrap();
    assert_eq!(
        documented.trim_end(),
        expected.trim_end(),
        "put this table into docs/operations.md:\n\n{expected}"
    );
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(text in "[\\[\\]a-z._=\"'0-9#, \n{}-]{0,80}|\\PC{0,80}") {
        let _ = Sources::new().file(&text).load();
    }

    #[test]
    fn no_value_makes_it_panic(setting in any::<prop::sample::Index>(), value in "\\PC{0,20}|[0-9]{1,25}([KMG]i?B)?|[0-9a-f:./,]{0,20}") {
        let rows = Sources::new().load().unwrap().rows;
        let name = environment::variable(setting.get(&rows).name);
        let _ = Sources::new().variable(&name, &value).load();
    }
}
