use super::markdown::{code, head, table};
use contracts::reasons;

/// One table for each domain.
pub fn render() -> String {
    let mut text = head("Reasons", "`proto/souk/**/reason.proto`");
    text.push_str(
        "\nEvery refused call says why in its `google.rpc.ErrorInfo`: a reason and its domain. The code follows from the \
         reason, and says whether to retry.\n",
    );
    let mut domains: Vec<&str> = reasons().iter().map(|reason| reason.domain).collect();
    domains.sort_unstable();
    domains.dedup();
    for domain in domains {
        let of_domain = reasons()
            .iter()
            .filter(|reason| reason.domain == domain && reason.name != "UNSPECIFIED");
        let rows = of_domain.map(|reason| {
            let grpc = format!("{:?}", reason.kind.code());
            vec![code(reason.name), upper(&grpc), reason.meaning.trim().to_owned()]
        });
        text.push_str(&format!(
            "\n## {domain}\n\n{}",
            table(&["Reason", "gRPC code", "Meaning"], rows)
        ));
    }
    text
}

/// The name of a code on the wire: `FAILED_PRECONDITION` for `FailedPrecondition`.
fn upper(name: &str) -> String {
    let mut upper = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !upper.is_empty() {
            upper.push('_');
        }
        upper.push(character.to_ascii_uppercase());
    }
    upper
}

#[cfg(test)]
mod tests {
    use contracts::Violations;
    use contracts::reasons;
    use contracts::status::Parts;
    use std::collections::BTreeMap;

    /// The names of the codes on the wire, by number.
    const CODES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];

    #[test]
    fn every_reason_is_listed_with_the_code_that_is_sent() {
        let text = super::render();
        for reason in reasons().iter().filter(|reason| reason.name != "UNSPECIFIED") {
            let (domain, name) = (reason.domain, reason.name);
            let status = Parts {
                kind: reason.kind,
                domain,
                reason: name,
                message: "",
                metadata: &BTreeMap::new(),
                violations: &Violations::default(),
                retry_after: None,
            };
            let sent = CODES[status.status().code() as usize];
            let section = text.split("\n## ").find(|section| section.starts_with(domain)).unwrap();
            let row = format!("| `{name}` | {sent} |");
            assert!(section.contains(&row), "{domain}: no {row}");
        }
    }

    #[test]
    fn codes_are_named_as_on_the_wire() {
        assert_eq!(super::upper("FailedPrecondition"), "FAILED_PRECONDITION");
        assert_eq!(super::upper("Internal"), "INTERNAL");
    }
}
