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

/** README, CONTRIBUTING and all pages of `docs/`. */
export async function pages(): Promise<Page[]> {
  const paths = ["README.md", "CONTRIBUTING.md"];
  for await (const { name } of Deno.readDir(`${root}docs`)) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  return await Promise.all(
    paths.sort().map(async (path) => ({ path, text: await Deno.readTextFile(root + path) })),
  );
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
export function documentedTasks({ path, text }: Page): DocumentedTask[] {
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
  return lines.flatMap(({ line, block }) => {
    const [first, ...others] = shellWords(line.replace(/^npx --yes deno@\S+ /, "deno "));
    if (first !== "deno" || others[0] !== "task" || others.length < 2) return [];
    return [{ page: path, task: others[1], words: others.slice(2), block }];
  });
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
