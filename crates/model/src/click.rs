//! What a click is counted under.

/// Who or what asked: every click has exactly one class, and none is dropped for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClickClass {
    /// A person, as far as can be told.
    Human,
    /// A program that says so or is known: search engines, link unfurlers, monitors, command-line tools.
    Bot,
    /// A browser that loads ahead of a click that may never come.
    Prefetch,
    /// A `HEAD` request: somebody checks the link without following it.
    Head,
}

impl ClickClass {
    /// All classes, in the order of their numbers on disk.
    pub const ALL: [ClickClass; 4] =
        [ClickClass::Human, ClickClass::Bot, ClickClass::Prefetch, ClickClass::Head];

    /// The name that the API and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            ClickClass::Human => "human",
            ClickClass::Bot => "bot",
            ClickClass::Prefetch => "prefetch",
            ClickClass::Head => "head",
        }
    }

    /// The class with this name.
    pub fn from_name(name: &str) -> Option<ClickClass> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// What clicks can be grouped by, beside their class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// ISO 3166-1 code of the country, from the geo database.
    Country,
    /// City, region and country, from the geo database.
    City,
    /// Host of the page that held the link.
    Referrer,
    /// `utm_source` (or `ref`, `source`) in the query of the short link.
    Source,
    /// `utm_medium`.
    Medium,
    /// `utm_campaign`.
    Campaign,
    /// Family of the browser.
    Browser,
    /// Family of the operating system.
    Os,
    /// Kind of device: desktop, mobile, tablet, ...
    Device,
    /// Language that the visitor prefers.
    Language,
    /// Why a click has the class it has.
    Reason,
}

impl Dimension {
    /// All dimensions, in the order of their numbers on disk.
    pub const ALL: [Dimension; 11] = [
        Dimension::Country,
        Dimension::City,
        Dimension::Referrer,
        Dimension::Source,
        Dimension::Medium,
        Dimension::Campaign,
        Dimension::Browser,
        Dimension::Os,
        Dimension::Device,
        Dimension::Language,
        Dimension::Reason,
    ];

    /// The name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dimension::Country => "country",
            Dimension::City => "city",
            Dimension::Referrer => "referrer",
            Dimension::Source => "source",
            Dimension::Medium => "medium",
            Dimension::Campaign => "campaign",
            Dimension::Browser => "browser",
            Dimension::Os => "os",
            Dimension::Device => "device",
            Dimension::Language => "language",
            Dimension::Reason => "reason",
        }
    }

    /// The dimension with this name.
    pub fn from_name(name: &str) -> Option<Dimension> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == name)
    }
}
