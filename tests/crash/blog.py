"""A blog of a crash test's own: posts, settings, readers, the real binary at work on them, and what it did."""

import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
PUBLIC = "https://news.blog.test"


class Failed(Exception):
    """Something came out other than promised."""


def until(patience, what, look, step=0.01):
    """Looks until there is something; what never comes is a failure."""
    end = time.monotonic() + patience
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise Failed(f"waited {patience} s in vain for {what}")
        time.sleep(step)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Copies:
    """The journal of the relay, read on as it grows."""

    def __init__(self, path):
        self.file, self.rest = open(path, "rb"), b""
        self.count, self.leave = 0, {}
        self.of = defaultdict(lambda: defaultdict(list))  # edition -> recipient -> [(began, digest)]

    def look(self):
        lines = (self.rest + self.file.read()).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            began, edition, recipient, _, digest, leave = line.decode().split("\t")
            self.of[int(edition) if edition.isdigit() else 0][recipient].append((float(began), digest))
            self.leave[recipient] = leave
            self.count += 1
        return self.count


class Blog:
    def __init__(self, binary, folder, readers, connections, settings="", database="postroom.db"):
        self.binary, self.folder, self.connections, self.posts = binary, Path(folder), connections, 0
        self.readers = [f"reader{number}@readers.test" for number in range(1, readers + 1)]
        self.database = self.folder / database
        self.port, self.serve = free_port(), None
        (self.folder / "posts").mkdir(parents=True)
        journal = self.folder / "journal"
        journal.touch()
        self.sink = subprocess.Popen(
            [sys.executable, HERE / "sink.py", journal], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.copies = Copies(journal)
        relay = int(self.sink.stdout.readline())
        (self.folder / "postroom.toml").write_text(
            f'[site]\ntitle = "The Test Blog"\nurl = "https://blog.test"\npostal_address = "1 Test Street"\n'
            f'[http]\nlisten = "127.0.0.1:{self.port}"\npublic_url = "{PUBLIC}"\n'
            f'[database]\nurl = "sqlite:{self.database}"\n'
            f'[mail]\nfrom = "news@blog.test"\nuncertain_wait = "1s"\n'
            f'[relay]\nurl = "smtp://127.0.0.1:{relay}"\nconnections = {connections}\n'
            f'[[newsletters]]\nid = "posts"\ndefault_cadence = "each"\nsettle = "0s"\n{settings}\n'
        )
        self.log = open(self.folder / "serve.log", "ab")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.serve and self.serve.poll() is None:
            self.kill()
        self.sink.kill()
        self.sink.wait()

    def order(self, what, number):
        """Changes how the relay behaves."""
        self.sink.stdin.write(f"{what} {number}\n")
        self.sink.stdin.flush()

    # The binary.

    def environment(self, failpoint=None):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM")}
        return kept | {"RUST_BACKTRACE": "0"} | ({"POSTROOM_FAILPOINT": failpoint} if failpoint else {})

    def arguments(self, *words):
        return [self.binary, "--config", str(self.folder / "postroom.toml"), *words]

    def run(self, *words, failpoint=None):
        """A command run to its end."""
        arguments = self.arguments(*words)
        return subprocess.run(arguments, env=self.environment(failpoint), capture_output=True, text=True, timeout=600)

    def ask(self, *words):
        done = self.run(*words, "--json")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Failed(f"{words}: exit code {done.returncode}: {done.stdout}{done.stderr}") from None

    def start(self, failpoint=None, ready=True, under=()):
        """Starts `serve`; with a failpoint it may be dead before it is ready."""
        no_core = lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        arguments = [*under, *self.arguments("serve")]
        environment = self.environment(failpoint)
        self.serve = subprocess.Popen(
            arguments, env=environment, stdout=self.log, stderr=self.log, preexec_fn=no_core, cwd=self.folder
        )
        if ready:
            until(60, "serve to be ready", lambda: self.serve.poll() is not None or self.get("/readyz") == 200)
            if self.serve.poll() is not None and not failpoint:
                raise Failed(f"serve ended by itself: {self.serve.returncode}; see {self.folder}/serve.log")

    def kill(self):
        self.serve.kill()
        self.serve.wait()

    def stop(self):
        """SIGTERM; seconds it took."""
        began = time.monotonic()
        self.serve.send_signal(signal.SIGTERM)
        code = self.serve.wait(timeout=90)
        if code != 0:
            raise Failed(f"ended after SIGTERM with {code}; see {self.folder}/serve.log")
        return time.monotonic() - began

    def get(self, path, form=None):
        """Status of a request; 0 when nobody answers."""
        data = None if form is None else form.encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0
        except Exception:  # a half answer of a server that was killed meanwhile
            return 0

    # Its world.

    def post(self):
        """A new post that has lain there for a minute."""
        self.posts += 1
        path = self.folder / "posts" / f"post-{self.posts}.md"
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        path.write_text(f"---\ntitle: About number {self.posts}\ndate: {date}\n---\n\nWhat is to be said.\n" * 1)
        os.utime(path, (time.time() - 60, time.time() - 60))

    def found(self):
        """Baseline and readers."""
        self.post()
        self.start()
        self.stop()
        (self.folder / "readers.csv").write_text("email\n" + "\n".join(self.readers) + "\n")
        done = self.run("subscribers", "import", str(self.folder / "readers.csv"), "--consent-source", "a crash test")
        if done.returncode:
            raise Failed(done.stdout + done.stderr)

    def rows(self, sql, *values):
        connection = sqlite3.connect(self.database, timeout=60)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def editions(self):
        return self.rows("SELECT COUNT(*) FROM editions")[0][0]

    def open(self):
        """Deliveries not settled."""
        states = "('queued', 'leased', 'handing_over', 'uncertain')"
        return self.rows(f"SELECT COUNT(*) FROM deliveries WHERE state IN {states}")[0][0]

    def moving(self):
        """Those that will be settled without anybody's help: what is uncertain twice waits for the operator."""
        states = "('queued', 'leased', 'handing_over')"
        return self.rows(
            f"SELECT COUNT(*) FROM deliveries WHERE state IN {states} OR state = 'uncertain' AND uncertain < 2"
        )[0][0]
