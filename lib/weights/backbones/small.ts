/**
 * The embedded product's backbone: a small residual network for RGB images of 128 to 256 pixels, about
 * 0.31 million parameters. Its weights are part of the project (`weights/small.safetensors`), trained
 * on drawn shapes and textures with the harness's own engine.
 *
 * @module
 */
import { imageNetNormalization } from "../../onnx/layers.ts";
import type { Backbone } from "../backbone.ts";
import { residualHead, residualNetwork } from "./residual.ts";

/** layer1 (32 channels, stride 4), layer2 (64, stride 8), layer3 (96, stride 16). */
export const small: Backbone = {
  name: "small",
  title: "Small residual network of the embedded product",
  normalization: imageNetNormalization,
  padding: "symmetric",
  epsilon: 1e-5,
  momentum: 0.1,
  classes: 0, // the published file holds the backbone alone
  forward: residualNetwork({
    stem: { channels: 24, kernel: 3, pool: false },
    block: "basic",
    stages: [
      { blocks: 2, width: 32, channels: 32, stride: 2 },
      { blocks: 2, width: 64, channels: 64, stride: 2 },
      { blocks: 1, width: 96, channels: 96, stride: 2 },
    ],
  }),
  head: residualHead,
};
