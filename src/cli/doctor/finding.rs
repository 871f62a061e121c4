//! What a check found, and how it is shown.

use crate::cli::table::visible;
use serde_json::json;
use std::fmt::{Display, Write};

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// Nothing is to be done.
    Ok,
    /// It works, and will work better or longer with what is said to do.
    Warning,
    /// A server does not start like this, or lacks what it is to use.
    Wrong,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What is so.
    pub(super) said: String,
    /// What to do, unless that is nothing or is said already.
    pub(super) remedy: Option<String>,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Wrong => "wrong",
        }
    }
}

impl Finding {
    pub(super) fn ok(check: &'static str, said: impl Into<String>) -> Finding {
        Finding { check, verdict: Verdict::Ok, said: said.into(), remedy: None }
    }

    pub(super) fn warning(check: &'static str, said: impl Into<String>, remedy: &str) -> Finding {
        let remedy = Some(remedy.to_owned());
        Finding { check, verdict: Verdict::Warning, said: said.into(), remedy }
    }

    pub(super) fn wrong(check: &'static str, said: impl Into<String>, remedy: &str) -> Finding {
        let remedy = Some(remedy.to_owned());
        Finding { check, verdict: Verdict::Wrong, said: said.into(), remedy }
    }

    /// What a start would refuse, in its words.
    pub(super) fn refused(check: &'static str, error: &dyn Display) -> Finding {
        let text = error.to_string();
        let (said, remedy) = parts(&text);
        Finding { check, verdict: Verdict::Wrong, said: said.to_owned(), remedy: remedy.map(str::to_owned) }
    }
}

/// What is wrong, and what to do: our errors say them one
/// after the other, and put what others said in parentheses.
fn parts(text: &str) -> (&str, Option<&str>) {
    for between in [". ", "; "] {
        let at = text.match_indices(between).map(|(at, _)| at).find(|at| {
            let before = &text[..*at];
            before.matches('(').count() == before.matches(')').count()
        });
        if let Some(at) = at {
            return (&text[..at], Some(&text[at + between.len()..]));
        }
    }
    (text, None)
}

/// A line for each, what to do under it, and how many there are of each kind.
pub(super) fn as_text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let (verdict, check) = (finding.verdict.as_str(), finding.check);
        // Writing to a text does not fail.
        let _ = writeln!(text, "{verdict:<7}  {check:<width$}  {}", visible(&finding.said));
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "{:<7}  {:<width$}  do: {}", "", "", visible(remedy));
        }
    }
    let count = |verdict: Verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let counts = [Verdict::Ok, Verdict::Warning, Verdict::Wrong]
        .map(|verdict| format!("{} {}", count(verdict), verdict.as_str()));
    let _ = writeln!(text, "{} checks: {}", findings.len(), counts.join(", "));
    text
}

/// The same for machines: the worst verdict of all, and each of them.
pub(super) fn as_json(findings: &[Finding]) -> String {
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
    let checks: Vec<_> = findings
        .iter()
        .map(|Finding { check, verdict, said, remedy }| {
            json!({ "check": check, "verdict": verdict.as_str(), "said": said, "remedy": remedy })
        })
        .collect();
    format!("{:#}\n", json!({ "verdict": worst.as_str(), "checks": checks }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_what_to_do_are_told_apart() {
        for (text, said, remedy) in [
            ("it is away (no. route). Start it. Or not", "it is away (no. route)", Some("Start it. Or not")),
            ("a is in use; stop it, or choose b", "a is in use", Some("stop it, or choose b")),
            ("one (a; b) is off", "one (a; b) is off", None),
        ] {
            assert_eq!(parts(text), (said, remedy));
        }
    }

    #[test]
    fn a_finding_is_a_line_with_its_verdict_in_words_and_what_to_do_under_it() {
        let findings = [Finding::ok("disk", "good"), Finding::warning("clock", "late\u{1b}[2J", "Set it")];
        let expected = "ok       disk   good\nwarning  clock  late\u{fffd}[2J\n                do: Set it\n\
                        2 checks: 1 ok, 1 warning, 0 wrong\n";
        assert_eq!(as_text(&findings), expected);
        let json: serde_json::Value = serde_json::from_str(&as_json(&findings)).unwrap();
        assert_eq!((&json["verdict"], &json["checks"][1]["remedy"]), (&json!("warning"), &json!("Set it")));
    }
}
