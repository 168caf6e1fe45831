import assert from "node:assert/strict";
import { neighboursOfRow, openNeighbourSearch } from "../../lib/maps/nearest_neighbours.ts";
import numbers from "../fixtures/patchcore/numbers.json" with { type: "json" };
import { clustered, lattice } from "./patch_data.ts";

const expected = numbers.neighbours;
const bank = { shape: [500, 40], data: clustered(21, 500, 40, 6) };
const queries = clustered(22, 60, 40, 6);

Deno.test("search() finds NumPy's neighbours at NumPy's distances", async () => {
  const search = await openNeighbourSearch(bank, { neighbours: 5 });
  const { squares, indices } = await search.search(queries);
  await search.close();
  assert.deepEqual([...indices], expected.indices.flat());
  expected.distances.flat().forEach((distance, i) => {
    assert.ok(Math.abs(Math.sqrt(squares[i]) - distance) <= 1e-12 * distance, `distance ${i}`);
  });
});

Deno.test("search() of the bank's own rows, far from zero, gives distance 0", async () => {
  const shifted = { shape: [500, 40], data: bank.data.map((number) => number + 100) };
  const search = await openNeighbourSearch(shifted);
  const { squares, indices } = await search.search(shifted.data);
  await search.close();
  assert.ok(squares.every((square) => square === 0));
  // some rows have become copies of one another: the first of them is the neighbour
  for (const row of [0, 1, 250, 499]) {
    const own = shifted.data.subarray(row * 40, (row + 1) * 40);
    assert.equal(indices[row], neighboursOfRow(shifted, own, 1).indices[0]);
  }
});

Deno.test("search() finds the nearest among rows that float32 products cannot tell apart", async () => {
  // 200 rows within 1e-4 of one another, at a distance of 10 from the other half's
  const rows = Float32Array.from(
    { length: 400 },
    (_, row) => row % 2 === 0 ? -5 : 5 + 1e-6 * (row * 7 % 97),
  );
  const close = { shape: [400, 1], data: rows };
  const queries = Float32Array.from({ length: 50 }, (_, query) => 5 + 2e-6 * query);
  const search = await openNeighbourSearch(close);
  const { squares, indices } = await search.search(queries);
  await search.close();
  for (let query = 0; query < 50; query++) {
    const direct = neighboursOfRow(close, queries.subarray(query, query + 1), 1);
    assert.equal(squares[query], direct.squares[0]);
    assert.equal(indices[query], direct.indices[0]);
  }
});

Deno.test("search() gives equal distances in the order of the bank", async () => {
  const grid = { shape: [40, 2], data: lattice(23, 40, 2, 3) };
  const search = await openNeighbourSearch(grid, { neighbours: 40 });
  const query = Float32Array.of(1, 1);
  const { squares, indices } = await search.search(query);
  await search.close();
  const direct = neighboursOfRow(grid, query, 40);
  assert.deepEqual(indices, direct.indices);
  assert.deepEqual(squares, direct.squares);
  for (let i = 1; i < 40; i++) {
    const [before, after] = [squares[i - 1], squares[i]];
    assert.ok(before < after || (before === after && indices[i - 1] < indices[i]));
  }
});

Deno.test("search() works in blocks whose ranking takes at most 64 MiB", async () => {
  // 20,000 rows leave 838 queries to a block; an n x m matrix would be 160 MB
  const large = { shape: [20_000, 4], data: clustered(24, 20_000, 4, 50) };
  const many = clustered(25, 2000, 4, 50);
  const search = await openNeighbourSearch(large);
  const { squares, indices } = await search.search(many);
  await search.close();
  for (const query of [0, 837, 838, 1675, 1676, 1999]) {
    const direct = neighboursOfRow(large, many.subarray(query * 4, query * 4 + 4), 1);
    assert.equal(squares[query], direct.squares[0]);
    assert.equal(indices[query], direct.indices[0]);
  }
});

Deno.test("openNeighbourSearch() and search() reject what does not fit", async () => {
  await assert.rejects(openNeighbourSearch(bank, { neighbours: 501 }), RangeError);
  await assert.rejects(
    openNeighbourSearch({ shape: [0, 4], data: new Float32Array() }),
    RangeError,
  );
  const search = await openNeighbourSearch(bank);
  await assert.rejects(search.search(new Float32Array(41)), /41 numbers/);
  await search.close();
});
