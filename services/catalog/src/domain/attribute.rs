//! Definitions of attributes: what a value must be like.

use super::kind::Kind;
use catalog_api::v1::Reason;
use chrono::{DateTime, Utc};
use convert::Fields;
use fault::Fault;
use kernel::head::{Change, Changed, Head};
use kernel::id::Id;
use kernel::name::fold;
use regex::{Regex, RegexBuilder};
use std::collections::HashSet;

/// The definition of an attribute with its history. Its code and kind never change: with others it is another definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its id, version and instants.
    pub head: Head<Attribute>,
    /// What was defined.
    pub definition: Definition,
}

/// The definition that a caller sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Code that values name.
    pub code: String,
    /// Type of its values.
    pub r#type: Type,
    /// Name as customers read it.
    pub name: String,
    /// Unit of a measurement; empty for every other type.
    pub unit: String,
    /// The allowed values of an enum; an empty list of a multi-enum allows every text.
    pub allowed_values: Vec<String>,
    /// Variants of one product differ by it.
    pub variant_defining: bool,
    /// Search may filter by it.
    pub filterable: bool,
    /// Search may count it as a facet.
    pub facetable: bool,
    /// Its text is searched.
    pub searchable: bool,
    /// Listings may be sorted by it.
    pub sortable: bool,
    /// Product cards show it.
    pub show_in_card: bool,
    /// Rules for its values.
    pub rules: Rules,
}

/// Rules for the values of an attribute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Least number, or least length of a text.
    pub min: Option<f64>,
    /// Greatest number, or greatest length of a text.
    pub max: Option<f64>,
    /// Regular expression that a whole text must match; empty: none.
    pub pattern: String,
}

/// Type of an attribute. Several types take the same kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Free text.
    Text,
    /// A number without a unit.
    Number,
    /// Yes or no.
    Bool,
    /// One of the allowed values.
    Enum,
    /// Several of the allowed values.
    MultiEnum,
    /// A calendar day.
    Date,
    /// A color's name.
    Color,
    /// A size's name.
    Size,
    /// An amount of money.
    Money,
    /// A number in the unit of the definition.
    Measurement,
    /// The key of something kept elsewhere.
    Reference,
    /// A text in several languages.
    Localized,
    /// Anything.
    Json,
}

impl Type {
    /// Every type, with the name that it has in the database.
    pub const NAMES: [(Self, &'static str); 13] = [
        (Self::Text, "text"),
        (Self::Number, "number"),
        (Self::Bool, "bool"),
        (Self::Enum, "enum"),
        (Self::MultiEnum, "multi_enum"),
        (Self::Date, "date"),
        (Self::Color, "color"),
        (Self::Size, "size"),
        (Self::Money, "money"),
        (Self::Measurement, "measurement"),
        (Self::Reference, "reference"),
        (Self::Localized, "localized"),
        (Self::Json, "json"),
    ];

    /// The kind of value that it takes.
    pub fn kind(self) -> Kind {
        match self {
            Self::Text | Self::Enum | Self::Color | Self::Size | Self::Reference => Kind::Text,
            Self::Number | Self::Measurement => Kind::Number,
            Self::Bool => Kind::Bool,
            Self::MultiEnum => Kind::Texts,
            Self::Date => Kind::Date,
            Self::Money => Kind::Money,
            Self::Localized => Kind::Localized,
            Self::Json => Kind::Json,
        }
    }

    /// The type of a definition that is made for a first value, of which nothing more is known.
    pub fn plain(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Number => Self::Number,
            Kind::Bool => Self::Bool,
            Kind::Date => Self::Date,
            Kind::Texts => Self::MultiEnum,
            Kind::Money => Self::Money,
            Kind::Localized => Self::Localized,
            Kind::Json => Self::Json,
        }
    }

    /// Whether search can filter by its values.
    pub fn is_filterable(self) -> bool {
        !matches!(self, Self::Localized | Self::Json)
    }

    /// Whether search can count its values.
    pub fn is_facetable(self) -> bool {
        !matches!(self, Self::Localized | Self::Json | Self::Money)
    }

    /// Whether its values are texts that search can find.
    pub fn is_searchable(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Enum | Self::MultiEnum | Self::Color | Self::Size | Self::Localized
        )
    }

    /// Whether variants can differ by its values.
    pub fn is_defining(self) -> bool {
        !matches!(self, Self::Localized | Self::Json | Self::Money)
    }

    /// The name that it has in the database.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The type of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, own)| *own == name).map(|(own, _)| *own)
    }
}

/// What values exist of a definition that is to be changed.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    /// Some product or variant has a value.
    pub any: bool,
    /// Some variant has a value.
    pub by_variants: bool,
    /// Texts that something has and that the change would not allow.
    pub outside: Outside,
}

