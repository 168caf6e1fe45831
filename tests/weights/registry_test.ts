import assert from "node:assert/strict";
import { crc32, deflateRawSync } from "node:zlib";
import { join } from "node:path";
import { sha256 } from "../../lib/base/digest.ts";
import { DataError, UsageError } from "../../lib/base/errors.ts";
import type { NdArray } from "../../lib/base/npy.ts";
import { RandomState } from "../../lib/base/random.ts";
import { initialWeights, parameterShapes } from "../../lib/weights/backbone.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";
import {
  claimedDigest,
  type KnownWeights,
  knownWeights,
  knownWeightsByDigest,
  knownWeightsNamed,
} from "../../lib/weights/known_weights.ts";
import { networkWeights } from "../../lib/weights/network_weights.ts";
import {
  identifyWeights,
  importWeights,
  listWeights,
  loadStoredWeights,
  loadWeights,
  verifyWeights,
} from "../../lib/weights/registry.ts";
import { safetensorsBytes } from "../../lib/weights/safetensors.ts";
import { readZipMembers } from "../../lib/weights/zip_archive.ts";
import { bytesOf } from "./byte_parts.ts";

const realFile = new URL(
  "../../../shared/weights/efficientnet-lite0-57934424.pth",
  import.meta.url,
).pathname;
const hasRealFile = (() => {
  try {
    return Deno.statSync(realFile).isFile;
  } catch {
    return false;
  }
})();

const small = backboneNamed("small");
const smallTensors = initialWeights(small, new RandomState(1));
const smallFile = safetensorsBytes(smallTensors);

