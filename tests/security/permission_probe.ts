/**
 * Tries what a permission would allow and prints what happened, as JSON. Run by `permissions_test.ts`
 * under each set of deno.json; the arguments are the project's root and a folder outside of it.
 *
 * @module
 */

const [root, outside] = Deno.args;

const attempts: Readonly<Record<string, () => unknown>> = {
  "read": () => Deno.readTextFileSync(`${root}/deno.json`),
  "write outside": () => Deno.writeTextFileSync(`${outside}/probe`, ""),
  "write results": () => Deno.mkdirSync(`${root}/.cache`, { recursive: true }),
  "write lib": () => write(`${root}/lib/probe`),
  "write experiments": () => write(`${root}/experiments/probe`),
  "write tests": () => write(`${root}/tests/probe`),
  "write main.ts": () => Deno.openSync(`${root}/main.ts`, { write: true }).close(),
  "write deno.json": () => Deno.openSync(`${root}/deno.json`, { write: true }).close(),
  "write .git": () => write(`${root}/.git/probe`),
  "run": () => new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync(),
  "ffi": () => Deno.dlopen(`${outside}/none.so`, {}),
  "net 127.0.0.1": () => Deno.connect({ hostname: "127.0.0.1", port: 1 }),
  "net 192.0.2.1": () => Deno.connect({ hostname: "192.0.2.1", port: 1 }),
  "net example.com": () => fetch("http://example.com/"),
  "net localhost's name": () => Deno.resolveDns("example.com", "A"),
};

function write(path: string): void {
  Deno.writeTextFileSync(path, "");
  Deno.removeSync(path);
}

const found: Record<string, "allowed" | "denied"> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  // What is allowed may still fail, or never be answered: it got past the permission.
  const answer = new Promise<void>((resolve) => setTimeout(resolve, 300));
  try {
    await Promise.race([attempt(), answer]);
    found[name] = "allowed";
  } catch (error) {
    found[name] = error instanceof Deno.errors.NotCapable ? "denied" : "allowed";
  }
}
console.log(JSON.stringify(found));
Deno.exit(0);
