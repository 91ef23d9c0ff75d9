"""What the benches share: the sink, ports, waiting, and the program under measurement."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BINARY = PROJECT / "target/release/postroom"
os.environ["PATH"] += ":/usr/sbin"


class Sink:
    """smtp-sink on a free port, its running count of messages read with the time of each."""

    def __enter__(self):
        self.port = free_port()
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        command = ["smtp-sink", "-c", *user, f"127.0.0.1:{self.port}", "1000"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.count, self.times = 0, {}
        threading.Thread(target=self._read, daemon=True).start()
        wait("smtp-sink", lambda: listens(self.port))
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _read(self):
        rest = b""
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            now = time.monotonic()
            rest += chunk
            *lines, rest = re.split(rb"[\r\n]", rest)
            for found in filter(None, (re.search(rb"mesg=(\d+)", line) for line in lines)):
                self.count = int(found[1])
                self.times[self.count] = now

    def rate(self, count, work):
        """Messages a second from the first to the last of `count` that `work` causes."""
        before = self.count
        work()
        wait(f"{count} messages", lambda: self.count >= before + count, 600)
        times = [at for number, at in self.times.items() if before < number <= before + count]
        return (count - 1) / (max(times) - min(times))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(what, look, patience=30):
    deadline = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > deadline:
            sys.exit(f"waited {patience} s in vain for {what}")
        time.sleep(0.01)
    return found


def need(*programs):
    if missing := [name for name in programs if not shutil.which(name)]:
        sys.exit(f"missing: {', '.join(missing)}; tests/run installs what the tests need")
