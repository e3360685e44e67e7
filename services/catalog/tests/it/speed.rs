use crate::shop::{Shop, text, value, variant};
use catalog::rpc::import_products::import_products;
use contracts::catalog::v1::attribute_value::Value;
use contracts::catalog::v1::import_products_request::Part as Sent;
use contracts::catalog::v1::*;
use futures::{StreamExt, stream};
use std::time::Instant;

fn chunk(from: usize, title: &str) -> Vec<ImportRow> {
    (from..from + 1000)
        .map(|at| {
            let mut values: Vec<_> = (0..13)
                .map(|n| text(&format!("text_{n}"), &format!("value {}", (at * 7 + n) % 50)))
                .collect();
            values.extend(
                (0..5).map(|n| {
                    value(&format!("number_{n}"), Value::Number(at as f64 / 3.0 + n as f64))
                }),
            );
            values.push(value("flag", Value::Boolean(at % 2 == 0)));
            values.push(value(
                "list",
                Value::Texts(TextList { values: vec!["a".into(), format!("{}", at % 9)] }),
            ));
            ImportRow {
                key: format!("k{at}"),
                title: format!("{title} {at}"),
                description: "lorem ipsum ".repeat(20),
                brand: format!("brand {}", at % 100),
                tier2_attributes: values,
                specifications: Some(crate::shop::json("x", at as f64)),
                variants: vec![variant(&format!("S-{at}"), "red")],
                ..Default::default()
            }
        })
        .collect()
}

async fn go(shop: &Shop, title: &str, dry_run: bool) {
    let start = ImportStart {
        import_id: crate::shop::uuid(),
        on_error: ImportErrorPolicy::Skip.into(),
        dry_run,
        define_missing_attributes: true,
        create_missing_brands: true,
    };
    let mut sent = vec![Sent::Start(start)];
    for n in 0..5 {
        sent.push(Sent::Chunk(ImportChunk {
            sequence: n + 1,
            rows: chunk(n as usize * 1000, title),
        }));
    }
    let sent: Vec<_> =
        sent.into_iter().map(|part| Ok(ImportProductsRequest { part: Some(part) })).collect();
    let began = Instant::now();
    let answers: Vec<_> = import_products(shop.app.clone(), stream::iter(sent)).collect().await;
    let took = began.elapsed();
    for answer in answers {
        if let import_products_response::Part::Chunk(result) = answer.unwrap().part.unwrap() {
            print!(
                "{} {} {} {}; ",
                result.created, result.updated, result.unchanged, result.refused
            );
        }
    }
    println!("{title} dry={dry_run}: {:.0}/s", 5000.0 / took.as_secs_f64());
}

#[tokio::test]
async fn speed() {
    let shop = Shop::open().await;
    go(&shop, "First", true).await;
    go(&shop, "First", false).await;
    go(&shop, "First", false).await;
    go(&shop, "Second", false).await;
    for kind in [AggregateType::Product, AggregateType::Variant] {
        let began = Instant::now();
        let request =
            ListVersionsRequest { r#type: kind.into(), page_size: 5000, ..Default::default() };
        let n = catalog::rpc::list_versions::list_versions(&shop.app, request)
            .await
            .unwrap()
            .versions
            .len();
        println!("{n} versions {:?}", began.elapsed());
    }
    let began = Instant::now();
    let request = ResolveItemsRequest {
        skus: (0..1000).map(|n| format!("S-{n}")).collect(),
        product_ids: vec![],
    };
    catalog::rpc::resolve_items::resolve_items(&shop.app, request).await.unwrap();
    println!("resolve 1000 {:?}", began.elapsed());
    shop.close().await;
}
