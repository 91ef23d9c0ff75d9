"""accessibility.py FOLDER CHROMIUM: judges every page and mail of a folder as files, in light and dark.

axe-core finds nothing that keeps people out (WCAG 2.2 A and AA, and its best practices); the Nu HTML checker finds no
error in a page. Exits 1, naming them all.
"""

import pathlib
import subprocess
import sys

import axe_playwright_python
from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
AXE = pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A mail is shown inside a page of the mail program, which has the landmarks; its layout tables say what they are.
NOT_OF_MAILS = ["landmark-one-main", "region", "page-has-heading-one"]


def kept_out(browser, files, scheme):
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.route("https://**", lambda route: route.abort())
    faults = []
    for file in files:
        page.goto(file.as_uri(), wait_until="domcontentloaded")
        page.add_script_tag(path=AXE)
        rules = {} if file.name.startswith("page-") else {rule: {"enabled": False} for rule in NOT_OF_MAILS}
        found = page.evaluate(
            "([tags, rules]) => axe.run(document, {runOnly: tags, rules}).then(told => told.violations)", [TAGS, rules]
        )
        for violation in found:
            where = violation["nodes"][0]
            faults.append(f"{file.name} {scheme}: {violation['id']}: {where['html'][:120]} {where['failureSummary'][:200]}")
    context.close()
    return faults


def invalid(files):
    """What the Nu HTML checker says; of style sheets it knows only those of years ago, and mails need `align`."""
    jar = next(pathlib.Path(sys.prefix).rglob("vnu.jar"))
    command = ["java", "-jar", str(jar), "--errors-only", "--format", "gnu", "--filterpattern", "(.*CSS:.*)|(.*“align” attribute.*)", *map(str, files)]
    told = subprocess.run(command, capture_output=True, text=True)
    return [line for line in told.stderr.splitlines() if "error" in line]


def main():
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.html"))
    pages = [file for file in files if file.name.startswith("page-")]
    assert len(pages) > 40 and len(files) > len(pages), files
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=sys.argv[2], args=FLAGS)
        faults = [fault for scheme in ("light", "dark") for fault in kept_out(browser, files, scheme)]
        browser.close()
    faults += invalid(pages)
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
