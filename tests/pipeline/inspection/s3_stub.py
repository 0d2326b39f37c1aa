"""An S3 server on a socket: objects, lists of them, and their deletion if allowed."""

import http.server
import re
import urllib.parse

import local_servers


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        bucket, _, key = urllib.parse.unquote(url.path).lstrip("/").partition("/")
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.requests.append((self.command, self.path))
        if f"Credential={self.server.access_key}/" not in str(
            self.headers.get("Authorization")
        ):
            self._answer(403, _error("AccessDenied"))
        elif not key:
            prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
            self._answer(200, self._listed(bucket, prefix, delimiter))
        elif (bucket, key) in self.server.objects:
            self._object(self.server.objects[bucket, key])
        else:
            self._answer(404, _error("NoSuchKey"))

    do_HEAD = do_GET

    def do_DELETE(self):
        assert self.server.may_delete, "it is only read"
        bucket, _, key = urllib.parse.unquote(self.path).lstrip("/").partition("/")
        self.server.requests.append((self.command, self.path))
        self.server.objects.pop((bucket, key), None)
        self._answer(204, b"")

    def do_PUT(self):
        # Arrow puts an empty object in place of a folder that lost its last file.
        assert self.server.may_delete and self.headers["Content-Length"] == "0"
        self._answer(200, b"")

    def do_POST(self):
        raise AssertionError("it is only read")

    def _object(self, content):
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if part is None:
            self._answer(200, content)
            return
        first, last = int(part[1]), min(int(part[2]), len(content) - 1)
        place = f"bytes {first}-{last}/{len(content)}"
        self._answer(206, content[first : last + 1], {"Content-Range": place})

    def _listed(self, bucket, prefix, delimiter):
        sizes = {
            key: len(content)
            for (place, key), content in sorted(self.server.objects.items())
            if place == bucket and key.startswith(prefix)
        }
        folders = {
            prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter
            for key in sizes
            if delimiter and delimiter in key[len(prefix) :]
        }
        files = [
            f"<Contents><Key>{key}</Key><Size>{size}</Size>"
            "<LastModified>2026-03-01T12:00:00.000Z</LastModified></Contents>"
            for key, size in sizes.items()
            if not key.startswith(tuple(folders))
        ]
        files += [
            f"<CommonPrefixes><Prefix>{f}</Prefix></CommonPrefixes>" for f in folders
        ]
        text = f"<KeyCount>{len(files)}</KeyCount><IsTruncated>false</IsTruncated>"
        return f"<ListBucketResult>{text}{''.join(files)}</ListBucketResult>".encode()

    def _answer(self, status, content, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Last-Modified", "Sun, 01 Mar 2026 12:00:00 GMT")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def _error(code):
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def serving(objects, access_key="user", *, may_delete=False):
    """A server of objects by bucket and key; yields it, with its `url`."""
    return local_servers.running(
        _Handler,
        objects=objects,
        access_key=access_key,
        requests=[],
        may_delete=may_delete,
    )
