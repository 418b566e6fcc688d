/* Sorts a long table by the column whose header is pressed: once upwards, again downwards. */
"use strict";

function keyOf(cell, numeric) {
  const text = cell.textContent.trim();
  if (!numeric) return text.toLowerCase();
  const number = Number(text.replaceAll(",", ""));
  return text === "" || Number.isNaN(number) ? null : number;
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null); /* what has no number stands last */
  return typeof a === "number" ? a - b : a.localeCompare(b);
}

function sortBy(table, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  const numeric = header.classList.contains("number");
  const place = header.cellIndex;
  const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row.cells[place], numeric), row]);
  rows.sort(([a], [b]) => (down && a !== null && b !== null ? -compare(a, b) : compare(a, b)));
  for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.long")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sortBy(table, header));
  }
}