/// Texts that something has and that a definition does not allow.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// The first of them.
    pub some: Vec<String>,
    /// How many there are.
    pub count: i64,
}

impl Attribute {
    /// A definition under a code and kind that have none.
    pub fn define(
        id: Id<Self>,
        definition: Definition,
        now: DateTime<Utc>,
    ) -> Result<(Self, Change), Fault> {
        definition.check()?;
        Ok((Self { head: Head::new(id, now), definition }, Change::Created))
    }

    /// Changes the definition. Existing values keep their meaning: unit and type cannot change while there are any, but for texts,
    /// which may become those of another type; an allowed value that is in use cannot be removed, and variants must remain
    /// distinct. Other rules apply to what is written from then on.
    pub fn redefine(
        &mut self,
        definition: Definition,
        uses: &Uses,
        expected: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Change>, Fault> {
        self.head.expect(expected)?;
        definition.check()?;
        self.guard(&definition, uses)?;
        let mut changed = Changed::default();
        changed.set("definition", &mut self.definition, definition);
        Ok(self.head.update(changed, now))
    }

    /// Renames an allowed text; `is_complete`: nothing has the old one any more. Until then both are allowed.
    pub fn rename_allowed(
        &mut self,
        from: &str,
        to: &str,
        is_complete: bool,
        now: DateTime<Utc>,
    ) -> Option<Change> {
        let mut allowed = self.definition.allowed_values.clone();
        if let Some(place) = allowed.iter().position(|own| own == from) {
            if !allowed.iter().any(|own| own == to) {
                allowed.insert(place + 1, to.to_owned());
            }
            if is_complete {
                allowed.remove(place);
            }
        }
        let mut definition = self.definition.clone();
        definition.allowed_values = allowed;
        let mut changed = Changed::default();
        changed.set("definition", &mut self.definition, definition);
        self.head.update(changed, now)
    }

    fn guard(&self, new: &Definition, uses: &Uses) -> Result<(), Fault> {
        let old = &self.definition;
        let mut fields = Fields::default();
        let mut refuse = |path, message: &str| fields.note(Reason::AttributeInUse, path, message);
        let both_texts = [old, new].iter().all(|own| own.r#type.kind() == Kind::Text);
        if uses.any && old.r#type != new.r#type && !both_texts {
            refuse("attribute.type", "cannot change while values exist");
        }
        if uses.any && old.unit != new.unit {
            refuse("attribute.unit", "cannot change while values exist");
        }
        if uses.by_variants && old.variant_defining != new.variant_defining {
            refuse("attribute.variant_defining", "cannot change while a variant has a value");
        }
        for text in &uses.outside.some {
            let message = format!("must allow {text:?} while something has it, or rename it");
            refuse("attribute.allowed_values", &message);
        }
        fields.finish().map_err(|fault| match uses.outside.count {
            0 => fault,
            count => fault.with("values", count),
        })
    }
}

impl Definition {
    /// What is known of an attribute by its first value alone.
    pub fn plain(code: String, kind: Kind) -> Self {
        Self {
            name: code.clone(),
            code,
            r#type: Type::plain(kind),
            unit: String::new(),
            allowed_values: Vec::new(),
            variant_defining: false,
            filterable: Type::plain(kind).is_filterable(),
            facetable: Type::plain(kind).is_facetable(),
            searchable: Type::plain(kind).is_searchable(),
            sortable: false,
            show_in_card: false,
            rules: Rules::default(),
        }
    }

    /// Whether the code is one that a definition may have.
    pub fn is_code(code: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (1..=128).contains(&code.len()) && code.bytes().all(allowed)
    }

