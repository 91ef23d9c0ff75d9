"""Feeds over HTTP beside nginx: the same bytes, the same load, the same processor."""

import http.client
import os
import re
import statistics
import subprocess

from yard import free_port, listens, wait

FEED = "/feed.xml"
CONNECTIONS = 32
SECONDS = 4
RUNS = 5


def measure(folder, port, pid):
    """Rows of a table: requests a second of ours, in the turn of nginx, for whole answers and for unchanged ones."""
    gzip = {"Accept-Encoding": "gzip"}
    body, tag = fetch(port, gzip)
    plain, _ = fetch(port, {})
    # One processor for whoever serves, another for the load, so that neither takes from the other.
    cores = sorted(os.sched_getaffinity(0))
    pin(pid, cores[0])
    rows = []
    with Nginx(folder, plain, body, cores[0]) as nginx:
        there, its = fetch(nginx.port, gzip)
        assert there == body, "nginx serves other bytes"
        for what, ours, theirs in (
            ("200, gzip", gzip, gzip),
            ("304", {**gzip, "If-None-Match": tag}, {**gzip, "If-None-Match": its}),
        ):
            load = lambda port, headers: wrk(port, headers, cores[-1])
            rates = [(load(port, ours), load(nginx.port, theirs)) for _ in range(RUNS)]
            own, other = (statistics.median(of) for of in zip(*rates))
            remark = f"{own / other:.2f} x nginx, which answers {other:,.0f}/s; {len(body) / 1024:.0f} KiB"
            remark = remark if what.startswith("200") else remark.split(";")[0]
            rows.append((f"feeds over HTTP, {what}", f"{own:,.0f}/s", remark, "at least 0.8 x", own >= 0.8 * other))
    pin(pid, *cores)
    return rows


class Nginx:
    """nginx with one worker and the feed as files, compressed beforehand."""

    def __init__(self, folder, plain, gzip, core):
        self.folder, self.core, self.port = folder / "nginx", core, free_port()
        (self.folder / "root").mkdir(parents=True)
        (self.folder / "root/feed.xml").write_bytes(plain)
        (self.folder / "root/feed.xml.gz").write_bytes(gzip)
        for path in (self.folder, self.folder / "root", folder):
            path.chmod(0o755)
        (self.folder / "nginx.conf").write_text(
            f"""daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;
    types {{ application/rss+xml xml; }}
    server {{ listen 127.0.0.1:{self.port}; root {self.folder}/root; gzip_static on; }}
}}
"""
        )

    def __enter__(self):
        command = ["taskset", "-c", str(self.core), "nginx", "-c", self.folder / "nginx.conf", "-p", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait("nginx", lambda: listens(self.port))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def fetch(port, headers):
    """The body as it travels, and its validator."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", FEED, headers=headers)
    answer = connection.getresponse()
    return answer.read(), answer.headers["ETag"]


def wrk(port, headers, core):
    """Requests a second."""
    lines = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    load = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", *lines, f"http://127.0.0.1:{port}{FEED}"]
    said = subprocess.run(["taskset", "-c", str(core), *load], check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses|Socket errors", said)
    assert not failed, said
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def pin(pid, *cores):
    """Every thread of a process on these processors."""
    subprocess.run(["taskset", "-a", "-p", "-c", ",".join(map(str, cores)), str(pid)], check=True, capture_output=True)
