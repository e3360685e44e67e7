//! Files of a crate that use each other in a circle can only be read, tested and moved together. What two of them share belongs
//! into a file of its own.
//!
//! Paths are resolved as the compiler does, as far as they name modules: a path through a re-export counts for the file that
//! defines the item. Calls of methods and code that macros make are not seen.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Crates whose circles are not broken yet.
const EXCEPTIONS: [&str; 0] = [];

#[test]
fn no_files_of_a_crate_use_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut folders = vec![root.join("bench")];
    for parent in ["libs", "services", "bin", "tests"] {
        folders.extend(entries(&root.join(parent)));
    }
    let mut found = Vec::new();
    let mut modules = 0;
    for folder in folders.iter().filter(|folder| folder.join("Cargo.toml").exists()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        for start in roots(folder) {
            let krate = Crate::read(&start);
            modules += krate.modules.len();
            if !EXCEPTIONS.contains(&name) {
                found.extend(circles(&krate.edges()).iter().map(|circle| describe(&root, circle)));
            }
        }
    }
    assert!(modules > 100, "a rule that looks at nothing holds nothing");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The files that the compiler starts from.
fn roots(folder: &Path) -> Vec<PathBuf> {
    let src = folder.join("src");
    let mut roots = vec![src.join("lib.rs"), src.join("main.rs")];
    roots.extend(entries(&src.join("bin")));
    roots.retain(|path| path.is_file());
    roots
}

struct Module {
    file: PathBuf,
    /// Where files of its child modules are.
    folder: PathBuf,
    parent: Option<usize>,
    children: HashMap<String, usize>,
    /// Names that are defined here.
    items: HashSet<String>,
    /// Paths of `use` declarations, by the name that they bring here.
    imports: HashMap<String, Vec<String>>,
    /// Paths of glob imports.
    globs: Vec<Vec<String>>,
    /// All paths: of `use` declarations, and those of at least two names in the code.
    paths: Vec<Vec<String>>,
}

/// What a path resolves to.
enum Target {
    Module(usize),
    Item(usize),
}

struct Crate {
    modules: Vec<Module>,
    /// Modules that define macros; paths find exported macros in the crate's root.
    macros: HashMap<String, usize>,
}

impl Crate {
    fn read(root: &Path) -> Self {
        let mut krate = Self { modules: Vec::new(), macros: HashMap::new() };
        krate.read_file(root.to_owned(), root.parent().unwrap().to_owned(), None);
        krate
    }

    fn read_file(&mut self, file: PathBuf, folder: PathBuf, parent: Option<usize>) -> usize {
        let text = std::fs::read_to_string(&file).unwrap();
        let tokens: Result<TokenStream, _> = text.parse();
        let tokens = tokens.map_err(|error| format!("{}: {error}", file.display())).unwrap();
        let module = self.add(file, folder, parent);
        self.walk(module, &Vec::from_iter(tokens), true);
        module
    }

