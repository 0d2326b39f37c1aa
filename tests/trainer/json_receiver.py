"""A server on this machine that keeps the JSON it is sent."""

import http.server
import json
import threading


class Receiver:
    """`received`: path, bearer token and body of each POST; `status` is its answer."""

    def __enter__(self):
        self.received, self.status, receiver = [], 200, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                token = self.headers.get("Authorization", "")
                body = json.loads(self.rfile.read(length))
                receiver.received.append((self.path, token, body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/hook/"
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
