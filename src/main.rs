//! Curtail: a URL shortener that starts as one binary and grows to a fleet.
//!
//! [`cli`] says what can be asked for, [`config`] what can be set, [`roles`] what a process can be,
//! [`engines`] what stands behind it, [`routes`] what is served beside short links, [`metrics`] what is
//! counted of it all.

mod admin;
mod cli;
mod config;
mod data_folder;
mod engines;
mod first_key;
mod logging;
mod memory;
mod metrics;
mod roles;
mod routes;

use std::process::ExitCode;

fn main() -> ExitCode {
    // What is made in the data folder is nobody else's to read, whatever the folder itself allows.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    cli::run(|loaded| {
        logging::start(&loaded.settings);
        memory::configure();
        roles::run(&loaded.settings)
    })
}
