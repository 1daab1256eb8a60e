#!/bin/bash -eu
# Runs build.sh like OSS-Fuzz, on a copy of this repository and with the same variables. Then it runs each
# fuzzer of $OUT over its seed corpus. Needs a nightly toolchain, cargo-fuzz and zip.
work=${1:-target/oss-fuzz}
mkdir -p "$work"/{src,out,work}
work=$(realpath "$work")
export SRC=$work/src OUT=$work/out WORK=$work/work
export SANITIZER=address FUZZING_ENGINE=libfuzzer ARCHITECTURE=x86_64
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/build} RUSTUP_TOOLCHAIN=nightly

rm -rf "$OUT" "$WORK" "$SRC/tls-record"
mkdir -p "$OUT" "$WORK"
git clone --quiet --depth 1 "file://$(git rev-parse --show-toplevel)" "$SRC/tls-record"
bash "$SRC/tls-record/fuzz/oss-fuzz/build.sh"

for fuzzer in "$OUT"/*.options; do
    fuzzer=${fuzzer%.options}
    corpus=$WORK/seeds/$(basename "$fuzzer")
    mkdir -p "$corpus"
    unzip -q "${fuzzer}_seed_corpus.zip" -d "$corpus"
    "$fuzzer" -runs=0 -dict="$fuzzer.dict" "$corpus" 2>&1 | tail -n 1
done
ls -l "$OUT"
