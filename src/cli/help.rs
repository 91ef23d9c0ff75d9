//! What help adds to the definitions: examples first, commands by purpose,
//! exit codes last.

use clap::{Command, CommandFactory};

use super::arguments::Cli;
use super::json_shapes;

/// Examples by command path; help leads with them.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "postroom",
        "  postroom demo                  see everything at work, sends nothing anywhere
  postroom init myblog           write a first postroom.toml and a sample post
  postroom check                 find faults in settings and posts
  postroom preview               look at the next edition
  postroom serve                 watch, publish, send",
    ),
    ("postroom demo", "  postroom demo\n  postroom demo --port 9000 --keep"),
    (
        "postroom init",
        "  postroom init                  beside the posts of a blog
  postroom init /etc/postroom --archive /srv/blog/posts",
    ),
    ("postroom check", "  postroom check\n  postroom check --links\n  postroom check --json | jq .errors"),
    ("postroom serve", "  postroom serve\n  postroom --config /etc/postroom/postroom.toml serve"),
    ("postroom build", "  postroom build --out public"),
    (
        "postroom plan",
        "  postroom plan                          what comes next
  postroom plan --at 2026-12-24T18:00    what would be due by then",
    ),
    (
        "postroom preview",
        "  postroom preview                       the next edition of the only newsletter
  postroom preview posts --cadence weekly
  postroom preview --sample all --out samples",
    ),
    (
        "postroom send",
        "  postroom send posts -n                    what would be sent, to how many
  postroom send posts                       seal it now
  postroom send posts --cadence weekly
  postroom send posts --since 2026-05-01    also older posts, for a first edition",
    ),
    ("postroom test", "  postroom test me@example.org"),
    ("postroom pause", "  postroom pause"),
    ("postroom resume", "  postroom resume"),
    ("postroom status", "  postroom status\n  postroom status --watch\n  postroom status --json"),
    (
        "postroom why",
        "  postroom why jane@example.org                        everything about one address
  postroom why jane@example.org borrow-checker-notes   did this post reach her",
    ),
    (
        "postroom editions",
        "  postroom editions list
  postroom editions show 42 --failed
  postroom editions approve 42
  postroom editions pause 42
  postroom editions retry 42
  postroom editions verify 42",
    ),
    ("postroom editions list", "  postroom editions list --limit 5"),
    (
        "postroom editions show",
        "  postroom editions show 42
  postroom editions show 42 --failed       who did not get it, and why
  postroom editions show 42 --uncertain    of whom nobody can know
  postroom editions show 42 --duplicates   who may have got it twice",
    ),
    ("postroom editions approve", "  postroom editions approve 42"),
    ("postroom editions pause", "  postroom editions pause 42"),
    ("postroom editions resume", "  postroom editions resume 42"),
    ("postroom editions cancel", "  postroom editions cancel 42"),
    (
        "postroom editions retry",
        "  postroom editions retry 42                        everybody it failed to reach
  postroom editions retry 42 jane@example.org",
    ),
    (
        "postroom editions resolve",
        "  postroom editions resolve 42 accepted jane@example.org
  postroom editions resolve 42 resend --all",
    ),
    ("postroom editions verify", "  postroom editions verify 42\n  postroom editions verify 42 --json"),
    (
        "postroom subscribers",
        "  postroom subscribers list --status pending
  postroom subscribers show jane@example.org
  postroom subscribers import list.csv --consent-source \"exported from our old list, 2026-05-01\"
  postroom subscribers export --out subscribers.csv",
    ),
    (
        "postroom subscribers list",
        "  postroom subscribers list\n  postroom subscribers list example.org --status active",
    ),
    ("postroom subscribers show", "  postroom subscribers show jane@example.org"),
    (
        "postroom subscribers add",
        "  postroom subscribers add jane@example.org --consent-source \"asked me at the conference\"",
    ),
    ("postroom subscribers unsubscribe", "  postroom subscribers unsubscribe jane@example.org"),
    (
        "postroom subscribers import",
        "  postroom subscribers import list.csv -n
  postroom subscribers import list.csv --consent-source \"exported from our old list, 2026-05-01\"
  postroom subscribers import list.csv --cadence monthly --partial",
    ),
    ("postroom subscribers undo", "  postroom subscribers undo -n\n  postroom subscribers undo"),
    (
        "postroom subscribers export",
        "  postroom subscribers export > subscribers.csv\n  postroom subscribers export --status active --out active.csv
  postroom subscribers export --history --out everything.jsonl",
    ),
    ("postroom config", "  postroom config show\n  postroom config explain mail.from"),
    ("postroom config show", "  postroom config show\n  postroom config show --json"),
    (
        "postroom config explain",
        "  postroom config explain              every key in one line
  postroom config explain relay        those of a section
  postroom config explain mail.from    all about one",
    ),
    ("postroom dkim", "  postroom dkim new\n  postroom dkim show"),
    (
        "postroom dkim new",
        "  postroom dkim new                        an RSA key
  postroom dkim new --ed25519              a second one, of the newer kind
  postroom dkim new summer26               one to take the place of another",
    ),
    ("postroom dkim show", "  postroom dkim show"),
    (
        "postroom completions",
        "  postroom completions bash > ~/.local/share/bash-completion/completions/postroom
  postroom completions fish > ~/.config/fish/completions/postroom.fish",
    ),
    ("postroom man", "  postroom man | man -l -\n  postroom man --out /usr/local/share/man/man1"),
    ("postroom bench", "  postroom bench 10000 --threads 2"),
];

