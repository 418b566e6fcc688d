/* Draws every figure of the page from its specification. vegaEmbed comes with the bundle in front of this code. */

const pointer = document.createElement("div");
pointer.className = "tip";
pointer.setAttribute("role", "tooltip");
pointer.hidden = true;

/* What a point says of itself, as text and nothing but text. */
function say(_, event, __, value) {
  pointer.hidden = value === null || value === undefined || value === "";
  if (pointer.hidden) return;
  const lines = typeof value === "object" ? Object.entries(value).map(([name, each]) => `${name}: ${each}`) : [value];
  pointer.textContent = lines.join("\n");
  const left = Math.min(event.clientX + 14, window.innerWidth - pointer.offsetWidth - 8);
  const above = event.clientY - pointer.offsetHeight - 12;
  pointer.style.left = `${Math.max(left, 4)}px`;
  pointer.style.top = `${above > 4 ? above : event.clientY + 16}px`;
}

async function draw() {
  document.body.append(pointer);
  const options = { actions: false, ast: true, renderer: "svg", defaultStyle: false, hover: false, tooltip: say };
  for (const box of document.querySelectorAll("[data-spec]")) {
    const spec = JSON.parse(document.getElementById(box.dataset.spec).textContent);
    await vegaEmbed(box, spec, options);
    box.classList.add("drawn");
  }
  document.documentElement.dataset.figures = "drawn";
}

draw();
