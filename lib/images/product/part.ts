/**
 * One part: everything that its picture shows, as plain numbers. `goodPart` draws them within the
 * limits that the paper gives for a good part (section 3); a defect changes them (`defects.ts`).
 *
 * @module
 */
import type { RandomState } from "../../base/random.ts";
import { type Circle, type Colour, type Point, type ProductLayout, rounded } from "./layout.ts";
import { cosineOfTurns, sineOfTurns } from "./noise.ts";

/** A highlight (or with negative strength a shadow) on the metal around the piezo, bent around its centre. */
export interface Glint {
  /** direction from the piezo's centre, in turns clockwise from the right */
  readonly turn: number;
  /** distance of its middle from the piezo's centre */
  readonly radius: number;
  /** half its width along the radius */
  readonly width: number;
  /** half its length, in radii */
  readonly length: number;
  /** grey levels at its middle */
  readonly strength: number;
}

/** A thin stroke through points. */
export interface Stroke {
  /** tells the three marks apart */
  readonly kind: "stroke";
  /** two or more, joined by a smooth curve */
  readonly points: readonly Point[];
  /** of the line, edge to edge */
  readonly width: number;
  /** before light and noise */
  readonly colour: Colour;
  /** 0 not to be seen … 1 covers what is below */
  readonly opacity: number;
  /** 0 flat … 1 round and shining like a wire */
  readonly gloss: number;
  /** painted after this layer */
  readonly above: Layer;
}

/** An irregular spot: burn, paste, flake, missing piece. */
export interface Patch extends Point {
  /** tells the three marks apart */
  readonly kind: "patch";
  /** geometric mean of half its width and half its height */
  readonly radius: number;
  /** width divided by height before turning */
  readonly aspect: number;
  /** direction of its width, in turns clockwise from the right */
  readonly turn: number;
  /** sines and cosines of 2, 3, 4 and 5 waves around the outline */
  readonly outline: readonly number[];
  /** before light, texture and edge */
  readonly colour: Colour;
  /** 0 not to be seen … 1 covers what is below */
  readonly opacity: number;
  /** width of the edge's fading, in radii */
  readonly softness: number;
  /** grey levels of surface noise */
  readonly texture: number;
  /** grey levels added on a thin line along the edge */
  readonly edge: number;
  /** nothing is painted outside of this circle */
  readonly within: Circle | null;
  /** painted after this layer */
  readonly above: Layer;
}

/** A small shining sphere with a ring of flux. */
export interface Ball extends Point {
  /** tells the three marks apart */
  readonly kind: "ball";
  /** of the sphere; the ring lies at 1.75 of it */
  readonly radius: number;
  /** strength of the ring: 0 none … 1 */
  readonly flux: number;
  /** painted after this layer */
  readonly above: Layer;
}

/** What a mark lies on: the piezo, the solder and wires, or the pins. */
export type Layer = "piezo" | "solder" | "pins";

/** Something on the part that a drawing of its components does not hold. */
export type Mark = Stroke | Patch | Ball;

/** A solder dot. */
export interface Dot extends Point {
  /** of the outline without its waves */
  readonly radius: number;
  /** sines and cosines of 2, 3, 4 and 5 waves around the outline */
  readonly outline: readonly number[];
  /** the bright crater: its middle, in radii from the dot's, and its size */
  readonly crater: Point & { readonly size: number; readonly bright: number };
  /** grey levels of the dark rim */
  readonly rim: number;
  /** translucent flux around the dot: offset in radii and opacity */
  readonly flux: Point & { readonly opacity: number };
  /** 0 smooth … 1 porous and dull */
  readonly rough: number;
  /** 0 clean … 1 charred */
  readonly burn: number;
  /** solder that is missing: depth of a cut from direction `turn`, in radii; 0 = none */
  readonly cut: { readonly turn: number; readonly depth: number };
  /** false: only flux and a dull print on the silver */
  readonly present: boolean;
}

