"use strict";
// The lineage graph: a chosen node shows its properties, its ancestors and descendants.
(() => {
  const graph = document.getElementById("graph");
  if (!graph) return;
  const nodes = new Map([...graph.querySelectorAll(".node")].map((node) => [node.dataset.node, node]));
  const edges = [...graph.querySelectorAll(".edge")];
  const hint = document.getElementById("hint");
  let chosen = null;

  // A graph wider than its box is shown from the middle of its first node.
  const box = graph.parentElement;
  const first = nodes.values().next().value;
  if (first && box.scrollWidth > box.clientWidth) {
    box.scrollLeft = first.getBBox().width / 2 + first.transform.baseVal[0].matrix.e - box.clientWidth / 2;
  }

  // All that one reaches from a node, following edges in one direction.
  function reached(start, from, to) {
    const found = new Set([start]);
    const used = new Set();
    for (const key of found) {
      for (const edge of edges) {
        if (edge.dataset[from] === key) {
          used.add(edge);
          found.add(edge.dataset[to]);
        }
      }
    }
    return [found, used];
  }

  function choose(key) {
    if (chosen !== null) {
      nodes.get(chosen).setAttribute("aria-pressed", "false");
      document.getElementById("node-" + chosen).hidden = true;
    }
    chosen = key === chosen ? null : key;
    hint.hidden = chosen !== null;
    graph.classList.toggle("chosen", chosen !== null);
    for (const item of [...nodes.values(), ...edges]) item.classList.remove("near");
    if (chosen === null) return;
    nodes.get(chosen).setAttribute("aria-pressed", "true");
    document.getElementById("node-" + chosen).hidden = false;
    for (const [found, used] of [reached(chosen, "from", "to"), reached(chosen, "to", "from")]) {
      for (const other of found) nodes.get(other).classList.add("near");
      for (const edge of used) edge.classList.add("near");
    }
  }

  // The nearest neighbour above or below, for the arrow keys.
  function neighbour(key, from, to) {
    const edge = edges.find((one) => one.dataset[from] === key);
    return edge ? nodes.get(edge.dataset[to]) : null;
  }

  for (const [key, node] of nodes) {
    node.addEventListener("click", () => choose(key));
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        choose(key);
      } else if (event.key === "Escape" && chosen !== null) {
        choose(chosen);
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const down = event.key === "ArrowDown";
        const next = down ? neighbour(key, "from", "to") : neighbour(key, "to", "from");
        if (next) next.focus();
      } else {
        return;
      }
      event.preventDefault();
    });
  }
})();
