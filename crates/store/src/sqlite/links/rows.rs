//! Statements that insert many rows at once. A statement opens its tables, and finds its place in them, once
//! for all of its rows: the rows of a group cost about half of what they would cost one by one.

use rusqlite::{CachedStatement, Connection, Result, Statement, ToSql};

/// The line of an `.sql` file that stands for one row.
const VALUES: &str = "\nVALUES\n";

/// A statement for a number of rows, and the parameters that have been bound so far.
pub(super) struct Rows<'a> {
    statement: CachedStatement<'a>,
    bound: usize,
}

/// The statement for `rows` rows, from one for a single row
/// that has the line of its values after a line `VALUES`.
pub(super) fn repeated(sql: &str, rows: usize) -> String {
    let (head, rest) = sql.split_once(VALUES).expect("an insert has values");
    let (row, tail) = rest.split_once('\n').expect("the values are a line of their own");
    format!("{head}{VALUES}{}\n{tail}", vec![row; rows].join(",\n"))
}

impl<'a> Rows<'a> {
    pub(super) fn prepare(connection: &'a Connection, sql: &str) -> Result<Rows<'a>> {
        Ok(Rows { statement: connection.prepare_cached(sql)?, bound: 0 })
    }

    /// Binds the next column.
    pub(super) fn bind(&mut self, value: impl ToSql) -> Result<()> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }

    /// Inserts the rows, whose columns have all been bound. Answers how many of them there was room for.
    pub(super) fn insert(&mut self) -> Result<usize> {
        debug_assert_eq!(self.bound, Statement::parameter_count(&self.statement));
        self.bound = 0;
        self.statement.raw_execute()
    }
}

#[cfg(test)]
mod tests {
    use super::{Rows, repeated};
    use rusqlite::Connection;

    #[test]
    fn as_many_rows_are_inserted_as_were_asked_for() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE pairs (one INTEGER PRIMARY KEY, two INTEGER)").unwrap();
        let sql = "INSERT INTO pairs (one, two)\nVALUES\n(?, ?)\nON CONFLICT (one) DO NOTHING\n";
        for (rows, inserted) in [(1, 1), (3, 2), (64, 61)] {
            let sql = repeated(sql, rows);
            let mut statement = Rows::prepare(&connection, &sql).unwrap();
            for number in 0..rows {
                statement.bind(number as i64).unwrap();
                statement.bind(-1).unwrap();
            }
            assert_eq!(statement.insert().unwrap(), inserted);
        }
    }
}
