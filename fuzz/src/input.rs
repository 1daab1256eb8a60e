//! Decoding inputs from bytes, and encoding them.
//!
//! A fuzzer produces bytes and a target needs calls, so every input decodes from bytes. It also
//! encodes to bytes: corpora are written in Rust, and a recorded session becomes an input. A choice
//! is one byte, so that one mutation changes one call. A list of calls extends to the end of the
//! bytes. Missing bytes at the end are zero.
//!
//! The `Debug` output of an input is Rust code, except for its lists: [`snippet`] turns it into a
//! test.

use arbitrary::{Result, Unstructured};

/// A part of an input.
pub trait Field: Sized {
    /// Decodes the field from the bytes of the fuzzer.
    ///
    /// # Errors
    /// The errors of `arbitrary`. Missing bytes are not an error.
    fn decode(from: &mut Unstructured<'_>) -> Result<Self>;

    /// Appends the bytes from which the field decodes.
    fn encode(&self, to: &mut Vec<u8>);
}

impl Field for bool {
    fn decode(from: &mut Unstructured<'_>) -> Result<Self> {
        Ok(from.arbitrary::<u8>()? & 1 == 1)
    }

    fn encode(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }
}

impl Field for u8 {
    fn decode(from: &mut Unstructured<'_>) -> Result<Self> {
        from.arbitrary()
    }

    fn encode(&self, to: &mut Vec<u8>) {
        to.push(*self);
    }
}

impl Field for u16 {
    fn decode(from: &mut Unstructured<'_>) -> Result<Self> {
        from.arbitrary()
    }

    fn encode(&self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }
}

impl<T: Field> Field for Option<T> {
    fn decode(from: &mut Unstructured<'_>) -> Result<Self> {
        Ok(if bool::decode(from)? { Some(T::decode(from)?) } else { None })
    }

    fn encode(&self, to: &mut Vec<u8>) {
        self.is_some().encode(to);
        if let Some(field) = self {
            field.encode(to);
        }
    }
}

/// Up to 255 bytes.
impl Field for Vec<u8> {
    fn decode(from: &mut Unstructured<'_>) -> Result<Self> {
        let len = usize::from(u8::decode(from)?).min(from.len());
        Ok(from.bytes(len)?.to_vec())
    }

    fn encode(&self, to: &mut Vec<u8>) {
        to.push(u8::try_from(self.len()).expect("at most 255 bytes"));
        to.extend(self);
    }
}

/// Decodes a list that extends to the end of the input.
pub(crate) fn decode_all<T: Field>(from: &mut Unstructured<'_>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    while !from.is_empty() {
        all.push(T::decode(from)?);
    }
    Ok(all)
}

pub(crate) fn encode_all<T: Field>(all: &[T], to: &mut Vec<u8>) {
    for one in all {
        one.encode(to);
    }
}

/// Declares a struct or an enum that is a [`Field`].
///
/// The fields are encoded in order. An enum starts with a byte for the index of its variant. A
/// `Vec` of either extends to the end of the input.
macro_rules! input {
    (
        $(#[$doc:meta])*
        pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl $crate::input::Field for $name {
            fn decode(from: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
                Ok(Self { $($field: $crate::input::Field::decode(from)?,)* })
            }

            fn encode(&self, to: &mut Vec<u8>) {
                $($crate::input::Field::encode(&self.$field, to);)*
            }
        }

        impl $crate::input::Field for Vec<$name> {
            fn decode(from: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
                $crate::input::decode_all(from)
            }

            fn encode(&self, to: &mut Vec<u8>) {
                $crate::input::encode_all(self, to);
            }
        }

        impl<'a> arbitrary::Arbitrary<'a> for $name {
            fn arbitrary(from: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
                $crate::input::Field::decode(from)
            }
        }
    };
    (
        $(#[$doc:meta])*
        pub enum $name:ident { $(
            $(#[$variant_doc:meta])*
            $variant:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })?,
        )* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq)]
        #[allow(missing_docs)] // The variant documents its fields.
        pub enum $name { $(
            $(#[$variant_doc])* $variant $({ $($(#[$field_doc])* $field: $type,)* })?,
        )* }

        const _: () = {
            enum Tag { $($variant,)* }
            const COUNT: u8 = [$(stringify!($variant),)*].len() as u8;

            impl $crate::input::Field for $name {
                fn decode(from: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
                    let tag = <u8 as $crate::input::Field>::decode(from)? % COUNT;
                    $(if tag == Tag::$variant as u8 {
                        return Ok(Self::$variant $({
                            $($field: $crate::input::Field::decode(from)?,)*
                        })?);
                    })*
                    unreachable!("less than the number of variants")
                }

                fn encode(&self, to: &mut Vec<u8>) {
                    match self {
                        $(Self::$variant $({ $($field,)* })? => {
                            to.push(Tag::$variant as u8);
                            $($($crate::input::Field::encode($field, to);)*)?
                        })*
                    }
                }
            }
        };

        impl $crate::input::Field for Vec<$name> {
            fn decode(from: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
                $crate::input::decode_all(from)
            }

            fn encode(&self, to: &mut Vec<u8>) {
                $crate::input::encode_all(self, to);
            }
        }

        // With the name of the enum, so that the output is valid Rust.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$variant $({ $($field,)* })? => {
                        const NAME: &str =
                            concat!(stringify!($name), "::", stringify!($variant));
                        input!(@debug f NAME $({ $($field)* })?)
                    })*
                }
            }
        }
    };
    (@debug $f:ident $name:ident) => { $f.write_str($name) };
    (@debug $f:ident $name:ident { $($field:ident)* }) => {
        $f.debug_struct($name)$(.field(stringify!($field), $field))*.finish()
    };
}
pub(crate) use input;

/// Returns Rust code of a test that runs the input, to paste into a file of tests.
pub fn snippet(target: &str, input: &impl std::fmt::Debug) -> String {
    let mut rust = format!("#[test]\nfn found() {{\n    use tls_record_fuzz::{target}::*;\n    ");
    let mut depth = 0;
    for character in format!("{input:?}").chars() {
        match character {
            '[' => {
                depth += 1;
                rust.push_str("vec![");
                continue;
            }
            ']' => depth -= 1,
            // One call on each line.
            ' ' if depth == 1 && rust.ends_with("},") => {
                rust.push_str("\n        ");
                continue;
            }
            _ => {}
        }
        rust.push(character);
    }
    rust + "\n        .run();\n}\n"
}
