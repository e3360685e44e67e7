//! Files that come and go: bad rows are named and good ones taken, and what one shop exports another one imports.

use crate::project::Project;
use std::path::Path;
use std::process::Output;

/// Every kind of bad row at once, between good ones.
fn bad_products() -> Vec<u8> {
    let row = |key: &str, sku: &str, rest: &str| {
        format!("{{\"key\":\"{key}\",\"title\":\"T\",\"variants\":[{{\"sku\":\"{sku}\"}}]{rest}}}")
    };
    let long = |bytes: usize| format!(",\"description\":\"{}\"", "x".repeat(bytes));
    let filed_under = |categories: usize| {
        let keys: Vec<_> = (0..categories).map(|own| format!("\"c-{own}\"")).collect();
        format!(",\"category_keys\":[{}]", keys.join(","))
    };
    let rows = [
        format!("\u{feff}{}", row("ok-1", "S-1", "")),
        row("ok-1", "S-2", ""),
        row("k-3", "S-1", ""),
        row("k-4", "S-4", ",\"colour\":\"red\""),
        row("k-5", "S-5", ",\"title\":\"U\""),
        row("k-6", "S-6", "")[..30].to_owned(),
        row("k-7", "S-7", &long(5_000_000)),
        row("k-8", "S-8", &long(17_000_000)),
        row("k-9", "S-9", ",\"brand\":\"Nobody\""),
        row("k-10", "S 10 ", ""),
        row("k-11", "S-11", &long(20_001)),
        "[]".to_owned(),
        row("k-13", "S-13", &filed_under(51)),
        row("ok-14", "S-14", ""),
    ];
    rows.join("\n").into_bytes()
}

fn run(project: &Project, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = project.souk(arguments).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// What happened yesterday by the seed comes as JSON lines, the same however often it was sent.
fn exports_a_day(project: &Project) {
    let yesterday = chrono::Utc::now().date_naive().pred_opt().unwrap().to_string();
    let export = ["export", "events", "--day", &yesterday];
    let events = project.run(&export);
    assert!(events.lines().count() > 500, "{}", events.lines().count());
    let mut ids = Vec::new();
    for line in events.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(row["event"]["occurredAt"].as_str().unwrap().starts_with(&yesterday), "{line}");
        ids.push(row["event"]["eventId"].as_str().unwrap().to_owned());
    }
    assert!(ids.is_sorted_by(|one, two| one < two));
    let again = project.run(&["seed", "--products", "40", "--event-days", "1"]);
    assert!(again.contains("events: 0 counted"), "{again}");
    assert_eq!(project.run(&export), events);
    let (code, printed) = run(project, &["export", "events", "--day", "2020-01-01"]);
    assert!(code == Some(1) && printed.contains("must be from"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_imports_what_is_good_and_another_one_what_it_exports() {
    let (here, elsewhere) = (Project::new("exchange"), Project::new("elsewhere"));
    here.run(&["dev", "up"]);
    std::fs::write(here.path().join("bad.jsonl"), bad_products()).unwrap();
    let import = ["import", "products", "bad.jsonl", "--on-error", "skip"];
    let (code, printed) = run(&here, &import);
    assert_eq!(code, Some(1), "more than a tenth was refused:\n{printed}");
    for named in [
        "line 2: ok-1: PRODUCT_KEY_TAKEN",
        "line 3: k-3: SKU_TAKEN",
        "line 4: k-4: UNREADABLE",
        "line 5: k-5: UNREADABLE",
        "line 6: k-6: UNREADABLE",
        "line 7: k-7: TOO_LARGE",
        "line 8: k-8: UNREADABLE",
        "line 9: k-9: UNKNOWN_BRAND",
        "line 10: k-10: INVALID_FIELD",
        "line 11: k-11: INVALID_FIELD",
        "line 12: UNREADABLE",
        "line 13: k-13: INVALID_FIELD: category_keys: must contain no more than 50 item(s)",
        "--create-missing-brands",
        "2 created, 0 updated, 0 unchanged, 12 refused",
    ] {
        assert!(printed.contains(named), "{named:?} is missing in:\n{printed}");
    }
    let again = [&import[..], &["--max-refused", "90", "--chunk", "1"]].concat();
    let (code, printed) = run(&here, &again);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("0 created, 0 updated, 2 unchanged, 12 refused"), "{printed}");
    std::fs::write(here.path().join("rows.csv"), "key,title\nA,Desk\n").unwrap();
    let (code, printed) = run(&here, &["import", "products", "rows.csv"]);
    assert!(code == Some(1) && printed.contains("CSV"), "{printed}");

    here.run(&["seed", "--products", "40"]);
    here.run(&["export", "products", "products.jsonl"]);
    here.run(&["export", "prices", "prices.jsonl"]);
    let products = read(&here.path().join("products.jsonl"));
    let prices = read(&here.path().join("prices.jsonl"));
    assert_eq!(products.lines().count(), 42);
    assert!(prices.lines().count() >= 40);
    exports_a_day(&here);
    let same = here.run(&["import", "products", "products.jsonl"]);
    assert!(same.contains("0 created, 0 updated, 42 unchanged, 0 refused"), "{same}");

    // The other shop has the same categories.
    elsewhere.run(&["dev", "up"]);
    elsewhere.run(&["seed", "--products", "0"]);
    let from = |name: &str| here.path().join(name).display().to_string();
    let file = from("products.jsonl");
    let flags = ["--define-missing-attributes", "--create-missing-brands", "--chunk", "7"];
    elsewhere.run(&[&["import", "products", &file][..], &flags].concat());
    elsewhere.run(&["import", "prices", &from("prices.jsonl")]);
    assert_eq!(elsewhere.run(&["export", "products"]), products);
    assert_eq!(elsewhere.run(&["export", "prices"]), prices);

    // A feed without one product archives it, and one without most of them archives nothing.
    let feed = |count: usize| products.lines().take(count).collect::<Vec<_>>().join("\n");
    std::fs::write(here.path().join("most.jsonl"), feed(41)).unwrap();
    std::fs::write(here.path().join("few.jsonl"), feed(5)).unwrap();
    let archive = |file| ["import", "products", file, "--archive-missing"];
    let (code, printed) = run(&here, &archive("few.jsonl"));
    assert!(code == Some(1) && printed.contains("--max-archived"), "{printed}");
    let tried = here.run(&[&archive("most.jsonl")[..], &["--dry-run"]].concat());
    assert!(tried.contains("1 would be archived"), "{tried}");
    assert_eq!(here.run(&["export", "products"]), products);
    let done = here.run(&archive("most.jsonl"));
    assert!(done.contains("missing products: 1 archived"), "{done}");
    let now = here.run(&["export", "products"]);
    let differ = now.lines().zip(products.lines()).filter(|(now, before)| now != before);
    let differ: Vec<_> = differ.collect();
    assert_eq!(differ.len(), 1);
    assert!(differ[0].0.contains("PRODUCT_STATUS_ARCHIVED"));
    assert!(here.run(&archive("most.jsonl")).contains("missing products: 0 archived"));
    here.run(&["dev", "down"]);
    elsewhere.run(&["dev", "down"]);
}
