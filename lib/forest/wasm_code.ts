/**
 * A small assembler for WebAssembly with SIMD: functions that return instruction bytes, nested like the
 * text format, so that a kernel can be written beside the code that calls it, with nothing to build.
 * Only what the forest's kernel uses is here. Operands come before the instruction, as on the stack.
 *
 * Encodings: WebAssembly Core Specification 2.0, chapter 5 (binary format).
 *
 * @module
 */

/** Instruction bytes. */
export type Code = readonly number[];

/** Value types by their encoding. */
export const valueTypes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
/** Name of a value type. */
export type ValueType = keyof typeof valueTypes;

/** A local variable of a function. */
export interface Local {
  /** Pushes its value. */
  readonly get: Code;
  /** Stores what `value` pushes. */
  set(value: Code): Code;
}

/** A function of a module. */
export interface WasmFunction {
  /** Name of the export; functions without one are for calls inside the module. */
  readonly name?: string;
  /** Types of the arguments, the first locals of the function. */
  readonly parameters: readonly ValueType[];
  /** Absent where nothing is returned. */
  readonly result?: ValueType;
  /** Types of the further locals; they start at 0. */
  readonly locals: readonly ValueType[];
  /** Must leave exactly the result on the stack. */
  readonly body: Code;
}

const noType = 0x40;

const plain = (opcode: number) => (...operands: Code[]): Code => [...operands.flat(), opcode];
const simd = (opcode: number) => (...operands: Code[]): Code => [
  ...operands.flat(),
  0xfd,
  ...unsigned(opcode),
];
/** A load or store; `align` is the power of two that addresses are a multiple of. */
const access = (opcode: Code, align: number) => (...operands: Code[]): Code => [
  ...operands.flat(),
  ...opcode,
  align,
  0,
];
/** Likewise, `offset` bytes behind the address. */
const accessBehind =
  (opcode: Code, align: number) => (offset: number, ...operands: Code[]): Code => [
    ...operands.flat(),
    ...opcode,
    align,
    ...unsigned(offset),
  ];

/** Instructions on 32-bit integers. */
export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: access([0x28], 2),
  loadBehind: accessBehind([0x28], 2),
  load8: access([0x2d], 0),
  load16: access([0x2f], 1),
  store: access([0x36], 2),
  store8: access([0x3a], 0),
  store16: access([0x3b], 1),
  leadingZeros: plain(0x67),
  trailingZeros: plain(0x68),
  equalsZero: plain(0x45),
  equal: plain(0x46),
  notEqual: plain(0x47),
  notAbove: plain(0x4c), // signed
  lessThan: plain(0x49), // unsigned
  add: plain(0x6a),
  subtract: plain(0x6b),
  multiply: plain(0x6c),
  and: plain(0x71),
  or: plain(0x72),
  shiftLeft: plain(0x74),
  shiftRight: plain(0x76),
  fromF64: plain(0xab), // unsigned; the number must be in its range
  /** The first of two numbers if the condition holds, else the second. */
  select: plain(0x1b),
} as const;

/** Instructions on 64-bit integers. */
export const i64 = {
  const: (value: number): Code => [0x42, ...signed(value)],
  load: access([0x29], 2),
  loadBehind: accessBehind([0x29], 2),
  store: access([0x37], 2),
  add: plain(0x7c),
  xor: plain(0x85),
  shiftLeft: plain(0x86),
  shiftRight: plain(0x88), // unsigned
  rotateLeft: plain(0x89),
  toI32: plain(0xa7),
  fromSignedI32: plain(0xac),
} as const;

/** Instructions on single floats. */
export const f32 = {
  load: access([0x2a], 2),
  store: access([0x38], 2),
  equal: plain(0x5b),
  lessThan: plain(0x5d),
  greaterThan: plain(0x5e),
  add: plain(0x92),
  subtract: plain(0x93),
  divide: plain(0x95),
  zero: [0x43, 0, 0, 0, 0] as Code,
  fromF64: plain(0xb6),
  infinity: [0x43, 0, 0, 0x80, 0x7f] as Code,
} as const;

