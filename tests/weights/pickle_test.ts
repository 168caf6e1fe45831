import assert from "node:assert/strict";
import { DataError } from "../../lib/base/errors.ts";
import {
  parsePickle,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from "../../lib/weights/pickle.ts";
import { parseTorchFile } from "../../lib/weights/torch_file.ts";
import { bytesOf, type Part, unicode } from "./byte_parts.ts";
import { hostilePickles, strangePickles, streamHead } from "./hostile_pickles.ts";

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
