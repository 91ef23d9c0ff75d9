#!/usr/bin/env python3
"""Holds the three feeds of a folder to their standards and to each other.

    target/venv/bin/python tests/real/feeds.py DIR [COUNT]

DIR has feed.xml, atom.xml and feed.json, as `postroom build --out DIR` writes them; COUNT is how many posts each must
hold. Judges: jing with the grammar of RFC 4287, jsonschema with the schema of JSON Feed 1.1, and two readers nobody
here wrote (feedparser, atoma), which must see the same posts in every format. Says each thing that is wrong in one
sentence and exits 1; a missing judge or file is wrong too.
"""

import collections
import html
import json
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent / "schemas"
FILES = ("feed.xml", "atom.xml", "feed.json")

# What every reader must agree on; `updated` is not in RSS.
Item = collections.namedtuple("Item", "id link title published updated")

faults = []


def wrong(sentence):
    faults.append(sentence)


def grammar(path):
    """Atom against RELAX NG, by jing."""
    jing = shutil.which("jing")
    if not jing:
        return wrong("jing is not on this machine: the Debian package is called jing")
    ran = subprocess.run([jing, "-c", SCHEMAS / "atom.rnc", path], capture_output=True, text=True)
    said = [line for line in ran.stdout.splitlines() if "error:" in line or "fatal:" in line]
    if ran.returncode:
        wrong(f"atom.xml breaks the grammar of RFC 4287 ({len(said)} times): {(said or [ran.stderr.strip()])[0]}")


def schema(feed):
    """JSON Feed against its schema, by jsonschema, addresses and dates included."""
    import jsonschema

    rules = json.loads((SCHEMAS / "jsonfeed.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(rules)
    checker = jsonschema.FormatChecker()
    for needed in ("uri", "date-time"):
        if needed not in checker.checkers:
            wrong(f"jsonschema cannot check the format {needed}: install jsonschema[format-nongpl]")
    for error in jsonschema.Draft7Validator(rules, format_checker=checker).iter_errors(feed):
        wrong(f"feed.json breaks its schema at /{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")


def moment(text):
    """An instant of RFC 3339 or RFC 5322, in UTC; the weekday of the latter must be that of the date."""
    if text[:3].isalpha():
        at = parsedate_to_datetime(text)
        if at.strftime("%a") != text[:3]:
            wrong(f"feed.xml says `{text}`, which was a {at.strftime('%A')}")
    else:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at.astimezone(timezone.utc)


def by_feedparser(path):
    """RSS or Atom as feedparser sees it."""
    import feedparser

    feed = feedparser.parse(path.read_bytes())
    if feed.bozo:
        wrong(f"{path.name} is not well-formed to feedparser: {feed.bozo_exception}")
        return None
    needed = ["title", "link"] + ["updated"] * bool(feed.entries)
    lacking = [field for field in needed if not feed.feed.get(field)]
    if lacking:
        wrong(f"{path.name} does not say its own {' and '.join(lacking)}")
    own = [link.href for link in feed.feed.get("links", []) if link.rel == "self"]
    if len(own) != 1 or not own[0].endswith(path.name):
        wrong(f"{path.name} must name its own address once, and says {own}")
    items = []
    for entry in feed.entries:
        lacking = [field for field in ("id", "link", "title", "published") if field not in entry]
        if lacking:
            wrong(f"{path.name} does not say the {' and '.join(lacking)} of {entry.get('link')}")
            continue
        # RSS has no such date; feedparser would answer with the other one.
        updated = entry.get("updated") if path.name == "atom.xml" else None
        is_plain = entry.title_detail.type == "text/plain"
        title = shown(entry.title, is_plain)
        if path.name == "feed.xml" and not is_plain:
            title = None  # RSS does not say what a title is; where feedparser guesses HTML, it has decoded too much
        items.append(Item(entry.id, entry.link, title, moment(entry.published), updated and moment(updated)))
    return items


def shown(title, is_plain=True):
    """A title as a reader shows it, white space aside."""
    return " ".join((title if is_plain else html.unescape(title)).split())


def by_atoma(path):
    """RSS or Atom as atoma sees it, which refuses a feed that lacks what its standard requires."""
    import atoma

    kind, parse = ("RSS", atoma.parse_rss_bytes) if path.name == "feed.xml" else ("Atom", atoma.parse_atom_bytes)
    try:
        feed = parse(path.read_bytes())
    except (atoma.FeedParseError, atoma.FeedXMLError, xml.etree.ElementTree.ParseError) as error:
        wrong(f"atoma refuses {path.name} as {kind}: {error}")
        return None
    if kind == "RSS":
        return [Item(item.guid, item.link, shown(item.title), item.pub_date, None) for item in feed.items]
    items = []
    for entry in feed.entries:
        if not (entry.authors or feed.authors):
            wrong(f"atom.xml names no author of {entry.id_} (RFC 4287 section 4.1.2)")
        if not entry.content and not any(link.rel in (None, "alternate") for link in entry.links):
            wrong(f"atom.xml has neither content nor a link of {entry.id_} (RFC 4287 section 4.1.2)")
        title = shown(entry.title.value, entry.title.text_type.value == "text")
        items.append(Item(entry.id_, entry.links[0].href, title, entry.published, entry.updated))
    return items


def by_json(feed):
    """JSON Feed, which needs no reader but a schema."""
    items = []
    for item in feed["items"]:
        published, updated = moment(item["date_published"]), moment(item["date_modified"])
        items.append(Item(item["id"], item["url"], shown(item["title"]), published, updated))
    return items


def agree(seen, count):
    """Every reader must have seen the same posts in the same order."""
    (first, expected), *others = seen.items()
    if count is not None and len(expected) != count:
        wrong(f"{first} holds {len(expected)} posts instead of {count}")
    twice = [id for id, n in collections.Counter(item.id for item in expected).items() if n > 1]
    if twice:
        wrong(f"{first} has one id for several posts: {twice[:3]}")
    for name, items in others:
        if len(items) != len(expected):
            wrong(f"{name} holds {len(items)} posts, {first} {len(expected)}")
            continue
        for one, other in zip(expected, items):
            for field in Item._fields:
                mine, theirs = getattr(one, field), getattr(other, field)
                if mine != theirs and None not in (mine, theirs):
                    wrong(f"{one.id}: {field} is {mine!s:.120} in {first}, {theirs!s:.120} in {name}")


def main(folder, count=None):
    paths = [pathlib.Path(folder) / name for name in FILES]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        return wrong(f"missing: {', '.join(missing)}")
    rss, atom, json_path = paths
    try:
        feed = json.loads(json_path.read_bytes().decode("utf-8"))
    except ValueError as error:
        return wrong(f"feed.json is not JSON in UTF-8: {error}")
    grammar(atom)
    before = len(faults)
    schema(feed)
    seen = {} if len(faults) > before else {"feed.json": by_json(feed)}
    for path in (rss, atom):
        seen[f"{path.name} (feedparser)"] = by_feedparser(path)
        seen[f"{path.name} (atoma)"] = by_atoma(path)
    seen = {name: items for name, items in seen.items() if items is not None}
    if seen:
        agree(seen, count)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else None)
    except ModuleNotFoundError as error:
        wrong(f"a Python package is missing ({error}); tests/run installs tests/real/requirements.txt")
    for fault in faults[:40]:
        print(f"feeds: {fault}", file=sys.stderr)
    if len(faults) > 40:
        print(f"feeds: and {len(faults) - 40} more", file=sys.stderr)
    sys.exit(1 if faults else 0)
