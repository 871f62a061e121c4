//! How programs name themselves that follow links for nobody, and what for.
//!
//! A bot in [`KNOWN`] is shown under the name that stands here. [`SIGNS`] catch those that nobody listed:
//! honest programs say what they are or where to complain about them. [`WEAK_SIGNS`] also occur in the user
//! agents of people, and count only where no browser and no app is recognised.

use super::tokens::Table;

/// Not a sign of a bot: phones whose model name contains "bot".
pub(super) const INNOCENT: &str = "";

/// The reason of a click that says nothing about who made it.
pub(super) const NO_USER_AGENT: &str = "no user agent";

/// Why programs look at what somebody posted or sent, before anybody follows it.
pub(super) const LOOKS_AHEAD: [&str; 2] = [LINK_PREVIEW, EMAIL_SCANNER];
const LINK_PREVIEW: &str = "link preview";
const EMAIL_SCANNER: &str = "email scanner";

/// Bots by name, grouped by what they do.
pub(super) const KNOWN: Table = &[
    // What fetches a page once, to show a small picture of it beside a link that somebody posted.
    (
        LINK_PREVIEW,
        "facebookexternalhit, facebookcatalog, Meta-ExternalHit, meta-externalfetcher, FacebookBot, \
         TelegramBot, Twitterbot, Slackbot, Slack-ImgProxy, Discordbot, ^WhatsApp/, LinkedInBot, \
         SkypeUriPreview, ms-office, Pinterestbot, ^Pinterest/0., redditbot, vkShare, Viber$, Iframely, \
         Embedly, BingPreview, Google Web Preview, developers.google.com/+/web/snippet, GooglePlusBot, \
         Google-PageRenderer, Mastodon/, Friendica, Misskey/, Pleroma, SummalyBot, bitlybot, BW/1.1, \
         Bluesky Cardyb, bluesky-domain, KeybaseBot, MetaURI, HatenaBookmark, Hatena-Favicon, PagePeeker, \
         Quora-Bot, kakaotalk-scrap, ^Notion/, ^Asana/, atlassian-bot, workona-favicon-service, \
         Swisscows Favicons, imgproxy/, Tweakers Image Proxy, Citoid, OpenGraphCheck, OgScrper, Nuzzel, \
         Snacktory, ShortLinkTranslate, Scoop.it, ^Grammarly/, Rivva",
    ),
    // What fetches pages to teach or feed a language model, or on the word of one.
    (
        "ai",
        "GPTBot, ChatGPT-User, ChatGPT-Browser, OAI-SearchBot, ClaudeBot, Claude-Web, Claude-User, \
         Claude-SearchBot, anthropic-ai, PerplexityBot, Perplexity-User, PerplexityUser, Google-Extended, \
         Google-CloudVertexBot, Google-Agent, Gemini-Deep-Research, Google-NotebookLM, CCBot, Bytespider, \
         TikTokSpider, meta-externalagent, Amazonbot, Applebot-Extended, cohere-ai, cohere-training, AI2Bot, \
         Diffbot, DuckAssistBot, MistralAI-User, YouBot, Timpibot, ImagesiftBot, omgili, webzio, PanguBot, \
         PetalBot, ChatGLM-Spider, DeepSeekBot, Kangaroo Bot, KangarooBot, laion-, FirecrawlAgent, crawl4ai, \
         Devin/, Manus-User, NovaAct, Anchor Browser, Cloudflare-AutoRAG, AzureAI-SearchBot, LinkupBot, \
         TextRazor, Cotoyogi, Scrunchbot, TwinAgent, Anomura, Odin;, (compatible; AI)",
    ),
    // What looks for mail that does harm, before its reader can click.
    (
        EMAIL_SCANNER,
        "Proofpoint, Barracuda, Mimecast, SafeLinks, MicrosoftPreview, BitSightBot, SmarshBot, \
         GoogleImageProxy, YahooMailProxy, FastmailUA, Trend Micro, TrendMicro, SquidClamAV, Sophos, McAfee",
    ),
    (
        "advertising",
        "AdsBot-Google, Mediapartners-Google, adidxbot, Google-Adwords, Google-Ads-, meta-externalads, \
         GrapeshotCrawler, peer39_crawler, proximic, |IAS crawler, integralads, Pixalate, adbeat_bot, \
         AdvBot, moatbot, PulsePoint, AudigentAdBot, Scope3/, ^Verity/, BrandVerity, Eyeotabot, BomboraBot, \
         Criteo, GumGum, Impact.com Agent, NetShelter ContentScan, AddThis.com, YandexDirect, \
         YaDirectFetcher, YandexMetrika, MediavineMetadataParser",
    ),
    (
        "search engine",
        "Googlebot, GoogleOther, Storebot-Google, Google-InspectionTool, Google-Structured-Data, \
         Google-Safety, GoogleAssociationService, Google-Trust-Services, Google Trust Services, \
         Google-Read-Aloud, PlayStore-Google, google-xrawler, gsa-crawler, bingbot, msnbot, librabot, \
         Applebot, DuckDuckBot, DuckDuckGo-Favicons-Bot, YandexBot, YandexImages, YandexMobileBot, \
         YandexVideo, YandexNews, YandexBlogs, YandexMarket, YandexCalendar, YandexSitelinks, YandexVertis, \
         YandexTracker, YandexOntoDB, YandexRCA, YandexSearchShop, YandexScreenshotBot, yandex.com/bots, \
         Baiduspider, BaiduMobaider, Sogou Spider, Sogou web spider, Sogou News Spider, 360Spider, \
         YisouSpider, Sosospider, YoudaoBot, |Yeti/, NaverBot, Daumoa, SeznamBot, MojeekBot, \
         Qwantify, Qwantbot, coccocbot, help.coccoc, ^coccoc, PetalSearch, AspiegelBot, ia_archiver, Exabot, \
         Yahoo! Slurp, Slurp, Ask Jeeves, blekkobot, Gigabot, GigablastOpenSource, yacybot, ichiro, \
         findlinks, search.marginalia.nu, ScoutJet, IlTrovatore, altavista, ^Scooter, FAST-WebCrawler, \
         StackRambler, Wotbox, DataparkSearch, htdig, MnoGoSearch, Linespider, Cliqzbot, Neevabot, \
         Mail.RU_Bot, Steeler/, ObjectsSearch, boitho.com, YahooSeeker, Yahoo-MMCrawler, Riddler, \
         Searcherweb, netEstate, Metager2, ZyBorg, semanticdiscovery, Charlotte/, |Zao/, ^Owler",
    ),
    (
        "seo",
        "AhrefsBot, AhrefsSiteAudit, SemrushBot, SiteAuditBot, MJ12bot, DotBot, rogerbot, BLEXBot, \
         DataForSeoBot, serpstatbot, SERankingBacklinksBot, spbot, Screaming Frog, SISTRIX, linkdexbot, \
         Barkrowler, Lipperhey, seoscanners, XoviOnpage, botify, SEOkicks, woorankreview, SearchAtlas, \
         alphaseobot, hypestat, ^008/, SiteExplorer, LinkpadBot, Attracta, wmtips.com, SMTBot, Dragonbot, \
         XML Sitemaps Generator, Siteimprove, LinkTiger, brokenlinkcheck, deadlinkchecker, Xenu, \
         W3C-checklink, LinkWalker, Linkman, Sindup, Text_to_Code_Ratio",
    ),
    (
        "monitor",
        "UptimeRobot, Pingdom, StatusCake, Uptime-Kuma, BetterUptime, Better Uptime, NewRelic, Datadog, \
         Site24x7, Catchpoint, GomezAgent, RuxitSynthetic, ThousandEyes, Checkly, Ghost Inspector, \
         updown.io, NodePing, HostTracker, CheckHost, check-host.net, check_http, Nagios, Zabbix, \
         Blackbox Exporter, Blackbox-Exporter, PRTG, Dotcom-Monitor, WatchMouse, monitis, uptrends, Uptimia, \
         Poduptime, OhDear, Hydrozen, cron-job.org, EasyCron, Cronless, websitepulse, ServerDensity, \
         Server Density, solarwinds, Rackspace Monitoring, kube-probe, ELB-HealthChecker, GoogleHC/, \
         Cloudflare-Healthchecks, CloudFlare-AlwaysOnline, Cloudflare-SpeedTest, GTmetrix, PTST/, \
         WebPageTest, Chrome-Lighthouse, DareBoost, Yottaa, MonSpark, BinaryCanary, wheresitup, elmah, \
         Sucuri Integrity, FreshpingBot, Splunk, ManageWP, WPMU DEV, \
         AccessStatus, Criticalcss, Nitro-Optimizer, UrlMonitor, AppInsights, Readable/, BTWebClient, \
         WP Time Capsule, statuspage, HetrixTools, Hyperspin, SiteUptime, ping-service",
    ),
    (
        "feed reader",
        "Feedly, Feedfetcher, Feedbin, Bloglines, Blogtrottr, NewsBlur, Inoreader, The Old Reader, \
         theoldreader, Tiny Tiny RSS, FreshRSS, Miniflux, CommaFeed, BazQux, SimplePie, ^Fever/, \
         NextCloud-News, FlipboardProxy, FlipboardRSS, Protopage, Netvibes, NewsGator, Bloglovin, Podimo/, \
         Podchaser, Pocket Casts Feed, PocketParser, RSS.Social, Buttondown, Page2RSS, feeder.co, \
         currentreader, Superfeedr, Akregator, BlogBridge, Liferea, Universal Feed Parser, \
         UniversalFeedParser, FeedDemon, PostRank, upday/, Feedspot, Postpost, PubSubHubbub",
    ),
    (
        "scanner",
        "Nikto, sqlmap, masscan, zgrab, Nmap, Nessus, OpenVAS, acunetix, WPScan, DirBuster, gobuster, \
         Nuclei, CensysInspect, Censys, ^Expanse, InternetMeasurement, NetcraftSurveyAgent, LeakIX, \
         l9explore, ltx71, visionheight, Shodan, binaryedge, Qualys, Hardenize, DNSScanner, ips-agent, \
         TLSProber, WhatWeb, Comodo-Webinspector, bitdiscovery, NetSystemsResearch, gdnplus, ipip.net, \
         abuse.xmco, probely, Artemis; CERT, onlyscans, researchscan, tchelebi, Cloudflare-Radar, \
         CloudflareRadar, cloudflare-csup, virustotal, ProjectShield, alienfarm, PathDefender, binlar, \
         csirt.cz, ^ds9, fuzz faster, ffuf, Arachni, w3af, Detectify, Havij, urlscan, JAEGER_SECURITY, \
         Let's Encrypt validation",
    ),
    (
        "archiver",
        "archive.org_bot, special_archiver, heritrix, ArchiveTeam, Archive-It, ArchiveBot, Wayback, \
         europarchive, Arquivo, bnf.fr_bot, BnFBot, mirrorweb, loc.gov, webarchiv, HTTrack, WebZIP, \
         WebCopier, WebStripper, Teleport Pro, Collapsify, bl.uk_lddc, Archive-Compliance, InternetArchive, \
         archive.bibalex",
    ),
    (
        "headless browser",
        "HeadlessChrome, HeadlessEdg, HeadlessShell, PhantomJS, SlimerJS, Puppeteer, Playwright, Selenium, \
         WebDriver, Cypress/, |Splash|, CasperJS, HtmlUnit, jsdom, happy-dom, Zombie.js, Electron/Nightmare, \
         Camoufox, Miniature.io, ZooShot",
    ),
    (
        "library or tool",
        "^curl, libcurl, PycURL, PHP-Curl, ^Wget, python-requests, Python-urllib, aiohttp, python-httpx, \
         ^Python/, Scrapy, urlgrabber, ^requests/, Go-http-client, ^Go http package, go-resty, GuzzleHttp, \
         ^Guzzle, ^PHP, ^WordPress/, WordPress.com, ^Java, Apache-HttpClient, Jakarta Commons, \
         Commons-HttpClient, ^okhttp/, ^AHC/, AsyncHttpClient, Google-HTTP-Java-Client, ReactorNetty, \
         ^Vert.x, unirest, ^axios/, node-fetch, ^node, ^undici, ^got|, sindresorhus/got, superagent, ^Deno/, \
         ^Bun/, PostmanRuntime, insomnia/, HTTPie, ^xh/, ^reqwest, ^hyper/, ^ureq, ^Rust, libwww-perl, ^lwp, \
         LWP::Simple, WWW-Mechanize, AnyEvent-HTTP, ^Perl, ^Ruby, Faraday, Typhoeus, rest-client/, \
         Mechanize, aws-sdk, aws-cli, ^Boto, minio-go, ^MinIO, rusoto, rclone, Cyberduck, ^S3 Browser, \
         Microsoft-CryptoAPI, WinHTTP, Windows-Update-Agent, Microsoft URL Control, Indy Library, ^Snoopy, \
         ^fetch, http_get, Pcore-HTTP, AppEngine-Google, Google-Apps-Script, GetRight, FlashGet, ^aria2, \
         ^Axel, ^lftp, FreshDownload, RealDownload, BuyGet, Go-Ahead-Got-It, ^Download, libfetch, wpull, \
         newspaper/, W3C_, W3C-mobileOK, Validator, ^Zendesk, Shopify-Captain-Hook, Cloudflare-Stream, \
         ^Stripe/, PayPal IPN, SendGrid, SFDC-Callout, Salesforce.com, ^IFTTT, ^Make/, HubSpot, ^Klaviyo, \
         Mollie HTTP, WJHRO, Metorik, ShopwareClient, ibm-cos-sdk, Apache-CXF, Hadoop, ElasticMapReduce, \
         CustomAsync, ^NetAPI, Supabase, allOrigins, Bling ERP, BlingERP, SparkShipping, YokoyGroup, \
         PWABuilder, ShortPixel, remove.bg, ^Hello World, Unshorten",
    ),
    (
        "crawler",
        "Turnitin, Safeassign, Brandwatch, Meltwater, MuckRack, Sysomos, Mediatoolkit, ^Determ$, Moreover, \
         Twingly, linkfluence, infegy, ^Buck/, Twurly, A6-Indexer, TinEye, Domains Project, MaCoCu, CLASSLA, \
         SpiderLing, BUbiNG, grub-client, grubclient, Vagabondo, larbin, NutchCVS, Nutch, ^holmes, \
         ^voyager/, WebThumb, CapitalOneShopping, ZoomInfo, OneTrust, Termly, LegalMonster, certytags, \
         CookieHub, cookie-maestro, DrataAutopilot, SQWatcher, Dark Visitor, Known Agents, TestURI, \
         Fedineko, fedistats, FediDB, FediList, TerraCotta, reward-gateway, Potions/, magicsearchdev, \
         crusty/, Bushbaby, GIFTEDVISITOR, tracemyfile, passremind, Webflow, Web Measure, Screen Service, \
         GeedoShop, GeedoProduct, PS_Daily, Feed Image Audit, Goodreads, AllAfrica, ^Silk/1.0, \
         www.integromedb, StreamScraper, sitesearch.ca, Genieo, Pompos, Popdexter, DomainCrawler, \
         ICC-Crawler, webcollage, Denodo, NewsNow, ubermetrics, Rival IQ",
    ),
];