/** A wire from a solder dot to a pin. */
export interface Wire {
  /** what `points` are worked out from */
  readonly course: WireCourse;
  /** from the end in the solder to the end at the pin */
  readonly points: readonly Point[];
  /** of the rod where it is not charred */
  readonly width: number;
  /** factor of its brightness, 1 = usual */
  readonly tone: number;
  /** 0 clean … 1 charred */
  readonly burn: number;
  /** where along its length the char has its middle, 0 … 1 */
  readonly burnAt: number;
  /** false: not drawn */
  readonly present: boolean;
}

/** A pin. */
export interface Pin {
  /** from the usual place */
  readonly shift: Point;
  /** sideways move of its lower end */
  readonly tilt: number;
  /** of the glass bar: 0 … 1 */
  readonly opacity: number;
  /** factor of its brightness, 1 = usual */
  readonly tone: number;
  /** half the width of the edges' fading, as it is out of focus */
  readonly blur: number;
  /** false: not drawn */
  readonly present: boolean;
}

/** All numbers of one part. Lengths are fractions of the image, tones are grey levels or factors near 1. */
export interface Part {
  /** seed of all surface noise */
  readonly noise: number;
  /** the view: offset and scale of the picture, and what lens and sensor add */
  readonly camera: {
    readonly shift: Point;
    readonly scale: number;
    /** share of each neighbour in a light blur */
    readonly defocus: number;
    /** grey levels of sensor noise */
    readonly grain: number;
    /** height of the black border at the bottom */
    readonly border: number;
  };
  /** factors of all brightness, of each channel, and their change across the picture and to its corners */
  readonly light: {
    readonly gain: number;
    readonly tint: Colour;
    readonly slope: Point;
    readonly vignette: number;
  };
  /** the metal around the light ring: brightness, strength and kind of its grain, grey levels of clouds */
  readonly membrane: {
    readonly tone: number;
    readonly contrast: number;
    /** 0 speckled … 1 radial brush strokes */
    readonly brushed: number;
    readonly grainSize: number;
    readonly blotch: number;
  };
  /**
   * the light ring: brightness, strength of its streaks, and the height of its two ends (sine of
   * their direction, -1 = top)
   */
  readonly ring: { readonly tone: number; readonly contrast: number; readonly horn: number };
  /** all harmless */
  readonly glints: readonly Glint[];
  /** the ceramic border: brightness, grey levels that clear glue adds, and the height below which it does */
  readonly border: { readonly tone: number; readonly glue: number; readonly glueFrom: number };
  /** turn of the gap around the centre, and how ragged the electrode's edges are */
  readonly piezo: { readonly turn: number; readonly ragged: number };
  /** the silver: brightness, red against blue, and its grain */
  readonly electrode: {
    readonly tone: number;
    readonly warmth: number;
    /** grey levels of the woven rows, of the diagonal twill, of fine speckle, of broad clouds */
    readonly rows: number;
    readonly twill: number;
    readonly speckle: number;
    readonly clouds: number;
    /** direction of the rows, in turns */
    readonly turn: number;
    readonly period: number;
  };
  /** the hole in the electrode, where it lies in this part */
  readonly hole: Point & { readonly radius: number; readonly tone: number };
  /** the left one first, as in the layout */
  readonly dots: readonly [Dot, Dot];
  /** each from the dot of the same place to the pin of the same place */
  readonly wires: readonly [Wire, Wire];
  /** in the order of the wires */
  readonly pins: readonly [Pin, Pin];
  /** harmless traces and scratches, and those that defects add; painted in this order */
  readonly marks: readonly Mark[];
}

/**
 * How far solder, wires, pins and piezo vary, relative to the metal around them. Below 1, so that on
 * good parts the false alarms of a detector gather in the surroundings, as the paper describes.
 */
const steadiness = 0.6;

