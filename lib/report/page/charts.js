// Charts that answer: the static pictures of the page become Vega views once they come into view.
/* global vega, expressionInterpreter */
import { hideTip, showTip, termList } from "./tooltip.js";

/**
 * Brings the panels of all figures to life.
 *
 * @param onRange told the row and the range of scores [low, high] that is chosen in its histogram, or
 *   undefined when the choice is taken back
 */
export function liveCharts(onRange) {
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      openChart(target, onRange);
    }
  }, { rootMargin: "200px" });
  for (const panel of document.querySelectorAll("[data-panel]")) observer.observe(panel);
}

async function openChart(panel, onRange) {
  const spec = JSON.parse(document.getElementById(`spec-${panel.dataset.panel}`).textContent);
  const container = document.createElement("div");
  const view = new vega.View(vega.parse(spec, undefined, { ast: true }), {
    expr: expressionInterpreter,
    renderer: "svg",
    container,
    hover: true,
    tooltip: (_handler, event, _item, value) => showValues(event, value),
  });
  await view.runAsync();
  // The picture has one name; what Vega says of each of its marks would be noise.
  container.setAttribute("role", "img");
  container.setAttribute("aria-label", panel.getAttribute("aria-label"));
  container.querySelector("svg").setAttribute("aria-hidden", "true");
  panel.replaceChildren(container);
  panel.addEventListener("pointerleave", hideTip);
  panel.dataset.live = "";
  if ((spec.signals ?? []).some(({ name }) => name === "range")) {
    let waiting;
    view.addSignalListener("range", (_name, value) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => onRange(panel.dataset.row, value.from), 120);
    });
  }
}

function showValues(event, value) {
  if (value === null || typeof value !== "object") return hideTip();
  showTip(termList(Object.entries(value)), event.clientX, event.clientY);
}
