"""screenshots.py OUT CHROMIUM NAME=URL...: photographs pages and mails as readers see them.

Each at 1280, 640, 375 and 320 pixels, light and dark, into OUT/NAME-WIDTH-SCHEME.png, to be looked at by a person. What needs no
person is judged here: exits 1, naming them all, when something is wider than the screen, asks another machine for
anything, complains on the console, or has the background of the other scheme.

screenshots.py --readme CHROMIUM PAGES INBOX: makes the pictures of the README, .readme/*.png, from a running demo whose
two addresses are given. Needs Pillow besides:

    target/venv/bin/python -m pip install pillow
    cargo run --release -- demo
    target/venv/bin/python tests/real/screenshots.py --readme /usr/bin/chromium http://127.0.0.1:8025 http://127.0.0.1:8026
"""

import io
import pathlib
import sys
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A frame in a process of its own would be photographed at half the size.
    "--disable-features=IsolateSandboxedIframes",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
]

BACKGROUND = """() => {
    for (const element of [document.body, document.documentElement]) {
        const colour = getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number);
        if (colour.length === 3 || colour[3] > 0) return (colour[0] + colour[1] + colour[2]) / 3;
    }
    return 255;
}"""

# The pictures of sample posts are on a site that is nowhere (RFC 2606): a grey one stands in.
# Whose pictures the samples show.
SAMPLE_HOSTS = ("example.org", "news.example.org")
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1104 480"><rect width="1104" height="480" fill="#808890"/></svg>'


def is_here(request):
    parts = urlsplit(request.url)
    if parts.hostname in SAMPLE_HOSTS:
        return request.resource_type == "image"
    return parts.scheme in ("file", "data", "about", "blob") or parts.hostname in ("127.0.0.1", "localhost")


def shoot(browser, out, subjects, width, scheme):
    """All subjects at one width in one scheme; returns what is wrong with them."""
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=2 if width < 500 else 1)
    page = context.new_page()
    for host in SAMPLE_HOSTS:
        page.route(f"https://{host}/**", lambda route: route.fulfill(content_type="image/svg+xml", body=PICTURE))
    faults, wrong = [], []
    page.on("request", lambda request: None if is_here(request) else wrong.append(f"asks for {request.url}"))
    page.on("console", lambda said: wrong.append(f"says {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"fails with {error}"))
    for name, url in subjects:
        wrong.clear()
        page.goto(url, wait_until="load")
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            wrong.append(f"is {wide} wide")
        light = page.evaluate(BACKGROUND)
        if (light < 128) != (scheme == "dark"):
            wrong.append(f"has a background of brightness {light:.0f}")
        page.screenshot(path=out / f"{name}-{width}-{scheme}.png", full_page=True)
        faults += [f"{name} at {width} {scheme}: {what}" for what in wrong]
    context.close()
    return faults


README = pathlib.Path(__file__).parents[2] / ".readme"
COLOURS = 64
EDGE = "#d0d7de"


def picture(browser, name, url, width, scheme, end=None, below=24, height=None, scale=2):
    """One picture of the README: the page down to `below` the element `end`, or `height` pixels of it."""
    from PIL import Image, ImageOps

    size = {"width": width, "height": height or 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=scale, locale="en-GB")
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    if end:
        box = page.locator(end).bounding_box()
        height = round(box["y"] + box["height"] + below)
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": height}, full_page=True)
    context.close()
    # Text in flat colours needs few of them; the edge keeps a white page from running into a white README.
    small = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    edged = ImageOps.expand(small, border=2, fill=EDGE) if scheme == "light" else small
    edged.quantize(COLOURS + 1, dither=Image.Dither.NONE).save(README / f"{name}.png", optimize=True)
    print(f".readme/{name}.png", edged.size, (README / f"{name}.png").stat().st_size)


def subscribe(browser, pages):
    """A letter on top of the inbox, so that it holds more than one edition."""
    page = browser.new_page()
    page.goto(f"{pages}/subscribe")
    page.get_by_label("Email address").fill("you@example.org")
    page.wait_for_timeout(3000)  # A form filled in faster than that is a machine's.
    page.get_by_role("button", name="Subscribe").click()
    page.wait_for_timeout(3000)
    page.close()


def readme(browser, pages, inbox):
    README.mkdir(exist_ok=True)
    digest = f"{inbox}/messages/1/html"
    picture(browser, "digest", digest, 640, "light", end="tr:nth-of-type(7)")
    picture(browser, "digest-dark", digest, 375, "dark", end="tr:nth-of-type(5)")
    picture(browser, "subscribe", f"{pages}/subscribe", 640, "light", end="form", below=12)
    subscribe(browser, pages)
    picture(browser, "inbox", f"{inbox}/", 1200, "light", height=720, scale=1.5)
    return []


def main():
    with sync_playwright() as playwright:
        chromium = sys.argv[2]
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        faults = readme(browser, *sys.argv[3:]) if sys.argv[1] == "--readme" else judge(browser)
        browser.close()
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


def judge(browser):
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    subjects = [pair.split("=", 1) for pair in sys.argv[3:]]
    looks = [(width, scheme) for width in (1280, 640, 375, 320) for scheme in ("light", "dark")]
    return [fault for look in looks for fault in shoot(browser, out, subjects, *look)]


main()
