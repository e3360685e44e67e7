//! The database of one test, and helpers that fill it.

use catalog::App;
use catalog::rpc::create_brand::create_brand;
use catalog::rpc::create_category::create_category;
use catalog::rpc::create_product::create_product;
use catalog::rpc::define_attribute::define_attribute;
use catalog_api::v1::attribute_value::Value;
use catalog_api::v1::{
    Attribute, AttributeDraft, AttributeType, AttributeValue, Brand, Category, CategoryDraft,
    CreateBrandRequest, CreateCategoryRequest, CreateProductRequest, CreateProductResponse,
    DefineAttributeRequest, ProductDraft, Tier1Attributes, VariantDraft,
};
use contracts::Event;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::RunQueryDsl;
use fault::Fault;
use pg::{Db, Settings, provision};
use prost_types::value::Kind;
use prost_types::{FieldMask, Struct, Value as Json};
use secrecy::SecretString;
use testbed::{Servers, Template};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Catalog with a database of its own. [`Shop::close`] drops the database; a failed test keeps it
/// for inspection.
pub struct Shop {
    pub app: App,
    superuser: SecretString,
    database: String,
}

/// An event in the outbox.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct OutboxEvent {
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    #[diesel(sql_type = Binary)]
    pub payload: Vec<u8>,
}

impl OutboxEvent {
    pub fn read<E: Event>(&self) -> E {
        assert_eq!(self.subject, E::SUBJECT);
        E::decode(self.payload.as_slice()).unwrap()
    }
}

pub const TABLES: [&str; 11] = [
    "attributes",
    "brands",
    "categories",
    "products",
    "product_keys",
    "product_categories",
    "variants",
    "product_attribute_values",
    "imports",
    "import_chunks",
    "outbox",
];

impl Shop {
    pub async fn open() -> Self {
        let servers = Servers::up().await;
        let database = format!("test_catalog_{}", Uuid::now_v7().simple());
        let template = Template::of_service("catalog", catalog::ROLE.migrations.unwrap());
        let url = servers.database(&template, &database).await;
        let superuser = servers.superuser;
        let db = Db::new(catalog::ROLE.name, Settings::of(url)).unwrap();
        let paging = mesh::Paging::new(&mesh::config::Page::default());
        let app = App {
            db,
            paging,
            stopping: CancellationToken::new(),
            low_stock_threshold: 10,
            stock_due: Default::default(),
            list_due: Default::default(),
            cached: mesh::Cached::new("catalog", 1_000_000, None, None),
        };
        Self { app, superuser, database }
    }

    pub async fn close(self) {
        drop(self.app);
        provision::drop(&self.superuser, &self.database).await.unwrap();
    }

    /// Creates a product with these variants, each of another color.
    pub async fn product(&self, skus: &[&str]) -> CreateProductResponse {
        create_product(&self.app, create(product(), skus)).await.unwrap()
    }

    pub async fn brand(&self, name: &str) -> Brand {
        let request = CreateBrandRequest { name: name.into(), ..Default::default() };
        create_brand(&self.app, request).await.unwrap().brand.unwrap()
    }

    pub async fn category(&self, key: &str, parent: &str) -> Category {
        self.try_category(key, parent).await.unwrap()
    }

    pub async fn try_category(&self, key: &str, parent: &str) -> Result<Category, Fault> {
        let request =
            CreateCategoryRequest { category: Some(category(key, parent)), ..Default::default() };
        Ok(create_category(&self.app, request).await?.category.unwrap())
    }

    pub async fn define(&self, draft: AttributeDraft) -> Result<Attribute, Fault> {
        let request = DefineAttributeRequest { attribute: Some(draft), ..Default::default() };
        Ok(define_attribute(&self.app, request).await?.attribute.unwrap())
    }

    /// All events of the outbox, in order.
    pub async fn outbox(&self) -> Vec<OutboxEvent> {
        let all = "select subject, key, version, payload from outbox order by seq";
        self.app
            .db
            .read("test", async |tx| Ok(sql_query(all).load(tx.conn()).await?))
            .await
            .unwrap()
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        self.count(&format!("select count(*) as count from {table}")).await
    }

    /// What a query with the column `count` counts.
    pub async fn count(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let count: Count = self
            .app
            .db
            .read("test", async |tx| Ok(sql_query(sql).get_result(tx.conn()).await?))
            .await
            .unwrap();
        count.count
    }

    /// How many rows every table has.
    pub async fn all_rows(&self) -> Vec<(&'static str, i64)> {
        let mut all = Vec::new();
        for table in TABLES {
            all.push((table, self.rows(table).await));
        }
        all
    }
}

pub fn product() -> ProductDraft {
    ProductDraft { title: "Phone".into(), ..Default::default() }
}

pub fn keyed(key: &str) -> ProductDraft {
    ProductDraft { key: key.into(), ..product() }
}

pub fn create(product: ProductDraft, skus: &[&str]) -> CreateProductRequest {
    let variants = skus.iter().enumerate();
    CreateProductRequest {
        product: Some(product),
        variants: variants.map(|(at, sku)| variant(sku, &format!("color {at}"))).collect(),
        ..Default::default()
    }
}

pub fn variant(sku: &str, color: &str) -> VariantDraft {
    let tier1 = Tier1Attributes { color: color.into(), weight_grams: 100, ..Default::default() };
    VariantDraft { sku: sku.into(), tier1_attributes: Some(tier1), ..Default::default() }
}

pub fn category(key: &str, parent: &str) -> CategoryDraft {
    CategoryDraft {
        key: key.into(),
        name: key.to_uppercase(),
        parent_id: parent.into(),
        ..Default::default()
    }
}

pub fn attribute(code: &str, kind: AttributeType) -> AttributeDraft {
    AttributeDraft {
        code: code.into(),
        r#type: kind.into(),
        name: code.into(),
        ..Default::default()
    }
}

pub fn value(code: &str, value: Value) -> AttributeValue {
    AttributeValue { code: code.into(), value: Some(value) }
}

pub fn text(code: &str, text: &str) -> AttributeValue {
    value(code, Value::Text(text.into()))
}

pub fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

pub fn json(key: &str, number: f64) -> Struct {
    Struct { fields: [(key.to_owned(), Json { kind: Some(Kind::NumberValue(number)) })].into() }
}

pub fn uuid() -> String {
    Uuid::now_v7().to_string()
}

/// Path of the first invalid field.
pub fn field(fault: &Fault) -> &str {
    &fault.violations()[0].field
}
