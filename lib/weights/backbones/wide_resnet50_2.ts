/**
 * WideResNet-50-2 (Zagoruyko and Komodakis 2016), torchvision's layout and parameter names: ResNet-50
 * with twice the channels inside each bottleneck, the stride in its 3 x 3 convolution.
 *
 * @module
 */
import { imageNetNormalization } from "../../onnx/layers.ts";
import type { Backbone } from "../backbone.ts";
import { residualHead, residualNetwork } from "./residual.ts";

/** layer1 (256 channels, stride 4) to layer4 (2,048, stride 32). */
export const wideResnet50x2: Backbone = {
  name: "wide_resnet50_2",
  title: "WideResNet-50-2",
  normalization: imageNetNormalization,
  padding: "symmetric",
  epsilon: 1e-5,
  momentum: 0.1,
  classes: 1000,
  forward: residualNetwork({
    stem: { channels: 64, kernel: 7, pool: true },
    block: "bottleneck",
    stages: [
      { blocks: 3, width: 128, channels: 256, stride: 1 },
      { blocks: 4, width: 256, channels: 512, stride: 2 },
      { blocks: 6, width: 512, channels: 1024, stride: 2 },
      { blocks: 3, width: 1024, channels: 2048, stride: 2 },
    ],
  }),
  head: residualHead,
};
