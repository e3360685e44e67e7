//! Words that many kinds of products share.

/// A color and its code in SKUs.
pub type Color = (&'static str, &'static str);

/// Colors of things.
pub const COLORS: [Color; 12] = [
    ("Black", "BLK"),
    ("White", "WHT"),
    ("Silver", "SLV"),
    ("Graphite", "GPH"),
    ("Navy", "NVY"),
    ("Sky Blue", "SKY"),
    ("Forest Green", "FGR"),
    ("Olive", "OLV"),
    ("Burgundy", "BUR"),
    ("Coral", "COR"),
    ("Sand", "SND"),
    ("Mustard", "MUS"),
];

/// Last sentences of descriptions, for all kinds.
pub const CLOSING_SENTENCES: [&str; 8] = [
    "Spare parts are kept for ten years.",
    "Packed without plastic.",
    "Comes with a two-year warranty.",
    "A favorite of returning customers.",
    "Tested in our own workshop.",
    "Easy to clean and made to last.",
    "Designed to be repaired rather than replaced.",
    "Ships ready to use.",
];

/// Genders of clothes.
pub const GENDERS: [&str; 3] = ["Women", "Men", "Unisex"];
