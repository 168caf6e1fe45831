/**
 * Where the components of a product lie and what colours they have. Coordinates are fractions of the
 * image's width and height, x to the right, y down.
 *
 * @module
 */
import { RandomState } from "../../base/random.ts";

/** A place, in fractions of the image. */
export interface Point {
  /** 0 left edge … 1 right edge */
  readonly x: number;
  /** 0 upper edge … 1 lower edge */
  readonly y: number;
}

/** Red, green, blue in 0 … 255. */
export type Colour = readonly [number, number, number];

/** A circle. */
export interface Circle extends Point {
  /** fraction of the image's width */
  readonly radius: number;
}

/** A pin: a bar from `top` (where the wire ends) to `bottom`, on a wider body down to the image's edge. */
export interface PinLayout {
  /** middle of the upper end, where the wire comes in */
  readonly top: Point;
  /** middle of the lower end, behind the body */
  readonly bottom: Point;
  /** half the bar's width */
  readonly half: number;
  /** middle of the body's upper end */
  readonly bodyTop: Point;
  /** middle of its lower end, at the image's edge or below it */
  readonly bodyBottom: Point;
  /** half the body's width */
  readonly bodyHalf: number;
}

/** A wire's usual course: offsets to the right of the straight line from solder dot to pin, in parts of its length. */
export interface WireLayout {
  /** end at the pin: offset along the pin's upper edge, in parts of half its width */
  readonly end: number;
  /** offsets at 0.22, 0.56 and 0.84 of the way */
  readonly bend: readonly [number, number, number];
}

/** The geometry and colours that all parts of one product share. */
export interface ProductLayout {
  /** the piezo with its border; also the centre of rings and membrane */
  readonly piezo: Circle;
  /** radius of the silver electrode */
  readonly electrode: number;
  /** outer radius of the light ring around the piezo */
  readonly ring: number;
  /** the border's gap around the first solder dot: an upper left quadrant with a rounded corner */
  readonly gap: { readonly corner: Point; readonly radius: number; readonly width: number };
  /** false: the quadrant lies at the upper left; true: everything is mirrored left to right */
  readonly mirrored: boolean;
  /** the hole in the electrode */
  readonly hole: Circle;
  /** the usual solder dots; the border's gap runs around the first */
  readonly dots: readonly [Circle, Circle];
  /** the wire of each dot */
  readonly wires: readonly [WireLayout, WireLayout];
  /** the pin of each wire */
  readonly pins: readonly [PinLayout, PinLayout];
  /** before the light, tones and noise of a single part */
  readonly colours: {
    readonly membraneDark: Colour;
    readonly membraneLight: Colour;
    readonly ring: Colour;
    readonly border: Colour;
    readonly electrode: Colour;
    readonly housing: Colour;
    readonly pin: Colour;
  };
}

/** VAD's layout, measured on the two published pictures of the part. */
export const vadLayout: ProductLayout = {
  piezo: { x: 0.497, y: 0.5, radius: 0.44 },
  electrode: 0.384,
  ring: 0.492,
  gap: { corner: { x: 0.492, y: 0.288 }, radius: 0.15, width: 0.053 },
  mirrored: false,
  hole: { x: 0.5, y: 0.698, radius: 0.054 },
  dots: [{ x: 0.342, y: 0.192, radius: 0.09 }, { x: 0.692, y: 0.222, radius: 0.085 }],
  wires: [{ end: 0.55, bend: [-0.05, 0.16, 0.13] }, { end: 0.6, bend: [-0.05, 0.15, 0.15] }],
  pins: [
    {
      top: { x: 0.268, y: 0.51 },
      bottom: { x: 0.228, y: 0.8 },
      half: 0.047,
      bodyTop: { x: 0.16, y: 0.845 },
      bodyBottom: { x: 0.135, y: 1.05 },
      bodyHalf: 0.083,
    },
    {
      top: { x: 0.73, y: 0.48 },
      bottom: { x: 0.792, y: 0.79 },
      half: 0.046,
      bodyTop: { x: 0.775, y: 0.835 },
      bodyBottom: { x: 0.765, y: 1.05 },
      bodyHalf: 0.076,
    },
  ],
  colours: {
    membraneDark: [44, 52, 70],
    membraneLight: [192, 199, 208],
    ring: [206, 213, 219],
    border: [108, 106, 94],
    electrode: [168, 173, 177],
    housing: [84, 90, 99],
    pin: [86, 95, 103],
  },
};

