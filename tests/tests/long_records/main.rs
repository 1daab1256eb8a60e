//! Records that are opened in parts: where they lie, and while they arrive.

mod ciphers;
mod random;
mod states;
mod steps;
mod usual;
mod ways;
