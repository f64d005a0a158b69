"use strict";
// Sorting: a click on a column's head; numbers from high to low first, rows without a number last.
for (const table of document.querySelectorAll("table.grid")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.classList.contains("plot") || table.tBodies[0].rows.length < 2) return;
    head.classList.add("sorts");
    head.tabIndex = 0;
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
    });
  });
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
