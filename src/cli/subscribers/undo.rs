//! `subscribers undo`: the last import taken back.

use std::io::Write;

use super::super::stage::Desk;
use super::super::{Failure, output};

/// Takes the last import back, or says which it is.
pub async fn run(desk: &Desk, dry_run: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(list) = desk.store.last_import().await? else {
        return Err(Failure::refused(
            "there is no import to take back",
            "to see who is there: postroom subscribers list",
        ));
    };
    let when = output::time(list.at, desk.settings.site.timezone);
    let what = format!("the import of {} into {} ({when})", output::plain(&list.file), list.newsletter);
    if dry_run {
        writeln!(out, "The last one is {what}. To take it back, leave -n out")?;
        return Ok(());
    }
    let undone = desk.store.undo_import(&list, desk.now).await?;
    let count = |n: u64, one: &str, many: &str| output::counted(i64::try_from(n).unwrap_or(i64::MAX), one, many);
    writeln!(out, "Took back {what}")?;
    writeln!(
        out,
        "{} forgotten, {} pending because mail has gone to them, {} as before",
        count(undone.removed, "is", "are"),
        count(undone.ended, "is", "are"),
        count(undone.restored, "is", "are")
    )?;
    Ok(())
}
