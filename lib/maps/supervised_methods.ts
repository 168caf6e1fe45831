/**
 * The table of supervised methods: a new one is one file and one line here.
 *
 * @module
 */
import { unknownName } from "../base/errors.ts";
import { devNet } from "./devnet.ts";
import { dra } from "./dra.ts";
import type { SupervisedMethod } from "./supervised.ts";
import { wrn } from "./wrn.ts";

/** All supervised methods by id. */
export const supervisedMethods: ReadonlyMap<string, SupervisedMethod> = new Map(
  [wrn, devNet, dra].map((method) => [method.id, method]),
);

/**
 * The supervised method with this id.
 *
 * @throws {UsageError} for an unknown id
 */
export function supervisedNamed(id: string): SupervisedMethod {
  const method = supervisedMethods.get(id);
  if (method === undefined) throw unknownName("supervised method", id, supervisedMethods.keys());
  return method;
}
