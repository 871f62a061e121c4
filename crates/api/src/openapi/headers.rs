//! The headers that many answers have, each described once, and which answers have them.

use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::{HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, Response, Type};

/// Names, descriptions and examples.
const HEADERS: [(&str, &str, &str); 8] = [
    ("ETag", "The version of the link and its clicks; give it as If-Match or If-None-Match.", "\"v12.7\""),
    (
        "Idempotent-Replayed",
        "`true` when this repeats the answer to an earlier request with this Idempotency-Key.",
        "true",
    ),
    ("Location", "Where the API has it.", "/api/v1/links/40963"),
    (
        "RateLimit",
        "How many requests the key has left (`r`), and in how many seconds all are back (`t`).",
        "\"key\";r=49999;t=1",
    ),
    (
        "RateLimit-Policy",
        "How many requests (`q`) the key may make in how many seconds (`w`).",
        "\"key\";q=50000;w=1",
    ),
    ("Retry-After", "Seconds to wait before trying again.", "1"),
    ("WWW-Authenticate", "How to authenticate (RFC 6750).", "Bearer realm=\"curtail\""),
    (TOKEN, TOKEN_DESCRIPTION, "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
];

const TOKEN: &str = "X-Consistency-Token";
const TOKEN_DESCRIPTION: &str = "Given with the answer to a write where replicas answer reads: what brings it within a minute finds what was written.";

/// All of them, by their names.
pub(super) fn all() -> impl Iterator<Item = (String, RefOr<Header>)> {
    HEADERS.into_iter().map(|(name, description, example)| {
        let schema = ObjectBuilder::new().schema_type(Type::String).examples([example]);
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description));
        (name.to_owned(), header.build().into())
    })
}

/// Says which headers the answers of an operation have that the route did not name: one of a method that
/// `writes`, or not.
pub(super) fn add(operation: &mut Operation, writes: bool) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        // Who is not known has no rate.
        if status != "401" {
            refer(response, &["RateLimit", "RateLimit-Policy"]);
        }
        match status.as_str() {
            "401" | "403" => refer(response, &["WWW-Authenticate"]),
            "429" | "503" => refer(response, &["Retry-After"]),
            _ if writes && status.starts_with('2') => refer(response, &[TOKEN]),
            _ => {}
        }
    }
    if !writes {
        let token = ParameterBuilder::new()
            .name(TOKEN)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("What the answer to a write gave. One that is too old or no token is as none."))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        operation.parameters.get_or_insert_default().push(token.build().into());
    }
}

/// Refers to the one description of what a route only names.
pub(super) fn describe(response: &mut Response) {
    let names: Vec<String> = response.headers.keys().cloned().collect();
    refer(response, &names.iter().map(String::as_str).collect::<Vec<_>>());
}

fn refer(response: &mut Response, names: &[&str]) {
    for name in names {
        let reference = Ref::new(format!("#/components/headers/{name}"));
        response.headers.insert((*name).to_owned(), RefOr::Ref(reference));
    }
}
