"""The promise, held against the journal of the relay: nobody lost, every copy too many announced before it was sent,
nobody mailed who had left."""

from blog import Failed, until

FIGURES = ("lost", "dup_total", "dup_unlisted", "uncertain_max_per_crash", "resume_seconds", "unsub_after_commit_mailed", "stuck")
# What the operator did within this time of an act of the relay's cannot be told apart from having come before it.
GRACE = 1.0
PATIENCE = 180


class Figures(dict):
    def __init__(self):
        super().__init__({name: 0 for name in FIGURES})
        self.crashes, self.recipients, self.faults = 0, 0, []

    def worst(self, name, value):
        self[name] = max(self[name], value)

    def add(self, other):
        for name in FIGURES:
            self[name] = max(self[name], other[name]) if name in ("uncertain_max_per_crash", "resume_seconds") else self[name] + other[name]
        self.crashes += other.crashes
        self.recipients += other.recipients
        self.faults += other.faults

    def holds(self, connections):
        zero = ("lost", "dup_unlisted", "unsub_after_commit_mailed", "stuck")
        return not self.faults and not any(self[name] for name in zero) and self["uncertain_max_per_crash"] <= connections

    def line(self):
        shown = {name: f"{self[name]:.2f}" if name == "resume_seconds" else self[name] for name in FIGURES}
        return " ".join(f"{name}={value}" for name, value in shown.items())


def finish(blog, figures):
    """Lets everything go out; what is uncertain twice is resolved by hand, as an operator would."""

    def done():
        if not blog.open():
            return True
        held = blog.rows("SELECT DISTINCT edition FROM deliveries WHERE state = 'uncertain' AND uncertain > 1")
        for (edition,) in held:
            blog.run("editions", "resolve", str(edition), "resend", "--all")
        return False

    try:
        until(PATIENCE, "every delivery to be settled", done, step=0.2)
        sending = lambda: not blog.rows("SELECT 1 FROM editions WHERE state = 'sending'")
        until(30, "the editions to be finished", sending, step=0.2)
    except Failed as failed:
        figures["stuck"] += max(1, blog.open())
        figures.faults.append(str(failed))


def audit(blog, figures, left=None):
    """Holds all editions of a blog to the promise; `left` is when each reader's leaving was answered."""
    blog.copies.look()
    left = left or {}
    for (edition,) in blog.rows("SELECT number FROM editions"):
        verify(blog, edition, figures)
        rows = blog.rows(
            "SELECT r.address, d.state, d.uncertain, d.reason, (SELECT MIN(a.ended) FROM attempts a"
            "    WHERE a.delivery_id = d.id AND a.outcome = 'uncertain'), s.status"
            " FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id"
            " JOIN subscribers r ON r.id = s.subscriber_id WHERE d.edition = ?",
            edition,
        )
        figures.recipients += len(rows)
        entries = {address: entry for address, *entry in rows}
        copies = blog.copies.of[edition]
        for reader in blog.readers:
            if reader not in entries and reader not in left:
                fault(figures, "lost", f"edition {edition}: no row for {reader}")
        for address in copies.keys() - entries.keys():
            fault(figures, "dup_unlisted", f"edition {edition}: mail without a row to {address}")
        for address, (state, uncertain, reason, listed, status) in entries.items():
            row(figures, f"edition {edition}, {address} ({state}, {reason})", state, uncertain, listed, copies.get(address, []))
            if address in left:
                if status != "unsubscribed":
                    fault(figures, "unsub_after_commit_mailed", f"{address} was told to be unsubscribed and is {status}")
                for began, _ in copies.get(address, []):
                    if began > left[address] + GRACE:
                        fault(figures, "unsub_after_commit_mailed", f"edition {edition}: {address} mailed {began - left[address]:.2f} s after leaving")
    for (most,) in blog.rows(
        "SELECT COUNT(*) FROM attempts WHERE outcome = 'uncertain' AND relay = '' GROUP BY run_id, ended ORDER BY 1 DESC LIMIT 1"
    ):
        figures.worst("uncertain_max_per_crash", most)
    if blog.rows("PRAGMA integrity_check") != [("ok",)]:
        fault(figures, "lost", "the database fails its integrity check")


def row(figures, what, state, uncertain, listed, copies):
    """One row of the ledger and the copies the relay has of it."""
    if state == "accepted" and not copies:
        fault(figures, "lost", f"{what}: the relay never had it")
    if state in ("queued", "leased", "handing_over", "uncertain"):
        fault(figures, "stuck", f"{what} is open")
    figures["dup_total"] += max(0, len(copies) - 1)
    if len(copies) > (1 if state == "accepted" else 0) + uncertain:
        fault(figures, "dup_unlisted", f"{what}: {len(copies)} copies, {uncertain} doubts")
    # The second copy leaves only after the first doubt was written down (milliseconds against the clock of the sink).
    if len(copies) > 1 and (listed is None or sorted(copies)[1][0] * 1000 + 2 < listed):
        fault(figures, "dup_unlisted", f"{what}: sent again before it was listed")
    if len({digest for _, digest in copies}) > 1:
        fault(figures, "dup_unlisted", f"{what}: the copies differ")


def verify(blog, edition, figures):
    told = blog.ask("editions", "verify", str(edition))
    if told["inconsistencies"] or not told["balances"]:
        figures.faults.append(f"edition {edition}: {told}")


def fault(figures, name, what):
    figures[name] += 1
    figures.faults.append(what)
