// The network of one unit, computed here, and the pictures of the whole network, which were stored.
const PHI = {
  tanh: [Math.tanh, z => 1 / Math.cosh(z) ** 2],
  relu: [z => Math.max(z, 0), z => +(z > 0)],
  leaky_relu: [z => (z > 0 ? z : 0.01 * z), z => (z > 0 ? 1 : 0.01)],
  logistic: [z => 1 / (1 + Math.exp(-z)), z => 1 / (2 + 2 * Math.cosh(z))],
  softsign: [z => z / (1 + Math.abs(z)), z => 1 / (1 + Math.abs(z)) ** 2],
  hard_tanh: [z => Math.min(1, Math.max(-1, z)), z => +(Math.abs(z) < 1)],
  identity: [z => z, () => 1],
  scaled_tanh: [z => 1.7159 * Math.tanh(2 * z / 3), z => 1.7159 * 2 / 3 / Math.cosh(2 * z / 3) ** 2],
};
const STORED = JSON.parse(document.getElementById("stored").textContent);
const $ = name => document.getElementById(name);

// (8): a list of terms, each {lag, k, power, slopes, state, product}; the last is what is left, and its lag is null.
const unrolled = ({ weight, input_weight, phi, steps }) => {
  const [value, slope] = PHI[phi], h = [0], z = [0], sensitivity = [0];
  for (const x of STORED.inputs) {
    z.push(input_weight * x + weight * h.at(-1));
    sensitivity.push(slope(z.at(-1)) * (h.at(-1) + weight * sensitivity.at(-1)));
    h.push(value(z.at(-1)));
  }
  const t = STORED.inputs.length, terms = [];
  for (let k = 0; k <= steps; k++) {
    const rest = k === steps;  // its last slope stands in the derivative of the state
    const slopes = Array.from({ length: rest ? k - 1 : k }, (_, i) => slope(z[t - 1 - i]));
    const state = rest ? sensitivity[t - k] : h[t - k - 1], power = weight ** k;
    terms.push({ lag: rest ? null : k, k, power, slopes, state, product: slopes.reduce((a, b) => a * b, power * state) });
  }
  return terms;
};

const three = number => (number === 0 ? "0" : Number(number.toPrecision(3)).toString().replace("-", "−"));
const factor = (symbol, number) => `<span class="factor"><span>${symbol}</span><small>${three(number)}</small></span>`;
const line = ({ lag, k, power, slopes, state, product }) => {
  const parts = slopes.map((slope, i) => factor(`φ′(z<sub>t−${i + 1}</sub>)`, slope));
  if (k) parts.unshift(factor(`W<sub>R</sub>${k > 1 ? `<sup>${k}</sup>` : ""}`, power));
  parts.push(factor(lag === null ? `∂h<sub>t−${k}</sub>/∂W<sub>R</sub>` : `h<sub>t−${k + 1}</sub>`, state));
  return `<tr><th>${lag === null ? "rest" : `lag ${lag}`}</th><td>${three(product)}</td><td>=</td><td>${parts.join(" ")}</td></tr>`;
};
const bars = terms => {
  const wide = 600 / terms.length, products = terms.map(t => t.product);
  const most = Math.max(0, ...products), least = Math.min(0, ...products);
  const scale = 150 / Math.max(most - least, 1e-300), zero = 8 + scale * most;
  const drawn = terms.map(({ lag, product }, i) => {
    const high = scale * Math.abs(product), x = i * wide;
    return `<rect x="${x + 4}" y="${product < 0 ? zero : zero - high}" width="${wide - 8}" height="${high}"
      class="${product < 0 ? "below" : "above"}"/><text x="${x + wide / 2}" y="182">${lag === null ? "rest" : lag}</text>`;
  });
  return `<line x1="0" x2="600" y1="${zero}" y2="${zero}"/>${drawn.join("")}`;
};
const show = () => {
  const at = { phi: $("phi").value };
  for (const name of ["weight", "input_weight", "steps"]) {
    at[name] = Number($(name).value);
    $(name).nextElementSibling.textContent = three(at[name]);
  }
  const terms = unrolled(at), total = terms.reduce((sum, term) => sum + term.product, 0);
  $("terms").innerHTML = terms.map(line).join("")
    + `<tr><th></th><td><b>${three(total)}</b></td><td>=</td><td>∂z<sub>t</sub>/∂W<sub>R</sub>, together</td></tr>`;
  $("bars").innerHTML = bars(terms);
  $("bars").setAttribute("aria-label", `The terms: ${terms.map(t => three(t.product)).join(", ")}.`);
};
for (const name of ["weight", "input_weight", "phi", "steps"]) $(name).addEventListener("input", show);
show();

const scene = () => {
  for (const part of document.querySelectorAll("[data-scene]")) part.hidden = part.dataset.scene !== $("scene").value;
};
$("scene").addEventListener("change", scene);
scene();

for (const form of document.querySelectorAll("form.ask")) {
  const asked = STORED.exercises[form.dataset.number], said = form.querySelector("output");
  let wrong = 0;
  form.addEventListener("submit", event => {
    event.preventDefault();
    const answer = form.elements.answer.value.trim().replace("−", "-");
    const right = answer !== "" && (typeof asked.right === "string" ? answer === asked.right
      : Math.abs(Number(answer) - asked.right) <= asked.within);
    wrong += !right;
    const lines = [right ? "Right." : "Not yet."];
    if (!right) lines.push(`Hint: ${asked.hint}`);
    if (!right && wrong >= 3) lines.push(`Solution: ${asked.solution}`);
    said.replaceChildren(...lines.map(text => Object.assign(document.createElement("p"), { textContent: text })));
  });
  form.querySelector("[type=button]").addEventListener("click", () => {
    for (const [name, value] of Object.entries(asked.start)) $(name).value = value;
    show();
  });
}
