/**
 * `inspect`: the page of a finished run with every seed, images at their full size, exact maps and
 * explanations, served to this machine only.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { readFileIfThere } from "../base/files.ts";
import { encodePng } from "../images/decode.ts";
import { readAnomalyMap } from "../maps/anomaly_map.ts";
import { resultCharts } from "../report/charts.ts";
import { drawChart } from "../report/drawn_charts.ts";
import { type PagePart, pagePart } from "../report/inspector_page.ts";
import {
  imageReader,
  type InspectedPart,
  inspectedParts,
  type StoredImage,
} from "../report/inspector_parts.ts";
import { rowImportances } from "../report/row_importance.ts";
import { runCosts } from "../report/run_costs.ts";
import { parseRunRecord } from "../report/run_record.ts";
import { toHtml } from "../report/to_html.ts";
import { openStore, type Store } from "../store/store.ts";
import { type Command, defineCommand } from "./arguments.ts";
import { cacheOption } from "./cache_option.ts";
import {
  bytesResponse,
  htmlResponse,
  jsonResponse,
  serveLocally,
  textResponse,
} from "./local_page.ts";
import { portOption } from "./port_option.ts";
import { readRun, readRunText } from "./run_folder.ts";

/** The command. */
export const inspectCommand: Command = defineCommand({
  name: "inspect",
  summary: "Look at the images of a finished run in the browser.",
  description:
    "Serves the run's page on 127.0.0.1 below a secret path, with every seed, the images at their " +
    "full size, the maps of all detectors, and which segment and detector raised each score. " +
    "Ctrl-C ends it.",
  examples: [{ command: "inspect results/table3/demo", description: "after reproduce table3" }],
  options: { ...cacheOption, ...portOption },
  positionals: [{ name: "run", description: "folder of a run" }],
  async run({ output, signal }, { options, positionals: [folder] }) {
    const store = await openStore(resolve(options.cache), ({ stage, key, reason }) => {
      output.warn(
        `A damaged entry of the store is left out: ${stage} ${key.slice(0, 12)}, ${reason}`,
      );
    });
    try {
      const { html, parts, size } = await inspectedRun(store, folder);
      if (parts.every(({ detectors, pixels }) => detectors.length === 0 && pixels === undefined)) {
        output.warn(
          `The store ${options.cache} has no images and maps of this run: only scores are shown. ` +
            "Name the run's store with --cache, or run reproduce again.",
        );
      }
      const page = serveLocally({
        handle: partServer(store, folder, html, parts, size),
        port: options.port,
        signal,
      });
      output.result(
        { address: page.address },
        () => `Open ${page.address}\nOnly this machine can; Ctrl-C ends it.\n`,
      );
      await page.finished;
      return 0;
    } finally {
      store.close();
    }
  },
});

/** The page of the run in `folder`, and what its inspector can ask for. */
async function inspectedRun(
  store: Store,
  folder: string,
): Promise<
  { readonly html: string; readonly parts: readonly InspectedPart[]; readonly size: number }
> {
  const { result, scores } = await readRun(folder);
  const recordPath = join(folder, "run.json");
  const run = parseRunRecord(await readRunText(recordPath), recordPath);
  const parts = await inspectedParts(store, run, scores);
  const importances = await rowImportances(store, parts);
  const charts = [];
  for (const chart of resultCharts(result, scores, importances)) {
    charts.push(await drawChart(chart));
  }
  const pictures = new Map<string, Uint8Array>();
  for (const { file } of result.figures ?? []) {
    const bytes = await readFileIfThere(join(folder, file));
    if (bytes !== undefined) pictures.set(file, bytes);
  }
  const html = await toHtml(result, {
    charts,
    pictures,
    evidence: { pages: [], importances, costs: await runCosts(store, run) },
    served: parts,
  });
  return { html, parts, size: run.size };
}

/** Tiles of a page that has all the room it wants. */
const tiles = { photo: 128, map: 96 } as const;

/** Files of the run that its page links. */
const linkedFiles: readonly string[] = [
  "table.md",
  "table.tex",
  "table.csv",
  "scores.csv",
  "run.json",
];

/** Answers what the page asks for. */
function partServer(
  store: Store,
  folder: string,
  html: string,
  parts: readonly InspectedPart[],
  size: number,
): (path: string) => Promise<Response | undefined> {
  const pages = new Map<number, Promise<PagePart>>();
  const pageOf = (number: number): Promise<PagePart> | undefined => {
    if (!(number in parts)) return undefined;
    let page = pages.get(number);
    if (page === undefined) {
      pages.set(number, page = pagePart(store, parts[number], number, size, tiles));
    }
    return page;
  };
  const readPixels = imageReader(store, "pixels.npy");
  const readMaps = imageReader(store, "maps.npy");
  const photo = async (image: StoredImage | undefined): Promise<Response | undefined> => {
    const pixels = image && await readPixels(image);
    if (pixels === undefined) return undefined;
    const [height, width] = pixels.shape;
    const png = await encodePng({ width, height, data: pixels.data as Uint8Array });
    return bytesResponse("image/png", png);
  };
  const map = async (
    { detectors }: InspectedPart,
    id: string,
    image: number,
  ): Promise<Response | undefined> => {
    const detector = detectors.find((one) => one.id === id);
    const stored = detector?.maps[image];
    const native = stored && await readMaps(stored);
    if (detector === undefined || native === undefined) return undefined;
    const [height, width] = native.shape;
    const data = native.data as Float32Array;
    const read = readAnomalyMap(data, height, width, size, detector.reading);
    return bytesResponse("application/octet-stream", new Uint8Array(read.buffer));
  };
  return async (path) => {
    if (path === "") return htmlResponse(html);
    if (linkedFiles.includes(path)) return textResponse(await readRunText(join(folder, path)));
    const [kind, ...words] = path.split("/");
    const [number, second, third] = words.map(Number);
    switch (kind) {
      case "part": {
        const page = await pageOf(number);
        return page && jsonResponse(page.data);
      }
      case "block": {
        const page = await pageOf(Number(words[0].split("-")[1]));
        const block = page?.blocks.get(words[0]);
        return block && bytesResponse(block.type, block.bytes);
      }
      case "photo":
        return number in parts ? await photo(parts[number].pixels?.[second]) : undefined;
      case "map": {
        const detector = (await pageOf(number))?.data.detectors[second];
        return detector && await map(parts[number], detector.id, third);
      }
    }
  };
}