/// What gives an unlisted bot away. The first line says what is none, before the general word is looked at.
pub(super) const SIGNS: Table = &[
    (INNOCENT, "|CUBOT, Robotics"),
    ("headless browser", "headless"),
    ("link preview", "unfurl, linkpreview, link-preview, link preview, ImgProxy, favicon"),
    (
        "monitor",
        "uptime, synthetic, healthcheck, health check, monitoring, |monitor|, -Monitor/, statuscheck",
    ),
    ("feed reader", "feedparser, feed parser, rss reader, rssbot, |rss|"),
    ("scanner", "scanner, |scan|, vulnerab, pentest"),
    ("archiver", "archiver, archiving"),
    ("seo", "linkcheck, link check, linkchk, |seo|, backlink"),
    ("library or tool", "httpclient, http-client, http client, webhook, |webclient"),
    (
        "crawler",
        "bot|, |bots|, robot, crawl, spider, |scrap, scraper, scraping, harvest, fetcher, \
         indexer, screenshot, |agent), HttpAgent, +http, Gecko; compatible;, Gecko); compatible;, \
         (compatible; +",
    ),
];

/// Signs that count only where nothing else is recognised.
pub(super) const WEAK_SIGNS: Table = &[
    (
        INNOCENT,
        "translate.google, Version/, WAP Proxy, CHTML Proxy, AmigaOS, RISC OS, CFNetwork, |Darwin/, Dalvik, \
         okhttp, |iOS, Android, iPhone, iPad, Alamofire",
    ),
    ("feed reader", "feed, rss"),
    ("monitor", "monitor, health, |ping"),
    ("library or tool", "|libwww, |library, client/, -http/, |sdk, |api|, |php, |cli/"),
    (
        "crawler",
        "http:, https:, www., @, compatible;, (compatible), search, |fetch, check, scaper, .com, .io/, \
         proxy",
    ),
];

