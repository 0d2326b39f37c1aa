"""Parts of a run are timed where they happen, and kept while a run records."""

import json
import threading

from tfx_distill.trainer import timeline


def _names(spans):
    return [(span.inside, span.name) for span in spans]


def test_parts_are_kept_with_the_node_they_are_in_and_no_deeper():
    with timeline.recording() as spans:
        with timeline.part("loading"):
            pass
        part = timeline.part
        with part("Teacher"), part("checking"), part("training"):
            pass
        with timeline.part("Teacher"), timeline.part("export"):
            pass
    assert _names(spans) == [
        ("", "loading"), ("", "Teacher"), ("Teacher", "checking"),
        ("", "Teacher"), ("Teacher", "export"),
    ]  # fmt: skip


def test_a_part_begins_and_takes_as_long_as_it_does(monkeypatch):
    times = iter([102.0, 103.5, 110.25])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    with timeline.recording() as spans, timeline.part("a"):
        pass
    assert (spans[0].start_s, spans[0].seconds) == (1.5, 6.75)


def test_a_part_that_fails_is_timed_too():
    with timeline.recording() as spans:
        try:
            with timeline.part("a"):
                raise ValueError
        except ValueError:
            pass
        with timeline.part("b"):
            pass
    assert _names(spans) == [("", "a"), ("", "b")]


def test_functions_are_parts_and_other_threads_record_nothing():
    @timeline.part("work")
    def work():
        return 3

    with timeline.recording() as spans:
        assert work() == 3
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert work() == 3
    assert _names(spans) == [("", "work")]
    assert json.loads(timeline.to_json(spans))[0]["name"] == "work"
