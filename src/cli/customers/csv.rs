//! Comma-separated values (RFC 4180), read and written.
//!
//! Invariant: no cell that is written is a formula to a spreadsheet: a `'` stands before it, and is taken away when it is read.

/// Rows with their lines, from 1; the error says where.
pub fn read(text: &str, most: usize) -> Result<Vec<(usize, Vec<String>)>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' => {
                line += 1;
                if quoted {
                    cell.push('\n');
                    continue;
                }
                end_row(&mut rows, &mut cells, &mut cell, begun);
                begun = line;
            }
            c => cell.push(c),
        }
        if rows.len() > most {
            return Err(format!("more than {most} lines"));
        }
    }
    if quoted {
        return Err(format!("line {begun}: a quoted text has no end"));
    }
    end_row(&mut rows, &mut cells, &mut cell, begun);
    Ok(rows)
}

/// An empty line is no row.
fn end_row(rows: &mut Vec<(usize, Vec<String>)>, cells: &mut Vec<String>, cell: &mut String, line: usize) {
    if cells.is_empty() && cell.trim().is_empty() {
        return cell.clear();
    }
    cells.push(std::mem::take(cell));
    rows.push((line, std::mem::take(cells)));
}

/// One row with its line end.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(written).collect();
    cells.join(",") + "\r\n"
}

fn written(cell: &str) -> String {
    let number = cell.parse::<f64>().is_ok() && !cell.starts_with('+');
    let guarded =
        if cell.starts_with(['=', '+', '-', '@', '\t', '\'']) && !number { format!("'{cell}") } else { cell.to_string() };
    if guarded.contains([',', '"', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

/// A cell without the `'` that `line` has put before it.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\'']) => rest,
        _ => cell,
    }
}
