/**
 * The test images of a run as the inspector shows them, found through the store: from the scores of
 * each row to the features, maps and pixels that they were made of.
 *
 * @module
 */
import type { Json } from "../base/digest.ts";
import { DataError } from "../base/errors.ts";
import { parseNpy } from "../base/npy.ts";
import type { MapReading } from "../maps/anomaly_map.ts";
import { detectors } from "../maps/detectors.ts";
import type { Store } from "../store/store.ts";
import type { RecordedCell, RunRecord } from "./run_record.ts";
import type { ScoreRecord } from "./scores_csv.ts";

/** The test images of one class under one seed, with all that the rows say of them. */
export interface InspectedPart {
  /** One class of the data set: "vad", "candle", … */
  readonly class: string;
  /** Seed of the scores. */
  readonly seed: number;
  /** In the order of all scores and maps of the part. */
  readonly images: readonly InspectedImage[];
  /** In the table's order; rows without scores are left out. */
  readonly rows: readonly InspectedRow[];
  /** Those whose maps the rows are made of, each once. */
  readonly detectors: readonly InspectedDetector[];
  /** Where the pixels of each image lie; undefined where no row leads to them. */
  readonly pixels: readonly StoredImage[] | undefined;
  /** Digest of the segmentation map; undefined where each image has its own, or there is none. */
  readonly segmentation: string | undefined;
}

/** A test image. */
export interface InspectedImage {
  /** Path below the data set's root. */
  readonly id: string;
  /** 1 for bad. */
  readonly label: 0 | 1;
  /** Whether its defect is of a kind that was not in the training set. */
  readonly unseen: boolean;
}

/** A row's scores of the part's images. */
export interface InspectedRow {
  /** As the table prints it: "PatchCore + Ours". */
  readonly name: string;
  /** In the order of the images; higher means more anomalous. */
  readonly scores: Float64Array;
  /** Ids of the detectors that the score is made of. */
  readonly detectors: readonly string[];
  /** Key of the forest that gave the scores. */
  readonly forest?: string;
}

/** A detector's maps of the part's images. */
export interface InspectedDetector {
  /** Id of the detector. */
  readonly id: string;
  /** As in the tables. */
  readonly name: string;
  /** Where each image's map lies. */
  readonly maps: readonly StoredImage[];
  /** How a map's values are read: upsampling, blur, border. */
  readonly reading: MapReading;
}

/** Place of an image in the store: the `index`-th of the array in the entry `key`. */
export interface StoredImage {
  /** Which computation: "maps", "features", … */
  readonly stage: string;
  /** Of the entry. */
  readonly key: string;
  /** Counted from 0. */
  readonly index: number;
}

/**
 * The parts of a run in the order of classes and seeds. A part whose entries are not in the store any
 * more has its scores and no pictures.
 *
 * @param scores of the same run, as `scores.csv` has them
 * @throws {DataError} when scores and store do not belong together
 */
export async function inspectedParts(
  store: Pick<Store, "record" | "read">,
  run: RunRecord,
  scores: readonly ScoreRecord[],
): Promise<InspectedPart[]> {
  const entries = entryReader(store);
  const parts = new Map<string, PartBuilder>();
  for (const { name, cell, records } of await cellScores(run, scores, entries)) {
    const id = JSON.stringify([cell.class, cell.seed]);
    let part = parts.get(id);
    if (part === undefined) parts.set(id, part = new PartBuilder(cell, records));
    await part.add(name, cell, records, entries);
  }
  return [...parts.values()].map((part) => part.finish());
}

/** The input of an entry as its record holds it. */
interface EntryInput {
  readonly parameters: { readonly [name: string]: Json };
  readonly inputs: { readonly [role: string]: string | readonly string[] };
}

type EntryReader = (stage: string, key: string) => Promise<EntryInput | undefined>;

