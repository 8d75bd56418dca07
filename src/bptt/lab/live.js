// A chart that is drawn once and then only given new rows: a slider's move is a redraw of what changed.
// `vegaEmbed` and ON_DARK (a lighter colour for each) stand before this text, in the same file.
const isDark = () => document.body.classList.contains("dark")
  || document.documentElement.classList.contains("dark");

const shaded = spec => {
  if (!isDark()) return spec;
  let text = JSON.stringify(spec);
  for (const [from, to] of Object.entries(ON_DARK)) text = text.replaceAll(from, to);
  return JSON.parse(text);
};

// Every chart fills its column: what stands side by side goes one below the other where there is no room, and letters
// grow with those of the page. Room is counted in pixels of a page whose letters have their usual size.
const NARROW = 560, SQUARE = 360, AROUND = 81;  // AROUND: axis and labels beside a chart
const letters = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
const fitted = (spec, room) => {
  if (spec.hconcat) {  // the first is a square, and stays so: it holds a circle
    const { hconcat: [first, ...rest], ...all } = spec;
    const below = room < NARROW;
    const side = below ? room - AROUND : Math.min(SQUARE, room / 2 - AROUND);
    const width = below ? side : (room - side) / rest.length - 2 * AROUND;
    const parts = [{ ...first, width: side, height: side }, ...rest.map(part => ({ ...part, width, height: side }))];
    return { ...all, [below ? "vconcat" : "hconcat"]: parts };
  }
  if (spec.vconcat) return { ...spec, vconcat: spec.vconcat.map(part => ({ ...part, width: room - AROUND })) };
  const layer = spec.layer.map(part => part.data?.name === "products" && room < NARROW
    ? { ...part, transform: [{ filter: "!datum.spare" }] } : part);  // or the numbers overlap
  return { ...spec, layer, width: room, autosize: { type: "fit-x", contains: "padding", resize: true } };
};
const heights = spec => (spec.vconcat ?? [spec.hconcat?.[0] ?? spec]).reduce((sum, part) => sum + part.height + 60, 0);

const colours = room => {
  const [text, soft, line] = isDark()
    ? ["#e9e9ee", "#a6a6b3", "#3a3b44"] : ["#1b1b1f", "#5b5b66", "#d9d9e0"];
  return {
    background: "transparent", view: { stroke: line }, font: "system-ui, sans-serif",
    axis: { labelColor: text, titleColor: text, gridColor: line, domainColor: soft, tickColor: soft,
            labelFontSize: 12, titleFontSize: 13, titleFontWeight: "normal", gridOpacity: 0.6 },
    legend: { labelColor: text, titleColor: text, labelFontSize: 12, labelLimit: 400,
              gradientLength: room < NARROW ? 150 : 240, ...(room < NARROW && { columns: 1 }) },
    // labels of any length get their room; what they usually need is kept free, so that nothing jumps
    autosize: { type: "pad", resize: true }, axisY: { minExtent: 44 },
    header: { labelColor: text, labelFontSize: 12 },
    text: { color: text }, title: { color: text },
  };
};

// One drawing at a time on the whole page, and what is in sight comes first: a slider's move is seen beside the slider
// before anything else is drawn again. The browser says what is in sight; to ask where a box stands would lay out the page.
const waiting = new Map();  // boxes, each with what is to be done and who is told
const inSight = new Set();
const sight = new IntersectionObserver(changes => {
  for (const { target, isIntersecting } of changes) inSight[isIntersecting ? "add" : "delete"](target);
});
let busy = false;
const turn = new MessageChannel();  // to the end of the queue of the browser, which has messages to take and frames to paint
const others = () => new Promise(done => { turn.port1.onmessage = done; turn.port2.postMessage(0); });
const rest = () => new Promise(done =>
  globalThis.requestIdleCallback ? requestIdleCallback(done, { timeout: 100 }) : setTimeout(done, 30));
