//! Checks `conformance.md`: every row has a test that runs, or a reason; every function is where a
//! row says; and no requirement of a section is missing.
//!
//! The names of tests are read from the sources. The test binaries could list them too, but those
//! in the target folder may be of another commit. The reader is tested on this file, which has
//! modules, macros and `proptest!`: it must find the tests that the running binary lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use proptest::prelude::{ProptestConfig, any, prop, proptest};

/// The tests of a source by the paths that `--list` gives them. An error is the reason why a test
/// does not run.
type Tests = BTreeMap<String, Result<(), String>>;

/// Conditions that `cargo test --workspace` meets, because some package enables each of these
/// features. CI runs the tests that need optimized code in a separate step.
const MET: [&str; 6] = [
    "cfg(test)",
    r#"cfg(all(test,feature="null-aead"))"#,
    r#"cfg(feature="ring")"#,
    r#"cfg(feature="peers")"#,
    r#"cfg(target_os="linux")"#,
    r#"cfg_attr(debug_assertions,ignore="foroptimizedcode")"#,
];

/// Reads items: tests, modules, `proptest!`, and macros that make a test of each entry `name: …;`.
/// Function bodies are skipped.
struct Reader<'a> {
    tests: Tests,
    macros: BTreeSet<String>,
    /// The source of `mod name;`, by the names of the modules from the file's folder on.
    submodule: &'a dyn Fn(&[&str]) -> TokenStream,
}

impl<'a> Reader<'a> {
    fn new(submodule: &'a dyn Fn(&[&str]) -> TokenStream) -> Self {
        Self { tests: Tests::new(), macros: BTreeSet::new(), submodule }
    }

    fn read(&mut self, tokens: TokenStream, path: &[&str], skipped: Option<&str>) {
        use TokenTree::{Group, Ident, Punct};
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut skipped = skipped.map(str::to_owned);
        let (mut rest, mut is_test, mut reason) = (&tokens[..], false, skipped.clone());
        loop {
            let mut ends_item = true;
            rest = match rest {
                [] => return,
                [Punct(hash), Punct(bang), Group(attribute), rest @ ..]
                    if hash.as_char() == '#' && bang.as_char() == '!' =>
                {
                    skipped = skipped.or(why_skipped(attribute.stream()));
                    rest
                }
                // A file that lies elsewhere has no tests: others have it, too.
                [Punct(hash), Group(attribute), Ident(word), Ident(_), Punct(_), rest @ ..]
                    if hash.as_char() == '#'
                        && attribute.stream().to_string().starts_with("path")
                        && word == "mod" =>
                {
                    rest
                }
                [Punct(hash), Group(attribute), rest @ ..] if hash.as_char() == '#' => {
                    is_test |= attribute.stream().to_string() == "test";
                    reason = reason.or(why_skipped(attribute.stream()));
                    ends_item = false;
                    rest
                }
                [Ident(word), Ident(name), Group(body), rest @ ..] if word == "mod" => {
                    let name = name.to_string();
                    self.read(body.stream(), &[path, &[&name]].concat(), reason.as_deref());
                    rest
                }
                [Ident(word), Ident(name), Punct(_), rest @ ..] if word == "mod" => {
                    let name = name.to_string();
                    let inner = [path, &[&name]].concat();
                    let source = (self.submodule)(&inner[1..]);
                    self.read(source, &inner, reason.as_deref());
                    rest
                }
                [Ident(word), Ident(name), rest @ ..] if word == "fn" => {
                    if is_test {
                        self.insert(path, &name.to_string(), reason.clone());
                    }
                    rest
                }
                [Ident(word), Punct(bang), Ident(name), Group(body), rest @ ..]
                    if word == "macro_rules" && bang.as_char() == '!' =>
                {
                    if makes_tests(&body.stream()) {
                        self.macros.insert(name.to_string());
                    }
                    rest
                }
                [Ident(word), Punct(bang), Group(body), rest @ ..] if bang.as_char() == '!' => {
                    if word == "proptest" {
                        self.read(body.stream(), path, reason.as_deref());
                    } else if self.macros.contains(&word.to_string()) {
                        for name in entries(body.stream()) {
                            self.insert(path, &name, reason.clone());
                        }
                    }
                    rest
                }
                [first, rest @ ..] => {
                    ends_item = match first {
                        Group(group) => group.delimiter() == Delimiter::Brace,
                        Punct(punct) => punct.as_char() == ';',
                        _ => false,
                    };
                    rest
                }
            };
            if ends_item {
                (is_test, reason) = (false, skipped.clone());
            }
        }
    }

    fn insert(&mut self, path: &[&str], name: &str, reason: Option<String>) {
        let path = [path, &[name]].concat().join("::");
        self.tests.insert(path, reason.map_or(Ok(()), Err));
    }
}

