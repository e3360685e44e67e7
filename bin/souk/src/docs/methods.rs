use super::markdown::{code, head, table};
use contracts::{Idempotency, Policy, methods};

/// One table for each service.
pub fn render() -> String {
    let mut text = head("Methods", "the policies in `proto/souk/**`");
    text.push_str(
        "\nThe timeout is the server's: a shorter deadline of the caller wins, and `SOUK_TIMEOUT_MS_<SERVICE>_<METHOD>` \
         replaces it; of a stream it is the time until the first answer.\n\nCalls are what each caller may make of the method: so many a minute in the long \
         run, and so many at once. More are refused with `RATE_LIMITED`. `SOUK_RATE_LIMIT_PER_MINUTE_<SERVICE>_<METHOD>` replaces \
         those a minute, and with them those at once where the contract does not name them.\n",
    );
    let mut services: Vec<&str> = methods().iter().map(|method| service(method)).collect();
    services.dedup();
    for name in services {
        let rows =
            methods().iter().filter(|method| service(method) == name).map(|method| row(method));
        text.push_str(&format!(
            "\n## {name}\n\n{}",
            table(&["Method", "Timeout", "Calls a minute", "At once", "Scopes", "Retry"], rows)
        ));
    }
    text
}

fn row(method: &Policy) -> Vec<String> {
    let name = method.path.rsplit('/').next().unwrap_or_default();
    let retry = match method.idempotency {
        Idempotency::NoSideEffects => "safe: it reads",
        Idempotency::Idempotent => "safe, with the same `request_id` or import id where it has one",
        Idempotency::Unknown => "may act twice",
    };
    let scopes: Vec<String> = method.scopes.iter().map(|scope| code(scope)).collect();
    vec![
        code(name),
        format!("{} ms", method.timeout.as_millis()),
        method.per_minute.to_string(),
        method.burst_of(method.per_minute).to_string(),
        if method.public { "none: public".to_owned() } else { scopes.join(", ") },
        retry.to_owned(),
    ]
}

fn service(method: &Policy) -> &'static str {
    method.path.trim_start_matches('/').split('/').next().unwrap_or_default()
}
