//! Singular and plural of regular English nouns are one word: Harman's S-stemmer, extended by the plurals that take more than an `s`.
//! On the icecat judgments it beats Porter's, which takes too much off product names. What is left of a word need not be one: `case` and `cases` both become
//! `cas`; it matters only that the two become the same and that others do not.

/// Cuts a word in lower case down to what its singular and its plural share.
pub fn cut(word: &mut String) {
    if !word.is_ascii() || word.len() < 3 {
        return;
    }
    match word.strip_suffix("es") {
        // A plural that is heard as a syllable of its own: `watches`, `lenses`. What is left may still end as a plural does.
        Some(rest) if ends_in_sibilant(rest) => {
            word.truncate(rest.len());
            one_z(word);
            cut_s(word);
        }
        Some(rest) if rest.len() > 2 && rest.ends_with('i') => replace_end(word, 3, "y"),
        _ => cut_s(word),
    }
    cut_e(word);
}

/// The endings that a singular has and its plural does not show: `knife`, `cookie`, `case`, `potatoe`.
fn cut_e(word: &mut String) {
    let Some(rest) = word.strip_suffix('e') else { return };
    let long = word.len() > 3;
    if ends_in_sibilant(rest) {
        word.pop();
        one_z(word);
        cut_s(word);
    } else if long && (rest.ends_with('v') || rest.ends_with('f')) {
        replace_end(word, 2, "f");
    } else if long && rest.ends_with('i') {
        replace_end(word, 2, "y");
    } else if word.len() > 4 && rest.ends_with('o') {
        word.pop();
    }
}

/// The ending of most plurals, unless it belongs to the word: `bus`, `glass`, `chassis`, `gas`.
fn cut_s(word: &mut String) {
    let Some(rest) = word.strip_suffix('s') else { return };
    let belongs = rest.ends_with(['s', 'u', 'i']);
    let is_short = rest.len() < 2 || (rest.len() == 2 && rest.ends_with(['a', 'e', 'o']));
    if !belongs && !is_short {
        word.pop();
    }
}

fn ends_in_sibilant(word: &str) -> bool {
    word.len() > 1 && ["s", "sh", "ch", "x", "z"].iter().any(|end| word.ends_with(end))
}

/// `quizzes` are more than one `quiz`.
fn one_z(word: &mut String) {
    if word.ends_with("zz") {
        word.pop();
    }
}

fn replace_end(word: &mut String, count: usize, end: &str) {
    word.truncate(word.len().saturating_sub(count));
    word.push_str(end);
}

#[cfg(test)]
mod tests {
    fn cut(word: &str) -> String {
        let mut word = word.to_owned();
        super::cut(&mut word);
        word
    }

    /// 200 nouns of shops with their plurals; one that only takes an `s` stands alone.
    const NOUNS: &str = "
        shoe watch/watches dress/dresses lens/lenses laptop battery/batteries case drive box/boxes brush/brushes
        glass/glasses knife/knives shelf/shelves cable charger headphone speaker camera tripod printer toner cartridge
        keyboard mouse monitor screen adapter switch/switches router modem tablet phone cover sleeve glove scarf/scarves
        hat cap coat jacket shirt blouse skirt jean sock boot sandal sneaker slipper belt tie bag backpack suitcase
        wallet purse umbrella sunglass/sunglasses ring necklace bracelet earring brooch/brooches perfume lipstick cream
        lotion shampoo soap toothbrush/toothbrushes towel blanket pillow mattress/mattresses sheet duvet curtain rug
        carpet lamp bulb candle vase mirror clock frame picture poster chair table desk sofa couch/couches bed wardrobe
        drawer cupboard bookcase bench/benches stool hammer drill saw wrench/wrenches screw screwdriver nail bolt nut
        hinge lock key axe spade rake hose bucket ladder paint tape glue rope chain hook toolbox/toolboxes torch/torches
        fuse plug socket fan heater kettle toaster blender mixer oven fridge freezer dishwasher microwave stove
        dish/dishes plate bowl cup mug spoon fork pan pot lid tray jug bottle can jar tin basket bin broom mop sponge
        vacuum iron toy doll puzzle game ball kite bike bicycle scooter skateboard helmet tent rucksack racket
        dumbbell book magazine calendar pen pencil marker eraser ruler notebook folder envelope stamp cookie cake pie
        biscuit potato/potatoes tomato/tomatoes cherry/cherries berry/berries peach/peaches grape nut radish/radishes
        coffee tea juice wine beer cheese sausage egg bus/buses tyre wiper accessory/accessories body/bodies baby/babies
        pouch/pouches leash/leashes cage quiz/quizzes hoodie movie video radio photo piano tissue headache gas/gases
        license house horse";

    #[test]
    fn singular_and_plural_of_what_shops_sell_are_one_word() {
        let nouns: Vec<(String, String)> = NOUNS
            .split_whitespace()
            .map(|noun| match noun.split_once('/') {
                Some((one, many)) => (one.to_owned(), many.to_owned()),
                None => (noun.to_owned(), format!("{noun}s")),
            })
            .collect();
        assert!(nouns.len() >= 200, "{}", nouns.len());
        for (one, many) in &nouns {
            assert_eq!(cut(one), cut(many), "{one} and {many}");
        }
        let mut kinds: Vec<String> = nouns.iter().map(|(one, _)| cut(one)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut different: Vec<&String> = nouns.iter().map(|(one, _)| one).collect();
        different.sort_unstable();
        different.dedup();
        assert_eq!(kinds.len(), different.len(), "no two of them become one");
    }

    #[test]
    fn what_is_no_plural_stays_as_it_is() {
        for word in
            ["bus", "glass", "wireless", "us", "s", "gas", "chassis", "tennis", "virus", "écrans"]
        {
            assert_eq!(cut(word), word);
        }
        assert_eq!(cut("tvs"), "tv");
        assert_eq!(cut("pcs"), "pc");
    }
}
