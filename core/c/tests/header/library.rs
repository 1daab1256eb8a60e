//! What the sources of the library export, said in C.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Expr, Fields, GenericArgument, Item, Lit, PathArguments, ReturnType, Type};

#[derive(Default)]
pub(crate) struct Library {
    /// Exported functions without their prefix, and their prototypes.
    pub(crate) functions: Vec<(String, String)>,
    /// `#[repr(C)]` structures under their Rust names.
    pub(crate) structures: Vec<Structure>,
    /// Opaque objects under their Rust names, and their `KIND`s.
    pub(crate) objects: Vec<(String, String)>,
    /// Constants that are written as an integer.
    pub(crate) numbers: BTreeMap<String, String>,
    /// The numbers of `numbers.rs`, all of which the header has.
    pub(crate) exported_numbers: Vec<String>,
    /// `type` definitions, without those of parameters.
    aliases: BTreeMap<String, Type>,
    /// What could not be read.
    pub(crate) complaints: Vec<String>,
}

pub(crate) struct Structure {
    pub(crate) name: String,
    /// Name and C type of each field.
    pub(crate) fields: Vec<(String, String)>,
}

impl Library {
    /// Reads all sources.
    pub(crate) fn read() -> Self {
        let mut files = Vec::new();
        find_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
        let mut this = Self::of(&files.iter().map(|(_, code)| code.as_str()).collect::<Vec<_>>());
        let (_, numbers) = files
            .iter()
            .find(|(path, _)| path.ends_with("numbers.rs"))
            .expect("the numbers of the header");
        this.exported_numbers.extend(Self::of(&[numbers]).numbers.into_keys());
        this
    }

    /// Reads these sources.
    pub(crate) fn of(sources: &[&str]) -> Self {
        let mut this = Self::default();
        let files: Vec<syn::File> =
            sources.iter().map(|code| syn::parse_file(code).expect("Rust")).collect();
        for file in &files {
            this.read_names(&file.items);
        }
        for file in &files {
            this.read_items(&file.items);
        }
        this
    }

    /// Reads what declarations can refer to.
    fn read_names(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Const(constant) => {
                    if let Expr::Lit(value) = &*constant.expr
                        && let Lit::Int(value) = &value.lit
                    {
                        let name = constant.ident.to_string();
                        self.numbers.insert(name, value.base10_digits().to_owned());
                    }
                }
                Item::Type(alias) => {
                    self.aliases.insert(alias.ident.to_string(), (*alias.ty).clone());
                }
                _ => {}
            }
        }
    }

    fn read_items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Fn(function) => {
                    if let Some(name) = exported_name(&function.attrs) {
                        self.read_function(&name, &function.sig);
                    }
                }
                Item::Struct(structure) => self.read_structure(structure),
                Item::Impl(block) => self.read_impl(block),
                Item::Mod(module) => {
                    self.read_items(module.content.as_ref().map_or(&[], |(_, items)| items));
                }
                Item::Macro(macros)
                    if macros.to_token_stream().to_string().contains("export_name") =>
                {
                    self.complain("a macro exports functions, which are not compared".into());
                }
                _ => {}
            }
        }
    }

    fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    fn read_function(&mut self, name: &str, signature: &syn::Signature) {
        let abi = signature.abi.as_ref().and_then(|abi| abi.name.as_ref());
        if abi.is_none_or(|abi| abi.value() != "C") {
            self.complain(format!("{name}: exported, but not extern \"C\""));
        }
        let parameters = signature.inputs.iter().map(|input| match input {
            syn::FnArg::Typed(input) => self.declaration(&input.ty, ""),
            syn::FnArg::Receiver(_) => Err("self".into()),
        });
        let prototype = parameters.collect::<Result<Vec<_>, _>>().and_then(|parameters| {
            self.function(&signature.output, &format!("tlsr_{name}"), &parameters)
        });
        match prototype {
            Ok(prototype) => self.functions.push((name.to_owned(), prototype)),
            Err(unknown) => self.complain(format!(
                "{name}: no C type is known for {unknown}: add it to library.rs"
            )),
        }
    }

    fn read_structure(&mut self, structure: &syn::ItemStruct) {
        let name = structure.ident.to_string();
        let Some(repr) = structure.attrs.iter().find(|attribute| attribute.path().is_ident("repr"))
        else {
            return;
        };
        // Opaque objects are compared by their sizes.
        if !matches!(structure.vis, syn::Visibility::Public(_)) || name == "Memory" {
            return;
        }
        let repr = repr.meta.to_token_stream().to_string().replace(' ', "");
        match repr.as_str() {
            "repr(C)" => {}
            "repr(transparent)" => return,
            _ => return self.complain(format!("{name}: {repr} is not compared")),
        }
        let Fields::Named(named) = &structure.fields else {
            return self.complain(format!("{name}: a field without a name"));
        };
        let mut fields: Vec<(String, String)> = Vec::new();
        for field in &named.named {
            let field_name = field.ident.as_ref().expect("a named field").to_string();
            // Without the key store it is a pointer to something else: the first of the two counts.
            if fields.iter().any(|(name, _)| *name == field_name) {
                continue;
            }
            match self.declaration(&field.ty, "") {
                Ok(c_type) => fields.push((field_name, c_type)),
                Err(unknown) => self.complain(format!(
                    "{name}.{field_name}: no C type is known for {unknown}: add it to library.rs"
                )),
            }
        }
        self.structures.push(Structure { name, fields });
    }

    fn read_impl(&mut self, block: &syn::ItemImpl) {
        let is_object = block.trait_.as_ref().is_some_and(|(_, path, _)| path.is_ident("Object"));
        let Type::Path(object) = &*block.self_ty else { return };
        let Some(object) = object.path.segments.last().filter(|_| is_object) else { return };
        let object = object.ident.to_string();
        let kind = block.items.iter().find_map(|item| match item {
            syn::ImplItem::Const(kind) if kind.ident == "KIND" => {
                Some(kind.expr.to_token_stream().to_string())
            }
            _ => None,
        });
        let kind = kind.unwrap_or_default();
        if let Some((other, _)) = self.objects.iter().find(|(_, other)| *other == kind) {
            let complaint = format!("{object}: its KIND is that of {other}");
            self.complain(complaint);
        }
        self.objects.push((object, kind));
    }
}

