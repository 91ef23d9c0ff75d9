#![no_main]

#[allow(dead_code, reason = "the other target uses the rest")]
#[path = "../../laws/relay.rs"]
mod relay;

libfuzzer_sys::fuzz_target!(|input: &[u8]| relay::reads(input));
