use super::*;
use crate::archive::{self, Archive, Rules, Scan};
use crate::domain::{Entry, Timestamp};
use std::collections::HashMap;

/// A site in a folder, its archive at `root` below that.
pub(super) struct Blog {
    pub folder: tempfile::TempDir,
}

impl Blog {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    pub fn try_scan(&self, root: &str) -> Result<Scan, Fault> {
        let archive = Archive::new(Rules {
            root: self.folder.path().join(root),
            include: Vec::new(),
            exclude: Vec::new(),
            permalink: None,
            dialect: None,
            site_url: "https://blog.test".into(),
            zone: chrono_tz::America::Los_Angeles,
            language: "en".into(),
            newsletters: Vec::new(),
        });
        archive.unwrap().scan(&HashMap::new(), Timestamp(4_000_000_000_000))
    }

    pub fn posts(&self, root: &str) -> Vec<Entry> {
        let scan = self.try_scan(root).unwrap();
        assert_eq!(scan.faults, []);
        scan.read.into_iter().map(|read| read.entry).collect()
    }

    /// The paths of the addresses of the posts that are no drafts.
    pub fn addresses(&self, root: &str) -> Vec<String> {
        let posts = self.posts(root).into_iter().filter(|post| !post.draft);
        posts.map(|post| post.url.strip_prefix("https://blog.test").unwrap().to_owned()).collect()
    }

    fn about(&self, root: &str) -> (&'static str, HashMap<&'static str, String>) {
        let about = archive::about(&self.folder.path().join(root), None);
        (about.dialect, about.values.into_iter().collect())
    }
}

fn post(fields: &str) -> String {
    format!("---\n{fields}\n---\nText.\n")
}

#[test]
fn hugo_gives_addresses_by_section_slug_and_date_as_written() {
    let late = post("title: It's *Late*\ndate: 2024-05-31T23:30:00-08:00");
    let plain = post("title: A\ndate: 2024-05-31");
    let slug = post("title: A\nslug: My Slug\ndate: 2024-05-31");
    let blog = Blog::new(&[
        (
            "hugo.toml",
            "baseURL = 'https://example.org/'\ntitle = 'T'\nlanguageCode = 'en-gb'\n[permalinks]\nnews = '/:year/:month/:day/:slug/'\n[taxonomies]\nseries = 'series'\n[languages.fr]\nweight = 2\n[languages.en]\nweight = 1\n",
        ),
        ("content/news/late.md", &late),
        ("content/post/Some File.md", &plain),
        ("content/post/slugged.md", &slug),
        ("content/post/trip/index.md", &plain),
        ("content/post/trip/part.md", &plain),
        ("content/post/_index.md", &plain),
        ("content/post/old.md", &post("title: A\ndate: 2024-05-31\nurl: /2009/old.html")),
        ("content/post/slugged.fr.md", &slug),
        ("README.md", &plain),
        ("layouts/x.html", "{{ .Title }}"),
    ]);
    let expected = ["/2024/05/31/its-late/", "/post/some-file/", "/2009/old.html", "/post/my-slug/", "/post/trip/"];
    for root in ["", "content"] {
        assert_eq!(blog.addresses(root), expected, "{root}");
    }
    assert_eq!(blog.addresses("content/post"), expected[1..]);
    let (name, about) = blog.about("content/post");
    assert_eq!((name, about["site.url"].as_str()), ("hugo", "https://example.org"));
    assert_eq!((about["site.title"].as_str(), about["site.language"].as_str()), ("T", "en-gb"));
}

#[test]
fn hugos_configuration_may_lie_in_pieces_and_ask_for_ugly_addresses() {
    let blog = Blog::new(&[
        ("config/_default/hugo.toml", "baseURL = 'https://example.org/'\n[uglyURLs]\npost = true\n"),
        ("config/_default/languages.en.toml", "title = 'English'\ncontentDir = 'content/en'\n"),
        ("content/en/post/A.md", &post("title: A\ndate: 2024-05-31")),
        ("content/en/page/b.md", &post("title: B\ndate: 2024-05-31")),
    ]);
    assert_eq!(blog.addresses("content/en"), ["/page/b/", "/post/a.html"]);
    assert_eq!(blog.about("content/en").1["site.title"], "English");
}

