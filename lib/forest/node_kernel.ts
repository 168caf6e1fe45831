/**
 * The steps of `node_work.ts` as a WebAssembly kernel: histograms and gains with two float64 lanes,
 * gradient beside hessian while sums are made, bin beside bin or left beside right while gains are
 * compared. As long as sums of gradients are exact (see `histogram.ts`) the splits are those of the plain
 * twin, which is the kernel's oracle in the tests and takes over for tables that WebAssembly cannot
 * address.
 *
 * Most columns of a node need no histogram: `block_bounds.ts` finds those in which the best split can be.
 *
 * @module
 */
import { pageSize } from "./arena.ts";
import type { BinnedMatrix } from "./binning.ts";
import { boundColumns } from "./block_bounds.ts";
import { addToBlocks, gatherParts, gatherTerms, keptColumnBytes } from "./block_sums.ts";
import { histogramGroup } from "./histogram.ts";
import { type FunctionName, functionNames, globals, splitAt } from "./kernel_globals.ts";
import type { NodeScratch, NodeWork } from "./node_work.ts";
import { addToHistograms, divide, number, numberChildren } from "./row_loops.ts";
import { improve, peek, scan, scanMissing, sideGain } from "./split_scan.ts";
import { bestSplit } from "./split_search.ts";
import { noSplit, type Split, type SplitRule } from "./splitting.ts";
import { drawColumns, type DrawFunctions, drawRows, kernelTreeDraws } from "./tree_draws.ts";
import { moduleBytes, type WasmFunction } from "./wasm_code.ts";

/** Compiled kernels by the pages of the memory and the address of the block sums, which are in the code. */
const compiled = new Map<string, WebAssembly.Module>();

function kernelModule(memory: WebAssembly.Memory, blockSums: number): WebAssembly.Module {
  const pages = memory.buffer.byteLength / pageSize;
  const key = `${pages} ${blockSums}`;
  let module = compiled.get(key);
  if (module === undefined) {
    module = new WebAssembly.Module(moduleBytes(pages, globals, kernelFunctions(blockSums)));
    compiled.set(key, module);
  }
  return module;
}

/**
 * The kernel for one thread.
 *
 * @param memory holds all arrays of `binned`, `gradientPairs` and `scratch`
 * @param gradientPairs (gradient, hessian) of every row of the table
 */
export function kernelNodeWork(
  memory: WebAssembly.Memory,
  binned: BinnedMatrix,
  gradientPairs: Float64Array,
  scratch: NodeScratch,
  rule: SplitRule,
): NodeWork {
  const values = globalValues(binned, gradientPairs, scratch, rule);
  const imports: Record<string, WebAssembly.ImportValue> = { memory };
  for (const [name, type] of Object.entries(globals)) {
    const value = values[name as keyof typeof globals];
    imports[name] = new WebAssembly.Global({ value: type, mutable: false }, value);
  }
  const exported =
    new WebAssembly.Instance(kernelModule(memory, scratch.blockSums.byteOffset), { env: imports })
      .exports;
  const findSplit = exported.bestSplit as (...given: number[]) => void;
  const boundKept = exported.boundKept as (...given: number[]) => void;
  const byBytes = (name: string) =>
    [0, 1, 2, 3, 4].map((bytes) => exported[`${name}${bytes}`] as (...given: number[]) => void);
  const numberRows = byBytes("number");
  const numberChildRows = byBytes("numberChildren");
  const own = scratch.keptSums.byteOffset;
  const whole = own + binned.columns * keptColumnBytes;
  const { node } = scratch;
  const readSplit = splitReader(scratch.best);
  return {
    bestSplit(begin, end, columnCount, gradient, hessian, parentGain, isBounded = false) {
      // As arguments these would be boxed: each fit has its own kernel, whose calls V8 does not inline.
      node[0] = gradient;
      node[1] = hessian;
      node[2] = parentGain;
      findSplit(begin, end, columnCount, Number(isBounded));
      return readSplit();
    },
    boundKept(begin, end, columnCount, slope, span, kept) {
      boundKept(
        begin,
        end,
        columnCount,
        slope,
        span,
        kept.sizes,
        kept.isWhole ? whole : own,
        kept.fromWhole ? whole : own,
        kept.shared,
        kept.otherBegin,
        kept.otherEnd,
        kept.operations,
        kept.span,
      );
    },
    divide: exported.divide as NodeWork["divide"],
    number(begin, end, leaf, numbers, first) {
      const { byteOffset, BYTES_PER_ELEMENT } = numbers;
      numberRows[BYTES_PER_ELEMENT](begin, end, leaf, byteOffset + BYTES_PER_ELEMENT * first);
    },
    numberChildren(begin, end, column, lastLeft, missing, left, numbers, first) {
      const { byteOffset, BYTES_PER_ELEMENT } = numbers;
      const place = byteOffset + BYTES_PER_ELEMENT * first;
      numberChildRows[BYTES_PER_ELEMENT](begin, end, column, lastLeft, missing, left, place);
    },
    draws: kernelTreeDraws(exported as unknown as DrawFunctions, gradientPairs, scratch),
  };
}

