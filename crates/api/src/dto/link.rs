//! Links in JSON.

use super::words;
use crate::origin::Origin;
use crate::time::Time;
use curtail_model::{Link, LinkId};
use curtail_store::TagCount;
use curtail_store::rollups::Totals;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A link.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub(crate) struct LinkJson<'a> {
    /// Its identity, for ever. A string, because it may be greater than what JSON numbers hold exactly.
    #[serde(serialize_with = "id_text")]
    #[schema(value_type = String, example = "40963")]
    id: LinkId,
    /// The short part.
    #[schema(example = "spring-sale")]
    code: &'a str,
    /// The host of the short link.
    #[schema(example = "sho.rt")]
    domain: &'a str,
    /// The whole short link.
    #[serde(serialize_with = "short_url")]
    #[schema(value_type = String, example = "https://sho.rt/spring-sale")]
    short_url: (&'a Origin, &'a str),
    /// Where it leads, as it was given.
    #[schema(example = "https://example.com/sale?utm_source=mail")]
    url: &'a str,
    #[schema(required, example = "Spring sale")]
    title: Option<&'a str>,
    #[schema(required)]
    notes: Option<&'a str>,
    /// Sorted, each once.
    #[schema(value_type = Vec<String>, example = json!(["mail", "spring"]))]
    tags: &'a [String],
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Time,
    /// It leads nowhere before this.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    starts_at: Option<Time>,
    /// It does not lead to `url` from this on.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Time>,
    /// How many redirects it gives in all.
    #[schema(required)]
    max_clicks: Option<u64>,
    #[schema(schema_with = words::redirect_status)]
    redirect_status: u16,
    /// Whether the query of a visitor's request goes on to the destination.
    forward_query: bool,
    /// Whether visitors are asked for a password. The password itself is never answered.
    has_password: bool,
    /// Put away: it leads nowhere, and its history stays.
    archived: bool,
    /// Where visitors go when it has expired or is used up, instead of a page that says so.
    #[schema(required)]
    expired_url: Option<&'a str>,
    clicks: Clicks,
}

/// Clicks over the lifetime of a link.
#[derive(Serialize, ToSchema)]
pub(crate) struct Clicks {
    /// The sum of the others.
    #[schema(example = 12)]
    total: u64,
    /// By people.
    #[schema(example = 10)]
    human: u64,
    /// By known programs.
    #[schema(example = 2)]
    bot: u64,
    /// Prefetches and HEAD requests.
    #[schema(example = 0)]
    other: u64,
}

/// A page of links.
#[derive(Serialize, ToSchema)]
#[schema(as = Links)]
pub(crate) struct LinksJson<'a> {
    pub(crate) links: Vec<LinkJson<'a>>,
    /// Give it as `cursor`, with all else the same, for the next page; null on the last one.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

/// A page of tags.
#[derive(Serialize, ToSchema)]
#[schema(as = Tags)]
pub(crate) struct TagsJson<'a> {
    /// By name, in the order of its bytes.
    pub(crate) tags: Vec<TagJson<'a>>,
    /// Give it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

/// A tag and the number of links that have it.
#[derive(Serialize, ToSchema)]
#[schema(as = Tag)]
pub(crate) struct TagJson<'a> {
    #[schema(example = "spring")]
    tag: &'a str,
    #[schema(example = 3)]
    links: u64,
}

impl<'a> LinkJson<'a> {
    pub(crate) fn new(link: &'a Link, totals: Totals, origin: &'a Origin) -> LinkJson<'a> {
        LinkJson {
            id: link.id,
            code: link.code.as_str(),
            domain: origin.domain(),
            short_url: (origin, link.code.as_str()),
            url: &link.url,
            title: link.title.as_deref(),
            notes: link.notes.as_deref(),
            tags: &link.tags,
            created_at: Time(link.created_at),
            updated_at: Time(link.updated_at),
            starts_at: link.starts_at.map(Time),
            expires_at: link.expires_at.map(Time),
            max_clicks: link.max_clicks,
            redirect_status: link.redirect_status.code(),
            forward_query: link.forward_query,
            has_password: link.password_hash.is_some(),
            archived: link.archived,
            expired_url: link.expired_url.as_deref(),
            clicks: Clicks {
                total: total(totals),
                human: totals.human,
                bot: totals.bot,
                other: totals.other,
            },
        }
    }
}

