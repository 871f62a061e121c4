//! What settings can be made of: how each kind of value is read, checked and shown.

/// Reads one kind of value.
pub(crate) trait Parser {
    /// What it reads.
    type Value;

    /// What it takes, for people.
    fn kind(&self) -> String;

    /// Reads a value, or says what is wrong with the text and what would be right, to follow the text itself.
    fn parse(&self, text: &str) -> Result<Self::Value, String>;

    /// The value as [`Parser::parse`] would read it again; nothing where it is not set.
    fn show(&self, value: &Self::Value) -> Option<String>;

    /// Whether the value must not be shown.
    fn is_secret(&self) -> bool {
        false
    }

    /// Whether several values, separated by commas, can be given.
    fn is_list(&self) -> bool {
        false
    }

    /// Whether TOML needs quotes around it.
    fn is_quoted(&self) -> bool {
        true
    }
}

/// A value that may be left out: `off`, `none` or nothing at all.
pub(crate) struct Optional<P>(pub(crate) P);

/// Several values, separated by commas; in the file also a list.
pub(crate) struct List<P>(pub(crate) P);

/// One of a few words.
pub(crate) struct Choice<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<P: Parser> Parser for Optional<P> {
    type Value = Option<P::Value>;

    fn kind(&self) -> String {
        format!("{}, or `off`", self.0.kind())
    }

    fn parse(&self, text: &str) -> Result<Self::Value, String> {
        match text {
            "" | "off" | "none" => Ok(None),
            text => self.0.parse(text).map(Some),
        }
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        value.as_ref().and_then(|value| self.0.show(value))
    }

    fn is_secret(&self) -> bool {
        self.0.is_secret()
    }

    fn is_quoted(&self) -> bool {
        self.0.is_quoted()
    }
}

impl<P: Parser> Parser for List<P> {
    type Value = Vec<P::Value>;

    fn kind(&self) -> String {
        format!("list of {}", self.0.kind())
    }

    fn parse(&self, text: &str) -> Result<Self::Value, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| {
                let shown = || if self.0.is_secret() { "one".to_owned() } else { format!("{item:?}") };
                self.0.parse(item).map_err(|wrong| format!("has {}, which {wrong}", shown()))
            })
            .collect()
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        let items: Vec<String> = value.iter().filter_map(|item| self.0.show(item)).collect();
        Some(items.join(","))
    }

    fn is_secret(&self) -> bool {
        self.0.is_secret()
    }

    fn is_list(&self) -> bool {
        true
    }
}

impl<T: Clone + PartialEq> Parser for Choice<T> {
    type Value = T;

    fn kind(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|(word, _)| format!("`{word}`")).collect();
        words.join(", ")
    }

    fn parse(&self, text: &str) -> Result<T, String> {
        let found = self.0.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let words: Vec<&str> = self.0.iter().map(|(word, _)| *word).collect();
            format!("must be one of {}", words.join(", "))
        })
    }

    fn show(&self, value: &T) -> Option<String> {
        self.0.iter().find(|(_, one)| one == value).map(|(word, _)| (*word).to_owned())
    }
}
