#![no_main]

#[allow(dead_code, reason = "the other targets use the rest")]
#[path = "../../laws/archive.rs"]
mod archive;

libfuzzer_sys::fuzz_target!(|input: &[u8]| archive::feed_holds(input));
