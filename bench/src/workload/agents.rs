//! The headers that visitors send.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// How much a request says of its visitor.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Headers {
    /// `Host` alone, as `wrk` sends it.
    Bare,
    /// `Host`, one `User-Agent` and `Accept`.
    Plain,
    /// What browsers send, with many user agents, referrers and languages.
    Browser,
}

pub(super) const LANGUAGES: [&str; 8] = [
    "en-US,en;q=0.9",
    "de-DE,de;q=0.9,en;q=0.8",
    "fr-FR,fr;q=0.9",
    "es-ES,es;q=0.9,en;q=0.6",
    "pt-BR,pt;q=0.9",
    "ja,en-US;q=0.7",
    "hi-IN,hi;q=0.9,en;q=0.8",
    "zh-CN,zh;q=0.9",
];
pub(super) const REFERRERS: [&str; 9] = [
    "",
    "https://www.google.com/",
    "https://t.co/",
    "https://l.facebook.com/",
    "https://www.linkedin.com/feed/",
    "https://news.ycombinator.com/item?id=1",
    "android-app://com.slack/",
    "https://mail.example/inbox",
    "",
];

/// What follows the code in a request, for each kind of visitor.
pub(crate) fn tails(headers: Headers, agents: &[String], keep_alive: bool) -> Vec<Vec<u8>> {
    let start = " HTTP/1.1\r\nHost: localhost\r\n";
    let end = if keep_alive { "\r\n" } else { "Connection: close\r\n\r\n" };
    match headers {
        Headers::Bare => vec![format!("{start}{end}").into_bytes()],
        Headers::Plain => {
            vec![format!("{start}User-Agent: {}\r\nAccept: */*\r\n{end}", agents[0]).into_bytes()]
        }
        Headers::Browser => {
            let visitor = |(index, agent): (usize, &String)| {
                let referrer = match REFERRERS[index % REFERRERS.len()] {
                    "" => String::new(),
                    page => format!("Referer: {page}\r\n"),
                };
                let language = LANGUAGES[index % LANGUAGES.len()];
                format!(
                    "{start}User-Agent: {agent}\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
                     Accept-Encoding: gzip, deflate, br\r\nAccept-Language: {language}\r\n{referrer}\
                     Upgrade-Insecure-Requests: 1\r\n{end}"
                )
                .into_bytes()
            };
            agents.iter().enumerate().map(visitor).collect()
        }
    }
}

/// The user agents in a file, one on each line.
pub(crate) fn from_file(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_header_value =
        |line: &&str| !line.is_empty() && line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let agents: Vec<String> =
        text.lines().map(str::trim).filter(is_header_value).map(str::to_owned).collect();
    ensure!(!agents.is_empty(), "{} holds no user agents", path.display());
    Ok(agents)
}

/// Some 200 user agents, by the patterns that browsers, apps
/// and crawlers follow; the first is the most common one.
pub(crate) fn built_in() -> Vec<String> {
    let mut agents = Vec::new();
    desktops(&mut agents);
    phones(&mut agents);
    apps(&mut agents);
    programs(&mut agents);
    agents
}

fn desktops(agents: &mut Vec<String>) {
    let systems = [
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_15_7",
        "X11; Linux x86_64",
        "X11; CrOS x86_64 14541.0.0",
    ];
    for version in 128..138 {
        for system in systems {
            let chrome = format!(
                "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
            );
            if system.starts_with("Windows") {
                agents.push(format!("{chrome} Edg/{version}.0.0.0"));
                agents.push(format!("{chrome} OPR/{}.0.0.0", version - 14));
            }
            agents.push(chrome);
        }
        let safari = version - 112;
        agents.push(format!(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{safari}.1 Safari/605.1.15"
        ));
        for system in
            ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10.15", "X11; Ubuntu; Linux x86_64"]
        {
            agents.push(format!("Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"));
        }
    }
    // The third is Chrome on Windows: it comes first.
    agents.swap(0, 2);
}

