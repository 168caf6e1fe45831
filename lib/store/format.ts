/**
 * Which versions of keys and computations a store was last used with: an upgrade that makes stored
 * entries useless says so, and what it makes useless.
 *
 * @module
 */
import { join } from "node:path";
import { DataError } from "../base/errors.ts";
import { canonicalJson } from "../base/digest.ts";
import { readFileIfThere, writeFileAtomic } from "../base/files.ts";
import { keySchema } from "./key.ts";

/** Rises when the layout of the folder changes. */
export const storeSchema = 1;

/** `format.json` of a store. */
export interface StoreFormat {
  /** Version of the folder's layout. */
  readonly storeSchema: number;
  /** Version of the fields of a key. */
  readonly keySchema: number;
  /** Revision of each kind of stage. */
  readonly revisions: Readonly<Record<string, number>>;
}

/**
 * What has changed since the store was last used, one sentence each; none for a new store.
 *
 * @throws {DataError} when a newer version has changed the layout of the folder
 */
export async function formatChanges(
  root: string,
  revisions: StoreFormat["revisions"],
): Promise<string[]> {
  const before = await readFormat(root);
  if (before === undefined) return [];
  if (before.storeSchema > storeSchema) {
    throw new DataError(
      `Cannot use the store ${root}: its layout has version ${before.storeSchema}, this program ` +
        `knows ${storeSchema}`,
      { remedy: "A newer version wrote it: use that one, or another folder with --cache." },
    );
  }
  if (before.keySchema !== keySchema) {
    return [
      `Keys have changed (key schema ${before.keySchema} -> ${keySchema}): no earlier entry is found ` +
      "any more, everything is computed anew; `cache gc` removes the earlier ones.",
    ];
  }
  const changed = Object.keys(revisions).filter((stage) =>
    before.revisions[stage] !== undefined && before.revisions[stage] !== revisions[stage]
  );
  return changed.map((stage) =>
    `The computation of ${stage} has changed (revision ${before.revisions[stage]} -> ` +
    `${revisions[stage]}): its earlier entries, and all made from them, are computed anew; ` +
    "`cache gc` removes the earlier ones."
  );
}

/** Writes down that the store is used with these versions. */
export async function writeFormat(
  root: string,
  revisions: StoreFormat["revisions"],
): Promise<void> {
  const before = await readFormat(root);
  const format = { storeSchema, keySchema, revisions: { ...before?.revisions, ...revisions } };
  const text = `${canonicalJson(format)}\n`;
  if (before !== undefined && `${canonicalJson({ ...before })}\n` === text) return;
  await writeFileAtomic(join(root, "format.json"), text);
}

/** The format of a store; undefined where it is not written down or cannot be read. */
async function readFormat(root: string): Promise<StoreFormat | undefined> {
  const bytes = await readFileIfThere(join(root, "format.json"));
  if (bytes === undefined) return undefined;
  try {
    const format = JSON.parse(new TextDecoder().decode(bytes)) as StoreFormat;
    const numbers = [format.storeSchema, format.keySchema, ...Object.values(format.revisions)];
    return numbers.every(Number.isSafeInteger) ? format : undefined;
  } catch {
    return undefined; // only the message depends on it
  }
}
