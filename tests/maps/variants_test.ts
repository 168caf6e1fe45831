import assert from "node:assert/strict";
import { UsageError } from "../../lib/base/errors.ts";
import { detectorNamed } from "../../lib/maps/detectors.ts";
import { checkVariant, variantMoves } from "../../lib/maps/variants.ts";
import { wrn } from "../../lib/maps/wrn.ts";

const method = {
  id: "rd4ad",
  variants: ["paper", "official", "old", "same"],
  switches: {
    paper: { loss: "cosine", blur: 4, width: [1] },
    official: { loss: "cosine", blur: 2, width: [2] },
    old: { loss: "squared", blur: 2, width: [1] },
    same: { loss: "cosine", blur: 4, width: [1] },
  },
};

Deno.test("moves are single switches, then the variant as a whole; none is made twice", () => {
  const moves = variantMoves(method, "paper");
  assert.deepEqual(moves.map(({ variant }) => variant), [
    "paper:blur=official",
    "paper:width=official",
    "official",
    "paper:loss=old", // its blur is official's, which was moved already
    "old",
  ]);
  assert.deepEqual(moves[1], {
    variant: "paper:width=official",
    of: "official",
    switches: [{ name: "width", before: [1], after: [2] }],
  });
  assert.deepEqual(moves[4].switches.map(({ name }) => name), ["loss", "blur"]);
});

Deno.test("a variant with one switch of its own is not compared twice", () => {
  const patchCore = detectorNamed("patchcore");
  const first = variantMoves(patchCore, "paper").filter(({ of }) => of === "anomalib-2023-10");
  assert.deepEqual(first.map(({ variant }) => variant), ["paper:imageScore=anomalib-2023-10"]);
});

Deno.test("moves start from any variant, mixed ones too", () => {
  const from = (name: string) => variantMoves(method, name).map(({ variant }) => variant);
  assert.deepEqual(from("old").slice(0, 2), ["old:loss=paper", "old:blur=paper"]);
  assert.deepEqual(from("paper:blur=official").filter((name) => name.includes(":")), [
    "paper:blur=official:blur=paper",
    "paper:blur=official:width=official",
    "paper:blur=official:loss=old",
  ]);
});

Deno.test("variants without declared switches are compared as they are", () => {
  assert.deepEqual(variantMoves(wrn, "paper"), [
    { variant: "out-of-fold", of: "out-of-fold", switches: [] },
  ]);
});

Deno.test("a variant is checked: mixed ones where switches are declared, known names elsewhere", () => {
  checkVariant(method, "official");
  checkVariant(method, "paper:loss=old:width=official");
  checkVariant(wrn, "out-of-fold");
  const refused: [Parameters<typeof checkVariant>[0], string, RegExp][] = [
    [method, "oficial", /did you mean "official"/],
    [method, "paper:los=old", /switch of rd4ad "los": did you mean "loss"/],
    [method, "paper:loss=odl", /variant of rd4ad/],
    [wrn, "out-of-flod", /did you mean "out-of-fold"/],
    [wrn, "paper:folds=out-of-fold", /variant of wrn/],
  ];
  for (const [of, name, message] of refused) {
    assert.throws(() => checkVariant(of, name), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  }
});
