use super::markdown::{code, head, table};
use rest::{Route, Routes};

/// The paths of HTTP, with the methods that answer there. A line that was once committed stays: others call that path.
pub fn render() -> String {
    let mut rows: Vec<Vec<String>> = Routes::all().iter().map(row).collect();
    rows.sort();
    let mut text = head("HTTP", "the annotations `google.api.http` in `proto/souk/**`");
    text.push_str("\nParts in braces are fields of the request, and so is the query. `*` as the body is the whole request.\n\n");
    text + &table(&["Path", "Method", "RPC", "Body"], rows)
}

fn row(route: &Route) -> Vec<String> {
    let rpc = route.method_path();
    vec![
        code(route.path()),
        code(&route.verb().to_string()),
        code(rpc.trim_start_matches('/')),
        code(route.body_field().unwrap_or_default()),
    ]
}
