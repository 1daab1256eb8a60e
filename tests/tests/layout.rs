//! The modules of the engine form floors, and none uses a higher one.
//!
//! The uses of a file are read from its tokens: all paths that begin with `crate` or `super`. Links
//! in the documentation are not tokens, and may point anywhere.

use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

/// The modules of `core/src` except `lib.rs`, by floor, the lowest first. A module may use itself
/// and the modules of lower floors.
const FLOORS: [&[&str]; 8] = [
    &["small"],
    &["buffer"],
    &["protocol"],
    &["crypto"],
    &["layer"],
    &["connection"],
    &["handover", "stream"],
    // Documentation alone: it uses nothing.
    &["guide"],
];

fn height(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// Returns the forbidden uses in a file, whose name is relative to `core/src`.
fn complaints(file: &str, code: &str) -> Vec<String> {
    let module: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    let Some(own) = height(module[0]) else { return vec![format!("{file} is on no floor")] };
    let mut used = Vec::new();
    read(code.parse().expect("it compiles, so it is made of tokens"), module.len(), &mut used);
    used.retain(|used| used != module[0] && height(used).is_none_or(|height| height >= own));
    used.into_iter().map(|used| format!("{file} uses crate::{used}")).collect()
}

/// Adds the root modules that the paths in `code` name, from a module `depth` below the root.
fn read(code: TokenStream, depth: usize, used: &mut Vec<String>) {
    use TokenTree::{Group, Ident};
    let tokens: Vec<TokenTree> = code.into_iter().collect();
    let mut rest = &tokens[..];
    loop {
        rest = match rest {
            [] => return,
            [Ident(word), Ident(_), Group(body), rest @ ..] if word == "mod" => {
                read(body.stream(), depth + 1, used);
                rest
            }
            [Ident(word), rest @ ..] if word == "crate" => {
                if let Some(path) = behind_colons(rest) {
                    follow(path, 0, used);
                }
                rest
            }
            path @ [Ident(word), rest @ ..] if word == "super" => {
                follow(path, depth, used);
                rest
            }
            [Group(group), rest @ ..] => {
                read(group.stream(), depth, used);
                rest
            }
            [_, rest @ ..] => rest,
        };
    }
}

/// Adds the root module that `path` names, from a module `depth` below the root.
fn follow(path: &[TokenTree], depth: usize, used: &mut Vec<String>) {
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    match path {
        [TokenTree::Group(paths), ..] => {
            let paths: Vec<TokenTree> = paths.stream().into_iter().collect();
            paths.split(is_comma).for_each(|path| follow(path, depth, used));
        }
        [TokenTree::Ident(word), rest @ ..] if word == "super" => {
            if let Some(path) = behind_colons(rest) {
                follow(path, depth.saturating_sub(1), used);
            }
        }
        [name, ..] if depth == 0 => used.push(name.to_string()),
        _ => {}
    }
}

fn behind_colons(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    match tokens {
        [TokenTree::Punct(one), TokenTree::Punct(two), rest @ ..] => {
            (one.as_char() == ':' && two.as_char() == ':').then_some(rest)
        }
        _ => None,
    }
}

/// Returns the complaints about all files below `folder`, with `prefix` before their names.
fn read_folder(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            let name = path.file_name().expect("a name").to_str().expect("it is UTF-8");
            let file = format!("{prefix}{name}");
            if path.is_dir() {
                read_folder(&path, &format!("{file}/"))
            } else if file == "lib.rs" {
                vec![]
            } else {
                complaints(&file, &fs::read_to_string(&path).expect("a file"))
            }
        })
        .collect()
}

fn sources() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src"))
}

#[test]
fn no_module_uses_a_higher_floor() {
    let complaints = read_folder(sources(), "");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_module_of_a_floor_exists() {
    for module in FLOORS.concat() {
        assert!(sources().join(module).with_extension("rs").is_file(), "{module}");
    }
}

#[test]
fn a_use_of_a_higher_floor_is_found() {
    for (file, code, used) in [
        ("crypto/keys.rs", "use crate::layer::opener::Opener;", "layer"),
        ("crypto/keys.rs", "pub(crate) use crate::layer::opener::Opener;", "layer"),
        ("crypto/keys.rs", "use crate::{buffer::bytes::copy, layer::opener::Opener};", "layer"),
        ("crypto/keys.rs", "fn f(opener: &crate::layer::opener::Opener) {}", "layer"),
        ("crypto/keys.rs", "mod tests { use crate::layer::opener::Opener; }", "layer"),
        ("crypto/keys.rs", "use super::super::layer::opener::Opener;", "layer"),
        ("crypto/keys.rs", "use super::{super::layer::opener::Opener, aead::Aead};", "layer"),
        ("crypto.rs", "use super::layer::opener::Opener;", "layer"),
        ("crypto.rs", "mod tests { use super::super::layer::opener::Opener; }", "layer"),
        ("small.rs", "use crate::buffer::bytes::copy;", "buffer"),
        // A module on the same floor, and names of the root, which is above all floors.
        ("stream.rs", "use crate::handover::suspend::SUSPENDED_LEN;", "handover"),
        ("stream.rs", "use crate::Connection;", "Connection"),
        ("stream.rs", "use crate::*;", "*"),
        ("stream.rs", "use crate::aead::Aead;", "aead"),
    ] {
        assert_eq!(complaints(file, code), [format!("{file} uses crate::{used}")], "{code}");
    }
    assert_eq!(complaints("other/file.rs", ""), ["other/file.rs is on no floor"]);
}

#[test]
fn lower_floors_and_the_own_module_may_be_used() {
    for (file, code) in [
        ("layer/opener.rs", "use crate::{layer::notice::Notice, crypto::keys::KeySchedule};"),
        ("layer/opener/into.rs", "use super::super::notice::Notice; use super::Opener;"),
        ("layer.rs", "mod tests { use super::*; }"),
        ("layer.rs", "pub(crate) mod opener; pub(in crate::layer) fn f() {}"),
        ("layer/opener.rs", "/// See [`Connection`](crate::connection::Connection).\nfn f() {}"),
        ("layer/opener.rs", "// use crate::connection::Connection;"),
    ] {
        assert_eq!(complaints(file, code), [""; 0], "{code}");
    }
}
