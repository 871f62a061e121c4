//! Where a server listens, and where visitors reach it.

use super::finding::Finding;
use crate::config::{Role, Settings};
use crate::data_folder;
use curtail_runtime::listener::{self, ListenError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::{Host, Url};

/// How long whoever listens may take to say who it is, and a name server to answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// As much of an answer as is read to tell whose it is.
const ANSWER_BYTES: usize = 64 << 10;

pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let server = &settings.server;
    let is_running = data_folder::owner(&server.data).is_some();
    let mut findings = Vec::new();
    if server.role != Role::Worker {
        let who = ("/api/v1/openapi.json", "\"title\":\"Curtail\"");
        findings.push(port("listen", server.listen, who, is_running).await);
    }
    if let Some(address) = server.admin_listen {
        findings.push(port("admin_listen", address, ("/metrics", "curtail_"), is_running).await);
    }
    if server.role != Role::Worker {
        findings.extend(base_url(settings, is_running).await);
    }
    findings
}

/// Whether a server could listen on an address, or one does: what it serves under a path tells who it is.
async fn port(
    check: &'static str,
    address: SocketAddr,
    (path, sign): (&str, &str),
    is_running: bool,
) -> Finding {
    let error = match listener::check(address) {
        Ok(_) => return Finding::ok(check, format!("{address} is free")),
        Err(error) => error,
    };
    let in_use = matches!(error, ListenError::InUse(_));
    if !in_use || !timeout(ANSWER_MAX, serves(reachable(address), path, sign)).await.unwrap_or(false) {
        return Finding::refused(check, &error);
    }
    if is_running {
        return Finding::ok(check, format!("a running Curtail serves on {address}"));
    }
    let said = format!("another Curtail serves on {address}, and not from this data folder");
    Finding::wrong(check, said, "Stop that one, choose another address, or name its data folder with --data")
}

async fn serves(address: SocketAddr, path: &str, sign: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        while answer.len() < ANSWER_BYTES && stream.read_buf(&mut answer).await? > 0 {
            if String::from_utf8_lossy(&answer).contains(sign) {
                return Ok(true);
            }
        }
        Ok::<_, std::io::Error>(false)
    };
    ask.await.unwrap_or(false)
}

/// Where to reach whoever listens on an address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn base_url(settings: &Settings, is_running: bool) -> Vec<Finding> {
    const CHECK: &str = "base_url";
    let Some(base) = &settings.server.base_url else {
        return vec![if settings.server.listen.ip().is_loopback() {
            Finding::ok(CHECK, "off: short URLs begin with the host of each request")
        } else {
            let said = "off: short URLs begin with the host that each request names, whatever that is";
            Finding::warning(CHECK, said, "Set base_url to where visitors reach this server")
        }];
    };
    let url = Url::parse(base).ok();
    let Some((host, port)) = url.as_ref().and_then(|url| Some((url.host()?, url.port_or_known_default()?)))
    else {
        return vec![Finding::ok(CHECK, base.clone())];
    };
    let found = timeout(ANSWER_MAX, addresses(&host, port)).await;
    let mut findings = vec![match found {
        Ok(Ok(found)) if !is_running || any_answers(&found).await => Finding::ok(CHECK, base.clone()),
        Ok(Ok(found)) if !found.is_empty() => Finding::warning(
            CHECK,
            format!("nobody takes connections at {base} from here"),
            "Look at the proxy and the firewall in front of this server; it may be that only this machine cannot reach it",
        ),
        Ok(Ok(_)) => no_address(&host, "it has none"),
        Ok(Err(error)) => no_address(&host, &error.to_string()),
        Err(_) => no_address(&host, "the name server does not answer"),
    }];
    if base.starts_with("https:") && settings.server.trusted_proxies.is_empty() {
        findings.push(Finding::warning(
            CHECK,
            "it is https, so a proxy ends TLS, and trusted_proxies is empty: all visitors seem to be that proxy",
            "Set trusted_proxies to the networks of the proxies",
        ));
    }
    findings
}

fn no_address(host: &Host<&str>, error: &str) -> Finding {
    let said = format!("{host} of base_url has no address here ({error})");
    Finding::warning("base_url", said, "Correct base_url, or make the name known to DNS")
}

async fn addresses(host: &Host<&str>, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    Ok(match host {
        Host::Ipv4(ip) => vec![SocketAddr::from((*ip, port))],
        Host::Ipv6(ip) => vec![SocketAddr::from((*ip, port))],
        Host::Domain(name) => lookup_host((*name, port)).await?.collect(),
    })
}

async fn any_answers(addresses: &[SocketAddr]) -> bool {
    for address in addresses.iter().take(4) {
        if matches!(timeout(ANSWER_MAX / 2, TcpStream::connect(address)).await, Ok(Ok(_))) {
            return true;
        }
    }
    false
}
