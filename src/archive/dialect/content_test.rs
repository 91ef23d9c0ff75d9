use super::tests::Blog;

/// The beginning of a PNG: all that says how large it is.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 6, 0, 0, 0]);
    bytes
}

fn put(blog: &Blog, path: &str, bytes: &[u8]) {
    let path = blog.folder.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn headings_get_the_ids_their_generator_gives_them() {
    let text = "---\ntitle: A\ndate: 2024-05-31\n---\n## 1. Größe & Maß\n\n## 1. Größe & Maß\n";
    let ids = |config: (&str, &str), path: &str, root: &str| {
        let html = Blog::new(&[config, (path, text)]).posts(root).remove(0).html;
        let id = |part: &str| part.split('"').next().unwrap().to_owned();
        html.split("id=\"").skip(1).map(id).collect::<Vec<_>>()
    };
    let github = ["1-größe--maß", "1-größe--maß-1"];
    let zola = ("config.toml", "base_url = 'https://blog.test'\n");
    assert_eq!(ids(zola, "content/blog/a.md", "content"), ["1-grosse-mass", "1-grosse-mass-1"]);
    let hugo = ("hugo.toml", "baseURL = 'https://blog.test'\n");
    assert_eq!(ids(hugo, "content/blog/a.md", "content"), github);
    let ascii = ("hugo.toml", "[markup.goldmark.parser]\nautoHeadingIDType = 'github-ascii'\n");
    assert_eq!(ids(ascii, "content/blog/a.md", "content"), ["1-gre--ma", "1-gre--ma-1"]);
    let hexo = ("_config.yml", "permalink: :year/:title/\nnew_post_name: :title.md\nsource_dir: source\n");
    assert_eq!(ids(hexo, "source/_posts/a.md", "source/_posts"), ["1-Größe-Maß", "1-Größe-Maß-1"]);
    let jekyll = "_posts/2024-05-31-a.md";
    assert_eq!(ids(("_config.yml", "title: T\n"), jekyll, "_posts"), github);
    assert_eq!(ids(("_config.yml", "kramdown: {input: kramdown}\n"), jekyll, "_posts"), ["gre--ma", "gre--ma-1"]);
    assert_eq!(ids(("_config.yml", "kramdown: {auto_ids: false}\n"), jekyll, "_posts"), [""; 0]);
}

#[test]
fn pictures_get_the_size_their_file_has() {
    let pictures = "![a](a.png) ![b](/b.png) ![c](https://blog.test/b.png) <img src=a.png width=5> ![d](../../../x.png)\n\
                    ![e](//b.test/b.png) ![f](none.png)";
    let text = format!("---\ntitle: A\ndate: 2024-05-31\n---\n{pictures}\n");
    let blog = Blog::new(&[("hugo.toml", "baseURL = 'https://blog.test'\n"), ("content/blog/one/index.md", &text)]);
    put(&blog, "content/blog/one/a.png", &png(640, 480));
    put(&blog, "static/b.png", &png(30, 20));
    put(&blog, "x.png", &png(1, 1));
    let html = blog.posts("content").remove(0).html;
    assert_eq!(html.matches("width=\"640\" height=\"480\"").count(), 1, "{html}");
    assert_eq!(html.matches("width=\"30\" height=\"20\"").count(), 2, "{html}");
    assert_eq!((html.matches("width=").count(), html.matches("height=").count()), (4, 3), "{html}");
}

#[cfg(unix)]
#[test]
fn no_picture_is_measured_through_a_link_that_leaves_the_site() {
    let text = "---\ntitle: A\ndate: 2024-05-31\n---\n![a](/a.png)\n";
    let blog = Blog::new(&[("hugo.toml", "baseURL = 'https://blog.test'\n"), ("content/blog/one.md", text)]);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("a.png"), png(30, 20)).unwrap();
    std::fs::create_dir(blog.folder.path().join("static")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("a.png"), blog.folder.path().join("static/a.png")).unwrap();
    assert!(!blog.posts("content").remove(0).html.contains("width"));
}

