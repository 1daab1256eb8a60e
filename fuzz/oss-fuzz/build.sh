#!/bin/bash -eu
# Builds the fuzz targets for OSS-Fuzz and ClusterFuzzLite, which set SRC, OUT, WORK, SANITIZER and the
# compiler flags. Puts each target with its seed corpus and its dictionary into $OUT. `try.sh` runs this
# script locally.
cd "$SRC/tls-record"
# cargo-fuzz needs nightly, not the toolchain of rust-toolchain.toml.
export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-nightly}

# Only the targets of the engine: with OpenSSL and rustls as peers, most of the fuzzed code would be theirs.
targets=(header alert close open seal handshake_epochs duplex connection suspend takeover parts c_api c_connection)

flags=(--fuzz-dir fuzz -O --debug-assertions --no-default-features --features libfuzzer)
case "$SANITIZER" in
    # These instrument the compiler's output themselves.
    coverage | introspector) flags+=(--sanitizer none) ;;
    *) flags+=(--sanitizer "$SANITIZER") ;;
esac
cargo fuzz build "${flags[@]}"

host=$(rustc -vV | sed -n 's/^host: //p')
cargo run --quiet --package tls-record-fuzz --no-default-features --features tools --bin corpus \
    -- unpack "$WORK/corpus"
for target in "${targets[@]}"; do
    cp "${CARGO_TARGET_DIR:-target}/$host/release/$target" "$OUT/"
    cp fuzz/tls.dict "$OUT/$target.dict"
    printf '[libfuzzer]\nmax_len = 4096\ntimeout = 10\n' >"$OUT/$target.options"
    zip --quiet --junk-paths --recurse-paths "$OUT/${target}_seed_corpus.zip" "$WORK/corpus/$target"
done
