use crate::shop::{Shop, create, json, keyed, product, text, uuid, value, variant};
use catalog::rpc::create_product::create_product;
use catalog::rpc::import_products::import_products;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::import_products_request::Part as Sent;
use catalog_api::v1::import_products_response::Part as Answer;
use catalog_api::v1::{
    AttributeConfigChanged, DeleteProductRequest, ImportChunk, ImportChunkResult,
    ImportErrorPolicy, ImportProductsRequest, ImportRow, ImportStart, ProductImage, ProductUpdated,
    Reason, VariantUpdated,
};
use fault::Fault;
use futures::{StreamExt, stream};

fn start(policy: ImportErrorPolicy) -> ImportStart {
    ImportStart {
        import_id: uuid(),
        on_error: policy.into(),
        define_missing_attributes: true,
        create_missing_brands: true,
        ..Default::default()
    }
}

fn skip() -> ImportStart {
    start(ImportErrorPolicy::Skip)
}

fn row(key: &str, sku: &str) -> ImportRow {
    ImportRow {
        key: key.into(),
        title: format!("Product {key}"),
        variants: vec![variant(sku, "red")],
        ..Default::default()
    }
}

fn rows(from: i32, until: i32) -> Vec<ImportRow> {
    (from..until).map(|at| row(&format!("k{at}"), &format!("A-{at}"))).collect()
}

/// Sends an optional start and chunks; returns the answers, and the status that ended the stream.
async fn send(
    shop: &Shop,
    start: Option<&ImportStart>,
    chunks: Vec<(i64, Vec<ImportRow>)>,
) -> (Vec<Answer>, Option<Fault>) {
    let chunks =
        chunks.into_iter().map(|(sequence, rows)| Sent::Chunk(ImportChunk { sequence, rows }));
    let sent = start.cloned().map(Sent::Start).into_iter().chain(chunks);
    let sent: Vec<_> = sent.map(|part| Ok(ImportProductsRequest { part: Some(part) })).collect();
    let answers = import_products(shop.app.clone(), stream::iter(sent)).collect::<Vec<_>>().await;
    let (mut parts, mut fault) = (Vec::new(), None);
    for answer in answers {
        match answer {
            Ok(answer) => parts.push(answer.part.unwrap()),
            Err(status) => fault = Some(Fault::answered(status)),
        }
    }
    (parts, fault)
}

/// The results of chunks that all succeeded.
async fn run(
    shop: &Shop,
    start: &ImportStart,
    chunks: Vec<(i64, Vec<ImportRow>)>,
) -> Vec<ImportChunkResult> {
    let (answers, fault) = send(shop, Some(start), chunks).await;
    assert!(fault.is_none(), "{fault:?}");
    let results = answers.into_iter().filter_map(|answer| match answer {
        Answer::Chunk(result) => Some(result),
        Answer::Started(_) => None,
    });
    results.collect()
}

fn counts(result: &ImportChunkResult) -> [i32; 4] {
    [result.created, result.updated, result.unchanged, result.refused]
}

fn committed(answer: &Answer) -> i64 {
    match answer {
        Answer::Started(started) => started.committed_sequence,
        Answer::Chunk(_) => panic!("not a start"),
    }
}

