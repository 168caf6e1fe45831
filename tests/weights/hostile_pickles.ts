/**
 * Pickles that would run code, exhaust memory or confuse a careless reader: title, bytes, and what the
 * error must say. Made by hand from the list of operations in CPython's `pickletools`.
 *
 * @module
 */

import { bytesOf, repeat, unicode } from "./byte_parts.ts";

/** The first three pickles of torch's stream format; the object follows. */
export const streamHead = bytesOf(
  [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
  ".",
  [0x80, 2],
  "M\xe9\x03.",
  [0x80, 2],
  "}",
  unicode("little_endian"),
  [0x88],
  "s.",
);

/** One hostile pickle. */
export type HostilePickle = readonly [title: string, bytes: Uint8Array, message: RegExp];

function u32(value: number): number[] {
  return [value & 255, value >>> 8 & 255, value >>> 16 & 255, value >>> 24 & 255];
}

function u64(value: bigint): number[] {
  return Array.from({ length: 8 }, (_, i) => Number(value >> BigInt(8 * i) & 255n));
}

const proto = (version: number) => [0x80, version];
const tensorCall = "ctorch._utils\n_rebuild_tensor_v2\n";
const orderedDict = "ccollections\nOrderedDict\n";
const floatStorage = "ctorch\nFloatStorage\n";
const command = "S'touch /tmp/owned'\n";
const commandText = unicode("touch /tmp/owned");
/** A valid persistent id of a storage "0" with 4 floats, and BINPERSID. */
const storage = bytesOf(
  "(",
  unicode("storage"),
  floatStorage,
  unicode("0"),
  unicode("cpu"),
  "K\x04tQ",
);

/** Globals of Python that have been used in attacks on files of weights. */
const dangerous = [
  ["os", "system"],
  ["posix", "system"],
  ["nt", "system"],
  ["subprocess", "Popen"],
  ["subprocess", "check_output"],
  ["builtins", "eval"],
  ["builtins", "exec"],
  ["builtins", "getattr"],
  ["builtins", "__import__"],
  ["__builtin__", "eval"],
  ["__builtin__", "apply"],
  ["importlib", "import_module"],
  ["runpy", "_run_code"],
  ["pty", "spawn"],
  ["code", "InteractiveInterpreter"],
  ["operator", "attrgetter"],
  ["functools", "partial"],
  ["types", "FunctionType"],
  ["webbrowser", "open"],
  ["socket", "create_connection"],
  ["shutil", "rmtree"],
  ["pickle", "loads"],
  ["_pickle", "loads"],
  ["torch", "load"],
  ["torch.hub", "load"],
  ["torch.serialization", "load"],
  ["torch._utils", "_rebuild_tensor"],
  ["torch.storage", "_load_from_bytes"],
  ["torch.jit", "load"],
  ["torch._inductor.codecache", "compile_file"],
  ["numpy.core.multiarray", "_reconstruct"],
  ["collections", "defaultdict"],
  ["collections", "OrderedDict.__init__"],
  ["copyreg", "_reconstructor"],
] as const;

/** The list. */
export const hostilePickles: readonly HostilePickle[] = [
  ...dangerous.map(([module, name]): HostilePickle => [
    `${module}.${name} by GLOBAL`,
    bytesOf(proto(2), `c${module}\n${name}\n`, "(", commandText, "tR."),
    new RegExp(`${module}\\.${name}.*nothing was executed`),
  ]),
  ...dangerous.slice(0, 12).map(([module, name]): HostilePickle => [
    `${module}.${name} by STACK_GLOBAL`,
    bytesOf(proto(4), unicode(module), unicode(name), 0x93, commandText, 0x85, "R."),
    new RegExp(`${module}\\.${name}.*nothing was executed`),
  ]),
  ["os.system by INST", bytesOf(`(${command}ios\nsystem\n.`), /STRING|os\.system/],
  ["os.system by INST, text argument", bytesOf("(", commandText, "ios\nsystem\n."), /os\.system/],
  ["os.system by OBJ", bytesOf("(cos\nsystem\n", commandText, "o."), /os\.system/],
  ["an allowed global by OBJ", bytesOf(`(${orderedDict}o.`), /operation OBJ/],
  ["NEWOBJ of an allowed global", bytesOf(proto(2), orderedDict, ")", 0x81, "."), /NEWOBJ/],
  ["NEWOBJ_EX", bytesOf(proto(4), orderedDict, ")}", 0x92, "."), /NEWOBJ_EX/],
  ["EXT1", bytesOf(proto(2), 0x82, 1, "."), /EXT1/],
  ["EXT2", bytesOf(proto(2), 0x83, 1, 0, "."), /EXT2/],
  ["EXT4", bytesOf(proto(2), 0x84, 1, 0, 0, 0, "."), /EXT4/],
  ["BUILD on a tensor call", bytesOf(tensorCall, "}b."), /BUILD/],
  ["BUILD on a list", bytesOf("]}b."), /BUILD/],
  [
    "BUILD with slots",
    bytesOf(orderedDict, ")R", "}", unicode("__class__"), "Ns}", 0x86, "b."),
    /BUILD/,
  ],
  ["BUILD of nothing", bytesOf("}b."), /empty stack|BUILD/],
  ["PERSID", bytesOf("Pos.system\n."), /PERSID/],
  ["a persistent id that is text", bytesOf(unicode("storage"), "Q."), /persistent id/],
  ["a persistent id of a module", bytesOf("(", unicode("module"), "NNNtQ."), /persistent id/],
  [
    "a persistent id whose type is a call",
    bytesOf("(", unicode("storage"), tensorCall, unicode("0"), unicode("cpu"), "K\x04tQ."),
    /persistent id/,
  ],
  [
    "a persistent id that climbs folders",
    bytesOf("(", unicode("storage"), floatStorage, unicode("../../x"), unicode("cpu"), "K\x04tQ."),
    /persistent id/,
  ],
  [
    "a persistent id with a negative count",
    bytesOf(
      "(",
      unicode("storage"),
      floatStorage,
      unicode("0"),
      unicode("cpu"),
      "J",
      u32(-1),
      "tQ.",
    ),
    /persistent id/,
  ],
  [
    "a persistent id with a view",
    bytesOf("(", unicode("storage"), floatStorage, unicode("0"), unicode("cpu"), "K\x04K\x01tQ."),
    /persistent id/,
  ],
  ["one storage described twice", bytesOf(storage, "0", storageOf(5), "."), /described twice/],
  ["a storage type that is called", bytesOf(floatStorage, ")R."), /torch\.FloatStorage\(\)/],
  ["a call of a number", bytesOf("K\x01)R."), /no global/],
  ["a call of a dict", bytesOf("})R."), /no global/],
  ["a call with a list of arguments", bytesOf(orderedDict, "]R."), /no tuple/],
  ["a tensor without a storage", bytesOf(tensorCall, "(K\x00K\x00))", 0x89, "NtR."), /storage/],
  ["a tensor without arguments", bytesOf(tensorCall, ")R."), /storage/],
  [
    "a tensor with a negative size",
    bytesOf(tensorCall, "(", storage, "K\x00J", u32(-4), 0x85, "K\x01", 0x85, 0x89, "NtR."),
    /size or stride/,
  ],
  [
    "a tensor with text as size",
    bytesOf(tensorCall, "(", storage, "K\x00", unicode("4"), "K\x01", 0x85, 0x89, "NtR."),
    /size or stride/,
  ],
  [
    "a tensor of rank 300",
    bytesOf(tensorCall, "(", storage, "K\x00(", repeat("K\x01", 300), "t)", 0x89, "NtR."),
    /size or stride/,
  ],
  [
    "a tensor with more sizes than strides",
    bytesOf(tensorCall, "(", storage, "K\x00K\x04", 0x85, ")", 0x89, "NtR."),
    /different lengths/,
  ],
  [
    "a parameter of a number",
    bytesOf("ctorch._utils\n_rebuild_parameter\n(K\x01", 0x89, "NtR."),
    /parameter/,
  ],
  ["an OrderedDict of numbers", bytesOf(orderedDict, "](K\x01K\x02e", 0x85, "R."), /OrderedDict/],
  ["an OrderedDict of a dict", bytesOf(orderedDict, "}", 0x85, "R."), /OrderedDict/],
  ["a memo place never filled", bytesOf("h\x07."), /memo place 7/],
  ["a memo place by text", bytesOf("g99999999999999999999\n."), /memo place/],
  ["a global swapped in the memo", bytesOf(orderedDict, "q\x000K\x01q\x000h\x00)R."), /no global/],
  ["a mark popped as a value", bytesOf("(R."), /empty stack/],
  ["TUPLE without a mark", bytesOf("K\x01t."), /no mark/],
  ["SETITEMS on a list", bytesOf("](K\x01K\x02u."), /no dict/],
  ["SETITEM on an OrderedDict's class", bytesOf(orderedDict, "K\x01K\x02s."), /no dict/],
  ["APPEND to a tuple", bytesOf(")K\x01a."), /no list/],
  ["a key without a value", bytesOf("}(K\x01u."), /without a value/],
  ["a dict with a list as key", bytesOf("}]K\x01s."), /key/],
  ["a dict with None as key", bytesOf("}NK\x01s."), /key/],
  ["values left on the stack", bytesOf("K\x01K\x02."), /left over/],
  ["STOP inside a mark", bytesOf("K\x01(K\x02."), /left over/],
  ["STOP at once", bytesOf("."), /empty stack/],
  ["no STOP", bytesOf("K\x01"), /are left/],
  ["empty", bytesOf(), /are left/],
  ["protocol 9", bytesOf(0x80, 9, "."), /protocol 9/],
  ["a text of 4 GiB", bytesOf("X", u32(0xffffffff), "."), /4294967295 bytes/],
  ["a text of 2^63 bytes", bytesOf(0x8d, u64(2n ** 63n), "."), /9223372036854775808/],
  ["bytes of 2^64 - 1", bytesOf(0x8e, u64(2n ** 64n - 1n), "."), /bytes more/],
  ["a frame of 2^62 bytes", bytesOf(0x95, u64(2n ** 62n), "."), /bytes more/],
  ["an integer of 2 GiB", bytesOf(0x8b, u32(0x7fffffff), "."), /an integer of 2147483647/],
  ["an integer of -1 bytes", bytesOf(0x8b, u32(-1), "."), /an integer of -1/],
  ["a decimal of 5,000 digits", bytesOf("L", "9".repeat(5000), "L\n."), /line/],
  ["a decimal of 500 digits", bytesOf("L", "9".repeat(500), "L\n."), /number/],
  ["a number that is code", bytesOf("Fos.system\n."), /number/],
  ["a string that Python would evaluate", bytesOf("S'x'\n."), /STRING/],
  ["a text with escapes", bytesOf("V\\u0041\n."), /UNICODE/],
  ["a text that is not UTF-8", bytesOf(0x8c, 2, 0xff, 0xfe, "."), /UTF-8/],
  ["a set", bytesOf(0x8f, "."), /EMPTY_SET/],
  ["a bytearray", bytesOf(0x96, u64(0n), "."), /BYTEARRAY8/],
  ["an out-of-band buffer", bytesOf(0x97, "."), /NEXT_BUFFER/],
  ["an operation that does not exist", bytesOf(0xff, "."), /no operation 0xff/],
  ["STACK_GLOBAL of numbers", bytesOf("K\x01K\x02", 0x93, "."), /not text/],
  ["a global with a line as long as a book", bytesOf("c", "a".repeat(5000), "\nb\n."), /line/],
  ["a global name that forges the message", bytesOf('cos\n\x1b[2J"system\n.'), /os\.\\u001b/],
  ["a mark a million times", bytesOf(repeat("(", 1_000_000)), /operations/],
  ["a dict a million times", bytesOf(repeat("}", 1_000_000)), /operations/],
  [
    "a list copied by calls ten thousand times",
    bytesOf(
      "](",
      repeat("\x8c\x01aN\x86", 5_000),
      "eq\x000",
      repeat(`${orderedDict}h\x00\x85R0`, 10_000),
    ),
    /more than 400000 operations/,
  ],
];

function storageOf(count: number): Uint8Array {
  const name = [unicode("storage"), floatStorage, unicode("0"), unicode("cpu")];
  return bytesOf("(", ...name, "K", count, "tQ");
}

/** Deep and self-containing structures that are harmless: they must be read, or refused, at once. */
export const strangePickles: readonly (readonly [title: string, bytes: Uint8Array])[] = [
  ["a list in itself", bytesOf("]q\x00h\x00a.")],
  ["a dict in itself", bytesOf("}q\x00", unicode("self"), "h\x00s.")],
  ["tuples nested 100,000 deep", bytesOf(")", repeat("\x85", 100_000), ".")],
  ["lists nested 100,000 deep", bytesOf(repeat("]", 100_000), repeat("a", 99_999), ".")],
  ["2^60 leaves by doubling", bytesOf(")", repeat("2\x86", 60), ".")],
  ["__proto__ as a key", bytesOf("}", unicode("__proto__"), "}", unicode("polluted"), "K\x01ss.")],
];
