//! Markdown: CommonMark with GitHub's tables, task lists, strikethrough and
//! bare links, and footnotes. Raw HTML is passed on; `sanitise` judges it.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Write};
use std::sync::Mutex;

use comrak::adapters::{HeadingAdapter, HeadingMeta};
use comrak::nodes::{AstNode, NodeValue, Sourcepos};
use comrak::options::Plugins;
use comrak::{Anchorizer, Arena, Options, parse_document};

/// A rendered text.
#[derive(Debug, PartialEq)]
pub(super) struct Rendered {
    /// Not sanitised yet.
    pub html: String,
    /// The words of the first heading of the first level, which is left out
    /// of `html` where it begins the text and was asked for.
    pub heading: Option<String>,
}

/// How headings without an id of their author's get one.
#[derive(Clone, Copy, Debug)]
pub(super) enum HeadingIds {
    /// GitHub's way, which most generators follow.
    GitHub,
    /// Their words, made into an id by this; `section` where nothing is left of them.
    Words(fn(&str) -> String),
    /// They get none.
    None,
}

/// Renders a text. `untitled` asks for the title: the first `# heading`.
pub(super) fn render(text: &str, untitled: bool, heading_ids: HeadingIds) -> Rendered {
    let arena = Arena::new();
    let options = options();
    let root = parse_document(&arena, text, &options);
    let alerts: Vec<_> =
        root.descendants().filter(|node| matches!(node.data.borrow().value, NodeValue::Alert(_))).collect();
    for alert in alerts {
        quote_alert(&arena, alert);
    }
    let heading = if untitled { take_heading(root) } else { None };
    let ids = Ids {
        way: heading_ids,
        written: Mutex::new(written_ids(root)),
        made: Mutex::new(Anchorizer::new()),
        taken: Mutex::new(HashMap::new()),
    };
    let mut plugins = Plugins::default();
    plugins.render.heading_adapter = Some(&ids);
    let mut html = String::with_capacity(text.len() * 3 / 2);
    // Writing to a string cannot fail.
    let _ = comrak::format_html_with_plugins(root, &options, &mut html, &plugins);
    Rendered { html: with_boxes(html), heading }
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.render.r#unsafe = true;
    options
}

/// GitHub's `> [!NOTE]` is a quotation that begins with a word in bold: what
/// it is without GitHub's style sheet.
fn quote_alert<'a>(arena: &'a Arena<'a>, alert: &'a AstNode<'a>) {
    let NodeValue::Alert(data) = std::mem::replace(&mut alert.data.borrow_mut().value, NodeValue::BlockQuote) else {
        return;
    };
    let title = data.title.unwrap_or_else(|| data.alert_type.default_title().to_owned());
    let node = |value: NodeValue| -> &'a AstNode<'a> { arena.alloc(value.into()) };
    let (paragraph, bold) = (node(NodeValue::Paragraph), node(NodeValue::Strong));
    bold.append(node(NodeValue::Text(title.into())));
    paragraph.append(bold);
    alert.prepend(paragraph);
}

/// Mail has no check boxes that can be trusted; a character says it too.
fn with_boxes(html: String) -> String {
    if !html.contains("<input type=\"checkbox\"") {
        return html;
    }
    html.replace("<input type=\"checkbox\" checked=\"\" disabled=\"\" />", "☑")
        .replace("<input type=\"checkbox\" disabled=\"\" />", "☐")
}

fn take_heading<'a>(root: &'a AstNode<'a>) -> Option<String> {
    let is_title = |node: &&'a AstNode<'a>| matches!(node.data.borrow().value, NodeValue::Heading(h) if h.level == 1);
    let heading = root.children().find(is_title)?;
    let words = words(heading);
    if root.first_child().is_some_and(|first| first.same_node(heading)) {
        heading.detach();
    }
    Some(words)
}

fn words<'a>(node: &'a AstNode<'a>) -> String {
    let mut words = String::new();
    for inside in node.descendants() {
        match &inside.data.borrow().value {
            NodeValue::Text(text) => words.push_str(text),
            NodeValue::Code(code) => words.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak => words.push(' '),
            _ => {}
        }
    }
    words
}

/// Takes `{#id}` off the ends of headings: one place for each heading, in
/// the order in which they are written out.
fn written_ids<'a>(root: &'a AstNode<'a>) -> VecDeque<Option<String>> {
    let headings = root.descendants().filter(|node| matches!(node.data.borrow().value, NodeValue::Heading(_)));
    headings.map(take_id).collect()
}

fn take_id<'a>(heading: &'a AstNode<'a>) -> Option<String> {
    let mut data = heading.last_child()?.data.borrow_mut();
    let NodeValue::Text(text) = &mut data.value else { return None };
    let (words, id) = text.trim_end().strip_suffix('}')?.rsplit_once('{')?;
    let id = id.trim().trim_start_matches(':').trim_start().strip_prefix('#')?;
    let id = id.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c)).then(|| id.to_owned())?;
    *text = words.trim_end().to_owned().into();
    (!id.is_empty()).then_some(id)
}

