//! What a measurement has to show: a table to read and a file to keep.

use crate::machine;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The results of one subcommand.
pub(crate) struct Report {
    name: &'static str,
    peer: String,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

/// One line of the table.
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    ours: Option<Measured>,
    peer: Option<Measured>,
    target: Option<&'static str>,
}

/// A figure and the rounds that it is the median of.
#[derive(Clone)]
pub(crate) struct Measured {
    median: f64,
    rounds: Vec<f64>,
}

impl Measured {
    /// The median of these rounds; nothing without rounds.
    pub(crate) fn of(rounds: Vec<f64>) -> Option<Measured> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => return None,
            length if length % 2 == 1 => sorted[middle],
            _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
        };
        Some(Measured { median, rounds })
    }

    /// The figure.
    pub(crate) fn median(&self) -> f64 {
        self.median
    }

    /// A figure that was taken once.
    pub(crate) fn once(value: f64) -> Option<Measured> {
        Measured::of(vec![value])
    }
}

impl Figure {
    /// A line with the names of what it shows and of its unit.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str) -> Figure {
        Figure { what: what.into(), unit, ours: None, peer: None, target: None }
    }

    /// What Curtail showed.
    pub(crate) fn ours(mut self, measured: Option<Measured>) -> Figure {
        self.ours = measured;
        self
    }

    /// What the peer showed.
    pub(crate) fn peer(mut self, measured: Option<Measured>) -> Figure {
        self.peer = measured;
        self
    }

    /// What Curtail is to show, in words.
    pub(crate) fn target(mut self, target: &'static str) -> Figure {
        self.target = Some(target);
        self
    }

    /// Rounds that alternate are compared with their neighbours: what makes a machine slow for a while makes
    /// both slow.
    fn ratio(&self) -> Option<f64> {
        let (ours, peer) = (self.ours.as_ref()?, self.peer.as_ref()?);
        let ratios = if ours.rounds.len() == peer.rounds.len() {
            let pairs = ours.rounds.iter().zip(&peer.rounds);
            pairs.filter(|(_, peer)| **peer != 0.0).map(|(ours, peer)| ours / peer).collect()
        } else if peer.median == 0.0 {
            Vec::new()
        } else {
            vec![ours.median / peer.median]
        };
        Measured::of(ratios).map(|ratio| ratio.median)
    }

    fn row(&self) -> [String; 6] {
        let figure =
            |measured: &Option<Measured>| measured.as_ref().map_or("-".into(), |m| readable(m.median));
        [
            self.what.clone(),
            figure(&self.ours),
            figure(&self.peer),
            self.ratio().map_or("-".into(), |ratio| format!("{ratio:.2}")),
            self.unit.to_owned(),
            self.target.unwrap_or("").to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let measured = |measured: &Option<Measured>| {
            measured.as_ref().map(|m| json!({ "median": tidy(m.median), "rounds": m.rounds.iter().copied().map(tidy).collect::<Vec<_>>() }))
        };
        json!({
            "what": self.what,
            "unit": self.unit,
            "ours": measured(&self.ours),
            "peer": measured(&self.peer),
            "ratio": self.ratio().map(tidy),
            "target": self.target,
        })
    }
}

impl Report {
    /// A report without lines; `peer` is the name and version of what Curtail is compared with.
    pub(crate) fn new(name: &'static str, peer: impl Into<String>) -> Report {
        Report { name, peer: peer.into(), figures: Vec::new(), notes: Vec::new() }
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Adds a sentence that the figures cannot be read without.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Prints the table and writes `<name>.json` into `folder`.
    pub(crate) fn publish(&self, folder: &Path) -> Result<()> {
        self.print();
        let document = json!({
            "measurement": self.name,
            "date": jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            "command": command_line(std::env::args().skip(1)),
            "machine": machine::describe(),
            "peer": self.peer,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
            "notes": self.notes,
        });
        fs::create_dir_all(folder).context("no folder for results")?;
        let path = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(&document)? + "\n";
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn print(&self) {
        let header = ["", "curtail", "peer", "ratio", "unit", "to show"].map(str::to_owned);
        let rows: Vec<[String; 6]> =
            std::iter::once(header).chain(self.figures.iter().map(Figure::row)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        println!("\n{} (peer: {})", self.name, self.peer);
        for row in &rows {
            let [what, ours, peer, ratio, unit, target] = row;
            println!(
                "  {what:<0$}  {ours:>1$}  {peer:>2$}  {ratio:>3$}  {unit:<4$}  {target}",
                width(0),
                width(1),
                width(2),
                width(3),
                width(4)
            );
        }
        for note in &self.notes {
            println!("  - {note}");
        }
    }
}

/// The command that takes these figures again, without the folder that the results of this run went to.
fn command_line(mut arguments: impl Iterator<Item = String>) -> String {
    let mut words = vec!["dev/bench".to_owned()];
    while let Some(argument) = arguments.next() {
        if argument == "--results" {
            arguments.next();
        } else if !argument.starts_with("--results=") {
            words.push(argument);
        }
    }
    words.join(" ")
}

/// Three digits that matter, more only before the point.
fn readable(value: f64) -> String {
    let decimals = match value.abs() {
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), ""), |(whole, _)| (whole, &text[whole.len()..]));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

/// Without the digits that no clock here can tell.
fn tidy(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::{Measured, command_line, readable};

    #[test]
    fn a_figure_is_the_median_of_its_rounds() {
        let median = |rounds: &[f64]| Measured::of(rounds.to_vec()).map(|measured| measured.median);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn figures_are_written_as_people_read_them() {
        assert_eq!(
            [4.853, 85.21, 104_012.4, 999.0, -1000.0].map(readable),
            ["4.85", "85.2", "104,012", "999", "-1,000"]
        );
    }

    #[test]
    fn the_command_of_a_figure_names_no_folder_of_the_machine_it_was_taken_on() {
        for results in ["--results /tmp/x ", "--results=/tmp/x ", ""] {
            let given = format!("--server curtail {results}redis --links 5");
            let command = command_line(given.split(' ').map(str::to_owned));
            assert_eq!(command, "dev/bench --server curtail redis --links 5");
        }
    }
}
