"use strict";
const plan = JSON.parse(document.getElementById("data").textContent);
const get = (id) => document.getElementById(id);
const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};

// Direct needs and users of every node, with reasons: [other, hard, reasons].
const needs = plan.nodes.map(() => new Map());
const users = plan.nodes.map(() => new Map());
for (const [from, to, hard, reason] of plan.edges) {
  for (const [side, other] of [[needs[from], to], [users[to], from]]) {
    if (!side.has(other)) side.set(other, { hard: false, reasons: [] });
    side.get(other).hard ||= hard;
    side.get(other).reasons.push(reason);
  }
}
const reach = (start, step) => {
  const found = new Set(), stack = [start];
  while (stack.length) for (const other of step[stack.pop()].keys()) {
    if (!found.has(other)) { found.add(other); stack.push(other); }
  }
  return found;
};

// One hue a component, the biggest first, a golden angle apart.
const sizes = new Map();
for (const node of plan.nodes) sizes.set(node.part, (sizes.get(node.part) || 0) + 1);
const parts = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a) || a.localeCompare(b));
const hue = new Map(parts.map((part, i) => [part, Math.round(210 + i * 137.5) % 360]));

const short = { ClusterRole: "CRole", ClusterRoleBinding: "CRoleBind", RoleBinding: "RoleBind", ConfigMap: "Config", CustomResourceDefinition: "CRD",
  Deployment: "Deploy", ServiceAccount: "Account", NetworkPolicy: "NetPol", MutatingWebhookConfiguration: "Mutating", ValidatingWebhookConfiguration: "Validating",
  PersistentVolumeClaim: "Claim", HorizontalPodAutoscaler: "HPA", PodDisruptionBudget: "PDB", AuthorizationPolicy: "AuthzPol", PriorityClass: "Priority" };

const buttons = plan.nodes.map((node, i) => {
  const button = make("button", { type: "button", className: `node${node.slow ? " slow" : ""}${node.gate ? " gate" : ""}` },
    make("b", { textContent: node.gate ? "Gate" : short[node.kind] || node.kind }), make("span", { textContent: node.name }));
  button.style.setProperty("--hue", hue.get(node.part));
  button.dataset.id = node.id;
  button.addEventListener("mouseenter", () => show(i));
  button.addEventListener("focus", () => show(i));
  button.addEventListener("mouseleave", () => show(chosen));
  button.addEventListener("click", () => choose(chosen === i ? null : i));
  return button;
});

for (let level = 0; level < plan.stats.levels; level++) {
  const own = plan.nodes.map((_, i) => i).filter((i) => plan.nodes[i].level === level);
  const slow = own.filter((i) => plan.nodes[i].slow).length;
  const pile = make("div", { className: "pile" });
  pile.dataset.level = level;
  for (const part of parts) {
    const members = own.filter((i) => plan.nodes[i].part === part);
    if (!members.length) continue;
    const group = make("div", { className: "group" }, make("h3", { textContent: part }), ...members.map((i) => buttons[i]));
    group.style.setProperty("--hue", hue.get(part));
    pile.append(group);
  }
  get("columns").append(make("section", {}, make("h2", {}, `Level ${level} `,
    make("small", { textContent: `${own.length} at once${slow ? `, ${slow} waited for` : ""}` })), pile));
}

// A long level gets several columns, as many as what is visible of it fills.
function fit() {
  const board = get("board"), some = board.classList.contains("only") && board.classList.contains("marking");
  for (const pile of document.querySelectorAll(".pile")) {
    const columns = Math.max(1, Math.ceil(pile.querySelectorAll(some ? ".marked" : ".node").length / 64));
    pile.style.width = `${columns * 228 + (columns - 1) * 12}px`;
  }
}

const s = plan.stats;
get("counts").textContent = `${s.objects} objects${s.gates ? ` and ${s.gates} gate${s.gates > 1 ? "s" : ""}` : ""}, ${s.edges} needs (${s.reducedEdges} after reduction), ${s.levels} levels`;

const legend = new Map(parts.map((part) => {
  const button = make("button", { type: "button", textContent: `${part} ${sizes.get(part)}` });
  button.style.setProperty("--hue", hue.get(part));
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    reset();
    if (!on) return;
    button.setAttribute("aria-pressed", "true");
    mark(new Set(plan.nodes.keys()), (i) => plan.nodes[i].part === part);
  });
  get("legend").append(button);
  return [part, button];
}));

let chosen = null;

function reset() {
  chosen = null;
  history.replaceState(null, "", location.pathname + location.search);
  for (const button of legend.values()) button.setAttribute("aria-pressed", "false");
  for (const button of buttons) button.classList.remove("chosen", "marked");
  get("board").classList.remove("marking");
  draw([]);
  show(null);
}