/** Instructions on double floats. */
export const f64 = {
  const: (value: number): Code => [
    0x44,
    ...new Uint8Array(new Float64Array([value]).buffer), // little-endian, as all hosts of V8 are
  ],
  load: access([0x2b], 3),
  store: access([0x39], 3),
  lessThan: plain(0x63),
  greaterThan: plain(0x64),
  notLessThan: plain(0x66),
  abs: plain(0x99),
  add: plain(0xa0),
  subtract: plain(0xa1),
  multiply: plain(0xa2),
  divide: plain(0xa3),
  max: plain(0xa5),
  copySign: plain(0xa6),
  fromSignedI32: plain(0xb7),
  fromI32: plain(0xb8), // unsigned
  fromF32: plain(0xbb),
} as const;

/** Instructions on pairs of 64-bit integers. */
export const i64x2 = { splat: simd(0x12) } as const;

/** Instructions on pairs of double floats. */
export const f64x2 = {
  splat: simd(0x14),
  notEqual: simd(0x48),
  greaterOrEqual: simd(0x4c),
  abs: simd(0xec),
  add: simd(0xf0),
  subtract: simd(0xf1),
  multiply: simd(0xf2),
  divide: simd(0xf3),
  /** The smaller and the larger of two numbers that are not NaN. */
  least: simd(0xf6),
  largest: simd(0xf7),
  lane: (index: 0 | 1, value: Code): Code => [...value, 0xfd, 0x21, index],
  /** Lanes picked from two vectors: 0 and 1 are the first's, 2 and 3 the second's. */
  shuffle: (first: number, second: number, a: Code, b: Code): Code => [
    ...a,
    ...b,
    0xfd,
    0x0d,
    ...[first, second].flatMap((lane) => Array.from({ length: 8 }, (_, byte) => 8 * lane + byte)),
  ],
} as const;

/** Instructions on four single floats. */
export const f32x4 = {
  const: (...values: [number, number, number, number]): Code => [
    ...[0xfd, 0x0c],
    ...new Uint8Array(new Float32Array(values).buffer),
  ],
  splat: simd(0x13),
  equal: simd(0x41),
  greaterThan: simd(0x44),
  greaterOrEqual: simd(0x46),
  add: simd(0xe4),
  subtract: simd(0xe5),
  multiply: simd(0xe6),
  divide: simd(0xe7),
  /** The smaller of two numbers that are not NaN. */
  min: simd(0xea),
  /** The larger of two numbers that are not NaN. */
  max: simd(0xeb),
  lane: (index: 0 | 1 | 2 | 3, value: Code): Code => [...value, 0xfd, 0x1f, index],
  /** A pair of double floats as single ones, and two zeros. */
  fromF64x2: simd(0x5e),
  /** Lanes picked from two vectors: 0 to 3 are the first's, 4 to 7 the second's. */
  shuffle: (lanes: readonly [number, number, number, number], a: Code, b: Code): Code => [
    ...a,
    ...b,
    ...[0xfd, 0x0d],
    ...lanes.flatMap((lane) => Array.from({ length: 4 }, (_, byte) => 4 * lane + byte)),
  ],
} as const;

/** Instructions on 128 bits, whatever they hold. */
export const v128 = {
  load: access([0xfd, 0x00], 3),
  store: access([0xfd, 0x0b], 3),
  loadBehind: accessBehind([0xfd, 0x00], 3),
  storeBehind: accessBehind([0xfd, 0x0b], 3),
  and: simd(0x4e),
  or: simd(0x50),
  anyTrue: simd(0x53),
  bothTrue: simd(0xc3),
  /** One bit per lane of 64 bits: its sign. */
  signs: simd(0xc4),
  /** One bit per lane of 32 bits: its sign. */
  signs32: simd(0xa4),
  zero: [0xfd, 0x0c, ...new Array(16).fill(0)] as Code,
  /** All bits but the signs of two 64-bit lanes. */
  magnitudes: [0xfd, 0x0c, ...new Array(16).fill(255)].with(9, 127).with(17, 127) as Code,
} as const;

/** An immutable global, by its place among the module's imports. */
export function globalValue(index: number): Code {
  return [0x23, ...unsigned(index)];
}

/** The function's locals, parameters first, in the order of their types. */
export function localsOf<Name extends string>(names: readonly Name[]): Record<Name, Local> {
  return Object.fromEntries(names.map((name, index) => [name, {
    get: [0x20, ...unsigned(index)],
    set: (value: Code) => [...value, 0x21, ...unsigned(index)],
  }])) as unknown as Record<Name, Local>;
}

