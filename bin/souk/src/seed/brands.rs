//! Invented brands, so that the sample shop contains no statements about real ones.

/// Twelve brands for each department.
pub fn of(department: &str) -> &'static [&'static str] {
    match department {
        "electronics" => &ELECTRONICS,
        "home" => &HOME,
        "fashion" => &FASHION,
        "sports" => &SPORTS,
        _ => &WORKSHOP,
    }
}

/// All brands.
pub fn all() -> impl Iterator<Item = &'static str> {
    [ELECTRONICS, HOME, FASHION, SPORTS, WORKSHOP].into_iter().flatten()
}

/// Code of a brand in SKUs, unique among all brands.
pub fn code(brand: &str) -> String {
    brand.chars().take(3).collect::<String>().to_ascii_uppercase()
}

const ELECTRONICS: [&str; 12] = [
    "Aurora", "Belmont", "Corvex", "Dynavo", "Elystra", "Fonica", "Gridwell", "Halcyon", "Ionica",
    "Juniq", "Kestrel", "Lumora",
];
const HOME: [&str; 12] = [
    "Maplewick",
    "Norrland",
    "Oakhaven",
    "Pantrine",
    "Quillon",
    "Rosendal",
    "Stillwater",
    "Tavola",
    "Umbrio",
    "Velmont",
    "Wickerby",
    "Yarrow",
];
const FASHION: [&str; 12] = [
    "Alderton", "Brisa", "Calluna", "Dovetail", "Everly", "Fjordan", "Gossamer", "Harrow",
    "Indira", "Jolie", "Kindred", "Linnea",
];
const SPORTS: [&str; 12] = [
    "Altimo",
    "Basecraft",
    "Cairnwell",
    "Driftline",
    "Escarpa",
    "Firn",
    "Glacis",
    "Highmoor",
    "Isarn",
    "Jorvik",
    "Kolibri",
    "Lodestar",
];
const WORKSHOP: [&str; 12] = [
    "Anvilor",
    "Boltwright",
    "Cogswell",
    "Drumlin",
    "Edgeline",
    "Ferrum",
    "Gantry",
    "Hammerstone",
    "Ironbark",
    "Jigsmith",
    "Knurl",
    "Lathemark",
];
