/**
 * Draws charts: Vega-Lite to SVG without a browser, SVG to PNG. The same chart gives the same bytes on
 * every machine: text is measured by Vega's estimate, and drawn into PNGs with the font in `fonts/`
 * only. This is the one file that touches vega, its interpreter, vega-lite and resvg; they are loaded on
 * first use.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Json } from "../base/digest.ts";
import type { Chart } from "./charts.ts";
import { escapeHtml } from "./escape.ts";

/**
 * The chart as an SVG document, transparent, texts in `currentColor`, with title and description for
 * screen readers. Its ids begin with the chart's name, so that several can stand in one page.
 */
export async function renderSvg(chart: Chart): Promise<string> {
  const vega = await import("vega");
  const problems: string[] = [];
  const logger = quietLogger(problems);
  const spec = await compile(chart.spec, logger);
  const view = new vega.View(vega.parse(spec), { renderer: "none", loader: noLoader(), logger });
  vega.resetSVGDefIds();
  const svg = await view.toSVG();
  view.finalize();
  requireNone(problems, chart.name);
  const words = `<title>${escapeHtml(chart.title)}</title><desc>${
    escapeHtml(chart.description)
  }</desc>`;
  return svg.replace(/<[^>]*>/g, (tag) => {
    const plain = tag
      .replace(/ (?:role|aria-[a-z]+)="[^"]*"/g, "")
      .replace(/( id="|url\(#)/g, `$1${chart.name}-`);
    return tag.startsWith("<svg") ? `${plain.slice(0, -1)} role="img">${words}` : plain;
  }) + "\n";
}

/**
 * A specification compiled from Vega-Lite to Vega, as plain JSON for {@linkcode vegaRuntime}: a page
 * then needs no compiler.
 */
export async function compileChart(chart: Pick<Chart, "name" | "spec">): Promise<Json> {
  const problems: string[] = [];
  const spec = await compile(chart.spec, quietLogger(problems));
  requireNone(problems, chart.name);
  return spec as unknown as Json;
}

/**
 * The script that draws compiled charts in a page: it defines `vega`, and `expressionInterpreter` for
 * `vega.View`, which evaluates expressions without `eval`, so that a content policy can forbid it.
 */
export async function vegaRuntime(): Promise<string> {
  const script = new URL("vega.min.js", import.meta.resolve("vega"));
  const [library, { default: module }] = await Promise.all([
    Deno.readTextFile(script),
    import("vega-interpreter", { with: { type: "text" } }) as Promise<{ default: string }>,
  ]);
  const interpreter = module
    .replace(/^import (\{[^}]*\}) from 'vega-util';$/m, "const $1 = vega;")
    .replace(/^export \{ (\w+) as expressionInterpreter \};$/m, "return $1;")
    .replace(/^\/\/# sourceMappingURL=.*$/m, "");
  if (/^(?:import|export)\b/m.test(interpreter) || !/^return \w+;$/m.test(interpreter)) {
    throw new Error("Cannot put vega-interpreter into a page: its module has another form");
  }
  return `${library}\nconst expressionInterpreter = (() => {\n${interpreter}\n})();\n`;
}

/** The picture of an SVG of {@linkcode renderSvg} on white, `zoom` times its size. */
export async function renderPng(svg: string, zoom = 2): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js");
  const font = fileURLToPath(new URL("fonts/dejavu_sans_latin.ttf", import.meta.url));
  const picture = new Resvg(svg, {
    background: "#ffffff",
    fitTo: { mode: "zoom", value: zoom },
    font: {
      loadSystemFonts: false,
      fontFiles: [font],
      defaultFontFamily: "DejaVu Sans",
      sansSerifFamily: "DejaVu Sans",
    },
  });
  return new Uint8Array(picture.render().asPng());
}

async function compile(
  spec: Chart["spec"],
  logger: import("vega").LoggerInterface,
): Promise<import("vega").Spec> {
  const vegaLite = await import("vega-lite");
  return vegaLite.compile(spec as unknown as Parameters<typeof vegaLite.compile>[0], { logger })
    .spec;
}

function requireNone(problems: readonly string[], name: string): void {
  if (problems.length > 0) throw new Error(`Cannot draw the chart ${name}: ${problems.join("; ")}`);
}

/** Vega asks its loader for data and pictures by address: there are none in our charts. */
function noLoader(): import("vega").Loader {
  const refuse = (uri: string) =>
    Promise.reject(new Error(`Cannot load ${uri}: charts hold their data`));
  return { load: refuse, sanitize: refuse, http: refuse, file: refuse };
}

/** Vega's logger, keeping warnings and errors in `problems` and writing nothing. */
function quietLogger(problems: string[]): import("vega").LoggerInterface {
  const keep = (...args: readonly unknown[]) => {
    problems.push(args.map(String).join(" "));
    return logger;
  };
  const logger = {
    level: (_?: number) => logger,
    error: keep,
    warn: keep,
    info: () => logger,
    debug: () => logger,
  } as unknown as import("vega").LoggerInterface;
  return logger;
}
