/**
 * Python's pickle format as data only. Nothing is ever called: the few globals that a file of weights
 * needs are on a list and have a fixed meaning here; any other global, and every operation that builds
 * objects in another way, is an error that names it. Work and memory are bounded, containers are
 * arrays and `Map`s, and nothing recurses.
 *
 * Reference: CPython's `pickletools` (the list of operations, protocols 0 to 5).
 *
 * @module
 */
import { DataError } from "../base/errors.ts";

/** A global on the list, as it stands in the data. */
export class PickleGlobal {
  /** `name`: module and name with a space between, e.g. "torch FloatStorage". */
  constructor(readonly name: string) {}
}

/** A Python tuple. */
export class PickleTuple {
  /** `items` in Python's order. */
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A value that stands for a persistent id or the result of a global, made by the caller. */
export class PickleObject<T = unknown> {
  /** `value` as the caller's rules made it. */
  constructor(readonly value: T) {}
}

/** What a pickle may hold: None is null, dict and OrderedDict are `Map`, list is an array. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleGlobal
  | PickleObject
  | PickleValue[]
  | Map<PickleKey, PickleValue>;

/** Keys of a dict that are accepted. */
export type PickleKey = string | number | bigint | boolean;

/** What the reader of one kind of file allows. */
export interface PickleRules {
  /** The file's name, for messages. */
  readonly name: string;
  /** Globals by `"module name"`: what calling one gives, or `"value"` for one that is only named. */
  readonly globals: ReadonlyMap<string, PickleCall | "value">;
  /** The object behind a persistent id. Without it persistent ids are an error. */
  readonly persistent?: (id: PickleValue) => PickleObject;
  /** Most operations, counting each moved item. Default 400,000 (a WideResNet-50-2 needs 20,000). */
  readonly steps?: number;
  /** Most bytes of one pickle (without the storages, which lie outside it). Default 16 MiB. */
  readonly bytes?: number;
}

/** The meaning of calling a global with these arguments; throws for arguments of a wrong kind. */
export type PickleCall = (args: readonly PickleValue[]) => PickleValue;

/** One value and where the bytes after it begin. */
export interface PickleResult {
  /** The one object of the pickle. */
  readonly value: PickleValue;
  /** Position of the byte after the pickle's last one. */
  readonly end: number;
}

/** Longest text line of protocol 0, and of a global's name. */
const lineLimit = 1000;
/** Longest integer in bytes. */
const integerLimit = 32;
const defaultSteps = 400_000;
const defaultBytes = 16 * 2 ** 20;

/**
 * Reads one pickled value that begins at `start`.
 *
 * @throws {DataError} for a global that is not allowed, an operation that is not data, or damage
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const bytes = new Uint8Array([0x80, 2, 0x4b, 1, 0x4b, 2, 0x86, 0x2e]); // (1, 2)
 * const { value } = parsePickle(bytes, { name: "example", globals: new Map() });
 * assert.deepEqual((value as PickleTuple).items, [1, 2]);
 * ```
 */
export function parsePickle(bytes: Uint8Array, rules: PickleRules, start = 0): PickleResult {
  return new PickleReader(bytes, rules, start).read();
}

class PickleReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #rules: PickleRules;
  readonly #memo = new Map<number, PickleValue>();
  readonly #outer: PickleValue[][] = []; // stacks below the marks
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #stack: PickleValue[] = [];
  #at: number;
  #steps: number;

  constructor(bytes: Uint8Array, rules: PickleRules, start: number) {
    this.#bytes = bytes.subarray(0, start + (rules.bytes ?? defaultBytes));
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, this.#bytes.length);
    this.#rules = rules;
    this.#at = start;
    this.#steps = rules.steps ?? defaultSteps;
  }

