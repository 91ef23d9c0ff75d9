#!/usr/bin/env python3
"""A forwarding HTTP proxy on loopback that writes down what passes, for clients that do not tell.

    python3 tests/real/eavesdrop.py FOLDER

Writes its port to FOLDER/port when it is ready, and to FOLDER/seen one line for each answer: its status, then the names
of the request's conditions. Ends with the process that started it, by SIGTERM.
"""

import http.client
import http.server
import pathlib
import sys
import urllib.parse

CONDITIONS = ("If-None-Match", "If-Modified-Since")
# These concern one connection only (RFC 9110 section 7.6.1).
OF_THE_HOP = {"connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}

folder = pathlib.Path(sys.argv[1])


class Forwarder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        target = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=20)
        path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_HOP}
        try:
            target.request("GET", path, headers=headers)
            answer = target.getresponse()
            body = answer.read()
        except OSError as error:
            self.note(f"none ({error})")
            return self.send_error(502)
        finally:
            target.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OF_THE_HOP | {"content-length"}:
                self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.note(answer.status)

    def note(self, status):
        conditions = [name for name in CONDITIONS if name in self.headers]
        with open(folder / "seen", "a", encoding="utf-8") as seen:
            print(status, *conditions, file=seen)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forwarder)
# Whole or not at all: the one who waits for it reads it at once.
(folder / "port.new").write_text(str(server.server_port), encoding="utf-8")
(folder / "port.new").rename(folder / "port")
server.serve_forever()
