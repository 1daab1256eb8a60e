//! The C API beside Rust: what it costs.

use host::Result;

use crate::emulator::Firmware;

/// The most instructions that a call through C may take more than one from Rust. They check six to eleven
/// properties of the pointers, pass arguments in memory, and fill a structure, which a call from Rust does not:
/// the functions of the engine are built into it.
const CALLS: [(&str, u32); 3] = [("seal in place", 65), ("open", 40), ("seal from a slice", 70)];

/// Prints the instructions of a call from Rust and of the same one through C.
pub fn count_instructions(firmware: &Firmware) -> Result<()> {
    let log = firmware.run("instructions_c")?;
    let mut within = log.lines().count() == 2;
    for line in log.lines() {
        let (version, counts) = line.split_once(": ").ok_or("counts of no version")?;
        let counts: Vec<u32> =
            counts.split(' ').map(str::parse).collect::<std::result::Result<_, _>>()?;
        for (call, (work, more)) in counts.chunks(2).zip(CALLS) {
            let &[rust, c] = call else { return Err("an odd number of counts".into()) };
            println!("| {version}, 64 bytes: {work:<17} | {rust:>4} | {c:>4} |");
            within &= c <= rust + more;
        }
    }
    if within { Ok(()) } else { Err("C takes more instructions than it may".into()) }
}
