//! What user agents say: one real example of each family
//! that matters, and of each reason to call something a bot.

use curtail_clicks::classify::{Agent, agent};
use proptest::prelude::*;

const CHROME_ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
const CHROME_WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
const IPHONE: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const WEBVIEW: &str = "Mozilla/5.0 (Linux; Android 14; SM-S911B Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36";

fn person(user_agent: &str) -> (&'static str, &'static str, &'static str) {
    let Agent { browser, os, device, bot } = agent(user_agent);
    assert_eq!(bot, None, "{user_agent}");
    (browser, os, device)
}

fn bot(user_agent: &str) -> (&'static str, &'static str) {
    let found = agent(user_agent);
    assert_eq!(found.device, "bot", "{user_agent}");
    (found.bot.unwrap(), found.browser)
}

#[test]
fn browsers_of_desktops_are_told_apart() {
    let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15";
    assert_eq!(person(mac), ("Safari", "macOS", "desktop"));
    assert_eq!(person(CHROME_WINDOWS), ("Chrome", "Windows", "desktop"));
    let firefox = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";
    assert_eq!(person(firefox), ("Firefox", "Linux", "desktop"));
    let chromebook = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
    assert_eq!(person(chromebook), ("Chrome", "ChromeOS", "desktop"));
    for (product, browser) in [
        ("Edg/126.0.0.0", "Edge"),
        ("OPR/111.0.0.0", "Opera"),
        ("OPR/111.0.0.0 (Edition OPRGX)", "Opera GX"),
        ("Vivaldi/6.8", "Vivaldi"),
        ("Brave/1.67", "Brave"),
        ("YaBrowser/24.6.0.0 Yowser/2.5", "Yandex"),
        ("Whale/3.26.244.21", "Whale"),
        ("coc_coc_browser/125.0.152", "Coc Coc"),
        ("QQBrowser/12.5.5647.400", "QQ Browser"),
        ("UBrowser/7.0.185.1002", "UC Browser"),
        ("SLBrowser/9.0.5.12", "Lenovo Browser"),
        ("Avast/126.0.0.0", "Avast"),
        ("Iron/126.0", "Iron"),
        ("Slack/4.38.125", "Slack"),
        ("MicroMessenger/7.0.20.1781 WindowsWechat", "WeChat"),
    ] {
        assert_eq!(person(&format!("{CHROME_WINDOWS} {product}")), (browser, "Windows", "desktop"));
    }
    let chromium = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Ubuntu Chromium/61.0.3163.100 Chrome/61.0.3163.100 Safari/537.36";
    assert_eq!(person(chromium), ("Chromium", "Linux", "desktop"));
    let trident = "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; Tablet PC 2.0; rv:11.0) like Gecko";
    assert_eq!(person(trident), ("Internet Explorer", "Windows", "desktop"));
    let explorer = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; .NET CLR 1.1.4322)";
    assert_eq!(person(explorer), ("Internet Explorer", "Windows", "desktop"));
    let konqueror = "Mozilla/5.0 (compatible; Konqueror/3.5; Linux) KHTML/3.5.5 (like Gecko)";
    assert_eq!(person(konqueror), ("Konqueror", "Linux", "desktop"));
    let bsd = "Mozilla/5.0 (X11; FreeBSD amd64; rv:126.0) Gecko/20100101 Firefox/126.0";
    assert_eq!(person(bsd), ("Firefox", "FreeBSD", "desktop"));
}

