"use strict";

// The page of `compsel serve`: asks /answer, shows what comes back, and polls /state. Nothing is stored.

const POLL_MS = 1000;
const KEPT_ANSWERS = 20;
const KEPT_LOADS = 60;
const find = (id) => document.getElementById(id);
const loads = [];
let about = null;
let last = null; // the last input, to ask again

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
const short = (value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);
const percent = (value) => `${(100 * value).toFixed(1)} %`;

function bytes(value) {
  return value >= 1e9 ? `${(value / 1e9).toFixed(1)} GB` : `${Math.round(value / 1e6)} MB`;
}

function bar(share, className) {
  const inside = make("i", "");
  inside.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return make("div", className, inside);
}

function fail(message) {
  find("error").textContent = message;
  find("error").hidden = !message;
}

async function ask(input) {
  last = input;
  fail("");
  const query = new URLSearchParams();
  const deadline = find("deadline").value;
  if (deadline) query.set("deadline_ms", deadline);
  if (find("compare").checked) query.set("compare", "1");
  find("ask").disabled = true;
  try {
    const response = await fetch(`/answer?${query}`, {
      method: "POST", body: input.body, headers: { "Content-Type": input.type },
    });
    const content = await response.json();
    if (!response.ok) throw new Error(content.error || `the server said ${response.status}`);
    show(content);
    remember(input, content);
  } catch (error) {
    fail(error instanceof TypeError ? "The server does not answer: is it still running?" : error.message);
  } finally {
    find("ask").disabled = false;
  }
}

// what an answer says, in a word or a few numbers
function said(answer) {
  if (answer.name !== null) return answer.name;
  return answer.outputs.flatMap((output) => output.values).slice(0, 4).map(short).join(" ");
}

function show(answer) {
  const original = answer.uncompressed;
  find("empty").hidden = true;
  find("answer").hidden = false;
  find("verdict").textContent = verdict(answer, original);
  const sides = [side("This bundle", answer)];
  if (original) sides.push(side(`Uncompressed: ${answer.uncompressed_name}`, original));
  find("sides").replaceChildren(...sides);
  find("way").replaceChildren(...answer.stages.map(stage));
  const longest = Math.max(answer.latency_ms, original ? original.latency_ms : 0);
  const rows = timeRow("This bundle", answer, longest);
  if (original) rows.push(...timeRow("Uncompressed", original, longest));
  if (answer.waited_ms > 1) rows.push(make("p", "quiet", `Before that: ${ms(answer.waited_ms)} in the server's queue.`));
  find("times").replaceChildren(...rows);
}

function verdict(answer, original) {
  const parts = [`${said(answer)} in ${ms(answer.latency_ms)}`];
  if (answer.abstained) parts[0] = `Withheld as unsure (it would be: ${said(answer)})`;
  if (original && original.choice === answer.choice) {
    parts.push("by the uncompressed model itself");
  } else if (original) {
    const ratio = original.latency_ms / answer.latency_ms;
    parts.push(ratio >= 1 ? `${ratio.toFixed(1)} times as fast as the uncompressed model this time` : `${(1 / ratio).toFixed(1)} times as long as the uncompressed model this time`);
    if (answer.name !== null) parts.push(answer.label === original.label ? "the same answer" : `which says ${original.name}`);
  }
  return `${parts.join(", ")}.${answer.note ? ` Note: ${answer.note}.` : ""}`;
}

function side(title, answer) {
  const box = make("div", "", make("h3", "quiet", title), make("div", "name", said(answer)));
  box.append(make("div", "", make("span", "ms", ms(answer.latency_ms)), ` · ${answer.stages.length} ${answer.stages.length === 1 ? "stage" : "stages"}`));
  const list = make("ol", "classes");
  for (const found of answer.classes) {
    list.append(make("li", "", make("span", "label", found.name), make("span", "share", percent(found.probability)), bar(found.probability, "track")));
  }
  for (const output of answer.outputs) {
    list.append(make("li", "", make("span", "label", `${output.dtype} [${output.shape.join(", ")}]: ${output.values.map(short).join(" ")}`)));
  }
  box.append(list);
  return box;
}

