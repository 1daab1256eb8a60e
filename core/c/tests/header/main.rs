//! `tls_record.h` declares what the library has: functions, structures, objects and numbers.
//!
//! A C compiler compares them. [`library`] reads the sources and says in C what they are; [`declared`] reads
//! the names that the header declares; [`comparison`] compiles both together. Functions, objects and numbers
//! that are added are found without a change here. A structure also gets a line in `layouts.rs`, because
//! its offsets are those of the compiled library.

mod comparison;
mod declared;
mod layouts;
mod library;

use std::fs;
use std::path::Path;

use comparison::disagreements;
use declared::Declared;
use library::Library;

const HEADER: &str = include_str!("../../include/tls_record.h");

thread_local! {
    static LIBRARY: Library = Library::read();
}

/// Runs the comparison with a line of the header replaced, and returns what it finds.
fn planted(name: &str, line: &str, replacement: &str) -> String {
    assert_eq!(HEADER.matches(line).count(), 1, "{name}: tls_record.h has not one {line:?}");
    let found =
        LIBRARY.with(|library| disagreements(name, &HEADER.replace(line, replacement), library));
    assert!(!found.is_empty(), "{name}: not found");
    found.join("\n")
}

#[test]
fn the_header_and_the_library_agree() {
    let found = LIBRARY.with(|library| disagreements("true", HEADER, library));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_function_that_the_library_does_not_have_is_found() {
    let line = "tlsr_status tlsr_layer_eof(tlsr_layer *layer);";
    let with_another = format!("{line}\nvoid tlsr_another(void);");
    let found = planted("more_functions", line, &with_another);
    assert!(found.contains("tlsr_another: in tls_record.h, but not in the library"), "{found}");
}

#[test]
fn a_function_that_the_header_does_not_declare_is_found() {
    let found = planted("fewer_functions", "tlsr_status tlsr_layer_eof(tlsr_layer *layer);", "");
    assert!(found.contains("tlsr_layer_eof: in the library, but not in tls_record.h"), "{found}");
}

#[test]
fn a_wrong_signature_is_found() {
    for (name, line, replacement) in [
        ("result", "uint32_t tlsr_version(void);", "uint64_t tlsr_version(void);"),
        ("width", "size_t tlsr_key_len(uint16_t suite);", "size_t tlsr_key_len(uint32_t suite);"),
        ("more", "size_t tlsr_key_len(uint16_t suite);", "size_t tlsr_key_len(uint16_t, int);"),
        (
            "const",
            "tlsr_status tlsr_layer_eof(tlsr_layer *l",
            "tlsr_status tlsr_layer_eof(const tlsr_layer *l",
        ),
        (
            "type",
            "tlsr_status tlsr_layer_end(tlsr_layer *layer, tlsr_end *end);",
            "tlsr_status tlsr_layer_end(tlsr_layer *layer, tlsr_opened *end);",
        ),
    ] {
        let found = planted(name, line, replacement);
        assert!(found.contains("conflicting types"), "{name}: {found}");
    }
}

#[test]
fn a_wrong_number_is_found() {
    for (name, line, replacement) in [
        ("TLSR_ERR_CRYPTO", "#define TLSR_ERR_CRYPTO (-51)", "#define TLSR_ERR_CRYPTO (-50)"),
        ("TLSR_EVENT_CLOSED", "#define TLSR_EVENT_CLOSED 7", "#define TLSR_EVENT_CLOSED 6"),
        ("TLSR_TLS_1_3", "#define TLSR_TLS_1_3 0x0304", "#define TLSR_TLS_1_3 0x0303"),
        (
            "TLSR_ALERT_UNKNOWN_CA",
            "#define TLSR_ALERT_UNKNOWN_CA 48",
            "#define TLSR_ALERT_UNKNOWN_CA 49",
        ),
        ("TLSR_VERSION", "#define TLSR_VERSION 0x0", "#define TLSR_VERSION 0x1"),
    ] {
        let found = planted(name, line, replacement);
        assert!(found.contains(&format!("library: {name}")), "{name}: {found}");
    }
}

#[test]
fn a_number_that_one_of_them_does_not_have_is_found() {
    for (name, line) in [
        ("TLSR_ERR_CRYPTO", "#define TLSR_ERR_CRYPTO (-51)"),
        ("TLSR_FAULT_ABORTED", "#define TLSR_FAULT_ABORTED 26"),
    ] {
        let found = planted(&format!("no_{name}"), line, "");
        assert!(found.contains(&format!("{name}: in the library, but not in")), "{found}");
    }
    for name in ["TLSR_ERR_ANOTHER", "TLSR_ALERT_ANOTHER", "TLSR_ANOTHER"] {
        let found =
            planted(name, "#define TLSR_OK 0", &format!("#define TLSR_OK 0\n#define {name} (77)"));
        assert!(found.contains(&format!("{name}: in tls_record.h, but not in")), "{found}");
    }
}

#[test]
fn a_wrong_structure_is_found() {
    for (name, line, replacement, complaint) in [
        (
            "order",
            "    uint8_t event;   /* TLSR_EVENT_... */\n    uint8_t detail;",
            "    uint8_t detail;\n    uint8_t event;",
            "offset of tlsr_opened.event",
        ),
        ("size", "    size_t taken; ", "    size_t another; size_t taken; ", "size of tlsr_sealed"),
        (
            "sign",
            "    uint32_t message_len;",
            "    int32_t message_len;",
            "type of tlsr_opened.message_len",
        ),
        // In the padding: the size stays.
        (
            "more",
            "    uint8_t detail;\n}",
            "    uint8_t detail;\n    uint8_t another;\n}",
            "another",
        ),
        ("fewer", "    uint8_t detail;\n}", "}", "detail"),
        (
            "callback",
            "    void (*destroy_key)(void *context, uintptr_t key);",
            "    void (*destroy_key)(void *context, uint8_t key);",
            "type of tlsr_key_store.destroy_key",
        ),
    ] {
        let found = planted(&format!("structure_{name}"), line, replacement);
        assert!(found.contains(complaint), "{name}: {found}");
    }
}

#[test]
fn a_wrong_object_is_found() {
    let line = "TLSR_OPAQUE(tlsr_layer, TLSR_LAYER_SIZE);";
    let found = planted("object_size", line, "TLSR_OPAQUE(tlsr_layer, 64);");
    assert!(found.contains("size of tlsr_layer"), "{found}");
    let with_another = format!("{line}\nTLSR_OPAQUE(tlsr_another, 64);");
    let found = planted("object_more", line, &with_another);
    assert!(found.contains("tlsr_another: in tls_record.h, but not in the library"), "{found}");
    let line = "_Alignas(TLSR_ALIGNMENT)";
    let found = planted("object_alignment", line, "_Alignas(1)");
    assert!(found.contains("alignment of tlsr_layer"), "{found}");
}

/// The comparison cannot see what it cannot read.
#[test]
fn sources_that_cannot_be_read_are_complained_of() {
    let function = |signature: &str| {
        format!(
            r#"#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "version"))] pub {signature} {{}}"#
        )
    };
    for (code, complaint) in [
        (
            function(r#"extern "C" fn version(text: Text<'_, u8>) -> u32"#),
            "version: no C type is known for Text < '_ , u8 >: add it to library.rs",
        ),
        (
            function(r#"extern "C" fn version(text: &str) -> u32"#),
            "version: no C type is known for & str: add it to library.rs",
        ),
        (function("fn version() -> u32"), "version: exported, but not extern \"C\""),
        (
            format!("macro_rules! more {{ () => {{ {} }} }}", function(r#"extern "C" fn version()"#)),
            "a macro exports functions, which are not compared",
        ),
        (
            "#[repr(C, packed)] pub struct Odd { pub byte: u8 }".into(),
            "Odd: repr(C,packed) is not compared",
        ),
        ("#[repr(C)] pub struct Odd { pub byte: u8 }".into(), "Odd: add its fields to layouts.rs"),
        (
            "impl Object for One { const KIND: u8 = 9; } impl Object for Other { const KIND: u8 = 9; }"
                .into(),
            "Other: its KIND is that of One",
        ),
    ] {
        let found = disagreements("unread", HEADER, &Library::of(&[&code]));
        assert!(found.iter().any(|found| found == complaint), "{complaint}\n{}", found.join("\n"));
    }
}

/// Returns the functions that the header declares and no test in C calls.
fn not_called(header: &str) -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let sources = fs::read_dir(tests).unwrap().map(|file| file.unwrap().path());
    let sources = sources.filter(|path| path.extension().is_some_and(|kind| kind == "c"));
    let calls: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut functions = Declared::read(header).functions;
    functions.retain(|function| !calls.contains(&format!("tlsr_{function}(")));
    functions.into_iter().collect()
}

#[test]
fn every_function_is_called_by_a_test_in_c() {
    assert_eq!(not_called(HEADER), Vec::<String>::new());
    let line = "uint32_t tlsr_version(void);";
    let with_another = HEADER.replace(line, &format!("{line}\nvoid tlsr_another(void);"));
    assert_eq!(not_called(&with_another), ["another"]);
}