/** Reads the inputs of entries, each once. */
function entryReader(store: Pick<Store, "record">): EntryReader {
  const known = new Map<string, Promise<EntryInput | undefined>>();
  return (stage, key) => {
    let entry = known.get(key);
    if (entry === undefined) {
      entry = store.record(stage, key).then((record) =>
        record === undefined ? undefined : JSON.parse(record.input) as EntryInput
      );
      known.set(key, entry);
    }
    return entry;
  };
}

/** One cell of a row with its scores. */
interface CellScores {
  /** The row's name in `scores.csv`. */
  readonly name: string;
  readonly cell: RecordedCell;
  readonly records: readonly ScoreRecord[];
}

/**
 * The scores of each cell. `scores.csv` has them row by row; the classes of one seed follow one another
 * and are told apart by how many images their cells test.
 */
async function cellScores(
  run: RunRecord,
  scores: readonly ScoreRecord[],
  entries: EntryReader,
): Promise<CellScores[]> {
  const bySeed = Map.groupBy(scores, ({ row, seed }) => JSON.stringify([row, seed]));
  const found: CellScores[] = [];
  for (const { row, cells } of run.rows) {
    const nameOf = ({ part }: RecordedCell) => part === undefined ? row : `${row} / ${part}`;
    const groups = Map.groupBy(cells, (cell) => JSON.stringify([nameOf(cell), cell.seed]));
    for (const [id, sameSeed] of groups) {
      let records = bySeed.get(id) ?? [];
      for (const cell of sameSeed) {
        const count = sameSeed.length === 1
          ? records.length
          : testOf(await entries(cell.stage, cell.key))?.length;
        if (count === undefined || count === 0) break;
        found.push({ name: nameOf(cell), cell, records: records.slice(0, count) });
        records = records.slice(count);
      }
    }
  }
  return found;
}

/** Places of the test images among the rows of a cell's inputs. */
function testOf(cell: EntryInput | undefined): readonly number[] | undefined {
  return cell?.parameters.test as readonly number[] | undefined;
}

/** Collects the rows of one class and seed. */
class PartBuilder {
  readonly #class: string;
  readonly #seed: number;
  readonly #images: readonly InspectedImage[];
  readonly #rows: InspectedRow[] = [];
  readonly #detectors = new Map<string, InspectedDetector>();
  #pixels: readonly StoredImage[] | undefined;
  #segmentation: string | undefined;

  constructor(cell: RecordedCell, records: readonly ScoreRecord[]) {
    this.#class = cell.class;
    this.#seed = cell.seed;
    this.#images = records.map(({ image, label, unseen }) => ({ id: image, label, unseen }));
  }

