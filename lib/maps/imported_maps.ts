/**
 * Anomaly maps of other tools, in the folder that the public SegAD code reads (method details 3.0):
 *
 * ```text
 * anomaly_maps/<model>/<class>/df_training.csv, df_test.csv
 * anomaly_maps/<model>/<class>/anomaly_maps/{good,bad}/<name>.npy     float32 or float64, any size
 * visa_segm/<class>/{good,bad}/<name>.npy                             integer labels
 * ```
 *
 * The tables have the columns filepath, an_map_path, label and prediction_an_det behind an index. Of
 * `an_map_path` only the file's name counts, so that a folder may be moved. The first model's tables
 * decide which images there are, and their order.
 *
 * @module
 */
import { basename, join } from "node:path";
import { parse } from "csv-parse/sync";
import { sha256 } from "../base/digest.ts";
import { closestName, DataError } from "../base/errors.ts";
import { readFileIfThere } from "../base/files.ts";
import { type NdArray, parseNpy } from "../base/npy.ts";

/** Number of segments by class of VisA in the public code; labels at or above it are ignored. */
export const visaSegmentCounts: Readonly<Record<string, number>> = {
  candle: 2,
  capsules: 2,
  cashew: 2,
  chewinggum: 2,
  fryum: 2,
  macaroni1: 2,
  macaroni2: 2,
  pcb1: 6,
  pcb2: 8,
  pcb3: 8,
  pcb4: 6,
  pipe_fryum: 2,
};

/** Names of the folders that hold a detector's maps, the public code's first. */
export const modelFolders: Readonly<Record<string, readonly string[]>> = {
  efficientad: ["efficient_ad", "efficientad"],
  rd4ad: ["rd4ad"],
  fastflow: ["fastflow"],
  patchcore: ["patchcore"],
};

/** What lies in a folder of maps. */
export interface ImportedMaps {
  /** The folder as it was named by the caller. */
  readonly root: string;
  /** Folders below `anomaly_maps`, the ones of known detectors first. */
  readonly models: readonly ImportedModel[];
  /** Every class that some model has, sorted. */
  readonly classes: readonly string[];
}

/** The maps of one tool. */
export interface ImportedModel {
  /** Its name below `anomaly_maps`. */
  readonly folder: string;
  /** Id of the detector that it stands for, where its name is known. */
  readonly detector?: string;
  /** By class; a class that cannot be used has its faults instead of images. */
  readonly classes: ReadonlyMap<string, ImportedClass>;
}

/** The maps of one class by one tool. */
export interface ImportedClass {
  /** In the order of the tables, training before test. */
  readonly images: readonly ImportedImage[];
  /** What is wrong, so that the class cannot be used; each ends a sentence. */
  readonly faults: readonly string[];
}

/** A map and its image. */
export interface ImportedImage {
  /** Name of the map's file without its ending. */
  readonly name: string;
  /** By which of the two tables lists it. */
  readonly split: "train" | "test";
  /** 1 for bad, as the table says. */
  readonly label: 0 | 1;
  /** The detector's score of the image (`prediction_an_det`). */
  readonly score: number;
  /** Path of the map. */
  readonly file: string;
  /** SHA-256 of the file. */
  readonly digest: string;
}

const columns = ["an_map_path", "label", "prediction_an_det"];

/**
 * Lists a folder of maps; every map is read and hashed.
 *
 * @throws {DataError} when the folder holds no maps at all
 */
export async function listImportedMaps(
  root: string,
  onProgress: (done: number, of: number, label: string) => void = () => {},
): Promise<ImportedMaps> {
  const top = join(root, "anomaly_maps");
  const folders = await subfolders(top);
  if (folders.length === 0) {
    const there = await subfolders(root);
    const near = closestName("anomaly_maps", there);
    throw new DataError(`Cannot read maps from ${root}: it has no anomaly_maps/<model> folder`, {
      remedy: `${near === undefined ? "" : `Is ${near} meant to be anomaly_maps? `}` +
        "The folder should hold anomaly_maps/<model>/<class>/{df_training.csv, df_test.csv, " +
        "anomaly_maps/{good,bad}/<name>.npy} and visa_segm/<class>/{good,bad}/<name>.npy.",
    });
  }
  const known = Object.entries(modelFolders);
  const detectorOf = (folder: string) => known.find(([, names]) => names.includes(folder))?.[0];
  const ordered = [...folders].sort((a, b) =>
    Number(detectorOf(a) === undefined) - Number(detectorOf(b) === undefined)
  );
  const named = await Promise.all(
    ordered.map(async (folder) => ({ folder, names: await subfolders(join(top, folder)) })),
  );
  const of = named.reduce((sum, { names }) => sum + names.length, 0);
  const models: ImportedModel[] = [];
  let done = 0;
  for (const { folder, names } of named) {
    const classes = new Map<string, ImportedClass>();
    for (const name of names) {
      onProgress(done++, of, `${folder}, ${name}`);
      classes.set(name, await listClass(join(top, folder, name)));
    }
    const detector = detectorOf(folder);
    models.push({ folder, ...(detector === undefined ? {} : { detector }), classes });
  }
  const classes = [...new Set(models.flatMap((model) => [...model.classes.keys()]))].sort();
  return { root, models, classes };
}

