/**
 * Draws `segmaps/vad.png` and `segmaps/vad.json` anew: the static segmentation map of VAD's 512 x 512
 * images (paper, Figure 5), from the geometry of the embedded product.
 *
 *     deno run --allow-write=segmaps segmaps/draw_vad.ts
 *
 * @module
 */
import { labelPngBytes } from "../lib/images/label_png.ts";
import { segmentNames, vadSegmentation } from "../lib/images/synthetic_product.ts";

const size = 512;
const png = labelPngBytes({ width: size, height: size, data: vadSegmentation(size) });
const description = {
  segments: segmentNames,
  width: size,
  height: size,
  source: "drawn for this project from the two published pictures and the caption of Figure 5",
};
const folder = new URL("./", import.meta.url);
await Deno.writeFile(new URL("vad.png", folder), png);
await Deno.writeTextFile(new URL("vad.json", folder), JSON.stringify(description, null, 2) + "\n");