function mark(candidates, test = () => true) {
  get("board").classList.add("marking");
  for (const i of candidates) if (test(i)) buttons[i].classList.add("marked");
}

function choose(i) {
  reset();
  if (i === null) return;
  chosen = i;
  const below = reach(i, needs), above = reach(i, users);
  mark([i, ...below, ...above]);
  buttons[i].classList.add("chosen");
  draw([...pairs([i, ...below], needs, "below"), ...pairs([i, ...above], users, "above")]);
  show(i);
  history.replaceState(null, "", `#${encodeURIComponent(plan.nodes[i].id)}`);
}

function* pairs(nodes, step, side) {
  for (const i of nodes) for (const [other, { hard }] of step[i]) {
    yield side === "below" ? [i, other, hard, side] : [other, i, hard, side];
  }
}

// Lines from an object to what it needs, drawn for what is chosen only: a thousand at once show nothing.
let drawn = [];
function draw(lines) {
  drawn = lines;
  fit();
  const board = get("board"), origin = board.getBoundingClientRect(), svg = get("lines");
  svg.setAttribute("width", 0);
  svg.setAttribute("height", 0);
  const place = (i) => {
    const box = buttons[i].getBoundingClientRect();
    return { left: box.left - origin.left + board.scrollLeft, right: box.right - origin.left + board.scrollLeft,
      y: box.top - origin.top + board.scrollTop + box.height / 2, seen: box.height > 0 };
  };
  svg.replaceChildren(...lines.flatMap(([from, to, hard, side]) => {
    const a = place(to), b = place(from);
    if (!a.seen || !b.seen) return [];
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const bend = Math.max(20, (b.left - a.right) / 2);
    path.setAttribute("d", `M${a.right} ${a.y}C${a.right + bend} ${a.y} ${b.left - bend} ${b.y} ${b.left} ${b.y}`);
    path.setAttribute("class", `${side}${hard ? "" : " soft"}`);
    return [path];
  }));
  svg.setAttribute("width", board.scrollWidth);
  svg.setAttribute("height", board.scrollHeight);
}

function show(i) {
  const detail = get("detail");
  if (i === null) return detail.replaceChildren(...notes());
  const node = plan.nodes[i];
  const list = (title, side) => side.size ? [make("h3", { textContent: `${title} (${side.size})` }),
    make("ul", {}, ...[...side].map(([other, { hard, reasons }]) => make("li", {}, plan.nodes[other].id, " ",
      make("i", { textContent: `${hard ? "" : "if possible: "}${reasons.join("; ")}` }))))] : [];
  const wait = node.wait === "default" ? (node.slow ? "waited for: its rollout" : "no wait") : node.wait === "skip" ? "no wait" : `waited for: ${node.wait}`;
  detail.replaceChildren(
    make("h2", { textContent: node.id }),
    make("p", { textContent: `${node.part}, level ${node.level}, ${wait}; needs ${reach(i, needs).size} in all, needed by ${reach(i, users).size}` }),
    ...list("Needs", needs[i]), ...list("Needed by", users[i]));
  detail.scrollTop = 0;
}

function notes() {
  return [["Needs dropped, because they would close a cycle", plan.dropped], ["Named, but in no manifest", plan.unresolved], ["Worth a look", plan.warnings]]
    .flatMap(([title, lines]) => lines.length ? [make("h3", { textContent: title }), make("ul", {}, ...lines.map((line) => make("li", { textContent: line })))] : []);
}

let hits = [], hit = -1;
get("search").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  hits = [];
  hit = -1;
  plan.nodes.forEach((node, i) => {
    const found = words.length > 0 && words.every((word) => node.id.toLowerCase().includes(word));
    buttons[i].classList.toggle("found", found);
    if (found) hits.push(i);
  });
  get("matches").textContent = words.length ? `${hits.length} found` : "";
  if (hits.length) buttons[hits[0]].scrollIntoView({ block: "center", inline: "center" });
});
get("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !hits.length) return;
  hit = (hit + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
  get("matches").textContent = `${hit + 1} of ${hits.length}`;
  choose(hits[hit]);
  buttons[hits[hit]].scrollIntoView({ block: "center", inline: "center" });
});
get("only").addEventListener("change", (event) => {
  get("board").classList.toggle("only", event.target.checked);
  draw(drawn);
});
get("critical").addEventListener("click", () => {
  reset();
  mark(plan.critical);
  draw(plan.critical.slice(1).map((to, i) => [to, plan.critical[i], true, "below"]));
});
get("clear").addEventListener("click", reset);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") reset(); });
window.addEventListener("resize", () => draw(drawn));
show(null);

// A link to the page may name an object after the #.
const linked = plan.nodes.findIndex((node) => node.id === decodeURIComponent(location.hash.slice(1)));
if (linked >= 0) {
  choose(linked);
  buttons[linked].scrollIntoView({ block: "center", inline: "center" });
}