#[test]
fn jekyll_gives_addresses_by_its_styles_and_titles_by_names() {
    let text = "---\ncategories: [One, Two]\n---\nText.\n";
    let blog = Blog::new(&[
        (
            "_config.yml",
            "title: T\nurl: https://example.org\nbaseurl: /blog\ntimezone: America/Los_Angeles\npermalink: date\n",
        ),
        ("_posts/2024-05-31-hello-big-World.md", text),
        ("_posts/2024-5-1-b.md", &post("title: B\npermalink: /b/:year/")),
        ("travel/_posts/2024-06-01-c.markdown", &post("date: 2024-06-02 06:30 +0000\ntags: x y")),
        ("_posts/no-date.md", &post("title: N")),
        ("_drafts/d.md", &post("title: D\ndate: 2024-01-01")),
        ("about.md", &post("title: A\ndate: 2024-01-01")),
    ]);
    assert_eq!(
        blog.addresses(""),
        ["/one/two/2024/05/31/hello-big-World.html", "/b/2024/", "/travel/2024/06/01/c.html"]
    );
    let posts = blog.posts("");
    let hello = posts.iter().find(|post| post.slug == "hello-big-World").unwrap();
    assert_eq!(hello.title, "Hello Big World");
    let topics: Vec<_> = posts.last().unwrap().topics.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(topics, ["x", "y", "travel"]);
    let scan = blog.try_scan("").unwrap();
    assert!(scan.warnings.iter().any(|w| w.place == "_posts/no-date.md" && w.reason.starts_with("no post of Jekyll")));
    let (name, about) = blog.about("_posts");
    assert_eq!((name, about["site.url"].as_str()), ("jekyll", "https://example.org/blog"));
    assert_eq!(about["site.timezone"], "America/Los_Angeles");
}

#[test]
fn jekyll_takes_a_time_to_the_second_without_a_zone_for_utc_unless_it_is_quoted() {
    let blog = Blog::new(&[
        ("_config.yml", "title: T\nurl: https://example.org\ntimezone: America/Los_Angeles\npermalink: date\n"),
        ("_posts/2024-01-01-a.md", &post("title: A\ndate: 2024-05-31 02:00:00")),
        ("_posts/2024-01-01-b.md", &post("title: B\ndate: '2024-05-31 02:00:00'")),
        ("_posts/2024-01-01-c.md", &post("title: C\ndate: 2024-05-31 02:00")),
        ("_posts/2024-01-01-d.md", &post("title: D\ndate: 2024-05-31")),
    ]);
    let days = ["30/a", "31/b", "31/c", "31/d"];
    assert_eq!(blog.addresses(""), days.map(|day| format!("/2024/05/{day}.html")));
}

#[test]
fn jekylls_defaults_fill_what_posts_leave_out() {
    let blog = Blog::new(&[
        (
            "_config.yml",
            "title: T\ncollections: {posts: {permalink: '/n/:title'}}\ndefaults:\n- scope: {path: '', type: posts}\n  values: {author: Ann, lang: de}\n- scope: {path: _posts/x}\n  values: {lang: fr}\n- scope: {path: '', type: pages}\n  values: {lang: it}\n",
        ),
        ("_posts/2024-05-31-a.md", &post("title: A")),
        ("_posts/x/2024-05-31-b.md", &post("title: B\nauthor: Bea")),
    ]);
    let posts: Vec<_> = blog.posts("").into_iter().map(|p| (p.url, p.authors.join(","), p.language.unwrap())).collect();
    assert_eq!(posts[0], ("https://blog.test/n/a".into(), "Ann".into(), "de".into()));
    assert_eq!(posts[1], ("https://blog.test/n/b".into(), "Bea".into(), "fr".into()));
}

#[test]
fn hexo_takes_the_date_off_names_only_where_it_puts_one_there() {
    let a = post("title: A\ndate: 2024-05-31\ncategories: [[Big Cat, Sub], Other]");
    let files = [
        ("source/_posts/2024-05-30-a.md", a.as_str()),
        ("source/_posts/deep/b.md", a.as_str()),
        ("source/about/index.md", a.as_str()),
    ];
    let with = |config: &'static str| Blog::new(&[&[("_config.yml", config)][..], &files[..]].concat());
    let dated = with("permalink: news/:year/:title/\nnew_post_name: :year-:month-:day-:title.md\n");
    assert_eq!(dated.addresses(""), ["/news/2024/a/", "/news/2024/deep/b/"]);
    let bare = with("permalink: :category/:name.html\npretty_urls: {trailing_html: false}\n");
    assert_eq!(bare.addresses("source/_posts"), ["/Big-Cat/Sub/2024-05-30-a", "/Big-Cat/Sub/b"]);
    assert_eq!(bare.about("source/_posts").0, "hexo");
    let unknown = with("permalink: :id/\narchive_dir: x\n");
    let scan = unknown.try_scan("").unwrap();
    assert!(scan.faults[0].reason.contains("`:id`") && scan.read.is_empty(), "{:?}", scan.faults);
}

