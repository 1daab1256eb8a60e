//! Corpora: what was written by hand is a file each, `corpus/TARGET/<what it shows>`; what a fuzzer
//! found and minimised is `corpus/TARGET.pack`, many inputs in one file, each behind its length in
//! two bytes, the low one first.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where the corpora of this package are.
pub fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a pack.
///
/// # Errors
/// [`InvalidData`](io::ErrorKind::InvalidData) if it ends within one.
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

/// A pack of `inputs`, the short ones first. Those of 64 KiB and more are left out.
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

/// The files of a directory, in the order of their names. None if there is no directory.
///
/// # Errors
/// Those of reading.
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

/// All inputs of the committed corpus of a target.
///
/// # Errors
/// Those of reading, and of [`unpack`].
pub fn corpus(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let by_hand = files(&corpora().join(target))?;
    let mut inputs: Vec<Vec<u8>> = by_hand.into_iter().map(|(_, bytes)| bytes).collect();
    let packed = corpora().join(target).with_extension("pack");
    if packed.exists() {
        inputs.extend(unpack(&fs::read(packed)?)?);
    }
    Ok(inputs)
}
