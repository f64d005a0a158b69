"use strict";
// Sorting: a click on a column's head; numbers from high to low first, rows without a number last.
for (const table of document.querySelectorAll("table.grid")) {
  const heads = [...table.tHead.rows[0].cells];
  // One stop of the Tab key a table: arrows go from head to head.
  const first = heads.findIndex((head) => !head.classList.contains("plot"));
  const box = table.closest(".scroll");
  // The first rows of a longer table are not sorted: their order among themselves says nothing; the whole one is below.
  const after = box && box.nextElementSibling;
  if (after && after.matches("p.note") && after.textContent.startsWith("The first ")) continue;
  if (table.tBodies[0].rows.length > 1 && box) box.removeAttribute("tabindex");
  heads.forEach((head, column) => {
    if (head.classList.contains("plot") || table.tBodies[0].rows.length < 2) return;
    head.classList.add("sorts");
    head.tabIndex = column === first ? 0 : -1;
    const sort = () => {
      const text = head.classList.contains("text") || head.classList.contains("name");
      const up = head.getAttribute("aria-sort") === (text ? null : "descending") || (text && head.getAttribute("aria-sort") === "descending");
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => (text ? row.cells[column].textContent : parseFloat(row.cells[column].dataset.v));
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const x = key(a), y = key(b);
        if (text) return up ? x.localeCompare(y) : y.localeCompare(x);
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
        return up ? x - y : y - x;
      });
      table.tBodies[0].append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step && heads.filter((other) => other.classList.contains("sorts"));
      if (next) { event.preventDefault(); (next[next.indexOf(head) + step] || head).focus(); }
    });
  });
}
// What does not scroll, and the contents' second level, are no stops of the Tab key: headings lead there too.
for (const box of document.querySelectorAll(".scroll[tabindex]")) {
  if (box.clientWidth && box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight) box.removeAttribute("tabindex");
}
for (const link of document.querySelectorAll("nav ol ol a")) link.tabIndex = -1;
// Search: rows of a long table that hold what was typed.
for (const table of document.querySelectorAll("table.grid")) {
  const rows = [...table.tBodies[0].rows], box = table.closest(".scroll");
  if (rows.length < 14 || !box) continue;
  const field = document.createElement("input");
  field.type = "search";
  field.className = "filter";
  field.placeholder = `Search in ${rows.length} rows`;
  field.setAttribute("aria-label", field.placeholder);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  box.before(field);
}
// Maps: the title of the dot under the pointer or finger, below the map.
for (const map of document.querySelectorAll("svg.map")) {
  const caption = document.createElement("p");
  caption.className = "caption";
  map.after(caption);
  let last = null;
  const show = (event) => {
    const title = event.target.tagName === "circle" && event.target.querySelector("title");
    if (!title) return;
    if (last) last.classList.remove("on");
    last = event.target;
    last.classList.add("on");
    caption.textContent = title.textContent;
  };
  map.addEventListener("pointerover", show);
  map.addEventListener("click", show);
}
// On a phone the contents start closed.
if (matchMedia("(max-width: 900px)").matches) document.querySelector(".toc").open = false;