#[test]
fn zola_gives_addresses_by_path_slug_and_name() {
    let with = |fields: &str| format!("+++\ntitle = 'A'\ndate = 2024-05-31\n{fields}\n+++\nText.\n");
    let files = |config: &'static str| {
        Blog::new(&[
            ("config.toml", config),
            ("content/2024-05-31_Größe Maß.md", &with("")),
            ("content/My Blog/b.md", &with("slug = 'Other Words'")),
            ("content/My Blog/bundle/index.md", &with("")),
            ("content/My Blog/bundle/timing.html", "<html></html>"),
            ("content/c.md", &with("path = '2024/C.x'")),
            ("content/_index.md", "+++\ntitle = 'S'\n+++\n"),
        ])
    };
    let blog = files("base_url = 'https://example.org'\ntitle = 'T'\ndefault_language = 'de'\n");
    assert_eq!(blog.addresses(""), ["/grosse-mass/", "/my-blog/other-words/", "/my-blog/bundle/", "/2024/C.x/"]);
    assert_eq!(blog.about("content").0, "zola");
    let off = files("base_url = 'https://example.org'\n[slugify]\npaths = 'off'\npaths_keep_dates = true\n");
    assert_eq!(off.addresses("content")[0], "/2024-05-31_Gr%C3%B6%C3%9Fe%20Ma%C3%9F/");
}

#[test]
fn pelican_reads_articles_and_leaves_pages() {
    let blog = Blog::new(&[
        (
            "pelicanconf.py",
            "SITENAME = 'T'\nSITEURL = ''\nTIMEZONE = 'Europe/Rome'\nPATH = 'content'\nARTICLE_URL = '{date:%Y}/{category}/{slug}/'\n",
        ),
        ("publishconf.py", "from pelicanconf import *\nSITEURL = 'https://example.org'\n"),
        (
            "content/News Items/a.md",
            "Title: It's a Größe\nDate: 2024-05-31\nTags: one, two\n\nText [b]({filename}../b.md) ![x]({static}/images/x.png)\n",
        ),
        ("content/b.md", "Title: B\nDate: 2024-05-31\nCategory: Cat\nSlug: bee\n\nText.\n"),
        ("content/pages/about.md", "Title: About\nDate: 2024-05-31\n\nText.\n"),
        ("content/c.md", "Title: C\nDate: 2024-05-31\nStatus: draft\n\nText.\n"),
    ]);
    assert_eq!(blog.addresses(""), ["/2024/news-items/its-a-grosse/", "/2024/cat/bee/"]);
    let first = &blog.posts("content")[0];
    assert_eq!(first.topics.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["News Items", "one", "two"]);
    assert!(first.html.contains("href=\"https://blog.test/2024/cat/bee/\""), "{}", first.html);
    assert!(first.html.contains("src=\"https://blog.test/images/x.png\""), "{}", first.html);
    assert_eq!(blog.about("content").1["site.url"], "https://example.org");
}

#[test]
fn docusaurus_names_authors_and_dates_addresses() {
    let blog = Blog::new(&[
        (
            "docusaurus.config.ts",
            "const config: Config = {\n title: 'T', url: 'https://example.org', baseUrl: '/',\n presets: [['classic', { docs: { path: 'docs' }, blog: { routeBasePath: 'news' } }]],\n};\n",
        ),
        ("blog/authors.yml", "ann:\n  name: Ann Lee\n"),
        ("blog/tags.yml", "rel:\n  label: Releases\n"),
        (
            "blog/2024-05-31-hello.md",
            "---\nauthors: [ann]\ntags: [rel]\n---\n# Hello\n\n:::tip Mind this\nText [next](./2024/06/01/deep/index.mdx).\n:::\n",
        ),
        ("blog/2024/06/01/deep/index.mdx", "---\ntitle: Deep\n---\nimport X from 'x';\n\n<X a=\"b\">Inside</X>\n"),
        ("blog/slug.md", &post("title: S\nslug: /chosen\ndate: 2024-05-31")),
        ("blog/_partial.md", &post("title: P\ndate: 2024-05-31")),
        ("docs/a.md", &post("title: A\ndate: 2024-05-31")),
    ]);
    assert_eq!(blog.addresses(""), ["/news/2024/06/01/deep", "/news/2024/05/31/hello", "/news/chosen"]);
    let posts = blog.posts("blog");
    let hello = &posts[1];
    assert_eq!((hello.title.as_str(), hello.authors.join(",")), ("Hello", "Ann Lee".into()));
    assert_eq!((hello.topics[0].name.as_str(), hello.topics[0].slug.as_str()), ("Releases", "rel"));
    assert!(hello.html.contains("<blockquote>") && hello.html.contains("Mind this"), "{}", hello.html);
    assert!(hello.html.contains("href=\"https://blog.test/news/2024/06/01/deep\""), "{}", hello.html);
    assert!(posts[0].html.contains("Inside") && !posts[0].html.contains("import"), "{}", posts[0].html);
}