#[tokio::test]
async fn rows_are_created_updated_and_left_unchanged() {
    let shop = Shop::open().await;
    let category = shop.category("phones", "").await;
    let full = ImportRow {
        brand: "Acme".into(),
        category_keys: vec!["phones".into()],
        tier2_attributes: vec![text("processor", "A19"), value("cores", Value::Number(8.0))],
        specifications: Some(json("mass", 0.1)),
        tags: vec!["new".into()],
        images: vec![ProductImage { url: "https://cdn.example/a.jpg".into(), alt: "A".into() }],
        ..row("k0", "A-0")
    };
    let mut chunk = rows(1, 4);
    chunk.insert(0, full.clone());
    let import = skip();
    let results = run(&shop, &import, vec![(1, chunk.clone())]).await;
    assert_eq!(counts(&results[0]), [4, 0, 0, 0]);
    let rows = [("attributes", 2), ("brands", 1), ("products", 4), ("variants", 4)];
    for (table, expected) in rows {
        assert_eq!(shop.rows(table).await, expected, "{table}");
    }
    let attribute =
        shop.outbox().await.into_iter().find(|event| event.subject.contains("attribute"));
    let definition = attribute.unwrap().read::<AttributeConfigChanged>().attribute.unwrap();
    let definition = definition.definition.unwrap();
    assert!(definition.filterable && definition.facetable);
    assert_eq!(definition.name, definition.code);

    let before = shop.rows("outbox").await;
    let results = run(&shop, &skip(), vec![(1, chunk.clone())]).await;
    assert_eq!(counts(&results[0]), [0, 0, 4, 0]);
    assert_eq!(shop.rows("outbox").await, before);

    // One product changes, one variant changes, one variant is added; the rest stays.
    chunk[0].brand = "aCME".into();
    chunk[1].title = "New".into();
    chunk[2].variants = vec![variant("A-2", "green")];
    chunk[3].variants = vec![variant("B-3", "blue")];
    let results = run(&shop, &skip(), vec![(1, chunk)]).await;
    assert_eq!(counts(&results[0]), [0, 3, 1, 0]);
    let events = shop.outbox().await;
    let events = &events[usize::try_from(before).unwrap()..];
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].read::<ProductUpdated>().changed, ["title"]);
    let changed = events.iter().find(|event| event.subject == "catalog.variant.updated").unwrap();
    assert_eq!(changed.read::<VariantUpdated>().changed, ["tier1_attributes"]);
    assert_eq!(shop.rows("variants").await, 5);
    assert_eq!(
        shop.rows(&format!("product_categories where category_id = '{}'", category.category_id))
            .await,
        1
    );
    shop.close().await;
}

#[tokio::test]
async fn variants_may_swap_their_options() {
    let shop = Shop::open().await;
    let two = |left, right| ImportRow {
        variants: vec![variant("A-1", left), variant("A-2", right)],
        ..row("k", "")
    };
    run(&shop, &skip(), vec![(1, vec![two("red", "blue")])]).await;
    let swapped = run(&shop, &skip(), vec![(1, vec![two("blue", "red")])]).await;
    assert_eq!(counts(&swapped[0]), [0, 1, 0, 0]);
    let half = ImportRow { variants: vec![variant("A-1", "red")], ..row("k", "") };
    let refused = run(&shop, &skip(), vec![(1, vec![half])]).await;
    assert_eq!(refused[0].refusals[0].reason, "OPTIONS_TAKEN");
    shop.close().await;
}

