//! The promises of the whole: every test here runs the real binary, or reads the tree itself.

mod checks {
    //! What the tree promises about itself.
    mod architecture;
    mod dependencies;
    mod deploy;
    mod metrics;
    mod source;
    mod workspace;
}

mod support {
    //! Real servers, clients for them, the engines behind them, and what befalls all of these.
    pub(crate) mod http;
    pub(crate) mod limited;
    pub(crate) mod load;
    pub(crate) mod mmdb;
    pub(crate) mod relay;
    pub(crate) mod roamer;
    pub(crate) mod run;
    pub(crate) mod server;
    pub(crate) mod services;
    pub(crate) mod site;
    pub(crate) mod worker;
}

mod promises {
    //! What users and operators may rely on.
    mod bulk;
    mod clicks;
    mod disk;
    mod doctor;
    mod fleet;
    mod hostile;
    mod kills;
    mod lifecycle;
    mod max_clicks;
    mod migrate_store;
    mod neighbours;
    mod overload;
    mod places;
    mod redirects;
    mod stopping;
    mod write_behind;
}