/// The commands by purpose, as the first help lists them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Start", &["demo", "init", "check"]),
    ("Run", &["serve", "build", "status", "pause", "resume"]),
    ("Editions", &["plan", "preview", "test", "send", "editions"]),
    ("Readers", &["subscribers", "why"]),
    ("Settings and manuals", &["config", "dkim", "completions", "man"]),
];

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    done, and problems were found
  2    wrong usage or settings
  3    refused: it needs something first, or something else is running
  4    failed: a file, the database or the network would not do its part
  101  a bug
  130  interrupted";

/// The definitions with everything help adds to them.
pub fn command() -> Command {
    let mut command = dress(Cli::command(), "");
    let groups = groups(&command);
    command = command.help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{{options}}{{after-help}}"
    ));
    command.after_long_help(EXIT_CODES).after_help("`postroom COMMAND --help` shows examples and details")
}

fn dress(command: Command, above: &str) -> Command {
    let path = if above.is_empty() { command.get_name().to_owned() } else { format!("{above} {}", command.get_name()) };
    let command = command.disable_help_subcommand(true);
    let command = match EXAMPLES.iter().find(|(name, _)| *name == path) {
        Some((_, examples)) => command.before_long_help(format!("Examples:\n{examples}")),
        None => command,
    };
    let command = match json_shapes::of(&path) {
        Some(shape) => command.after_long_help(shape),
        None => command,
    };
    command.mut_subcommands(|sub| dress(sub, &path))
}

fn groups(command: &Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("{title}:\n"));
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            text.push_str(&format!("  {name:<12} {}\n", about.unwrap_or_default()));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(command: &Command, above: &str, visit: &mut impl FnMut(&Command, &str)) {
        let path = format!("{above} {}", command.get_name());
        visit(command, path.trim());
        command.get_subcommands().for_each(|sub| walk(sub, &path, visit));
    }

    /// A line as a shell takes it apart: what stands behind blanks is a remark, and a
    /// pipe or a file is the shell's business.
    fn words(line: &str) -> Vec<String> {
        let line = line.split("  ").next().unwrap_or_default().split(['|', '>']).next().unwrap_or_default();
        let outside = |(at, part): (usize, &str)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        };
        line.split('"').enumerate().flat_map(outside).collect()
    }

    #[test]
    fn the_definitions_are_sound_and_every_command_has_examples_that_parse() {
        let command = command();
        command.clone().debug_assert();
        walk(&command, "", &mut |command, path| {
            let found = EXAMPLES.iter().find(|(name, _)| *name == path);
            let (_, examples) = found.unwrap_or_else(|| panic!("`{path}` has no examples"));
            for line in examples.lines() {
                let typed = line.strip_prefix("  ").unwrap_or_else(|| panic!("`{path}`: {line}"));
                let parsed = super::command().try_get_matches_from(words(typed));
                assert!(parsed.is_ok(), "`{path}`: {line}: {}", parsed.unwrap_err());
            }
            let has_json = command.get_arguments().any(|argument| argument.get_id() == "json");
            assert_eq!(json_shapes::of(path).is_some(), has_json, "{path} says what --json answers, or has none");
            assert!(command.get_about().is_some(), "{path} says not what it does");
        });
        let mut shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        assert!(shown.all(|sub| GROUPS.iter().any(|(_, names)| names.contains(&sub.get_name()))));
    }
}
