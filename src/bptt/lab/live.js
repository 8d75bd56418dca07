// A chart that is drawn once and then only given new rows: a slider's move is a redraw of what changed.
// `vegaEmbed` stands before this text, in the same file.
const isDark = () => document.body.classList.contains("dark")
  || document.documentElement.classList.contains("dark");

// On a dark ground the lighter colours of the same set.
const LIGHTER = { "#0072B2": "#56B4E9", "#D55E00": "#E69F00", "#888888": "#A3A3AE" };
const shaded = spec => {
  if (!isDark()) return spec;
  let text = JSON.stringify(spec);
  for (const [from, to] of Object.entries(LIGHTER)) text = text.replaceAll(from, to);
  return JSON.parse(text);
};

const colours = () => {
  const [text, soft, line] = isDark()
    ? ["#e9e9ee", "#a6a6b3", "#3a3b44"] : ["#1b1b1f", "#5b5b66", "#d9d9e0"];
  return {
    background: "transparent", view: { stroke: line }, font: "system-ui, sans-serif",
    axis: { labelColor: text, titleColor: text, gridColor: line, domainColor: soft, tickColor: soft,
            labelFontSize: 12, titleFontSize: 13, titleFontWeight: "normal", gridOpacity: 0.6 },
    legend: { labelColor: text, titleColor: text, labelFontSize: 12, labelLimit: 400 },
    // labels of any length get their room; what they usually need is kept free, so that nothing jumps
    autosize: { type: "pad", resize: true }, axisY: { minExtent: 44 },
    header: { labelColor: text, labelFontSize: 12 },
    text: { color: text }, title: { color: text },
  };
};

async function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "live";
  box.style.overflowX = "auto";
  box.dataset.key = model.get("key");
  const drawing = document.createElement("div");
  box.append(drawing);
  // or the ground shines through between neighbours
  const crisp = document.createElement("style");
  crisp.textContent = ".live .mark-rect path { shape-rendering: crispEdges; }";
  box.append(crisp);
  el.append(box);

  let embedded = null;
  const say = () => {
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", model.get("says"));
  };
  const embed = async () => {
    embedded?.finalize();
    const spec = { ...shaded(model.get("spec")), datasets: model.get("rows") };
    embedded = await vegaEmbed(drawing, spec, {
      renderer: "svg", config: colours(),
      actions: { export: true, source: false, compiled: false, editor: false },
    });
    box.view = embedded.view;
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
  };

  // One drawing at a time, and of several changes that came meanwhile only the last.
  let queue = Promise.resolve(), next = null;
  const later = what => {
    if (next !== embed) next = what;
    queue = queue.then(() => { const now = next; next = null; return now?.(); });
    return queue;
  };
  model.on("change:rows", () => later(put));
  model.on("change:spec", () => later(embed));
  model.on("change:says", say);
  const themes = new MutationObserver(() => later(embed));
  themes.observe(document.body, { attributeFilter: ["class"] });
  say();
  await later(embed);
  return () => { themes.disconnect(); embedded?.finalize(); };
}

export default { render };
