use crate::domain::entry::Section;
use crate::index::Index;
use crate::store::cards::Cards;
use mesh::Paging;
use mesh::reconcile::Owner;
use pg::Db;
use uuid::Uuid;

/// Dependencies of search.
#[derive(Clone)]
pub struct App {
    /// Its own database.
    pub db: Db,
    /// The index of this replica.
    pub index: Index,
    /// What hits show.
    pub cards: Cards,
    /// Names this replica among the others.
    pub replica_id: Uuid,
    /// Owner of products, variants, categories, brands and attributes.
    pub catalog: Owner,
    /// Owner of prices.
    pub pricing: Owner,
    /// Owner of stock and warehouses.
    pub warehouse: Owner,
    /// Page tokens.
    pub paging: Paging,
}

impl App {
    /// The owner of what a section copies.
    pub fn owner(&self, section: Section) -> &Owner {
        match section {
            Section::Price => &self.pricing,
            Section::Stock | Section::Warehouse => &self.warehouse,
            _ => &self.catalog,
        }
    }
}
