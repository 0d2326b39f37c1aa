"""Places of the lineage graph."""

import itertools

from tfx_distill.pipeline.report.charts import graph_layout


def _overlap(places):
    return [
        (one, other)
        for (one, (x1, y1)), (other, (x2, y2)) in itertools.combinations(
            places.items(), 2
        )
        if y1 == y2 and abs(x1 - x2) < graph_layout.WIDTH
    ]


def test_every_node_lies_below_what_leads_to_it():
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "e")]
    placed = graph_layout.place("abcde", edges)
    assert all(placed.places[end][1] > placed.places[start][1] for start, end in edges)


def test_no_two_nodes_overlap():
    edges = [("root", f"n{i}") for i in range(9)] + [(f"n{i}", "end") for i in range(9)]
    nodes = ["root", "end", *(f"n{i}" for i in range(9))]
    placed = graph_layout.place(nodes, edges)
    assert not _overlap(placed.places)
    assert all(
        0 <= x <= placed.width - graph_layout.WIDTH for x, _ in placed.places.values()
    )


def test_leaves_beside_others_are_moved_to_where_there_is_room():
    trainers = [f"t{i}" for i in range(6)]
    edges = [(t, t + kind) for t in trainers for kind in ("model", "log")]
    edges += [(t + "model", "end") for t in trainers] + [("end", "last")]
    nodes = list(dict.fromkeys(node for edge in edges for node in edge))
    placed = graph_layout.place(nodes, edges)
    assert not _overlap(placed.places)
    assert placed.width < 9 * graph_layout.WIDTH


def test_a_cycle_is_drawn_as_well():
    placed = graph_layout.place("abc", [("a", "b"), ("b", "a"), ("b", "c")])
    assert len(placed.places) == 3


def test_nothing_is_a_small_drawing():
    assert graph_layout.place([], []).places == {}
