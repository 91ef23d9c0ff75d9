"""strict_mail.py FILES...: holds mail to what Python's email package calls free
of defects, and to rules of our own that it does not check.

Reads messages as a relay was given them (CRLF) or as a Maildir keeps them (LF,
with the fields that delivery put before). Names every finding; exits 1 if any.
"""

import email
import email.policy
import re
import sys

ONCE = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
AT_MOST_ONCE = [
    "Reply-To", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Postroom-Edition", "Auto-Submitted", "Sender",
]


def lines_of(raw):
    """The message in CRLF lines, and what was wrong with its line ends."""
    if b"\r\n" not in raw:
        return raw.replace(b"\n", b"\r\n"), (["bare CR"] if b"\r" in raw else [])
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    return raw, (["bare CR or LF"] if bare else [])


def bytes_findings(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = raw.split(b"\r\n")
    if any(len(line) > 998 for line in lines):
        yield "a line over 998 bytes"
    if any(len(line) > 76 for line in body.split(b"\r\n")):
        yield "a body line over 76 bytes"
    if not raw.isascii():
        yield "8-bit bytes"
    if b"\0" in raw:
        yield "a NUL"
    if not raw.endswith(b"\r\n"):
        yield "no CRLF at the end"
    if any(not line.strip() for line in head.split(b"\r\n")):
        yield "a header line of blanks"


def header_findings(message):
    for name in ONCE:
        if len(message.get_all(name, [])) != 1:
            yield f"{len(message.get_all(name, []))} of {name}"
    for name in AT_MOST_ONCE:
        if len(message.get_all(name, [])) > 1:
            yield f"more than one {name}"
    for name, value in message.items():
        for defect in value.defects:
            yield f"{name}: {type(defect).__name__}: {defect}"
    if message["To"] is not None and len(message["To"].addresses) != 1:
        yield "not exactly one recipient in To"
    if message["Date"] is not None and message["Date"].datetime is None:
        yield "Date cannot be read"
    if not re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", str(message["Message-ID"])):
        yield "Message-ID is not of the form <local@domain>"
    if message["Precedence"] is not None:
        yield "a Precedence"
    if message["Postroom-Edition"] is not None:
        yield from edition_findings(message)


def edition_findings(message):
    if message["Auto-Submitted"] is not None:
        yield "an edition that says it is automatic"
    if message["List-Id"] is None or not re.search(r"<[^<>@\s]+\.[^<>@\s]+>$", str(message["List-Id"])):
        yield "no List-Id"
    ways = re.findall(r"<([^>]+)>", str(message["List-Unsubscribe"]))
    if not any(way.startswith("https://") for way in ways) or not any(way.startswith("mailto:") for way in ways):
        yield f"List-Unsubscribe lacks https or mailto: {ways}"
    if str(message["List-Unsubscribe-Post"]) != "List-Unsubscribe=One-Click":
        yield "List-Unsubscribe-Post is not that of RFC 8058"


def part_findings(message):
    for part in message.walk():
        for defect in part.defects:
            yield f"{part.get_content_type()}: {type(defect).__name__}: {defect}"
    if message.get_content_type() != "multipart/alternative":
        yield f"is {message.get_content_type()}, not multipart/alternative"
        return
    kinds = [part.get_content_type() for part in message.iter_parts()]
    if kinds != ["text/plain", "text/html"]:
        yield f"its parts are {kinds}"
        return
    for part in message.iter_parts():
        if part.get_content_charset() != "utf-8":
            yield f"{part.get_content_type()} is {part.get_content_charset()}"
        text = part.get_payload(decode=True).decode("utf-8", "strict")
        if not text.strip():
            yield f"{part.get_content_type()} is empty"
        if re.search(r"[\0-\x08\x0b\x0c\x0e-\x1f]", text):
            yield f"{part.get_content_type()} holds a control character"


def findings(raw):
    raw, found = lines_of(raw)
    yield from found
    yield from bytes_findings(raw)
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    yield from header_findings(message)
    try:
        yield from part_findings(message)
    except UnicodeDecodeError as error:
        yield f"a part is not UTF-8: {error}"


def main(files):
    if not files:
        sys.exit(__doc__)
    bad = 0
    for name in files:
        with open(name, "rb") as file:
            for finding in findings(file.read()):
                bad += 1
                print(f"{name}: {finding}")
    print(f"{len(files)} messages, {bad} findings")
    sys.exit(1 if bad else 0)


main(sys.argv[1:])