fn phones(agents: &mut Vec<String>) {
    for (version, build) in
        [("16_7", "16.6"), ("17_4", "17.4"), ("17_6_1", "17.6"), ("18_1", "18.1"), ("18_5", "18.5")]
    {
        for device in ["iPhone; CPU iPhone OS", "iPad; CPU OS"] {
            let engine = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
            let start = format!("Mozilla/5.0 ({device} {version} like Mac OS X) {engine}");
            agents.push(format!("{start} Version/{build} Mobile/15E148 Safari/604.1"));
            agents.push(format!("{start} CriOS/137.0.7151.51 Mobile/15E148 Safari/604.1"));
        }
    }
    for model in [
        "K",
        "SM-S918B",
        "SM-A546B",
        "Pixel 7",
        "Pixel 9 Pro",
        "2201117TG",
        "M2101K6G",
        "CPH2387",
        "moto g(60)",
        "SM-X710",
    ] {
        for (android, chrome) in [(11, 126), (13, 131), (15, 137)] {
            let engine = "AppleWebKit/537.36 (KHTML, like Gecko)";
            let start = format!("Mozilla/5.0 (Linux; Android {android}; {model}) {engine}");
            agents.push(format!("{start} Chrome/{chrome}.0.0.0 Mobile Safari/537.36"));
            if model.starts_with("SM-") {
                agents
                    .push(format!("{start} SamsungBrowser/27.0 Chrome/{chrome}.0.0.0 Mobile Safari/537.36"));
            }
        }
    }
}

fn apps(agents: &mut Vec<String>) {
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148";
    for app in [
        "Instagram 382.0.0.24.85",
        "[FBAN/FBIOS;FBAV/514.0.0.39.98]",
        "LinkedInApp/9.30",
        "Twitter for iPhone/11.2",
        "GSA/371.0",
    ] {
        agents.push(format!("{phone} {app}"));
    }
}

fn programs(agents: &mut Vec<String>) {
    for (name, page) in [
        ("Googlebot/2.1", "http://www.google.com/bot.html"),
        ("bingbot/2.0", "http://www.bing.com/bingbot.htm"),
        ("YandexBot/3.0", "http://yandex.com/bots"),
        ("AhrefsBot/7.0", "http://ahrefs.com/robot/"),
        ("SemrushBot/7~bl", "http://www.semrush.com/bot.html"),
        ("GPTBot/1.2", "https://openai.com/gptbot"),
    ] {
        agents.push(format!("Mozilla/5.0 (compatible; {name}; +{page})"));
    }
    let plain = [
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Twitterbot/1.0",
        "WhatsApp/2.23.20.0 A",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "curl/8.5.0",
        "Wget/1.21.4",
        "python-requests/2.32.3",
        "Go-http-client/2.0",
        "okhttp/4.12.0",
        "axios/1.7.9",
        "PostmanRuntime/7.43.0",
    ];
    agents.extend(plain.map(str::to_owned));
}

#[cfg(test)]
mod tests {
    use super::{Headers, built_in, tails};
    use std::collections::HashSet;

    #[test]
    fn the_built_in_user_agents_are_many_and_different() {
        let agents = built_in();
        assert!(agents.len() >= 180, "{}", agents.len());
        assert_eq!(agents.iter().collect::<HashSet<_>>().len(), agents.len());
        assert!(agents[0].contains("Windows") && agents[0].ends_with("Safari/537.36"));
    }

    #[test]
    fn every_request_ends_its_headers_once_and_says_when_it_is_the_last() {
        for headers in [Headers::Bare, Headers::Plain, Headers::Browser] {
            for tail in tails(headers, &built_in(), false) {
                let text = String::from_utf8(tail).unwrap();
                assert_eq!(text.find("\r\n\r\n"), Some(text.len() - 4));
                assert!(text.contains("Connection: close\r\n"));
            }
        }
    }
}
