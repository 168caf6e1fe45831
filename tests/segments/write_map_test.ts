import assert from "node:assert/strict";
import { join } from "node:path";
import { readLabelMap, type SegmentationMap } from "../../lib/segments/segmentation_map.ts";
import { writeSegmentationMap } from "../../lib/segments/write_map.ts";

const map: SegmentationMap = {
  name: "part",
  width: 3,
  height: 2,
  labels: Uint8Array.of(0, 1, 1, 0, 2, 2),
  segments: ["ground", "</script><b>", "缺陷"],
};

Deno.test("a written map reads back as it was", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "part.png");
    await writeSegmentationMap(path, map, { source: "a test", colours: ["#808080"] });
    assert.deepEqual(await readLabelMap(path), { map, isNamed: false });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what could not be read again is refused with a way out", async () => {
  const cases: readonly (readonly [Partial<SegmentationMap>, RegExp])[] = [
    [{ segments: ["a", "a", "b"] }, /two segments are named "a"/],
    [{ segments: ["a", " ", "b"] }, /segment 2 has no name/],
    [{ segments: ["a", "b", "c", "d"] }, /no pixel is of segment "d"/],
    [{ segments: ["a", "b"] }, /label 2 has no name/],
    [{ segments: [] }, /it has 0 segments/],
    [{ labels: new Uint8Array(5) }, /5 labels for 3 x 2 pixels/],
  ];
  for (const [change, message] of cases) {
    const write = writeSegmentationMap("never.png", { ...map, ...change }, { source: "" });
    await assert.rejects(write, (error: Error & { remedy?: string }) => {
      assert.match(error.message, message);
      assert.ok(error.remedy);
      return true;
    });
  }
});
