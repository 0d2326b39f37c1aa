"""An HTTP server of a test's own, on this machine."""

import contextlib
import http.server
import threading


@contextlib.contextmanager
def running(handler, **attributes):
    """Serves by a class of handlers; yields the server, with its `url` and attributes."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.url = f"http://127.0.0.1:{server.server_port}"
    vars(server).update(attributes)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
