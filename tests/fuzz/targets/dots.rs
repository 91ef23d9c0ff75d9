#![no_main]

#[path = "../../laws/dots.rs"]
mod dots;

libfuzzer_sys::fuzz_target!(|input: &[u8]| dots::holds(input));
