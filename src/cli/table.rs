//! Tables for people.

/// Lays cells out in columns, under their titles. What a terminal would act upon is shown instead of sent.
pub(crate) fn lay_out<const COLUMNS: usize>(titles: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let mut all = vec![titles.map(str::to_owned)];
    all.extend(rows.into_iter().map(|row| row.map(|cell| visible(&cell))));
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &all {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The text with what a terminal would act upon shown instead.
pub(super) fn visible(cell: &str) -> String {
    cell.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::lay_out;

    #[test]
    fn columns_line_up_and_no_cell_reaches_the_terminal_as_a_command() {
        let rows = vec![["1".to_owned(), "grün".to_owned()], ["22".to_owned(), "a\u{1b}[2J\nb".to_owned()]];
        assert_eq!(lay_out(["ID", "NAME"], rows), "ID  NAME\n1   grün\n22  a\u{fffd}[2J\u{fffd}b\n");
    }
}