    fn add(&mut self, file: PathBuf, folder: PathBuf, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file,
            folder,
            parent,
            children: HashMap::new(),
            items: HashSet::new(),
            imports: HashMap::new(),
            globs: Vec::new(),
            paths: Vec::new(),
        });
        self.modules.len() - 1
    }

    /// Collects items, imports and paths from `tokens`; `top`: they are directly in the module, not inside an item.
    fn walk(&mut self, module: usize, tokens: &[TokenTree], top: bool) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Punct(punct)
                    if punct.as_char() == '#' && is_test(tokens.get(at + 1)) =>
                {
                    at = after_item(tokens, at);
                    continue;
                }
                TokenTree::Group(group) => {
                    self.walk(module, &Vec::from_iter(group.stream()), false);
                }
                TokenTree::Ident(ident) => {
                    at = match ident.to_string().as_str() {
                        "use" if name(tokens.get(at + 1)).is_some() => {
                            self.read_use(module, tokens, at + 1)
                        }
                        "mod" => self.read_mod(module, tokens, at + 1),
                        _ => self.read_path(module, tokens, at, top),
                    };
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn read_mod(&mut self, module: usize, tokens: &[TokenTree], at: usize) -> usize {
        let Some(name) = name(tokens.get(at)) else { return at };
        let folder = self.modules[module].folder.join(&name);
        let child = match tokens.get(at + 1) {
            Some(TokenTree::Group(body)) => {
                let child = self.add(self.modules[module].file.clone(), folder, Some(module));
                self.walk(child, &Vec::from_iter(body.stream()), true);
                child
            }
            _ => {
                let flat = folder.with_extension("rs");
                let file = if flat.exists() { flat } else { folder.join("mod.rs") };
                self.read_file(file, folder, Some(module))
            }
        };
        self.modules[module].children.insert(name, child);
        at + 2
    }

    fn read_use(&mut self, module: usize, tokens: &[TokenTree], at: usize) -> usize {
        let end = tokens[at..].iter().position(|token| is(token, ';')).unwrap_or_default() + at;
        self.read_tree(module, &[], &tokens[at..end]);
        end
    }

    /// Reads a tree of a `use` declaration.
    fn read_tree(&mut self, module: usize, before: &[String], tokens: &[TokenTree]) {
        let mut path = before.to_vec();
        let mut known_as = None;
        let mut rest = tokens.iter();
        while let Some(token) = rest.next() {
            match token {
                TokenTree::Ident(ident) if ident == "as" => known_as = name(rest.next()),
                TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => {}
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    return self.modules[module].globs.push(path);
                }
                TokenTree::Group(group) => {
                    let inner = Vec::from_iter(group.stream());
                    for tree in inner.split(|token| is(token, ',')) {
                        self.read_tree(module, &path, tree);
                    }
                    return;
                }
                _ => {}
            }
        }
        if let Some(last) = path.last().cloned() {
            self.modules[module].paths.push(path.clone());
            self.modules[module].imports.insert(known_as.unwrap_or(last), path);
        }
    }

    fn read_path(
        &mut self,
        module: usize,
        tokens: &[TokenTree],
        mut at: usize,
        top: bool,
    ) -> usize {
        const ITEMS: [&str; 9] =
            ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"];
        let mut path = Vec::from_iter(name(tokens.get(at)));
        at += 1;
        if top && ITEMS.contains(&path[0].as_str()) {
            let is_macro = tokens.get(at).is_some_and(|token| is(token, '!'));
            if let Some(item) = name(tokens.get(at + usize::from(is_macro))) {
                if is_macro {
                    self.macros.insert(item.clone(), module);
                }
                self.modules[module].items.insert(item);
                return at + 1 + usize::from(is_macro);
            }
            return at;
        }
        while let (Some(first), Some(second)) = (tokens.get(at), tokens.get(at + 1))
            && is(first, ':')
            && is(second, ':')
            && let Some(next) = name(tokens.get(at + 2))
        {
            path.push(next);
            at += 3;
        }
        if path.len() > 1 {
            self.modules[module].paths.push(path);
        }
        at
    }

    /// What `path` in `module` resolves to; none: an item of another crate, or a local name.
    fn resolve(&self, module: usize, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => 0,
            "self" => module,
            "super" => self.modules[module].parent?,
            name => match self.look_up(module, name, depth)? {
                Target::Module(child) => child,
                item @ Target::Item(_) => return Some(item),
            },
        };
        for name in rest {
            at = match name.as_str() {
                "super" => self.modules[at].parent?,
                name => match self.look_up(at, name, depth) {
                    Some(Target::Module(child)) => child,
                    Some(item @ Target::Item(_)) => return Some(item),
                    None if self.modules[at].imports.contains_key(name) => return None,
                    // Made by a macro, or by a build script.
                    None => return Some(Target::Item(at)),
                },
            };
        }
        Some(Target::Module(at))
    }

    fn look_up(&self, module: usize, name: &str, depth: usize) -> Option<Target> {
        // `use x::x` would otherwise recurse for ever.
        if depth == 0 {
            return None;
        }
        let here = &self.modules[module];
        if let Some(child) = here.children.get(name) {
            return Some(Target::Module(*child));
        }
        if here.items.contains(name) {
            return Some(Target::Item(module));
        }
        if let Some(import) = here.imports.get(name) {
            return self.resolve(module, import, depth - 1);
        }
        let from_globs =
            here.globs.iter().find_map(|glob| match self.resolve(module, glob, depth - 1)? {
                Target::Module(whole) => self.look_up(whole, name, depth - 1),
                Target::Item(_) => None,
            });
        let from_macros =
            || self.macros.get(name).filter(|_| module == 0).copied().map(Target::Item);
        from_globs.or_else(from_macros)
    }

    /// Which file uses which others, and by which paths. A path to a module alone is no use of its file; a path to an item is a
    /// use of the file that defines it, whatever module it goes through.
    fn edges(&self) -> Edges<'_> {
        const DEPTH: usize = 16;
        let mut edges = Edges::new();
        for (index, module) in self.modules.iter().enumerate() {
            let mut add = |target: usize, path: &[String]| {
                let target = &self.modules[target].file;
                if *target != module.file {
                    let by = edges.entry(&module.file).or_default().entry(target).or_default();
                    by.insert(path.join("::"));
                }
            };
            for path in &module.paths {
                if let Some(Target::Item(target)) = self.resolve(index, path, DEPTH) {
                    add(target, path);
                }
            }
            for path in &module.globs {
                if let Some(Target::Module(target) | Target::Item(target)) =
                    self.resolve(index, path, DEPTH)
                {
                    add(target, path);
                }
            }
        }
        edges
    }
}