/// Returns the attribute if it keeps an item from running.
fn why_skipped(attribute: TokenStream) -> Option<String> {
    let attribute: String = attribute.to_string().split_whitespace().collect();
    let may_skip = ["cfg(", "cfg_attr(", "ignore"].iter().any(|start| attribute.starts_with(start));
    (may_skip && !MET.contains(&&*attribute)).then_some(attribute)
}

/// True if a macro has one rule, `$($name:ident: …`, which expands to `#[test] fn $name()`.
fn makes_tests(definition: &TokenStream) -> bool {
    let definition: String = definition.to_string().split_whitespace().collect();
    definition.starts_with("($($name:ident:") && definition.contains("#[test]fn$name()")
}

/// Returns the names in `name: …; name: …;`.
fn entries(body: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let is_end =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
    tokens
        .split(is_end)
        .filter_map(|entry| match entry {
            [TokenTree::Ident(name), ..] => Some(name.to_string()),
            _ => None,
        })
        .collect()
}

/// What the table is checked against.
struct Project {
    tests: Tests,
    /// Functions and constants, as the table names them: file, name.
    items: BTreeSet<String>,
}

impl Project {
    /// Test files are named by their file, unit tests by their package.
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let mut this = Self { tests: Tests::new(), items: BTreeSet::new() };
        for package in ["tests", "alloc-adapter", "benches", "fuzz"] {
            for (name, path) in list(&root.join(package).join("tests")) {
                let main = if path.is_dir() { path.join("main.rs") } else { path.clone() };
                let submodule =
                    |names: &[&str]| source(&path.join(names.join("/")).with_extension("rs"));
                let mut reader = Reader::new(&submodule);
                reader.read(source(&main), &[&name], None);
                this.tests.extend(reader.tests);
            }
        }
        this.read_package(&root.join("core/src"), &["core"], "");
        this.read_package(
            &root.join("alloc-adapter/src"),
            &["alloc-adapter"],
            "alloc-adapter/src/",
        );
        this
    }

    fn read_package(&mut self, folder: &Path, path: &[&str], file: &str) {
        for (name, entry) in list(folder) {
            let inner = [path, &[&name]].concat();
            if entry.is_dir() {
                self.read_package(&entry, &inner, &format!("{file}{name}/"));
                continue;
            }
            let source = source(&entry);
            add_items(source.clone(), &format!("{file}{name}.rs"), &mut self.items);
            // Each file is read by its own path, so that `mod name;` is not followed.
            let mut reader = Reader::new(&|_| TokenStream::new());
            reader.read(source, if name == "lib" { path } else { &inner }, None);
            self.tests.extend(reader.tests);
        }
    }
}

/// Returns the files and folders in a folder, with their names without extension.
fn list(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    fs::read_dir(folder).expect("a folder").map(|entry| {
        let path = entry.expect("an entry").path();
        (path.file_stem().expect("a name").to_string_lossy().into_owned(), path)
    })
}

fn source(path: &Path) -> TokenStream {
    let source = fs::read_to_string(path);
    let source = source.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    source.parse().expect("it compiles, so it is made of tokens")
}

fn add_items(code: TokenStream, file: &str, items: &mut BTreeSet<String>) {
    let mut is_declaration = false;
    for token in code {
        match token {
            TokenTree::Group(group) => add_items(group.stream(), file, items),
            TokenTree::Ident(word) => {
                if is_declaration {
                    items.insert(format!("{file} {word}"));
                }
                is_declaration = word == "fn" || word == "const";
            }
            _ => is_declaration = false,
        }
    }
}

/// The cells of a row by the headings of their columns.
type Row<'a> = BTreeMap<&'a str, &'a str>;

/// Returns the rows of all tables whose first column has the heading `first`.
fn rows<'a>(text: &'a str, first: &str) -> Result<Vec<Row<'a>>, String> {
    let mut rows = Vec::new();
    let mut heads: Option<Vec<&str>> = None;
    for line in text.lines() {
        let Some(cells) = line.strip_prefix('|') else {
            heads = None;
            continue;
        };
        let cells =
            cells.strip_suffix('|').ok_or_else(|| format!("the line does not end: {line}"))?;
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        match &heads {
            None if !["id", "section"].contains(&cells[0]) => {
                return Err(format!("a table of what? {}", cells[0]));
            }
            None => heads = Some(cells),
            Some(_) if cells.iter().all(|cell| cell.chars().all(|c| c == '-')) => {}
            Some(heads) if heads.len() != cells.len() => {
                return Err(format!("{}: {} cells, not {}", cells[0], cells.len(), heads.len()));
            }
            Some(heads) if heads[0] == first => {
                rows.push(heads.iter().copied().zip(cells).collect());
            }
            Some(_) => {}
        }
    }
    Ok(rows)
}

