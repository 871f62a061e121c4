//! An authority and a certificate of it for this machine, in files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn make() -> Certificates {
        let made = Certificates(tempfile::tempdir().unwrap());
        let elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let authority =
            ["req", "-x509", "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.crt"];
        made.openssl(&[&authority[..], &elliptic[..], &["-days", "1"]].concat());
        let request = ["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
        made.openssl(&[&request[..], &elliptic[..]].concat());
        std::fs::write(made.0.path().join("names"), "subjectAltName=DNS:localhost\n").unwrap();
        let by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "1"];
        made.openssl(&[&["x509", "-req", "-in", "server.csr", "-out", "server.crt"][..], &by[..]].concat());
        made
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.0.path().join("ca.crt")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.0.path().join("server.crt")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.0.path().join("server.key")
    }

    fn openssl(&self, arguments: &[&str]) {
        let folder: &Path = self.0.path();
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().expect("openssl is installed").success(), "openssl {arguments:?}");
    }
}