/** Draws a part without defects. `nuisance` scales how far it may lie from the middle of what is allowed. */
export function goodPart(layout: ProductLayout, random: RandomState, nuisance: number): Part {
  const vary = (middle: number, spread: number) =>
    rounded(middle + nuisance * spread * bell(random));
  const steady = nuisance * steadiness;
  const settle = (middle: number, spread: number) =>
    rounded(middle + steady * spread * bell(random));
  const noise = random.uint32();
  const camera = {
    shift: { x: vary(0, 0.003), y: vary(0, 0.003) },
    scale: vary(1, 0.005),
    defocus: rounded(nuisance * 0.1 * random.random() * random.random()),
    grain: rounded(1.5 + nuisance * 1.5 * random.random()),
    border: random.random() < 0.12 * nuisance ? rounded(random.uniform(0.004, 0.016)) : 0,
  };
  const warm = nuisance * 0.025 * bell(random);
  const light = {
    gain: vary(1, 0.07),
    tint: [rounded(1 + warm), vary(1, 0.008), rounded(1 - warm)] as Colour,
    slope: { x: vary(0, 0.1), y: vary(0, 0.1) },
    vignette: rounded(nuisance * random.uniform(0, 0.22)),
  };
  const membrane = {
    tone: vary(1, 0.17),
    contrast: vary(1, 0.4),
    brushed: rounded(0.5 + nuisance * random.uniform(-0.5, 0.5)),
    grainSize: vary(1, 0.28),
    blotch: rounded(nuisance * random.uniform(4, 30)),
  };
  const ring = { tone: vary(1, 0.13), contrast: vary(1, 0.4), horn: vary(-0.66, 0.09) };
  const glints = harmlessGlints(layout, random, nuisance);
  const border = {
    tone: settle(1, 0.14),
    glue: rounded(random.uniform(14, 30)),
    glueFrom: settle(-0.1, 0.3),
  };
  const piezo = { turn: settle(0, 0.005), ragged: settle(0.0027, 0.0012) };
  const weave = random.random();
  const electrode = {
    tone: settle(1, 0.06),
    warmth: settle(0, 4),
    rows: rounded(weave < 0.6 ? random.uniform(9, 17) : random.uniform(0, 4)),
    twill: rounded(weave > 0.45 && weave < 0.85 ? random.uniform(4, 8) : random.uniform(0, 2)),
    speckle: rounded(weave > 0.8 ? random.uniform(7, 11) : random.uniform(4, 7)),
    clouds: rounded(steady * random.uniform(1, 6)),
    turn: settle(-0.02, 0.04),
    period: settle(0.027, 0.004),
  };
  const hole = {
    x: settle(layout.hole.x, 0.006),
    y: settle(layout.hole.y, 0.006),
    radius: settle(layout.hole.radius, 0.004),
    tone: settle(1, 0.14),
  };
  const dots = [
    goodDot(layout, 0, random, steady),
    goodDot(layout, 1, random, steady),
  ] as const;
  const pins = [goodPin(random, steady), goodPin(random, steady)] as const;
  const wire = (side: 0 | 1): Wire => {
    const course = goodCourse(layout, side, random, steady);
    return {
      course,
      points: wirePoints(layout, side, dots[side], pins[side], course),
      width: settle(0.0115, 0.0012),
      tone: settle(1, 0.16),
      burn: 0,
      burnAt: 0.5,
      present: true,
    };
  };
  const wires = [wire(0), wire(1)] as const;
  const marks = [...fluxTraces(dots, random), ...allowedScratches(layout, random, nuisance)];
  return {
    noise,
    camera,
    light,
    membrane,
    ring,
    glints,
    border,
    piezo,
    electrode,
    hole,
    dots,
    wires,
    pins,
    marks,
  };
}

