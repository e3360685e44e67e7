//! Prices and stock come from their owners' events to what GetProduct shows.

use catalog_api::v1::{
    CategoryDraft, CreateCategoryRequest, CreateProductRequest, DisplayContext, GetProductRequest,
    ProductDetail, ProductDraft, ProductView, StockStatus, StockStatusChanged, Tier1Attributes,
    VariantDraft,
};
use contracts::types::v1::Money;
use pricing_api::v1::item::Name;
use pricing_api::v1::{DeletePriceRequest, Item, PriceDraft, PriceScope, SetPriceRequest};
use testkit::{Mesh, eventually};
use warehouse_api::v1::stock_update::Change;
use warehouse_api::v1::{
    CreateWarehouseRequest, ReserveRequest, StockUpdate, UpdateStockRequest,
    UpdateWarehouseRequest, WantedLine, WarehouseDraft, WarehouseStatus,
};

struct Shop {
    mesh: Mesh,
    product_id: String,
}

impl Shop {
    /// A product with variants A and B, in a category whose threshold is 5.
    async fn open() -> Self {
        let mesh = Mesh::boot(&[catalog::ROLE, pricing::ROLE, warehouse::ROLE]).await;
        let draft = CategoryDraft {
            key: "lamps".into(),
            name: "Lamps".into(),
            low_stock_threshold: Some(5),
            ..Default::default()
        };
        let request = CreateCategoryRequest { category: Some(draft), ..Default::default() };
        let made = mesh.catalog().create_category(request).await.unwrap().into_inner();
        let variant = |sku: &str| VariantDraft {
            sku: sku.into(),
            tier1_attributes: Some(Tier1Attributes { color: sku.into(), ..Default::default() }),
            ..Default::default()
        };
        let product = ProductDraft {
            title: "Lamp".into(),
            category_ids: vec![made.category.unwrap().category_id],
            ..Default::default()
        };
        let request = CreateProductRequest {
            product: Some(product),
            variants: vec![variant("A"), variant("B")],
            ..Default::default()
        };
        let made = mesh.catalog().create_product(request).await.unwrap().into_inner();
        Self { product_id: made.product.unwrap().product_id, mesh }
    }

    async fn detail(&self, country: &str) -> ProductDetail {
        let request = GetProductRequest {
            product_id: self.product_id.clone(),
            view: ProductView::Full.into(),
            context: Some(DisplayContext {
                currency_code: "USD".into(),
                country: country.into(),
                ..Default::default()
            }),
        };
        self.mesh.catalog().get_product(request).await.unwrap().into_inner().detail.unwrap()
    }

    async fn until(&self, what: &str, is: impl Fn(&ProductDetail) -> bool) -> ProductDetail {
        eventually(what, async || Some(self.detail("").await).filter(|own| is(own))).await
    }

    async fn warehouse(&self, code: &str) -> String {
        let draft = WarehouseDraft { code: code.into(), name: code.into(), ..Default::default() };
        let request = CreateWarehouseRequest { warehouse: Some(draft), ..Default::default() };
        let made = self.mesh.warehouse().create_warehouse(request).await.unwrap().into_inner();
        made.warehouse.unwrap().warehouse_id
    }

    async fn set(&self, sku: &str, warehouse_id: &str, units: i64) {
        let update = StockUpdate {
            sku: sku.into(),
            warehouse_id: warehouse_id.into(),
            change: Some(Change::Set(units)),
            ..Default::default()
        };
        let request = UpdateStockRequest { update: Some(update), ..Default::default() };
        self.mesh.warehouse().update_stock(request).await.unwrap();
    }

    async fn price(&self, sku: &str, cents: i64, scope: PriceScope) -> String {
        let money = |minor| Some(Money { currency_code: "USD".into(), minor_units: Some(minor) });
        let draft = PriceDraft {
            item: Some(Item { name: Some(Name::Sku(sku.into())) }),
            base: money(cents),
            scope: Some(scope),
            ..Default::default()
        };
        let request = SetPriceRequest { price: Some(draft), ..Default::default() };
        let set = self.mesh.pricing().set_price(request).await.unwrap().into_inner();
        set.price.unwrap().price_id
    }
}