const KEYWORDS: [&str; 7] =
    ["MUST", "MUST NOT", "SHALL", "SHOULD", "SHOULD NOT", "MAY", "OPTIONAL"];

/// Returns the items of a list in backquotes, with commas between; `None` for any other text.
fn quoted(cell: &str) -> Option<Vec<&str>> {
    cell.split(", ").map(|part| part.strip_prefix('`')?.strip_suffix('`')).collect()
}

/// Returns the faults of the table.
fn complaints(text: &str, project: &Project) -> Vec<String> {
    let (rows, counts) = match (rows(text, "id"), rows(text, "section")) {
        (Ok(rows), Ok(counts)) => (rows, counts),
        (Err(error), _) | (_, Err(error)) => return vec![error],
    };
    let mut complaints = Vec::new();
    let mut ids = BTreeSet::new();
    let mut found: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &rows {
        let id = row["id"];
        let mut complain = |what: String| complaints.push(format!("{id}: {what}"));
        if !ids.insert(id) {
            complain("twice".into());
        }
        let Some(&tests) = row.get("tests") else {
            complain("no column of tests".into());
            continue;
        };
        let is_ours = !tests.starts_with("none: ");
        if is_ours {
            for name in quoted(tests).unwrap_or_else(|| {
                complain(format!("neither tests nor a reason: {tests:?}"));
                vec![]
            }) {
                match project.tests.get(name) {
                    None => complain(format!("no test {name}")),
                    Some(Err(reason)) => complain(format!("{name} does not run: {reason}")),
                    Some(Ok(())) => {}
                }
            }
        }
        if let Some(&places) = row.get("where")
            && (is_ours || !places.is_empty())
        {
            for place in quoted(places).unwrap_or_else(|| {
                complain(format!("no places: {places:?}"));
                vec![]
            }) {
                if !project.items.contains(place) {
                    complain(format!("no {place}"));
                }
            }
        }
        if let Some(&keyword) = row.get("keyword")
            && keyword != "says"
        {
            let section = id.rsplit_once('-').map_or(id, |(section, _)| section);
            *found.entry((section, keyword)).or_default() += 1;
        }
    }
    for row in &counts {
        for keyword in KEYWORDS {
            let section = row["section"];
            let expected = row.get(keyword).and_then(|count| count.parse().ok());
            let rows = found.remove(&(section, keyword)).unwrap_or(0);
            if expected != Some(rows) {
                complaints.push(format!("{section}: {rows} rows of {keyword}, not {expected:?}"));
            }
        }
    }
    for (section, keyword) in found.keys() {
        complaints.push(format!("{section}: nobody has counted {keyword:?}"));
    }
    complaints
}

