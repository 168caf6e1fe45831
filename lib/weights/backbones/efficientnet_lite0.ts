/**
 * EfficientNet-Lite0 (Tan and Le 2019; the "lite" variant has ReLU6 and no squeeze-and-excitation, and
 * keeps the stem's and head's width): inverted bottlenecks with TensorFlow's "same" padding.
 * Parameters are named as in `efficientnet-lite0-57934424.pth`.
 *
 * @module
 */
import type { Backbone, NetworkOutputs } from "../backbone.ts";
import type { Network } from "../network.ts";

/** Stages: repeats, kernel, stride of the first block, expansion, output channels. */
const stages = [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [2, 5, 2, 6, 40],
  [3, 3, 2, 6, 80],
  [3, 5, 1, 6, 112],
  [4, 5, 2, 6, 192],
  [1, 3, 1, 6, 320],
] as const;

/** Blocks whose outputs are tapped: the last one before each halving of the grid, and the last. */
const tapped = new Map([[2, "layer1"], [4, "layer2"], [10, "layer3"], [15, "layer4"]]);

/** layer1 (24 channels, stride 4), layer2 (40, 8), layer3 (112, 16), layer4 (320, 32). */
export const efficientnetLite0: Backbone = {
  name: "efficientnet_lite0",
  title: "EfficientNet-Lite0",
  normalization: { // (pixel - 127) / 128
    mean: [127 / 255, 127 / 255, 127 / 255],
    deviation: [128 / 255, 128 / 255, 128 / 255],
  },
  padding: "same",
  epsilon: 1e-3,
  momentum: 0.01,
  classes: 1000,
  forward<V>(net: Network<V>, pixels: V): NetworkOutputs<V> {
    const stem = { channels: 32, kernel: 3, stride: 2 };
    let x = net.relu6(net.convNorm(pixels, "_conv_stem", "_bn0", stem));
    const taps = new Map<string, V>();
    let inputs = stem.channels;
    let index = 0;
    for (const [repeats, kernel, firstStride, expansion, channels] of stages) {
      for (let repeat = 0; repeat < repeats; repeat++, index++) {
        const name = `_blocks.${index}`;
        const stride = repeat === 0 ? firstStride : 1;
        const wide = inputs * expansion;
        let y = x;
        if (expansion > 1) {
          const expand = { channels: wide, kernel: 1 };
          y = net.relu6(net.convNorm(y, `${name}._expand_conv`, `${name}._bn0`, expand));
        }
        const depthwise = { channels: wide, kernel, stride, groups: wide };
        y = net.relu6(net.convNorm(y, `${name}._depthwise_conv`, `${name}._bn1`, depthwise));
        y = net.convNorm(y, `${name}._project_conv`, `${name}._bn2`, { channels, kernel: 1 });
        x = stride === 1 && inputs === channels ? net.add(y, x) : y;
        inputs = channels;
        const tap = tapped.get(index);
        if (tap !== undefined) taps.set(tap, x);
      }
    }
    return { taps, last: x };
  },
  head<V>(net: Network<V>, last: V, classes: number): V {
    const x = net.relu6(net.convNorm(last, "_conv_head", "_bn1", { channels: 1280, kernel: 1 }));
    return net.linear(net.meanPool(x), "_fc", classes);
  },
};
