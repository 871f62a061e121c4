//! Redirects that are asked for at a steady pace, with what became of each.
//!
//! Latency counts from the time that a request was due, so that a stall shows in all the requests that it
//! delayed (Gil Tene, "How NOT to Measure Latency", 2013).

use super::http::Client;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A link that is asked for.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) location: String,
}

/// What became of a request.
#[derive(Clone, Copy)]
struct Sample {
    due: Instant,
    took: Duration,
    right: bool,
}

/// Clients that ask until they are stopped.
pub(crate) struct Load {
    ends: Arc<AtomicBool>,
    samples: Vec<Arc<Mutex<Vec<Sample>>>>,
    clients: Vec<JoinHandle<()>>,
}

/// What became of the requests of a time.
pub(crate) struct Outcome {
    pub(crate) asked: usize,
    /// No answer, or another one than the redirect.
    pub(crate) failed: usize,
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

impl Load {
    /// So many clients of each server, each with so many requests a second.
    pub(crate) fn start(servers: &[SocketAddr], links: &[Asked], clients: usize, per_second: u32) -> Load {
        let ends = Arc::new(AtomicBool::new(false));
        let mut load = Load { ends, samples: Vec::new(), clients: Vec::new() };
        for (number, &server) in
            servers.iter().flat_map(|server| std::iter::repeat_n(server, clients)).enumerate()
        {
            let samples = Arc::new(Mutex::new(Vec::new()));
            let (ends, links, kept) = (load.ends.clone(), links.to_vec(), samples.clone());
            load.samples.push(samples);
            let pace = Duration::from_secs(1) / per_second;
            load.clients.push(std::thread::spawn(move || ask(server, &links, number, pace, &kept, &ends)));
        }
        load
    }

    /// What became of the requests that were due in this time.
    pub(crate) fn between(&self, from: Instant, until: Instant) -> Outcome {
        let samples = self.samples.iter().flat_map(|samples| samples.lock().unwrap().clone());
        let samples: Vec<Sample> = samples.filter(|sample| (from..until).contains(&sample.due)).collect();
        let mut took: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
        took.sort_unstable();
        let at = |share: f64| took.get((took.len() as f64 * share) as usize).or(took.last()).copied();
        Outcome {
            asked: samples.len(),
            failed: samples.iter().filter(|sample| !sample.right).count(),
            p99: at(0.99).unwrap_or_default(),
            most: at(1.0).unwrap_or_default(),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

fn ask(
    server: SocketAddr,
    links: &[Asked],
    first: usize,
    pace: Duration,
    samples: &Mutex<Vec<Sample>>,
    ends: &AtomicBool,
) {
    let mut client = Client::try_connect(server).ok();
    let mut due = Instant::now();
    for link in links.iter().cycle().skip(first) {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        due += pace;
        // Requests are due at their times, however long answers take.
        curtail_servers::let_pass(due.saturating_duration_since(Instant::now()));
        let answer = match &mut client {
            Some(client) => client.try_request("GET", &link.path, &[], b"").ok(),
            None => None,
        };
        let right =
            answer.as_ref().is_some_and(|answer| answer.header("location") == Some(link.location.as_str()));
        if answer.is_none() {
            client = Client::try_connect(server).ok();
        }
        samples.lock().unwrap().push(Sample { due, took: due.elapsed(), right });
    }
}
