#![no_main]

#[path = "../../laws/mail.rs"]
mod mail;

libfuzzer_sys::fuzz_target!(|input: &[u8]| mail::holds(input));