/** A known entry for `bytes`, as the published tables have them. */
function knownFor(bytes: Uint8Array, digits = 64): KnownWeights {
  return {
    name: "trial",
    title: "Weights of the test",
    backbone: "small",
    file: "trial.safetensors",
    sha256: sha256(bytes).slice(0, digits),
    licence: "CC0-1.0",
    source: "the test",
    url: undefined,
  };
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const dataError = (message: RegExp, remedy = /./) => (error: unknown) => {
  assert.ok(error instanceof DataError, String(error));
  assert.match(error.message, message);
  assert.match(error.remedy ?? "", remedy);
  return true;
};

Deno.test("the table of known weights is consistent and keeps timm's file apart", () => {
  const names = knownWeights.flatMap((
    { name, members = [] },
  ) => [name, ...members.map((m) => m.name)]);
  assert.equal(new Set(names).size, names.length);
  for (const { file, sha256: digest, backbone, url, licence } of knownWeights) {
    assert.match(digest, /^([0-9a-f]{8}|[0-9a-f]{64})$/);
    if (backbone !== undefined) backboneNamed(backbone);
    assert.ok(url === undefined || url.startsWith("https://") && url.endsWith(`/${file}`));
    assert.ok(licence.length > 0);
    const inName = /-([0-9a-f]{8})\./.exec(file)?.[1];
    assert.ok(inName === undefined || digest.startsWith(inName));
  }
  const wide = knownWeights.filter(({ backbone }) => backbone === "wide_resnet50_2");
  assert.deepEqual(wide.map(({ file }) => file), [
    "wide_resnet50_2-95faca4d.pth",
    "wide_resnet50_racm-8234f177.pth",
  ]);
  assert.equal(knownWeightsByDigest(`f37072fd${"0".repeat(56)}`)?.name, "resnet18");
  assert.equal(knownWeightsByDigest("0".repeat(64)), undefined);
  assert.throws(() => knownWeightsNamed("resnet-18"), UsageError);
  assert.equal(claimedDigest("efficientad_pretrained_weights.zip")?.length, 64);
  assert.equal(claimedDigest("x-0123456789ab.safetensors"), "0123456789ab");
  assert.equal(claimedDigest("weights-2024.pth"), undefined);
});

Deno.test("a user's own file is identified, loaded, and checked again by its digest", () =>
  inFolder(async (folder) => {
    const file = join(folder, "mine.safetensors");
    await Deno.writeFile(file, smallFile);
    const found = await identifyWeights("small", file, folder);
    assert.deepEqual(found, { file, digest: sha256(smallFile), origin: { kind: "user" } });
    const { tensors } = await loadWeights("small", file, found.digest);
    assert.deepEqual([...tensors.keys()], [...parameterShapes(small).keys()]);
    assert.deepEqual(tensors.get("conv1.weight"), smallTensors.get("conv1.weight"));
    await Deno.writeFile(file, bytesOf(smallFile.subarray(0, -4), [0, 0, 0, 1]));
    await assert.rejects(
      loadWeights("small", file, found.digest),
      dataError(/mine\.safetensors.*expected [0-9a-f]{64}/, /Run the command again/),
    );
  }));

Deno.test("a file whose name promises another digest is refused: file, promise, digest, remedy", () =>
  inFolder(async (folder) => {
    for (const name of ["resnet18-f37072fd.pth", "resnet34-b627a593.pth"]) {
      const file = join(folder, name);
      await Deno.writeFile(file, smallFile);
      const message = new RegExp(
        `${name}.*begins with ${name.slice(9, 17)}, it is ${sha256(smallFile)}`,
      );
      const refused = dataError(message, /fetch it again, or rename it/);
      await assert.rejects(identifyWeights("resnet18", file, folder), refused);
      await assert.rejects(loadWeights("resnet18", file), refused);
      await assert.rejects(importWeights(file, { cache: folder }), dataError(message));
    }
  }));

Deno.test({
  name: "known weights of another backbone are refused" +
    (hasRealFile ? "" : " (skipped: put efficientnet-lite0-57934424.pth into ../shared/weights)"),
  ignore: !hasRealFile,
  fn: () =>
    inFolder(async (cache) => {
      await assert.rejects(
        identifyWeights("resnet18", realFile, cache),
        dataError(
          /as weights of resnet18: by its SHA-256 it is EfficientNet-Lite0/,
          /efficientnet_lite0=/,
        ),
      );
      const { origin } = await identifyWeights("efficientnet_lite0", realFile, cache);
      assert.deepEqual(origin, {
        kind: "known",
        name: "efficientnet_lite0",
        licence: "Apache-2.0",
      });
      const given = await loadWeights("efficientnet_lite0", realFile);
      await importWeights(realFile, { cache });
      const stored = await identifyWeights("efficientnet_lite0", undefined, cache);
      assert.deepEqual(stored.origin, origin);
      const loaded = await loadWeights("efficientnet_lite0", stored.file, stored.digest);
      assert.deepEqual([...loaded.tensors.keys()], [...given.tensors.keys()]);
      for (const [name, { data }] of given.tensors) {
        assert.ok(data.every((x, i) => Object.is(x, loaded.tensors.get(name)!.data[i])), name);
      }
    }),
});

Deno.test("missing, unexpected and misshapen tensors are listed", () => {
  const change = (edit: (tensors: Map<string, NdArray>) => void) => {
    const tensors = new Map<string, NdArray>(smallTensors);
    edit(tensors);
    return () => networkWeights(tensors, "net.pth", small);
  };
  const vector = (numbers: number[], shape = [numbers.length]) => ({
    shape,
    data: new Float32Array(numbers),
  });
  assert.throws(
    change((t) => t.delete("bn1.bias")),
    dataError(/net\.pth as weights of small: 1 missing \(bn1\.bias\)/),
  );
  assert.throws(
    change((t) => t.set("extra\x1b", vector([1]))),
    dataError(/1 unexpected \(extra\\u001b\)/),
  );
  assert.throws(
    change((t) => t.set("bn1.bias", vector([1, 2]))),
    dataError(/1 of another shape \(bn1\.bias is \[2\], not \[24\]\)/),
  );
  assert.throws(
    change((t) => [...t.keys()].slice(0, 9).forEach((key) => t.delete(key))),
    dataError(/9 missing \(conv1\.weight, .*, …\)/),
  );
  const bad = new Float32Array(24);
  bad[3] = NaN;
  assert.throws(
    change((t) => t.set("bn1.bias", { shape: [24], data: bad })),
    dataError(/bn1\.bias holds NaN at place 3/),
  );
  assert.throws(
    change((t) => t.set("bn1.running_var", { shape: [24], data: new Float32Array(24).fill(-1) })),
    dataError(/negative variance/),
  );
  assert.throws(
    change((t) => t.set("bn1.bias", { shape: [24], data: new BigInt64Array(24).fill(2n ** 40n) })),
    dataError(/float32 cannot hold/),
  );
  const tensors = change((t) => {
    t.set("bn1.num_batches_tracked", { shape: [], data: new BigInt64Array(1) });
    t.set("bn1.bias", { shape: [24], data: new Float64Array(24).fill(0.1) });
    t.set("fc.weight", { shape: [7, 96], data: new Float32Array(7 * 96) });
    t.set("fc.bias", { shape: [7], data: new Float32Array(7) });
  })();
  assert.ok(!tensors.has("bn1.num_batches_tracked"));
  assert.equal(tensors.get("bn1.bias")!.data[0], Math.fround(0.1));
  assert.deepEqual(tensors.get("fc.weight")!.shape, [7, 96]); // a head with other classes
  assert.throws(
    change((t) => t.set("fc.bias", { shape: [7], data: new Float32Array(7) })),
    dataError(/fc\.bias/),
  );
});

Deno.test("import stores known weights under their name, with a record, and verify finds damage", () =>
  inFolder(async (cache) => {
    const file = join(cache, "download.bin");
    await Deno.writeFile(file, smallFile);
    const known = [knownFor(smallFile, 8)];
    const [record] = await importWeights(file, { cache, known });
    assert.equal(record.name, "trial");
    assert.equal(record.backbone, "small");
    assert.deepEqual(record.source, {
      file: "download.bin",
      sha256: sha256(smallFile), // the whole digest, where the table knows 8 digits
      bytes: smallFile.length,
      known: "trial",
    });
    const stored = join(cache, "weights", "trial.safetensors");
    assert.equal(sha256(await Deno.readFile(stored)), record.sha256);
    const state = async () =>
      (await verifyWeights(cache)).filter(({ name }) => name === "trial").map(({ state }) => state);
    assert.deepEqual(await state(), ["ok"]);
    const { tensors, digest } = await loadStoredWeights("trial", cache);
    assert.deepEqual(tensors.get("bn1.weight"), smallTensors.get("bn1.weight"));
    assert.equal(digest, record.sha256);

    const bytes = await Deno.readFile(stored);
    bytes[bytes.length - 5] ^= 1;
    await Deno.writeFile(stored, bytes);
    assert.deepEqual(await state(), ["damaged"]);
    await assert.rejects(loadStoredWeights("trial", cache), dataError(/SHA-256/, /again/));
    await Deno.remove(stored);
    assert.deepEqual(await state(), ["missing"]);
  }));

Deno.test("the digest of the first import is binding where only its first digits are published", () =>
  inFolder(async (cache) => {
    const file = join(cache, "trial.safetensors");
    await Deno.writeFile(file, smallFile);
    await importWeights(file, { cache, known: [knownFor(smallFile, 8)] });
    await importWeights(file, { cache, known: [knownFor(smallFile, 8)] }); // again is fine
    const other = safetensorsBytes(initialWeights(small, new RandomState(2)));
    await Deno.writeFile(file, other);
    await assert.rejects(
      importWeights(file, { cache, known: [{ ...knownFor(other, 8) }] }),
      dataError(new RegExp(`${sha256(other)}.*recorded as ${sha256(smallFile)}`)),
    );
  }));

Deno.test("unknown weights need a backbone, and then serve it where nothing better is stored", () =>
  inFolder(async (cache) => {
    const zeros = new Map(
      [...parameterShapes(backboneNamed("resnet18"), 0)].map(([name, shape]) => [
        name,
        { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) },
      ]),
    );
    const file = join(cache, "mine.safetensors");
    await Deno.writeFile(
      file,
      safetensorsBytes(zeros),
    );
    await assert.rejects(
      importWeights(file, { cache }),
      dataError(/not that of known/, /--backbone/),
    );
    await assert.rejects(importWeights(file, { cache, backbone: "resnet81" }), UsageError);
    await assert.rejects(
      importWeights(file, { cache, backbone: "small" }),
      dataError(/as weights of small/),
    );
    await assert.rejects(
      identifyWeights("resnet18", undefined, cache),
      dataError(
        /Cannot find weights of resnet18/,
        /weights pull resnet18.*--weights resnet18=FILE/,
      ),
    );
    // In another store than the default one the commands name it, or they would fill the wrong one.
    await assert.rejects(identifyWeights("resnet18", undefined, cache), (error) => {
      assert.ok(error instanceof DataError && error.message.includes(cache));
      assert.ok(error.remedy!.includes(`weights import FILE --cache ${cache}\``));
      return true;
    });
    const [record] = await importWeights(file, { cache, backbone: "resnet18" });
    assert.equal(record.name, "resnet18.user");
    const found = await identifyWeights("resnet18", undefined, cache);
    assert.deepEqual(found.origin, { kind: "user" });
    assert.equal(found.digest, record.sha256);
    const listed = await listWeights(cache);
    assert.equal(listed.find(({ name }) => name === "resnet18.user")?.state, "stored");
    assert.equal(listed.find(({ name }) => name === "resnet18")?.state, "absent");
  }));

