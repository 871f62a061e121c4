//! The promises of the whole: every test here runs the real binary, or reads the tree itself.

mod checks {
    //! What the tree promises about itself.
    mod architecture;
    mod dependencies;
    mod deploy;
    mod source;
    mod workspace;
}

mod support {
    //! A real server, a client for it, and the engines behind it.
    pub(crate) mod http;
    pub(crate) mod mmdb;
    #[expect(dead_code, reason = "the tests of the store do more with servers than those of the whole")]
    #[path = "../../crates/store/tests/promises/postgres/cluster.rs"]
    pub(crate) mod postgres;
    pub(crate) mod server;
    pub(crate) mod services;
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
    mod limits;
    mod migration;
    mod overload;
    mod places;
    mod redirects;
    mod write_behind;
}
