//! Documentation generated from the contract, the settings and the metrics. It is committed, so that it can be read without a build.

mod events;
mod http;
mod markdown;
mod methods;
/// The metrics of the mesh and of the roles.
pub mod metrics;
mod reasons;
mod services;
mod settings;

pub use services::readme;

/// Every generated file: its path from the project's root, and its text.
pub fn render() -> Vec<(&'static str, String)> {
    vec![
        ("docs/reasons.md", reasons::render()),
        ("docs/methods.md", methods::render()),
        ("docs/events.md", events::render()),
        ("docs/http.md", http::render()),
        ("docs/metrics.md", metrics::render()),
        ("docs/settings.md", settings::render()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_covers_the_whole_contract() {
        let files = render();
        let text = |name: &str| {
            let file = files.iter().find(|(path, _)| path.ends_with(name));
            &file.unwrap().1
        };
        for reason in contracts::reasons().iter().filter(|reason| reason.name != "UNSPECIFIED") {
            assert!(text("reasons.md").contains(&format!("| `{}` |", reason.name)), "{reason:?}");
        }
        for method in contracts::methods() {
            let (_, name) = method.path.rsplit_once('/').unwrap();
            assert!(text("methods.md").contains(&format!("| `{name}` |")), "{method:?}");
        }
        for event in contracts::events() {
            assert!(text("events.md").contains(&format!("| `{}` |", event.subject)), "{event:?}");
        }
        assert!(text("settings.md").contains("| `SOUK_DATABASE_POOL_SIZE` |"));
    }
}
