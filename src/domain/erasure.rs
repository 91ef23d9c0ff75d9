//! What is kept of an address whose owner asked to be forgotten.

use aws_lc_rs::digest;

use super::address::Address;

/// A trace of an address that does not show it: the same for the same address
/// and salt, hexadecimal.
pub fn trace(salt: &str, address: &Address) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt.as_bytes());
    context.update(b"\0");
    context.update(address.key().as_bytes());
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