fn amount(price: Option<&catalog_api::v1::DisplayPrice>) -> Option<i64> {
    price?.amount.as_ref()?.minor_units
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_page_shows_stock_and_prices_of_their_owners() {
    let shop = Shop::open().await;
    let before = shop.detail("").await;
    assert_eq!((before.variants.len(), before.stock_status()), (2, StockStatus::Unspecified));
    assert_eq!(before.price, None);
    let (first, second) = (shop.warehouse("W1").await, shop.warehouse("W2").await);
    shop.set("A", &first, 4).await;
    shop.set("A", &second, 3).await;
    shop.set("B", &first, 0).await;
    shop.price("A", 2_000, PriceScope::default()).await;
    let of_second = PriceScope { warehouse_id: second.clone(), ..Default::default() };
    let own = shop.price("A", 1_500, of_second).await;
    shop.price("B", 1_800, PriceScope::default()).await;

    let shown = shop
        .until("stock and prices are there", |own| {
            let variants = &own.variants;
            own.available == 7
                && own.price.is_some()
                && amount(variants[1].price.as_ref()).is_some()
                && variants[0].warehouses.iter().any(|at| amount(at.price.as_ref()) == Some(1_500))
        })
        .await;
    assert_eq!(amount(shown.price.as_ref()), Some(1_800), "of the cheapest variant");
    assert_eq!((shown.stock_status(), shown.low_stock_threshold), (StockStatus::InStock, 5));
    assert_eq!(shown.variants[1].stock_status(), StockStatus::OutOfStock);
    let general = shown.variants[0].warehouses.iter().find(|at| at.warehouse_id == first).unwrap();
    assert_eq!((general.available, amount(general.price.as_ref())), (4, Some(2_000)));

    // A general price changes every warehouse but the one with a price of its own.
    shop.price("A", 1_900, PriceScope::default()).await;
    let shown = shop
        .until("the new price", |own| amount(own.variants[0].price.as_ref()) == Some(1_900))
        .await;
    let at = |id: &str| shown.variants[0].warehouses.iter().find(|at| at.warehouse_id == id);
    assert_eq!(amount(at(&first).unwrap().price.as_ref()), Some(1_900));
    assert_eq!(amount(at(&second).unwrap().price.as_ref()), Some(1_500));
    let request = DeletePriceRequest { price_id: own, ..Default::default() };
    shop.mesh.pricing().delete_price(request).await.unwrap();
    shop.until("the general price everywhere", |own| {
        own.variants[0].warehouses.iter().all(|at| amount(at.price.as_ref()) == Some(1_900))
    })
    .await;
    shop.mesh.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_of_a_product_is_told_when_it_changes() {
    let shop = Shop::open().await;
    let id = shop.warehouse("W1").await;
    shop.set("A", &id, 8).await;
    let first: StockStatusChanged = shop.mesh.published(&shop.product_id, 1).await;
    let stock = first.stock.unwrap();
    assert_eq!(
        (stock.status(), stock.previous_status()),
        (StockStatus::InStock, StockStatus::Unspecified)
    );
    // A cart holds three: five are left, which is low in this category.
    let request = ReserveRequest {
        owner_id: "cart".into(),
        lines: vec![WantedLine { sku: "A".into(), quantity: 3, ..Default::default() }],
        ..Default::default()
    };
    shop.mesh.warehouse().reserve(request).await.unwrap();
    let low: StockStatusChanged = shop.mesh.published(&shop.product_id, 2).await;
    let stock = low.stock.unwrap();
    assert_eq!((stock.status(), stock.total, stock.threshold), (StockStatus::LowStock, 5, 5));

    // What a warehouse has that ships nothing is for nobody.
    let request = UpdateWarehouseRequest {
        warehouse_id: id,
        warehouse: Some(WarehouseDraft {
            status: WarehouseStatus::Inactive.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status".into()] }),
        ..Default::default()
    };
    shop.mesh.warehouse().update_warehouse(request).await.unwrap();
    let gone: StockStatusChanged = shop.mesh.published(&shop.product_id, 3).await;
    assert_eq!(gone.stock.unwrap().status(), StockStatus::OutOfStock);
    let shown = shop.detail("").await;
    assert_eq!((shown.available, shown.variants[0].warehouses.len()), (0, 0));
    assert_eq!(shown.variants[0].stock_status(), StockStatus::OutOfStock);
    shop.mesh.finish().await;
}
