use super::*;
use proptest::prelude::*;

fn value(name: &str) -> Option<Value> {
    match name {
        "site.url" => Some(Value::Text("https://blog.test".into())),
        "page.title" | "title" => Some(Value::Text("A & B".into())),
        _ => None,
    }
}

fn run(language: Language, text: &str) -> (String, Vec<(String, u32, usize)>) {
    let link = |target: &str| target.contains("known").then(|| "https://blog.test/known/".to_owned());
    let filter = |name: &str, text: &str| (name == "relative_url").then(|| format!("https://blog.test{text}"));
    let fuel = Fuel::full();
    let around = Surroundings { scope: Scope { value: &value, filter: &filter, fuel: &fuel }, link: &link };
    let mut notes = Notes::default();
    let out = render(language, text, &around, &mut notes).into_owned();
    (out, notes.all())
}

fn clean(language: Language, text: &str) -> String {
    let (out, notes) = run(language, text);
    assert_eq!(notes, [], "{text}");
    out
}

#[test]
fn jekylls_tags_are_carried_out() {
    for (text, expected) in [
        ("{{ site.url }}/x {{ page.title | escape }}", "https://blog.test/x A &amp; B"),
        ("{{ '/a' | relative_url }}", "https://blog.test/a"),
        ("{% raw %}{{ x }}{% endraw %} {%- comment -%} no {%- endcomment -%} b", "{{ x }}b"),
        ("{% highlight ruby linenos %}\na {{ b }}\n{% endhighlight %}", "\n\n```ruby\na {{ b }}\n```\n\n"),
        ("[x]({% post_url 2024-05-31-known %})", "[x](https://blog.test/known/)"),
        ("{% assign l = \"1|2\" | split: \"|\" %}{% for i in l %}#{{ i }} {% endfor %}", "#1 #2 "),
        ("{% if page.title == 'x' %}a{% elsif title %}b{% else %}c{% endif %}{% unless nil %}d{% endunless %}", "bd"),
        ("{% capture c %}x{% endcapture %}{{ c | upcase }}", "X"),
        ("{% gist ann/5555 %}", "<a href=\"https://gist.github.com/ann/5555\">Read on GitHub Gist</a>"),
    ] {
        assert_eq!(clean(Language::Jekyll, text), expected, "{text}");
    }
}

#[test]
fn what_is_not_known_is_left_out_with_its_text_kept_and_told_once() {
    let (out, notes) =
        run(Language::Jekyll, "a\n{% include x.html %}b {{ nobody }}\n{% box %}in{% endbox %}{% include y %}");
    assert_eq!(out, "a\nb \nin");
    let expected =
        [("{% include %}".to_owned(), 2, 2), ("{{ nobody }}".to_owned(), 2, 1), ("{% box %}".to_owned(), 3, 1)];
    assert_eq!(notes, expected);
    let (out, notes) = run(Language::Eleventy, "{{ title | shout }} {{ title | shout }}");
    assert_eq!((out.as_str(), notes), ("A & B A & B", vec![("| shout".to_owned(), 1, 2)]));
}

#[test]
fn hexo_leaves_code_alone() {
    assert_eq!(clean(Language::Hexo, "`{% x %}`\n```\n{{ y }}\n```\n"), "`{% x %}`\n```\n{{ y }}\n```\n");
    assert_eq!(clean(Language::Hexo, "{% asset_img cls a.png 20 %}"), "<img src=\"a.png\" alt=\"\">");
    assert_eq!(clean(Language::Hexo, "{% codeblock lang:js %}\nx\n{% endcodeblock %}"), "\n\n```js\nx\n```\n\n");
    assert_eq!(
        clean(Language::Hexo, "{% youtube abc %}"),
        "<a href=\"https://www.youtube.com/watch?v=abc\">Watch on YouTube</a>"
    );
}

#[test]
fn hugos_shortcodes_are_carried_out() {
    for (text, expected) in [
        (
            "{{< figure src=\"/a.png\" alt=\"A \\\"q\\\"\" caption=\"C\" width=\"20px\" >}}",
            "<figure><img src=\"/a.png\" alt=\"A &quot;q&quot;\" width=\"20\"><figcaption>C</figcaption></figure>",
        ),
        ("{{< youtube id=\"abc\" >}}", "<a href=\"https://www.youtube.com/watch?v=abc\">Watch on YouTube</a>"),
        ("[x]({{< relref \"known.md#a\" >}})", "[x](https://blog.test/known/#a)"),
        ("{{< highlight go \"linenos=table\" >}}\nx := 1\n{{< /highlight >}}", "\n\n```go\nx := 1\n```\n\n"),
        ("{{</* figure src=\"a\" */>}} {{ .Title }}", "{{< figure src=\"a\" >}} {{ .Title }}"),
        ("{{% details \"More\" %}}x{{% /details %}}", "<details><summary>More</summary>\n\nx\n\n</details>"),
    ] {
        assert_eq!(clean(Language::Hugo, text), expected, "{text}");
    }
    let (out, notes) = run(Language::Hugo, "{{< note >}}\na {{% b /%}}\n{{< /note >}} {{< plotly >}}");
    assert_eq!(out, "\na \n ");
    assert_eq!(
        notes.iter().map(|(tag, line, _)| (tag.as_str(), *line)).collect::<Vec<_>>(),
        [("{{< note >}}", 1), ("{{< b >}}", 2), ("{{< plotly >}}", 3)]
    );
}

