import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256 } from "../../lib/base/digest.ts";
import { DataError, InterruptedError } from "../../lib/base/errors.ts";
import { RandomState } from "../../lib/base/random.ts";
import { initialWeights } from "../../lib/weights/backbone.ts";
import { backboneNamed } from "../../lib/weights/backbones.ts";
import type { KnownWeights } from "../../lib/weights/known_weights.ts";
import { pullWeights } from "../../lib/weights/pull.ts";
import { safetensorsBytes } from "../../lib/weights/safetensors.ts";

const file = safetensorsBytes(initialWeights(backboneNamed("small"), new RandomState(5)));
const wrong = file.slice();
wrong[wrong.length - 1] ^= 1;

type Answer = (request: Request, round: number) => Response | Promise<Response>;

/** Pulls from a loopback server that gives `answer`; then says what lies in the folder. */
async function pull(
  answer: Answer,
  options: {
    sha256?: string;
    part?: Uint8Array;
    onProgress?: (received: number, total: number | undefined) => void;
    signal?: AbortSignal;
    path?: string;
  } = {},
): Promise<{ error: unknown; files: string[]; requests: Request[] }> {
  const cache = await Deno.makeTempDir();
  const requests: Request[] = [];
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, (request) => {
    requests.push(request);
    return answer(request, requests.length - 1);
  });
  const known: KnownWeights = {
    name: "trial",
    title: "Weights of the test",
    backbone: "small",
    file: "trial.safetensors.bin",
    sha256: options.sha256 ?? sha256(file),
    licence: "CC0-1.0",
    source: "the test",
    url: `http://127.0.0.1:${server.addr.port}/${options.path ?? "file"}`,
  };
  const folder = join(cache, "weights");
  try {
    if (options.part !== undefined) {
      await Deno.mkdir(folder);
      await Deno.writeFile(join(folder, `${known.file}.part`), options.part);
    }
    const { onProgress, signal } = options;
    const error = await pullWeights(known, {
      cache,
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    }).then(() => undefined, (error) => error);
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    return { error, files, requests };
  } finally {
    await server.shutdown();
    await Deno.remove(cache, { recursive: true });
  }
}

const stored = ["trial.json", "trial.safetensors"];

function assertRefused(
  { error, files }: { error: unknown; files: string[] },
  message: RegExp,
  left: string[],
): void {
  assert.ok(error instanceof DataError, String(error));
  assert.match(error.message, message);
  assert.ok(error.remedy !== undefined);
  assert.deepEqual(files, left); // never a file under its final name
}

Deno.test("a good answer is stored and told piece by piece", async () => {
  const told: number[] = [];
  const result = await pull(() => new Response(file), {
    onProgress: (received, total) => {
      assert.equal(total, file.length);
      told.push(received);
    },
  });
  assert.equal(result.error, undefined);
  assert.deepEqual(result.files, stored);
  assert.equal(told.at(-1), file.length);
  assert.ok(told.every((received, i) => i === 0 || received > told[i - 1]));
});

Deno.test("a published prefix of the SHA-256 is enough", async () => {
  const result = await pull(() => new Response(file), { sha256: sha256(file).slice(0, 8) });
  assert.equal(result.error, undefined);
  assert.deepEqual(result.files, stored);
});

Deno.test("wrong bytes are refused with both digests, and removed", async () => {
  const result = await pull(() => new Response(wrong));
  assertRefused(result, new RegExp(`${sha256(wrong)}.*${sha256(file)}`), []);
});

Deno.test("an error page with status 200 is refused and removed", async () => {
  assertRefused(await pull(() => new Response("<html>sorry</html>")), /SHA-256/, []);
});

Deno.test("statuses of failure are told, and nothing is stored", async () => {
  for (const status of [404, 403, 500, 503, 204, 206]) {
    const body = status === 204 ? null : "no";
    const result = await pull(() => new Response(body, { status }));
    assertRefused(result, new RegExp(`answered ${status}`), []);
  }
});

Deno.test("a body that ends early keeps its part, and the next pull goes on there", async () => {
  const half = file.length >> 1;
  const result = await pull(() => shortBody(half));
  assertRefused(result, /broke after|promised/, ["trial.safetensors.bin.part"]);

  const resumed = await pull((request) => {
    assert.equal(request.headers.get("range"), `bytes=${half}-`);
    return new Response(file.subarray(half), {
      status: 206,
      headers: { "content-range": `bytes ${half}-${file.length - 1}/${file.length}` },
    });
  }, { part: file.subarray(0, half) });
  assert.equal(resumed.error, undefined);
  assert.deepEqual(resumed.files, stored);
});