#[test]
fn eleventy_reads_data_files_and_patterns() {
    let blog = Blog::new(&[
        ("eleventy.config.js", "export default function (c) { c.addPlugin(x); return { dir: { input: \"src\" } } }"),
        ("src/_data/metadata.js", "export default { title: \"T\", url: \"https://example.org/\", language: \"en\" }"),
        (
            "src/blog/blog.json",
            "{\"permalink\": \"/b/{{ page.fileSlug }}/\", \"tags\": [\"posts\"], \"author\": \"Ann\"}",
        ),
        ("src/blog/2024-05-31-hello.md", &post("title: Hello\ntags: [one]")),
        ("src/blog/own.md", &post("title: Own It\ndate: 2024-05-31\npermalink: /{{ title | slugify }}/index.html")),
        ("src/notes/2024-05-31-n.md", &post("title: N")),
        ("src/notes/2024-06-01-trip/index.md", &post("title: Trip")),
        ("src/notes/none.md", &post("title: None\ndate: 2024-05-31\npermalink: false")),
    ]);
    assert_eq!(blog.addresses(""), ["/b/hello/", "/own-it/", "/notes/2024-05-31-n/", "/notes/2024-06-01-trip/"]);
    let hello = &blog.posts("src/blog")[0];
    assert_eq!((hello.authors.join(","), hello.topics.len()), ("Ann".into(), 1));
    assert_eq!(blog.about("src/blog").1["site.url"], "https://example.org");
}

#[test]
fn astro_finds_the_page_that_shows_a_collection() {
    let blog = Blog::new(&[
        (
            "astro.config.mjs",
            "import { defineConfig } from 'astro/config';\nexport default defineConfig({ site: 'https://example.org', base: '/x' });\n",
        ),
        ("src/consts.ts", "export const SITE_TITLE = 'T';\n"),
        ("src/pages/articles/[...slug].astro", "---\nconst posts = await getCollection('blog');\n---\n"),
        ("src/content/blog/Hello World.md", &post("title: H\npubDate: 'May 31 2024'\nupdatedDate: 'Jun 1 2024'")),
        ("src/content/blog/deep/index.md", &post("title: D\npubDate: 2024-05-31")),
        ("src/content/blog/s.md", &post("title: S\npubDate: 2024-05-31\nslug: chosen")),
        ("src/pages/news/n.md", &post("title: N\ndate: 2024-05-31")),
    ]);
    assert_eq!(blog.addresses(""), ["/articles/hello-world/", "/articles/deep/", "/articles/chosen/", "/news/n/"]);
    let (name, about) = blog.about("src/content/blog");
    assert_eq!(
        (name, about["site.title"].as_str(), about["site.url"].as_str()),
        ("astro", "T", "https://example.org/x")
    );
}

#[test]
fn astros_collections_may_lie_anywhere_and_their_pages_ask_a_helper() {
    let blog = Blog::new(&[
        (
            "astro.config.ts",
            "import { siteConfig } from './src/site.config';\nexport default defineConfig({ site: siteConfig.url });\n",
        ),
        (
            "src/site.config.ts",
            "export const siteConfig: SiteConfig = {\n url: 'https://example.org/', title: 'T', lang: 'en-GB' };\n",
        ),
        (
            "src/content.config.ts",
            "const post = defineCollection({ loader: glob({ base: './words/essays', pattern: '**/*.md' }) });\nexport const collections = { post };\n",
        ),
        ("src/pages/posts/[...slug].astro", "---\nconst all = await getAllPosts();\n---\n"),
        ("words/essays/A b.md", &post("title: A\npublishDate: 2024-05-31")),
    ]);
    assert_eq!(blog.addresses("words/essays"), ["/posts/a-b/"]);
    let about = blog.about("words/essays").1;
    assert_eq!((about["site.title"].as_str(), about["site.url"].as_str()), ("T", "https://example.org"));
}

