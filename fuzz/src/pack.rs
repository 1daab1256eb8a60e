//! Reading and writing corpora.
//!
//! Each input written by hand is a file, `corpus/TARGET/NAME`. The minimised inputs that a fuzzer
//! found are in one file, `corpus/TARGET.pack`: each input follows its length, two bytes in
//! little-endian order.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Returns the folder of the corpora.
pub fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Returns the inputs of a pack.
///
/// # Errors
/// [`InvalidData`](io::ErrorKind::InvalidData) if the pack ends within an input.
pub fn unpack(mut pack: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut inputs = Vec::new();
    while !pack.is_empty() {
        let input = pack.split_first_chunk().and_then(|(len, rest)| {
            pack = rest;
            rest.get(..u16::from_le_bytes(*len).into())
        });
        let input = input.ok_or(io::ErrorKind::InvalidData)?;
        inputs.push(input.to_vec());
        pack = &pack[input.len()..];
    }
    Ok(inputs)
}

/// Packs `inputs`, sorted by length. It leaves out inputs of 64 KiB or more.
pub fn pack(mut inputs: Vec<Vec<u8>>) -> Vec<u8> {
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let mut pack = Vec::new();
    for input in inputs {
        if let Ok(len) = u16::try_from(input.len()) {
            pack.extend(len.to_le_bytes());
            pack.extend(input);
        }
    }
    pack
}

/// Returns the files of a directory, sorted by name. Returns no files if it does not exist.
///
/// # Errors
/// The errors of reading.
pub fn files(directory: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = fs::read(&path)?;
            files.push((path, bytes));
        }
    }
    files.sort();
    Ok(files)
}

/// Returns all inputs of the committed corpus of a target.
///
/// # Errors
/// The errors of reading, and of [`unpack`].
pub fn corpus(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let by_hand = files(&corpora().join(target))?;
    let mut inputs: Vec<Vec<u8>> = by_hand.into_iter().map(|(_, bytes)| bytes).collect();
    let packed = corpora().join(target).with_extension("pack");
    if packed.exists() {
        inputs.extend(unpack(&fs::read(packed)?)?);
    }
    Ok(inputs)
}