Deno.test("a server that breaks off with an error midway is told", async () => {
  let pieces = 0;
  const result = await pull(() =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          if (pieces++ < 2) return controller.enqueue(file.subarray(0, 1000));
          await new Promise((resolve) => setTimeout(resolve, 20));
          controller.error(new Error("broken"));
        },
      }),
    )
  );
  // How much of it arrived before the break is up to the network.
  assertRefused(result, /broke after/, result.files.filter((name) => name.endsWith(".part")));
});

Deno.test("a resumed part is hashed again: a damaged one is found and removed", async () => {
  const half = file.length >> 1;
  const damaged = file.slice(0, half);
  damaged[10] ^= 1;
  const result = await pull(() =>
    new Response(file.subarray(half), {
      status: 206,
      headers: { "content-range": `bytes ${half}-${file.length - 1}/${file.length}` },
    }), { part: damaged });
  assertRefused(result, /SHA-256/, []);
});

Deno.test("a server without ranges, or with another range, starts the file anew", async () => {
  const whole = await pull(() => new Response(file), { part: file.subarray(0, 500) });
  assert.equal(whole.error, undefined);
  assert.deepEqual(whole.files, stored);
  const other = await pull(() =>
    new Response(file.subarray(7), {
      status: 206,
      headers: { "content-range": `bytes 7-${file.length - 1}/${file.length}` },
    }), { part: file.subarray(0, 500) });
  assertRefused(other, /answered 206/, ["trial.safetensors.bin.part"]);
});

Deno.test("a part longer than the file is begun again", async () => {
  const long = new Uint8Array(file.length + 100);
  const result = await pull(
    (request) =>
      request.headers.has("range") ? new Response(null, { status: 416 }) : new Response(file),
    {
      part: long,
    },
  );
  assert.equal(result.error, undefined);
  assert.equal(result.requests.length, 2);
});

Deno.test("a length that lies is found", async () => {
  const result = await pull(() => lyingLength(file.length + 10));
  assertRefused(result, /broke after|promised/, ["trial.safetensors.bin.part"]);
});

Deno.test("redirects are followed, but not in circles and not to other schemes", async () => {
  const once = await pull((request) =>
    new URL(request.url).pathname === "/there"
      ? new Response(file)
      : new Response(null, { status: 302, headers: { location: "/there" } })
  );
  assert.equal(once.error, undefined);
  assert.deepEqual(once.files, stored);
  const circle = await pull(() =>
    new Response(null, { status: 301, headers: { location: "/file" } })
  );
  assertRefused(circle, /more than 5 redirects/, []);
  assert.equal(circle.requests.length, 6);
  const scheme = await pull(() =>
    new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } })
  );
  assertRefused(scheme, /redirected to file:/, []);
  const bare = await pull(() => new Response(null, { status: 302 }));
  assertRefused(bare, /answered 302/, []);
});

Deno.test("a server that is not there is told", async () => {
  const cache = await Deno.makeTempDir();
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const known: KnownWeights = {
    name: "trial",
    title: "",
    backbone: "small",
    file: "trial.bin",
    sha256: "00000000",
    licence: "CC0-1.0",
    source: "nowhere",
    url: `http://127.0.0.1:${port}/`,
  };
  await assert.rejects(pullWeights(known, { cache }), DataError);
  await assert.rejects(
    pullWeights({ ...known, url: undefined }, { cache }),
    (error) => error instanceof DataError && /trial\.bin from nowhere/.test(error.remedy ?? ""),
  );
  await Deno.remove(cache, { recursive: true });
});

Deno.test("an interrupted pull says that it goes on later", async () => {
  const stop = new AbortController();
  const result = await pull(
    () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(file.subarray(0, 1000));
          },
        }),
      ),
    { onProgress: () => stop.abort(), signal: stop.signal },
  );
  assert.ok(result.error instanceof InterruptedError, String(result.error));
  assert.deepEqual(result.files, ["trial.safetensors.bin.part"]);
});

/** The whole length promised, `count` bytes given. */
function shortBody(count: number): Response {
  return promised(file.subarray(0, count), file.length);
}

function lyingLength(length: number): Response {
  return promised(file, length);
}

function promised(bytes: Uint8Array, length: number): Response {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-length": String(length) } });
}
