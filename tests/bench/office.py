"""A blog with readers, its editions made as large as wanted, and a relay that may be far away."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from yard import free_port, listens, wait

LINE = "Whoever writes for a living knows the feeling: the first sentence stands.\n"


def seconds(used):
    """Of a processor."""
    return used.ru_utime + used.ru_stime


class Office:
    """Postroom with its own folder. `relay` is the port it sends to."""

    def __init__(self, folder, binary, relay, readers, connections, dkim=False):
        self.folder, self.binary, self.readers = folder, binary, readers
        self.port = free_port()
        (folder / "posts").mkdir()
        with open(folder / "readers.csv", "w") as file:
            file.write("email\n")
            file.writelines(f"reader{number}@readers{number % 97}.test\n" for number in range(readers))
        signing = ""
        if dkim:
            subprocess.run(["openssl", "genrsa", "-out", self.key(), "2048"], check=True, capture_output=True)
            self.key().chmod(0o600)
            signing = '[dkim]\nselector = "s1"\nkey_file = "dkim.pem"'
        (folder / "postroom.toml").write_text(
            f"""[site]
title = "The Bench Blog"
url = "https://blog.test"
postal_address = "1 Test Street, Testville"
[http]
listen = "127.0.0.1:{self.port}"
public_url = "https://news.blog.test"
[mail]
from = "news@blog.test"
[relay]
url = "smtp://127.0.0.1:{relay}"
connections = {connections}
{signing}
"""
        )
        self.imported = self.run("subscribers", "import", "readers.csv", "--consent-source", "bench")
        self.run("pause")
        # The first look takes what it finds for old: there must be nothing yet. And it costs what an idle service does.
        self.idle = self._idle()

    def key(self):
        return self.folder / "dkim.pem"

    def run(self, *words):
        """The seconds it took."""
        command = [self.binary, *words, "--config", self.folder / "postroom.toml"]
        start = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"postroom {' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return time.monotonic() - start

    def seal(self, slug, kib):
        """An edition for everybody, so large a message; the seconds of the command that sealed it."""
        path = self.folder / f"posts/{slug}.md"
        path.write_text(f"---\ntitle: On {slug}\ndate: {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n---\nHello.\n")
        # As if it had lain there for a minute, so that it is not taken for half-written.
        os.utime(path, (time.time() - 60, time.time() - 60))
        took = self.run("send", "posts", "--cadence", "weekly")
        text, html = bodies(kib)
        with sqlite3.connect(self.folder / "postroom.db") as database:
            database.execute("UPDATE variants SET text = ?, html = ?", (text, html))
        database.close()
        return took

    def edition(self, sink, slug, kib):
        """Seals one and lets `serve` send it: the rate and what the process used."""
        self.seal(slug, kib)
        self.run("resume")
        used = None

        def send():
            nonlocal used
            before = sink.count
            service = Service(self)
            wait("the edition", lambda: sink.count >= before + self.readers, 3_600)
            used = service.stop()

        rate = sink.rate(self.readers, send)
        self.run("pause")
        return rate, used

    def _idle(self):
        """Processor seconds of a service that starts, has nothing to do and stops."""
        service = Service(self)
        wait("serve", lambda: listens(self.port))
        return seconds(service.stop())


class Service:
    """`postroom serve`, just started."""

    under = []

    def __init__(self, office):
        command = [*self.under, office.binary, "serve", "--config", office.folder / "postroom.toml"]
        log = open(office.folder / "serve.log", "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, cwd=office.folder, stdout=log, stderr=log)

    def memory(self):
        """MiB resident at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def stop(self, how=signal.SIGTERM):
        """What it used."""
        self.process.send_signal(how)
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = status
        return used


def bodies(kib):
    """What stands in an edition of this size, with the personal fields where they usually are."""
    room = (kib << 10) - 2_000
    text = LINE * (room // 3 // len(LINE)) + "\x11\n\x12\n\x13\n"
    links = "\x11 <a href='\x12'>leave</a> <a href='\x13'>change</a>"
    return text, f"<p>{LINE * (room * 2 // 3 // len(LINE))}</p><p>{links}</p>\n"


class Distance:
    """A proxy that lets every byte arrive late, both ways: `trip` milliseconds there and back."""

    def __init__(self, port, trip):
        program = Path(__file__).resolve().with_name("distance.py")
        command = [sys.executable, program, str(port), str(trip / 2_000)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()
