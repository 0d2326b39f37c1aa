"""Real object stores, behind a proxy that spoils requests."""

import faulty_proxy
import forking_pusher
import pytest
import store_servers

from tfx_distill.trainer import store_files


@pytest.fixture(scope="session", params=list(store_servers.KINDS))
def server(request):
    with store_servers.KINDS[request.param]() as server:
        yield server


@pytest.fixture
def store(server, monkeypatch):
    """A proxy before an empty store: `folder` to push to, `environment` to reach it.

    This process reaches the store itself, not the proxy.
    """
    for name, value in server.environment(server.address).items():
        monkeypatch.setenv(name, value)
    store_files.opened.cache_clear()
    with faulty_proxy.before(server.address) as proxy:
        proxy.folder = server.new_folder()
        proxy.environment = server.environment(proxy.url)
        files, path = store_files.at(proxy.folder)
        files.mkdir(path.partition("/")[0])
        yield proxy


@pytest.fixture(scope="session")
def pusher():
    with forking_pusher.started() as pusher:
        yield pusher