/**
 * The map of an image: `[height, width]` as it is, float32 or float64.
 *
 * @throws {DataError} when the file is gone, has changed, or is no map
 */
export async function readImportedMap(
  { file, digest }: Pick<ImportedImage, "file" | "digest">,
): Promise<NdArray<Float32Array> | NdArray<Float64Array>> {
  const bytes = await readFileIfThere(file);
  if (bytes === undefined || sha256(bytes) !== digest) {
    throw new DataError(`Cannot use the map ${file}: it changed while the run went on`, {
      remedy: "Start the same command again.",
    });
  }
  return parseImportedMap(bytes, file);
}

/** An anomaly map from `.npy` bytes: two dimensions, or one image of three. */
export function parseImportedMap(
  bytes: Uint8Array,
  file: string,
): NdArray<Float32Array> | NdArray<Float64Array> {
  const { shape, data } = parseNpy(bytes, file);
  const inner = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape;
  const real = data instanceof Float32Array || data instanceof Float64Array;
  if (inner.length !== 2 || !real || data.length === 0) {
    throw new DataError(
      `Cannot read ${file} as an anomaly map: it has the shape (${shape.join(", ")}) and ` +
        `${real ? "real numbers" : "no real numbers"}`,
      { remedy: "Save each map as float32 of the shape (height, width) with np.save." },
    );
  }
  if (!data.every(Number.isFinite)) {
    throw new DataError(`Cannot read ${file} as an anomaly map: a value is not finite`, {
      remedy: "Make the map again; features of it would be missing.",
    });
  }
  return { shape: inner, data } as NdArray<Float32Array> | NdArray<Float64Array>;
}

async function listClass(folder: string): Promise<ImportedClass> {
  const faults: string[] = [];
  const images: ImportedImage[] = [];
  for (const split of ["train", "test"] as const) {
    const table = split === "train" ? "df_training.csv" : "df_test.csv";
    for (const row of await readTable(folder, table, faults)) {
      const name = basename(row.an_map_path.replaceAll("\\", "/")).replace(/\.npy$/i, "");
      const file = join(folder, "anomaly_maps", row.label === "0" ? "good" : "bad", `${name}.npy`);
      const bytes = await readFileIfThere(file);
      if (bytes === undefined) {
        faults.push(`${table} names ${name}, and there is no ${file}`);
        continue;
      }
      try {
        parseImportedMap(bytes, file);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        faults.push(error.message);
        continue;
      }
      images.push({
        name,
        split,
        label: row.label === "0" ? 0 : 1,
        score: Number(row.prediction_an_det),
        file,
        digest: sha256(bytes),
      });
    }
  }
  const seen = new Set<string>();
  for (const { name, label } of images) {
    const place = `${label === 0 ? "good" : "bad"}/${name}`;
    if (seen.has(place)) faults.push(`its tables name ${place} twice`);
    seen.add(place);
  }
  return { images: faults.length === 0 ? images : [], faults };
}

type TableRow = Readonly<Record<"an_map_path" | "label" | "prediction_an_det", string>>;

/** The rows of a table; what is wrong is added to `faults`. */
async function readTable(folder: string, name: string, faults: string[]): Promise<TableRow[]> {
  const bytes = await readFileIfThere(join(folder, name));
  if (bytes === undefined) {
    faults.push(`there is no ${name}`);
    return [];
  }
  let rows: Record<string, string>[];
  try {
    rows = parse(new TextDecoder().decode(bytes), { columns: true, bom: true, trim: true });
  } catch (error) {
    faults.push(`${name} is not a table: ${error instanceof Error ? error.message : error}`);
    return [];
  }
  const absent = columns.filter((column) => rows.length > 0 && !Object.hasOwn(rows[0], column));
  if (rows.length === 0 || absent.length > 0) {
    faults.push(rows.length === 0 ? `${name} has no rows` : `${name} has no ${absent.join(", ")}`);
    return [];
  }
  return rows.flatMap((row, i) => {
    const label = String(Number(row.label)); // "0", "1", "0.0", …
    const score = Number(row.prediction_an_det);
    const good = row.an_map_path !== "" && ["0", "1"].includes(label) &&
      row.prediction_an_det !== "" && Number.isFinite(score);
    if (good) return [{ ...row, label } as unknown as TableRow];
    faults.push(
      `row ${i + 1} of ${name} has the label ${JSON.stringify(row.label)} and the score ` +
        JSON.stringify(row.prediction_an_det),
    );
    return [];
  });
}

async function subfolders(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) if (entry.isDirectory) names.push(entry.name);
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!gone) throw error;
  }
  return names.sort();
}
