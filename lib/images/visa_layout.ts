/**
 * The layout of VisA as it is published (amazon-science/spot-diff): a table `split_csv/1cls.csv` with
 * the columns object, split, label, image, mask, beside one folder a class.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { parse } from "csv-parse/sync";
import { closestName } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { listFolder } from "./image_folder.ts";
import type { Layout, LayoutListing, ListedSample } from "./layout.ts";
import { shownList, shownPath } from "./shown_path.ts";

/** The table that splits the images. */
const visaTable = "split_csv/1cls.csv";

const columns = ["object", "split", "label", "image", "mask"];

const shape =
  "split_csv/1cls.csv (columns object, split, label, image, mask) and the images that it " +
  "names, e.g. candle/Data/Images/Normal/0000.JPG";

/** The VisA layout. */
export const visaLayout: Layout = {
  name: "visa",
  shape,
  recognizes: async (root, { folders }) => {
    if (folders.includes("split_csv")) return true;
    for (const name of folders) {
      const inner = await listFolder(join(root, name, "Data", "Images"));
      if (inner?.folders.some((folder) => ["Normal", "Anomaly"].includes(folder))) return true;
    }
    return false;
  },
  list: listVisaFolder,
  published: {
    name: "VisA",
    counts: { "train/good": 8659, "test/good": 962, "test/bad": 1200 },
  },
  partOf: ({ split, label }) => `${split}/${label === 0 ? "good" : "bad"}`,
};

type Row = Readonly<Record<string, string>>;

async function listVisaFolder(root: string): Promise<LayoutListing> {
  const faults: string[] = [];
  const bytes = await readFileIfThere(join(root, visaTable));
  if (bytes === undefined) {
    const there = await listFolder(join(root, "split_csv"));
    const near = closestName("1cls.csv", there?.others ?? []);
    faults.push(
      `it has no file ${visaTable}${
        near === undefined ? "" : ` (is ${shownPath(near)} meant?)`
      }, ` +
        "the table that says which images train and which test; it lies beside the class folders " +
        "in the download, and in the repository amazon-science/spot-diff",
    );
    return { samples: [], faults, warnings: [] };
  }
  const rows = parseVisaTable(new TextDecoder().decode(bytes), faults);
  const exists = fileFinder(root);
  const samples: ListedSample[] = [];
  const missing: string[] = [];
  const maskless: string[] = [];
  const seen = new Set<string>();
  for (const row of rows) {
    if (seen.has(row.image)) {
      faults.push(`its ${visaTable} names ${shownPath(row.image)} twice`);
      continue;
    }
    seen.add(row.image);
    if (!(await exists(row.image))) missing.push(row.image);
    const masked = row.mask !== "" && await exists(row.mask);
    if (row.mask !== "" && !masked) maskless.push(row.mask);
    samples.push({
      id: row.image,
      class: row.object,
      split: row.split as "train" | "test",
      label: row.label === "normal" ? 0 : 1,
      unseen: false,
      ...(masked ? { mask: row.mask } : {}),
    });
  }
  if (missing.length > 0) {
    faults.push(
      `${missing.length} images that ${visaTable} names are missing: ${shownList(missing)}`,
    );
  }
  const warnings = maskless.length === 0 ? [] : [
    `${maskless.length} masks that ${visaTable} names are missing, without which there is no ` +
    `AUPRO: ${shownList(maskless)}.`,
  ];
  return { samples, faults, warnings };
}

/**
 * The rows of `1cls.csv` with known values and paths that stay inside the folder. What is wrong is
 * added to `faults`.
 */
function parseVisaTable(text: string, faults: string[]): Row[] {
  let rows: Row[];
  try {
    rows = parse(text, { bom: true, columns: true, skip_empty_lines: true, trim: true }) as Row[];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    faults.push(`its ${visaTable} is not a table: ${shownPath(reason.slice(0, 120))}`);
    return [];
  }
  if (rows.length === 0) {
    faults.push(`its ${visaTable} has no rows`);
    return [];
  }
  const absent = columns.filter((column) => !Object.hasOwn(rows[0], column));
  if (absent.length > 0) {
    faults.push(`its ${visaTable} has no column ${absent.join(", ")}`);
    return [];
  }
  return rows.filter((row, i) => {
    const [name, value] = row.object === ""
      ? ["object", row.object]
      : !["train", "test"].includes(row.split)
      ? ["split", row.split]
      : !["normal", "anomaly"].includes(row.label)
      ? ["label", row.label]
      : !staysInside(row.image)
      ? ["image", row.image]
      : row.mask !== "" && !staysInside(row.mask)
      ? ["mask", row.mask]
      : ["", ""];
    if (name === "") return true;
    faults.push(`row ${i + 1} of its ${visaTable} has the ${name} ${JSON.stringify(value)}`);
    return false;
  });
}

/** Whether a path from a table names a file below the folder it belongs to. */
function staysInside(path: string): boolean {
  return path !== "" && !/^[\\/]|^[a-z]:|\\/i.test(path) &&
    path.split("/").every((part) => part !== ".." && part !== "." && part !== "");
}

/** Tells whether a file of `root` exists; each folder is listed once. */
function fileFinder(root: string): (path: string) => Promise<boolean> {
  const listed = new Map<string, Promise<ReadonlySet<string>>>();
  const list = async (folder: string) => {
    const listing = await listFolder(join(root, folder));
    return new Set([...listing?.images ?? [], ...listing?.others ?? []]);
  };
  return async (path) => {
    const folder = dirname(path);
    let names = listed.get(folder);
    if (names === undefined) listed.set(folder, names = list(folder));
    return (await names).has(path.slice(folder === "." ? 0 : folder.length + 1));
  };
}
