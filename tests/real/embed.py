"""The operator's own site in a real browser: pages with `/embed.js` and its plain forms, under a strict policy.

Usage: embed.py BASE_URL OUTBOX SITE_PORT CHROMIUM

BASE_URL is Postroom, OUTBOX the folder its mails are written to, SITE_PORT a free port on which this script is the
operator's site. A post `secret` is for subscribers; its hidden words are "What *secret* is about".
"""

import email
import email.policy
import http.server
import pathlib
import re
import sys
import threading
import time

from playwright.sync_api import sync_playwright

BASE, OUTBOX, PORT, CHROMIUM = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
SITE = f"http://127.0.0.1:{PORT}"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
POLICY = f"default-src 'none'; script-src {BASE}; connect-src {BASE}; form-action {BASE}; base-uri 'none'; style-src 'nonce-dark'"
LONG = "<p>Words.</p>" * 200
PICTURES = pathlib.Path(__file__).parents[2] / "target/screenshots"
DARK = '<style nonce="dark">:root { color-scheme: light dark }</style>'
PLAIN = f"""<form data-postroom method="post" action="{BASE}/subscribe">
<label for="email">Email</label> <input id="email" type="email" name="email" required>
<button>Subscribe</button></form>"""


def script(options):
    return f'<script src="{BASE}/embed.js" defer {options}></script>'


