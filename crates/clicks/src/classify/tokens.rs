//! Finds all tokens of all tables in one pass over a user agent.
//!
//! A token matches whatever its case. A `|` at either end of it asks for the edge of a word there (no letter
//! beside it), a `^` in front for the start of the whole text, a `$` at its end for the end. A table is read
//! from the top: of all its tokens that occur, the first one listed wins, wherever it stands in the text.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// A name and the tokens that give it away, with a comma and a space between them.
pub(super) type Family = (&'static str, &'static str);

/// What is looked for, in the order of trust.
pub(super) type Table = &'static [Family];

/// Finds the tokens of `TABLES` tables.
pub(super) struct Finder<const TABLES: usize> {
    automaton: AhoCorasick,
    tokens: Vec<Token>,
}

/// The best token of each table.
pub(super) type Found<const TABLES: usize> = [Option<Hit>; TABLES];

/// A token that occurs.
#[derive(Clone, Copy)]
pub(super) struct Hit {
    /// The family it is listed under.
    pub(super) name: &'static str,
    /// The token itself, without marks.
    pub(super) token: &'static str,
    rank: u16,
}

struct Token {
    hit: Hit,
    table: usize,
    start: Edge,
    end: Edge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Anywhere,
    Word,
    Text,
}

impl<const TABLES: usize> Finder<TABLES> {
    /// Builds the automaton. It is worth keeping: one for the whole process.
    pub(super) fn new(tables: [Table; TABLES]) -> Finder<TABLES> {
        let mut tokens = Vec::new();
        for (table, families) in tables.into_iter().enumerate() {
            let listed = families
                .iter()
                .flat_map(|(name, tokens)| tokens.split(", ").map(move |token| (*name, token)));
            tokens.extend((0..).zip(listed).map(|(rank, (name, text))| Token::new(table, rank, name, text)));
        }
        // Far smaller than a full table of states and fast enough:
        // a user agent is read once per segment of the journal.
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(tokens.iter().map(|token| token.hit.token))
            .expect("the tables are far below the automaton's limits");
        Finder { automaton, tokens }
    }

    /// The best token of each table in `text`. Time grows with the length of the text only: at any place no
    /// more tokens can end than the longest has letters.
    pub(super) fn find(&self, text: &[u8]) -> Found<TABLES> {
        let mut found = [None; TABLES];
        for occurrence in self.automaton.find_overlapping_iter(text) {
            let token = &self.tokens[occurrence.pattern().as_usize()];
            let best: &mut Option<Hit> = &mut found[token.table];
            let is_better = best.is_none_or(|best| token.hit.rank < best.rank);
            if is_better && token.fits(text, occurrence.start(), occurrence.end()) {
                *best = Some(token.hit);
            }
        }
        found
    }
}

impl Token {
    fn new(table: usize, rank: u16, name: &'static str, marked: &'static str) -> Token {
        let (start, token) = match marked.as_bytes() {
            [b'^', ..] => (Edge::Text, &marked[1..]),
            [b'|', ..] => (Edge::Word, &marked[1..]),
            _ => (Edge::Anywhere, marked),
        };
        let (end, token) = match token.as_bytes() {
            [.., b'$'] => (Edge::Text, &token[..token.len() - 1]),
            [.., b'|'] => (Edge::Word, &token[..token.len() - 1]),
            _ => (Edge::Anywhere, token),
        };
        Token { hit: Hit { name, token, rank }, table, start, end }
    }

    fn fits(&self, text: &[u8], start: usize, end: usize) -> bool {
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
        let starts = match self.start {
            Edge::Anywhere => true,
            Edge::Word => !is_letter(text[..start].last()),
            Edge::Text => start == 0,
        };
        let ends = match self.end {
            Edge::Anywhere => true,
            Edge::Word => !is_letter(text.get(end)),
            Edge::Text => end == text.len(),
        };
        starts && ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&'static str> {
        const TABLE: Table =
            &[("first", "^alpha"), ("word", "|beta|, |bet|"), ("end", "gamma$"), ("any", "delta")];
        Finder::new([TABLE]).find(text.as_bytes())[0].map(|hit| hit.name)
    }

    #[test]
    fn marks_ask_for_edges() {
        assert_eq!(found("ALPHA/1"), Some("first"));
        assert_eq!(found("x alpha"), None);
        assert_eq!(found("a-beta/2"), Some("word"));
        assert_eq!(found("betas"), None);
        assert_eq!(found("the gamma"), Some("end"));
        assert_eq!(found("gamma rays"), None);
        assert_eq!(found("xdeltay"), Some("any"));
    }

    #[test]
    fn the_first_one_listed_wins_wherever_it_stands() {
        assert_eq!(found("delta beta"), Some("word"));
        assert_eq!(found("beta delta"), Some("word"));
    }
}