function stage(found) {
  const item = make("li", "", make("span", "choice", `${found.variant} on ${found.processor}`), " ", make("span", "ms", ms(found.latency_ms)));
  if (found.expected_ms !== null) item.append(make("span", "quiet", ` (expected ${ms(found.expected_ms)})`));
  if (found.confidence !== null) {
    const gauge = bar(found.confidence, "gauge");
    if (found.threshold !== null && found.threshold > 0) {
      const mark = make("b", "");
      mark.style.left = `${100 * Math.min(1, found.threshold)}%`;
      gauge.append(mark);
    }
    item.append(gauge);
  }
  item.append(make("div", "quiet", found.why));
  return item;
}

function timeRow(title, answer, longest) {
  const parts = [["decode", "decode", answer.parts_ms.decode], ["features", "features", answer.parts_ms.features], ["selector", "selector and the rest", answer.parts_ms.selector]];
  answer.stages.forEach((found, number) => parts.push([number % 2 ? "stage-2" : "stage", answer.stages.length > 1 ? `stage ${number + 1}` : "preprocessing and inference", found.latency_ms]));
  const stack = make("div", "stack");
  stack.setAttribute("aria-hidden", "true");
  const legend = make("ul", "parts");
  for (const [className, name, taken] of parts) {
    if (taken < 0.0005) continue;
    const piece = make("i", className);
    piece.style.width = `${(100 * taken) / longest}%`;
    stack.append(piece);
    const sample = make("i", className);
    sample.setAttribute("aria-hidden", "true");
    legend.append(make("li", "", sample, `${name} ${ms(taken)}`));
  }
  return [make("div", "", `${title}: `, make("span", "ms", ms(answer.latency_ms))), stack, legend];
}

function remember(input, answer) {
  find("no-history").hidden = true;
  const compared = answer.uncompressed ? ` (uncompressed ${ms(answer.uncompressed.latency_ms)})` : "";
  const item = make("li", input.picture ? "" : "textual");
  if (input.picture) {
    const picture = make("img", "");
    picture.src = input.picture;
    picture.alt = "";
    item.append(picture);
  }
  item.append(
    make("div", "", make("strong", "", said(answer)), make("div", "quiet", `${input.title} · ${answer.stages.length} ${answer.stages.length === 1 ? "stage" : "stages"}${compared}`)),
    make("span", "ms", ms(answer.latency_ms)),
  );
  const list = find("history");
  list.prepend(item);
  while (list.children.length > KEPT_ANSWERS) {
    list.lastElementChild.remove();
  }
}

function askImage(file) {
  if (!file) return;
  const picture = URL.createObjectURL(file);
  find("preview").src = picture;
  find("preview").alt = `Chosen image: ${file.name || "pasted"}`;
  find("preview").hidden = false;
  ask({ body: file, type: file.type.startsWith("image/") ? file.type : "application/octet-stream", title: file.name || "pasted", picture });
}

function askArchive(file) {
  if (file) ask({ body: file, type: "application/zip", title: file.name });
}

function askTyped() {
  if (about.modality === "image") {
    if (last) ask(last);
    else fail("Choose an image first.");
  } else if (about.modality === "text") {
    const text = find("text").value;
    ask({ body: text, type: "text/plain; charset=utf-8", title: text.length > 60 ? `${text.slice(0, 57)}...` : text });
  } else {
    let tensors;
    try {
      tensors = JSON.parse(find("tensors").value);
    } catch (error) {
      return fail(`This is not JSON: ${error.message}`);
    }
    ask({ body: JSON.stringify({ tensors }), type: "application/json", title: "tensors" });
  }
  return undefined;
}

function acceptDrops(zone, take) {
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
}

// an example of nested lists of the right shape
function example(input) {
  const nest = (shape) => (shape.length ? Array(Math.min(shape[0] ?? 1, 8)).fill(nest(shape.slice(1))) : input.dtype === "string" ? "text" : 0);
  return nest(input.shape ?? [1]);
}

async function poll() {
  if (!document.hidden) {
    try {
      const response = await fetch("/state");
      if (response.ok) showDevice(await response.json());
    } catch {
      // the next answer says it
    }
  }
  setTimeout(poll, POLL_MS);
}

