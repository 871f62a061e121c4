//! Reads any bytes as a request path, a custom code and a destination: no panic, and what passes is safe to
//! send on.
#![no_main]

use curtail_model::Code;
use curtail_model::code::from_path;
use curtail_model::destination::{APP_SCHEMES, Destination, location};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(text) = from_path(bytes) {
        assert!(text.chars().count() <= Code::LENGTH_MAX + 1);
        assert!(!text.chars().any(|c| c.is_control() || "!:*{}\"' ".contains(c)), "other names stay out of reach");
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(code) = Code::custom(text) {
        let path = format!("/{}", code.as_str());
        assert_eq!(
            from_path(path.as_bytes()).as_deref(),
            Some(code.as_str()),
            "a code is found under its own path"
        );
        assert_eq!(Code::custom(code.as_str()).as_ref(), Ok(&code), "normalising twice changes nothing");
    }
    let schemes: Vec<String> = APP_SCHEMES.iter().map(ToString::to_string).collect();
    if let Ok(destination) = Destination::new(text, &schemes, ["short.example"]) {
        let header = location(destination.as_given());
        assert!(
            header.bytes().all(|byte| byte.is_ascii_graphic()),
            "only visible ASCII may stand in a header"
        );
    }
});
