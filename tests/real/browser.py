"""A reader's whole way through the pages, in a real browser, without and with
JavaScript: subscribe, find the mail, confirm, choose, leave, come back.

Usage: browser.py BASE_URL INBOX_URL [CHROMIUM]

BASE_URL is where readers reach Postroom; INBOX_URL a mail catcher that answers
/api/messages (a list of id, to, subject) and /api/messages/ID (with text).
"""

import json
import re
import sys
import time
import urllib.request

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE = 30  # seconds a mail may take


def ask(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def mail_to(inbox, address, subject, text=""):
    """A mail to `address` with these words in its subject and its text."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for message in ask(f"{inbox}/api/messages"):
            if address in json.dumps(message["to"]) and subject in message["subject"]:
                whole = ask(f"{inbox}/api/messages/{message['id']}")
                if text in whole["text"]:
                    return whole
        time.sleep(0.2)
    raise SystemExit(f"no mail “{subject}{text}” to {address} within {PATIENCE} s")


def link(mail, path):
    """The address in the text part that stands under `path`."""
    found = re.search(rf"https?://\S+{path}\S*", mail["text"])
    assert found, f"no {path} link in: {mail['text']}"
    return found.group(0)


def heading(page, words):
    shown = page.locator("h1").inner_text()
    assert words in shown, f"at {page.url} the heading is “{shown}”, not “{words}”"


def choose(page, cadence):
    page.locator(f"input[name=cadence][value={cadence}]").check()


def subscribe(page, base, inbox, address):
    page.goto(f"{base}/subscribe")
    heading(page, "Subscribe")
    page.get_by_label("Email address").fill(address)
    choose(page, "weekly")
    page.wait_for_timeout(2500)  # A form filled in faster than that is a machine's.
    page.get_by_role("button", name="Subscribe").click()
    assert page.url == f"{base}/subscribe/sent", page.url
    heading(page, "Check your inbox")
    return link(mail_to(inbox, address, "Confirm"), "/confirm/")


def confirm(page, inbox, address, confirm_link):
    masked = f"{address[0]}***@{address.split('@')[1]}"
    page.goto(confirm_link)
    assert masked in page.locator("main").inner_text() and address not in page.content()
    page.get_by_role("button", name="Confirm subscription").click()
    heading(page, "You are subscribed")
    return mail_to(inbox, address, "", "/unsubscribe")


def preferences(page):
    page.get_by_role("link", name="Change how often").click()
    heading(page, "Your subscription")
    assert page.locator("input[value=weekly]").is_checked()
    choose(page, "monthly")
    page.get_by_role("button", name="Save").click()
    assert "Saved." in page.get_by_role("status").inner_text()
    assert page.locator("input[value=monthly]").is_checked()


def leave_and_return(page, welcome):
    leave = link(welcome, "/s/\\S+/unsubscribe")
    page.goto(leave)
    heading(page, "Unsubscribe")
    page.reload()
    heading(page, "Unsubscribe")
    page.get_by_role("button", name="Unsubscribe").click()
    heading(page, "Done")
    page.get_by_role("button", name="Undo").click()
    heading(page, "You are subscribed again")
    page.goto(leave)
    page.get_by_role("button", name="Unsubscribe").click()
    heading(page, "Done")
    page.get_by_role("link", name="Read by feed").click()
    heading(page, "Feeds")


def journey(browser, base, inbox, scripts):
    address = f"browser-{'with' if scripts else 'without'}-scripts-{int(time.time())}@example.com"
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": 375, "height": 800})
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(base) else None)
    confirm_link = subscribe(page, base, inbox, address)
    welcome = confirm(page, inbox, address, confirm_link)
    preferences(page)
    leave_and_return(page, welcome)
    known = [cookie for cookie in context.cookies() if cookie["name"] == "postroom-asked"]
    assert len(context.cookies()) == 1 and known and known[0]["httpOnly"], context.cookies()
    assert not complaints, complaints
    context.close()
    print(f"ok: the whole way {'with' if scripts else 'without'} JavaScript")


def main():
    base, inbox = (url.rstrip("/") for url in sys.argv[1:3])
    chromium = sys.argv[3] if len(sys.argv) > 3 else "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for scripts in (False, True):
            journey(browser, base, inbox, scripts)
        browser.close()


main()
