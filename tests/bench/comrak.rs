//! The yardstick of `tests/bench/archive`: reads every file of a folder and
//! renders it with comrak alone, on as many threads as Postroom would use.

use std::path::PathBuf;
use std::time::Instant;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of the posts");
    let files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(4);
    #[expect(clippy::disallowed_methods, reason = "a stopwatch")]
    let start = Instant::now();
    let bytes: usize = std::thread::scope(|scope| {
        let parts = files.chunks(files.len().div_ceil(threads).max(1));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || part.iter().map(render).sum::<usize>())).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    println!("{:.1} ms, {bytes} bytes of HTML", start.elapsed().as_secs_f64() * 1000.0);
}

fn render(file: &PathBuf) -> usize {
    let text = std::fs::read_to_string(file).expect("a text");
    let mut options = comrak::Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.front_matter_delimiter = Some("---".to_owned());
    options.render.r#unsafe = true;
    comrak::markdown_to_html(&text, &options).len()
}