#[test]
fn zolas_shortcodes_are_carried_out_and_bare_braces_stay() {
    assert_eq!(
        clean(Language::Zola, "{{ youtube(id=\"abc\", class=\"x\") }}"),
        "<a href=\"https://www.youtube.com/watch?v=abc\">Watch on YouTube</a>"
    );
    assert_eq!(clean(Language::Zola, "{{ page.title }} {{/* x() */}}"), "{{ page.title }} {{ x() }}");
    let (out, notes) = run(Language::Zola, "{% quote(author=\"A\") %}\nx\n{% end %}");
    assert_eq!((out.as_str(), notes[0].0.as_str()), ("\nx\n", "{% quote() %}"));
}

#[test]
fn statements_and_boxes_of_mdx_become_markdown() {
    let text = "import A from 'a';\nimport {\n  b,\n} from 'b';\n\n# T\n\n:::note[Mind]\nx\n```js\nimport c from 'c';\n```\n:::\n\n<Tabs a=\"b\">y</Tabs> {/* no */}z `<Not>`\n";
    let (out, notes) = run(Language::Mdx, text);
    assert!(out.starts_with("# T\n\n> **Mind**\n>\n> x\n> ```js\n> import c from 'c';\n> ```\n"), "{out}");
    assert!(out.contains("<Tabs a=\"b\">y</Tabs> z `<Not>`"), "{out}");
    assert_eq!(notes.len(), 1);
}

#[test]
fn many_unclosed_tags_take_no_time() {
    for text in [
        "{% a %}",
        "{{< a >}}",
        "{% raw ",
        "{% raw %}",
        "{{",
        "{% highlight x %}",
        "{% if a %}{% else %}",
        "{{ x(",
        "`{%",
    ] {
        let text = text.repeat(20_000);
        for language in [Language::Jekyll, Language::Hexo, Language::Hugo, Language::Zola, Language::Mdx] {
            run(language, &text);
        }
    }
}

proptest! {
    #[test]
    fn no_text_stops_the_reader(
        text in "([a-z \n'\"|:=]|\\{\\{[<%-]?|[>%-]?\\}\\}|\\{%-?|-?%\\}|/\\*|\\*/|raw|endraw|for x in y|endfor|if|else|endif|assign|:::|```|`|<A|é){0,40}"
    ) {
        for language in [Language::Jekyll, Language::Hexo, Language::Eleventy, Language::Hugo, Language::Zola, Language::Mdx] {
            run(language, &text);
        }
    }
}

#[test]
fn a_template_that_never_comes_to_an_end_is_given_up_at_its_line() {
    let list = "{% assign l = \"x \" | append: \"x x x x x x x x x x x x x x x x x x x\" | split: \" \" %}\n";
    let all: Value = Value::List(vec![Value::Text("x".into()); 300]);
    let value = |name: &str| (name == "all").then(|| all.clone());
    let filter = |_: &str, _: &str| None;
    let loops = |depth: usize| {
        let open: String = (0..depth).map(|n| format!("{{% for a{n} in all %}}")).collect();
        format!("{list}{open}{}", "{% endfor %}".repeat(depth))
    };
    let doubled = format!("{{% assign a = \"xx\" %}}{}", "{% assign a = a | append: a %}".repeat(60));
    let squared = "{% assign a = all | join: all %}{% assign a = a | replace: 'x', a %}".repeat(9);
    for (text, line) in [(loops(4), Some(2)), (loops(1), None), (doubled, Some(1)), (squared, None)] {
        let fuel = Fuel::full();
        let around = Surroundings { scope: Scope { value: &value, filter: &filter, fuel: &fuel }, link: &|_| None };
        let mut notes = Notes::default();
        render(Language::Jekyll, &text, &around, &mut notes);
        assert_eq!(notes.endless(), line, "{}", &text[..80.min(text.len())]);
    }
}
