//! Redis over TLS: used when it proves that it is who it should be, and refused when not.

use crate::support::certificates::Certificates;
use crate::support::node::{Site, config, refused};
use curtail_cache::Strategy;
use curtail_cache::redis::OpenError;
use curtail_servers::RedisServer;

fn server_with(certificates: &Certificates) -> RedisServer {
    RedisServer::with_tls(&certificates.certificate(), &certificates.key(), &certificates.authority())
}

async fn refusal(url: String) -> OpenError {
    refused(&config(vec![url], Strategy::CacheAside)).await
}

#[tokio::test]
async fn a_redis_that_proves_its_name_is_used_for_links_and_messages() {
    let certificates = Certificates::make();
    let server = server_with(&certificates);
    let url = format!("{}?sslrootcert={}", server.url(), certificates.authority().display());
    let site = Site::new(vec![url], Strategy::CacheAside);
    let (one, other) = (site.node().await, site.node().await);
    one.hears(2).await;
    other.hears(2).await;
    let link = one.make("private").await;
    site.has_in_redis("private").await;
    other.learns("private").await;
    one.change(link.id, "https://example.com/new").await;
    other.leads_to("private", "https://example.com/new").await;
}

#[tokio::test]
async fn a_redis_that_does_not_prove_its_name_is_refused_with_what_to_do() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let server = server_with(&certificates);
    let trusting = |authority: &Certificates| format!("?sslrootcert={}", authority.authority().display());
    for (url, why) in [
        (server.url(), "no authority of the system has signed it"),
        (server.url() + &trusting(&others), "another authority has"),
        (server.url().replace("localhost", "127.0.0.1") + &trusting(&certificates), "it is for another name"),
    ] {
        let refused = refusal(url).await;
        assert!(matches!(refused, OpenError::Untrusted(_)), "{why}: {refused}");
        assert!(refused.to_string().contains("sslrootcert"), "{refused}");
    }
    let refused = refusal(format!("{}?sslrootcert=/nowhere/at/all", server.url())).await;
    assert!(matches!(&refused, OpenError::Roots { file, .. } if file == "/nowhere/at/all"), "{refused}");
}