    fn check(&self) -> Result<(), Fault> {
        let mut fields = Fields::default();
        let mut refuse =
            |path, message: &str| fields.note(Reason::AttributeDefinitionInvalid, path, message);
        let kind = self.r#type.kind();
        if (self.r#type == Type::Measurement) == self.unit.is_empty() {
            refuse("attribute.unit", "belongs to a MEASUREMENT, which needs one");
        }
        match self.r#type {
            Type::Enum if self.allowed_values.is_empty() => {
                refuse("attribute.allowed_values", "an ENUM needs at least one");
            }
            Type::Enum | Type::MultiEnum => {}
            _ if self.allowed_values.is_empty() => {}
            _ => refuse("attribute.allowed_values", "belong to an ENUM or MULTI_ENUM"),
        }
        let name = self.r#type.name().to_ascii_uppercase();
        let flags = [
            ("attribute.filterable", self.filterable, self.r#type.is_filterable()),
            ("attribute.facetable", self.facetable, self.r#type.is_facetable()),
            ("attribute.searchable", self.searchable, self.r#type.is_searchable()),
            ("attribute.variant_defining", self.variant_defining, self.r#type.is_defining()),
        ];
        for (path, _, _) in flags.iter().filter(|(_, wanted, can)| *wanted && !can) {
            refuse(path, &format!("cannot be set for {name}"));
        }
        // A promise that nothing keeps would be found out by customers.
        let kept_by_nothing =
            [("attribute.sortable", self.sortable), ("attribute.show_in_card", self.show_in_card)];
        for (path, _) in kept_by_nothing.iter().filter(|(_, wanted)| *wanted) {
            refuse(path, "is not supported: no service does anything with it");
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.allowed_values.iter().find(|own| !seen.insert(fold(own))) {
            let message = format!("names {twice:?} twice, whatever its case and blanks");
            refuse("attribute.allowed_values", &message);
        }
        let bounded = matches!(kind, Kind::Text | Kind::Number);
        if !bounded && (self.rules.min.is_some() || self.rules.max.is_some()) {
            refuse("attribute.rules", "min and max belong to numbers and texts");
        }
        if let (Some(min), Some(max)) = (self.rules.min, self.rules.max)
            && min > max
        {
            refuse("attribute.rules.min", "is greater than max");
        }
        if !self.rules.pattern.is_empty() {
            if kind != Kind::Text {
                refuse("attribute.rules.pattern", "belongs to texts");
            }
            if let Err(error) = compile_pattern(&self.rules.pattern) {
                refuse("attribute.rules.pattern", &format!("no regular expression: {error}"));
            }
        }
        fields.finish()
    }
}

/// Compiles a pattern so that it matches whole texts only. The caller's pattern cannot make it large.
pub(super) fn compile_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(pattern)?;
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z")).size_limit(1 << 20).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with no flag that other types cannot have.
    fn text() -> Definition {
        Definition { searchable: false, ..Definition::plain("processor".into(), Kind::Text) }
    }

    fn refusal(definition: Definition) -> Option<String> {
        let fault = Attribute::define(Id::new(), definition, Utc::now()).err()?;
        assert!(fault.is(Reason::AttributeDefinitionInvalid), "{fault}");
        fault.violations().first().map(|violation| violation.field.clone())
    }

    #[test]
    fn a_definition_that_contradicts_itself_is_refused() {
        let number = |min, max| Rules { min, max, pattern: String::new() };
        let pattern = |pattern: &str| Rules { pattern: pattern.into(), ..Rules::default() };
        let cases = [
            (Definition { unit: "cm".into(), ..text() }, "attribute.unit"),
            (Definition { r#type: Type::Measurement, ..text() }, "attribute.unit"),
            (Definition { allowed_values: vec!["a".into()], ..text() }, "attribute.allowed_values"),
            (Definition { r#type: Type::Enum, ..text() }, "attribute.allowed_values"),
            (
                Definition {
                    r#type: Type::Enum,
                    allowed_values: vec!["red".into(), "RED".into()],
                    ..text()
                },
                "attribute.allowed_values",
            ),
            (Definition { rules: number(Some(2.0), Some(1.0)), ..text() }, "attribute.rules.min"),
            (
                Definition { r#type: Type::Bool, rules: number(Some(2.0), None), ..text() },
                "attribute.rules",
            ),
            (Definition { rules: pattern("["), ..text() }, "attribute.rules.pattern"),
            (Definition { rules: pattern("a)|(b"), ..text() }, "attribute.rules.pattern"),
            (
                Definition { r#type: Type::Number, rules: pattern("a"), ..text() },
                "attribute.rules.pattern",
            ),
        ];
        for (definition, field) in cases {
            assert_eq!(refusal(definition.clone()).as_deref(), Some(field), "{definition:?}");
        }
        assert_eq!(refusal(text()), None);
    }

    #[test]
    fn what_values_mean_stays_while_they_exist() {
        let now = Utc::now();
        let (mut attribute, _) = Attribute::define(Id::new(), text(), now).unwrap();
        let color = Definition { r#type: Type::Color, ..text() };
        let defining = Definition { variant_defining: true, ..text() };
        let used = Uses { any: true, by_variants: true, ..Uses::default() };
        let measured = Definition { r#type: Type::Measurement, unit: "cm".into(), ..text() };
        for new in [&measured, &defining] {
            let fault = attribute.redefine(new.clone(), &used, None, now).unwrap_err();
            assert!(fault.is(Reason::AttributeInUse));
        }
        let changed = attribute.redefine(color, &Uses::default(), Some(1), now).unwrap();
        assert_eq!(changed, Some(Change::Updated(vec!["definition"])));
        assert_eq!(attribute.head.version, 2);
        assert!(attribute.redefine(text(), &Uses::default(), Some(1), now).is_err());
        let same = attribute.definition.clone();
        assert_eq!(attribute.redefine(same, &used, None, now).unwrap(), None);
    }
}
