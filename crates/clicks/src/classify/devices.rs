//! What gives a kind of device away.

use super::tokens::Table;

/// Kinds of devices, the surest first. What is not found here follows from the operating system.
pub(super) const DEVICES: Table = &[
    ("car", "QtCarBrowser, |Tesla/, CarPlay, Android Auto, AndroidAutomotive"),
    ("wearable", "watchOS, Watch OS, Apple Watch, AppleWatch, Wear OS, WearOS, OculusBrowser, |Quest|"),
    (
        "tv",
        "SmartTV, SMART-TV, Smart TV, HbbTV, AppleTV, Apple TV, tvOS, GoogleTV, Google TV, Android TV, \
         AndroidTV, BRAVIA, |Roku, |CrKey, |AFTA, |AFTB, |AFTE, |AFTG, |AFTH, |AFTK, |AFTL, |AFTM, |AFTN, \
         |AFTP, |AFTR, |AFTS, |AFTT, |AFTW, NetCast, Web0S, Opera TV, |OMI/, VIERA, |WebTV, BrightSign, \
         |TV Safari, |TV|",
    ),
    ("console", "PlayStation, |Xbox, Nintendo, Steam Deck"),
    // Windows has named its pen support "Tablet PC" since 2001, on machines of every kind.
    ("desktop", "Tablet PC"),
    (
        "tablet",
        "iPad, Tablet, PlayBook, Kindle, |KFTT, |KFOT, |KFAP, |KFSO, |KFTH, |KFMU, |KFTR, |KFON, |KFSU, \
         |KFGI, Nexus 7, Nexus 9, Nexus 10, |SM-T, |SM-X, |GT-P, |SM-P, |Xoom, TouchPad, MediaPad, MatePad, \
         Pixel C|, Lenovo TB, Lenovo Tab",
    ),
    (
        "mobile",
        "Mobile, |Mobi, iPhone, |iPod, Windows Phone, |Phone, BlackBerry, |BB10|, Opera Mini, OPiOS, \
         Symbian, Series60, Series40, |S60, J2ME, |MIDP, UP.Browser, UP.Link, |Nokia, SonyEricsson, DoCoMo, \
         |KDDI, Windows CE, IEMobile, KAIOS, |BREW, |SIE-, |SAMSUNG-, |SEC-, |MOT-, |LG-, |LGE-, |SAGEM, \
         |SHARP-, |PHILIPS, |Alcatel, |Panasonic-, |Ericsson, |Pantech, |HTC_",
    ),
];

/// The kind of device that runs an operating system, where nothing else is said.
pub(super) fn of_system(system: &str) -> &'static str {
    match system {
        "iOS" | "Android" | "HarmonyOS" | "KaiOS" | "Firefox OS" | "Windows Phone" | "Windows CE"
        | "BlackBerry" | "Symbian" | "Sailfish" | "MeeGo" | "Maemo" | "Bada" | "BREW" | "Series 40"
        | "Java ME" => "mobile",
        "iPadOS" => "tablet",
        "tvOS" | "webOS" | "Tizen" | "Roku" | "WebTV" => "tv",
        "watchOS" => "wearable",
        "Xbox" | "PlayStation" | "Nintendo" => "console",
        super::agent::UNKNOWN => super::agent::UNKNOWN,
        _ => "desktop",
    }
}
