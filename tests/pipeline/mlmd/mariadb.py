"""A MariaDB of a test's own, on a socket."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

from ml_metadata.proto import metadata_store_pb2 as pb

SERVER = shutil.which("mariadbd")


@contextlib.contextmanager
def running(folder: pathlib.Path):
    """Serves an empty database from a folder; yields ML Metadata's connection to it."""
    data, socket = folder / "data", str(folder / "socket")
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}"]
    user = ["--user=root", "--auth-root-authentication-method=normal"]
    subprocess.run([*install, *user], check=True, capture_output=True)
    serve = [SERVER, "--no-defaults", f"--datadir={data}", "--user=root"]
    with subprocess.Popen(
        [*serve, f"--socket={socket}", "--skip-networking"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        deadline = time.monotonic() + 60
        while not os.path.exists(socket):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        connection = pb.ConnectionConfig()
        connection.mysql.socket, connection.mysql.database = socket, "distill"
        connection.mysql.user = "root"
        yield connection
        server.terminate()