  async add(
    name: string,
    cell: RecordedCell,
    records: readonly ScoreRecord[],
    entries: EntryReader,
  ): Promise<void> {
    const same = records.length === this.#images.length &&
      records.every(({ image }, i) => image === this.#images[i].id);
    if (!same) {
      throw new DataError(
        `Cannot inspect the run: ${name} has other test images than the row before it`,
        { remedy: "Run `deno task reproduce` again: it writes scores.csv and run.json together." },
      );
    }
    const ids = await this.#follow(cell, entries);
    this.#rows.push({
      name,
      scores: Float64Array.from(records, ({ score }) => score),
      detectors: ids,
      ...(cell.stage === "forest" ? { forest: cell.key } : {}),
    });
  }

  finish(): InspectedPart {
    return {
      class: this.#class,
      seed: this.#seed,
      images: this.#images,
      rows: this.#rows,
      detectors: [...this.#detectors.values()],
      pixels: this.#pixels,
      segmentation: this.#segmentation,
    };
  }

  /** Finds the maps and pixels behind a cell, and gives the ids of its detectors. */
  async #follow({ stage, key }: RecordedCell, entries: EntryReader): Promise<string[]> {
    const cell = await entries(stage, key);
    const test = testOf(cell);
    if (cell === undefined || test === undefined) return [];
    const ids: string[] = [];
    for (const [role, keys] of Object.entries(cell.inputs)) {
      if (typeof keys === "string") continue;
      if (role === "predict") {
        const places = await placesOf(keys, "predict", entries);
        if (places !== undefined) await this.#findPixels(places, test, entries);
      } else if (role.split(":", 1)[0] === "features") {
        const id = await this.#followFeatures(keys, test, entries);
        if (id !== undefined) ids.push(id);
      }
    }
    return ids;
  }

  async #followFeatures(
    keys: readonly string[],
    test: readonly number[],
    entries: EntryReader,
  ): Promise<string | undefined> {
    const maps: string[] = [];
    let reading: MapReading | undefined;
    for (const key of keys) {
      const features = await entries("features", key);
      if (features === undefined || typeof features.inputs.maps !== "string") return undefined;
      maps.push(features.inputs.maps);
      reading ??= features.parameters.reading as unknown as MapReading;
      const { segmentation } = features.parameters;
      if (typeof segmentation === "string") this.#segmentation ??= segmentation;
    }
    const places = await placesOf(maps, "maps", entries);
    if (places === undefined || reading === undefined) return undefined;
    const id = (await entries("maps", maps[0]))!.parameters.detector as string;
    if (!this.#detectors.has(id)) {
      this.#detectors.set(id, {
        id,
        name: detectors.get(id)?.name ?? id,
        maps: test.map((place) => places[place].image),
        reading,
      });
    }
    await this.#findPixels(places, test, entries);
    return id;
  }

  async #findPixels(
    places: readonly Place[],
    test: readonly number[],
    entries: EntryReader,
  ): Promise<void> {
    if (this.#pixels !== undefined) return;
    const pixels: StoredImage[] = [];
    for (const place of test) {
      const { row, source } = places[place];
      const key = source?.stage === "embeddings"
        ? (await entries("embeddings", source.key))?.inputs.pixels
        : source?.stage === "pixels"
        ? source.key
        : undefined;
      if (typeof key !== "string") return;
      pixels.push({ stage: "pixels", key, index: row });
    }
    this.#pixels = pixels;
  }
}

/** An image among the rows of several entries. */
interface Place {
  readonly image: StoredImage;
  /** Row of the image in what the entry was made from. */
  readonly row: number;
  readonly source: { readonly stage: string; readonly key: string } | undefined;
}

/** The images of entries of one kind one after the other; undefined where an entry is gone. */
async function placesOf(
  keys: readonly string[],
  stage: "maps" | "predict",
  entries: EntryReader,
): Promise<Place[] | undefined> {
  const places: Place[] = [];
  for (const key of keys) {
    const entry = await entries(stage, key);
    if (entry === undefined) return undefined;
    const source = ["pixels", "embeddings"].map((role) => ({
      stage: role,
      key: entry.inputs[role],
    }))
      .find((one): one is { stage: string; key: string } => typeof one.key === "string");
    for (const [index, row] of (entry.parameters.rows as readonly number[]).entries()) {
      places.push({ image: { stage, key, index }, row, source });
    }
  }
  return places;
}

/** Reads single images out of arrays in the store, keeping the last few arrays. */
export function imageReader(
  store: Pick<Store, "read">,
  file: string,
): (
  image: StoredImage,
) => Promise<{ readonly shape: readonly number[]; readonly data: ArrayLike<number> } | undefined> {
  const kept = new Map<string, ReturnType<typeof parseNpy> | undefined>();
  return async ({ stage, key, index }) => {
    if (!kept.has(key)) {
      if (kept.size >= 4) kept.delete(kept.keys().next().value!);
      const payload = await store.read(stage, key, [file]);
      kept.set(key, payload === undefined ? undefined : parseNpy(payload.get(file)!, file));
    }
    const array = kept.get(key);
    if (array === undefined) return undefined;
    const shape = array.shape.slice(1);
    const length = shape.reduce((product, size) => product * size, 1);
    return {
      shape,
      data: (array.data as Float32Array).subarray(index * length, (index + 1) * length),
    };
  };
}
