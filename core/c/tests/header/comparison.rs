//! A C program that does not compile if header and library disagree.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use tls_record_c::Status;

use crate::declared::Declared;
use crate::layouts::layouts;
use crate::library::{Library, c_name};

/// Compares a header with the library, and returns what is different. `name` is that of a folder for the files.
pub(crate) fn disagreements(name: &str, header: &str, library: &Library) -> Vec<String> {
    let declared = Declared::read(header);
    let mut found = library.complaints.clone();

    let functions = library.functions.iter().map(|(name, _)| name.clone()).collect();
    compare_names("tlsr_", &functions, &declared.functions, &mut found);
    let objects = library.objects.iter().map(|(name, _)| c_name(name)).collect();
    compare_names("tlsr_", &objects, &declared.objects, &mut found);
    compare_numbers(library, &declared, &mut found);

    let mut program = Program::new();
    program.check("type of tlsr_status", &same_type("tlsr_status", "int32_t"));
    for (_, prototype) in &library.functions {
        program.line(&format!("{prototype};"));
    }
    program.check_numbers(library, &declared);
    for (object, _) in &library.objects {
        let object = c_name(object);
        let upper = object.to_uppercase();
        program.check_equal(
            &format!("size of tlsr_{object}"),
            &format!("sizeof(tlsr_{object})"),
            &{ format!("TLSR_{upper}_SIZE") },
        );
        program.check_equal(
            &format!("alignment of tlsr_{object}"),
            &format!("_Alignof(tlsr_{object})"),
            "TLSR_ALIGNMENT",
        );
    }
    program.check_structures(library, &mut found);

    found.extend(program.compile(name, header, &declared));
    found
}

fn compare_names(
    prefix: &str,
    library: &BTreeSet<String>,
    header: &BTreeSet<String>,
    found: &mut Vec<String>,
) {
    for name in library.difference(header) {
        found.push(format!("{prefix}{name}: in the library, but not in tls_record.h"));
    }
    for name in header.difference(library) {
        found.push(format!("{prefix}{name}: in tls_record.h, but not in the library"));
    }
}

/// `OK`, or `ERR_` and the name of the library.
fn status_name(name: &str) -> String {
    if name == "OK" { name.to_owned() } else { format!("ERR_{name}") }
}

fn compare_numbers(library: &Library, declared: &Declared, found: &mut Vec<String>) {
    let is_status = |name: &str| name == "OK" || name.starts_with("ERR_");
    // `check_numbers` asks the library for the names of alerts. Its version is no constant.
    let is_other = |name: &str| name.starts_with("ALERT_") || name == "VERSION";
    let mut exported: BTreeSet<String> = library.exported_numbers.iter().cloned().collect();
    exported.extend(Status::NAMES.iter().map(|(name, _)| status_name(name)));
    let mut header = declared.numbers.clone();
    header
        .retain(|name| !is_other(name) && (is_status(name) || !library.numbers.contains_key(name)));
    header.extend(exported.intersection(&declared.numbers).cloned());
    compare_names("TLSR_", &exported, &header, found);

    for name in declared.numbers.iter().filter_map(|name| name.strip_prefix("ALERT_")) {
        if !alert_names().any(|(_, alert)| alert == name) {
            found.push(format!("TLSR_ALERT_{name}: in tls_record.h, but not in the library"));
        }
    }
}

/// Numbers of the alerts that have a name, and their names in capitals.
fn alert_names() -> impl Iterator<Item = (u8, String)> {
    (0..=u8::MAX).map(|number| {
        // SAFETY: `tlsr_alert_text` returns a string of C that stays.
        let text = unsafe { std::ffi::CStr::from_ptr(tls_record_c::alert_text(number)) };
        (number, text.to_str().expect("ASCII").to_uppercase())
    })
}

fn same_type(one: &str, other: &str) -> String {
    format!("__builtin_types_compatible_p({one}, {other})")
}

struct Program(String);

impl Program {
    fn new() -> Self {
        Self("#include \"tls_record.h\"\n".into())
    }