#[test]
fn the_table_holds() {
    let complaints = complaints(include_str!("../conformance.md"), &Project::read());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The reader must find the tests that the binary of this file lists, and no others.
#[test]
fn the_reader_finds_the_tests_that_the_binary_lists() {
    let listed = Command::new(env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let listed: BTreeSet<_> =
        listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let mut reader = Reader::new(&|_| TokenStream::new());
    reader.read(include_str!("conformance.rs").parse().unwrap(), &[], None);
    assert_eq!(reader.tests.keys().map(String::as_str).collect::<BTreeSet<_>>(), listed);
    assert!(reader.tests.values().all(Result::is_ok));
}

#[test]
fn the_reader_finds_which_tests_do_not_run() {
    let source = r##"
        #[test] #[ignore] fn ignored() {}
        #[ignore = "slow"] #[test] fn ignored_too() {}
        #[cfg(windows)] #[test] fn elsewhere() {}
        #[test] #[cfg_attr(all(), ignore)] fn maybe() {}
        #[cfg(any())] mod never { #[test] fn inside() {} }
        mod never_as_well { #![cfg(any())] #[test] fn inside() {} }
        #[cfg(test)] mod tests { #[test] #[should_panic] fn runs() {} }
        fn helper() { #[test] fn in_a_function() {} }
        // #[test] fn in_a_comment() {}
        const TEXT: &str = "#[test] fn in_a_string() {}";
        macro_rules! other { ($name:ident) => { #[test] fn $name() {} }; }
        other! { of_a_macro_that_is_not_understood }
        #[test] async fn after_the_others() {}
        fn no_test() {}
    "##;
    let mut reader = Reader::new(&|_| TokenStream::new());
    reader.read(source.parse().unwrap(), &["file"], None);
    let tests = reader.tests.iter().map(|(name, runs)| (&**name, runs.is_ok()));
    assert_eq!(
        tests.collect::<Vec<_>>(),
        [
            ("file::after_the_others", true),
            ("file::elsewhere", false),
            ("file::ignored", false),
            ("file::ignored_too", false),
            ("file::maybe", false),
            ("file::never::inside", false),
            ("file::never_as_well::inside", false),
            ("file::tests::runs", true),
        ]
    );
}

/// A table without a fault, for the project of [`project`].
const GOOD: &str = "
| id | keyword | where | tests |
|---|---|---|---|
| 9999-1-1 | MUST | `opener.rs open` | `file::runs`, `file::runs_too` |
| 9999-1-2 | MAY | | none: not ours to keep |
| own-1 | says | `opener.rs open` | `file::runs` |

| section | MUST | MUST NOT | SHALL | SHOULD | SHOULD NOT | MAY | OPTIONAL |
|---|---|---|---|---|---|---|---|
| 9999-1 | 1 | 0 | 0 | 0 | 0 | 1 | 0 |
";

fn project() -> Project {
    let tests =
        [("file::runs", Ok(())), ("file::runs_too", Ok(())), ("file::ignored", Err("ignore"))];
    Project {
        tests: tests.map(|(name, runs)| (name.to_owned(), runs.map_err(str::to_owned))).into(),
        items: BTreeSet::from(["opener.rs open".to_owned()]),
    }
}

#[test]
fn a_good_table_passes() {
    assert_eq!(complaints(GOOD, &project()), [""; 0]);
}

#[test]
fn functions_and_constants_are_found_in_their_files() {
    let code =
        "impl A { pub const fn f(x: u8) { let y = 1; const Z: u8 = 2; } } const B: u8 = f();";
    let mut items = BTreeSet::new();
    add_items(code.parse().unwrap(), "file.rs", &mut items);
    let items: Vec<_> = items.iter().map(String::as_str).collect();
    assert_eq!(items, ["file.rs B", "file.rs Z", "file.rs f", "file.rs fn"]);
}

mod a_broken_table {
    use super::*;

    /// Each entry is a test: with the second text in place of the first, the table gets this
    /// complaint.
    macro_rules! refused {
        ($($name:ident: $good:literal => $bad:literal, $complaint:literal;)*) => {$(
            #[test]
            fn $name() {
                assert_eq!(GOOD.matches($good).count(), 1, "ambiguous");
                let complaints = complaints(&GOOD.replace($good, $bad), &project());
                assert_eq!(complaints, [$complaint]);
            }
        )*};
    }

    refused! {
        has_neither_test_nor_reason: "`file::runs`, `file::runs_too`" => "", "9999-1-1: neither tests nor a reason: \"\"";
        has_a_test_that_is_pending: "`file::runs`, `file::runs_too`" => "pending", "9999-1-1: neither tests nor a reason: \"pending\"";
        has_half_a_list: "`, `file::runs_too`" => "`, file::runs_too", "9999-1-1: neither tests nor a reason: \"`file::runs`, file::runs_too\"";
        names_a_test_that_does_not_exist: "file::runs_too" => "file::runs_to", "9999-1-1: no test file::runs_to";
        names_a_test_that_does_not_run: "file::runs_too" => "file::ignored", "9999-1-1: file::ignored does not run: ignore";
        names_a_file_that_does_not_exist: "MUST | `opener.rs" => "MUST | `open.rs", "9999-1-1: no open.rs open";
        names_a_function_that_does_not_exist: "MUST | `opener.rs open" => "MUST | `opener.rs close", "9999-1-1: no opener.rs close";
        says_nowhere_where: "MUST | `opener.rs open`" => "MUST | ", "9999-1-1: no places: \"\"";
        repeats_an_id: "own-1" => "9999-1-1", "9999-1-1: twice";
        lacks_a_requirement: "| 9999-1-2 | MAY | | none: not ours to keep |\n" => "", "9999-1: 0 rows of MAY, not Some(1)";
        has_a_requirement_too_many: "| 9999-1 | 1 |" => "| 9999-1 | 0 |", "9999-1: 1 rows of MUST, not Some(0)";
        has_a_section_that_nobody_counted: "own-1 | says" => "9999-2-1 | MUST", "9999-2: nobody has counted \"MUST\"";
        has_a_word_that_is_no_keyword: "own-1 | says" => "own-1 | must", "own: nobody has counted \"must\"";
        has_an_unknown_kind: "| section |" => "| sections |", "a table of what? sections";
        has_a_cell_too_few: "| MAY | |" => "| MAY |", "9999-1-2: 3 cells, not 4";
        has_a_line_without_end: "to keep |" => "to keep", "the line does not end: | 9999-1-2 | MAY | | none: not ours to keep";
    }

    #[test]
    fn has_no_column_of_tests() {
        let complaints = complaints("| id |\n|---|\n| own-1 |\n", &project());
        assert_eq!(complaints, ["own-1: no column of tests"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn is_no_reason_to_panic(text in "[|`a-z \n-]{0,200}", at in any::<prop::sample::Index>()) {
            let at = at.index(GOOD.len());
            let _ = complaints(&[&GOOD[..at], &text, &GOOD[at..]].concat(), &project());
        }
    }
}
