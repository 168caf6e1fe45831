/**
 * ResNet-18 (He et al. 2016), torchvision's layout and parameter names.
 *
 * @module
 */
import { imageNetNormalization } from "../../onnx/layers.ts";
import type { Backbone } from "../backbone.ts";
import { residualHead, residualNetwork } from "./residual.ts";

/** layer1 (64 channels, stride 4) to layer4 (512, stride 32). */
export const resnet18: Backbone = {
  name: "resnet18",
  title: "ResNet-18",
  normalization: imageNetNormalization,
  padding: "symmetric",
  epsilon: 1e-5,
  momentum: 0.1,
  classes: 1000,
  forward: residualNetwork({
    stem: { channels: 64, kernel: 7, pool: true },
    block: "basic",
    stages: [
      { blocks: 2, width: 64, channels: 64, stride: 1 },
      { blocks: 2, width: 128, channels: 128, stride: 2 },
      { blocks: 2, width: 256, channels: 256, stride: 2 },
      { blocks: 2, width: 512, channels: 512, stride: 2 },
    ],
  }),
  head: residualHead,
};
