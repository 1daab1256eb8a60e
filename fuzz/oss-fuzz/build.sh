#!/bin/bash -eu
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzzLite want them: each with its seed corpus and its
# dictionary in $OUT. They set SRC, OUT, WORK, SANITIZER and the flags of compilers. `try.sh` runs it
# without them.
cd "$SRC/tls-record"
# The toolchain of rust-toolchain.toml cannot do it.
export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-nightly}

# The engine alone: OpenSSL and rustls as peers would be most of what is fuzzed.
targets=(header alert close open seal handshake_epochs duplex connection suspend takeover)

flags=(--fuzz-dir fuzz -O --debug-assertions --no-default-features --features libfuzzer)
case "$SANITIZER" in
    # They instrument the compiler's output themselves.
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
