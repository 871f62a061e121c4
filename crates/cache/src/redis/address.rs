//! Where the servers are and whom to trust there, from what the settings say:
//! urls of redis-rs, and beside what it knows `sslrootcert`, as PostgreSQL's
//! addresses have it: a file of certificates to trust in place of the system's.
//!
//! `rediss://` is encrypted to who can prove the host's name. There is no encryption to just anybody.

use super::OpenError;
use ::redis::{Client, RedisResult, TlsCertificates};
use std::fs;

const ROOTS: &str = "sslrootcert";

/// The nodes, one or several of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    urls: Vec<String>,
    /// Certificates to trust, in PEM; where there are none, those of the system.
    roots: Option<Vec<u8>>,
}

impl Addresses {
    /// Reads the urls, and the files of certificates that they name. All nodes are trusted by all of those.
    pub(super) fn read(given: &[String]) -> Result<Addresses, OpenError> {
        let (mut urls, mut roots) = (Vec::with_capacity(given.len()), None::<Vec<u8>>);
        for (url, file) in given.iter().map(|url| without_roots(url)) {
            if let Some(file) = file {
                let pem =
                    fs::read(&file).map_err(|error| OpenError::Roots { file, error: error.to_string() })?;
                let roots = roots.get_or_insert_default();
                roots.extend(pem);
                roots.push(b'\n');
            }
            urls.push(url);
        }
        Ok(Addresses { urls, roots })
    }

    /// Their urls, as redis-rs knows them.
    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Their hosts and ports, for whoever is told of them.
    pub(super) fn servers(&self) -> String {
        let server =
            |url: &String| Some(Client::open(url.as_str()).ok()?.get_connection_info().addr().to_string());
        self.urls.iter().filter_map(server).collect::<Vec<_>>().join(", ")
    }

    /// What proves that a server may be trusted; nothing where that is the system's to say.
    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        let root_cert = self.roots.clone()?;
        Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
    }

    /// A client of one of the nodes.
    pub(super) fn client(&self, url: &str) -> RedisResult<Client> {
        match self.certificates() {
            Some(certificates) if url.starts_with("rediss:") => Client::build_with_tls(url, certificates),
            Some(_) | None => Client::open(url),
        }
    }
}

/// Whether a URL can be understood; nothing is connected to, and
/// no file is read. An error says what is wrong, for people.
pub fn check_url(url: &str) -> Result<(), String> {
    Client::open(without_roots(url).0).map(drop).map_err(|error| error.to_string())
}

/// A url without the file of certificates that it names, and that file.
fn without_roots(url: &str) -> (String, Option<String>) {
    let Some((head, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let named = |pair: &&str| pair.split_once('=').is_some_and(|(name, _)| name == ROOTS);
    let file = query.split('&').find(named).and_then(|pair| Some(pair.split_once('=')?.1.to_owned()));
    let rest: Vec<&str> = query.split('&').filter(|pair| !named(pair)).collect();
    let url = if rest.is_empty() { head.to_owned() } else { format!("{head}?{}", rest.join("&")) };
    (url, file)
}

#[cfg(test)]
mod tests {
    use super::without_roots;

    #[test]
    fn the_file_of_certificates_is_taken_out_of_a_url() {
        for (url, rest, file) in [
            ("rediss://h:1/0", "rediss://h:1/0", None),
            ("rediss://h:1?sslrootcert=/a/ca.crt", "rediss://h:1", Some("/a/ca.crt")),
            ("rediss://h?protocol=resp3&sslrootcert=ca", "rediss://h?protocol=resp3", Some("ca")),
            ("rediss://h?protocol=resp3", "rediss://h?protocol=resp3", None),
        ] {
            assert_eq!(without_roots(url), (rest.to_owned(), file.map(str::to_owned)), "{url}");
        }
    }
}
