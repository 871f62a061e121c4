//! The promises of the whole: every test here runs the real binary, or reads the tree itself.

mod checks {
    //! What the tree promises about itself.
    mod architecture;
    mod dependencies;
    mod source;
    mod workspace;
}

mod support {
    //! A real server and a client for it.
    pub(crate) mod http;
    pub(crate) mod mmdb;
    pub(crate) mod server;
}

mod promises {
    //! What users and operators may rely on.
    mod bulk;
    mod clicks;
    mod disk;
    mod hostile;
    mod kills;
    mod lifecycle;
    mod limits;
    mod places;
    mod redirects;
}