#[tokio::test]
async fn every_refused_row_has_a_reason_and_writes_nothing() {
    let shop = Shop::open().await;
    shop.product(&["TAKEN"]).await;
    let gone = create_product(&shop.app, create(keyed("gone"), &["GONE"])).await.unwrap();
    let product_id = gone.product.unwrap().product_id;
    let delete = DeleteProductRequest { product_id, ..Default::default() };
    catalog::rpc::delete_product::delete_product(&shop.app, delete).await.unwrap();
    let with = |key: &str, change: fn(&mut ImportRow)| {
        let mut row = row(key, &format!("NEW-{key}"));
        change(&mut row);
        row
    };
    let cases: Vec<(ImportRow, &str, &str)> = vec![
        (row("", "NEW"), "INVALID_FIELD", "key"),
        (with("b", |row| row.title.clear()), "INVALID_FIELD", "title"),
        (with("c", |row| row.variants.clear()), "INVALID_FIELD", "variants"),
        (with("d", |row| row.variants[0].sku = "ü".into()), "INVALID_FIELD", "variants[0].sku"),
        (row("e", "TAKEN"), "SKU_TAKEN", "variants[0].sku"),
        (row("f", "GONE"), "SKU_TAKEN", "variants[0].sku"),
        (row("gone", "NEW-g"), "PRODUCT_KEY_TAKEN", "key"),
        (
            with("h", |row| row.category_keys = vec!["nope".into()]),
            "UNKNOWN_CATEGORY",
            "category_keys[0]",
        ),
        (
            with("i", |row| {
                row.brand = "Never".into();
                row.tier2_attributes = vec![text("never", "x"), text("Not A Code", "x")];
            }),
            "ATTRIBUTE_DEFINITION_INVALID",
            "tier2_attributes[1].code",
        ),
        (
            with("j", |row| row.tier2_attributes = vec![text("x", "a"), text("x", "b")]),
            "ATTRIBUTE_VALUE_INVALID",
            "tier2_attributes[1]",
        ),
        (
            with("k", |row| row.variants.push(variant("NEW-l", "red"))),
            "OPTIONS_TAKEN",
            "variants[1].tier1_attributes",
        ),
        (row("first", "NEW-m"), "PRODUCT_KEY_TAKEN", "key"),
        (row("n", "FIRST"), "SKU_TAKEN", "variants[0].sku"),
        (
            with("o", |row| row.specifications = Some(json(&"x".repeat(300_000), 1.0))),
            "EVENT_TOO_LARGE",
            "",
        ),
    ];
    let mut chunk = vec![row("first", "FIRST")];
    chunk.extend(cases.iter().map(|(row, ..)| row.clone()));
    let results = run(&shop, &skip(), vec![(1, chunk)]).await;
    let expected = i32::try_from(cases.len()).unwrap();
    assert_eq!(counts(&results[0]), [1, 0, 0, expected]);
    for (at, (refusal, (row, reason, path))) in results[0].refusals.iter().zip(&cases).enumerate() {
        assert_eq!((refusal.reason.as_str(), refusal.key.as_str()), (*reason, row.key.as_str()));
        assert_eq!(refusal.row, i32::try_from(at).unwrap() + 1);
        assert_eq!(refusal.fields.first().map_or("", String::as_str), *path, "{refusal:?}");
    }
    assert_eq!((shop.rows("brands").await, shop.rows("attributes").await), (0, 0));

    let strict =
        ImportStart { define_missing_attributes: false, create_missing_brands: false, ..skip() };
    let branded = ImportRow { brand: "Never".into(), ..row("p", "NEW-p") };
    let valued = ImportRow { tier2_attributes: vec![text("never", "x")], ..row("q", "NEW-q") };
    let results = run(&shop, &strict, vec![(1, vec![branded, valued])]).await;
    let reasons: Vec<_> =
        results[0].refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    assert_eq!(reasons, ["UNKNOWN_BRAND", "UNKNOWN_ATTRIBUTE"]);
    shop.close().await;
}

#[tokio::test]
async fn an_interrupted_import_resumes() {
    let shop = Shop::open().await;
    let import = skip();
    let results = run(&shop, &import, vec![(1, rows(0, 3)), (2, rows(3, 6))]).await;
    assert!(!results[1].replayed);
    let before = shop.all_rows().await;

    // The answer to the second chunk was lost, so the client sends it again.
    let (answers, fault) = send(&shop, Some(&import), vec![(2, rows(3, 6))]).await;
    assert!(fault.is_none());
    assert_eq!(committed(&answers[0]), 2);
    assert_eq!(
        answers[1],
        Answer::Chunk(ImportChunkResult { replayed: true, ..results[1].clone() })
    );
    assert_eq!(shop.all_rows().await, before);

    for (chunk, reason) in
        [((1, rows(0, 2)), Reason::ImportChanged), ((4, rows(6, 9)), Reason::ImportSequenceGap)]
    {
        let (_, fault) = send(&shop, Some(&import), vec![chunk]).await;
        let fault = fault.unwrap();
        assert!(fault.is(reason), "{fault}");
        if reason == Reason::ImportSequenceGap {
            assert_eq!(fault.metadata()["committed_sequence"], "2");
        }
    }
    let other = ImportStart { create_missing_brands: false, ..import.clone() };
    assert!(send(&shop, Some(&other), vec![]).await.1.unwrap().is(Reason::ImportChanged));
    let results = run(&shop, &import, vec![(3, rows(6, 9))]).await;
    assert_eq!(counts(&results[0]), [3, 0, 0, 0]);
    shop.close().await;
}

