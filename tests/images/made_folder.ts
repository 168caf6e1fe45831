/**
 * Small data folders for tests.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { encodePng } from "../../lib/images/decode.ts";

/** Files by path; numbers stand for a small PNG drawn from that number. */
export type MadeFiles = Readonly<Record<string, number | string | Uint8Array>>;

/** A folder of the VAD layout with two images a class, as the argument of `makeFolder`. */
export const vadFiles: MadeFiles = {
  "train/good/a.png": 1,
  "train/good/b.png": 2,
  "train/bad/c.png": 3,
  "train/bad/d.png": 4,
  "test/good/e.png": 5,
  "test/good/f.png": 6,
  "test/bad/g.png": 7,
  "test/bad/h.png": 8,
};

/** A PNG of `size` x `size` pixels; another `seed` gives other pixels. */
export function makePng(seed: number, size = 9): Promise<Uint8Array<ArrayBuffer>> {
  const data = new Uint8Array(size * size * 3).map((_, i) => (i * (seed + 3) * 7 + seed) & 255);
  return encodePng({ width: size, height: size, data });
}

/** Calls `use` with a temporary folder that holds `files`, and removes it. */
export async function withFolder(
  files: MadeFiles,
  use: (root: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "segad-" });
  try {
    for (const [path, content] of Object.entries(files)) {
      const place = join(root, path);
      await Deno.mkdir(dirname(place), { recursive: true });
      if (typeof content === "string") await Deno.writeTextFile(place, content);
      else {await Deno.writeFile(
          place,
          typeof content === "number" ? await makePng(content) : content,
        );}
    }
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
