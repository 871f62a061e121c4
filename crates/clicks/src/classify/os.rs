//! How operating systems are named in user agents.
//!
//! The order matters where one pretends to be another: Windows Phone says "like Android" and "like iPhone",
//! Android says Linux, and an iPhone is "like Mac OS X".

use super::tokens::Table;

/// Operating systems, the most particular first. Distributions
/// of Linux are one family, for Chrome never names them.
pub(super) const SYSTEMS: Table = &[
    ("Windows Phone", "Windows Phone, IEMobile, WPDesktop, ZuneWP7, Windows Mobile"),
    ("Windows CE", "Windows CE"),
    ("Xbox", "|Xbox"),
    ("PlayStation", "PlayStation"),
    ("Nintendo", "Nintendo"),
    ("HarmonyOS", "HarmonyOS, OpenHarmony, HongMeng"),
    ("KaiOS", "KAIOS"),
    ("Tizen", "|Tizen"),
    ("webOS", "Web0S, webOS, hpwOS"),
    ("Roku", "|Roku"),
    ("watchOS", "watchOS, Watch OS"),
    ("tvOS", "tvOS, AppleTV, Apple TV"),
    ("BlackBerry", "BlackBerry, |BB10|, PlayBook"),
    ("Symbian", "Symbian, Series60, Series 60, |S60"),
    ("Sailfish", "Sailfish"),
    ("MeeGo", "MeeGo"),
    ("Maemo", "Maemo"),
    ("Bada", "|Bada"),
    ("BREW", "|BREW"),
    ("iPadOS", "iPad"),
    ("iOS", "iPhone, |iPod, |iOS|"),
    // Browsers made for iOS while the rest says Macintosh: tablets that ask for the pages of desktops.
    ("iPadOS", "|CriOS/, |FxiOS/, |EdgiOS/"),
    ("Android", "Android, |Dalvik, |Adr|"),
    ("ChromeOS", "|CrOS"),
    ("Firefox OS", "(Mobile; rv:, (Tablet; rv:, (Mobile;"),
    ("Fuchsia", "Fuchsia"),
    ("Series 40", "Series40"),
    (
        "Windows",
        "|Windows, |Win64, |Win32, |Win16, |Win95, |Win98, |Win9x, |Win 9x, |Win 98, |Win XP, |WinNT, \
         |Win NT, win7, |Cygwin",
    ),
    ("macOS", "Mac OS X, Mac_OS_X, MacOS, Macintosh, Mac_PowerPC, Mac_PPC, PPC Mac, Mac OS, |OSX"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("NetBSD", "NetBSD"),
    ("DragonFly BSD", "DragonFly"),
    ("Solaris", "SunOS, Solaris"),
    (
        "Linux",
        "Linux, Ubuntu, Debian, Fedora, Gentoo, Slackware, Red Hat, |RedHat, |SUSE, CentOS, Mandriva, |X11",
    ),
    ("AIX", "|AIX|"),
    ("HP-UX", "HP-UX"),
    ("IRIX", "IRIX"),
    ("OS/2", "|OS/2"),
    ("AmigaOS", "Amiga"),
    ("RISC OS", "RISC OS"),
    ("BeOS", "|BeOS, |Haiku"),
    ("WebTV", "|WebTV"),
    ("Java ME", "J2ME, |MIDP"),
    ("macOS", "(i386), (x86_64), Macmini, MacBook, |iMac"),
    // Apple's network library: phones far more often than anything else, and it does not say.
    ("iOS", "|Darwin/, CFNetwork"),
];