function showDevice(found) {
  const state = found.state;
  loads.push([state.load_others ?? 0, state.load_own ?? 0]);
  if (loads.length > KEPT_LOADS) loads.shift();
  const rows = [["Other programs", `${(state.load_others ?? 0).toFixed(2)} of ${state.cores} cores`]];
  if (state.load_own !== null) rows.push(["This server", `${state.load_own.toFixed(2)} of ${state.cores} cores`]);
  if (state.free_memory_bytes !== null) rows.push(["Free memory", bytes(state.free_memory_bytes)]);
  rows.push(["Memory of this server", bytes(found.process_memory_bytes)]);
  if (state.frequency_mhz !== null) rows.push(["Clock", `${(state.frequency_mhz / 1000).toFixed(2)} GHz`]);
  if (state.temperature_c !== null) rows.push(["Temperature", `${state.temperature_c.toFixed(0)} °C`]);
  if (state.battery_percent !== null) rows.push(["Battery", `${state.battery_percent.toFixed(0)} %`]);
  if (state.gpu_use !== null) rows.push(["GPU", percent(state.gpu_use)]);
  if (state.throttled) rows.push(["Throttled", "yes"]);
  rows.push(["Requests at work", String(found.in_flight)]);
  find("device").replaceChildren(...rows.flatMap(([name, value]) => [make("dt", { "Other programs": "others", "This server": "own" }[name] || "", name), make("dd", "", value)]));
  find("plan").replaceChildren(...found.plan.map((one) => make("li", "", make("span", "choice", `${one.variant} on ${one.processor}`), make("div", "quiet", `expected ${ms(one.expected_ms)}`))));
  drawLoads(state.cores);
}

function drawLoads(cores) {
  const paths = ["", "own"].map((className, column) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const step = 240 / (KEPT_LOADS - 1);
    const points = loads.map((load, number) => `${(240 - (loads.length - 1 - number) * step).toFixed(1)},${(46 - 44 * Math.min(1, load[column] / cores)).toFixed(1)}`);
    path.setAttribute("d", `M${points.join("L")}`);
    if (className) path.setAttribute("class", className);
    return path;
  });
  find("load-curve").replaceChildren(...paths);
}

async function start() {
  about = await (await fetch("/about")).json();
  find("bundle-name").textContent = about.name;
  document.title = `${about.name} · compsel serve`;
  find("subtitle").textContent = `compsel ${about.version}, a bundle for ${{ image: "images", text: "texts" }[about.modality] || "tensors"}. What you give stays between this page and the server; nothing is stored.`;
  find("compare").checked = about.uncompressed !== null;
  find("compare").disabled = about.uncompressed === null;
  find("compare-note").textContent = about.uncompressed === null
    ? "The bundle holds no uncompressed model, so there is nothing to compare with: start the server with --compare MODEL.onnx."
    : `Uncompressed: ${about.uncompressed}, on the same input; both answer once before, so that both are warm.`;
  const kind = ["image", "text"].includes(about.modality) ? about.modality : "tensor";
  find(`${kind}-input`).hidden = false;
  find("ask").textContent = kind === "image" ? "Answer again" : "Answer";
  if (kind === "tensor") {
    find("tensors").value = JSON.stringify(Object.fromEntries(about.inputs.map((input) => [input.name, example(input)])));
    find("tensor-hint").textContent = about.inputs.map((input) => `${input.name}: ${input.dtype} [${(input.shape ?? ["any"]).map((length) => length ?? "any").join(", ")}]`).join("; ");
  }
  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    askTyped();
  });
  find("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      askTyped();
    }
  });
  find("file").addEventListener("change", () => askImage(find("file").files[0]));
  find("npz").addEventListener("change", () => askArchive(find("npz").files[0]));
  acceptDrops(find("drop"), askImage);
  acceptDrops(find("npz-drop"), askArchive);
  document.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files][0];
    if (file && about.modality === "image") askImage(file);
  });
  poll();
}

start().catch(() => fail("The server does not answer: is it still running?"));
