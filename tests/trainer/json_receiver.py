"""A server on this machine that keeps the JSON it is sent."""

import contextlib
import http.server
import json

import local_servers


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        token = self.headers.get("Authorization", "")
        body = json.loads(self.rfile.read(length))
        self.server.received.append((self.path, token, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def running():
    """`received`: path, bearer token and body of each POST; `status` is its answer."""
    with local_servers.running(_Handler, received=[], status=200) as server:
        server.url += "/hook/"
        yield server
