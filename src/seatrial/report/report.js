// What a page can do beyond showing: values under the pointer or the slider, smoothing, a log axis, zoom, downloads.
// Everything that it needs is in the page; without it the page is complete as it stands.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const element = document.getElementById("data");
  if (!element) return;
  const data = JSON.parse(element.textContent);
  const get = (id) => document.getElementById(id);
  const WORDS = { Infinity: Infinity, "-Infinity": -Infinity };
  const number = (value) => (typeof value === "number" ? value : WORDS[value] ?? NaN);

  // --- downloads ---

  function save(name, type, text) {
    const href = URL.createObjectURL(new Blob([text], { type }));
    Object.assign(document.createElement("a"), { href, download: name }).click();
    URL.revokeObjectURL(href);
  }
  function csv() {
    const runs = data.runs ?? [data], names = Object.keys(runs[0].series);
    const cells = (run, index) => names.map((name) => run.series[name][index] ?? "");
    const rows = runs.flatMap((run) => run.series.step.map((_, index) => [...(data.runs ? [run.run] : []), ...cells(run, index)]));
    const cell = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
    return [[...(data.runs ? ["run"] : []), ...names], ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  }
  const name = document.title.replace(/^\w+: /, "").replace(/[^\w.-]+/g, "-");
  get("csv").addEventListener("click", () => save(`${name}.csv`, "text/csv", csv()));
  get("json").addEventListener("click", () => save(`${name}.json`, "application/json", element.textContent));
  get("downloads").hidden = false;

  // --- numbers, as seatrial.report.format writes them ---

  const digits = (value, count) => String(Number(value.toPrecision(count)));
  function quantity(value) {
    const size = Math.abs(value);
    const index = size < 1000 ? 0 : Math.min(Math.floor(Math.log10(size) / 3), 4);
    return digits(value / 1000 ** index, index ? 3 : 4) + ["", "K", "M", "B", "T"][index];
  }
  const write = (value, unit) => (unit === "percent" ? digits(100 * value, 3) + " %" : quantity(value));

  // --- series ---

  function points(series) {
    const source = series.run === null ? data : data.runs[series.run];
    const [table, metric] = series.column.split(".");
    const rows = metric
      ? source[table].filter((row) => metric in row.metrics).map((row) => [row.step, number(row.metrics[metric])])
      : source.series.step.map((step, index) => [step, number(source.series[table][index])]);
    return { xs: rows.map((row) => row[0]), ys: rows.map((row) => row[1]) };
  }

  // An exponential moving average that begins unbiased; a gap stays one.
  function smooth(ys, weight) {
    let sum = 0, total = 0;
    return ys.map((y) => {
      if (!Number.isFinite(y)) return y;
      sum = weight * sum + (1 - weight) * y;
      total = weight * total + 1 - weight;
      return sum / total;
    });
  }

  const charts = [...document.querySelectorAll("svg[data-chart]")].map((svg) => {
    const told = JSON.parse(svg.dataset.chart);
    told.series.forEach((series) => Object.assign(series, points(series)));
    const readout = svg.parentNode.appendChild(Object.assign(document.createElement("p"), { className: "readout" }));
    return { ...told, svg, readout, original: [...svg.childNodes], first: { x: told.x, y: told.y } };
  });
  if (!charts.length) return;
  const steps = [...new Set(charts.flatMap((chart) => chart.series.flatMap((series) => series.xs)))].sort((a, b) => a - b);
  const state = { at: null, smoothing: 0, log: false, zoom: null };

  // --- drawing ---

  const logs = (chart) => state.log && !chart.zero;
  const within = (chart, x) => x >= chart.x[0] && x <= chart.x[1];
  const drawable = (chart, y) => Number.isFinite(y) && (!logs(chart) || y > 0);
  const place = (chart, x) => chart.frame[0] + ((x - chart.x[0]) / (chart.x[1] - chart.x[0])) * (chart.frame[1] - chart.frame[0]);
  function height(chart, y) {
    const [low, high] = logs(chart) ? chart.y.map(Math.log10) : chart.y;
    return chart.frame[3] - (((logs(chart) ? Math.log10(y) : y) - low) / (high - low)) * (chart.frame[3] - chart.frame[2]);
  }

  function make(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function round(low, high, count, smallest = 0) {
    const rough = Math.max((high - low) / count, smallest, 1e-300), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => power * factor).find((size) => size >= rough * 0.999);
    const first = Math.floor(low / step + 1e-9), last = Math.ceil(high / step - 1e-9);
    return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  }
  function powers(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const factor of [1, 2, 5]) found.push(factor * 10 ** power);
    const first = found.findLastIndex((tick) => tick <= low * 1.000001), last = found.findIndex((tick) => tick >= high * 0.999999);
    return found.slice(Math.max(first, 0), last < 0 ? undefined : last + 1);
  }

  // A point without neighbours is a dot, as no line would show it.
  function line(chart, series, ys, style) {
    const shown = ys.map((y, index) => within(chart, series.xs[index]) && drawable(chart, y)), dots = [];
    let path = "";
    shown.forEach((drawn, index) => {
      if (!drawn) return;
      const x = place(chart, series.xs[index]).toFixed(2), y = height(chart, ys[index]).toFixed(2);
      path += `${shown[index - 1] ? "L" : "M"}${x} ${y}`;
      if (!shown[index - 1] && !shown[index + 1]) dots.push(make("circle", { cx: x, cy: y, r: 3, class: `dot ${style}` }));
    });
    return [make("path", { d: path, class: `line ${style}` }), ...dots];
  }
  function gaps(chart, series) {
    const found = series.xs.filter((x, index) => within(chart, x) && !Number.isFinite(series.ys[index]));
    const some = found.filter((_, index) => index % Math.ceil(found.length / 60) === 0);
    return some.map((x) => make("text", { x: place(chart, x), y: chart.frame[2] + 10, class: "bad", "text-anchor": "middle" }, "\u00d7"));
  }

  function bounds(chart) {
    const seen = chart.series.flatMap((s) => s.ys.filter((y, index) => within(chart, s.xs[index]) && drawable(chart, y)));
    let low = seen.length ? Math.min(...seen) : 1, high = seen.length ? Math.max(...seen) : 2;
    if (chart.zero) low = Math.min(low, 0);
    if (high - low < 1e-9 * Math.abs(high)) [low, high] = logs(chart) ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
    return [low, high];
  }

  function axes(chart, ticks) {
    const [left, right, , bottom] = chart.frame, parts = [];
    for (const tick of ticks) {
      const y = height(chart, tick);
      parts.push(make("line", { x1: left, x2: right, y1: y, y2: y, class: tick === ticks[0] ? "axis" : "grid" }));
      parts.push(make("text", { x: left - 7, y: y + 4, class: "tick", "text-anchor": "end" }, write(tick, chart.unit)));
    }
    for (const tick of round(...chart.x, 5, 1).filter((x) => within(chart, x))) {
      const x = place(chart, tick);
      parts.push(make("line", { x1: x, x2: x, y1: bottom, y2: bottom + 4, class: "axis" }));
      parts.push(make("text", { x, y: bottom + 16, class: "tick", "text-anchor": "middle" }, quantity(tick)));
    }
    parts.push(make("text", { x: right, y: bottom + 30, class: "label", "text-anchor": "end" }, "step"));
    if (chart.reference !== null && chart.reference >= chart.y[0] && chart.reference <= chart.y[1]) {
      const y = height(chart, chart.reference);
      parts.push(make("line", { x1: left, x2: right, y1: y, y2: y, class: "reference" }));
    }
    for (const [at, kind] of chart.marks.filter(([at]) => within(chart, at))) {
      const x = place(chart, at), top = kind === "restart" ? chart.frame[2] : bottom - 8;
      parts.push(make("line", { x1: x, x2: x, y1: top, y2: bottom, class: `mark ${kind}` }));
    }
    return parts;
  }

  function draw(chart) {
    const changed = state.zoom || state.smoothing || logs(chart);
    Object.assign(chart, chart.first);
    if (!changed) return chart.svg.replaceChildren(...chart.original);
    if (state.zoom) chart.x = state.zoom;
    const ticks = logs(chart) ? powers(...bounds(chart)) : round(...bounds(chart), 5);
    chart.y = [ticks[0], ticks[ticks.length - 1]];
    const parts = axes(chart, ticks);
    chart.series.forEach((series, index) => {
      const style = `s${index % 4}`;
      if (state.smoothing) parts.push(...line(chart, series, series.ys, `raw ${style}`));
      parts.push(...line(chart, series, smooth(series.ys, state.smoothing), style), ...gaps(chart, series));
    });
    const kept = chart.original.filter((node) => /^(title|desc)$/.test(node.nodeName) || node.classList?.contains("legend"));
    chart.svg.replaceChildren(...kept, ...parts);
  }

  function point(chart) {
    chart.svg.querySelector(".cursor")?.remove();
    chart.readout.textContent = "";
    if (state.at === null) return;
    const told = [], cursor = make("g", { class: "cursor" }), x = place(chart, state.at), shown = within(chart, state.at);
    if (shown) cursor.append(make("line", { x1: x, x2: x, y1: chart.frame[2], y2: chart.frame[3] }));
    chart.series.forEach((series, index) => {
      const at = series.xs.indexOf(state.at);
      if (at < 0) return;
      const y = smooth(series.ys, state.smoothing)[at];
      const text = !Number.isFinite(y) ? "not a number" : chart.unit === "percent" ? write(y, chart.unit) : digits(y, 5);
      told.push(`${series.name} ${text}`);
      if (shown && y >= chart.y[0] && y <= chart.y[1])
        cursor.append(make("circle", { cx: x, cy: height(chart, y), r: 3.5, class: `dot s${index % 4}` }));
    });
    chart.svg.append(cursor);
    chart.readout.textContent = `step ${state.at}${told.length ? ": " + told.join(", ") : ""}`;
  }

  function show() {
    charts.forEach((chart) => { draw(chart); point(chart); });
    get("reset").disabled = !(state.zoom || state.smoothing || state.log);
  }

  // --- what people do ---

  function nearest(chart, event) {
    const box = chart.svg.getBoundingClientRect(), width = chart.svg.viewBox.baseVal.width;
    const share = (((event.clientX - box.left) / box.width) * width - chart.frame[0]) / (chart.frame[1] - chart.frame[0]);
    const x = chart.x[0] + Math.min(Math.max(share, 0), 1) * (chart.x[1] - chart.x[0]);
    return steps.reduce((best, step) => (Math.abs(step - x) < Math.abs(best - x) ? step : best), steps[0]);
  }
  function look(step) {
    state.at = step;
    if (step !== null) {
      get("step").value = steps.indexOf(step);
      get("step").setAttribute("aria-valuetext", `step ${step}`);
    }
    charts.forEach(point);
  }
  function zoom(from, to) {
    if (to - from < 1) return;
    state.zoom = [from, to];
    show();
  }
  function scale(factor) {
    const [from, to] = state.zoom ?? charts[0].first.x, middle = state.at ?? (from + to) / 2;
    const all = [steps[0], steps[steps.length - 1]], half = ((to - from) * factor) / 2;
    if (middle - half <= all[0] && middle + half >= all[1]) { state.zoom = null; show(); }
    else zoom(Math.max(middle - half, all[0]), Math.min(middle + half, all[1]));
  }

  for (const chart of charts) {
    let begin = null;
    chart.svg.addEventListener("pointermove", (event) => look(nearest(chart, event)));
    chart.svg.addEventListener("pointerdown", (event) => { begin = event.pointerType === "mouse" ? nearest(chart, event) : null; });
    chart.svg.addEventListener("pointerup", (event) => {
      const end = nearest(chart, event);
      if (begin !== null && begin !== end) zoom(Math.min(begin, end), Math.max(begin, end));
      begin = null;
    });
    chart.svg.addEventListener("pointerleave", () => { begin = null; look(null); });
    chart.svg.addEventListener("dblclick", () => { state.zoom = null; show(); });
  }
  get("step").max = steps.length - 1;
  get("step").addEventListener("input", (event) => look(steps[event.target.value]));
  get("smoothing").addEventListener("input", (event) => { state.smoothing = Number(event.target.value); show(); });
  get("log").addEventListener("change", (event) => { state.log = event.target.checked; show(); });
  get("nearer").addEventListener("click", () => scale(0.5));
  get("farther").addEventListener("click", () => scale(2));
  get("reset").addEventListener("click", () => {
    Object.assign(state, { smoothing: 0, log: false, zoom: null });
    get("smoothing").value = 0;
    get("log").checked = false;
    show();
  });
  get("tools").hidden = false;
  show();
})();
