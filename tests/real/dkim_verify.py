"""dkim_verify.py PUBKEYFILE SELECTOR DOMAIN FILES...: checks DKIM with dkimpy.

PUBKEYFILE holds the public key in PEM (RSA or Ed25519), or the TXT record that
DNS would give; a record may also be given in its place. No DNS is asked. Exits
1 unless every message verifies, is signed by SELECTOR of DOMAIN, and its h=
covers all that must not be changed, List-Unsubscribe and List-Unsubscribe-Post
among it (RFC 8058 section 4), each once more than it stands.
"""

import base64
import re
import sys

import dkim

COVERED = [
    "from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type",
    "content-transfer-encoding", "list-id", "list-unsubscribe", "list-unsubscribe-post",
]


def record(given):
    """The TXT record of the key."""
    if given.startswith("v=DKIM1"):
        return given.encode()
    with open(given) as file:
        text = file.read().strip()
    if text.startswith("v=DKIM1"):
        return text.encode()
    der = base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-")))
    if len(der) == 44:  # SubjectPublicKeyInfo of Ed25519: twelve bytes of header, then the key (RFC 8410)
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(der[12:])
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def findings(raw, text, name):
    asked = []

    def dns(queried, timeout=5):
        asked.append(queried.decode().rstrip("."))
        return text if asked[-1] == name else None

    raw = re.sub(rb"\r?\n", b"\r\n", raw)  # a Maildir keeps LF
    verifier = dkim.DKIM(raw, minkey=2048)
    try:
        if not verifier.verify(dnsfunc=dns):
            yield f"the signature is wrong (asked for {asked})"
    except dkim.DKIMException as error:
        yield f"{type(error).__name__}: {error} (asked for {asked})"
    tags = getattr(verifier, "signature_fields", None) or {}
    covered = [field.strip().lower() for field in tags.get(b"h", b"").decode().split(":")]
    present = [field.decode().lower() for field, _ in verifier.headers]
    for field in COVERED:
        if covered.count(field) != present.count(field) + 1:
            yield f"h= has {field} {covered.count(field)} times and the message {present.count(field)}"
    for field in ["list-unsubscribe", "list-unsubscribe-post"]:
        if present.count(field) not in (0, 1):
            yield f"{present.count(field)} of {field}"
    if b"l" in tags:
        yield "l= leaves the end of the body unsigned"


def main(arguments):
    if len(arguments) < 4:
        sys.exit(__doc__)
    key, selector, domain, *files = arguments
    text, name = record(key), f"{selector}._domainkey.{domain}"
    bad = 0
    for file_name in files:
        with open(file_name, "rb") as file:
            for finding in findings(file.read(), text, name):
                bad += 1
                print(f"{file_name}: {finding}")
    print(f"{len(files)} messages, {bad} findings")
    sys.exit(1 if bad else 0)


main(sys.argv[1:])