  read(): PickleResult {
    for (;;) {
      this.#spend(1);
      const at = this.#at;
      const operation = this.#byte();
      if (operation === 0x2e) { // STOP
        const value = this.#pop();
        if (this.#stack.length > 0 || this.#outer.length > 0) throw this.#fail("values left over");
        return { value, end: this.#at };
      }
      this.#apply(operation, at);
    }
  }

  #apply(operation: number, at: number): void {
    switch (operation) {
      case 0x80: { // PROTO
        const protocol = this.#byte();
        if (protocol > 5) throw this.#fail(`protocol ${protocol}`);
        return;
      }
      case 0x95: // FRAME
        this.#length8();
        return;

      // Constants and numbers.
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#byte());
      case 0x4d: // BININT2
        return this.#push(this.#view.getUint16(this.#take(2), true));
      case 0x4a: // BININT
        return this.#push(this.#view.getInt32(this.#take(4), true));
      case 0x8a: // LONG1
        return this.#push(this.#integer(this.#byte()));
      case 0x8b: // LONG4
        return this.#push(this.#integer(this.#view.getInt32(this.#take(4), true)));
      case 0x49: { // INT
        const text = this.#line();
        if (text === "00" || text === "01") return this.#push(text === "01");
        return this.#push(this.#decimal(text));
      }
      case 0x4c: // LONG
        return this.#push(this.#decimal(this.#line().replace(/L$/, "")));
      case 0x47: // BINFLOAT
        return this.#push(this.#view.getFloat64(this.#take(8), false));
      case 0x46: { // FLOAT
        const text = this.#line();
        if (!/^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|inf|nan)$/.test(text)) {
          throw this.#fail(`number ${JSON.stringify(text)}`);
        }
        return this.#push(Number(text.replace("inf", "Infinity").replace("nan", "NaN")));
      }

      // Text and bytes.
      case 0x58: // BINUNICODE
        return this.#push(this.#text(this.#view.getUint32(this.#take(4), true)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(this.#byte()));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(this.#length8()));
      case 0x55: // SHORT_BINSTRING
        return this.#push(this.#text(this.#byte()));
      case 0x54: // BINSTRING
        return this.#push(this.#text(this.#view.getInt32(this.#take(4), true)));
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#slice(this.#byte()));
      case 0x42: // BINBYTES
        return this.#push(this.#slice(this.#view.getUint32(this.#take(4), true)));
      case 0x8e: // BINBYTES8
        return this.#push(this.#slice(this.#length8()));

      // Containers.
      case 0x28: // MARK
        this.#outer.push(this.#stack);
        this.#stack = [];
        return;
      case 0x5d: // EMPTY_LIST
        return this.#push([]);
      case 0x6c: // LIST
        return this.#push(this.#sinceMark());
      case 0x61: { // APPEND
        const item = this.#pop();
        this.#list().push(item);
        return;
      }
      case 0x65: { // APPENDS
        const items = this.#sinceMark();
        const list = this.#list();
        for (const item of items) list.push(item);
        return;
      }
      case 0x29: // EMPTY_TUPLE
        return this.#push(new PickleTuple([]));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: { // TUPLE3
        const items: PickleValue[] = [];
        for (let i = 0x84; i < operation; i++) items.unshift(this.#pop());
        return this.#push(new PickleTuple(items));
      }
      case 0x74: // TUPLE
        return this.#push(new PickleTuple(this.#sinceMark()));
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x64: { // DICT
        const dict = new Map<PickleKey, PickleValue>();
        this.#setItems(dict, this.#sinceMark());
        return this.#push(dict);
      }
      case 0x73: { // SETITEM
        const value = this.#pop();
        const key = this.#pop();
        this.#setItems(this.#dict(), [key, value]);
        return;
      }
      case 0x75: { // SETITEMS
        const items = this.#sinceMark();
        this.#setItems(this.#dict(), items);
        return;
      }

      // The stack and the memo.
      case 0x30: // POP
        if (this.#stack.length === 0 && this.#outer.length > 0) this.#sinceMark();
        else this.#pop();
        return;
      case 0x31: // POP_MARK
        this.#sinceMark();
        return;
      case 0x32: // DUP
        return this.#push(this.#top());
      case 0x71: // BINPUT
        return this.#put(this.#byte());
      case 0x72: // LONG_BINPUT
        return this.#put(this.#view.getUint32(this.#take(4), true));
      case 0x70: // PUT
        return this.#put(this.#index(this.#line()));
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);
      case 0x68: // BINGET
        return this.#get(this.#byte());
      case 0x6a: // LONG_BINGET
        return this.#get(this.#view.getUint32(this.#take(4), true));
      case 0x67: // GET
        return this.#get(this.#index(this.#line()));

      // Globals, by list only.
      case 0x63: { // GLOBAL
        const module = this.#line();
        return this.#push(this.#global(module, this.#line()));
      }
      case 0x93: { // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof module !== "string" || typeof name !== "string") {
          throw this.#fail("a global whose name is not text");
        }
        return this.#push(this.#global(module, name));
      }
      case 0x52: { // REDUCE
        const args = this.#pop();
        const callee = this.#pop();
        if (!(args instanceof PickleTuple)) throw this.#fail("a call whose arguments are no tuple");
        return this.#push(this.#call(callee, args.items));
      }
      case 0x62: { // BUILD: an OrderedDict's own fields, such as _metadata, are of no use here
        const state = this.#pop();
        if (!(this.#top() instanceof Map) || !(state instanceof Map)) {
          throw this.#fail("operation BUILD on something other than a dict");
        }
        return;
      }
      case 0x51: { // BINPERSID
        if (this.#rules.persistent === undefined) throw this.#fail("a persistent id");
        return this.#push(this.#guard(() => this.#rules.persistent!(this.#pop())));
      }
      case 0x69: { // INST
        const module = this.#line();
        throw this.#refused(`${module}.${this.#line()}`);
      }
    }
    const name = refusedOperations.get(operation);
    throw name === undefined
      ? this.#fail(`no operation ${hex(operation)} (at byte ${at})`)
      : this.#fail(`operation ${name} (at byte ${at}), which files of weights do not use`);
  }

  #global(module: string, name: string): PickleGlobal {
    if (module.length + name.length > lineLimit) throw this.#fail("a global with a long name");
    const full = `${module} ${name}`;
    if (!this.#rules.globals.has(full)) throw this.#refused(`${module}.${name}`);
    return new PickleGlobal(full);
  }

  #call(callee: PickleValue, args: readonly PickleValue[]): PickleValue {
    const call = callee instanceof PickleGlobal ? this.#rules.globals.get(callee.name) : undefined;
    if (call === undefined) throw this.#fail("a call of something that is no global");
    if (call === "value") {
      throw this.#refused(`${(callee as PickleGlobal).name.replace(" ", ".")}()`);
    }
    for (const arg of args) if (Array.isArray(arg)) this.#spend(arg.length);
    this.#spend(args.length);
    return this.#guard(() => call(args));
  }

