//! The one table of all settings: name, kind with its bounds, default, help.
//!
//! Reading, `curtail config` and the reference in `docs/operations.md` come from it, in this order.

use super::memory::default_cache_bytes;
use super::number::{DaysOrForEver, GIB, KIB, MIB, Number, Size, Threads, Time, Unit, size};
use super::parser::{Choice, List, Optional};
use super::reader::{Default, Reader};
use super::settings::{
    Api, Cache, Clicks, Codes, Geo, Limits, Links, Log, LogFormat, Redirect, Settings, Shutdown,
};
use super::text::{Address, AppScheme, BaseUrl, Block, Key, Page, Path};
use curtail_model::{Alphabet, CodeScheme};
use tracing::level_filters::LevelFilter;

/// What [`curtail_model::destination::APP_SCHEMES`] holds, as a test sees to.
const APP_SCHEMES: &str = "mailto,tel,sms,geo,market,itms-apps,intent,whatsapp,tg";

const LEVELS: Choice<LevelFilter> = Choice(&[
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
]);
const FORMATS: Choice<LogFormat> = Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
const SCHEMES: Choice<CodeScheme> =
    Choice(&[("permuted", CodeScheme::Permuted), ("sequential", CodeScheme::Sequential)]);
const ALPHABETS: Choice<Alphabet> =
    Choice(&[("base62", Alphabet::Base62), ("unambiguous", Alphabet::Unambiguous)]);

/// Reads every setting.
pub(crate) fn settings(read: &mut Reader) -> Settings {
    let settings = Settings {
        data: read.setting(
            "data",
            &Path,
            "./curtail-data",
            "Folder that holds everything. One server at a time uses it.",
        ),
        listen: read.setting("listen", &Address, "127.0.0.1:8080", "Where redirects and the API are served."),
        admin_listen: read.setting(
            "admin_listen",
            &Optional(Address),
            "127.0.0.1:8081",
            "Where `/metrics` is served. Keep it private.",
        ),
        base_url: read.setting(
            "base_url",
            &Optional(BaseUrl),
            "off",
            "Where visitors reach this server, for the short URLs it shows. If off: the host of each request.",
        ),
        admin_key: read.setting(
            "admin_key",
            &Optional(Key),
            "off",
            "An API key with all rights, for automation. Not taken from flags, which others can see.",
        ),
        threads: read.setting("threads", &Threads, "0", "Threads that serve requests."),
        trusted_proxies: read.setting(
            "trusted_proxies",
            &List(Block),
            "",
            "Proxies in front of this server. Only their `X-Forwarded-For` is believed.",
        ),
        cache: cache(read),
        codes: codes(read),
        links: links(read),
        redirect: redirect(read),
        api: api(read),
        limits: limits(read),
        clicks: clicks(read),
        geo: geo(read),
        log: log(read),
        shutdown: shutdown(read),
    };
    check_together(read, &settings);
    settings
}

fn cache(read: &mut Reader) -> Cache {
    let bytes = Default::Measured {
        words: "a quarter of memory (of a cgroup's, where one limits it), at most 1GiB",
        value: size(default_cache_bytes()),
    };
    Cache {
        bytes: read.setting(
            "cache.bytes",
            &Size(MIB, 1024 * GIB),
            bytes,
            "Memory for links that are asked for often.",
        ),
        ttl: read.setting(
            "cache.ttl_seconds",
            &Time(Unit::Seconds, 1, 86_400),
            "3600",
            "How long a link is remembered. Changes are seen at once whatever this is.",
        ),
        negative_ttl: read.setting(
            "cache.negative_ttl_seconds",
            &Time(Unit::Seconds, 1, 3_600),
            "30",
            "How long it is remembered that a code leads nowhere. A new link is seen at once whatever this is.",
        ),
    }
}

fn codes(read: &mut Reader) -> Codes {
    Codes {
        scheme: read.setting(
            "codes.scheme",
            &SCHEMES,
            "permuted",
            "Order of generated codes: one that nobody can guess, or counting up. Fixed by the first start.",
        ),
        alphabet: read.setting(
            "codes.alphabet",
            &ALPHABETS,
            "base62",
            "Characters of generated codes, all or those that do not look alike. Fixed by the first start.",
        ),
    }
}

fn links(read: &mut Reader) -> Links {
    Links {
        app_schemes: read.setting(
            "links.app_schemes",
            &List(AppScheme),
            APP_SCHEMES,
            "Schemes that destinations may have beside http and https.",
        ),
    }
}