#[tokio::test]
async fn an_import_that_waits_for_its_next_chunk_does_not_block_shutdown() {
    let shop = Shop::open().await;
    let import = ImportProductsRequest { part: Some(Sent::Start(skip())) };
    let incoming = stream::iter([Ok(import)]).chain(stream::pending());
    let mut answers = Box::pin(import_products(shop.app.clone(), incoming));
    let started = answers.next().await.unwrap().unwrap();
    assert_eq!(committed(&started.part.unwrap()), 0);
    shop.app.stopping.cancel();
    let fault = Fault::answered(answers.next().await.unwrap().unwrap_err());
    assert!(fault.is(fault::Common::DependencyUnavailable), "{fault}");
    assert!(answers.next().await.is_none());
    shop.close().await;
}

#[tokio::test]
async fn a_stream_begins_with_exactly_one_start() {
    let shop = Shop::open().await;
    let (_, fault) = send(&shop, None, vec![(1, rows(0, 1))]).await;
    assert!(fault.unwrap().is(Reason::ImportNotStarted));
    let import = skip();
    let twice = [import.clone(), import.clone()]
        .map(|own| Ok(ImportProductsRequest { part: Some(Sent::Start(own)) }));
    let answers: Vec<_> = import_products(shop.app.clone(), stream::iter(twice)).collect().await;
    let fault = Fault::answered(answers.into_iter().nth(1).unwrap().unwrap_err());
    assert!(fault.is(Reason::ImportStartedTwice));
    for wrong in [Vec::new(), rows(0, 1_001)] {
        let (_, fault) = send(&shop, Some(&import), vec![(1, wrong)]).await;
        let fault = fault.unwrap();
        assert_eq!(
            (fault.reason(), fault.violations()[0].field.as_str()),
            ("INVALID_FIELD", "chunk.rows")
        );
    }
    assert_eq!(shop.rows("products").await, 0);
    shop.close().await;
}

