/**
 * The page in which a segmentation map is drawn: a picture, tools, segments with names and colours. The
 * program that serves it hands over the map and saves it.
 *
 * @module
 */
import { escapeHtml, escapeJson } from "./escape.ts";
import { htmlPage } from "./html_page.ts";
import editorStyle from "./page/editor.css" with { type: "text" };
import editor from "./page/editor.js" with { type: "text" };
import labelDrawing from "./page/label_drawing.js" with { type: "text" };
import packed from "./page/packed.js" with { type: "text" };
import style from "./page/report.css" with { type: "text" };

/** The map that the page begins with. */
export interface EditedMap {
  /** Pixels from left to right. */
  readonly width: number;
  /** Pixels from top to bottom. */
  readonly height: number;
  /** uint8 `[height, width]` in base64. */
  readonly labels: string;
  /** In the order of their labels. */
  readonly segments: readonly EditedSegment[];
  /** Colours of further segments, `#rrggbb`. */
  readonly colours: readonly string[];
  /** Where it is saved. */
  readonly out: string;
}

/** A segment of the edited map. */
export interface EditedSegment {
  /** Its name; it may be changed in the page. */
  readonly name: string;
  /** `#rrggbb`. */
  readonly colour: string;
}

/** The scripts of the editor, each after those that it imports. */
const editorModules: readonly string[] = [packed, labelDrawing, editor];

/** The page for an image called `name`. */
export function editorPage(name: string, map: EditedMap): string {
  const tools = [
    ["polygon", "Polygon", "P"],
    ["ellipse", "Ellipse", "E"],
    ["ring", "Ring", "R"],
    ["brush", "Brush", "B"],
    ["fill", "Fill", "F"],
  ].map(([value, text, key], i) =>
    `<label><input type="radio" name="tool" value="${value}"${
      i === 0 ? " checked" : ""
    }> ${text} <kbd>${key}</kbd></label>`
  );
  const body = `<header class="tools">
<h1>Segments of ${escapeHtml(name)}</h1>
<button type="button" id="undo" disabled>Undo</button>
<button type="button" id="redo" disabled>Redo</button>
<button type="button" id="zoom-out" aria-label="Zoom out">−</button>
<span id="zoom"></span>
<button type="button" id="zoom-in" aria-label="Zoom in">+</button>
<button type="button" id="zoom-fit">Fit</button>
<label>Opacity <input id="opacity" type="range" min="0" max="100" value="50"></label>
<span class="spacer"></span>
<button type="button" id="import">Import…</button>
<input id="file" type="file" accept="image/png,.json" multiple
aria-label="Label image to import, with its legend">
<button type="button" id="save" class="main">Save</button>
</header>
<fieldset aria-label="Tools">
${tools.join("\n")}
<label class="amount" hidden>Brush size <input id="brush-size" type="range" min="1" max="199"
step="2" value="15"></label>
<label class="amount" hidden>Width of the ring <input id="ring-width" type="range" min="2" max="98"
value="25"></label>
</fieldset>
<main id="desk">
<div id="stage" tabindex="0" role="application" aria-label="Picture. Arrow keys move the cursor, with Shift ten pixels at once; the space bar puts a corner, begins or ends a shape, lowers or lifts the brush, or fills; Enter closes a polygon; Escape gives a shape up." aria-describedby="status">
<img src="image" alt="">
<canvas id="over"></canvas>
<svg id="shape" aria-hidden="true"></svg>
</div>
</main>
<aside aria-labelledby="segments-title">
<h2 id="segments-title">Segments</h2>
<ol id="segments"></ol>
<button type="button" id="add">Add a segment (N)</button>
<p class="help">1 to 9 choose a segment. Ctrl+Z undoes, Ctrl+Y does again, Ctrl+S saves; + and −
zoom, 0 fits. On the picture, arrow keys and the space bar draw. Import takes a label PNG, and its
names from the .json that is chosen with it. Saved to ${
    escapeHtml(map.out)
  } with its names beside it.</p>
</aside>
<p id="status" role="status"></p>`;
  return htmlPage({
    title: `Segments of ${name}`,
    body,
    styles: [style, editorStyle],
    modules: editorModules,
    data: new Map([["map", escapeJson(map)]]),
    served: true,
  });
}
