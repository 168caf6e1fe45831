/**
 * A page as one document that needs nothing else: styles, scripts and data stand in it. Its content
 * policy allows exactly these by their hashes, so that nothing that a name could smuggle in would run,
 * be shown as style or be loaded; every name is escaped all the same.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { escapeHtml } from "./escape.ts";

/** What a page is made of. */
export interface HtmlPage {
  /** Plain text, escaped here. */
  readonly title: string;
  /** HTML; every text in it escaped. */
  readonly body: string;
  /** Style sheets, in their order. */
  readonly styles: readonly string[];
  /** Classic scripts, run in their order once the document is there. */
  readonly libraries?: readonly string[];
  /** The page's own modules, each after those that it imports: see {@linkcode joinModules}. */
  readonly modules?: readonly string[];
  /** Texts that scripts read by their ids: JSON of `escapeJson`, or base64. */
  readonly data?: ReadonlyMap<string, string>;
  /** Whether the page may ask the program that serves it. */
  readonly served?: boolean;
}

/** The document. */
export function htmlPage(page: HtmlPage): string {
  const { title, body, styles, libraries = [], modules = [], data = new Map(), served } = page;
  const script = modules.length === 0 ? undefined : joinModules(modules);
  const scripts = [...libraries, ...(script === undefined ? [] : [script])];
  const self = served ? " 'self'" : "";
  const policy = [
    "default-src 'none'",
    `style-src ${sources(styles)}`,
    `script-src ${sources(scripts)}`,
    `img-src data: blob:${self}`,
    ...(served ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
${styles.map((style) => `<style>${style}</style>`).join("\n")}
</head>
<body>
${body}
${
    [...data].map(([id, text]) =>
      `<script type="text/plain" id="${escapeHtml(id)}">${text}</script>`
    )
      .join("\n")
  }
${libraries.map((library) => `<script>${library}</script>`).join("\n")}
${script === undefined ? "" : `<script type="module">${script}</script>`}
</body>
</html>
`;
}

/**
 * Modules of a page as one script: imports from one another and the word `export` are taken away. They
 * must come in an order in which each stands after those that it imports, and share no names.
 *
 * @throws {Error} for an import or export in another form
 */
export function joinModules(modules: readonly string[]): string {
  const script = modules.map((module) =>
    module
      .replace(/^import \{[^}]*\} from "\.\/\w+\.js";\n/gm, "")
      .replace(/^export (?=(?:async )?function |class |const )/gm, "")
  ).join("\n");
  const other = /^(?:import|export)\b.*/m.exec(script);
  if (other !== null) throw new Error(`Cannot put a module into a page: it has ${other[0]}`);
  return script;
}

/** Sources of a content policy: the texts of elements as the browser sees them. */
function sources(texts: readonly string[]): string {
  if (texts.length === 0) return "'none'";
  return texts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`)
    .join(" ");
}
