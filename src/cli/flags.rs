//! The flags that give settings, on every command that needs them.

use crate::config::{self, FlagValue, Flags, Loaded};
use std::path::PathBuf;

/// Where settings come from, for commands that do not serve.
#[derive(clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct CommonFlags {
    /// Read settings from this TOML file [env: CURTAIL_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep everything in this folder [env: CURTAIL_DATA] [default: ./curtail-data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Give any other setting, as section.key=value; may be repeated
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

/// Where settings come from, for commands that need them all.
#[derive(clap::Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsFlags {
    #[command(flatten)]
    common: CommonFlags,
    /// Be everything (all), a server that leaves counting to workers where Kafka is set (app), or a worker
    /// [env: CURTAIL_ROLE] [default: all]
    #[arg(long, value_name = "all|app|worker")]
    role: Option<String>,
    /// Serve redirects and the API here [env: CURTAIL_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Serve /metrics here, or "off" [env: CURTAIL_ADMIN_LISTEN] [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<String>,
    /// Begin short URLs with this [env: CURTAIL_BASE_URL] [default: the host of each request]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

impl CommonFlags {
    /// The settings in effect: these flags, the environment, the file and the defaults together.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        load(&self.flags())
    }

    fn flags(&self) -> Flags {
        let data = self.data.iter().map(|value| flag("--data", "data", value));
        Flags { file: self.config.clone(), set: self.set.clone(), values: data.collect() }
    }
}

impl SettingsFlags {
    /// The settings in effect: these flags, the environment, the file and the defaults together.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let mut flags = self.common.flags();
        let named = [
            ("--role", "role", &self.role),
            ("--listen", "listen", &self.listen),
            ("--admin-listen", "admin_listen", &self.admin_listen),
            ("--base-url", "base_url", &self.base_url),
        ];
        let named =
            named.into_iter().filter_map(|(name, setting, value)| Some(flag(name, setting, value.as_ref()?)));
        flags.values.extend(named);
        load(&flags)
    }
}

fn load(flags: &Flags) -> anyhow::Result<Loaded> {
    Ok(config::load(flags, std::env::vars_os())?)
}

fn flag(flag: &'static str, name: &str, value: &str) -> FlagValue {
    FlagValue { flag, name: name.to_owned(), value: value.to_owned() }
}
