"""A proxy before a server, which spoils single requests as a test says."""

import contextlib
import http.client
import http.server
import itertools
import time
import urllib.parse

import local_servers

CUT, LOST, SLOW = "cut", "lost", "slow"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: no waiting for acknowledgements

    def handle_expect_100(self):
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _any(self):
        body = self._body()
        fault = self.server.fault(next(self.server.numbers), self.command, self.path)
        if callable(fault):
            fault = fault()
        if isinstance(fault, int):
            self._answer(fault, {}, b"")
        elif fault == CUT:
            self._hang_up()
        else:
            if fault == SLOW:
                time.sleep(1)
            answer = self._forwarded(body)
            self._hang_up() if fault == LOST else self._answer(*answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _any

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _forwarded(self, body):
        connection = http.client.HTTPConnection(self.server.address, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
        headers["Content-Length"] = str(len(body))
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.headers), content

    def _answer(self, status, headers, content):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _OWN or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self):
        self.close_connection = True

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the client was killed
            super().handle()

    def log_message(self, *_):
        pass


_OWN = {"content-length", "transfer-encoding", "connection"}


@contextlib.contextmanager
def before(url):
    """A proxy; its `fault` gets number, method and path of each request.

    It returns None, a status to answer instead, `CUT` (the request never arrives),
    `LOST` (it arrives, its answer does not), `SLOW`, or a function that returns one of
    these when it is time.
    """
    address = urllib.parse.urlsplit(url).netloc
    with local_servers.running(_Handler, address=address) as server:

        def use(fault=lambda *_: None):
            server.numbers, server.fault = itertools.count(), fault

        server.use = use
        use()
        yield server