#[test]
fn browsers_of_telephones_are_told_apart() {
    assert_eq!(person(CHROME_ANDROID), ("Chrome", "Android", "mobile"));
    assert_eq!(person(WEBVIEW), ("Android WebView", "Android", "mobile"));
    for (product, browser) in [
        ("EdgA/125.0.2535.85", "Edge"),
        ("OPR/82.0.4342.79", "Opera"),
        ("SamsungBrowser/25.0", "Samsung Internet"),
        ("UCBrowser/13.4.0.1306", "UC Browser"),
        ("XiaoMi/MiuiBrowser/14.14.0", "MIUI Browser"),
        ("HuaweiBrowser/14.0.5.302", "Huawei Browser"),
        ("HonorBrowser/4.0.0.1", "Honor Browser"),
        ("HeyTapBrowser/45.10.5.1", "HeyTap Browser"),
        ("VivoBrowser/13.7.0.1", "Vivo Browser"),
        ("baiduboxapp/13.58.0.10", "Baidu"),
        ("DuckDuckGo/5", "DuckDuckGo"),
        ("Ddg/15.5", "DuckDuckGo"),
        ("OPT/2.9", "Opera Touch"),
        ("AlohaBrowser/5.6.1", "Aloha"),
    ] {
        assert_eq!(person(&format!("{CHROME_ANDROID} {product}")), (browser, "Android", "mobile"));
    }
    for (product, browser) in [
        ("Version/17.5 Mobile/15E148 Safari/604.1", "Safari"),
        ("CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", "Chrome"),
        ("FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "Firefox"),
        ("Version/17.0 EdgiOS/125.0.2535.96 Mobile/15E148 Safari/605.1.15", "Edge"),
        ("OPiOS/16.0.15.124050 Mobile/15E148 Safari/9537.53", "Opera Mini"),
        ("GSA/321.0.642 Mobile/15E148 Safari/604.1", "Google"),
        ("Mobile/15E148", "App"),
    ] {
        assert_eq!(person(&format!("{IPHONE} {product}")), (browser, "iOS", "mobile"));
    }
    let firefox = "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0";
    assert_eq!(person(firefox), ("Firefox", "Android", "mobile"));
    let mini = "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16";
    assert_eq!(person(mini), ("Opera Mini", "Android", "mobile"));
    let lumia = "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063";
    assert_eq!(person(lumia), ("Edge", "Windows Phone", "mobile"));
    let kaios = "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5";
    assert_eq!(person(kaios).1, "KaiOS");
    let harmony = "Mozilla/5.0 (Phone; OpenHarmony 4.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile HuaweiBrowser/5.0.4.300";
    assert_eq!(person(harmony), ("Huawei Browser", "HarmonyOS", "mobile"));
    let blackberry = "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile Safari/537.10+";
    assert_eq!(person(blackberry), ("BlackBerry Browser", "BlackBerry", "mobile"));
}

#[test]
fn browsers_inside_apps_are_people() {
    for (product, browser) in [
        ("[FBAN/FBIOS;FBAV/467.0.0.38.108;FBBV/607612345;FBDV/iPhone15,2]", "Facebook"),
        ("[FBAN/MessengerForiOS;FBAV/460.0.0.28.109]", "Messenger"),
        ("Mobile/15E148 Instagram 334.0.0.42.95 (iPhone15,2; iOS 17_5_1; en_US)", "Instagram"),
        ("Mobile/15E148 [Pinterest/iOS]", "Pinterest"),
        ("Mobile/15E148 Twitter for iPhone/10.45", "X"),
        ("Mobile/15E148 Snapchat/12.93.0.45", "Snapchat"),
        ("Mobile/15E148 [LinkedInApp]/9.29.5962", "LinkedIn"),
        ("Mobile/15E148 musical_ly_34.9.0 BytedanceWebview/d8a21c6", "TikTok"),
        ("Mobile/15E148 MicroMessenger/8.0.49 NetType/WIFI", "WeChat"),
        ("Mobile/15E148 Safari Line/14.9.0", "LINE"),
        ("Mobile/15E148 KAKAOTALK 10.8.5", "KakaoTalk"),
        ("Mobile/15E148 Barcelona 334.0.0.42.95", "Threads"),
        ("Mobile/15E148 WhatsApp/24.12.78", "WhatsApp"),
    ] {
        assert_eq!(person(&format!("{IPHONE} {product}")), (browser, "iOS", "mobile"));
    }
    assert_eq!(
        person(&format!("{WEBVIEW} [FB_IAB/FB4A;FBAV/467.1.0.52.83;]")),
        ("Facebook", "Android", "mobile")
    );
    assert_eq!(
        person(&format!("{WEBVIEW} [FB_IAB/Orca-Android;FBAV/459.0;]")),
        ("Messenger", "Android", "mobile")
    );
    assert_eq!(person(&format!("{WEBVIEW} Telegram-Android/10.14.2 (Samsung SM-S911B)")).0, "Telegram");
}

#[test]
fn apps_that_are_no_browsers_are_people_too() {
    assert_eq!(person("Luminary/70 CFNetwork/978.0.7 Darwin/18.5.0"), ("Luminary", "iOS", "mobile"));
    assert_eq!(person("Luminary/1.0"), ("Luminary", "unknown", "unknown"));
    assert_eq!(person("MyShop/4.2 CFNetwork/1410.0.3 Darwin/22.6.0"), ("App", "iOS", "mobile"));
    assert_eq!(person("Notes/4.2 Darwin/9.7.0 (i386) (Macmini2,1)"), ("App", "macOS", "desktop"));
    let translated = "SonyEricssonT610/R101 Profile/MIDP-1.0 Configuration/CLDC-1.0 (Google WAP Proxy/1.0)";
    assert_eq!(person(translated), ("App", "Java ME", "mobile"));
    let reader = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9) AppleWebKit/537.71 (KHTML, like Gecko) Version/7.0 Safari/537.71 (www.example.com)";
    assert_eq!(person(reader), ("Safari", "macOS", "desktop"));
    assert_eq!(
        person("Dalvik/2.1.0 (Linux; U; Android 9; SM-G960F Build/PPR1)"),
        ("App", "Android", "mobile")
    );
    assert_eq!(
        person("com.shop.android/7.3 (Android 13; Pixel 7) okhttp/4.10.0"),
        ("App", "Android", "mobile")
    );
}