/** How a wire runs; see {@linkcode wirePoints}. */
export interface WireCourse {
  /** end in the solder, in radii from the dot's middle */
  readonly attach: Point;
  /** end along the pin's upper edge, in parts of half its width */
  readonly end: number;
  /** how far below the pin's upper edge the wire goes, hidden or beside it */
  readonly depth: number;
  /** offsets at 0.22, 0.56 and 0.84 of the way, as in `WireLayout` */
  readonly bend: readonly [number, number, number];
}

/** A course within the limits of a good part: near the middle of the dot, neither straight nor too bent. */
function goodCourse(
  layout: ProductLayout,
  side: number,
  random: RandomState,
  nuisance: number,
): WireCourse {
  const usual = layout.wires[side];
  const bend = 1 + nuisance * random.uniform(-0.22, 0.22);
  const wave = nuisance * 0.016;
  return {
    attach: {
      x: rounded(nuisance * 0.15 * bell(random)),
      y: rounded(0.62 + nuisance * 0.1 * bell(random)),
    },
    end: rounded(usual.end + nuisance * random.uniform(-0.3, 0.25)),
    depth: 0.012,
    bend: usual.bend.map((part) =>
      rounded(part * bend + wave * bell(random))
    ) as unknown as WireCourse["bend"],
  };
}

/** The points of a wire with a given course, from solder to pin. */
export function wirePoints(
  layout: ProductLayout,
  side: number,
  dot: Point & { readonly radius: number },
  pin: Pin,
  course: WireCourse,
): Point[] {
  const { top, bottom, half } = layout.pins[side];
  const from = {
    x: dot.x + course.attach.x * dot.radius,
    y: dot.y + course.attach.y * dot.radius,
  };
  const axis = unit(bottom.x + pin.tilt - top.x, bottom.y - top.y);
  const to = {
    x: top.x + pin.shift.x + axis.y * half * course.end + axis.x * course.depth,
    y: top.y + pin.shift.y - axis.x * half * course.end + axis.y * course.depth,
  };
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const at = (way: number, right: number): Point => ({
    x: rounded(from.x + dx * way + dy * right),
    y: rounded(from.y + dy * way - dx * right),
  });
  const [first, second, third] = course.bend;
  return [at(0, 0), at(0.22, first), at(0.56, second), at(0.84, third), at(1, 0)];
}

/** A bell-shaped number within [-1.5, 1.5]: three uniform ones added; mean 0, standard deviation 1/2. */
export function bell(random: RandomState): number {
  return random.random() + random.random() + random.random() - 1.5;
}

/** Coefficients of an irregular outline: 2, 3, 4 and 5 waves around, falling in size. */
export function irregularOutline(random: RandomState, size: number): number[] {
  return [1, 1, 0.75, 0.75, 0.5, 0.5, 0.35, 0.35].map((part) =>
    rounded(part * size * bell(random))
  );
}

/** A vector of length 1. */
export function unit(x: number, y: number): Point {
  const length = Math.sqrt(x * x + y * y);
  return length > 0 ? { x: x / length, y: y / length } : { x: 1, y: 0 };
}

function goodDot(
  layout: ProductLayout,
  side: number,
  random: RandomState,
  nuisance: number,
): Dot {
  const usual = layout.dots[side];
  const vary = (middle: number, spread: number) =>
    rounded(middle + nuisance * spread * bell(random));
  return {
    x: vary(usual.x, 0.0045),
    y: vary(usual.y, 0.0035),
    radius: vary(usual.radius * 0.96, 0.0045),
    outline: irregularOutline(random, 0.01 + 0.016 * nuisance),
    crater: {
      x: vary(0, 0.1),
      y: vary(0.04, 0.09),
      size: vary(0.64, 0.05),
      bright: vary(1, 0.1),
    },
    rim: vary(52, 9),
    flux: { x: vary(0, 0.16), y: vary(0.03, 0.14), opacity: rounded(random.uniform(0.1, 0.35)) },
    rough: rounded(nuisance * 0.08 * random.random()),
    burn: 0,
    cut: { turn: 0, depth: 0 },
    present: true,
  };
}

