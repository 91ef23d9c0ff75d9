//! Laws that hold for any bytes. tests/fuzz looks for bytes that break them, for as long as it is told; here a few
//! hundred of each kind are tried, put together from what matters to the law.

mod archive;
mod dots;
mod mail;
mod relay;

use proptest::collection::vec;
use proptest::prelude::*;

/// So many of these pieces, one after the other.
fn pieces(pieces: &'static [&'static [u8]], most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(proptest::sample::select(pieces), 0..most).prop_map(|pieces| pieces.concat())
}

/// What a relay may say, well or badly. 0xFF: it waits for us.
const REPLIES: &[&[u8]] = &[
    b"250 ok\r\n",
    b"250",
    b"\r\n",
    b"-",
    b" 2.0.0 ok\xe9\0",
    b"250-more\r\n",
    b"354 go on\r\n",
    b"354 go on\r\n250 ok\r\n",
    b"354 go on\r\n250 ok\r\n",
    b"421 4.3.2 bye\r\n",
    b"450 4.2.0 later\r\n",
    b"550 5.1.1 no such user\r\n",
    b"503 5.5.1 what?\r\n",
    b"220 relay\r\n",
    b"250-relay\r\n250-PIPELINING\r\n250 SIZE 99\r\n",
    b"250 PIPELINING\r\n",
    b"250 STARTTLS\r\n",
    b"\n",
    b"99",
    b"\xff",
    b"\xff",
    b"\xff",
];

/// Mostly such that the relay's own words begin where a message is under way, with one command at a time or several.
fn circumstances() -> impl Strategy<Value = u8> {
    prop_oneof![3 => proptest::sample::select(&[5, 5 | 1 << 6, 6, 3 | 1 << 3, 4 | 1 << 3]), 1 => any::<u8>()]
}

/// What matters to dots, and what no message may hold.
const LINES: &[&[u8]] = &[b".", b".", b"a", b"\r\n", b"\r\n"];
const BYTES: &[&[u8]] = &[b".", b"a", b"\r\n", b"\r", b"\n", b"\0", b"\xe9"];

/// What a person may type, with what matters to headers and to both encodings. U+0011 and U+0012 are personal fields.
const WORDS: &str = "(=\\?utf-8\\?Q\\?a\\?=|\\PC|[a-z .=?_\"<>,\\t]|[а-яё]){0,90}";
const LINK: &str = "[!#-+\\--;=?-\\[\\]-~]{0,90}";
const VALUE: &str = "(\\PC|[a-z .=?_\"<>,]|[а-яё]{1,9}|[\\x11\\x12\\t]|\r\n|[\\r\\n]|[a-z .=]{0,90}){0,60}";

/// What begins and ends front matter, and what may stand in it.
const FIELDS: &[&[u8]] = &[
    b"---\n",
    b"---\n",
    b"+++\n",
    b"{\n",
    b"}\n",
    b"title: A post\n",
    b"title = \"A post\"\n",
    b"\"title\": \"A post\",\n",
    b"date: 2024-05-31T12:00:00+02:00\n",
    b"date = 2024-05-31\n",
    b"tags: [a, b]\n",
    b"tags:\n  - a\n",
    b"draft: ",
    b"true\n",
    b"permalink: /a/:title/\n",
    b"url: ",
    b"aliases: [",
    b"[extra]\n",
    b"newsletter: false\n",
    b"access: subscribers\n",
    b": ",
    b"\"",
    b"\xe2\x80\xae",
    b"\xff",
    b"\0",
    b"\r\n",
];

/// What texts are made of: Markdown, HTML, and the languages of generators.
const TEXT: &[&[u8]] = &[
    b"\n\n",
    b"# A heading\n\n",
    b"some *words* ",
    b"[a link](../b.md#c) ",
    b"![a picture](c.png) ",
    b"```rust\n",
    b"- ",
    b"> ",
    b"|a|b|\n|-|-|\n",
    b"[^1]",
    b"<!--more-->",
    b"{{< figure src=\"a.png\" >}}",
    b"{{% ref \"b\" %}}",
    b"{% highlight rust %}",
    b"{% endhighlight %}",
    b"{% for a in site.b %}",
    b"{% endfor %}",
    b"{{ page.title | upcase }}",
    b"{% raw %}",
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"@/blog/a.md",
    b"{filename}a.md",
    b"<Tabs>",
    b"import A from 'a'\n",
    b":::note\n",
    "字é\u{a0}".as_bytes(),
];

