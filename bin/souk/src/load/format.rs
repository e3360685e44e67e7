//! Recognises files that are not JSON lines.

/// What a file is whose first line with content this is, and how to convert it; none: it may be JSON lines.
pub fn other_format(line: &[u8]) -> Option<&'static str> {
    let is_utf16 = matches!(line, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]);
    match line.trim_ascii_start() {
        _ if is_utf16 => Some("UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8"),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [b'P', b'K', 3, 4, ..] => {
            Some("compressed; unpack it first, e.g. zcat <file> | souk import … -")
        }
        [b'[', ..] => Some("a JSON array; put each object on a line of its own: jq -c '.[]'"),
        [b'<', ..] => Some("XML or HTML; convert it to JSON lines"),
        text if is_csv(text) => Some("CSV; convert it to JSON lines, one object for each row"),
        _ => None,
    }
}

fn is_csv(line: &[u8]) -> bool {
    let has = |bytes: &[u8]| line.iter().any(|byte| bytes.contains(byte));
    has(b",;\t") && !has(b"{}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_recognised_and_broken_rows_are_not() {
        for (line, expected) in [
            (&b"\xff\xfe{\0\"\0"[..], "UTF-16"),
            (b"{\0\"\0k\0", "UTF-16"),
            (b"\0{\0\"", "UTF-16"),
            (b"\x1f\x8b\x08", "compressed"),
            (b"[{\"key\":\"a\"}]", "a JSON array"),
            (b"<products>", "XML"),
            (b"key;title;price", "CSV"),
            (b"\"A-1\",\"Desk, oak\",19.99", "CSV"),
        ] {
            let found = other_format(line).unwrap_or_default();
            assert!(found.starts_with(expected), "{line:?}: {found}");
        }
        for line in [&b"{\"key\":\"a\"}"[..], b"  {", b"\"title\":\"a, b\"}", b"nonsense", b"{"] {
            assert_eq!(other_format(line), None, "{line:?}");
        }
    }
}
