//! The OpenAPI description: what the routes say of themselves, and what is true of all of them.

use axum::body::Bytes;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Type};
use utoipa::{OpenApi as _, ToSchema};

const DESCRIPTION: &str = "\
Short links and what was counted of them.

**Keys.** Send `Authorization: Bearer KEY`. A key has scopes: `links:read`, `links:write`, `stats:read`, and `keys:admin`, which \
holds all. A missing or invalid key is answered with 401, a missing scope with 403.

**Errors** are `application/problem+json` (RFC 9457). `type` is stable; `errors` names every field that is wrong, at once.

**Times** are RFC 3339 and answered in UTC.

**Rates** are told as `RateLimit-Policy: \"key\";q=50000;w=1` (requests `q` in `w` seconds) and `RateLimit: \"key\";r=49999;t=1` (`r` are \
left) after draft-ietf-httpapi-ratelimit-headers; 429 carries `Retry-After`. A bulk is one request.

**Reading what was written.** Where replicas answer reads they may be a moment behind. The answer to a write carries \
`X-Consistency-Token` and the same in a cookie; send either with what follows within a minute, and it finds what was written.

**Unknown fields and parameters** are refused, so that a misspelt one is not silently ignored.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Curtail", version = "1", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    components(schemas(crate::problem::ProblemJson<'_>, crate::problem::Invalid)),
    tags(
        (name = "links", description = "Short links"),
        (name = "stats", description = "What was counted"),
        (name = "keys", description = "API keys"),
        (name = "about", description = "The API itself"),
    )
)]
struct About;

/// The description as it is served.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) json: Bytes,
}

/// What is said before the routes are.
pub(crate) fn about() -> OpenApi {
    let mut about = About::openapi();
    about.info.description = Some(DESCRIPTION.to_owned());
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some("An API key, such as `curtail key create` makes.".to_owned());
    about.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(scheme));
    about
}

impl Document {
    /// Completes what the routes said with what is true of all of them.
    pub(crate) fn of(mut api: OpenApi) -> Document {
        let paths = std::mem::take(&mut api.paths.paths);
        for (path, mut item) in paths {
            let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                add_refusals(operation, path.contains('{'));
            }
            // The router's sign for "and all that follows" means nothing to OpenAPI.
            api.paths.paths.insert(path.replace("{*", "{"), item);
        }
        let json = serde_json::to_vec(&api)
            .expect("a description is strings, numbers and lists, which are always JSON");
        Document { json: json.into() }
    }
}

/// Gives every refusal that the route named the form of a problem, and adds those that it shares with others.
fn add_refusals(operation: &mut Operation, has_id: bool) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(named) = response
            && status.starts_with('4')
        {
            *named = refusal(status, &named.description);
        }
    }
    let secured =
        operation.security.as_ref().is_some_and(|needs| needs.iter().any(|need| *need != Default::default()));
    let mut add = |status: &str, description: &str| {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| refusal(status, description).into());
    };
    if has_id {
        add("404", "There is nothing here");
    }
    if operation.request_body.is_some() {
        add("400", "The request or its JSON cannot be understood");
        add("408", "The body did not arrive in time");
        add("413", "The body is too large");
        add("415", "The body has an unsupported type");
    }
    if secured {
        add("401", "The API key is missing or not valid");
        add("403", "The API key lacks the scope");
        add("422", "Fields, parameters or headers are invalid; all of them are named");
        add("429", "Too many requests");
        add("500", "Something went wrong inside");
        add("503", "The store cannot be reached, or the disk is full");
    }
}

fn refusal(status: &str, description: &str) -> utoipa::openapi::Response {
    let schema = Ref::from_schema_name(crate::problem::ProblemJson::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response =
        ResponseBuilder::new().description(description).content("application/problem+json", content);
    let text = |description: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some(description))
            .build()
    };
    match status {
        "401" => response.header("WWW-Authenticate", text("How to authenticate (RFC 6750)")).build(),
        "429" | "503" => response.header("Retry-After", text("Seconds to wait")).build(),
        _ => response.build(),
    }
}
