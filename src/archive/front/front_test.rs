use super::*;
use proptest::prelude::*;

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn read(source: &str) -> (Matter, &str) {
    let (matter, body) = split(source).unwrap().unwrap();
    (matter, source[body..].trim())
}

fn wrong(source: &str) -> (u32, String) {
    let flaw = split(source).unwrap_err();
    (flaw.line.unwrap(), flaw.reason)
}

#[test]
fn the_same_fields_are_read_from_every_dialect() {
    for source in [
        "---\ntitle: A post\ndate: 2024-05-31\nversion: 1.10\ntags: [one, two]\n---\nBody\n",
        "\n---  \ntitle: A post\ndate: 2024-05-31\nversion: 1.10\ntags:\n- one\n- two\n...\n\nBody",
        "---\ntitle: A post\ndate: 2024-05-31\nversion: 1.10\ntags: [one, two]\n----------\nBody\n",
        "title: A post\ndate: 2024-05-31\nversion: 1.10\ntags:\n  - one\n  - two\n---\nBody",
        "+++\ntitle = \"A post\"\ndate = 2024-05-31\nversion = \"1.10\"\ntags = [\"one\", \"two\"]\n+++\nBody",
        "{\n\"title\": \"A post\", \"date\": \"2024-05-31\",\n\"version\": \"1.10\", \"tags\": [\"one\", \"two\"]}\n\nBody",
        "\"title\": \"A post\",\n\"date\": \"2024-05-31\", \"version\": \"1.10\",\n\"tags\": [\"one\", \"two\"],\n;;;\nBody",
        ";;;\n\"title\": \"A post\",\n\"date\": \"2024-05-31\", \"version\": \"1.10\",\n\"tags\": [\"one\", \"two\"]\n;;;\nBody",
    ] {
        let (matter, body) = read(source);
        assert_eq!(matter.get("title"), Some(&text("A post")), "{source}");
        assert_eq!(matter.get("date"), Some(&text("2024-05-31")), "{source}");
        assert_eq!(matter.get("version"), Some(&text("1.10")), "{source}");
        assert_eq!(matter.get("tags"), Some(&Value::List(vec![text("one"), text("two")])), "{source}");
        assert_eq!(body, "Body", "{source}");
    }
    let (matter, body) = read("Title: A post\nDate: 2024-05-31\nSummary: two\n    lines\n\nBody");
    assert_eq!(matter.get("summary"), Some(&text("two lines")));
    assert_eq!((matter.get("date"), body), (Some(&text("2024-05-31")), "Body"));
}

#[test]
fn keys_match_whatever_their_capitals_and_hyphens() {
    let (matter, _) = read("---\nPublished-At: x\nlastMod: y\n---\n");
    assert_eq!(matter.get("published_at"), Some(&text("x")));
    assert_eq!(matter.get("lastmod"), Some(&text("y")));
    assert_eq!((matter.line_of("publishedAt"), matter.line_of("lastmod")), (Some(2), Some(3)));
}

#[test]
fn words_that_older_yaml_took_for_booleans_stay_words() {
    let (matter, _) = read("---\na: no\nb: true\nc: ~\nd:\ne: 012345\nf: 1_000\ng: .nan\n---\n");
    let values: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"].map(|key| matter.get(key).unwrap().clone()).into();
    let expected =
        [text("no"), Value::Bool(true), Value::Null, Value::Null, text("012345"), text("1_000"), text(".nan")];
    assert_eq!(values, expected);
}

#[test]
fn broken_front_matter_names_the_line_of_the_file() {
    assert_eq!(wrong("---\ntitle: a\ntitle: b\n---\n"), (3, "the key `title` is given twice".into()));
    assert_eq!(wrong("---\ntitle: a\nTitle: b\n---\n").1, "the key `Title` is given twice");
    assert_eq!(wrong("+++\na = 1\na = 2\n+++\n"), (3, "not TOML: duplicate key".into()));
    assert_eq!(wrong("{\n\"a\": 1,\n\"a\": 2\n}"), (3, "the key `a` is given twice".into()));
    assert_eq!(wrong("Title: a\ntitle: b\n\n"), (2, "the key `title` is given twice".into()));
    assert_eq!(wrong("\n---\na: 1\ntitle: What: a title\n---\n"), (4, "not YAML: a `: ` inside a value".into()));
    assert_eq!(wrong("---\ntitle: x\n").1, "the front matter begins with `---` and never ends");
    assert_eq!(wrong("---\n- a\n- b\n---\n"), (2, "the front matter is not a list of keys and values".into()));
    assert_eq!(wrong("---\nwords\n---\n").0, 2);
    assert_eq!(wrong("{\"a\": ").0, 1);
    assert_eq!(wrong("+++\ntitle = unquoted\n+++\n").0, 2);
}

#[test]
fn a_text_that_only_resembles_front_matter_is_a_text() {
    for source in [
        "# Heading\n\nText",
        "Note: this is a text.\n\nMore",
        "Heading: an underlined one\n---\n\nText",
        "Title: an underlined one\n---\n\nText",
        "{{ include }}\nText",
        "{% include %}\nText",
        "See: https://example.org\nand more\n\ntitle: x",
        "",
    ] {
        assert_eq!(split(source).unwrap(), None, "{source}");
    }
    assert_eq!(split("---\n---\nBody").unwrap().unwrap().0.get("title"), None);
    assert_eq!(split("---\n# only a comment\n---\nBody").unwrap().unwrap().0.get("title"), None);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = String::from("---\na: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in ('b'..='j').zip('a'..) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 10].join(", ")));
    }
    assert!(split(&(bomb + "---\n")).is_err());
    assert!(split(&format!("---\na: {}\n---\n", "[".repeat(100_000))).is_err());
    assert!(split(&format!("+++\na = {}\n+++\n", "[".repeat(100_000))).is_err());
    assert!(split(&format!("{{\"a\": {}}}", "[".repeat(100_000))).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_cut_or_refused(
        fence in "---|\\+\\+\\+|;;;|\\{|",
        inside in "([a-z\"']{0,5}[:=]? ?[\\[{&*!|>#\"'-]?[a-z0-9]{0,5}[\\]},]?\n){0,8}|\\PC{0,60}",
    ) {
        let source = format!("{fence}\n{inside}\n{fence}\nbody");
        if let Ok(Some((_, body))) = split(&source) {
            prop_assert!(source.is_char_boundary(body));
        }
    }
}
