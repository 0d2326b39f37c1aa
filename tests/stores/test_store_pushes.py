"""Versions in real object stores: whole or absent, whatever happens to a push."""

import itertools
import logging
import os
import signal
import threading
import time

import faulty_proxy
import forking_pusher
import polling_reader
import pytest
import store_servers

from tfx_distill.components.pusher import versions
from tfx_distill.trainer import file_system

pytestmark = pytest.mark.attack
logger = logging.getLogger(__name__)

BEFORE, AFTER = "before", "after"


def _begun(store):
    """All versions of which something is there."""
    return versions.numbers_in(file_system.names(store.folder))


def _push(store, pusher, content, fault=lambda *_: None):
    store.use(fault)
    found = pusher.push(store.folder, content, store.environment)
    store.use()
    return found


def _at(place, fault):
    """Spoils one request."""
    return lambda number, *_: fault if number == place else None


def _num_requests(store, pusher):
    """Of a push that is not the first."""
    numbers = []
    _push(store, pusher, "the first")
    _push(store, pusher, "to count", lambda number, *_: numbers.append(number))
    return len(numbers)


def test_versions_grow_and_what_is_there_is_not_repeated(store, pusher):
    pushed = [_push(store, pusher, text) for text in "aab"]
    assert pushed[0] == pushed[1] < pushed[2]
    serving = versions.at(store.folder)
    assert serving.numbers() == [pushed[0], pushed[2]] == _begun(store)
    assert serving.newest() == f"{store.folder}/{pushed[2]}"
    assert polling_reader.changes(serving.newest()) == []


def _killed(store, pusher, content, place, moment):
    """A push whose process is killed at a request."""
    ids = [None]
    known = threading.Event()

    def kill():
        known.wait()
        os.kill(ids[0], signal.SIGKILL)
        return faulty_proxy.CUT if moment == BEFORE else faulty_proxy.LOST

    store.use(_at(place, kill))
    ids[0] = pusher.begin(store.folder, content, store.environment)
    known.set()
    found = pusher.end()
    store.use()
    return found


def _moments(store, pusher, step):
    """Moments of a push, before and after requests; one that cleans up needs more."""
    requests = _num_requests(store, pusher) + 8
    every = [(place, moment) for place in range(requests) for moment in (BEFORE, AFTER)]
    return [every[at * step % len(every)] for at in range(len(every))]


def _kill(store, pusher, wanted, step):
    """Kills that many pushes, and lets one through after each."""
    kills, moments = 0, itertools.cycle(_moments(store, pusher, step))
    with polling_reader.Reader(store.folder) as reader:
        while kills < wanted:
            kills += _killed(store, pusher, f"killed {kills}", *next(moments)) is None
            newest = max(reader.seen, default=0)
            assert _push(store, pusher, f"through {kills}") > newest
            # Nothing is half done but what a dead process may still be sending.
            assert versions.at(store.folder).numbers() == _begun(store)
    assert not reader.broken
    assert reader.seen == set(_begun(store))
    return reader


def test_a_push_that_is_killed_shows_no_half_version(store, pusher):
    _kill(store, pusher, 3, step=29)


@pytest.mark.slow
def test_40_kills_show_no_half_version(store, pusher):
    start = time.monotonic()
    reader = _kill(store, pusher, 40, step=17)
    seconds = time.monotonic() - start
    logger.info(
        "%d versions, %d polls, %.0f s", len(reader.seen), reader.polls, seconds
    )


@pytest.mark.slow
def test_a_push_that_has_all_but_its_last_step_is_completed(store, pusher):
    requests = _num_requests(store, pusher)
    places = range(requests, requests - 8, -1)
    assert any(_is_completed(store, pusher, place) for place in places)


def _is_completed(store, pusher, place):
    """Whether a killed push left a version that the next push shows."""
    _killed(store, pusher, f"killed {place}", place, BEFORE)
    half = set(_begun(store)) - set(versions.at(store.folder).numbers())
    version = _push(store, pusher, f"killed {place}")
    assert polling_reader.changes(f"{store.folder}/{version}") == []
    return version in half


def test_pushes_at_once_get_a_version_each_one_after_the_other(store):
    with (
        polling_reader.Reader(store.folder) as reader,
        forking_pusher.started() as one,
        forking_pusher.started() as other,
    ):
        numbers = []
        for text in "abc":
            for pusher in (one, other):
                pusher.begin(store.folder, f"{text} {pusher}", store.environment)
            pair = [one.end(), other.end()]
            assert pair[0] != pair[1] and min(pair) > max(numbers, default=0)
            numbers += pair
    assert sorted(numbers) == versions.at(store.folder).numbers() == _begun(store)
    assert not reader.broken


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [faulty_proxy.CUT, faulty_proxy.LOST, faulty_proxy.SLOW, 503, 507, 403]
)
def test_a_fault_in_the_middle_shows_no_half_version(store, pusher, fault):
    requests = _num_requests(store, pusher)
    ended = []
    with polling_reader.Reader(store.folder) as reader:
        for place in (2, requests // 3, requests * 2 // 3, requests - 3):
            found = _push(store, pusher, f"{place}", _twice(place, fault))
            ended.append("pushed" if isinstance(found, int) else found)
            assert isinstance(_push(store, pusher, f"{place} again"), int)
            assert versions.at(store.folder).numbers() == _begun(store)
    logger.info("%s: %s", fault, ended)
    assert not reader.broken and reader.seen == set(_begun(store))
    assert all("\n" not in text and store_servers.SECRET not in text for text in ended)
    if fault == faulty_proxy.SLOW:
        assert set(ended) == {"pushed"}


def _twice(place, fault):
    """Spoils two requests in turn: a client may ask again."""
    return lambda number, *_: fault if place <= number < place + 2 else None
