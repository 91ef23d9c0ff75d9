//! `init`: a first settings file and a first post; nothing is overwritten.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Failure;
use super::arguments::Init;
use crate::archive::{self, About};
use crate::system;

const STARTER: &str = include_str!("../../config/postroom.toml");

/// Where blogs of the usual kinds keep their posts, the most telling name first.
const FOLDERS: [&str; 11] = [
    "posts",
    "_posts",
    "content/posts",
    "content/post",
    "content/blog",
    "src/content/blog",
    "source/_posts",
    "src/posts",
    "src/blog",
    "blog",
    "content",
];

/// Writes what is not there yet and says what to do next.
pub fn run(options: &Init, out: &mut dyn Write) -> Result<(), Failure> {
    // `./` in front of everything said would only be noise.
    let folder = options.folder.strip_prefix(".").unwrap_or(&options.folder);
    let settings = folder.join("postroom.toml");
    if settings.exists() {
        return Err(Failure::refused(
            format!("{} is there already, and nothing is overwritten", settings.display()),
            "edit it, or name another folder: postroom init DIR",
        ));
    }
    let posts = posts(options, folder)?;
    fs::create_dir_all(&options.folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = posts.as_deref().unwrap_or(Path::new(FOLDERS[0])).display().to_string();
    // A text of JSON is one of TOML.
    let line = format!("path = {}", serde_json::Value::from(path.as_str()));
    let about = archive::about(&folder.join(&path), None);
    write_new(&settings, &without(&STARTER.replace("path = \"posts\"", &line), &about))?;
    writeln!(out, "Wrote {}", settings.display())?;
    if posts.is_some() {
        let found = folder.join(path);
        writeln!(out, "Found posts in {}; they go into the feeds, only new ones are mailed", found.display())?;
        if !about.file.is_empty() {
            let (file, dialect) = (&about.file, about.dialect);
            writeln!(out, "Found {file}, so the posts are read and addressed the way {dialect} does")?;
        }
    } else {
        let post = folder.join("posts/hello.md");
        fs::create_dir_all(folder.join("posts"))
            .with_context(|| format!("cannot make {}", folder.join("posts").display()))?;
        write_new(&post, &sample())?;
        writeln!(out, "Wrote {}", post.display())?;
    }
    next(folder, out)
}

/// The starter file without what the configuration of the site's own generator
/// says already: such a line shows that value and is not in force.
fn without(starter: &str, about: &About) -> String {
    let Some((site, rest)) = starter.split_once("[archive]") else { return starter.to_owned() };
    let line = |line: &str| {
        let said = about.values.iter().find(|(path, _)| {
            let key = path.strip_prefix("site.").unwrap_or_default();
            line.split_once(" = ").is_some_and(|(written, _)| written == key)
        });
        match said {
            Some((path, value)) => {
                let key = path.strip_prefix("site.").unwrap_or_default();
                format!("# {key} = {}  # says {}\n", serde_json::Value::from(value.as_str()), about.file)
            }
            None => format!("{line}\n"),
        }
    };
    format!("{}[archive]{rest}", site.lines().map(line).collect::<String>())
}

/// The posts that are there already, seen from the settings file.
fn posts(options: &Init, folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let Some(named) = &options.archive else {
        let found = FOLDERS.iter().find(|name| folder.join(name).is_dir());
        return Ok(found.map(PathBuf::from));
    };
    if !named.is_dir() {
        let reason = format!("there is no folder {}", named.display());
        return Err(Failure::usage(reason, "name the folder your posts are in"));
    }
    Ok(Some(std::path::absolute(named)?))
}

fn next(folder: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "\nNext:")?;
    let mut step = 1..;
    let mut say = |words: &str| writeln!(out, "  {}. {words}", step.next().unwrap_or_default());
    if folder != Path::new("") {
        say(&format!("cd {}", folder.display()))?;
    }
    say("edit postroom.toml     name and address of your site, sender, public_url, relay")?;
    say("postroom check         what is left to do, until it finds nothing")?;
    say("postroom preview       the next edition as a reader sees it")?;
    say("postroom test ADDRESS  one mail through your relay")?;
    say("postroom serve         feeds, sign-up pages and editions from now on")?;
    Ok(())
}

fn sample() -> String {
    let today = system::now().utc().format("%Y-%m-%d");
    format!(
        "---\ntitle: Hello\ndate: {today}\ntags: [news]\n---\n\n\
         This is a first post. What is in the folder before Postroom first runs goes\n\
         into the feeds and is not mailed; every post you add from then on is.\n"
    )
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let written = fs::OpenOptions::new().write(true).create_new(true).open(path);
    match written.and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Failure::refused(
            format!("{} is there already", path.display()),
            "move it away, or name another folder",
        )),
        written => Ok(written.with_context(|| format!("cannot write {}", path.display()))?),
    }
}