PAGES = {
    "/": '<a href="/overlay">a post</a>',
    "/plain": PLAIN + script(""),
    "/nothing": LONG + script(""),
    "/box": f"<article>{LONG}</article>" + script("data-box"),
    "/button": LONG + script("data-button"),
    "/overlay": f"<article>{LONG}</article>" + script('data-overlay="article"'),
    "/dark": DARK + f"<article>{LONG}</article>" + script("data-box data-button"),
    "/gate": '<div data-postroom-gate="secret">Subscribers read on.</div>' + script(""),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGES.get(self.path)
        page = f'<!DOCTYPE html><html lang="en"><title>The Test Blog</title><main><h1>Post</h1>{body}</main></html>'
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


def mail_to(address, subject):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in sorted(OUTBOX.rglob("*.eml"), reverse=True):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(mail["To"]) and subject in str(mail["Subject"]):
                return mail.get_body(("plain",)).get_content()
        time.sleep(0.2)
    raise SystemExit(f"no mail “{subject}” to {address}")


def link(text, path):
    return re.search(rf"https?://\S+{path}\S*", text).group(0)


def to_half(page):
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(300)


def dialog_is_open(page):
    return page.locator("dialog[open]").count() == 1


def without_script(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{SITE}/plain")
    page.get_by_label("Email").fill("plain@example.com")
    page.get_by_role("button", name="Subscribe").click()
    assert page.url == f"{BASE}/subscribe/sent", page.url
    page.goto(f"{SITE}/gate")
    assert "Subscribers read on." in page.locator("main").inner_text()
    context.close()


def each_by_itself(page):
    page.goto(f"{SITE}/nothing")
    to_half(page)
    assert page.locator(".postroom").count() == 0, "nothing is switched on by itself"
    page.goto(f"{SITE}/box")
    assert page.locator("article .postroom form").count() == 1 and page.locator("dialog").count() == 0
    assert page.locator(".box").evaluate("e => getComputedStyle(e).borderTopWidth") == "1px", "styled under the policy"
    page.goto(f"{SITE}/button")
    page.get_by_role("button", name="Subscribe", exact=True).first.click()
    assert dialog_is_open(page) and page.get_by_role("dialog", name="Subscribe to The Test Blog").count() == 1
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || document.activeElement.shadowRoot !== null")
    page.keyboard.press("Escape")
    assert not dialog_is_open(page), "Escape closes"


def overlay(page):
    page.goto(f"{SITE}/overlay")
    to_half(page)
    assert not dialog_is_open(page), "nobody who comes from nowhere, as from a mail, is asked"
    page.goto(f"{SITE}/")
    page.get_by_role("link", name="a post").click()
    page.wait_for_timeout(300)
    assert not dialog_is_open(page), "not before half of it"
    to_half(page)
    assert dialog_is_open(page) and page.get_by_role("dialog", name="Subscribe to keep reading").count() == 1
    page.mouse.click(3, 3)
    assert not dialog_is_open(page), "the backdrop closes"
    page.goto(f"{SITE}/")
    page.get_by_role("link", name="a post").click()
    to_half(page)
    assert not dialog_is_open(page), "once a day"
    page.evaluate("localStorage.removeItem('postroom-shown')")
    page.goto(f"{SITE}/")
    page.get_by_role("link", name="a post").click()
    to_half(page)
    page.get_by_role("button", name="Continue reading").click()
    assert not dialog_is_open(page)


def shapes(browser):
    """Box and dialog from phones to desks, in the scheme the page around them has; by the keyboard alone."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for width in (320, 1280):
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
            page = context.new_page()
            for path in ("box", "dark"):
                page.goto(f"{SITE}/{path}")
                page.locator(".box").scroll_into_view_if_needed()
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{path} is {wide} wide at {width}"
                ground = page.locator(".box").evaluate("e => getComputedStyle(e).backgroundColor")
                is_dark = path == "dark" and scheme == "dark"
                assert ground == ("rgb(21, 24, 28)" if is_dark else "rgb(255, 255, 255)"), (path, scheme, ground)
                page.screenshot(path=PICTURES / f"embed-{path}-{width}-{scheme}.png")
            page.locator(".corner").focus()
            page.keyboard.press("Enter")
            assert dialog_is_open(page)
            box = page.locator("dialog").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] < 700, box
            page.wait_for_timeout(200)
            page.screenshot(path=PICTURES / f"embed-dialog-{width}-{scheme}.png")
            inside = page.locator("dialog input[type=email]").bounding_box()
            assert inside["x"] + inside["width"] < box["x"] + box["width"] - 20, (inside, box)
            page.keyboard.type(f"kim.{width}.{scheme}@example.com")
            page.keyboard.press("Enter")
            page.get_by_role("status").get_by_text("We have written to the address").wait_for()
            page.screenshot(path=PICTURES / f"embed-sent-{width}-{scheme}.png")
            page.keyboard.press("Escape")
            assert not dialog_is_open(page)
            assert page.evaluate("document.activeElement.shadowRoot?.activeElement.className") == "corner", "back"
            context.close()


def subscribing(page):
    page.goto(f"{SITE}/plain")
    page.get_by_label("Email").fill("not an address@")
    page.evaluate("document.forms[0].noValidate = true")
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_role("status").get_by_text("Enter an email address").wait_for()
    page.get_by_label("Email").fill("jane@example.com")
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_role("status").get_by_text("We have written to the address").wait_for()
    assert page.url == f"{SITE}/plain", "without leaving the page"
    page.evaluate("localStorage.removeItem('postroom-shown')")
    page.goto(f"{SITE}/")
    page.get_by_role("link", name="a post").click()
    to_half(page)
    assert not dialog_is_open(page), "never who has subscribed"
    page.goto(link(mail_to("jane@example.com", "Confirm"), "/confirm/"))
    assert page.locator("input[name=email]").count() == 0, "the browser it was asked for in needs one click"
    page.get_by_role("button", name="Confirm subscription").click()
    assert "You are subscribed" in page.locator("h1").inner_text()


def gate(page):
    page.goto(f"{SITE}/gate")
    page.wait_for_timeout(500)
    assert "Subscribers read on." in page.locator("main").inner_text()
    page.goto(f"{BASE}/posts/secret")
    assert "is about" not in page.locator("main").inner_text()
    page.locator("#known").fill("jane@example.com")
    page.get_by_role("button", name="Send me a link").click()
    page.goto(link(mail_to("jane@example.com", "Your link"), "/read"))
    assert page.url == f"{BASE}/posts/secret" and "is about" in page.locator("main").inner_text(), page.url
    page.goto(f"{SITE}/gate")
    page.locator("[data-postroom-gate]").get_by_text("What secret is about").wait_for()
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    reader = cookies["postroom-reader"]
    assert reader["httpOnly"] and reader["sameSite"] == "Lax", reader
    # The same page at an origin that is not the operator's: the browser hands it nothing.
    other = page.context.new_page()
    other.goto(f"http://localhost:{PORT}/gate")
    other.wait_for_timeout(500)
    assert "Subscribers read on." in other.locator("main").inner_text()
    other.close()


def main():
    server = http.server.ThreadingHTTPServer(("", PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        without_script(browser)
        context = browser.new_context()
        page = context.new_page()
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
        for step in (each_by_itself, overlay, subscribing):
            step(page)
            print(f"ok: {step.__name__}")
        gate(page)
        print("ok: gate")
        shapes(browser)
        print("ok: shapes")
        assert not complaints, complaints
        browser.close()


main()
