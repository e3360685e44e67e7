use fault::Fields;

/// A text as it is. PostgreSQL cannot keep a zero byte, so one is refused where it comes in.
pub(super) fn plain(fields: &mut Fields, path: &str, text: &str) -> String {
    if text.contains('\0') {
        fields.push(path, "must not hold a zero byte");
    }
    text.to_owned()
}

/// A text that must not be empty.
pub(super) fn required(fields: &mut Fields, path: &str, text: &str) -> String {
    if text.is_empty() {
        fields.push(path, "is needed");
    }
    plain(fields, path, text)
}