Deno.test("a file that is not there, a folder, text and a hostile record are told plainly", () =>
  inFolder(async (cache) => {
    const none = join(cache, "none.pth");
    await assert.rejects(identifyWeights("resnet18", none, cache), dataError(/no such file/));
    await assert.rejects(identifyWeights("resnet18", cache, cache), dataError(/not a file/));
    await Deno.writeTextFile(none, "<html>404</html>");
    await assert.rejects(loadWeights("resnet18", none), dataError(/neither .* nor/));
    await assert.rejects(loadWeights("resnet", none), UsageError);
    await Deno.mkdir(join(cache, "weights"));
    for (
      const text of ["", "{}", '{"name":"../../x"}', "[1", '{"__proto__":{"name":"resnet18"}}']
    ) {
      await Deno.writeTextFile(join(cache, "weights", "resnet18.json"), text);
      await assert.rejects(
        identifyWeights("resnet18", undefined, cache),
        dataError(/no record/, /Remove it/),
      );
    }
  }));

Deno.test("the weights in an archive are stored under their own names", () =>
  inFolder(async (cache) => {
    const archive = zipOf([["a/teacher.safetensors", smallFile, 8], ["readme", bytesOf("hi"), 0]]);
    const file = join(cache, "archive.zip");
    await Deno.writeFile(file, archive);
    const known: KnownWeights = {
      ...knownFor(archive),
      file: "archive.zip",
      backbone: undefined,
      members: [{ name: "teacher", path: "a/teacher.safetensors" }],
    };
    const [record] = await importWeights(file, { cache, known: [known] });
    assert.deepEqual([record.name, record.backbone], ["teacher", null]);
    const { tensors } = await loadStoredWeights("teacher", cache);
    assert.deepEqual(tensors.get("bn1.weight"), smallTensors.get("bn1.weight"));
    await assert.rejects(
      loadStoredWeights("efficientad_teacher_small", cache),
      dataError(/Cannot find/, /pull efficientad_teachers/),
    );
  }));

