/**
 * Names come from file names and from users, so every text output passes them through here: first
 * {@linkcode visible}, which leaves nothing that a reader cannot see, then the escape of the format.
 *
 * @module
 */

/**
 * The text with every control, bidirectional, zero-width and unpaired surrogate character, and every
 * line break, written as a visible escape: nothing reorders, hides or breaks the line around it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(visible("a\nb\u202egnp.exe"), "a\\nb\\u{202e}gnp.exe");
 * ```
 */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (c) => c === "\n" ? "\\n" : c === "\t" ? "\\t" : `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}

/** For HTML text and double- or single-quoted attribute values. */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"'`]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * For a cell of a GitHub-flavoured Markdown table: no markup, no HTML, no automatic link, no column
 * break.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(escapeMarkdown("a|b *c* <i>"), "a\\|b \\*c\\* &lt;i&gt;");
 * ```
 */
export function escapeMarkdown(text: string): string {
  return visible(text)
    .replace(/[\\`*_[\]|~$]/g, "\\$&")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/:(?=\/\/)/g, "\\:")
    .replace(/\bwww\./gi, (www) => `${www.slice(0, -1)}\\.`);
}

/**
 * For LaTeX text in any font encoding: specials become commands, accented Latin letters the accent
 * commands, any other character beyond ASCII its code point in brackets.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(escapeLatex("50% of \\x_1 café"), "50\\% of \\textbackslash{}x\\_1 caf\\'{e}");
 * ```
 */
export function escapeLatex(text: string): string {
  const accents: Readonly<Record<string, string>> = {
    "\u0300": "\\`",
    "\u0301": "\\'",
    "\u0302": "\\^",
    "\u0303": "\\~",
    "\u0308": '\\"',
    "\u030a": "\\r",
    "\u030c": "\\v",
    "\u0327": "\\c",
  };
  const commands: Readonly<Record<string, string>> = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "''",
    "±": "$\\pm$",
    "×": "$\\times$",
    "≥": "$\\geq$",
    "≤": "$\\leq$",
    "–": "\\textendash{}",
    "—": "\\textemdash{}",
    "’": "'",
  };
  const latex = Array.from(visible(text).normalize("NFC"), (c) => {
    if (commands[c] !== undefined) return commands[c];
    if (/[&%$#_{}]/.test(c)) return `\\${c}`;
    if (c <= "~") return c;
    const [letter, accent, ...more] = c.normalize("NFD");
    if (/[A-Za-z]/.test(letter) && accents[accent] !== undefined && more.length === 0) {
      return `${accents[accent]}{${letter}}`;
    }
    return `[U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`;
  }).join("");
  // Two hyphens would join to a dash; "[" and "*" would be read as an argument of the "\\\\" before.
  return latex.replace(/-(?=-)/g, "-{}").replace(/^[[*]/, "{}$&");
}

/**
 * For a text cell of a CSV file that a spreadsheet may open: a leading apostrophe keeps what would be
 * read as a formula a text. {@linkcode unescapeFormula} takes exactly that apostrophe away again.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(escapeFormula("=cmd()"), "'=cmd()");
 * assert.equal(unescapeFormula("'=cmd()"), "=cmd()");
 * ```
 */
export function escapeFormula(text: string): string {
  return /^'*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/.test(text) ? `'${text}` : text;
}

/** The text that {@linkcode escapeFormula} was given. */
export function unescapeFormula(text: string): string {
  return /^'+[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/.test(text) ? text.slice(1) : text;
}

/** JSON that may stand inside a `<script>` element: no markup can begin or end in it. */
export function escapeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