#[test]
fn devices_that_are_neither_desk_nor_telephone_are_known() {
    for (user_agent, expected) in [
        (
            "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            ("Safari", "iPadOS", "tablet"),
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126 Version/11.1.1 Safari/605.1.15",
            ("Chrome", "iPadOS", "tablet"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X900) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            ("Chrome", "Android", "tablet"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            ("Chrome", "Android", "tablet"),
        ),
        (
            "Mozilla/5.0 (Linux; U; en-us; KFTT Build/IML74K) AppleWebKit/535.19 (KHTML, like Gecko) Silk/2.0 Safari/535.19 Silk-Accelerated=false",
            ("Silk", "Linux", "tablet"),
        ),
        (
            "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36",
            ("Tizen Browser", "Tizen", "tv"),
        ),
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/87.0.4280.88 Safari/537.36",
            ("webOS Browser", "webOS", "tv"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 9; AFTMM) AppleWebKit/537.36 (KHTML, like Gecko) Silk/126.1.1 like Chrome/126.0.0.0 Safari/537.36",
            ("Silk", "Android", "tv"),
        ),
        ("Roku/DVP-9.10 (519.10E04111A)", ("Roku", "Roku", "tv")),
        (
            "Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15",
            ("PlayStation Browser", "PlayStation", "console"),
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/48.0.2564.82 Safari/537.36 Edge/20.02",
            ("Edge", "Xbox", "console"),
        ),
        (
            "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0.2.21.3 NintendoBrowser/5.1.0.22474",
            ("Nintendo Browser", "Nintendo", "console"),
        ),
        (
            "atc/1.0 watchOS/5.2 model/Watch4,4 hwp/t8006 build/16T225 (6; dt:193)",
            ("App", "watchOS", "wearable"),
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; Quest 3) AppleWebKit/537.36 (KHTML, like Gecko) OculusBrowser/36.6.0.9.50 Chrome/130.0.6723.191 VR Safari/537.36",
            ("Meta Quest Browser", "Linux", "wearable"),
        ),
        (
            "Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 (KHTML, like Gecko) Chromium/79.0.3945.130 Chrome/79.0.3945.130 Safari/537.36 Tesla/2020.16",
            ("Chromium", "Linux", "car"),
        ),
    ] {
        assert_eq!(person(user_agent), expected, "{user_agent}");
    }
}

