"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const STATIC = ["static", "dominated"];
  const byId = (name) => document.getElementById(name);

  function element(name, attributes = {}, text = null) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== null) made.textContent = text;
    return made;
  }

  function drawn(name, attributes, text = null) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== null) made.textContent = text;
    return made;
  }

  function number(value) {
    if (!value) return "0";
    const places = (Math.abs(value) >= 0.1 ? 2 : 1) - Math.floor(Math.log10(Math.abs(value)));
    const rounded = Number(value.toPrecision(Math.max(1, Math.min(15, places + Math.floor(Math.log10(Math.abs(value))) + 1))));
    return rounded.toLocaleString("en", { minimumFractionDigits: Math.max(0, places), maximumFractionDigits: Math.max(0, places) });
  }

  // ---- tables to download
  function csv(table) {
    const cell = (value) => {
      if (value === null || value === undefined) return "";
      let text = String(value);
      // a spreadsheet would run it
      if (typeof value === "string" && /^[=+\-@\t]/.test(text)) text = "'" + text;
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [table.columns, ...table.rows].map((row) => row.map(cell).join(",")).join("\r\n");
  }
  for (const [name, table] of Object.entries(data.tables)) {
    const href = "data:text/csv;charset=utf-8," + encodeURIComponent("\ufeff" + csv(table));
    const words = `${name}.csv, ${table.rows.length.toLocaleString("en")} rows`;
    byId("downloads").append(element("a", { href, download: `${name}.csv` }, words));
  }
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
  });

  // ---- the main picture
  const svg = byId("trade-off");
  if (!svg) return;
  const tip = byId("tip");
  const canvas = svg.parentElement;
  const state = { view: 0, only: {}, front: false, domain: null, focus: true, current: 0 };
  const FILTERS = ["model", "technique", "processor"];

  function scale(low, high, start, end, log) {
    const at = log ? Math.log : (value) => value;
    const place = (value) => start + ((at(value) - at(low)) / (at(high) - at(low))) * (end - start);
    place.back = (position) => {
      const share = (position - start) / (end - start);
      return log ? low * (high / low) ** share : low + share * (high - low);
    };
    return Object.assign(place, { low, high, log });
  }

  function ticks(axis, count) {
    if (axis.log && axis.high > 2.5 * axis.low) {
      const found = [];
      const wide = axis.high > 2000 * axis.low;
      for (let power = Math.floor(Math.log10(axis.low)); power <= Math.log10(axis.high); power++)
        for (const factor of wide ? [1] : axis.high < 15 * axis.low ? [1, 1.5, 2, 3, 4, 5, 7] : [1, 2, 5]) {
          const tick = Number((factor * 10 ** power).toPrecision(2));
          if (tick >= axis.low && tick <= axis.high) found.push([tick, String(tick)]);
        }
      return found;
    }
    const raw = (axis.high - axis.low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= raw * 0.999);
    let places = 0;
    while (places < 8 && Math.abs(step - Number(step.toFixed(places))) > step / 100) places++;
    const found = [];
    for (let place = Math.ceil(axis.low / step - 1e-9); place * step <= axis.high * (1 + 1e-12); place++)
      found.push([place * step, (place * step).toFixed(places)]);
    return found;
  }

  function undominated(points) {
    const order = [...points].sort((one, other) => one.x - other.x || other.y - one.y);
    let best = -1;
    return new Set(order.filter((point) => point.y > best && ((best = point.y), true)));
  }

  function shown(view) {
    const kept = view.points.filter((point) =>
      FILTERS.every((key) => !state.only[key] || point[key] === undefined || point[key] === "" || point[key] === state.only[key]),
    );
    if (!state.front) return kept;
    const front = undominated(kept.filter((point) => STATIC.includes(point.kind)));
    return kept.filter((point) => !STATIC.includes(point.kind) || front.has(point));
  }

  function whole(points, curve) {
    const xs = [...points.map((point) => point.x), ...curve.map((point) => point[0])];
    const ys = [...points.map((point) => point.y), ...curve.map((point) => point[1])];
    if (!xs.length) return { x: [1, 10], y: [0, 100] };
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const margin = Math.max((right / left) ** 0.06, 1.05);
    const more = Math.max(0.08 * (high - low), 0.02 * Math.abs(high) * (high === low));
    return { x: [left / margin, right * margin], y: [low - more, high + more] };
  }

  // what is far less accurate than all that matters would press the rest together
  function focused(points, curve) {
    const named = points.filter((point) => ["adaptive", "sceptic", "uncompressed"].includes(point.kind)).map((point) => point.y);
    if (!named.length) return points;
    const best = Math.max(...points.map((point) => point.y));
    const least = Math.min(...named, ...curve.map((one) => one[1]));
    const limit = best - Math.max(4, 2 * (best - least));
    const near = points.filter((point) => point.y >= limit);
    return points.some((point) => point.y < limit - 4) ? near : points;
  }

  function figures(point) {
    const rows = [["right", `${point.y.toFixed(1)} %`], ["mean", `${number(point.x)} ms`]];
    for (const key of ["p50", "p95", "p99"]) if (point[key]) rows.push([key, `${number(point[key])} ms`]);
    if (point.size) rows.push(["on disk", point.size < 1 ? `${number(1000 * point.size)} kB` : `${number(point.size)} MB`]);
    if (point.energy) rows.push(["energy", `${number(point.energy)} mJ`]);
    if (point.processor) rows.push(["runs on", point.processor]);
    if (point.runs) rows.push(["mostly", point.runs]);
    if (point.note) rows.push(["", point.note]);
    return rows;
  }

  function showTip(point, x, y) {
    tip.replaceChildren(element("b", {}, point.label), element("span", { class: "small" }, data.kinds[point.kind]));
    const list = element("dl");
    for (const [name, text] of figures(point)) list.append(element("dt", {}, name), element("dd", {}, text));
    tip.append(list);
    tip.hidden = false;
    const room = canvas.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, x + 14 > room ? x - tip.offsetWidth - 14 : x + 14))}px`;
    tip.style.top = `${Math.max(0, y - tip.offsetHeight - 12)}px`;
  }
  const hideTip = () => { tip.hidden = true; };

  function placeNames(named, width, bottom) {
    const taken = [];
    for (const one of named) {
      const wide = 7.2 * one.point.label.length + 6;
      const tries = [];
      for (const shift of [4, -10, 18, -24, 32, -38, 46, 60])
        for (const side of [1, -1]) tries.push({ left: side > 0 ? one.x + 13 : one.x - 13 - wide, y: one.y + shift, side });
      for (const shift of [-13, 22]) tries.splice(2, 0, { left: one.x + 8 - wide, y: one.y + shift, side: -1 });
      const free = (box) =>
        box.left >= 44 && box.left + wide <= width && box.y > 10 && box.y < bottom &&
        taken.every((other) => box.left > other.left + other.wide || box.left + wide < other.left || Math.abs(box.y - other.y) > 14) &&
        named.every((other) => Math.abs(other.y - box.y + 4) > 11 || other.x < box.left - 8 || other.x > box.left + wide + 8);
      const box = tries.find(free);
      if (!box) continue;
      taken.push({ ...box, wide });
      svg.append(drawn("text", { class: "name", x: box.side > 0 ? box.left : box.left + wide, y: box.y, "text-anchor": box.side > 0 ? "start" : "end" }, one.point.label));
    }
  }

  let axes = null;
  function render() {
    const view = data.views[state.view];
    const points = shown(view);
    const width = Math.max(280, canvas.clientWidth);
    const height = width < 520 ? 360 : 460;
    const near = state.focus ? focused(points, view.curve) : points;
    const domain = state.domain || whole(near, view.curve);
    byId("outside").textContent = state.domain || near.length === points.length ? "" :
      `${points.length - near.length} of ${points.length} points lie far below the others: \u201call\u201d shows them.`;
    const log = domain.x[1] > 3 * domain.x[0];
    const x = scale(...domain.x, 46, width - 12, log);
    const y = scale(...domain.y, height - 46, 12, false);
    axes = { x, y, domain, width, height };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const clip = drawn("clipPath", { id: "inside" });
    clip.append(drawn("rect", { x: 46, y: 12, width: width - 58, height: height - 58 }));
    svg.append(clip, drawn("rect", { class: "frame", x: 46, y: 12, width: width - 58, height: height - 58 }));
    for (const [tick, text] of ticks(y, 6))
      svg.append(drawn("line", { class: "grid", x1: 46, x2: width - 12, y1: y(tick), y2: y(tick) }), drawn("text", { x: 40, y: y(tick) + 4, "text-anchor": "end" }, text));
    let last = -99;
    for (const [tick, text] of ticks(x, width < 520 ? 4 : 8)) {
      svg.append(drawn("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 12, y2: height - 46 }));
      if (x(tick) - last < 8 * text.length + 6) continue;
      last = x(tick);
      svg.append(drawn("text", { x: last, y: height - 30, "text-anchor": "middle" }, text));
    }
    svg.append(drawn("text", { x: (34 + width) / 2, y: height - 8, "text-anchor": "middle" }, width < 520 ? "mean latency, ms (left is faster)" : `mean latency of one answer, ms${log ? ", logarithmic" : ""} (left is faster)`));
    svg.append(drawn("text", { transform: `translate(11 ${(height - 34) / 2}) rotate(-90)`, "text-anchor": "middle" }, "right answers, %"));
    if (view.curve.length) {
      const d = "M" + view.curve.map((one) => `${x(one[0])} ${y(one[1])}`).join("L");
      svg.append(drawn("path", { class: "curve", d, "clip-path": "url(#inside)" }));
    }
    const within = points.filter((point) => point.x >= domain.x[0] && point.x <= domain.x[1] && point.y >= domain.y[0] && point.y <= domain.y[1]);
    within.sort((one, other) => STATIC.includes(other.kind) - STATIC.includes(one.kind) || one.x - other.x);
    state.current = Math.min(state.current, Math.max(0, within.length - 1));
    within.forEach((point, index) => drawPoint(point, index, x(point.x), y(point.y)));
    const rank = ["adaptive", "sceptic", "uncompressed", "oracle"];
    const named = within.filter((point) => rank.includes(point.kind)).map((point) => ({ point, x: x(point.x), y: y(point.y) }));
    placeNames(named.sort((one, other) => rank.indexOf(one.point.kind) - rank.indexOf(other.point.kind)), width, height - 50);
  }

  function drawPoint(point, index, x, y) {
    const label = `${point.label}, ${data.kinds[point.kind]}: ` + figures(point).map((row) => row.join(" ")).join(", ");
    const group = drawn("g", {
      class: `point kind-${point.kind}`, transform: `translate(${x} ${y})`, role: "img",
      "aria-label": label, tabindex: index === state.current ? 0 : -1,
    });
    group.append(drawn("path", { d: data.shapes[point.kind] }), drawn("circle", { r: 11, fill: "transparent" }));
    const show = () => showTip(point, x, y);
    group.addEventListener("pointerenter", show);
    group.addEventListener("pointerleave", hideTip);
    group.addEventListener("click", () => { group.focus(); show(); });
    group.addEventListener("focus", show);
    group.addEventListener("blur", hideTip);
    svg.append(group);
  }

  function move(step) {
    const groups = [...svg.querySelectorAll(".point")];
    if (!groups.length) return;
    groups[state.current]?.setAttribute("tabindex", -1);
    state.current = (state.current + step + groups.length) % groups.length;
    groups[state.current].setAttribute("tabindex", 0);
    groups[state.current].focus();
  }

  function zoom(factor) {
    const { x, y, domain } = axes;
    const left = x(domain.x[0]), right = x(domain.x[1]), low = y(domain.y[0]), high = y(domain.y[1]);
    const chosen = svg.querySelector(".point:focus");
    const around = chosen ? chosen.transform.baseVal[0].matrix : { e: (left + right) / 2, f: (low + high) / 2 };
    const to = (end, middle) => middle + (end - middle) / factor;
    setDomain([x.back(to(left, around.e)), x.back(to(right, around.e))], [y.back(to(low, around.f)), y.back(to(high, around.f))]);
  }
  function setDomain(xs, ys) { state.domain = xs ? { x: xs, y: ys } : null; hideTip(); render(); }

  svg.addEventListener("keydown", (event) => {
    const keys = {
      ArrowRight: () => move(1), ArrowDown: () => move(1), ArrowLeft: () => move(-1), ArrowUp: () => move(-1),
      "+": () => zoom(1.6), "-": () => zoom(1 / 1.6), 0: () => setDomain(null), Escape: hideTip,
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  // a rectangle that is drawn with the mouse becomes the picture
  let from = null, rubber = null;
  const at = (event) => {
    const box = svg.getBoundingClientRect(), factor = axes.width / box.width;
    return [(event.clientX - box.left) * factor, (event.clientY - box.top) * factor];
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button || event.target.closest(".point")) return;
    from = at(event);
    rubber = drawn("rect", { class: "rubber" });
    svg.append(rubber);
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    const box = { x: Math.min(x, from[0]), y: Math.min(y, from[1]), width: Math.abs(x - from[0]), height: Math.abs(y - from[1]) };
    for (const [key, value] of Object.entries(box)) rubber.setAttribute(key, value);
  });
  svg.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [x, y] = at(event), [left, top] = from;
    from = null;
    rubber.remove();
    if (Math.abs(x - left) < 10 || Math.abs(y - top) < 10) return;
    const ends = (one, other, axis) => [one, other].sort((a, b) => a - b).map(axis.back);
    setDomain(ends(x, left, axes.x), ends(y, top, axes.y).reverse());
  });
  svg.addEventListener("dblclick", () => setDomain(null));

  // ---- what is shown
  for (const radio of document.querySelectorAll('input[name="view"]'))
    radio.addEventListener("change", () => {
      state.view = Number(radio.value);
      byId("view-note").textContent = data.views[state.view].note;
      fillFilters();
      setDomain(null);
    });

  function fillFilters() {
    const bar = byId("filters");
    bar.replaceChildren();
    for (const key of FILTERS) {
      const words = [...new Set(data.views[state.view].points.map((point) => point[key]).filter(Boolean))].sort();
      if (!words.includes(state.only[key])) state.only[key] = "";
      if (words.length < 2) continue;
      const label = element("label", {}, key);
      const select = element("select");
      for (const word of ["", ...words]) select.append(element("option", { value: word }, word || "all"));
      select.value = state.only[key];
      select.addEventListener("change", () => { state.only[key] = select.value; setDomain(null); });
      label.append(select);
      bar.append(label);
    }
    const buttons = element("span", { class: "zoom" });
    const label = element("label");
    const box = element("input", { type: "checkbox" });
    box.checked = state.front;
    box.addEventListener("change", () => { state.front = box.checked; setDomain(null); });
    label.append(box, "only the best of each speed");
    bar.append(label);
    for (const [text, name, act] of [["+", "zoom in", () => zoom(1.6)], ["\u2212", "zoom out", () => zoom(1 / 1.6)], ["all", "show the whole picture", () => { state.focus = false; setDomain(null); }]]) {
      const button = element("button", { type: "button", "aria-label": name, title: name }, text);
      button.addEventListener("click", act);
      buttons.append(button);
    }
    bar.append(buttons);
  }

  fillFilters();
  render();
  let before = canvas.clientWidth;
  new ResizeObserver(() => {
    if (canvas.clientWidth === before) return;
    before = canvas.clientWidth;
    render();
  }).observe(canvas);
})();