    fn line(&mut self, line: &str) {
        self.0 += line;
        self.0.push('\n');
    }

    fn check(&mut self, what: &str, condition: &str) {
        self.line(&format!("_Static_assert({condition}, \"not as in the library: {what}\");"));
    }

    fn check_equal(&mut self, what: &str, value: &str, expected: &str) {
        self.check(what, &format!("({value}) == ({expected})"));
    }

    /// Checks those numbers that both of them have.
    fn check_numbers(&mut self, library: &Library, declared: &Declared) {
        let mut numbers: Vec<(String, String)> = Vec::new();
        let statuses = Status::NAMES.iter();
        numbers
            .extend(statuses.map(|(name, status)| (status_name(name), status.code().to_string())));
        numbers.extend(library.numbers.iter().map(|(name, value)| (name.clone(), value.clone())));
        numbers.extend(
            alert_names().map(|(number, name)| (format!("ALERT_{name}"), number.to_string())),
        );
        numbers.push(("VERSION".into(), tls_record_c::version().to_string()));
        numbers.retain(|(name, _)| declared.numbers.contains(name));
        for (name, value) in numbers {
            let name = format!("TLSR_{name}");
            self.check_equal(&name, &name, &value);
        }
    }

    fn check_structures(&mut self, library: &Library, found: &mut Vec<String>) {
        let layouts = layouts();
        for structure in &library.structures {
            let name = format!("tlsr_{}", c_name(&structure.name));
            let mut all = String::new();
            for (field, c_type) in &structure.fields {
                let actual = format!("__typeof__((({name} *)0)->{field})");
                self.check(&format!("type of {name}.{field}"), &same_type(&actual, c_type));
                let has_parts =
                    c_type.contains('[') || c_type.starts_with("tlsr_") && !c_type.contains('*');
                all += if has_parts { "{0}, " } else { "0, " };
            }
            // A warning tells of fields that are left out.
            self.line(&format!("const {name} all_fields_of_{name} = {{{all}}};"));

            let Some((_, layout)) = layouts.iter().find(|(name, _)| *name == structure.name) else {
                found.push(format!("{}: add its fields to layouts.rs", structure.name));
                continue;
            };
            let Some(layout) = layout else { continue };
            self.check_equal(&format!("size of {name}"), &format!("sizeof({name})"), &{
                layout.size.to_string()
            });
            self.check_equal(&format!("alignment of {name}"), &format!("_Alignof({name})"), &{
                layout.align.to_string()
            });
            for (field, offset) in &layout.offsets {
                self.check_equal(
                    &format!("offset of {name}.{field}"),
                    &format!("offsetof({name}, {field})"),
                    &offset.to_string(),
                );
            }
            for (field, _) in &structure.fields {
                if !layout.offsets.iter().any(|(offset_of, _)| offset_of == field) {
                    found.push(format!("{}.{field}: add it to layouts.rs", structure.name));
                }
            }
        }
    }

    /// Compiles the program with this header, and returns the compiler's messages if it fails.
    fn compile(&self, name: &str, header: &str, declared: &Declared) -> Option<String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header").join(name);
        fs::create_dir_all(&folder).expect("a folder for the program");
        fs::write(folder.join("tls_record.h"), header).expect("written");
        fs::write(folder.join("tls_record_config.h"), config(declared)).expect("written");
        fs::write(folder.join("program.c"), &self.0).expect("written");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let output = Command::new(&compiler)
            .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"])
            .arg("program.c")
            .current_dir(&folder)
            .output()
            .unwrap_or_else(|error| panic!("C compiler {compiler}: {error}"));
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// `tls_record_config.h`, as `configure` makes it, and what a library with all features has besides: all of
/// the header is compared, whatever is built.
fn config(declared: &Declared) -> String {
    let mut config = String::new();
    for line in &tls_record_c::CONFIG_TEXT {
        config += line.as_str();
    }
    for condition in &declared.conditions {
        if !config.contains(&format!("#define TLSR_{condition} ")) {
            writeln!(config, "#define TLSR_{condition} 64").expect("a string");
        }
    }
    config
}
