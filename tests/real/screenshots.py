"""screenshots.py OUT CHROMIUM NAME=URL...: photographs pages and mails as readers see them.

Each at 640 and 375 pixels, light and dark, into OUT/NAME-WIDTH-SCHEME.png, to be looked at by a person. What needs no
person is judged here: exits 1, naming them all, when something is wider than the screen, asks another machine for
anything, complains on the console, or has the background of the other scheme.
"""

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
SAMPLE_SITE = "https://example.org/**"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1104 480"><rect width="1104" height="480" fill="#808890"/></svg>'


def is_here(request):
    parts = urlsplit(request.url)
    if parts.hostname == "example.org":
        return request.resource_type == "image"
    return parts.scheme in ("file", "data", "about", "blob") or parts.hostname in ("127.0.0.1", "localhost")


def shoot(browser, out, subjects, width, scheme):
    """All subjects at one width in one scheme; returns what is wrong with them."""
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=2 if width < 500 else 1)
    page = context.new_page()
    page.route(SAMPLE_SITE, lambda route: route.fulfill(content_type="image/svg+xml", body=PICTURE))
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


def main():
    out, chromium = pathlib.Path(sys.argv[1]), sys.argv[2]
    out.mkdir(parents=True, exist_ok=True)
    subjects = [pair.split("=", 1) for pair in sys.argv[3:]]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        looks = [(width, scheme) for width in (640, 375) for scheme in ("light", "dark")]
        faults = [fault for look in looks for fault in shoot(browser, out, subjects, *look)]
        browser.close()
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