/** Calls function `index` of the module. */
export function call(index: number, ...operands: Code[]): Code {
  return [...operands.flat(), 0x10, ...unsigned(index)];
}

/** The address of item `index` in an array of items of `bytes` each, a power of two. */
export function itemAt(array: Code, index: Code, bytes: number): Code {
  return i32.add(array, i32.shiftLeft(index, i32.const(Math.log2(bytes))));
}

/** Copies `count` bytes. */
export function memoryCopy(to: Code, from: Code, count: Code): Code {
  return [...to, ...from, ...count, 0xfc, 0x0a, 0, 0];
}

/** Sets `count` bytes to 0. */
export function memoryClear(at: Code, count: Code): Code {
  return [...at, ...i32.const(0), ...count, 0xfc, 0x0b, 0];
}

/** `while (condition) body`. */
export function whileLoop(condition: Code, ...body: Code[]): Code {
  return [
    ...[0x02, noType, 0x03, noType], // block, loop
    ...i32.equalsZero(condition),
    ...[0x0d, 1], // leave the block
    ...body.flat(),
    ...[0x0c, 0, 0x0b, 0x0b], // repeat the loop
  ];
}

/** `do body while (condition)`. */
export function repeatWhile(condition: Code, ...body: Code[]): Code {
  return [0x03, noType, ...body.flat(), ...condition, 0x0d, 0, 0x0b];
}

/** `do body while (!found && more)`. */
export function searchWhile(found: Code, more: Code, ...body: Code[]): Code {
  return [
    ...[0x02, noType, 0x03, noType], // block, loop
    ...body.flat(),
    ...[...found, 0x0d, 1], // leave the block
    ...[...more, 0x0d, 0, 0x0b, 0x0b], // repeat the loop
  ];
}

/** `if (condition) { then } else { otherwise }`. */
export function ifElse(condition: Code, then: readonly Code[], otherwise: readonly Code[]): Code {
  return [...condition, 0x04, noType, ...then.flat(), 0x05, ...otherwise.flat(), 0x0b];
}

/** `if (condition) { then }`. */
export function ifThen(condition: Code, ...then: Code[]): Code {
  return [...condition, 0x04, noType, ...then.flat(), 0x0b];
}

/**
 * A module's bytes. It imports a shared memory `env.memory` of a fixed size, and immutable globals
 * `env.<name>`. (The bounds of a memory that can grow would be read anew at every access.)
 *
 * @param pages of the memory, 64 KiB each
 * @param globals names and types of the globals, in the order of `globalValue`
 * @param functions in the order of `call`
 */
export function moduleBytes(
  pages: number,
  globals: Readonly<Record<string, ValueType>>,
  functions: readonly WasmFunction[],
): Uint8Array<ArrayBuffer> {
  const imports = [
    [...text("env"), ...text("memory"), 0x02, 0x03, ...unsigned(pages), ...unsigned(pages)],
    ...Object.entries(globals).map(([name, type]) => [
      ...text("env"),
      ...text(name),
      0x03,
      valueTypes[type],
      0x00,
    ]),
  ];
  const signatures = functions.map(({ parameters, result }) => [
    0x60,
    ...vector(parameters.map((type) => [valueTypes[type]])),
    ...vector(result === undefined ? [] : [[valueTypes[result]]]),
  ]);
  const exported = functions.flatMap(({ name }, index) =>
    name === undefined ? [] : [[...text(name), 0x00, ...unsigned(index)]]
  );
  const bodies = functions.map(({ locals, body }) => {
    const code = [...vector(locals.map((type) => [1, valueTypes[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, signatures),
    ...section(2, imports),
    ...section(3, functions.map((_, index) => unsigned(index))),
    ...section(7, exported),
    ...section(10, bodies),
  ]);
}

function section(id: number, items: readonly Code[]): Code {
  const content = vector(items);
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): Code {
  const bytes = new TextEncoder().encode(name);
  return [...unsigned(bytes.length), ...bytes];
}

/** LEB128 of a number in [0, 2^32). */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

/** Signed LEB128 of a 32-bit integer. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (; value < -64 || value > 63; value >>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value & 127];
}