/// What HTML is made of that wants to be more than a post.
const HTML: &[&[u8]] = &[
    b"<p>",
    b"</p>",
    b"<b>",
    b"</b>",
    b"<a href=\"",
    b"<img src=\"",
    b"\">",
    b"\" alt=\"",
    b" onerror=x",
    b"</a>",
    b"javascript:",
    b"data:text/html,",
    b"//x.test",
    b"/a?b&amp;c",
    b"<pre>",
    b"</pre>",
    b"<code class=\"language-x\">",
    b"</code>",
    b"<table><tbody><tr><td>",
    b"</td></tr></tbody></table>",
    b"<ul><li>",
    b"</li></ul>",
    b"<svg>",
    b"<math>",
    b"<style>",
    b"</style>",
    b"<script>",
    b"</script>",
    b"<iframe src=x>",
    b"<!--",
    b"-->",
    b"<br />",
    b"<h2 id=\"a\">",
    b"</h2>",
    b"&lt;",
    b"&quot;",
    b"&#1;",
    b"&nbsp",
    b"\n",
    b" a ",
    b"<",
    b">",
    b"\xc2\xa0",
];

/// What feeds are made of.
const FEED: &[&[u8]] = &[
    b"<?xml version=\"1.0\" encoding=\"utf-16\"?>",
    b"<rss version=\"2.0\"><channel><title>B</title>",
    b"<item>",
    b"</item>",
    b"</channel></rss>",
    b"<feed xmlns=\"http://www.w3.org/2005/Atom\">",
    b"<entry>",
    b"</entry>",
    b"</feed>",
    b"<title>A &amp;amp; b</title>",
    b"<link>https://blog.example/a</link>",
    b"<link href=\"../a\"/>",
    b"<guid>1</guid>",
    b"<id>1</id>",
    b"<pubDate>Fri, 31 May 2024 12:00:00 GMT</pubDate>",
    b"<updated>2024-05-31T12:00:00Z</updated>",
    b"<description>&lt;p&gt;a</description>",
    b"<content type=\"html\">&lt;b onclick=x&gt;</content>",
    b"<enclosure url=\"a.mp3\" length=\"-1\" type=\"audio/mpeg\"/>",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"&b;",
    b"<![CDATA[",
    b"]]>",
    b"{\"version\":\"https://jsonfeed.org/version/1\",\"title\":\"B\",\"items\":[",
    b"{\"id\":\"1\",\"content_html\":\"<p>a\"},",
    b"]}",
    b"\xff",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_relay_reads_what_was_meant(lines in pieces(LINES, 20), bytes in pieces(BYTES, 8)) {
        dots::holds(&[&lines[..], b"\r\n"].concat());
        dots::holds(&bytes);
    }

    #[test]
    fn whatever_a_mail_says_it_reads_back_the_same(head in vec(WORDS, 4), link in LINK, rest in vec(VALUE, 4)) {
        let values = head.iter().chain([&link]).chain(&rest).map(String::as_bytes);
        mail::holds(&values.collect::<Vec<_>>().join(&0xff));
    }

    #[test]
    fn a_mail_says_what_it_was_given_or_is_refused(values in vec("(\\PC|[\\x00-\\x20]|[a-z]){0,9}", 9)) {
        mail::holds(&values.iter().map(String::as_bytes).collect::<Vec<_>>().join(&0xff));
    }

    #[test]
    fn no_answer_but_a_complete_yes_accepts(answer in pieces(REPLIES, 6)) {
        relay::reads(&answer);
    }

    #[test]
    fn whatever_a_relay_says_the_report_is_what_happened(how in circumstances(), said in pieces(REPLIES, 16)) {
        relay::holds(&[&[how][..], &said].concat());
    }

    #[test]
    fn whatever_a_file_holds_gives_a_fit_post_or_a_reason(how in any::<u8>(), fields in pieces(FIELDS, 12), text in pieces(TEXT, 12)) {
        archive::post_holds(&[&[how][..], &fields, &text].concat());
        archive::post_holds(&[&[how][..], b"---\ntitle: A post\n---\n", &text, &fields].concat());
    }

    #[test]
    fn whatever_a_feed_holds_gives_fit_posts_or_a_reason(feed in pieces(FEED, 24)) {
        archive::feed_holds(&feed);
    }

    #[test]
    fn whatever_html_holds_nothing_of_it_acts(html in pieces(HTML, 24)) {
        archive::html_holds(&html);
    }
}
