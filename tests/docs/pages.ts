/**
 * The project's pages, and the commands that stand in them.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A page in Markdown. */
export interface Page {
  /** Path from the project's root. */
  readonly path: string;
  readonly text: string;
}

/** README, CONTRIBUTING, all pages of `docs/`, and what the notebooks say between their code. */
export async function pages(): Promise<Page[]> {
  const paths = ["README.md", "CONTRIBUTING.md"];
  for await (const { name } of Deno.readDir(`${root}docs`)) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  for await (const { name } of Deno.readDir(`${root}notebooks`)) {
    if (name.endsWith(".ipynb")) paths.push(`notebooks/${name}`);
  }
  return await Promise.all(
    paths.sort().map(async (path) => {
      const text = await Deno.readTextFile(root + path);
      return { path, text: path.endsWith(".ipynb") ? markdownCells(text) : text };
    }),
  );
}

/** The Markdown cells of a notebook, one after the other. */
function markdownCells(notebook: string): string {
  const { cells } = JSON.parse(notebook) as {
    readonly cells: readonly { readonly cell_type: string; readonly source: readonly string[] }[];
  };
  return cells.filter(({ cell_type }) => cell_type === "markdown")
    .map(({ source }) => source.join("")).join("\n\n");
}

/** A task that a page says to run. */
export interface DocumentedTask {
  readonly page: string;
  readonly task: string;
  /** Words after the task's name. */
  readonly words: readonly string[];
  /** Whether it is a line of a block to copy, rather than a piece of a sentence. */
  readonly block: boolean;
}

/** All `deno task …` of a page, in `sh` blocks and in pieces of code within sentences. */
export function documentedTasks(page: Page): DocumentedTask[] {
  return commandLines(page).flatMap(({ line, block }) => {
    const [first, ...others] = shellWords(line.replace(/^npx --yes deno@\S+ /, "deno "));
    if (first !== "deno" || others[0] !== "task" || others.length < 2) return [];
    return [{ page: page.path, task: others[1], words: others.slice(2), block }];
  });
}

/**
 * The lines `deno task …` of a page as a reader copies them, without comment: from `sh` blocks, and from
 * sentences where they are whole.
 */
export function documentedLines(page: Page): string[] {
  return commandLines(page).flatMap(({ line, block }) => {
    const command = line.replace(/ +#.*$/, "").replace(/^npx --yes deno@\S+ /, "deno ");
    const isWhole = block || /^deno task (\S+ \S|(doctor|list|docs|api)$)/.test(command);
    return /^deno task \S/.test(command) && isWhole && !command.includes("…") ? [command] : [];
  });
}

/** Lines of `sh` blocks, and pieces of code in sentences, which may name a command without its words. */
function commandLines({ text }: Page): { readonly line: string; readonly block: boolean }[] {
  const lines: { readonly line: string; readonly block: boolean }[] = [];
  const rest = text.replace(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm, (_, _indent, kind, body) => {
    if (kind === "sh") {
      for (const line of body.split("\n")) lines.push({ line: line.trim(), block: true });
    }
    return "";
  });
  for (const [, piece] of rest.matchAll(/`([^`]+)`/g)) {
    lines.push({ line: piece.replace(/\s+/g, " "), block: false });
  }
  return lines;
}

/** The words of a command of a shell, without comment and redirection: quotes, no expansion. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)) {
    if (/^[#>|]/.test(word)) break;
    words.push(word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
  }
  return words;
}
