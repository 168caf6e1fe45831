/**
 * Residual networks (He et al. 2016) as torchvision lays them out and names their parameters: a stem,
 * then stages of basic blocks (two 3 x 3 convolutions) or bottlenecks (1 x 1, 3 x 3 with the stride,
 * 1 x 1), each stage tapped as `layer1`, `layer2`, ….
 *
 * @module
 */
import type { Network } from "../network.ts";
import type { NetworkOutputs } from "../backbone.ts";

/** One stage: `blocks` blocks, the first with the stride. */
export interface Stage {
  /** At least 1. */
  readonly blocks: number;
  /** Channels inside the block. */
  readonly width: number;
  /** Channels of the output. */
  readonly channels: number;
  /** Of the first block: 2 halves the grid. */
  readonly stride: number;
}

/** What tells residual networks apart. */
export interface ResidualLayout {
  /** Before the stages: a convolution of stride 2, and whether a pooling of stride 2 follows. */
  readonly stem: { readonly channels: number; readonly kernel: number; readonly pool: boolean };
  /** Two convolutions of 3 x 3, or 1 x 1, 3 x 3 and 1 x 1. */
  readonly block: "basic" | "bottleneck";
  /** Their outputs are the taps `layer1`, `layer2`, … */
  readonly stages: readonly Stage[];
}

/** The network of `layout` up to its last stage; a backbone's `forward`. */
export function residualNetwork(
  layout: ResidualLayout,
): <V>(net: Network<V>, x: V) => NetworkOutputs<V> {
  return <V>(net: Network<V>, pixels: V) => {
    const { channels, kernel, pool } = layout.stem;
    let x = net.relu(net.convNorm(pixels, "conv1", "bn1", { channels, kernel, stride: 2 }));
    if (pool) x = net.maxPool(x);
    const taps = new Map<string, V>();
    let inputs = channels;
    layout.stages.forEach((stage, index) => {
      for (let block = 0; block < stage.blocks; block++) {
        const name = `layer${index + 1}.${block}`;
        const stride = block === 0 ? stage.stride : 1;
        const inside = layout.block === "basic"
          ? basic(net, x, name, stage, stride)
          : bottleneck(net, x, name, stage, stride);
        const shortcut = stride === 1 && inputs === stage.channels ? x : net.convNorm(
          x,
          `${name}.downsample.0`,
          `${name}.downsample.1`,
          { channels: stage.channels, kernel: 1, stride },
        );
        x = net.relu(net.add(inside, shortcut));
        inputs = stage.channels;
      }
      taps.set(`layer${index + 1}`, x);
    });
    return { taps, last: x };
  };
}

/** The head of a residual network: mean over all places, one linear layer `fc`. */
export function residualHead<V>(net: Network<V>, last: V, classes: number): V {
  return net.linear(net.meanPool(last), "fc", classes);
}

function basic<V>(net: Network<V>, x: V, name: string, stage: Stage, stride: number): V {
  const { width, channels } = stage;
  const first = { channels: width, kernel: 3, stride };
  const y = net.relu(net.convNorm(x, `${name}.conv1`, `${name}.bn1`, first));
  return net.convNorm(y, `${name}.conv2`, `${name}.bn2`, { channels, kernel: 3 });
}

function bottleneck<V>(net: Network<V>, x: V, name: string, stage: Stage, stride: number): V {
  const { width, channels } = stage;
  const narrow = { channels: width, kernel: 1 };
  let y = net.relu(net.convNorm(x, `${name}.conv1`, `${name}.bn1`, narrow));
  const middle = { channels: width, kernel: 3, stride };
  y = net.relu(net.convNorm(y, `${name}.conv2`, `${name}.bn2`, middle));
  return net.convNorm(y, `${name}.conv3`, `${name}.bn3`, { channels, kernel: 1 });
}