function globalValues(
  binned: BinnedMatrix,
  gradientPairs: Float64Array,
  scratch: NodeScratch,
  rule: SplitRule,
): Record<keyof typeof globals, number> {
  return {
    pairIndices: binned.pairIndices.byteOffset,
    blocks: binned.blocks.byteOffset,
    blockCounts: binned.blockCounts.byteOffset,
    rowCount: binned.rows,
    binCounts: binned.binCounts.byteOffset,
    hasMissing: binned.hasMissing.byteOffset,
    gradientPairs: gradientPairs.byteOffset,
    rows: scratch.rows.byteOffset,
    spareRows: scratch.spareRows.byteOffset,
    nodePairs: scratch.nodePairs.byteOffset,
    nodeTerms: scratch.nodeTerms.byteOffset,
    histogram: scratch.histogram.byteOffset,
    stride: scratch.histogram.byteLength / histogramGroup,
    blockSums: scratch.blockSums.byteOffset,
    columns: scratch.columns.byteOffset,
    bounds: scratch.bounds.byteOffset,
    blockBounds: scratch.blockBounds.byteOffset,
    node: scratch.node.byteOffset,
    best: scratch.best.byteOffset,
    random: scratch.random.byteOffset,
    totals: scratch.totals.byteOffset,
    flags: scratch.flags.byteOffset,
    alpha: rule.alpha,
    lambda: rule.lambda,
    minChildWeight: rule.minChildWeight,
  };
}

/** Reads the split that the kernel has found, always into the same record. */
function splitReader(best: Float64Array): () => Split {
  const floats = new Float32Array(best.buffer, best.byteOffset, 4);
  const integers = new Int32Array(best.buffer, best.byteOffset, 4);
  const split = noSplit();
  return () => {
    split.gain = floats[splitAt.gain / 4];
    split.column = integers[splitAt.column / 4];
    split.bin = integers[splitAt.bin / 4];
    split.defaultLeft = integers[splitAt.defaultLeft / 4] === 1;
    split.leftGradient = best[splitAt.left / 8];
    split.leftHessian = best[splitAt.left / 8 + 1];
    split.rightGradient = best[splitAt.right / 8];
    split.rightHessian = best[splitAt.right / 8 + 1];
    return split;
  };
}

function kernelFunctions(blockSums: number): WasmFunction[] {
  const called: Record<FunctionName, WasmFunction> = {
    sideGain: sideGain(),
    improve: improve(),
    addFour: addToHistograms(histogramGroup),
    addOne: addToHistograms(1),
    addWindow: addToHistograms(1, true),
    scan: scan(),
    scanMissing: scanMissing(),
    peek: peek(),
    gatherTerms: gatherTerms(),
    gatherParts: gatherParts(),
    addToBlocks: addToBlocks(false, blockSums),
    joinToBlocks: addToBlocks(true, blockSums),
    boundColumns: boundColumns(false),
  };
  return [
    ...functionNames.map((name) => called[name]),
    ...[bestSplit(), boundColumns(true), divide(), drawRows(), drawColumns()],
    ...([1, 2, 4] as const).flatMap((bytes) => [number(bytes), numberChildren(bytes)]),
  ];
}
