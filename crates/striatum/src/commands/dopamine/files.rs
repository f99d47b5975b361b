//! Figures and tables on the disk.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use striatum_dopamine::{Figure, Table};
use striatum_train::plot::draw;

/// Makes the folder, so that it is known to be there before anything is computed.
pub fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder `{}` cannot be made; give another `--out`", folder.display()))
}

/// Writes `NAME.svg`, `NAME.png`, and a CSV file a table: `NAME.csv` and `NAME-TABLE.csv`.
pub fn write(folder: &Path, name: &str, figure: &Figure, tables: &[Table]) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for extension in ["svg", "png"] {
        let path = folder.join(format!("{name}.{extension}"));
        draw(figure, &path)?;
        written.push(path);
    }
    for table in tables {
        let dash = if table.name.is_empty() { "" } else { "-" };
        let path = folder.join(format!("{name}{dash}{}.csv", table.name));
        fs::write(&path, csv(table)).with_context(|| format!("`{}` cannot be written", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// A table as CSV (RFC 4180, lines end with `\n`). A number that is none is an empty cell.
fn csv(table: &Table) -> String {
    let number = |x: &f64| if x.is_nan() { String::new() } else { x.to_string() };
    let line = |cells: Vec<String>| cells.join(",") + "\n";
    let rows = table.rows.iter().map(|(labels, numbers)| {
        line(labels.iter().map(|label| quoted(label)).chain(numbers.iter().map(number)).collect())
    });
    let header = line(table.header.iter().map(|name| quoted(name)).collect());
    std::iter::once(header).chain(rows).collect()
}

fn quoted(cell: &str) -> String {
    let plain = !cell.contains(['"', ',', '\n', '\r']);
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let table = Table {
            name: String::new(),
            header: ["model", "rich, 100", "lean"].map(str::to_owned).to_vec(),
            rows: vec![
                (vec!["OpAL*".to_owned()], vec![37.4, f64::NAN]),
                (vec!["the \"best\"".to_owned()], vec![1e-9, -0.5]),
            ],
        };
        assert_eq!(csv(&table), "model,\"rich, 100\",lean\nOpAL*,37.4,\n\"the \"\"best\"\"\",0.000000001,-0.5\n");
    }
}
