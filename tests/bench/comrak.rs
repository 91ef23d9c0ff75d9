//! The yardstick of `tests/bench/archive`: reads every file of a folder and
//! renders it with comrak alone, on as many threads as Postroom would use.

use std::path::PathBuf;

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("name the folder of the posts")?;
    let files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(4);
    let bytes = std::thread::scope(|scope| {
        let parts = files.chunks(files.len().div_ceil(threads).max(1));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || render_all(part))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(Ok(0))).sum::<std::io::Result<usize>>()
    })?;
    println!("{bytes} bytes of HTML");
    Ok(())
}

fn render_all(files: &[PathBuf]) -> std::io::Result<usize> {
    let mut options = comrak::Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.front_matter_delimiter = Some("---".to_owned());
    options.render.r#unsafe = true;
    let render = |file: &PathBuf| Ok(comrak::markdown_to_html(&std::fs::read_to_string(file)?, &options).len());
    files.iter().map(render).sum()
}
