//! Tells the sources the prefix of all symbols, `TLSR_PREFIX` or else `tlsr_`, and whether secrets can be in
//! memory.

fn main() {
    println!("cargo::rerun-if-env-changed=TLSR_PREFIX");
    println!("cargo::rerun-if-changed=build.rs");
    let prefix = std::env::var("TLSR_PREFIX").unwrap_or_else(|_| "tlsr_".into());
    let is_identifier = prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && prefix.starts_with(|c: char| c.is_ascii_alphabetic());
    assert!(is_identifier, "TLSR_PREFIX={prefix}: not the beginning of an identifier of C");
    println!("cargo::rustc-env=TLSR_PREFIX={prefix}");

    // Secrets in memory, by any of these ciphers.
    println!("cargo::rustc-check-cfg=cfg(secrets)");
    let features = [
        "RUSTCRYPTO_AES128_GCM",
        "RUSTCRYPTO_AES256_GCM",
        "RUSTCRYPTO_CHACHA20_POLY1305",
        "RUSTCRYPTO_AES128_CCM",
        "NULL_AEAD",
    ];
    if features.iter().any(|feature| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some())
    {
        println!("cargo::rustc-cfg=secrets");
    }
}
