//! The OpenAPI description: what the routes say of themselves, and what is true of all of them.

mod headers;

use crate::dto::bulk::BulkAnswerJson;
use crate::dto::link::NewLinkBody;
use axum::body::Bytes;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AdditionalProperties, SchemaType};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Required, Schema, Type};
use utoipa::{OpenApi as _, ToSchema};

const DESCRIPTION: &str = "\
Short links and what was counted of them.

**Keys.** Send `Authorization: Bearer KEY`. A key has scopes: `links:read`, `links:write`, `stats:read`, and `keys:admin`, which \
holds all. `links:write` is answered with the links that it makes, changes or finds with `reuse`. A missing or invalid key is answered with 401, a missing scope with 403.

**Errors** are `application/problem+json` (RFC 9457). `type` is stable; `errors` names every field that is wrong, at once. \
There is room for 50 errors, first of all for those of known fields; `detail` says how many there are.

**Times** are RFC 3339 and answered in UTC. A leap second (`:60`) is read as the second before it.

**Numbers** in a body are whole if their value is (`10`, `10.0`, `1e1`); elsewhere they are decimal digits without a sign or a leading \
zero.

**Rates** are told as `RateLimit-Policy: \"key\";q=50000;w=1` (requests `q` in `w` seconds) and `RateLimit: \"key\";r=49999;t=1` (`r` are \
left) after draft-ietf-httpapi-ratelimit-headers; 429 carries `Retry-After`. A bulk is one request.

**Load.** While more is asked than can be done, requests are turned away with 503 and `Retry-After`, those that look through many \
links or make many first.

**Reading what was written.** Where replicas answer reads they may be a moment behind. The answer to a write carries \
`X-Consistency-Token` and the same in a cookie; send either with what follows within a minute, and it finds what was written.

**Unknown fields and parameters** are refused with 422, everywhere, so that a misspelt one is not silently ignored. An empty \
parameter is as one that is not given.

**Other methods** than those of a path are answered with 405 and `Allow`; `HEAD` is answered wherever `GET` is, `OPTIONS` everywhere.";

/// The type of bodies that are lines of JSON.
const LINES: &str = "application/x-ndjson";

/// How parameters are written that are neither numbers nor words from a list, by their names. Those of a
/// query may be empty.
const PATTERNS: [(&[&str], &str); 4] = [
    (&["If-Match", "If-None-Match"], r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*"){0,31})$"#),
    (&["Idempotency-Key"], "^[!-~]{1,255}$"),
    (&["cursor"], "^[A-Za-z0-9_-]*$"),
    (
        &["from", "to"],
        r"^(\d{4}-\d{2}-\d{2}([Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d))?)?$",
    ),
];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Curtail", version = "1", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    components(schemas(crate::problem::ProblemJson<'_>, crate::problem::Invalid, BulkAnswerJson<'_>)),
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
    let components = about.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(scheme));
    components.headers.extend(headers::all());
    about
}

impl Document {
    /// Completes what the routes said with what is true of all of them.
    pub(crate) fn of(mut api: OpenApi) -> Document {
        let paths = std::mem::take(&mut api.paths.paths);
        for (path, mut item) in paths {
            let operations = [
                (&mut item.get, false),
                (&mut item.post, true),
                (&mut item.patch, true),
                (&mut item.delete, true),
            ];
            for (operation, writes) in operations {
                let Some(operation) = operation else { continue };
                operation.responses.responses.values_mut().for_each(complete);
                add_refusals(operation, path.contains('{'));
                if is_secured(operation) {
                    headers::add(operation, writes);
                }
                say_what_lines_are(operation);
                operation.parameters.iter_mut().flatten().for_each(narrow);
                close_body(operation, &mut api.components);
            }
            // The router's sign for "and all that follows" means nothing to OpenAPI.
            api.paths.paths.insert(path.replace("{*", "{"), item);
        }
        let json = serde_json::to_vec(&api)
            .expect("a description is strings, numbers and lists, which are always JSON");
        Document { json: json.into() }
    }
}

/// Says how a parameter is written, and that a path has all of its own. What may be left out of a body may
/// also be null, but a parameter is text: it is given or it is not.
fn narrow(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    if parameter.parameter_in == ParameterIn::Path {
        parameter.required = Required::True;
    }
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else { return };
    if let SchemaType::Array(types) = &mut object.schema_type {
        types.retain(|kind| *kind != Type::Null);
        if let [only] = &types[..] {
            object.schema_type = SchemaType::Type(only.clone());
        }
    }
    let pattern = PATTERNS.iter().find(|(names, _)| names.contains(&parameter.name.as_str()));
    object.pattern = pattern.map(|(_, pattern)| (*pattern).to_owned());
}

/// Says of the body that an operation takes that it has no other fields than those that are named.
fn close_body(operation: &Operation, components: &mut Option<Components>) {
    let Some(RefOr::T(body)) = &operation.request_body else { return };
    for content in body.content.values() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::Ref(reference)) = &content.schema else { continue };
        let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
        let schema = components.as_mut().and_then(|components| components.schemas.get_mut(name));
        if let Some(RefOr::T(Schema::Object(object))) = schema {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// Whether an operation needs a key.
fn is_secured(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|needs| needs.iter().any(|need| *need != Default::default()))
}

fn complete(response: &mut RefOr<Response>) {
    if let RefOr::T(response) = response {
        headers::describe(response);
    }
}

/// Says of bodies of lines what each line is. OpenAPI 3.1
/// has no word for it; this is that of 3.2, as an extension.
fn say_what_lines_are(operation: &mut Operation) {
    let asked = operation.request_body.as_mut().and_then(|body| match body {
        RefOr::T(body) => body.content.get_mut(LINES),
        RefOr::Ref(_) => None,
    });
    let answered = operation.responses.responses.get_mut("200").and_then(|response| match response {
        RefOr::T(response) => response.content.get_mut(LINES),
        RefOr::Ref(_) => None,
    });
    for (content, name) in [(asked, NewLinkBody::name()), (answered, BulkAnswerJson::name())] {
        if let Some(RefOr::T(Content { extensions, .. })) = content {
            let line = serde_json::json!({ "$ref": Ref::from_schema_name(name).ref_location });
            *extensions = Some(ExtensionsBuilder::new().add("x-itemSchema", line).build());
        }
    }
}

/// Gives every refusal that the route named the form of a problem, and adds those that it shares with others.
fn add_refusals(operation: &mut Operation, has_id: bool) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(named) = response
            && status.starts_with('4')
        {
            *named = refusal(&named.description);
        }
    }
    let secured = is_secured(operation);
    let mut add = |status: &str, description: &str| {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| refusal(description).into());
    };
    if has_id {
        add("404", "There is nothing here");
    }
    if let Some(RefOr::T(body)) = &operation.request_body {
        // Of a body of lines each is answered on its own, and so is one that does not come.
        if !body.content.contains_key(LINES) {
            add("400", "The JSON of the body cannot be understood");
            add("408", "The body did not arrive in time");
            add("413", "The body is too large");
        }
        add("415", "The body has an unsupported type");
    }
    add("422", "Fields, parameters or headers are invalid; they are named");
    if secured {
        add("401", "The API key is missing or not valid");
        add("403", "The API key lacks the scope");
        add("429", "Too many requests");
        add("500", "Something went wrong inside");
        add("503", "There is too much to do, the store cannot be reached, or the disk is full");
    }
}

fn refusal(description: &str) -> Response {
    let schema = Ref::from_schema_name(crate::problem::ProblemJson::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
