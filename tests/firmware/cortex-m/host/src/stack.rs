//! Measures the stack of each call on the device, and checks it against limits.

use host::Result;

use crate::emulator::Firmware;

/// The bytes that a forged record may take more than one that opens: the functions that wipe the
/// keys lie between the call and the stack that they overwrite, which is as much as the cipher
/// takes at any opt-level.
const MORE_FOR_A_FORGERY: usize = 800;

/// The limit of each call, for the engine alone and with the AES-256-GCM of RustCrypto, which takes
/// more than its other ciphers.
const LIMITS: [(&str, [usize; 2]); 28] = [
    ("cipher: seal", [140, 1950]),
    ("cipher: open", [140, 1950]),
    ("install", [690, 6590]),
    ("Opener::install", [380, 6270]),
    ("Sealer::install", [380, 6270]),
    ("seal", [350, 2150]),
    ("open, data", [220, 2070]),
    ("seal_in_place", [240, 2060]),
    ("poll_control, KeyUpdate", [370, 6320]),
    ("open, KeyUpdate", [500, 6480]),
    ("open, forged", [320, 2750]),
    ("poll_control, fatal alert", [320, 2700]),
    ("open, fatal alert", [320, 2750]),
    ("suspend", [840, 6650]),
    ("resume", [1630, 9710]),
    ("poll_control, close_notify", [320, 2110]),
    ("open, close_notify", [250, 2100]),
    ("drop", [200, 2610]),
    ("Connection::write", [360, 2150]),
    ("Connection::received, data", [220, 2070]),
    ("Connection::update_keys", [400, 6380]),
    ("Connection::received, KeyUpdate", [500, 6480]),
    ("Connection::suspend", [870, 6670]),
    ("Connection::resume", [2740, 11460]),
    ("Connection::shutdown", [350, 2150]),
    ("Connection::received, close_notify", [390, 2210]),
    ("Connection::received, forged", [320, 2750]),
    ("drop of a Connection", [200, 2610]),
];

/// Prints the stack of each call, with the engine alone and with three ciphers, and fails if it has
/// grown.
pub fn measure(firmware: &Firmware) -> Result<()> {
    let log = firmware.run("stack")?;
    let mut within = true;
    let mut rows: Vec<(&str, [usize; 4])> = vec![];
    for line in log.lines() {
        let Some((call, columns)) = line.split_once(';') else {
            println!("{line}");
            continue;
        };
        let columns =
            columns.split(';').map(str::parse).collect::<std::result::Result<Vec<_>, _>>()?;
        let columns: [usize; 4] = columns.try_into().map_err(|_| "another number of columns")?;
        let [engine, aes128, aes256, chacha20] = columns;
        println!("| {call:<36} | {engine:>5} | {aes128:>5} | {aes256:>5} | {chacha20:>5} |");
        rows.push((call, columns));
        let limit = LIMITS.iter().find(|(name, _)| *name == call);
        let (_, [engine_limit, cipher_limit]) = limit.ok_or("a call without a limit")?;
        within &= engine <= *engine_limit && aes256.max(aes128).max(chacha20) <= *cipher_limit;
    }
    let most = |call| {
        let row = rows.iter().find(|(name, _)| *name == call);
        row.and_then(|(_, columns)| columns.iter().max().copied()).ok_or("a call that is missing")
    };
    within &= most("open, forged")? <= most("open, data")? + MORE_FOR_A_FORGERY;
    if within { Ok(()) } else { Err("more stack than before".into()) }
}
