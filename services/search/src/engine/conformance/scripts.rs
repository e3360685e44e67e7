//! Letters and scripts.

use super::Open;
use super::fixture::{Fixture, product};
use super::signs::check;
use super::text::found;

pub fn one_form_of_each_letter(open: &Open) {
    let fixture = &mut Fixture::new(open(), []);
    for (title, queries, others) in [
        ("Écran", &["e\u{301}cran", "ecran", "ÉCRANS"][..], &["acran"][..]),
        ("Müller Kühlschrank", &["muller", "mueller", "MÜLLER", "kuehlschrank"], &["moeller"]),
        ("Mueller", &["müller"], &["möller"]),
        ("Ёлка зелёная", &["елка", "ёлка", "зеленая"], &["ялка"]),
        ("май", &["МАЙ"], &["маи"]),
        ("إلكترونيات", &["الكترونيات", "إلـــكترونيات"], &["كتاب"]),
        ("کتاب فارسی", &["كتاب", "فارسي"], &["قلم"]),
        ("Straße", &["strasse", "STRASSE"], &["strase"]),
        ("ΣΟΦΟΣ", &["σοφός", "σοφος"], &["σοφα"]),
        ("Smørrebrød", &["smorrebrod", "smoerrebroed"], &["smarrebrad"]),
        ("Soft\u{ad}ware web\u{200b}cam", &["software", "webcam"], &["hardware"]),
        ("ＵＳＢ ｶﾒﾗ", &["usb", "カメラ"], &["レンズ"]),
        ("ısıtıcı", &["ISITICI", "isitici"], &["asatac"]),
    ] {
        check(fixture, &[title], queries, others);
    }
}

pub fn without_blanks(open: &Open) {
    let long = "超".repeat(400);
    let fixture = Fixture::new(
        open(),
        [
            product(1).titled("無線藍牙耳機"),
            product(2).titled("ワイヤレスイヤホン お茶"),
            product(3).titled("무선블루투스이어폰"),
            product(4).titled("หูฟังไร้สายบลูทูธ"),
            product(5).titled("iPhone手機殼"),
            product(6).titled(&format!("{long}薄型螢幕")),
            product(7).titled(&format!("{}z", "long".repeat(60))),
        ],
    );
    for (query, expected) in [
        ("耳機", "1"),
        ("藍牙", "1"),
        ("イヤホン", "2"),
        ("茶", "2"),
        ("이어폰", "3"),
        ("ไร้สาย", "4"),
        ("หูฟัง", "4"),
        ("手機", "5"),
        ("iphone", "5"),
        ("手機殼 iphone", "5"),
        ("螢幕", "6"),
        ("機耳", ""),
        ("จอภาพ", ""),
    ] {
        assert_eq!(found(&fixture, query), expected, "{query}");
    }
    assert_eq!(found(&fixture, &"long".repeat(60)), "7");
}
