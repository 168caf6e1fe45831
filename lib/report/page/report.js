// What a page of a run does once it is there.
import { liveCharts } from "./charts.js";
import { openInspector } from "./inspector.js";
import { liveTables } from "./table.js";
import { tipsOf } from "./tooltip.js";

liveTables();
for (const table of document.querySelectorAll("table.sortable")) tipsOf(table);
const inspector = document.getElementById("inspector") === null ? undefined : openInspector();
liveCharts((row, range) => inspector?.then((opened) => opened.chooseRange(row, range)));
document.documentElement.dataset.ready = "";
