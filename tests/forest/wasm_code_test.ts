import assert from "node:assert/strict";
import {
  f64,
  f64x2,
  globalValue,
  i32,
  ifElse,
  localsOf,
  moduleBytes,
  repeatWhile,
  searchWhile,
  v128,
  whileLoop,
} from "../../lib/forest/wasm_code.ts";

function run(functions: Parameters<typeof moduleBytes>[2]) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const scale = new WebAssembly.Global({ value: "f64", mutable: false }, 2.5);
  const module = new WebAssembly.Module(moduleBytes(1, { scale: "f64" }, functions));
  const { exports } = new WebAssembly.Instance(module, { env: { memory, scale } });
  return { memory, exports: exports as Record<string, (...given: number[]) => number> };
}

Deno.test("loops, branches, globals and constants of all lengths", () => {
  const { n, sum } = localsOf(["n", "sum"]);
  const { exports } = run([
    {
      name: "sum", // 1 + … + n, by a loop that may not run at all
      parameters: ["i32"],
      result: "i32",
      locals: ["i32"],
      body: [
        ...whileLoop(
          n.get,
          sum.set(i32.add(sum.get, n.get)),
          n.set(i32.subtract(n.get, i32.const(1))),
        ),
        ...sum.get,
      ],
    },
    {
      name: "constants",
      parameters: ["i32"],
      result: "i32",
      locals: ["i32"],
      body: [
        ...ifElse(n.get, [sum.set(i32.const(-65537))], [sum.set(i32.const(1_000_000))]),
        ...i32.add(sum.get, i32.const(64)),
      ],
    },
    {
      name: "search", // the first multiple of 7 from n on, at most 20
      parameters: ["i32"],
      result: "i32",
      locals: ["i32"],
      body: [
        ...n.set(i32.subtract(n.get, i32.const(1))),
        ...searchWhile(
          i32.equal(i32.multiply(sum.get, i32.const(7)), n.get),
          i32.lessThan(n.get, i32.const(20)),
          n.set(i32.add(n.get, i32.const(1))),
          sum.set(i32.const(0)),
          whileLoop(
            i32.lessThan(i32.multiply(sum.get, i32.const(7)), n.get),
            sum.set(i32.add(sum.get, i32.const(1))),
          ),
        ),
        ...n.get,
      ],
    },
    {
      name: "scaled",
      parameters: ["f64"],
      result: "f64",
      locals: [],
      body: f64.multiply(f64.add(n.get, f64.const(0.125)), globalValue(0)),
    },
  ]);
  assert.equal(exports.sum(100), 5050);
  assert.equal(exports.sum(0), 0);
  assert.equal(exports.constants(1), -65473);
  assert.equal(exports.constants(0), 1_000_064);
  assert.deepEqual([1, 7, 8, 15].map((from) => exports.search(from)), [7, 7, 14, 20]);
  assert.equal(exports.scaled(3), 3.125 * 2.5);
});

Deno.test("lanes of two numbers", () => {
  const { at, pair } = localsOf(["at", "pair"]);
  const { memory, exports } = run([{
    name: "swapAndAdd", // (a, b) -> (a + b, |a| + b), n times
    parameters: ["i32"],
    locals: ["v128"],
    body: [
      ...repeatWhile(
        i32.const(0),
        pair.set(v128.load(at.get)),
        v128.store(
          at.get,
          f64x2.add(
            f64x2.shuffle(0, 2, pair.get, f64x2.abs(pair.get)),
            f64x2.shuffle(1, 1, pair.get, pair.get),
          ),
        ),
      ),
    ],
  }]);
  const numbers = new Float64Array(memory.buffer, 32, 2);
  numbers.set([-3, 10]);
  exports.swapAndAdd(32);
  assert.deepEqual([...numbers], [7, 13]);
});