/**
 * The layout of a product: VAD's for `null`, else one drawn from the seed with the same components at
 * other places, in other sizes and colours, so that several classes can stand side by side.
 */
export function productLayout(layoutSeed: number | null): ProductLayout {
  if (layoutSeed === null) return vadLayout;
  const random = new RandomState(layoutSeed);
  const near = (value: number, spread: number) => rounded(random.uniform(-spread, spread) + value);
  const piezo = { x: near(0.5, 0.015), y: near(0.5, 0.015), radius: near(0.425, 0.025) };
  const scale = piezo.radius / vadLayout.piezo.radius;
  const place = (point: Point, spread: number): Point => ({
    x: near(piezo.x + (point.x - vadLayout.piezo.x) * scale, spread),
    y: near(piezo.y + (point.y - vadLayout.piezo.y) * scale, spread),
  });
  const corner = place(vadLayout.gap.corner, 0.02);
  const dots = vadLayout.dots.map((dot) => ({
    ...place(dot, 0.012),
    radius: near(dot.radius * scale * 0.95, 0.008),
  })) as [Circle, Circle];
  const pins = vadLayout.pins.map((pin): PinLayout => {
    const shift = { x: near(0, 0.03), y: near(0, 0.03) };
    const move = (point: Point): Point => ({
      x: rounded(point.x + shift.x),
      y: rounded(point.y + shift.y),
    });
    return {
      ...pin,
      top: move(pin.top),
      bottom: move(pin.bottom),
      half: near(pin.half, 0.008),
      bodyTop: move(pin.bodyTop),
      bodyBottom: { x: rounded(pin.bodyBottom.x + shift.x), y: 1.05 },
    };
  }) as [PinLayout, PinLayout];
  const bent = (wire: WireLayout): WireLayout => {
    const factor = near(1, 0.3);
    return {
      end: near(wire.end, 0.2),
      bend: wire.bend.map((bend) => rounded(bend * factor)) as [number, number, number],
    };
  };
  const wires = [bent(vadLayout.wires[0]), bent(vadLayout.wires[1])] as const;
  const tinted = (colour: Colour, spread: number): Colour => {
    const level = random.uniform(1 - spread / 2, 1 + spread / 2);
    return colour.map((c) =>
      Math.min(245, Math.round(c * level * random.uniform(1 - spread, 1 + spread)))
    ) as unknown as Colour;
  };
  const colours = vadLayout.colours;
  return {
    piezo,
    electrode: rounded(piezo.radius - near(0.056, 0.012)),
    ring: rounded(piezo.radius + near(0.05, 0.008)),
    gap: { corner, radius: near(0.14, 0.04), width: near(0.05, 0.01) },
    mirrored: random.integer(2) === 1,
    hole: { ...place(vadLayout.hole, 0.05), radius: near(0.05, 0.014) },
    dots,
    wires,
    pins,
    colours: {
      membraneDark: tinted(colours.membraneDark, 0.25),
      membraneLight: tinted(colours.membraneLight, 0.15),
      ring: tinted(colours.ring, 0.12),
      border: tinted(colours.border, 0.3),
      electrode: tinted(colours.electrode, 0.18),
      housing: tinted(colours.housing, 0.25),
      pin: tinted(colours.pin, 0.15),
    },
  };
}

/** A number with six decimals, never minus zero: short in JSON and safe as part of a digest. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6 + 0;
}
