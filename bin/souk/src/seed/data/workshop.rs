use crate::seed::kinds::{Axis, Fact, Kind};

/// Kinds of this department.
pub const KINDS: [Kind; 2] = [
    Kind {
        key: "drills",
        name: "Drills",
        code: "DRL",
        group: "power-tools",
        series: &["Torque", "Ram", "Mason", "Spindle"],
        nouns: &["Cordless Drill", "Hammer Drill", "Impact Driver"],
        axis: Axis::Steps("capacity_mah", &[2000, 4000, 6000]),
        dollars: (49, 449),
        grams: (900, 3200),
        materials: &[],
        facts: &[
            ("voltage", Fact::Measure(108, 360)),
            ("torque_nm", Fact::Number(25, 150)),
            ("brushless", Fact::Flag(60)),
            ("chuck", Fact::Choice(&["10 mm", "13 mm", "Bit holder"])),
            ("case_included", Fact::Flag(70)),
        ],
        sentences: &[
            "The {} drives long screws without a pause.",
            "A bright light shows where the bit meets the wood.",
            "The {} sits well in the hand, also overhead.",
        ],
    },
    Kind {
        key: "saws",
        name: "Saws",
        code: "SAW",
        group: "power-tools",
        series: &["Kerf", "Timber", "Ripper", "Bevel"],
        nouns: &["Circular Saw", "Jigsaw", "Miter Saw"],
        axis: Axis::Color,
        dollars: (59, 699),
        grams: (1900, 16000),
        materials: &[],
        facts: &[
            ("power", Fact::Measure(5000, 22000)),
            ("blade_mm", Fact::Number(85, 305)),
            ("cutting_depth", Fact::Measure(40, 110)),
            ("brushless", Fact::Flag(45)),
            ("guide", Fact::Choice(&["Laser", "Rail", "Parallel fence"])),
            ("case_included", Fact::Flag(50)),
        ],
        sentences: &[
            "The {} cuts true, with little dust.",
            "Angles lock at the usual degrees.",
            "The {} starts softly and stops at once.",
        ],
    },
];
