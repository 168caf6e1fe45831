/**
 * Files written by `torch.save`, read as data: the zip of torch 1.6 and later, and the stream of
 * pickles and storages before it. Views are resolved: each tensor comes out contiguous, in C order.
 *
 * Reference: torch 2.13, `torch/serialization.py` (file layout), `torch/_utils.py`
 * (`_rebuild_tensor_v2`: storage, offset, size, stride).
 *
 * @module
 */
import { DataError } from "../base/errors.ts";
import type { NdArray, NpyData } from "../base/npy.ts";
import { decodeElements, storedSizes, type StoredType } from "./element_types.ts";
import {
  parsePickle,
  type PickleCall,
  PickleGlobal,
  type PickleKey,
  PickleObject,
  type PickleRules,
  PickleTuple,
  type PickleValue,
} from "./pickle.ts";
import { readStoredZip } from "./zip_archive.ts";

const storageTypes: ReadonlyMap<string, StoredType> = new Map([
  ["torch FloatStorage", "F32"],
  ["torch HalfStorage", "F16"],
  ["torch DoubleStorage", "F64"],
  ["torch BFloat16Storage", "BF16"],
  ["torch LongStorage", "I64"],
  ["torch IntStorage", "I32"],
  ["torch ShortStorage", "I16"],
  ["torch CharStorage", "I8"],
  ["torch ByteStorage", "U8"],
  ["torch BoolStorage", "BOOL"],
]);

/** First pickles of the stream format. */
const streamMagic = 0x1950a86a20f9469cfc6cn;
const streamProtocol = 1001;
const rankLimit = 8;
const nameLimit = 512;
/** Tensors may take this many times the file's bytes (views repeat elements), and this much besides. */
const expansionLimit = 4;
const expansionFloor = 64 * 2 ** 20;
/** Entries of a checkpoint under which training scripts keep the weights. */
const stateDictKeys = ["state_dict", "model_state_dict", "model"];

/** A storage named in the pickle. */
interface Storage {
  readonly type: StoredType;
  readonly key: string;
  readonly count: number;
}

