// Draws charts from the tables beside them; without it, or without a screen, the tables say the same.
"use strict";
(() => {
  const charts = new Map();
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const language = document.documentElement.lang;
  const number = (cell) => {
    const value = cell.querySelector("data")?.getAttribute("value");
    return value === undefined || value === null || value === "" ? null : Number(value);
  };

  function read(table) {
    const rows = [...table.tBodies[0].rows];
    const columns = [...table.tHead.rows[0].cells].map((cell, place) => [cell, place]).slice(1)
      .filter(([cell]) => !cell.hasAttribute("data-undrawn"));
    const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
    const order = times.map((_, at) => at).sort((a, b) => times[a] - times[b]);
    return {
      names: columns.map(([cell]) => cell.textContent.trim()),
      data: [order.map((at) => times[at]), ...columns.map(([, place]) => order.map((at) => number(rows[at].cells[place])))],
    };
  }

  function draw(figure) {
    const table = document.getElementById(figure.dataset.of);
    const { names, data } = read(table);
    charts.get(figure)?.destroy();
    figure.replaceChildren();
    const place = document.createElement("div");
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", figure.dataset.label);
    figure.append(place);
    const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
    const amount = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
    const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const largest = Math.max(0, ...data.slice(1).flat().filter((value) => value !== null));
    const chart = new uPlot({
      width: Math.max(figure.clientWidth, 200),
      height: 220,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: [0, largest ? largest * 1.08 : 1] } },
      axes: [
        { ...axis, grid: { show: false }, space: 60, incrs: [1, 2, 3, 7, 14, 28, 91, 182, 365].map((days) => days * 86400), values: (_, splits) => splits.map((at) => day.format(at * 1000)) },
        { ...axis, size: 56, values: (_, splits) => splits.map((value) => amount.format(value)) },
      ],
      series: [{}, ...names.map((name, at) => ({
        label: name, stroke: css(`--c${(at % 7) + 1}`), width: 2, spanGaps: true,
        points: { show: true, size: 5, fill: css(`--c${(at % 7) + 1}`) },
      }))],
    }, data, place);
    charts.set(figure, chart);
    const legend = document.createElement("ul");
    legend.className = "legend";
    for (const name of names) {
      const entry = document.createElement("li");
      const text = document.createElement("span");
      text.textContent = name;
      entry.append(text);
      legend.append(entry);
    }
    if (names.length > 1) figure.append(legend);
  }

  const all = () => document.querySelectorAll("figure[data-of]").forEach(draw);
  new ResizeObserver(() => {
    for (const [figure, chart] of charts) {
      const width = Math.max(figure.clientWidth, 200);
      if (chart.width !== width) chart.setSize({ width, height: 220 });
    }
  }).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  all();

  // The page that is open stays in sight where the navigation is wider than a phone.
  document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
})();