fn page(fields: &str) -> String {
    format!("---\n{fields}\n---\nText.\n")
}

// What follows was held against Hugo 0.111, Jekyll 4.3 and Eleventy 3.1.

#[test]
fn hugos_sections_give_their_pages_fields() {
    let dated = page("title: A\ndate: 2024-05-31");
    let blog = Blog::new(&[
        ("hugo.toml", "baseURL = 'https://blog.test'\n[cascade]\ndescription = 'From the site'\n"),
        (
            "content/notes/_index.md",
            "---\ntitle: N\ncascade:\n  - _target: {path: /notes/hid**}\n    draft: true\n  - tags: [below]\n---\n",
        ),
        ("content/notes/deep/_index.md", "---\ntitle: D\ncascade:\n  params: {author: Carol}\n  tags: [deeper]\n---\n"),
        ("content/notes/a.md", &dated),
        ("content/notes/deep/b.md", &dated),
        ("content/notes/deep/c.md", &page("title: C\ndate: 2024-05-31\ntags: [own]\nparams: {author: Bob}")),
        ("content/notes/hidden.md", &dated),
        ("content/other/d.md", &dated),
    ]);
    let posts = blog.posts("content");
    let said = |path: &str| {
        let post = posts.iter().find(|post| post.path == path).unwrap();
        let topics: Vec<_> = post.topics.iter().map(|topic| topic.name.as_str()).collect();
        (topics.join(" "), post.authors.join(" "), post.summary.clone(), post.draft)
    };
    let from_site = || "From the site".to_owned();
    assert_eq!(said("notes/a.md"), ("below".into(), String::new(), from_site(), false));
    assert_eq!(said("notes/deep/b.md"), ("deeper".into(), "Carol".into(), from_site(), false));
    assert_eq!(said("notes/deep/c.md"), ("own".into(), "Bob".into(), from_site(), false));
    assert!(said("notes/hidden.md").3);
    assert_eq!(said("other/d.md").0, "");
}

#[test]
fn hugo_shows_no_page_that_is_not_made_and_ends_an_address_with_a_slash() {
    let blog = Blog::new(&[
        ("hugo.toml", "baseURL = 'https://blog.test'\n"),
        ("content/a.md", &page("title: A\ndate: 2024-05-31\nurl: rel/path")),
        ("content/b.md", &page("title: B\ndate: 2024-05-31\nurl: /by/url.html")),
        ("content/c/index.md", &page("title: C\nheadless: true\ndate: 2024-05-31")),
        ("content/d.md", &page("title: D\ndate: 2024-05-31\nbuild: {list: never}")),
        ("content/e.md", &page("title: E\ndate: 2024-05-31\n_build: {render: false}")),
    ]);
    assert_eq!(blog.addresses("content"), ["/rel/path/", "/by/url.html"]);
}

#[test]
fn a_style_of_jekylls_is_one_in_its_configuration_alone() {
    let blog = Blog::new(&[
        ("_config.yml", "permalink: pretty\n"),
        ("_posts/2024-05-31-a.md", &page("title: A")),
        ("_posts/2024-05-31-b.md", &page("title: B\npermalink: pretty")),
    ]);
    assert_eq!(blog.addresses(""), ["/2024/05/31/a/", "/pretty"]);
}

#[test]
fn eleventy_keeps_the_date_of_a_name_in_an_address_it_makes() {
    let blog = Blog::new(&[
        ("eleventy.config.js", "export default function (c) { return { dir: { input: 'src' } }; }\n"),
        ("src/blog/2024-05-31-a.md", &page("title: A")),
        ("src/blog/b/b.md", &page("title: B\ndate: 2024-05-31")),
        ("src/blog/c.md", &page("title: Größe\ndate: 2024-05-31\npermalink: \"/t/{{ title | slugify }}/\"")),
    ]);
    assert_eq!(blog.addresses("src"), ["/blog/2024-05-31-a/", "/blog/b/", "/t/groesse/"]);
}
