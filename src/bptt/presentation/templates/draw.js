  // On the screen a chart's colours are the page's, by name, so that they follow light, dark and paper without
  // being drawn again. What is saved has the light ones, and its heading, which on the page stands above it.
  const light = name => ({ text: "#1b1b1f", soft: "#5b5b66", line: "#d9d9e0", edge: "#85858f" })[name];
  const named = name => `var(--${name})`;
  const config = (colour, narrow = false) => ({
    background: "transparent", view: { stroke: colour("edge") }, font: "system-ui, sans-serif",
    axis: { labelColor: colour("text"), titleColor: colour("text"), gridColor: colour("line"),
            domainColor: colour("edge"), tickColor: colour("edge"), labelFontSize: 12,
            titleFontSize: 13, titleFontWeight: "normal", gridOpacity: 0.6 },
    legend: { labelColor: colour("text"), titleColor: colour("text"), labelFontSize: 12, titleFontSize: 12,
              labelLimit: 300, ...(narrow && { columns: 1, layout: { top: { direction: "vertical" } } }) },
    header: { labelColor: colour("text"), labelFontSize: 12 },
    title: { color: colour("text"), subtitleColor: colour("soft"), fontSize: 13, fontWeight: 600,
             subtitleFontSize: 12, anchor: "start", offset: 6 } });
  const silent = { renderer: "svg", actions: false };

  // A chart no wider than its place; small ones side by side take fewer columns.
  function fitted(spec, room) {
    const one = spec.width ? spec : spec.spec;
    if (spec.concat) spec.columns = Math.max(1, Math.min(spec.columns, Math.floor(room / 245)));
    const { color } = spec.mark ? spec.encoding : {};  // a legend beside the chart takes room, one on top does not
    const beside = color?.field && color.legend !== null && color.legend?.orient !== "top";
    if (!spec.concat && one?.width) one.width = Math.max(180, Math.min(one.width, room - 78 - (beside ? 60 : 0)));
    return spec;
  }
  function draw(id) {
    let text = JSON.stringify(figures[id].spec);
    for (const [colour, name] of Object.entries(names)) text = text.replaceAll(colour, named(name));
    const place = document.getElementById(id);
    const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;  // charts grow with the text
    const room = place.parentElement.clientWidth / unit;
    return vegaEmbed(place, fitted(JSON.parse(text), room), { ...silent, config: config(named, room < 520) }).then(() => {
      const svg = place.querySelector("svg");
      for (const side of ["width", "height"]) svg.setAttribute(side, unit * svg.getAttribute(side));
    });
  }
  async function save(id, kind) {
    const { title, spec } = figures[id];
    const drawn = await vegaEmbed(document.createElement("div"), { title, ...spec },
                                  { ...silent, config: { ...config(light), background: "white" } });
    const blob = kind === "svg"
      ? new Blob([await drawn.view.toSVG()], { type: "image/svg+xml" })
      : await drawn.view.toCanvas(3).then(canvas => new Promise(done => canvas.toBlob(done)));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${id.replace("chart-", "")}.${kind}`;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    drawn.finalize();
  }
  for (const button of document.querySelectorAll("[data-save]"))
    button.addEventListener("click", () => save(button.dataset.of, button.dataset.save));

  // In a notebook the page stands in a frame: as high as the page, where the notebook lets it.
  function fit() {
    if (window.frameElement) window.frameElement.style.height = `${document.documentElement.offsetHeight + 2}px`;
  }
  // What is folded away has no width yet: it is drawn when it is opened.
  const shown = id => !document.getElementById(id).closest("details:not([open])");
  function drawThose(ids) {
    Promise.all(ids.map(draw)).then(() => {
      document.body.dataset.drawn = Object.keys(figures).filter(shown).length;
      fit();
    });
  }
  let width = 0;
  function drawAll() {
    if (document.body.clientWidth === width || matchMedia("print").matches) return;
    width = document.body.clientWidth;
    drawThose(Object.keys(figures).filter(shown));
  }
  for (const layer of document.querySelectorAll("details.layer"))
    layer.addEventListener("toggle", () => layer.open && drawThose(Object.keys(figures).filter(
      id => layer.contains(document.getElementById(id)))));
  drawAll();
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
  new ResizeObserver(fit).observe(document.body);