Deno.test("archives that would grow, lie or repeat are refused", () => {
  const zeros = new Uint8Array(4_000_000); // packs to some 4 kB: more than 200:1
  const cases: [RegExp, Uint8Array][] = [
    [/would have 4000000 bytes/, zipOf([["m", zeros, 8]])],
    [/to its 100000 bytes/, zipOf([["m", zeros, 8, 100_000]])], // gives more than it says
    [/size or CRC-32/, zipOf([["m", bytesOf("abc"), 8, 4]])], // gives less
    [/would have 4294967294/, zipOf([["m", bytesOf("abc"), 8, 0xfffffffe]])],
    [/twice/, zipOf([["m", bytesOf("abc"), 8], ["m", bytesOf("abd"), 8]])],
    [/no member m/, zipOf([["n", bytesOf("abc"), 8]])],
    [/called/, zipOf([["../m", bytesOf("abc"), 8], ["m", bytesOf("abc"), 8]])],
    [/called/, zipOf([["/m", bytesOf("abc"), 8], ["m", bytesOf("abc"), 8]])],
    [/unknown method 99/, zipOf([["m", bytesOf("abc"), 99]])],
    [/no end record/, bytesOf("PK\x03\x04 not a zip")],
    [/no end record/, bytesOf()],
  ];
  for (const [message, bytes] of cases) {
    const start = performance.now();
    assert.throws(() => readZipMembers(bytes, ["m"], "bomb.zip"), dataError(message));
    assert.ok(performance.now() - start < 1000);
  }
});

/** A zip of [name, data, method 0 or 8, stated size]. */
function zipOf(members: readonly (readonly [string, Uint8Array, number, number?])[]): Uint8Array {
  const u16 = (n: number) => [n & 255, n >> 8 & 255];
  const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)];
  let body = bytesOf();
  let directory = bytesOf();
  for (const [name, data, method, size = data.length] of members) {
    const packed = method === 0 ? data : new Uint8Array(deflateRawSync(data));
    const fields = [
      ...[20, 0, ...u16(0), ...u16(method), 0, 0, 0, 0, ...u32(crc32(data))],
      ...[...u32(packed.length), ...u32(size), ...u16(name.length), ...u16(0)],
    ];
    const place = u32(body.length);
    directory = bytesOf(
      directory,
      u32(0x02014b50),
      [20, 0],
      fields,
      u16(0),
      [0, 0, 0, 0, 0, 0, 0, 0],
      place,
      name,
    );
    body = bytesOf(body, u32(0x04034b50), fields, name, packed);
  }
  const counts = [...u16(0), ...u16(0), ...u16(members.length), ...u16(members.length)];
  return bytesOf(
    body,
    directory,
    u32(0x06054b50),
    counts,
    u32(directory.length),
    u32(body.length),
    u16(0),
  );
}
