//! Which methods are at which paths.

use crate::template::{Bound, NotText, Template};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MethodDescriptor, Value};
use std::collections::BTreeSet;
use std::fmt;

/// How a path is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Reads.
    Get,
    /// Creates, or does something.
    Post,
    /// Replaces.
    Put,
    /// Changes some fields.
    Patch,
    /// Deletes.
    Delete,
}

/// Which part of the request the body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// None.
    Nothing,
    /// All that the path does not bind.
    Everything,
    /// One field.
    Field(String),
}

/// A method at a path.
#[derive(Debug, Clone)]
pub struct Route {
    pub(crate) verb: Verb,
    /// As the annotation spells it.
    pub(crate) path: String,
    pub(crate) template: Template,
    pub(crate) body: Body,
    /// The field of the answer that is the whole of it over HTTP; none: all of it is.
    pub(crate) answer: Option<FieldDescriptor>,
    pub(crate) method: MethodDescriptor,
}

/// All routes of a process.
#[derive(Debug, Clone)]
pub struct Routes(Vec<Route>);

/// What is at a path.
pub(crate) enum Found<'r> {
    Route(&'r Route, Bound),
    /// The path is there, for these verbs only.
    OtherVerbs(BTreeSet<Verb>),
    Nothing,
}

impl Routes {
    /// The routes of these services, all by their full names.
    pub fn of(services: &[&str]) -> Self {
        Self::select(|service| services.contains(&service))
    }

    /// The routes of every service of the contract.
    pub fn all() -> Self {
        Self::select(|_| true)
    }

    fn select(wanted: impl Fn(&str) -> bool) -> Self {
        let Ok(pool) = DescriptorPool::decode(contracts::descriptors()) else {
            return Self(Vec::new());
        };
        let Some(option) = pool.get_extension_by_name("google.api.http") else {
            return Self(Vec::new());
        };
        let mut routes = Vec::new();
        for service in pool.services().filter(|service| wanted(service.full_name())) {
            for method in service.methods() {
                let options = method.options();
                if options.has_extension(&option)
                    && let Value::Message(rule) = options.get_extension(&option).as_ref()
                {
                    routes.extend(rules(rule).filter_map(|rule| route(&rule, &method)));
                }
            }
        }
        // A path that is spelled out is meant before one with a field in its place.
        routes.sort_by_key(|route| std::cmp::Reverse(route.template.literals()));
        Self(routes)
    }

    /// The same, where a path of this service hides the same one of another.
    #[must_use]
    pub fn preferring(mut self, service: &str) -> Self {
        self.0.sort_by_key(|route| route.service() != service);
        let mut seen = BTreeSet::new();
        self.0.retain(|route| seen.insert((route.verb, route.template.shape())));
        self.0.sort_by_key(|route| std::cmp::Reverse(route.template.literals()));
        self
    }

    /// The route of a request.
    pub fn at(&self, method: &http::Method, path: &str) -> Option<&Route> {
        // HEAD asks for what GET answers.
        let get = http::Method::GET;
        let method = if *method == http::Method::HEAD { &get } else { method };
        match self.find(Verb::of(method)?, path) {
            Ok(Found::Route(route, _)) => Some(route),
            _ => None,
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    pub(crate) fn find(&self, verb: Verb, path: &str) -> Result<Found<'_>, NotText> {
        let mut others = BTreeSet::new();
        for route in &self.0 {
            match route.template.matches(path) {
                None => {}
                Some(bound) if route.verb == verb => return Ok(Found::Route(route, bound?)),
                Some(_) => drop(others.insert(route.verb)),
            }
        }
        Ok(if others.is_empty() { Found::Nothing } else { Found::OtherVerbs(others) })
    }
}

/// A rule and the bindings beside it.
fn rules(rule: &DynamicMessage) -> impl Iterator<Item = DynamicMessage> {
    let more = rule.get_field_by_name("additional_bindings");
    let more = more.as_deref().and_then(Value::as_list).map(<[Value]>::to_vec).unwrap_or_default();
    let more = more.into_iter().filter_map(|rule| rule.as_message().cloned());
    std::iter::once(rule.clone()).chain(more)
}

fn route(rule: &DynamicMessage, method: &MethodDescriptor) -> Option<Route> {
    let text = |name: &str| {
        let value = rule.get_field_by_name(name)?;
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (verb, path) = Verb::ALL.iter().find_map(|verb| Some((*verb, text(verb.field())?)))?;
    let body = match text("body").as_deref() {
        None => Body::Nothing,
        Some("*") => Body::Everything,
        Some(field) => Body::Field(field.to_owned()),
    };
    let template = Template::parse(&path);
    let answer = text("response_body").and_then(|name| method.output().get_field_by_name(&name));
    Some(Route { verb, path, template, body, answer, method: method.clone() })
}

impl Route {
    /// How it is called.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// Its path with the names of the fields that it binds.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The field that is the body; `*`: all that the path does not bind.
    pub fn body_field(&self) -> Option<&str> {
        match &self.body {
            Body::Nothing => None,
            Body::Everything => Some("*"),
            Body::Field(name) => Some(name),
        }
    }

    /// The field of the answer that is the whole of it over HTTP; none: all of it is.
    pub fn answer_field(&self) -> Option<&str> {
        self.answer.as_ref().map(FieldDescriptor::name)
    }

    /// Path of the method on the wire.
    pub fn method_path(&self) -> String {
        format!("/{}/{}", self.method.parent_service().full_name(), self.method.name())
    }

    /// Name of the method's service: `catalog`.
    pub fn service(&self) -> String {
        let package = self.method.parent_service().package_name().to_owned();
        package.split('.').nth(1).unwrap_or_default().to_owned()
    }

    /// Whether messages stream in either direction.
    pub(crate) fn streams(&self) -> bool {
        self.method.is_client_streaming() || self.method.is_server_streaming()
    }
}

impl Verb {
    pub(crate) const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    fn field(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    pub(crate) fn of(method: &http::Method) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.to_string() == method.as_str())
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}
