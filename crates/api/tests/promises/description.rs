//! The OpenAPI description is complete and true.

use crate::server::{Server, with_rate};
use axum::body::Body;
use serde_json::Value;
use std::collections::BTreeSet;

async fn description(server: &Server) -> Value {
    let answer = server.ask_openly("GET", "/api/v1/openapi.json", &[], Body::empty()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    answer.json()
}

fn operations(description: &Value) -> Vec<(String, String, Value)> {
    let paths = description["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap().iter();
            item.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
        })
        .collect()
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own() {
    let server = Server::start().await;
    let description = description(&server).await;
    let named =
        operations(&description).into_iter().map(|(_, _, operation)| operation["operationId"].to_string());
    let mut names: Vec<String> = named.collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

#[tokio::test]
async fn it_lists_every_route_and_nothing_else() {
    let server = Server::start().await;
    let description = description(&server).await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut listed: Vec<String> =
        operations(&description).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    listed.sort();
    assert_eq!(
        listed,
        [
            "DELETE /api/v1/keys/{id}",
            "DELETE /api/v1/links/{id}",
            "GET /api/v1/keys",
            "GET /api/v1/links",
            "GET /api/v1/links/by-code/{code}",
            "GET /api/v1/links/{id}",
            "GET /api/v1/links/{id}/stats",
            "GET /api/v1/openapi.json",
            "GET /api/v1/orphans",
            "GET /api/v1/pipeline",
            "GET /api/v1/problems/{kind}",
            "GET /api/v1/stats",
            "GET /api/v1/tags",
            "GET /api/v1/top",
            "PATCH /api/v1/links/{id}",
            "POST /api/v1/keys",
            "POST /api/v1/links",
            "POST /api/v1/links/bulk",
        ]
    );
    for (method, path, _) in operations(&description) {
        let path = path.replace("{kind}", "internal").replace("{id}", "1").replace("{code}", "x");
        let status = server.ask(&method, &path, &[], "{}").await.status;
        assert!(status != 405 && status != 500, "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn every_operation_needs_the_scope_that_it_names() {
    let server = Server::start().await;
    let scopes = ["links:read", "links:write", "stats:read", "keys:admin"];
    let mut keys = Vec::new();
    for scope in scopes {
        keys.push((scope, format!("Bearer {}", server.add_key(scope).await)));
    }
    for (method, path, operation) in operations(&description(&server).await) {
        let Some(needed) = operation["security"][0]["key"][0].as_str() else { continue };
        // The id is not there, so nothing is changed by asking.
        let path = path.replace("{id}", "1").replace("{code}", "x");
        server.ask_openly(&method, &path, &[], "{}").await.problem(401, "invalid-key");
        for (scope, key) in &keys {
            let status = server.ask_openly(&method, &path, &[("authorization", key)], "{}").await.status;
            assert_eq!(
                status == 403,
                *scope != needed && *scope != "keys:admin",
                "{method} {path} with {scope}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn it_names_its_errors_bodies_and_parameters() {
    let server = Server::start().await;
    let description = description(&server).await;
    for (method, path, operation) in operations(&description) {
        assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{method} {path}");
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(
                parameters.iter().any(|parameter| parameter["name"] == name
                    && parameter["in"] == "path"
                    && parameter["required"] == true),
                "{method} {path}"
            );
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["schema"]["type"].is_string(), "{method} {path}: {parameter}");
        }
        if path != "/api/v1/openapi.json" && !path.starts_with("/api/v1/problems") {
            for status in ["401", "403", "422", "429", "500", "503"] {
                let schema =
                    &operation["responses"][status]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
    }
    assert_eq!(description["components"]["securitySchemes"]["key"]["scheme"], "bearer");
}

#[tokio::test]
async fn every_word_that_a_parameter_may_be_is_understood_and_no_other() {
    let server = Server::start().await;
    let id = server.make(r#"{"url": "https://example.com/"}"#).await["id"].as_str().unwrap().to_owned();
    let mut words = 0;
    for (method, path, operation) in operations(&description(&server).await) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let Some(list) = parameter["schema"]["enum"].as_array() else { continue };
            if parameter["in"] != "query" {
                continue;
            }
            let (path, name) = (path.replace("{id}", &id), parameter["name"].as_str().unwrap());
            for word in list.iter().map(|word| word.as_str().unwrap()) {
                let answer = server.ask(&method, &format!("{path}?{name}={word}"), &[], Body::empty()).await;
                assert_eq!(answer.status, 200, "{path} {name}={word}: {}", answer.text());
                words += 1;
            }
            let refused = server.ask(&method, &format!("{path}?{name}=x"), &[], Body::empty()).await;
            assert_eq!(refused.problem(422, "invalid-fields"), [name]);
        }
    }
    // Two questions about clicks with 3 intervals, 12 groups and 5 classes each, a list with 2 orders, and 2
    // periods.
    assert_eq!(words, 2 * (3 + 12 + 5) + 2 + 2);
}

#[tokio::test]
async fn every_operation_refuses_parameters_that_it_does_not_know() {
    let server = Server::start().await;
    for (method, path, _) in operations(&description(&server).await) {
        let path = path.replace("{id}", "1").replace("{code}", "x").replace("{kind}", "internal");
        let refused = server.ask(&method, &format!("{path}?lim=5"), &[], "{}").await;
        assert_eq!(refused.problem(422, "invalid-fields"), ["lim"], "{method} {path}");
    }
}

/// The names that a described answer has headers for.
fn described_headers(description: &Value, path: &str, method: &str, status: &str) -> Vec<String> {
    let headers = description["paths"][path][method]["responses"][status]["headers"].as_object();
    headers.into_iter().flatten().map(|(name, _)| name.to_lowercase()).collect()
}

#[tokio::test]
async fn the_headers_that_it_names_are_those_that_are_sent() {
    let server = Server::with(with_rate(1_000)).await;
    let description = description(&server).await;
    let body = r#"{"url": "https://example.com/"}"#;
    let replayed = [("idempotency-key", "once")];
    server.ask("POST", "/api/v1/links", &replayed, body).await;
    let made = server.ask("POST", "/api/v1/links", &replayed, body).await;
    let reuse = r#"{"url": "https://example.com/", "reuse": true}"#;
    let found = [("idempotency-key", "found")];
    server.ask("POST", "/api/v1/links", &found, reuse).await;
    let found = server.ask("POST", "/api/v1/links", &found, reuse).await;
    let link = format!("/api/v1/links/{}", made.json()["id"].as_str().unwrap());
    let known = [("if-none-match", made.header("etag"))];
    let answers = [
        (&made, described_headers(&description, "/api/v1/links", "post", "201")),
        (&found, described_headers(&description, "/api/v1/links", "post", "200")),
        (
            &server.ask("GET", &link, &known, Body::empty()).await,
            described_headers(&description, "/api/v1/links/{id}", "get", "304"),
        ),
        (
            &server.ask_openly("GET", &link, &[], Body::empty()).await,
            described_headers(&description, "/api/v1/links/{id}", "get", "401"),
        ),
        (
            &server.ask("PATCH", &link, &[], "{}").await,
            described_headers(&description, "/api/v1/links/{id}", "patch", "200"),
        ),
    ];
    for (answer, described) in answers {
        let own =
            ["etag", "idempotent-replayed", "location", "ratelimit", "ratelimit-policy", "www-authenticate"];
        let sent: Vec<&str> = own.into_iter().filter(|name| answer.headers.contains_key(*name)).collect();
        // One store without replicas gives no tokens.
        let described: Vec<&String> =
            described.iter().filter(|name| *name != "x-consistency-token").collect();
        assert_eq!(sent, described, "{}", answer.status);
    }
    for status in ["429", "503"] {
        let described = described_headers(&description, "/api/v1/links", "post", status);
        assert!(described.contains(&"retry-after".to_owned()), "{described:?}");
    }
}

#[tokio::test]
async fn the_lines_of_a_bulk_are_described() {
    let server = Server::start().await;
    let description = description(&server).await;
    let bulk = &description["paths"]["/api/v1/links/bulk"]["post"];
    let lines = |place: &Value| place["content"]["application/x-ndjson"]["x-itemSchema"]["$ref"].clone();
    assert_eq!(lines(&bulk["requestBody"]), "#/components/schemas/NewLink");
    let answer = lines(&bulk["responses"]["200"]);
    let kinds = &description.pointer(answer.as_str().unwrap().trim_start_matches('#')).unwrap()["oneOf"];
    let kinds: Vec<Vec<&String>> = kinds
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["properties"].as_object().unwrap().keys().collect())
        .collect();
    let body = "{\"url\": \"https://example.com/\"}\n{}\n";
    let answers = server.ask("POST", "/api/v1/links/bulk", &[], body).await.text();
    let answered: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<Vec<&String>> =
        answered.iter().map(|line| line.as_object().unwrap().keys().collect()).collect();
    assert_eq!(shown, kinds);
}

#[tokio::test]
async fn it_says_what_is_taken_and_sent_and_no_more() {
    let server = Server::start().await;
    let description = description(&server).await;
    let schema = |name: &str| &description["components"]["schemas"][name];
    assert_eq!(schema("NewLink")["properties"]["redirect_status"]["default"], 302);
    assert!(
        schema("LinkChange")["properties"]["redirect_status"].get("default").is_none(),
        "what is left out stays"
    );
    for body in ["NewLink", "LinkChange"] {
        let tags = &schema(body)["properties"]["tags"];
        let length = |name: &str| tags["items"][name].as_u64();
        assert_eq!(
            (length("minLength"), length("maxLength"), tags["maxItems"].as_u64()),
            (Some(1), Some(64), Some(32))
        );
        assert_eq!(tags["type"], serde_json::json!(["array", "null"]));
    }
    let pipeline = server.get("/api/v1/pipeline").await.json();
    let required =
        schema("Pipeline")["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let sent = pipeline.as_object().unwrap().keys().map(String::as_str);
    assert_eq!(required.collect::<BTreeSet<_>>(), sent.collect::<BTreeSet<_>>());
    let types = |path: &str, method: &str| {
        let types = &description["paths"][path][method]["requestBody"]["content"];
        types.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(types("/api/v1/links", "post"), ["application/json"]);
    let taken = types("/api/v1/links/{id}", "patch");
    assert_eq!(taken, ["application/json", "application/merge-patch+json"]);
    let refusals = |path: &str| {
        let answers = description["paths"][path]["post"]["responses"].as_object().unwrap();
        answers.keys().filter(|status| status.starts_with('4')).cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        refusals("/api/v1/links/bulk"),
        ["401", "403", "415", "422", "429"],
        "all else is said of lines"
    );
    let all = ["400", "401", "403", "408", "409", "410", "413", "415", "422", "429"];
    assert_eq!(refusals("/api/v1/links"), all);
    assert!(!description.to_string().contains("without building a string"));
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let server = Server::start().await;
    let description = description(&server).await;
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(description.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_fields_that_it_names_are_those_that_are_read() {
    let server = Server::start().await;
    let description = description(&server).await;
    let link = server.make(r#"{"url": "https://example.com/"}"#).await;
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    for schema in ["NewLink", "LinkChange", "WantedApiKey"] {
        let closed = &description["components"]["schemas"][schema]["additionalProperties"];
        assert_eq!(*closed, false, "{schema}");
    }
    for (schema, method, path) in [
        ("NewLink", "POST", "/api/v1/links"),
        ("LinkChange", "PATCH", path.as_str()),
        ("WantedApiKey", "POST", "/api/v1/keys"),
    ] {
        for (field, _) in description["components"]["schemas"][schema]["properties"].as_object().unwrap() {
            // An object is of no field's type: a field that is
            // known says so, one that is not says that instead.
            let refused = server.ask(method, path, &[], format!("{{\"{field}\": {{}}}}")).await.json();
            let error =
                refused["errors"].as_array().unwrap().iter().find(|error| error["field"] == **field).cloned();
            assert!(
                error.unwrap()["detail"].as_str().unwrap().ends_with("not an object"),
                "{schema} {field}"
            );
        }
    }
    let shown = description["components"]["schemas"]["Link"]["properties"].as_object().unwrap().keys();
    assert!(shown.eq(link.as_object().unwrap().keys()));
}