/** A tensor as a view of a storage; offset and strides in elements. */
interface TensorView {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/**
 * The tensors of a `state_dict` saved by `torch.save`, in the file's order, each in memory of its own.
 * Element types as in `decodeElements`. A checkpoint that keeps its `state_dict` under that name (or
 * `model_state_dict`, `model`) is accepted. `name` stands in the messages.
 *
 * @throws {DataError} for other content, globals not on the list (see pickle.ts), or damage
 */
export function parseTorchFile(bytes: Uint8Array, name: string): Map<string, NdArray> {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const { value, storages } = isZip ? readZip(bytes, name) : readStream(bytes, name);
  const state = stateDictOf(value, name);
  const budget = { left: expansionLimit * bytes.length + expansionFloor };
  const tensors = new Map<string, NdArray>();
  for (const [key, entry] of state) {
    if (typeof key !== "string" || key.length > nameLimit) {
      throw failure(name, `a tensor is called ${printable(key)}`);
    }
    if (!isTensor(entry)) throw failure(name, `entry ${printable(key)} is not a tensor`);
    try {
      tensors.set(key, resolve(entry.value, storages, budget));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw failure(name, `tensor ${printable(key)} ${error.message}`);
    }
  }
  return tensors;
}

/** Whether `bytes` begin like a file of `torch.save` (zip, or a pickle of protocol 2). */
export function looksLikeTorchFile(bytes: Uint8Array): boolean {
  const zip = bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
  return zip || (bytes[0] === 0x80 && bytes[1] <= 5);
}

/** A pickled object and the bytes of its storages by key. */
interface TorchContent {
  readonly value: PickleValue;
  readonly storages: ReadonlyMap<string, Uint8Array>;
}

/** Zip: `<root>/data.pkl`, `<root>/data/<key>`, `<root>/byteorder`. */
function readZip(bytes: Uint8Array, name: string): TorchContent {
  const members = readStoredZip(bytes, name);
  const pickles = [...members.keys()].filter((member) => /^[^/]+\/data\.pkl$/.test(member));
  if (pickles.length !== 1) {
    throw failure(name, `the zip has ${pickles.length} members <folder>/data.pkl, not one`);
  }
  const root = pickles[0].slice(0, -"data.pkl".length);
  const order = members.get(`${root}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order.subarray(0, 10)).trim() !== "little") {
    throw failure(name, "its byte order is not little-endian");
  }
  const { rules, named } = torchRules(name);
  const { value, end } = parsePickle(members.get(pickles[0])!, rules);
  if (end !== members.get(pickles[0])!.length) throw failure(name, "bytes follow its pickle");
  const storages = new Map<string, Uint8Array>();
  for (const storage of named.values()) {
    const data = members.get(`${root}data/${storage.key}`);
    if (data === undefined) throw failure(name, `storage ${printable(storage.key)} is missing`);
    checkStorage(storage, data.length, name);
    storages.set(storage.key, data);
  }
  return { value, storages };
}

/** Stream: magic number, protocol, machine, object, list of storage keys, then count and elements of each. */
function readStream(bytes: Uint8Array, name: string): TorchContent {
  const plain: PickleRules = { name, globals: new Map() };
  const magic = parsePickle(bytes, plain);
  if (magic.value !== streamMagic) {
    throw failure(name, "it does not begin with torch's magic number");
  }
  const protocol = parsePickle(bytes, plain, magic.end);
  if (protocol.value !== streamProtocol) {
    throw failure(name, `its protocol is not ${streamProtocol}`);
  }
  const machine = parsePickle(bytes, plain, protocol.end);
  if (!(machine.value instanceof Map) || machine.value.get("little_endian") !== true) {
    throw failure(name, "its byte order is not little-endian");
  }
  const { rules, named } = torchRules(name);
  const object = parsePickle(bytes, rules, machine.end);
  const keys = parsePickle(bytes, plain, object.end);
  if (!Array.isArray(keys.value)) throw failure(name, "it has no list of storages");

  const storages = new Map<string, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = keys.end;
  for (const key of keys.value) {
    const storage = typeof key === "string" ? named.get(key) : undefined;
    if (storage === undefined || storages.has(storage.key)) {
      throw failure(name, `storage ${printable(key)} is repeated or belongs to no tensor`);
    }
    if (at + 8 > bytes.length) throw failure(name, "it is cut off");
    const count = view.getBigInt64(at, true);
    if (count !== BigInt(storage.count)) {
      throw failure(name, `storage ${storage.key} has ${count} elements, not ${storage.count}`);
    }
    const size = storage.count * storedSizes[storage.type];
    at += 8;
    if (at + size > bytes.length) throw failure(name, "it is cut off");
    storages.set(storage.key, bytes.subarray(at, at + size));
    at += size;
  }
  if (at !== bytes.length) throw failure(name, `${bytes.length - at} bytes follow its storages`);
  for (const key of named.keys()) {
    if (!storages.has(key)) throw failure(name, `storage ${printable(key)} is missing`);
  }
  return { value: object.value, storages };
}

/** The globals of a file of weights, and the storages that its persistent ids name. */
function torchRules(name: string): { rules: PickleRules; named: Map<string, Storage> } {
  const named = new Map<string, Storage>();
  const objects = new Map<string, PickleObject<Storage>>();
  const globals = new Map<string, PickleCall | "value">([
    ["collections OrderedDict", orderedDict],
    ["torch._utils _rebuild_tensor_v2", rebuildTensor],
    ["torch._utils _rebuild_parameter", rebuildParameter],
  ]);
  for (const type of storageTypes.keys()) globals.set(type, "value");
  const persistent = (id: PickleValue): PickleObject => {
    const storage = storageOf(id);
    const known = objects.get(storage.key);
    if (known !== undefined) {
      if (known.value.type !== storage.type || known.value.count !== storage.count) {
        throw new TypeError(`storage ${printable(storage.key)} is described twice differently`);
      }
      return known;
    }
    const object = new PickleObject(storage);
    objects.set(storage.key, object);
    named.set(storage.key, storage);
    return object;
  };
  return { rules: { name, globals, persistent }, named };
}

/** `("storage", type, key, location, count)`, in the stream format with a sixth item None. */
function storageOf(id: PickleValue): Storage {
  const items = id instanceof PickleTuple ? id.items : [];
  const [tag, type, key, location, count, view = null] = items;
  const known = type instanceof PickleGlobal ? storageTypes.get(type.name) : undefined;
  if (
    items.length < 5 || items.length > 6 || tag !== "storage" || known === undefined ||
    typeof location !== "string" || typeof key !== "string" || !isCount(count) || view !== null ||
    !/^[A-Za-z0-9_.-]{1,100}$/.test(key)
  ) {
    throw new TypeError("a persistent id that is no storage");
  }
  return { type: known, key, count };
}

const orderedDict: PickleCall = (args) => {
  const dict = new Map<PickleKey, PickleValue>();
  if (args.length === 0) return dict;
  if (args.length !== 1 || !Array.isArray(args[0])) {
    throw new TypeError("OrderedDict of something that is no list");
  }
  for (const pair of args[0]) {
    const items = pair instanceof PickleTuple ? pair.items : pair;
    if (!Array.isArray(items) || items.length !== 2 || typeof items[0] !== "string") {
      throw new TypeError("OrderedDict of something that is no list of names and values");
    }
    dict.set(items[0], items[1]);
  }
  return dict;
};

const rebuildTensor: PickleCall = (args) => {
  const [object, offset, size, stride] = args;
  const storage = object instanceof PickleObject && isStorage(object.value)
    ? object.value
    : undefined;
  if (storage === undefined || args.length < 6 || args.length > 7 || !isCount(offset)) {
    throw new TypeError("a tensor whose storage or offset is wrong");
  }
  const shape = countsOf(size);
  const strides = countsOf(stride);
  if (shape.length !== strides.length) {
    throw new TypeError("a tensor whose size and stride have different lengths");
  }
  return new PickleObject<TensorView>({ storage, offset, shape, strides });
};

const rebuildParameter: PickleCall = (args) => {
  if (args.length !== 3 || !isTensor(args[0])) throw new TypeError("a parameter without a tensor");
  return args[0];
};

/** The state_dict in the pickled object: itself, or an entry of a checkpoint. */
function stateDictOf(value: PickleValue, name: string): Map<PickleKey, PickleValue> {
  if (value instanceof Map) {
    for (const key of stateDictKeys) {
      const inner = value.get(key);
      if (inner instanceof Map) return inner;
    }
    if (value.size > 0) return value;
  }
  throw failure(name, "it holds no state_dict (names and tensors)");
}

/** The tensor's elements in C order. Throws a RangeError whose message continues "tensor x …". */
function resolve(
  tensor: TensorView,
  storages: ReadonlyMap<string, Uint8Array>,
  budget: { left: number },
): NdArray {
  const { storage, offset, shape, strides } = tensor;
  const count = shape.reduce((product, size) => product * size, 1);
  let last = offset; // the farthest element
  for (let axis = 0; axis < shape.length; axis++) last += (shape[axis] - 1) * strides[axis];
  if (count > 0 && !(last < storage.count)) {
    throw new RangeError(`reaches element ${last} of a storage of ${storage.count}`);
  }
  const span = count === 0 ? 0 : last + 1 - offset;
  const size = storedSizes[storage.type];
  budget.left -= (count + span) * Math.max(4, size);
  if (!(budget.left >= 0)) {
    throw new RangeError(
      `of shape [${shape}] makes the tensors larger than ${expansionLimit} times the file`,
    );
  }
  const bytes = storages.get(storage.key)!;
  const source = decodeElements(
    storage.type,
    bytes.subarray(offset * size, (offset + span) * size),
  );
  return { shape, data: isContiguous(shape, strides) ? source : gather(source, shape, strides) };
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** The elements of a strided view in C order. */
function gather(source: NpyData, shape: readonly number[], strides: readonly number[]): NpyData {
  const count = shape.reduce((product, size) => product * size, 1);
  const out = new (source.constructor as new (length: number) => NpyData)(count);
  const rank = shape.length;
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    out[to] = source[from];
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return out;
}

function checkStorage(storage: Storage, length: number, name: string): void {
  const size = storage.count * storedSizes[storage.type];
  if (length !== size) {
    throw failure(name, `storage ${storage.key} has ${length} bytes, its tensors need ${size}`);
  }
}

function isStorage(value: unknown): value is Storage {
  return typeof value === "object" && value !== null && "count" in value;
}

function isTensor(value: PickleValue): value is PickleObject<TensorView> {
  return value instanceof PickleObject && typeof value.value === "object" &&
    value.value !== null && "strides" in value.value;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function countsOf(value: PickleValue | undefined): number[] {
  const items = value instanceof PickleTuple ? value.items : undefined;
  if (items === undefined || items.length > rankLimit || !items.every(isCount)) {
    throw new TypeError("a tensor whose size or stride is wrong");
  }
  return items as number[];
}

function printable(value: unknown): string {
  const text = typeof value === "string" ? value : typeof value;
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function failure(name: string, reason: string): DataError {
  return new DataError(`Cannot read ${name} as a file of torch.save: ${reason}`, {
    remedy:
      "Fetch the file again; weights are a state_dict saved with torch.save, or .safetensors.",
  });
}