/// Writes headings with the ids their authors gave or their words make.
struct Ids {
    way: HeadingIds,
    written: Mutex<VecDeque<Option<String>>>,
    made: Mutex<Anchorizer>,
    /// How often an id was made of words.
    taken: Mutex<HashMap<String, usize>>,
}

impl Ids {
    fn make(&self, words: &str) -> Option<String> {
        match self.way {
            HeadingIds::None => None,
            HeadingIds::GitHub => self.made.lock().ok().map(|mut made| made.anchorize(words)),
            HeadingIds::Words(make) => {
                let id: String = make(words).chars().filter(|c| !"\"<>&'".contains(*c)).collect();
                let id = if id.is_empty() { "section".to_owned() } else { id };
                let mut taken = self.taken.lock().ok()?;
                let times = taken.entry(id.clone()).or_default();
                *times += 1;
                Some(if *times > 1 { format!("{id}-{}", *times - 1) } else { id })
            }
        }
    }
}

impl HeadingAdapter for Ids {
    fn enter(&self, out: &mut dyn Write, heading: &HeadingMeta, _: Option<Sourcepos>) -> fmt::Result {
        let written = self.written.lock().ok().and_then(|mut ids| ids.pop_front()).flatten();
        // No id of any kind holds a mark that would have to be escaped.
        match written.or_else(|| self.make(&heading.content)) {
            Some(id) => write!(out, "<h{} id=\"{id}\">", heading.level),
            None => write!(out, "<h{}>", heading.level),
        }
    }

    fn exit(&self, out: &mut dyn Write, heading: &HeadingMeta) -> fmt::Result {
        writeln!(out, "</h{}>", heading.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text, false, HeadingIds::GitHub).html
    }

    #[test]
    fn headings_carry_ids_of_their_own_or_of_their_words() {
        assert_eq!(
            html("## A `b` c\n\n## A b c\n\n### D {#own}\n"),
            "<h2 id=\"a-b-c\">A <code>b</code> c</h2>\n<h2 id=\"a-b-c-1\">A b c</h2>\n<h3 id=\"own\">D</h3>\n"
        );
    }

    #[test]
    fn generators_make_ids_their_own_way() {
        let made = |way| render("## A b\n\n## A b\n\n## !\n", false, way).html;
        let upper = HeadingIds::Words(|words| words.to_uppercase().replace([' ', '!'], ""));
        assert_eq!(made(upper), "<h2 id=\"AB\">A b</h2>\n<h2 id=\"AB-1\">A b</h2>\n<h2 id=\"section\">!</h2>\n");
        assert_eq!(made(HeadingIds::None), "<h2>A b</h2>\n<h2>A b</h2>\n<h2>!</h2>\n");
    }

    #[test]
    fn githubs_extensions_and_footnotes_are_understood() {
        assert!(html("|a|b|\n|-|:-:|\n|1|2|").contains("<td align=\"center\">2</td>"));
        assert!(html("- [x] a\n- [ ] b").contains("<li>☑ a</li>\n<li>☐ b</li>"));
        assert!(html("~~a~~ https://example.org").contains("<del>a</del> <a href=\"https://example.org\">"));
        assert!(html("a[^1]\n\n[^1]: b").contains("class=\"footnotes\""));
        assert!(html("> [!NOTE]\n> a").contains("<blockquote>\n<p><strong>Note</strong></p>\n<p>a</p>\n</blockquote>"));
        assert!(html("<div>raw</div>").contains("<div>raw</div>"));
        assert!(html("```rust\nfn x() {}\n```").contains("<code class=\"language-rust\">"));
    }

    #[test]
    fn the_first_heading_is_the_title_of_an_untitled_text() {
        let rendered = render("# The *first* `one`\n\nText\n\n# Second", true, HeadingIds::GitHub);
        assert_eq!(rendered.heading.as_deref(), Some("The first one"));
        assert_eq!(rendered.html, "<p>Text</p>\n<h1 id=\"second\">Second</h1>\n");
        let rendered = render("Text\n\nUnderlined\n===", true, HeadingIds::GitHub);
        assert_eq!(rendered.heading.as_deref(), Some("Underlined"));
        assert!(rendered.html.contains("Underlined"));
        assert_eq!(render("## Second level", true, HeadingIds::GitHub).heading, None);
    }

    #[test]
    fn deep_nesting_is_rendered() {
        for text in [">".repeat(20_000), "*a ".repeat(20_000), "[".repeat(20_000), "- ".repeat(2_000)] {
            html(&text);
        }
    }
}