fn redirect(read: &mut Reader) -> Redirect {
    Redirect {
        not_found_url: read.setting(
            "redirect.not_found_url",
            &Optional(Page),
            "off",
            "Where visitors go whose code leads nowhere. If off: a page of our own.",
        ),
    }
}

fn api(read: &mut Reader) -> Api {
    Api {
        body_bytes: read.setting(
            "api.body_bytes",
            &Size(KIB, 64 * MIB),
            "64KiB",
            "Largest body of a request, and largest line of a bulk request.",
        ),
        rate_per_second: read.setting(
            "api.rate_per_second",
            &Number(1, 10_000_000),
            "50000",
            "Requests that each key may make in a second.",
        ),
    }
}

fn limits(read: &mut Reader) -> Limits {
    Limits {
        connections: read.setting(
            "limits.connections",
            &Number(1, 10_000_000),
            "50000",
            "Connections at a time. What comes on top is closed at once.",
        ),
        header_timeout: read.setting(
            "limits.header_timeout_seconds",
            &Time(Unit::Seconds, 1, 600),
            "10",
            "How long the head of a request may take to arrive, and how long a client may take nothing of an answer.",
        ),
        body_timeout: read.setting(
            "limits.body_timeout_seconds",
            &Time(Unit::Seconds, 1, 3_600),
            "30",
            "How long the body of a request may take to arrive; for a bulk, how long it may pause.",
        ),
        idle_timeout: read.setting(
            "limits.idle_timeout_seconds",
            &Time(Unit::Seconds, 1, 3_600),
            "75",
            "How long a connection may wait for its next request.",
        ),
        header_bytes: read.setting(
            "limits.header_bytes",
            &Size(8 * KIB, MIB),
            "16KiB",
            "Largest head of a request.",
        ),
    }
}

fn clicks(read: &mut Reader) -> Clicks {
    Clicks {
        journal_bytes: read.setting(
            "clicks.journal_bytes",
            &Size(4 * MIB, 1024 * GIB),
            "2GiB",
            "Disk for clicks that are not counted yet. When it is full, clicks are dropped, and counted as dropped.",
        ),
        segment_bytes: read.setting(
            "clicks.segment_bytes",
            &Size(MIB, GIB),
            "16MiB",
            "Size of one file of the journal. Each thread needs two.",
        ),
        sync_interval: read.setting(
            "clicks.sync_milliseconds",
            &Time(Unit::Milliseconds, 1, 60_000),
            "200",
            "How often the journal is forced to disk: what a power failure can lose.",
        ),
        commit_interval: read.setting(
            "clicks.commit_milliseconds",
            &Time(Unit::Milliseconds, 10, 60_000),
            "250",
            "How often counted clicks are written to the stats.",
        ),
        minute_retention: read.setting(
            "clicks.minute_retention_hours",
            &Time(Unit::Hours, 1, 876_000),
            "48",
            "How long stats by the minute are kept.",
        ),
        hour_retention: read.setting(
            "clicks.hour_retention_days",
            &Time(Unit::Days, 1, 36_500),
            "90",
            "How long stats by the hour are kept.",
        ),
        day_retention: read.setting(
            "clicks.day_retention_days",
            &DaysOrForEver,
            "0",
            "How long stats by the day are kept.",
        ),
    }
}

fn geo(read: &mut Reader) -> Geo {
    Geo {
        path: read.setting(
            "geo.path",
            &Optional(Path),
            "off",
            "An MMDB file with countries and cities, for the places in the stats.",
        ),
    }
}

fn log(read: &mut Reader) -> Log {
    Log {
        level: read.setting("log.level", &LEVELS, "info", "The least that is logged."),
        format: read.setting("log.format", &FORMATS, "text", "Lines for people, or a JSON object a line."),
    }
}

fn shutdown(read: &mut Reader) -> Shutdown {
    Shutdown {
        grace: read.setting(
            "shutdown.grace_seconds",
            &Time(Unit::Seconds, 0, 3_600),
            "30",
            "How long requests under way may take when the server is told to stop.",
        ),
    }
}

/// What is right by itself may be wrong beside another setting.
fn check_together(read: &mut Reader, settings: &Settings) {
    if settings.listen.port() != 0 && settings.admin_listen == Some(settings.listen) {
        read.contradiction("admin_listen", "is the same as listen: give each its own port");
    }
    let clicks = &settings.clicks;
    let needed = 2 * settings.threads as u64 * clicks.segment_bytes;
    if clicks.journal_bytes < needed {
        let (threads, segment) = (settings.threads, size(clicks.segment_bytes));
        read.contradiction(
            "clicks.journal_bytes",
            format!(
                "must be at least {}: two segments of {segment} for each of {threads} threads",
                size(needed)
            ),
        );
    }
}
