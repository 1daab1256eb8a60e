//! Streams in the kernel, with OpenSSL as the peer.
//!
//! They need the kernel's module `tls`. Where it is missing they are left out, except those of a kernel
//! without it: `.ci/ktls` runs them in virtual machines, with kernels that have it.
#![cfg(target_os = "linux")]

mod closing;
mod data;
mod hand_over;
mod keys;
mod refusals;
mod routes;
mod support;
