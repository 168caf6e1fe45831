/**
 * Serves a page to this machine only: on 127.0.0.1, below a path that nobody can guess, to requests
 * that name this very address. Another user of the machine, or a web page that the browser has open
 * beside it, can neither read nor write through it.
 *
 * @module
 */
import { HarnessError, StorageError, UsageError } from "../base/errors.ts";

/** What a page answers. */
export interface LocalPageOptions {
  /**
   * Answers a request for what follows the secret path: "" is the page itself.
   *
   * @returns undefined for what is not there
   */
  handle(path: string, request: Request): Promise<Response | undefined>;
  /** 0 for any free port. */
  readonly port: number;
  /** Ends the service. */
  readonly signal: AbortSignal;
}

/** A page that is being served. */
export interface LocalPage {
  /** What to open, with the secret path. */
  readonly address: string;
  /** Settles when the service has ended. */
  readonly finished: Promise<void>;
}

/**
 * Begins to serve.
 *
 * @throws {UsageError} for a number that is no port
 * @throws {StorageError} when the port is taken
 */
export function serveLocally({ handle, port, signal }: LocalPageOptions): LocalPage {
  if (port < 0 || port > 65535) {
    throw new UsageError(`Cannot serve the page: ${port} is not a port`, {
      remedy: "Give --port a number from 1024 to 65535.",
    });
  }
  const token = crypto.getRandomValues(new Uint8Array(18)).toBase64({ alphabet: "base64url" });
  let origin = "";
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const isOurs = request.headers.get("host") === origin.slice("http://".length) &&
      pathname.startsWith(`/${token}/`);
    // A page of another origin may send a form here; it cannot say that it comes from here.
    const mayWrite = request.method === "GET" || request.headers.get("origin") === origin;
    if (!isOurs || !mayWrite) return plain(404, "Not found");
    try {
      const response = await handle(decodeURIComponent(pathname.slice(token.length + 2)), request);
      return response ?? plain(404, "Not found");
    } catch (error) {
      if (error instanceof HarnessError) {
        return plain(422, textOf(error));
      }
      throw error;
    }
  };
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { hostname: "127.0.0.1", port, signal, onListen: () => {} },
      async (request) => protect(await answer(request)),
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new StorageError(`Cannot serve the page: port ${port} is taken`, {
      cause: error,
      remedy: "Name another one, or leave --port out for any that is free.",
    });
  }
  origin = `http://127.0.0.1:${server.addr.port}`;
  return { address: `${origin}/${token}/`, finished: server.finished };
}

/** An answer of bytes. */
export function bytesResponse(type: string, bytes: Uint8Array): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { "content-type": type } });
}

/** An answer of JSON. */
export function jsonResponse(value: unknown): Response {
  return Response.json(value);
}

/** An answer of JSON, or of `{ problem }` with the words of an error that the page's reader can mend. */
export async function jsonOrProblem(answer: () => unknown): Promise<Response> {
  try {
    return jsonResponse(await answer());
  } catch (error) {
    if (error instanceof HarnessError) return jsonResponse({ problem: textOf(error) });
    throw error;
  }
}

/** An answer of HTML. */
export function htmlResponse(html: string): Response {
  return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
}

/** An answer of plain text. */
export function textResponse(text: string): Response {
  return plain(200, text);
}

function textOf({ message, remedy }: HarnessError): string {
  return remedy === undefined ? message : `${message}. ${remedy}`;
}

function plain(status: number, text: string): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** No other page may show, embed, keep or guess the type of what is served. */
function protect(response: Response): Response {
  const headers = {
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}