impl<'a> From<&'a TagCount> for TagJson<'a> {
    fn from(count: &'a TagCount) -> TagJson<'a> {
        TagJson { tag: &count.tag, links: count.links }
    }
}

/// All clicks of a link.
pub(crate) fn total(totals: Totals) -> u64 {
    totals.human.saturating_add(totals.bot).saturating_add(totals.other)
}

fn id_text<S: Serializer>(id: &LinkId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn short_url<S: Serializer>((origin, code): &(&Origin, &str), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&origin.short_url(code))
}

/// A link to make. `null` is the same as leaving a field out.
#[derive(ToSchema)]
#[schema(as = NewLink)]
#[schema(example = json!({"url": "https://example.com/sale?utm_source=mail", "code": "spring-sale", "tags": ["mail", "spring"]}))]
#[expect(
    dead_code,
    reason = "it describes what validate::link reads, which takes wrong types to name all that are wrong"
)]
pub(crate) struct NewLinkBody {
    /// Where it leads: http, https or an allowed app scheme, at most 8192 bytes.
    #[schema(format = "uri", max_length = 8192)]
    url: String,
    /// A chosen code: letters and digits of any script and `-_.~`, in segments joined by `/`, at most 190
    /// characters. Without one it is generated.
    #[schema(max_length = 190)]
    code: Option<String>,
    /// A name for people.
    #[schema(max_length = 512)]
    title: Option<String>,
    /// Anything to remember.
    #[schema(max_length = 4096)]
    notes: Option<String>,
    #[schema(schema_with = words::tags)]
    tags: Option<Vec<String>>,
    /// It leads nowhere before this.
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// It does not lead to `url` from this on; after `starts_at`. The last that there is is
    /// `9999-12-30T22:00:00Z`, as which all later ones are kept.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// How many redirects it gives in all, from when it first has a limit; then it is used up. `HEAD`,
    /// prefetches, link previews and mail scanners spend none, and are not told where it leads.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_u64)]
    max_clicks: Option<u64>,
    #[schema(schema_with = words::new_redirect_status)]
    redirect_status: Option<u16>,
    /// Whether the query of a visitor's request goes on to the destination.
    #[schema(default = false)]
    forward_query: Option<bool>,
    /// What visitors are asked for. Only a hash of it is kept. Each server takes 5 wrong guesses a minute
    /// from a network, and 50 an hour from all together: then nobody gets in there until the hour is over.
    #[schema(format = Password, min_length = 1, max_length = 256)]
    password: Option<String>,
    /// Where visitors go when it has expired or is used up.
    #[schema(format = "uri", max_length = 8192)]
    expired_url: Option<String>,
    /// Answer a link that there is already, as it is and with 200, instead of making another: one with the
    /// same `url`, `redirect_status` and `forward_query` (what is left out counts as its default) that leads
    /// there now, without a password and without an end: not one that is archived, expires or has
    /// `max_clicks`. With a `code`, only the link with this code will do; when it is not such a link, the
    /// code is taken (409). `title`, `notes` and `tags` are those of a new link and not compared.
    #[schema(default = false)]
    reuse: Option<bool>,
}

/// A change of a link: what is left out stays, `null` puts a field back to what it is without one.
#[derive(ToSchema)]
#[schema(as = LinkChange)]
#[schema(example = json!({"title": "Summer sale", "expires_at": null}))]
#[expect(
    dead_code,
    reason = "it describes what validate::link reads, which takes wrong types to name all that are wrong"
)]
pub(crate) struct LinkChangeBody {
    /// It cannot be null.
    #[schema(format = "uri", max_length = 8192, nullable = false)]
    url: Option<String>,
    #[schema(max_length = 512)]
    title: Option<String>,
    #[schema(max_length = 4096)]
    notes: Option<String>,
    #[schema(schema_with = words::tags)]
    tags: Option<Vec<String>>,
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// What has been given under any limit of the link counts: a greater one gives the difference, one that
    /// is not greater than what was given leaves none. null takes the limit off; what is given then does not
    /// count for one that is set later.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_u64)]
    max_clicks: Option<u64>,
    #[schema(schema_with = words::other_redirect_status)]
    redirect_status: Option<u16>,
    forward_query: Option<bool>,
    /// null takes the password off.
    #[schema(format = Password, min_length = 1, max_length = 256)]
    password: Option<String>,
    #[schema(format = "uri", max_length = 8192)]
    expired_url: Option<String>,
    /// An archived link leads nowhere, and its history stays.
    archived: Option<bool>,
}