const AT_ONCE = 60;  // ms for which what is out of sight is drawn without a frame: each costs as much as a chart
const work = async () => {
  busy = true;
  let since = -Infinity;
  while (waiting.size) {
    const box = [...waiting.keys()].find(each => inSight.has(each)) ?? waiting.keys().next().value;
    const seen = inSight.has(box), { act, done, first } = waiting.get(box);
    if (!seen && performance.now() - since > AT_ONCE) {
      await (first ? others() : rest());
      since = performance.now();
      continue;  // something else may be in sight by now
    }
    waiting.delete(box);
    try { await act(); } finally { done(); }
    if (seen) {
      await others();
      since = -Infinity;
    }
  }
  busy = false;
};

async function render({ model, el }) {
  const box = document.createElement("div");
  const still = model.get("still");
  box.className = still ? "still" : "live";
  if (still) box.style.overflowX = "auto";
  box.dataset.key = model.get("key");
  const drawing = document.createElement("div");
  box.append(drawing);
  // or the ground shines through between neighbours
  const crisp = document.createElement("style");
  crisp.textContent = `
    .live .mark-rect path { shape-rendering: crispEdges; }
    .live .vega-embed, .live .vega-embed.has-actions { display: block; padding: 26px 0 0; }
    .live .vega-embed summary { top: 0; right: 0; }
    .live .role-mark.mark-text text { paint-order: stroke; stroke: var(--background); stroke-width: 4px; }
    .live svg.marks { display: block; width: 100%; height: auto; }
    @media print { .live { break-inside: avoid; } .live summary { display: none; } }`;
  box.append(crisp);
  el.append(box);
  sight.observe(box);

  let embedded = null, room = 0;
  const width = () => Math.round(box.clientWidth / letters() / 10) * 10 || SQUARE;
  const say = () => {
    const chart = drawing.querySelector("svg.marks");
    if (!chart) return;  // not drawn yet
    chart.setAttribute("role", "img");
    chart.setAttribute("aria-label", model.get("sentence"));
    for (const part of chart.children) part.setAttribute("aria-hidden", "true");  // said in words
  };
  const embed = async () => {
    embedded?.finalize();
    room = width();
    let given = shaded(model.get("spec"));
    if (room < NARROW) given = JSON.parse(JSON.stringify(given).replace(/"columns":\d+/g, '"columns":1'));
    if (!still) box.style.minHeight = `${heights(given) * letters()}px`;  // what stands below keeps its place meanwhile
    const spec = still ? given : { ...fitted(given, room), datasets: model.get("rows") };
    embedded = await vegaEmbed(drawing, spec, {
      renderer: "svg", config: colours(room), ast: true,  // the page may not make code of text
      logLevel: 1,  // errors: of no rows Vega warns that they have no extent, and the chart says itself that there are none
      actions: { export: true, source: false, compiled: false, editor: false },
    });
    box.view = embedded.view;
    drawing.querySelector("summary")?.setAttribute("aria-label", "save this chart");
    say();
    drawn();
  };
  const put = async () => {
    for (const [name, rows] of Object.entries(model.get("rows"))) embedded.view.data(name, rows);
    await embedded.view.runAsync();
    drawn();
  };
  const drawn = () => {
    box.dataset.drawn = 1 + Number(box.dataset.drawn ?? 0);
    box.dataset.at = performance.now();
    document.dispatchEvent(new CustomEvent("drawn", { detail: box.dataset.key }));
  };

  // Of several changes that came meanwhile only the last is drawn.
  const later = act => new Promise(done => {
    const before = waiting.get(box);
    waiting.set(box, {
      act: before?.act === embed ? embed : act, done: () => { before?.done(); done(); }, first: !embedded,
    });
    if (!busy) work();
  });
  model.on("change:rows", () => later(put));
  model.on("change:spec", () => later(embed));
  model.on("change:sentence", say);
  const themes = new MutationObserver(() => later(embed));
  themes.observe(document.body, { attributeFilter: ["class"] });
  await later(embed);
  const sizes = new ResizeObserver(() => { if (box.clientWidth && width() !== room) later(embed); });
  sizes.observe(box);
  return () => { sizes.disconnect(); sight.unobserve(box); inSight.delete(box); themes.disconnect(); embedded?.finalize(); };
}

export default { render };
