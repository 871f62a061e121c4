//! What may be one of a few words only, as the description
//! says it: the words come from the types that read them.

use crate::problem::Kind;
use curtail_clicks::pipeline::Part;
use curtail_clicks::stats::GroupBy;
use curtail_model::{ClickClass, Dimension, Limits, RedirectStatus, Scope};
use curtail_store::Sort;
use curtail_store::rollups::Grain;
use serde_json::Value;
use utoipa::openapi::schema::{Array, ArrayBuilder, SchemaType};
use utoipa::openapi::{Object, ObjectBuilder, Type};

/// The word for clicks of every class.
pub(crate) const ALL_CLASSES: &str = "all";

/// The orders of links, the default first.
pub(crate) const SORTS: [(&str, Sort); 2] = [("-created_at", Sort::Newest), ("created_at", Sort::Oldest)];

/// The periods that leaders are kept for.
pub(crate) const PERIODS: [Grain; 2] = [Grain::Hour, Grain::Day];

/// The name of what clicks are grouped by.
pub(crate) const fn group_name(group_by: GroupBy) -> &'static str {
    match group_by {
        GroupBy::Class => "class",
        GroupBy::Dimension(dimension) => dimension.as_str(),
    }
}

/// What clicks can be grouped by.
pub(crate) fn group_names() -> impl Iterator<Item = &'static str> {
    let dimensions = Dimension::ALL.into_iter().map(GroupBy::Dimension);
    dimensions.chain([GroupBy::Class]).map(group_name)
}

/// The classes that can be asked for.
pub(crate) fn class_names() -> impl Iterator<Item = &'static str> {
    ClickClass::ALL.into_iter().map(ClickClass::as_str).chain([ALL_CLASSES])
}

/// One of the lengths of time that clicks are counted by.
pub(crate) fn interval() -> Object {
    let description =
        "The length of each point, in UTC; `day` when nothing is said. At most 10,000 points are answered.";
    one_of(Type::String, Grain::ALL.map(Grain::as_str)).description(Some(description)).build()
}

/// One of the things that clicks are grouped by.
pub(crate) fn group_by() -> Object {
    let description = "What to break the clicks down by; `reason` is why a click has its class, and a `city` is named with its region.";
    one_of(Type::String, group_names()).description(Some(description)).build()
}

/// The same, or null.
pub(crate) fn group_by_or_null() -> Object {
    let description = "What was asked for as `group_by`, and null without it.";
    one_of_or_null(Type::String, group_names()).description(Some(description)).build()
}

/// A class of clicks, or all of them.
pub(crate) fn class() -> Object {
    let description = "Which clicks are counted; `all` when nothing is said.";
    one_of(Type::String, class_names()).description(Some(description)).build()
}

/// The order of a list.
pub(crate) fn sort() -> Object {
    let names = one_of(Type::String, SORTS.map(|(name, _)| name)).default(Some(SORTS[0].0.into()));
    names.description(Some("The newest first (`-created_at`) or the oldest (`created_at`).")).build()
}

/// The length of a period that leaders are kept for.
pub(crate) fn period() -> Object {
    let names = one_of(Type::String, PERIODS.map(Grain::as_str)).default(Some(Grain::Day.as_str().into()));
    names.description(Some("This hour or this day, in UTC.")).build()
}

/// The part of the pipeline that a process has.
pub(crate) fn part() -> Object {
    let description = "What it does with clicks: `alone` counts what it records; `node` hands it to the log between nodes; \
                       `worker` counts what nodes have handed on; `both` is a node and a worker.";
    one_of(Type::String, [Part::Alone, Part::Node, Part::Worker, Part::Both].map(Part::as_str))
        .description(Some(description))
        .build()
}

/// The name of a kind of problem.
pub(crate) fn problem_kind() -> Object {
    one_of(Type::String, Kind::ALL.map(Kind::as_str)).build()
}

/// What a key may do.
pub(crate) fn scopes() -> Array {
    list_of_scopes().build()
}

/// The same to ask for: a key that may do nothing is not made.
pub(crate) fn wanted_scopes() -> Array {
    list_of_scopes().min_items(Some(1)).build()
}

fn list_of_scopes() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(one_of(Type::String, Scope::ALL.map(Scope::as_str)))
        .description(Some("What it may do. Each scope stands alone, except that `keys:admin` holds all."))
}

/// The status of a redirect.
pub(crate) fn redirect_status() -> Object {
    one_of(Type::Integer, RedirectStatus::ALL.map(RedirectStatus::code)).build()
}

/// The same for a new link; null is the default.
pub(crate) fn new_redirect_status() -> Object {
    redirect_status_or_null().default(Some(RedirectStatus::default().code().into())).build()
}

/// The same to change; null puts the default back, and nothing is changed by default.
pub(crate) fn other_redirect_status() -> Object {
    let description = format!("null is {}.", RedirectStatus::default().code());
    redirect_status_or_null().description(Some(description)).build()
}

fn redirect_status_or_null() -> ObjectBuilder {
    one_of_or_null(Type::Integer, RedirectStatus::ALL.map(RedirectStatus::code))
}

/// The tags of a link to make or to change.
pub(crate) fn tags() -> Array {
    let tag =
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(Limits::TAG));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(tag)
        .max_items(Some(Limits::TAGS))
        .description(Some("Labels of at most 64 characters; spaces around them are cut off."))
        .build()
}

fn one_of<W: Into<Value>>(kind: Type, words: impl IntoIterator<Item = W>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind).enum_values(Some(words))
}

fn one_of_or_null<W: Into<Value>>(kind: Type, words: impl IntoIterator<Item = W>) -> ObjectBuilder {
    let words = words.into_iter().map(Into::into).chain([Value::Null]);
    one_of(kind.clone(), words).schema_type(SchemaType::from_iter([kind, Type::Null]))
}