#[tokio::test]
async fn under_stop_a_refused_row_rolls_its_chunk_back_and_ends_the_import() {
    let shop = Shop::open().await;
    let import = start(ImportErrorPolicy::Stop);
    let mut bad = rows(3, 6);
    bad[1].title.clear();
    let chunks = vec![(1, rows(0, 3)), (2, bad), (3, rows(6, 9))];
    let (answers, fault) = send(&shop, Some(&import), chunks).await;
    assert_eq!(answers.len(), 2);
    let fault = fault.unwrap();
    assert!(fault.is(Reason::ImportStopped));
    assert_eq!(fault.violations()[0].field, "chunk.rows[1].title");
    let metadata = fault.metadata();
    assert_eq!(
        (&*metadata["row"], &*metadata["key"], &*metadata["reason"]),
        ("1", "k4", "INVALID_FIELD")
    );
    assert_eq!(shop.rows("products").await, 3);
    // The corrected chunk is accepted at the same sequence.
    let results = run(&shop, &import, vec![(2, rows(3, 6))]).await;
    assert_eq!(counts(&results[0]), [3, 0, 0, 0]);
    shop.close().await;
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing() {
    let shop = Shop::open().await;
    run(&shop, &skip(), vec![(1, rows(0, 3))]).await;
    let before = shop.all_rows().await;
    let dry = ImportStart { dry_run: true, ..skip() };
    let mut chunk = rows(1, 5);
    chunk[0].title = "New".into();
    chunk[1].title.clear();
    chunk[2].brand = "Fresh".into();
    chunk[2].tier2_attributes = vec![text("fresh", "x")];
    let sent = vec![(1, chunk.clone()), (1, chunk.clone()), (2, rows(0, 1))];
    let results = run(&shop, &dry, sent).await;
    assert_eq!(counts(&results[0]), [2, 1, 0, 1]);
    assert_eq!(results[1], ImportChunkResult { replayed: true, ..results[0].clone() });
    assert_eq!(counts(&results[2]), [0, 0, 1, 0]);
    for (chunks, reason) in [
        (vec![(2, rows(0, 1))], Reason::ImportSequenceGap),
        (vec![(1, rows(0, 1)), (1, rows(0, 2))], Reason::ImportChanged),
    ] {
        assert!(send(&shop, Some(&dry), chunks).await.1.unwrap().is(reason));
    }
    let stop = ImportStart { on_error: ImportErrorPolicy::Stop.into(), ..dry };
    let (_, fault) = send(&shop, Some(&stop), vec![(1, chunk)]).await;
    assert!(fault.unwrap().is(Reason::ImportStopped));
    assert_eq!(shop.all_rows().await, before);
    shop.close().await;
}

#[tokio::test]
async fn concurrent_imports_and_creations_never_share_a_sku() {
    let shop = Shop::open().await;
    let by_key = |prefix: &str| -> Vec<ImportRow> {
        (0..30).map(|at| row(&format!("{prefix}{at}"), &format!("A-{at}"))).collect()
    };
    let (first, second) = (skip(), skip());
    let creators = async {
        for at in 0..30 {
            let _ = create_product(&shop.app, create(product(), &[&format!("A-{at}")])).await;
        }
    };
    let (left, right, ()) = tokio::join!(
        run(&shop, &first, vec![(1, by_key("l"))]),
        run(&shop, &second, vec![(1, by_key("r").into_iter().rev().collect())]),
        creators
    );
    for result in [&left[0], &right[0]] {
        assert_eq!(result.created + result.refused, 30);
        assert!(result.refusals.iter().all(|refusal| refusal.reason == "SKU_TAKEN"));
    }
    assert_eq!(shop.rows("variants").await, 30);
    assert_eq!(shop.rows("products").await, 30);
    shop.close().await;
}

#[tokio::test]
async fn two_streams_of_one_import_are_serialized() {
    let shop = Shop::open().await;
    let import = skip();
    let (left, right) = tokio::join!(
        run(&shop, &import, vec![(1, rows(0, 20))]),
        run(&shop, &import, vec![(1, rows(0, 20))])
    );
    assert!(left[0].replayed != right[0].replayed);
    assert_eq!((left[0].created, right[0].created), (20, 20));
    assert_eq!(shop.rows("products").await, 20);
    shop.close().await;
}

#[tokio::test]
async fn a_key_and_a_brand_are_found_in_any_spelling() {
    let shop = Shop::open().await;
    shop.brand("Acme").await;
    shop.category("Phones", "").await;
    let named = |key: &str, brand: &str, category: &str| ImportRow {
        brand: brand.into(),
        category_keys: vec![category.into()],
        ..row(key, "S-1")
    };
    let first = run(&shop, &skip(), vec![(1, vec![named("Desk", "ACME ", "phones")])]).await;
    assert_eq!(counts(&first[0]), [1, 0, 0, 0]);
    let again = run(&shop, &skip(), vec![(1, vec![named("desk", "acme", " PHONES")])]).await;
    assert_eq!(counts(&again[0]), [0, 1, 0, 0], "the spelling of the key changes");
    let again = run(&shop, &skip(), vec![(1, vec![named("desk ", "Acme", "Phones")])]).await;
    assert_eq!(counts(&again[0]), [0, 0, 1, 0]);
    let twice = vec![row("Lamp", "S-2"), row(" LAMP", "S-3")];
    assert_eq!(counts(&run(&shop, &skip(), vec![(1, twice)]).await[0]), [1, 0, 0, 1]);
    shop.close().await;
}
