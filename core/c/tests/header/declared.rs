//! The names that a header declares.

use std::collections::BTreeSet;

#[derive(Default)]
pub(crate) struct Declared {
    /// Functions, without their prefix.
    pub(crate) functions: BTreeSet<String>,
    /// Opaque objects, without their prefix.
    pub(crate) objects: BTreeSet<String>,
    /// Macros with a number, without `TLSR_`.
    pub(crate) numbers: BTreeSet<String>,
    /// Macros that the library has if it was built with a feature, and that the header asks for.
    pub(crate) conditions: BTreeSet<String>,
}

impl Declared {
    pub(crate) fn read(header: &str) -> Self {
        let mut this = Self::default();
        let mut code = String::new();
        // A line that ends with a backslash goes on.
        for line in without_comments(header).replace("\\\n", " ").lines() {
            if let Some(condition) = line.trim().strip_prefix("#ifdef TLSR_") {
                this.conditions.insert(condition.to_owned());
            }
            match line.trim().strip_prefix("#define TLSR_") {
                Some(definition) => this.read_definition(definition),
                None if line.trim().starts_with('#') => {}
                None => code.extend([line, " "]),
            }
        }
        for declaration in without_bodies(&code).split([';', '{', '}']) {
            this.read_declaration(declaration.trim());
        }
        this
    }

    fn read_definition(&mut self, definition: &str) {
        // A macro with parameters has its parenthesis at its name.
        let (name, value) = definition.split_once(' ').unwrap_or((definition, ""));
        let is_number = value.trim().starts_with(|c: char| c == '(' || c.is_ascii_digit());
        if is_number && !name.contains('(') {
            self.numbers.insert(name.to_owned());
        }
    }

    fn read_declaration(&mut self, declaration: &str) {
        let Some((before, parameters)) = declaration.split_once('(') else { return };
        if before == "TLSR_OPAQUE" {
            let name = parameters.split(',').next().unwrap_or_default();
            self.objects.insert(name.trim().trim_start_matches("tlsr_").to_owned());
        } else if !before.starts_with("typedef") {
            let name = before.rsplit([' ', '*']).next().unwrap_or_default();
            self.functions.insert(name.trim_start_matches("tlsr_").to_owned());
        }
    }
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        code.push_str(part.split_once("*/").expect("a comment that ends").1);
    }
    code
}

/// Leaves out the fields of structures, which can be pointers to functions.
fn without_bodies(code: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    // The braces of `extern "C" {`, which are of C++, enclose everything.
    for c in code.replace("extern \"C\" {", "").chars() {
        depth += i32::from(c == '{');
        if depth <= 0 {
            out.push(c);
        }
        depth -= i32::from(c == '}');
    }
    out
}
