import assert from "node:assert/strict";
import fc from "fast-check";
import {
  escapeFormula,
  escapeHtml,
  escapeJson,
  escapeLatex,
  unescapeFormula,
  visible,
} from "../../lib/report/escape.ts";
import { hostileNames } from "./sample_result.ts";

Deno.test("visible leaves no control, format or line-breaking character in any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(visible(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  }));
  assert.equal(visible("plain ± é 缺陷"), "plain ± é 缺陷");
  assert.equal(visible("a\u200b\ud800"), "a\\u{200b}\\u{d800}");
});

Deno.test("escapeFormula is undone exactly, for every text", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom("'", "=", "+", "-", "@", "\t", "\r", "a", '"', ",", "\n") }),
  );
  fc.assert(fc.property(text, (value) => {
    assert.equal(unescapeFormula(escapeFormula(value)), value);
    assert.doesNotMatch(escapeFormula(value), /^[=+\-@\t\r]/);
  }));
});

Deno.test("escapeHtml leaves no character that can open a tag, an entity or end an attribute", () => {
  for (const name of hostileNames) {
    assert.doesNotMatch(escapeHtml(name).replace(/&#\d+;/g, ""), /[&<>"'`]/);
  }
});

Deno.test("escapeJson cannot end a script element and reads back as the same value", () => {
  const text = escapeJson(hostileNames);
  assert.doesNotMatch(text, /[<>&\u2028\u2029]/);
  assert.deepEqual(JSON.parse(text), hostileNames);
});

Deno.test("escapeLatex keeps what it can say and names the rest", () => {
  assert.equal(escapeLatex("é ñ ß 缺"), "\\'{e} \\~{n} [U+00DF] [U+7F3A]");
  assert.equal(escapeLatex("a--b"), "a-{}-b");
  assert.equal(escapeLatex("[x]"), "{}[x]");
});
