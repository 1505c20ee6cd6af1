// Draws what the server says again, each second: every text comes ready from there and is set as text, never as markup.

const EACH_MS = 1000;
const one = (name) => document.querySelector(name);

function cell([text, kind, exact], first) {
  const made = document.createElement(first ? "th" : "td");
  if (first) made.scope = "row";
  if (kind) made.className = kind;
  if (exact) made.title = exact;
  made.textContent = text;
  return made;
}

function row(cells) {
  const made = document.createElement("tr");
  made.append(...cells.map((each, place) => cell(each, place === 0)));
  return made;
}

function drawTable(name, rows) {
  const body = one(`[data-table="${name}"] tbody`);
  if (!body) return;
  body.replaceChildren(...rows.map(row));
  one(`[data-none="${name}"]`).hidden = rows.length > 0;
}

function drawGauge(gauge) {
  const whole = one("[data-gauge]");
  if (!whole) return;
  whole.dataset.status = gauge.status;
  const ratio = one("[data-ratio]");
  ratio.textContent = gauge.ratio;
  ratio.title = gauge.exact;
  one("[data-needle]").setAttribute("transform", `translate(${gauge.at} 0)`);
  const meter = one("[data-meter]");
  meter.setAttribute("aria-valuenow", gauge.at);
  meter.setAttribute("aria-valuetext", gauge.ratio);
  one("[data-told]").textContent = gauge.told;
}

function draw(page) {
  for (const [name, text] of Object.entries(page.texts)) {
    const place = one(`[data-text="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  }
  for (const [name, rows] of Object.entries(page.tables)) drawTable(name, rows);
  if (page.gauge) drawGauge(page.gauge);
}

async function refresh() {
  if (document.visibilityState === "visible") {
    let answered = false;
    try {
      const answer = await fetch("/api/page", { cache: "no-store" });
      if (answer.ok) {
        draw(await answer.json());
        answered = true;
      }
    } catch {
      // told below
    }
    one("[data-lost]").hidden = answered;
  }
  setTimeout(refresh, EACH_MS);
}

setTimeout(refresh, EACH_MS);
