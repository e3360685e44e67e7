//! Signs inside and at the end of words.

use super::Open;
use super::fixture::{Fixture, product};
use super::text::found;
use crate::engine::Change;

/// Each title is found by each query, and by none of the others.
pub fn check(fixture: &mut Fixture, titles: &[&str], queries: &[&str], others: &[&str]) {
    fixture.change((1..9).map(|number| Change::Remove(product(number).product_id)));
    fixture.put((1..).zip(titles).map(|(number, title)| product(number).titled(title)));
    let every = (1..=titles.len()).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
    for query in queries {
        assert_eq!(found(fixture, query), every, "{query}");
    }
    for query in others {
        assert_eq!(found(fixture, query), "", "{query}");
    }
}

pub fn inside_words(open: &Open) {
    let fixture = &mut Fixture::new(open(), []);
    let all = ["Sony WH-1000XM4", "Sony wh1000xm4", "Sony WH 1000 XM4", "Sony WH_1000-XM4"];
    check(
        fixture,
        &all,
        &["WH-1000XM4", "wh1000xm4", "WH 1000 XM4", "wh 1000xm4"],
        &["wh-1000xm5"],
    );
    let all = ["T-Shirt", "tshirt", "T Shirts", "t\u{2011}shirt"];
    check(fixture, &all, &["t-shirt", "TSHIRTS", "t shirt"], &["y-shirt"]);
    let all = ["Wi-Fi", "WiFi", "wi\u{2010}fi"];
    check(fixture, &all, &["wi-fi", "wifi", "Wi Fi"], &["hi-fi"]);
    let all = ["16 GB", "16GB", "16-GB"];
    check(fixture, &all, &["16 GB", "16gb"], &["61gb", "16tb"]);
    check(fixture, &["Node.js", "NodeJS"], &["node.js", "nodejs"], &["deno.js"]);
}

pub fn that_make_a_word(open: &Open) {
    let fixture = &mut Fixture::new(open(), []);
    check(fixture, &["Learn C++ now"], &["c++", "C++"], &["c", "c#", "+"]);
    check(fixture, &["Learn C# now"], &["c#"], &["c", "c++", "#"]);
    check(fixture, &["Case by AT&T"], &["at&t", "AT&T", "att"], &["at", "t", "&"]);
    let all = ["L'Oréal", "L\u{2019}Oreal", "LOREAL"];
    check(fixture, &all, &["l'oréal", "loreal", "L\u{b4}OREAL"], &["l", "d'oréal"]);
    check(fixture, &["Galaxy S20+"], &["s20+", "galaxy s20"], &["s21+", "20"]);
    check(fixture, &["H&M coat"], &["h&m", "H&M"], &["h", "m"]);
}

pub fn in_numbers(open: &Open) {
    let fixture = &mut Fixture::new(open(), []);
    let all = ["Screen 15.6", "Screen 15,6", "Screen 15.6\"", "Screen (15,6\u{2033})"];
    check(fixture, &all, &["15.6", "15,6", "15.6\"", "screen 15.6"], &["6.15", "156", "5.6", "6"]);
    check(fixture, &["Ratio 16:9"], &["16:9"], &["9:16", "169"]);
    check(
        fixture,
        &["Pack of 1,000", "Pack of 1000"],
        &["1000", "1,000", "1.000"],
        &["100", "1.001"],
    );
    check(fixture, &["١٥ inch", "15 inch", "１５ inch"], &["15", "١٥"], &["51"]);
}
