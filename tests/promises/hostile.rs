//! Bad input: whatever is sent, it gets a clear refusal, nothing is stored, nothing of it comes back
//! unescaped, and the server goes on.

mod bodies;
mod crowd;
mod endings;
mod framing;
mod requests;
mod slow;
mod texts;

use crate::support::http::Client;
use crate::support::server::{KEY, Server, curtail};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tempfile::{TempDir, tempdir};

/// What must not come back as it was sent.
const MARKER: &str = "<m4rk>";
/// Longer than anything here may take to be answered or closed, on a machine that stalls.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the server closes sooner it closes for another reason than that a time is over, unless flags set one.
const TIMEOUTS: [&str; 3] = [
    "CURTAIL_LIMITS_HEADER_TIMEOUT_SECONDS",
    "CURTAIL_LIMITS_BODY_TIMEOUT_SECONDS",
    "CURTAIL_LIMITS_IDLE_TIMEOUT_SECONDS",
];
/// Where the one link that there is leads.
const LOCATION: &str = "https://example.com/canary";

/// A server with one link, which must be all that there is afterwards too.
struct Besieged {
    server: Server,
    links: Value,
    _data: TempDir,
}

/// All that came back on a connection.
struct Reply {
    bytes: Vec<u8>,
    /// Whether the server closed it in time.
    closed: bool,
}

impl Besieged {
    fn start(flags: &[&str]) -> Besieged {
        let data = tempdir().unwrap();
        let mut command = curtail();
        command.envs(TIMEOUTS.map(|name| (name, "600")));
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        let server = Server::launch(command, data.path(), flags);
        server.link(&json!({ "url": LOCATION, "code": "canary", "forward_query": true }));
        let links = links(&server);
        Besieged { server, links, _data: data }
    }

    /// Sends bytes and reads until the server closes or has long been silent.
    fn send(&self, bytes: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.server.address).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The server may have seen enough and closed before all of it was sent.
        let _ = stream.write_all(bytes);
        Reply::read(&mut stream)
    }

    /// Sends a body to the API as JSON.
    fn post(&self, method: &str, path: &str, body: &[u8]) -> crate::support::http::Response {
        let authorization = format!("Bearer {KEY}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        Client::connect(self.server.address).request(method, path, &headers, body)
    }

    /// Nothing was stored, and all is as before.
    fn is_unharmed(&self, after: &str) {
        assert_eq!(links(&self.server), self.links, "something was stored by {after}");
        let canary = self.server.client().visit("/canary");
        assert_eq!((canary.status, canary.header("location")), (302, Some(LOCATION)), "{after}");
    }
}

impl Reply {
    fn read(stream: &mut TcpStream) -> Reply {
        let mut bytes = Vec::new();
        let closed = match stream.read_to_end(&mut bytes) {
            Ok(_) => true,
            Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        };
        Reply { bytes, closed }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The statuses of all answers, in order.
    fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        let lines =
            text.split("HTTP/1.").skip(1).map(|rest| rest.get(2..5).unwrap_or_default().parse().unwrap_or(0));
        lines.collect()
    }
}

/// What the list of links shows, but for the counts of clicks.
fn links(server: &Server) -> Value {
    let mut list = server.api("GET", "/api/v1/links?limit=100", None).json();
    for link in list["links"].as_array_mut().expect("a list") {
        link.as_object_mut().expect("a link").remove("clicks");
    }
    list
}
