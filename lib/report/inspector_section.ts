/**
 * The inspector's part of a page: its controls, the grid and the dialog, which the script fills.
 *
 * @module
 */
import { escapeJson } from "./escape.ts";
import type { PagePart, PartData } from "./inspector_page.ts";

/** HTML of the inspector. */
export function inspectorSection(): string {
  return `<section id="inspector" aria-labelledby="images">
<h2 id="images">Images</h2>
<p class="lead">Every test image with its anomaly maps and scores. Drag over a histogram above, or
give two scores, to see the images between them; open an image to see which segment and which detector raised its score.
An image counts as bad from the threshold at which 95 % of the bad ones are found.</p>
<div class="controls" role="group" aria-label="Which images are shown">
<label hidden>Seed <select id="inspect-part"></select></label>
<label>Scores of <select id="inspect-row"></select></label>
<label>Show <select id="inspect-filter">
<option value="all">all images</option>
<option value="false positives">false positives</option>
<option value="false negatives">false negatives</option>
<option value="disagreement">where two rows disagree</option>
<option value="bad">bad images</option>
<option value="unseen">bad images, unseen defects</option>
<option value="good">good images</option>
</select></label>
<label hidden>Disagree with <select id="inspect-other"></select></label>
<label>Order <select id="inspect-order">
<option value="highest">highest score first</option>
<option value="lowest">lowest score first</option>
<option value="threshold">nearest to the threshold first</option>
<option value="name">as in the data set</option>
</select></label>
<label>Picture <select id="inspect-map"></select></label>
<label>Score from <input id="inspect-low" type="number" step="any" autocomplete="off"></label>
<label>Score to <input id="inspect-high" type="number" step="any" autocomplete="off"></label>
<label>Name contains <input id="inspect-find" type="search" autocomplete="off"></label>
</div>
<p class="chosen"><output id="inspect-count" aria-live="polite"></output>
<button type="button" id="inspect-range" class="chip" hidden></button>
<span id="inspect-legend" class="scale" hidden><b></b><span></span><canvas role="img"
aria-label="Colours from low to high values"></canvas><span></span></span>
<span class="key"><i class="kind-g"></i> good <i class="kind-b"></i> bad <i class="kind-u"></i> unseen
defect <b>FP</b> false positive <b>FN</b> false negative</span></p>
<div id="inspect-grid" role="listbox" aria-label="Test images" tabindex="0"></div>
<noscript><p>The inspector needs the page's script.</p></noscript>
<dialog id="inspect-image" aria-labelledby="inspect-title">
<header><h3 id="inspect-title"></h3><span class="badges"></span>
<span class="steps"><button type="button" class="before" aria-label="Image before">←</button>
<span class="place"></span>
<button type="button" class="next" aria-label="Next image">→</button>
<button type="button" class="close" aria-label="Close">✕</button></span></header>
<div class="panes">
<div class="viewing">
<div class="viewer"><canvas role="img" aria-label="The image with the chosen map"></canvas><svg
aria-hidden="true" preserveAspectRatio="none"></svg></div>
<p class="readout" aria-live="off"></p>
<label>Map <input name="cover" type="range" min="0" max="100" value="70"></label>
<label><input name="outlines" type="checkbox" checked> outlines of the segments</label>
</div>
<div class="telling">
<div class="maps" role="group" aria-label="Anomaly maps"></div>
<div class="raised"><h4></h4><p></p><ol></ol></div>
<table class="scores"><thead><tr><th scope="col">Row</th><th scope="col">Score</th><th
scope="col">Threshold</th><th scope="col">Rank</th><th scope="col">Called</th></tr></thead>
<tbody></tbody></table>
</div>
</div>
</dialog>
</section>`;
}

/** What the script reads in a page that holds everything itself. */
export function inlineInspection(pages: readonly PagePart[]): Map<string, string> {
  const data = new Map([["inspection", escapeJson({ parts: pages.map(({ data }) => data) })]]);
  for (const { blocks } of pages) {
    for (const [name, { bytes }] of blocks) data.set(`block-${name}`, bytes.toBase64());
  }
  return data;
}

/** What the script reads in a page that is served: which parts it can ask for. */
export function servedInspection(
  parts: readonly Pick<PartData, "class" | "seed">[],
): Map<string, string> {
  return new Map([["inspection", escapeJson({ stubs: parts })]]);
}
