/// A table in Markdown.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|cell| (*cell).to_owned()).collect());
    text.push_str(&line(head.iter().map(|_| "---".to_owned()).collect()));
    for row in rows {
        text.push_str(&line(
            row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect(),
        ));
    }
    text
}

/// A name of the code.
pub fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// The head of a generated file.
pub fn head(title: &str, source: &str) -> String {
    format!("# {title}\n\nGenerated from {source} by `./dev gen`; change it there.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_cannot_break_its_table() {
        assert_eq!(table(&["a"], [vec!["b|c\nd".to_owned()]]), "| a |\n| --- |\n| b\\|c d |\n");
    }
}