/// The name to show for a listed token: without what only makes it more certain.
pub(super) fn shown(token: &str) -> &str {
    token.trim_matches(|letter: char| !letter.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::super::agent::{Agent, agent};
    use super::*;

    /// A user agent with one token in it, of a program that nothing else is known about.
    fn with(token: &str) -> String {
        let word = token.trim_matches(['^', '|', '$']);
        match (token.starts_with('^'), token.ends_with('$')) {
            (true, _) | (_, true) => word.to_owned(),
            _ => format!("Mozilla/5.0 {word} 1"),
        }
    }

    #[test]
    fn every_listed_bot_can_be_found_and_is_shown_under_its_name() {
        let mut hidden = Vec::new();
        for (reason, tokens) in KNOWN {
            for token in tokens.split(", ") {
                let Agent { browser, bot, device, .. } = agent(&with(token));
                if (bot, browser, device)
                    != (Some(*reason), shown(&token.replace(['^', '|', '$'], "")), "bot")
                {
                    hidden.push((token, bot, browser));
                }
            }
        }
        assert_eq!(hidden, []);
    }

    #[test]
    fn every_sign_can_be_found() {
        let mut hidden = Vec::new();
        for (reason, tokens) in SIGNS.iter().chain(WEAK_SIGNS) {
            for token in tokens.split(", ") {
                let bot = agent(&with(token)).bot;
                if bot != Some(*reason).filter(|reason| *reason != INNOCENT) {
                    hidden.push((token, bot));
                }
            }
        }
        assert_eq!(hidden, []);
    }
}