#[test]
fn telephones_called_bot_are_telephones() {
    let cubot = "Mozilla/5.0 (Linux; Android 10; CUBOT_NOTE_20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
    assert_eq!(person(cubot), ("Chrome", "Android", "mobile"));
    let crawler = format!("{cubot} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)");
    assert_eq!(bot(&crawler), ("search engine", "Googlebot"));
}

#[test]
fn bots_have_a_reason_that_people_understand() {
    for (user_agent, expected) in [
        ("", ("no user agent", "Other bot")),
        (" - ", ("no user agent", "Other bot")),
        (
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            ("link preview", "facebookexternalhit"),
        ),
        ("WhatsApp/2.23.20.0 A", ("link preview", "WhatsApp")),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", ("link preview", "Slackbot")),
        ("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", ("link preview", "Discordbot")),
        ("TelegramBot (like TwitterBot)", ("link preview", "TelegramBot")),
        (
            "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
            ("link preview", "SkypeUriPreview"),
        ),
        ("ClickUpLinkUnfurler/1.0 (+https://clickup.com)", ("link preview", "Other bot")),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            ("ai", "GPTBot"),
        ),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
            ("ai", "ClaudeBot"),
        ),
        ("Mozilla/5.0 (compatible; MSIE 6.0; Proofpoint URL Defense)", ("email scanner", "Proofpoint")),
        ("AdsBot-Google (+http://www.google.com/adsbot.html)", ("advertising", "AdsBot-Google")),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            ("search engine", "Googlebot"),
        ),
        (
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            ("search engine", "bingbot"),
        ),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", ("seo", "AhrefsBot")),
        (
            "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
            ("monitor", "UptimeRobot"),
        ),
        ("EvoUptimeBot/1.0", ("monitor", "Other bot")),
        (
            "Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)",
            ("feed reader", "Feedly"),
        ),
        ("Mozilla/5.00 (Nikto/2.1.5) (Evasions:None) (Test:Port Check)", ("scanner", "Nikto")),
        ("DNSTestScanner", ("scanner", "Other bot")),
        (
            "Mozilla/5.0 (compatible; archive.org_bot +http://www.archive.org/details/archive.org_bot)",
            ("archiver", "archive.org_bot"),
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
            ("headless browser", "HeadlessChrome"),
        ),
        ("curl/8.5.0", ("library or tool", "curl")),
        ("Wget/1.21.4", ("library or tool", "Wget")),
        ("python-requests/2.31.0", ("library or tool", "python-requests")),
        ("Go-http-client/2.0", ("library or tool", "Go-http-client")),
        ("okhttp/4.12.0", ("library or tool", "okhttp")),
        ("Java/17.0.6", ("library or tool", "Java")),
        ("axios/1.7.2", ("library or tool", "axios")),
        ("HelloworkJobPostingBot/1.0", ("crawler", "Other bot")),
        ("Mozilla/5.0 (compatible; Cute/1.0; https://example.org)", ("crawler", "Other bot")),
        ("$%/1.0 (someone@example.org)", ("crawler", "Other bot")),
    ] {
        assert_eq!(bot(user_agent), expected, "{user_agent}");
    }
}

#[test]
fn a_user_agent_beyond_the_limit_is_read_up_to_it() {
    let mut long = format!("{CHROME_WINDOWS} {}", "é".repeat(4000));
    assert_eq!(person(&long), ("Chrome", "Windows", "desktop"));
    long.push_str(" Googlebot");
    assert_eq!(person(&long), ("Chrome", "Windows", "desktop"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_all_names_are_short(text in ".{0,300}|(bot|crawl|Mozilla/5.0 \\(|compatible;|\u{0}|é| ){0,400}") {
        let Agent { browser, os, device, bot } = agent(&text);
        for name in [browser, os, device, bot.unwrap_or("-")] {
            prop_assert!((1..=48).contains(&name.len()) && !name.chars().any(char::is_control));
        }
    }
}