type Edges<'a> = BTreeMap<&'a Path, BTreeMap<&'a Path, BTreeSet<String>>>;

/// The strongly connected components of at least two files, each with its edges.
fn circles<'a>(edges: &Edges<'a>) -> Vec<Edges<'a>> {
    let reached = |from: &'a Path| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            let used = edges.get(file).into_iter().flat_map(BTreeMap::keys);
            next.extend(used.copied().filter(|used| seen.insert(*used)));
        }
        seen
    };
    let reach: BTreeMap<&Path, BTreeSet<&Path>> =
        edges.keys().map(|file| (*file, reached(file))).collect();
    let mut found: BTreeSet<Vec<&Path>> = BTreeSet::new();
    for (file, reached) in reach.iter().filter(|(file, reached)| reached.contains(*file)) {
        let both = |other: &&&'a Path| reach.get(**other).is_some_and(|back| back.contains(file));
        found.insert(reached.iter().filter(both).copied().collect());
    }
    let within = |circle: &Vec<&'a Path>| {
        let mut within = Edges::new();
        for file in circle {
            let used = edges[file].iter().filter(|(used, _)| circle.contains(used));
            within.insert(*file, used.map(|(used, by)| (*used, by.clone())).collect());
        }
        within
    };
    found.iter().map(within).collect()
}

fn describe(root: &Path, circle: &Edges) -> String {
    let short = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let mut text = format!("{} files in a circle:\n", circle.len());
    for (file, used) in circle {
        text += &format!("  {}\n", short(file));
        for (other, by) in used {
            text +=
                &format!("    -> {} by {}\n", short(other), Vec::from_iter(by.clone()).join(", "));
        }
    }
    text
}

fn name(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

fn is(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

/// Whether the group after `#` is `[cfg(test)]`.
fn is_test(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = token else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// The position after the item of the attribute at `at`.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends_with_braces = !tokens[at..].iter().take(8).any(
        |token| matches!(token, TokenTree::Ident(ident) if ident == "use" || ident == "static"),
    );
    for (index, token) in tokens.iter().enumerate().skip(at + 2) {
        match token {
            TokenTree::Group(group)
                if group.delimiter() == Delimiter::Brace && ends_with_braces =>
            {
                return index + 1;
            }
            token if is(token, ';') => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The circles of a crate of these files, each as the names of its files.
fn check(files: &[(&str, &str)]) -> Vec<String> {
    let folder = new_folder();
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let krate = Crate::read(&folder.join("lib.rs"));
    let found = circles(&krate.edges());
    std::fs::remove_dir_all(&folder).unwrap();
    let short = |path: &&Path| path.strip_prefix(&folder).unwrap().display().to_string();
    found.iter().map(|circle| Vec::from_iter(circle.keys().map(short)).join(" ")).collect()
}

fn new_folder() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("circles-{}-{number}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn siblings_that_use_each_other_are_a_circle_however_the_paths_are_written() {
    for (a, b) in [
        ("use super::b::B; pub struct A;", "use crate::a::A; pub struct B;"),
        ("use super::b::{self}; fn f() { b::g() }", "fn g() { super::a::f() }"),
        ("use super::{c, b::{x::{Y}, B}};", "pub struct B; use super::*; fn f(_: a::A) {}"),
    ] {
        let files = [("lib.rs", "mod a; mod b; use a::A;"), ("a.rs", a), ("b.rs", b)];
        let found = check(&files);
        assert!(found.len() == 1 && found[0].contains("a.rs b.rs"), "{a} {b}: {found:?}");
    }
}

#[test]
fn a_parent_and_its_child_are_a_circle_only_where_the_child_uses_what_the_parent_defines() {
    let child = ("a.rs", "use super::P; fn f() {}");
    assert_eq!(check(&[("lib.rs", "mod a; struct P; fn g() { a::f() }"), child]), ["a.rs lib.rs"]);
    let through = "mod a; mod p; pub use p::P; fn g() { a::f() }";
    assert!(check(&[("lib.rs", through), child, ("p.rs", "pub struct P;")]).is_empty());
}

#[test]
fn tests_and_modules_that_are_merely_named_make_no_circle() {
    let files = [
        ("lib.rs", "mod x { pub mod a; pub mod b; } pub use x::a::A; #[cfg(test)] mod t;"),
        (
            "x/a.rs",
            "use crate::x; use x::b::B; struct A; #[cfg(test)] mod tests { use super::super::b; }",
        ),
        ("x/b.rs", "struct B; #[cfg(test)] use super::a::A; #[cfg(test)] fn f() { super::a::g() }"),
    ];
    assert!(check(&files).is_empty());
}