#[test]
fn an_undated_page_among_posts_is_told_and_no_fault() {
    for (config, text) in
        [("hugo.toml", "baseURL = 'https://blog.test'"), ("config.toml", "base_url = 'https://blog.test'")]
    {
        let zola_or_hugo = "+++\ntitle = 'About'\n+++\nx";
        let dated = "+++\ntitle = 'P'\ndate = 2024-05-31\n+++\nx";
        let blog = Blog::new(&[(config, text), ("content/about.md", zola_or_hugo), ("content/p.md", dated)]);
        let scan = blog.try_scan("content").unwrap();
        assert_eq!((scan.read.len(), scan.faults.len(), scan.warnings.len()), (1, 0, 1), "{config}");
    }
}

#[test]
fn pelicans_articles_may_lie_beside_its_settings() {
    let files =
        [("pelicanconf.py", "SITEURL = u'https://blog.test'\n"), ("lua/a.md", "Title: A\nDate: 2024-05-31\n\nx")];
    let blog = Blog::new(&files);
    assert_eq!(
        (blog.addresses(""), blog.about("").1["site.url"].as_str()),
        (vec!["/a.html".to_owned()], "https://blog.test")
    );
}

#[test]
fn without_a_configuration_a_folder_is_plain_and_a_broken_one_stops_the_look() {
    let blog = Blog::new(&[("posts/2024-05-31-a.md", &post("title: A\npermalink: /x/:title"))]);
    assert_eq!(blog.addresses("posts"), ["/2024/05/a/"]);
    assert_eq!(blog.about("posts"), ("plain", HashMap::new()));
    let blog = Blog::new(&[("_config.yml", "title: a\ntitle: b\n"), ("_posts/2024-05-31-a.md", &post("title: A"))]);
    let fault = blog.try_scan("_posts").unwrap_err();
    assert!(fault.place.ends_with("_config.yml") && fault.line == Some(2), "{fault}");
}

#[test]
fn the_operator_may_name_the_generator() {
    let blog = Blog::new(&[("_config.yml", "title: a\n"), ("_posts/2024-05-31-a.md", &post("title: A"))]);
    let site = Site::of(&blog.folder.path().join("_posts"), Some("plain"));
    assert_eq!((site.dialect.name(), site.config.file.as_str()), ("plain", ""));
    let names: Vec<_> = ALL.iter().map(|dialect| dialect.name()).collect();
    assert_eq!(names, archive::DIALECTS);
}

#[test]
fn a_configuration_of_another_program_is_none_of_hugos() {
    for (name, text) in [
        ("config.yaml", "{{- if .Values.x }}\nbroken: [\n"),
        ("config.json", "{\"theme\": \"dark\", \"module\": 1}"),
        ("config.toml", "theme = 'x'\nmarkup = 'y'\n"),
    ] {
        let blog = Blog::new(&[(name, text), ("a/b/2024-05-31-a.md", &post("title: A"))]);
        assert_eq!(blog.about("a/b").0, "plain", "{name}");
        assert_eq!(blog.posts("a/b").len(), 1, "{name}");
    }
    let theme = [("config.toml", "theme = 'x'\n"), ("content/posts/a.md", &post("title: A\ndate: 2024-05-31"))];
    assert_eq!(Blog::new(&theme).about("content/posts").0, "hugo");
    let broken = [("config.toml", "theme = \n"), ("content/posts/a.md", &post("title: A\ndate: 2024-05-31"))];
    assert!(Blog::new(&broken).try_scan("content").is_err(), "its addresses would be others");
}

#[test]
fn hugos_bundle_of_a_language_is_called_by_its_folder() {
    let config = "baseURL = 'https://blog.test'\n[languages.en]\n[languages.de]\n";
    let files = [("hugo.toml", config), ("content/trip/index.en.md", &post("title: A\ndate: 2024-05-31"))];
    let posts = Blog::new(&files).posts("content");
    assert_eq!((posts[0].slug.as_str(), posts[0].identity.as_str()), ("trip", "trip"));
}

#[test]
fn eleventys_data_files_are_part_of_what_posts_depend_on() {
    let said = |data: &str| {
        let files =
            [("eleventy.config.js", "export default {}"), ("posts/a.md", "a"), ("posts/posts.11tydata.json", data)];
        let blog = Blog::new(&files);
        Site::of(&blog.folder.path().join("posts"), None).names.into_values().collect::<Vec<_>>()
    };
    assert_eq!(said("{}").len(), 1);
    assert_ne!(said("{}"), said("{\"a\": 1}"));
}
