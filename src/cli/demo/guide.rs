//! What the demo says in the terminal.

use std::path::Path;

use crate::domain::time::Timestamp;

/// Everything the guide names.
pub struct Guide<'a> {
    /// How this program was called: `postroom`, `target/release/postroom`.
    pub program: &'a str,
    /// Address of the web inbox.
    pub inbox_url: &'a str,
    /// Address of the public pages.
    pub public_url: &'a str,
    /// The demo's folder.
    pub folder: &'a Path,
    /// Whether the folder stays when the demo ends.
    pub keep: bool,
    /// The present: the sample command names today.
    pub now: Timestamp,
    /// Whether the terminal shows bold and underline.
    pub colours: bool,
}

impl Guide<'_> {
    /// What to look at and what to try.
    pub fn opening(&self) -> String {
        let Self { program, inbox_url, public_url, now, .. } = self;
        let (folder, today) = (self.folder.display(), now.utc().format("%Y-%m-%d"));
        let bold = |text: &str| if self.colours { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
        let link = |text: &str| if self.colours { format!("\x1b[1;4m{text}\x1b[0m") } else { text.to_owned() };
        let end = if self.keep { "Ctrl-C ends the demo and keeps" } else { "Ctrl-C ends the demo and deletes" };
        format!(
            "\n{title}  A small blog, its readers, and mail that never leaves this machine.\n\
             \n  \
               Inbox    {inbox}    the first digest as its readers see it\n  \
               Pages    {pages}    subscribe, archive, feeds\n  \
               Posts    {folder}/posts\n  \
               Readers  40, of whom gone@example.org refuses mail and busy@, full@ put it off\n\
             \n{try_this}\n  \
               Subscribe on the pages with any address; confirm and unsubscribe in the inbox.\n  \
               Write a post, and find it in the inbox a few seconds later:\n    \
                 printf '# Hello\\n\\nMy first post.\\n' > {folder}/posts/{today}-hello.md\n  \
               Ask in another terminal what became of the digest, or of one reader:\n    \
                 {program} --config {folder}/postroom.toml status\n    \
                 {program} --config {folder}/postroom.toml why gone@example.org\n\
             \n{end} {folder}\n",
            title = bold("Postroom demo"),
            try_this = bold("Try this"),
            inbox = link(inbox_url),
            pages = link(public_url),
        )
    }

    /// The last words, with the next step.
    pub fn closing(&self) -> String {
        let Self { program, folder, .. } = self;
        let folder = folder.display();
        let done = if self.keep { format!("Kept {folder}") } else { format!("Deleted {folder}") };
        format!("\n{done}\nNext, for a blog of your own:  {program} init myblog\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guide(keep: bool, colours: bool) -> Guide<'static> {
        Guide {
            program: "postroom",
            inbox_url: "http://127.0.0.1:8026",
            public_url: "http://127.0.0.1:8025",
            folder: Path::new("/tmp/postroom-demo-1"),
            keep,
            now: Timestamp(1_779_445_230_000),
            colours,
        }
    }

    #[test]
    fn the_guide_fits_a_terminal_and_its_commands_can_be_typed() {
        let text = guide(false, false).opening();
        assert!(text.lines().all(|line| line.len() <= 90), "{text}");
        assert!(text.contains("> /tmp/postroom-demo-1/posts/2026-05-22-hello.md\n"));
        assert!(text.contains("    postroom --config /tmp/postroom-demo-1/postroom.toml status\n"));
        assert!(!text.contains('\x1b') && guide(false, true).opening().contains("\x1b[1m"));
    }

    #[test]
    fn the_last_words_name_the_next_step_and_the_fate_of_the_folder() {
        assert_eq!(
            guide(false, true).closing(),
            "\nDeleted /tmp/postroom-demo-1\nNext, for a blog of your own:  postroom init myblog\n"
        );
        assert!(guide(true, true).closing().contains("Kept /tmp/postroom-demo-1"));
    }
}
