"use strict";
// Long tables: a search that leaves the rows with a text in a name.
for (const details of document.querySelectorAll("details.all")) {
  const search = document.createElement("input");
  search.type = "search";
  search.className = "search";
  search.placeholder = "Search a class";
  search.setAttribute("aria-label", "Search a class");
  details.querySelector("summary").after(search);
  const rows = [...details.querySelectorAll("tbody tr")];
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows) {
      const names = [...row.querySelectorAll(".name")].map((cell) => cell.textContent.toLowerCase());
      row.hidden = !names.some((name) => name.includes(wanted));
    }
  });
}

// The lineage graph: a selected node shows its properties, its ancestors and descendants.
(() => {
  const graph = document.getElementById("graph");
  if (!graph) return;
  const nodes = new Map([...graph.querySelectorAll(".node")].map((node) => [node.dataset.node, node]));
  const edges = [...graph.querySelectorAll(".edge")];
  const hint = document.getElementById("hint");
  let selected = null;

  // Scroll a graph that is wider than its box to the middle of its first node.
  const box = graph.parentElement;
  const first = nodes.values().next().value;
  if (first && box.scrollWidth > box.clientWidth) {
    box.scrollLeft = first.getBBox().width / 2 + first.transform.baseVal[0].matrix.e - box.clientWidth / 2;
  }

  // Everything reachable from a node, following edges in one direction.
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

  function select(key) {
    if (selected !== null) {
      nodes.get(selected).setAttribute("aria-pressed", "false");
      document.getElementById("node-" + selected).hidden = true;
    }
    selected = key === selected ? null : key;
    hint.hidden = selected !== null;
    graph.classList.toggle("selected", selected !== null);
    for (const item of [...nodes.values(), ...edges]) item.classList.remove("near");
    if (selected === null) return;
    nodes.get(selected).setAttribute("aria-pressed", "true");
    document.getElementById("node-" + selected).hidden = false;
    for (const [found, used] of [reached(selected, "from", "to"), reached(selected, "to", "from")]) {
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
    node.addEventListener("click", () => select(key));
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        select(key);
      } else if (event.key === "Escape" && selected !== null) {
        select(selected);
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