  /** Runs `make`, and says where a complaint of it came from. */
  #guard<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) {
        throw this.#fail(error.message);
      }
      throw error;
    }
  }

  #setItems(dict: Map<PickleKey, PickleValue>, items: readonly PickleValue[]): void {
    if (items.length % 2 !== 0) throw this.#fail("a dict with a key without a value");
    for (let i = 0; i < items.length; i += 2) dict.set(this.#key(items[i]), items[i + 1]);
  }

  #key(value: PickleValue): PickleKey {
    const type = typeof value;
    if (type === "string" || type === "number" || type === "bigint" || type === "boolean") {
      return value as PickleKey;
    }
    throw this.#fail("a dict with a key that is neither text nor a number");
  }

  #list(): PickleValue[] {
    const top = this.#top();
    if (!Array.isArray(top)) throw this.#fail("an append to something that is no list");
    return top;
  }

  #dict(): Map<PickleKey, PickleValue> {
    const top = this.#top();
    if (!(top instanceof Map)) throw this.#fail("a key set in something that is no dict");
    return top;
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #top(): PickleValue {
    if (this.#stack.length === 0) throw this.#fail("an empty stack");
    return this.#stack[this.#stack.length - 1];
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #sinceMark(): PickleValue[] {
    const below = this.#outer.pop();
    if (below === undefined) throw this.#fail("no mark");
    const items = this.#stack;
    this.#stack = below;
    this.#spend(items.length);
    return items;
  }

  #put(index: number): void {
    this.#memo.set(index, this.#top());
  }

  #get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#fail(`nothing in memo place ${index}`);
    this.#push(value);
  }

  #byte(): number {
    return this.#bytes[this.#take(1)];
  }

  /** Where the next `count` bytes begin; the place moves behind them. */
  #take(count: number): number {
    if (!(count >= 0) || count > this.#bytes.length - this.#at) {
      throw this.#fail(`needs ${count} bytes more, ${this.#bytes.length - this.#at} are left`);
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }

  #slice(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  #text(count: number): string {
    const bytes = this.#slice(count);
    try {
      return this.#decoder.decode(bytes);
    } catch {
      throw this.#fail("text that is not UTF-8");
    }
  }

  #line(): string {
    const from = this.#at;
    const end = this.#bytes.subarray(from, from + lineLimit + 1).indexOf(0x0a);
    if (end < 0) throw this.#fail("a text line without an end");
    this.#at = from + end + 1;
    const text = String.fromCharCode(...this.#bytes.subarray(from, from + end));
    // A line end of Windows belongs to the line end.
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  }

  #length8(): number {
    const length = this.#view.getBigUint64(this.#take(8), true);
    if (length > BigInt(this.#bytes.length)) throw this.#fail(`needs ${length} bytes more`);
    return Number(length);
  }

  /** A two's complement integer of `count` bytes. */
  #integer(count: number): number | bigint {
    if (count < 0 || count > integerLimit) throw this.#fail(`an integer of ${count} bytes`);
    const bytes = this.#slice(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[i]);
    return plain(BigInt.asIntN(8 * count, value));
  }

  #decimal(text: string): number | bigint {
    if (!/^[+-]?\d{1,78}$/.test(text)) throw this.#fail(`number ${JSON.stringify(text)}`);
    return plain(BigInt(text.replace(/^\+/, "")));
  }

  #index(text: string): number {
    if (!/^\d{1,10}$/.test(text)) throw this.#fail(`memo place ${JSON.stringify(text)}`);
    return Number(text);
  }

  #spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) {
      throw this.#fail(`more than ${this.#rules.steps ?? defaultSteps} operations`);
    }
  }

  #refused(global: string): DataError {
    return new DataError(
      `Cannot read ${this.#rules.name}: its pickle asks for ${printable(global)}, ` +
        "which is not on the list of what a file of weights may hold; nothing was executed",
      {
        remedy: "Use weights saved as a plain state_dict, or a .safetensors file, " +
          "from a source that you trust.",
      },
    );
  }

  #fail(reason: string): DataError {
    return new DataError(
      `Cannot read ${this.#rules.name}: its pickle is damaged or not one of weights ` +
        `(${reason}, before byte ${this.#at})`,
      { remedy: "Fetch the file again; weights are a state_dict saved with torch.save." },
    );
  }
}

/** Operations that are known and refused: they build objects, or need an extension registry. */
const refusedOperations: ReadonlyMap<number, string> = new Map([
  [0x50, "PERSID"],
  [0x53, "STRING"],
  [0x56, "UNICODE"],
  [0x6f, "OBJ"],
  [0x81, "NEWOBJ"],
  [0x82, "EXT1"],
  [0x83, "EXT2"],
  [0x84, "EXT4"],
  [0x8f, "EMPTY_SET"],
  [0x90, "ADDITEMS"],
  [0x91, "FROZENSET"],
  [0x92, "NEWOBJ_EX"],
  [0x96, "BYTEARRAY8"],
  [0x97, "NEXT_BUFFER"],
  [0x98, "READONLY_BUFFER"],
]);

function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

/** A name from the file, safe to print and at most 100 characters long. */
function printable(name: string): string {
  const short = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return JSON.stringify(short).slice(1, -1);
}
