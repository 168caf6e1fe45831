import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import { RandomState } from "../../lib/base/random.ts";
import {
  parsePickle,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from "../../lib/weights/pickle.ts";
import { parseTorchFile } from "../../lib/weights/torch_file.ts";
import { bytesOf, type Part, unicode } from "./byte_parts.ts";
import { hostilePickles, strangePickles } from "./hostile_pickles.ts";

/** The first three pickles of torch's stream format; the object follows. */
const streamHead = bytesOf(
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
const noGlobals = { name: "test.pkl", globals: new Map() };

Deno.test("every hostile pickle is a DataError that says why, within a second", () => {
  assert.ok(hostilePickles.length >= 100);
  const before = Deno.memoryUsage().rss;
  for (const [title, bytes, message] of hostilePickles) {
    const start = performance.now();
    assert.throws(
      () => parseTorchFile(bytesOf(streamHead, bytes), "evil.pth"),
      (error) => {
        assert.ok(error instanceof DataError, `${title}: ${error}`);
        assert.match(error.message, message, title);
        assert.match(error.message, /^Cannot read evil\.pth/, title);
        assert.ok(error.remedy!.length > 0, title);
        return true;
      },
    );
    const seconds = (performance.now() - start) / 1000;
    assert.ok(seconds < 1, `${title} took ${seconds} s`);
  }
  const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 256, `memory grew by ${grown} MiB`);
});

Deno.test("deep, cyclic and doubling structures are read without recursion", () => {
  for (const [title, bytes] of strangePickles) {
    const start = performance.now();
    parsePickle(bytes, noGlobals);
    assert.ok(performance.now() - start < 1000, title);
    assert.throws(() => parseTorchFile(bytesOf(streamHead, bytes, "]."), "odd.pth"), DataError);
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("values of every protocol come out as Python means them", () => {
  const read = (...parts: readonly Part[]) => parsePickle(bytesOf(...parts), noGlobals);
  assert.equal(read("N.").value, null);
  assert.equal(read("I01\n.").value, true);
  assert.equal(read("I-12\n.").value, -12);
  assert.equal(read("L123L\n.").value, 123);
  assert.equal(read("F-1.5e3\n.").value, -1500);
  assert.equal(read("J\xfe\xff\xff\xff.").value, -2);
  assert.equal(read("M\x01\x02.").value, 0x201);
  assert.equal(read([0x8a, 0], ".").value, 0);
  assert.equal(read([0x8a, 2, 0, 0x80], ".").value, -32768);
  assert.equal(read([0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1], ".").value, 2n ** 64n);
  assert.equal(read("G", [0x3f, 0xf8, 0, 0, 0, 0, 0, 0], ".").value, 1.5);
  assert.equal(read(unicode("é€"), ".").value, "é€");
  assert.equal(read("U\x02ab.").value, "ab");
  assert.deepEqual(read("C\x02ab.").value, new Uint8Array([97, 98]));
  assert.deepEqual(read("](K\x01K\x02e.").value, [1, 2]);
  assert.deepEqual(read("(K\x01K\x02l.").value, [1, 2]);
  assert.deepEqual(read("(K\x01K\x02d.").value, new Map([[1, 2]]));
  assert.deepEqual(read("K\x01K\x02K\x03\x87.").value, new PickleTuple([1, 2, 3]));
  assert.deepEqual(read("K\x07q\x000K\x08h\x00\x86.").value, new PickleTuple([8, 7]));
  assert.deepEqual(read("K\x07\x940(h\x00h\x00t.").value, new PickleTuple([7, 7]));
  assert.deepEqual(read("K\x01(K\x0210K\x02.").value, 2);
  assert.equal(read("K\x01.K\x02.").end, 3);
});

Deno.test("allowed globals mean what the rules say, and nothing else does", () => {
  const rules = {
    name: "rules.pkl",
    globals: new Map([["a b", (args: readonly PickleValue[]) => args.length]]),
    persistent: (id: PickleValue) => new PickleObject(id),
  };
  assert.equal(parsePickle(bytesOf("ca\nb\n(K\x01K\x02tR."), rules).value, 2);
  assert.deepEqual(parsePickle(bytesOf("K\x05Q."), rules).value, new PickleObject(5));
  assert.throws(() => parsePickle(bytesOf("ca b\n\n)R."), rules), /a b\./);
  assert.throws(() => parsePickle(bytesOf("K\x05Q."), noGlobals), /persistent id/);
});

Deno.test("100,000 random and mutated pickles end as data or as a DataError, fast", () => {
  const random = new RandomState(20260101);
  const operations = bytesOf(
    "()]}.0125:aehlqrstudbcQRKMJNGIFLXUTC",
    [0x80, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x93, 0x94, 0x95],
  );
  const valid = hostilePickles.map(([, bytes]) => bytes).filter((bytes) => bytes.length < 500);
  const words = [
    "ctorch._utils\n_rebuild_tensor_v2\n",
    "ccollections\nOrderedDict\n",
    "ctorch\nFloatStorage\n",
    "cos\nsystem\n",
  ].map((word) => bytesOf(word));
  let slowest = 0;
  let refused = 0;
  const start = performance.now();
  let count = 0;
  for (; count < 100_000 && performance.now() - start < 20_000; count++) {
    const parts: (number | Uint8Array)[] = [];
    if (count % 2 === 0) {
      for (let i = random.integer(40); i >= 0; i--) {
        const kind = random.integer(10);
        if (kind < 7) parts.push(operations[random.integer(operations.length)]);
        else if (kind < 9) parts.push(random.integer(256));
        else parts.push(words[random.integer(words.length)]);
      }
    } else {
      const bytes = valid[random.integer(valid.length)].slice();
      for (let i = random.integer(4); i >= 0 && bytes.length > 0; i--) {
        bytes[random.integer(bytes.length)] = random.integer(256);
      }
      parts.push(bytes);
    }
    const bytes = bytesOf(streamHead, ...parts, ".");
    const from = performance.now();
    try {
      parseTorchFile(bytes, "fuzz.pth");
    } catch (error) {
      assert.ok(error instanceof DataError, `${[...bytes]}: ${error}`);
      refused++;
    }
    slowest = Math.max(slowest, performance.now() - from);
  }
  assert.ok(count >= 10_000, `only ${count} inputs in 20 s`);
  assert.equal(refused, count); // none of them is a whole file
  assert.ok(slowest < 1000, `one took ${slowest} ms`);
});
