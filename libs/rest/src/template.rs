//! Path templates such as `/api/v1/catalog/attributes/{code}:renameValue`.

use percent_encoding::percent_decode_str;

/// A template of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    /// What follows a colon in the last segment.
    suffix: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// Path of a field of the request, e.g. `item.sku`.
    Field(String),
}

/// Fields of the request with the values that a path gives them.
pub(crate) type Bound = Vec<(String, String)>;

/// Why a path that has the form of a template is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotText;

impl Template {
    pub(crate) fn parse(text: &str) -> Self {
        let (path, suffix) = match text.rsplit_once(':') {
            Some((path, suffix)) if !suffix.contains(['/', '}']) => (path, Some(suffix.to_owned())),
            _ => (text, None),
        };
        let segments = path.trim_start_matches('/').split('/').map(|segment| {
            let field = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            field.map_or_else(
                || Segment::Literal(segment.to_owned()),
                |field| Segment::Field(field.to_owned()),
            )
        });
        Self { segments: segments.collect(), suffix }
    }

    /// The fields that it binds.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Field(field) => Some(field.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The same for all templates that match the same paths.
    pub(crate) fn shape(&self) -> String {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text,
            Segment::Field(_) => "{}",
        });
        let segments: Vec<&str> = segments.collect();
        format!("{}:{}", segments.join("/"), self.suffix.as_deref().unwrap_or_default())
    }

    /// How many of its segments are fixed: where two templates match, the one with more of them is meant.
    pub(crate) fn literals(&self) -> usize {
        let fixed = self.segments.iter().filter(|own| matches!(own, Segment::Literal(_))).count();
        fixed + usize::from(self.suffix.is_some())
    }

    /// What the path binds; none if it is not of this form.
    pub(crate) fn matches(&self, path: &str) -> Option<Result<Bound, NotText>> {
        let path = path.strip_prefix('/')?;
        let path = match &self.suffix {
            Some(suffix) => path.strip_suffix(suffix.as_str())?.strip_suffix(':')?,
            None => path,
        };
        let given: Vec<&str> = path.split('/').collect();
        if given.len() != self.segments.len() {
            return None;
        }
        let mut bound = Vec::new();
        for (own, given) in self.segments.iter().zip(given) {
            match own {
                Segment::Literal(literal) if literal == given => {}
                Segment::Literal(_) => return None,
                Segment::Field(_) if given.is_empty() => return None,
                Segment::Field(field) => match percent_decode_str(given).decode_utf8() {
                    Ok(value) => bound.push((field.clone(), value.into_owned())),
                    Err(_) => return Some(Err(NotText)),
                },
            }
        }
        Some(Ok(bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(template: &str, path: &str) -> Option<Vec<String>> {
        let bound = Template::parse(template).matches(path)?.unwrap();
        Some(bound.into_iter().map(|(field, value)| format!("{field}={value}")).collect())
    }

    #[test]
    fn fields_take_one_segment_each_and_are_decoded() {
        let template = "/a/{x}/b/{y.z}";
        assert_eq!(bound(template, "/a/1/b/2%2F3 4").unwrap(), ["x=1", "y.z=2/3 4"]);
        for path in ["/a/1/b", "/a/1/b/2/3", "/a//b/2", "/a/1/c/2", "a/1/b/2", "/a/1/b/"] {
            assert_eq!(bound(template, path), None, "{path}");
        }
        let template = Template::parse(template);
        assert_eq!(template.matches("/a/%ff/b/2"), Some(Err(NotText)));
        assert_eq!(template.fields().collect::<Vec<_>>(), ["x", "y.z"]);
    }

    #[test]
    fn a_suffix_is_a_method_of_its_own() {
        assert_eq!(bound("/a/{x}:go", "/a/1:go").unwrap(), ["x=1"]);
        assert_eq!(bound("/a/{x}:go", "/a/1"), None);
        assert_eq!(bound("/a/b:go", "/a/b:go").unwrap(), Vec::<String>::new());
        assert!(Template::parse("/a/b:go").literals() > Template::parse("/a/{x}:go").literals());
    }
}