function goodPin(random: RandomState, nuisance: number): Pin {
  const vary = (middle: number, spread: number) =>
    rounded(middle + nuisance * spread * bell(random));
  return {
    shift: { x: vary(0, 0.006), y: vary(0, 0.006) },
    tilt: vary(0, 0.008),
    opacity: vary(0.82, 0.05),
    tone: vary(1, 0.07),
    blur: vary(0.009, 0.0025),
    present: true,
  };
}

/** Reflections on membrane and ring: a few everywhere, now and then a strong one. All harmless. */
function harmlessGlints(layout: ProductLayout, random: RandomState, nuisance: number): Glint[] {
  const glints: Glint[] = [];
  const { radius } = layout.piezo;
  const count = 3 + random.integer(6);
  for (let i = 0; i < count; i++) {
    const onRing = random.random() < 0.45;
    const strong = random.random() < 0.3 ? 2.4 : 1;
    const from = onRing ? radius + 0.004 : layout.ring;
    const to = onRing ? layout.ring : layout.ring + 0.16;
    glints.push({
      turn: rounded(random.random()),
      radius: rounded(random.uniform(from, to)),
      width: rounded(random.uniform(0.006, onRing ? 0.022 : 0.05)),
      length: rounded(random.uniform(0.06, 0.4)),
      strength: rounded(
        nuisance * strong * random.uniform(24, 100) * (random.random() < 0.3 ? -0.8 : 1),
      ),
    });
  }
  return glints;
}

/** Glassy traces of flux beside the solder dots, as every part has them. */
function fluxTraces(dots: readonly [Dot, Dot], random: RandomState): Stroke[] {
  const traces: Stroke[] = [];
  for (const dot of dots) {
    const count = random.integer(3);
    for (let i = 0; i < count; i++) {
      const turn = random.uniform(0.02, 0.48);
      const reach = random.uniform(1.02, 1.22);
      const points: Point[] = [];
      for (let k = 0; k < 4; k++) {
        const angle = turn + (k - 1.5) * random.uniform(0.02, 0.05);
        const way = dot.radius * (reach + 0.09 * bell(random));
        points.push({
          x: rounded(dot.x + way * direction(angle).x),
          y: rounded(dot.y + way * direction(angle).y),
        });
      }
      traces.push({
        kind: "stroke",
        points,
        width: rounded(random.uniform(0.004, 0.011)),
        colour: [205, 210, 210],
        opacity: rounded(random.uniform(0.1, 0.32)),
        gloss: 0,
        above: "piezo",
      });
    }
  }
  return traces;
}

/** Small scratches on the piezo, which the paper allows (Figure 2). */
function allowedScratches(
  layout: ProductLayout,
  random: RandomState,
  nuisance: number,
): Stroke[] {
  const scratches: Stroke[] = [];
  const count = random.random() < 0.35 * nuisance ? 1 + random.integer(2) : 0;
  for (let i = 0; i < count; i++) {
    const at = direction(random.random());
    const way = layout.electrode * 0.9 * Math.sqrt(random.random());
    const along = direction(random.random());
    const length = random.uniform(0.012, 0.04);
    const x = layout.piezo.x + way * at.x;
    const y = layout.piezo.y + way * at.y;
    const light = random.random() < 0.6;
    scratches.push({
      kind: "stroke",
      points: [
        { x: rounded(x), y: rounded(y) },
        { x: rounded(x + along.x * length), y: rounded(y + along.y * length) },
      ],
      width: rounded(random.uniform(0.002, 0.0042)),
      colour: light ? [222, 226, 228] : [112, 112, 112],
      opacity: rounded(random.uniform(0.2, 0.5)),
      gloss: 0,
      above: "piezo",
    });
  }
  return scratches;
}

/** The unit vector at an angle in turns, clockwise from the right. */
export function direction(turn: number): Point {
  return { x: cosineOfTurns(turn), y: sineOfTurns(turn) };
}