/// Returns the text behind the prefix in `export_name = concat!(env!("TLSR_PREFIX"), "...")`.
fn exported_name(attributes: &[Attribute]) -> Option<String> {
    let text = attributes
        .iter()
        .map(|attribute| attribute.meta.to_token_stream().to_string())
        .find(|text| text.contains("export_name"))?;
    let mut texts = text.rsplit('"');
    texts.nth(1).map(str::to_owned)
}

/// Returns the name of a Rust type in C, without its prefix: `KeyStore` is `key_store`.
pub(crate) fn c_name(name: &str) -> String {
    let mut c_name = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            c_name.push('_');
        }
        c_name.push(letter.to_ascii_lowercase());
    }
    c_name
}

/// How types are written in C.
impl Library {
    /// Returns what an alias stands for.
    fn resolve<'a>(&'a self, rust: &'a Type) -> &'a Type {
        match rust {
            Type::Path(path) => path
                .path
                .get_ident()
                .and_then(|name| self.aliases.get(&name.to_string()))
                .unwrap_or(rust),
            _ => rust,
        }
    }

    /// Returns the C declaration of `declarator` as this type, or else the type that is not known.
    fn declaration(&self, rust: &Type, declarator: &str) -> Result<String, String> {
        let rust = self.resolve(rust);
        let unknown = || rust.to_token_stream().to_string();
        match rust {
            Type::Path(path) => {
                let segment = path.path.segments.last().ok_or_else(unknown)?;
                let arguments = types_of(&segment.arguments);
                let name = segment.ident.to_string();
                let plain = match (name.as_str(), &arguments[..]) {
                    ("Handle" | "Out", [to]) => return self.pointer(to, declarator),
                    ("In", [to]) => return Ok(format!("const {}", self.pointer(to, declarator)?)),
                    // A pointer that may be null.
                    ("Option", [to @ Type::BareFn(_)]) => return self.declaration(to, declarator),
                    ("Bytes", []) => return Ok(format!("const uint8_t *{declarator}")),
                    ("BytesMut", []) => return Ok(format!("uint8_t *{declarator}")),
                    ("Parts", []) => return Ok(format!("const tlsr_slice *{declarator}")),
                    ("PartsMut", []) => return Ok(format!("const tlsr_slice_mut *{declarator}")),
                    ("u8" | "u16" | "u32" | "u64" | "i32", []) => match name.strip_prefix('u') {
                        Some(bits) => format!("uint{bits}_t"),
                        None => "int32_t".into(),
                    },
                    ("usize", []) => "size_t".into(),
                    ("c_char", []) => "char".into(),
                    ("c_void", []) => "void".into(),
                    (_, []) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                        format!("tlsr_{}", c_name(&name))
                    }
                    _ => return Err(unknown()),
                };
                Ok(format!("{plain} {declarator}"))
            }
            Type::Ptr(pointer) => {
                let to = self.declaration(&pointer.elem, &format!("*{declarator}"))?;
                match (&pointer.const_token, &*pointer.elem) {
                    (None, _) => Ok(to),
                    (Some(_), Type::Path(_)) => Ok(format!("const {to}")),
                    (Some(_), _) => Err(unknown()),
                }
            }
            Type::Array(array) => {
                let mut len = array.len.to_token_stream().to_string();
                if let Some(number) = self.numbers.get(&len) {
                    len.clone_from(number);
                } else if !len.starts_with(|c: char| c.is_ascii_digit()) {
                    len.insert_str(0, "TLSR_");
                }
                self.declaration(&array.elem, &format!("{declarator}[{len}]"))
            }
            Type::BareFn(bare) => {
                let parameters = bare.inputs.iter().map(|input| self.declaration(&input.ty, ""));
                let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
                self.function(&bare.output, &format!("(*{declarator})"), &parameters)
            }
            _ => Err(unknown()),
        }
    }

    /// The parameter that points to an array is written as the array.
    fn pointer(&self, to: &Type, declarator: &str) -> Result<String, String> {
        let is_array = matches!(self.resolve(to), Type::Array(_));
        self.declaration(
            to,
            &if is_array { declarator.to_owned() } else { format!("*{declarator}") },
        )
    }

    fn function(
        &self,
        result: &ReturnType,
        declarator: &str,
        parameters: &[String],
    ) -> Result<String, String> {
        let parameters = if parameters.is_empty() { "void".into() } else { parameters.join(", ") };
        let declarator = format!("{declarator}({parameters})");
        match result {
            ReturnType::Default => Ok(format!("void {declarator}")),
            ReturnType::Type(_, rust) => self.declaration(rust, &declarator),
        }
    }
}

fn types_of(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return vec![] };
    let types = arguments.args.iter();
    types
        .filter_map(|argument| match argument {
            GenericArgument::Type(rust) => Some(rust),
            _ => None,
        })
        .collect()
}

fn find_files(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find_files(&path, files);
        } else {
            let code = fs::read_to_string(&path).expect("a source");
            files.push((path, code));
        }
    }
}
