use super::markdown::{code, head, table};
use contracts::events;

/// One table of all events.
pub fn render() -> String {
    let mut text = head("Events", "`proto/souk/**/events.proto`");
    text.push_str(
        "\nEach is published after its change is committed, at least once, in order for each key. The body is the message; \
         the envelope is CloudEvents in binary mode.\n\n",
    );
    let rows = events().iter().map(|event| {
        let whom = if event.outside { "outside use" } else { "services of the mesh" };
        vec![code(event.subject), code(event.message), whom.to_owned()]
    });
    text.push_str(&table(&["Subject", "Message", "For"], rows));
    text
}
