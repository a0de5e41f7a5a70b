
"use strict";
(function () {
  // The table of coefficients is searched by the names in its first column.
  document.querySelectorAll(".filter").forEach(function (filter) {
    const input = filter.querySelector("input"), said = filter.querySelector("output");
    const folded = document.querySelectorAll(".searched details.long");
    const opened = Array.from(folded, (part) => part.open);
    let rows = null;
    function find() {
      if (!rows) {
        rows = Array.from(document.querySelectorAll(".searched tr.feature"), function (row) {
          return { row: row, name: row.cells[0].textContent.toLowerCase(), shown: true };
        });
      }
      const wanted = input.value.trim().toLowerCase();
      let found = 0;
      rows.forEach(function (each) {
        const shown = each.name.includes(wanted);
        found += shown;
        if (shown !== each.shown) {
          each.row.hidden = !shown;
          each.shown = shown;
        }
      });
      folded.forEach(function (part, k) {
        part.open = wanted ? part.querySelector("tr.feature:not([hidden])") !== null : opened[k];
      });
      said.textContent = wanted ? (found ? found + " of " + rows.length : said.dataset.none) : "";
    }
    input.addEventListener("input", find);
    filter.hidden = false;
  });

  // Lines of plots have names (title elements), which are shown beside the pointer with their value.
  document.querySelectorAll("svg[data-x]").forEach(function (svg) {
    const figure = svg.closest("figure"), tip = document.createElement("div");
    const places = svg.dataset.x.split(" ").map(Number), scale = svg.dataset.y.split(" ").map(Number);
    const labels = svg.dataset.labels.split(" ");
    let lines = null, chosen = null;
    tip.className = "tip";
    tip.hidden = true;
    figure.append(tip);

    function read() {
      lines = Array.from(svg.querySelectorAll("path > title"), function (title) {
        const path = title.parentNode, points = [];
        for (const [, x, y] of path.getAttribute("d").matchAll(/([-\d.e]+) ([-\d.e]+)/g)) {
          points.push([Number(x), Number(y)]);
        }
        title.remove();
        return { name: title.textContent, path: path, points: points };
      });
    }

    function height(points, x) {
      for (let k = 1; k < points.length; k++) {
        const [a, b] = [points[k - 1], points[k]];
        if (a[0] <= x + 0.01 && x <= b[0] + 0.01) {
          return b[0] > a[0] ? a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]) : b[1];
        }
      }
      return NaN;
    }

    function choose(line) {
      if (chosen === line) return;
      if (chosen) chosen.path.classList.remove("chosen");
      if (line) line.path.classList.add("chosen");
      chosen = line;
      tip.hidden = !line;
    }

    svg.addEventListener("pointermove", function (event) {
      if (!lines) read();
      const matrix = svg.getScreenCTM();
      const x = (event.clientX - matrix.e) / matrix.a, y = (event.clientY - matrix.f) / matrix.d;
      let k = 0, nearest = null, least = 14, found = 0;
      places.forEach(function (place, j) {
        if (Math.abs(place - x) < Math.abs(places[k] - x)) k = j;
      });
      if (Math.abs(places[k] - x) > 14) return choose(null);
      lines.forEach(function (line) {
        const at = height(line.points, places[k]);
        if (Math.abs(at - y) < least) {
          [least, nearest, found] = [Math.abs(at - y), line, at];
        }
      });
      choose(nearest);
      if (!nearest) return;
      const [y0, v0, y1, v1] = scale, value = v0 + (found - y0) * (v1 - v0) / (y1 - y0);
      const name = document.createElement("b");
      name.textContent = nearest.name;
      tip.replaceChildren(name, Number(value.toPrecision(3)) + " at alpha " + labels[k]);
      const box = figure.getBoundingClientRect();
      const left = places[k] * matrix.a + matrix.e - box.left, top = found * matrix.d + matrix.f - box.top;
      tip.style.top = top + 10 + "px";
      tip.style.left = Math.min(left + 10, Math.max(box.width - tip.offsetWidth, 0)) + "px";
    });
    svg.addEventListener("pointerleave", function () { choose(null); });
  });

  // On paper nothing is folded except for long lists.
  let closed = [];
  window.addEventListener("beforeprint", function () {
    closed = Array.from(document.querySelectorAll("details:not(.long):not([open])"));
    closed.forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (part) { part.open = false; });
  });
})();
