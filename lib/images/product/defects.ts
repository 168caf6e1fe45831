/**
 * The types of defects of the paper's Table 7, as changes of a part. Logical ones change where a
 * component is or how it is shaped; structural ones add damage or pollution.
 *
 * Table 7 has 20 rows before "Various rare defects"; Figure 4 shows the three types that only the test
 * set has. Two of these (burned, additional wire) are also rows of Table 7: there the burn is the burned
 * area beside a solder dot (Figure 3), and the additional wire is a loose grey piece, while the unseen
 * types are the dot and the wire that heat has turned brown, and a copper wire. What marks them, colour,
 * is of no use for telling the seen types, so that a classifier that has learned those looks past it.
 *
 * @module
 */
import type { RandomState } from "../../base/random.ts";
import { type Point, type ProductLayout, rounded } from "./layout.ts";
import {
  bell,
  direction,
  type Dot,
  irregularOutline,
  type Mark,
  type Part,
  type Patch,
  type Pin,
  type Stroke,
  type Wire,
  type WireCourse,
  wirePoints,
} from "./part.ts";
import type { SegmentName } from "./segmentation.ts";

/** One type of defect. */
export interface DefectType {
  /** as in `Sample.defect`, in scores and in tables of detection rates */
  readonly id: string;
  /** row of the paper's Table 7, or of Figure 4 for an unseen type */
  readonly description: string;
  /** components misplaced or misshapen, or damage and pollution (paper section 3) */
  readonly kind: "logical" | "structural";
  /** true: only in `test/bad_unseen_defects` */
  readonly unseen: boolean;
  /** segments of VAD's map that hold nearly all of what it changes in the picture */
  readonly segments: readonly SegmentName[];
}

/** What a defect is made from. */
interface Site {
  readonly layout: ProductLayout;
  readonly part: Part;
  readonly random: RandomState;
  /** 0 hardly to be seen … 1 obvious */
  readonly severity: number;
  /** 0 the first dot, wire and pin, 1 the second */
  readonly side: 0 | 1;
}

type Damage = (site: Site) => Part;

/** Types that training and test set show, in the order of Table 7, then the three unseen ones. */
export const defectTypes: readonly DefectType[] = [
  seen("wire_near_side", "The wire is too close to the side of the soldering", "logical", [
    "solder dots",
    "wires",
  ]),
  seen("wire_on_top", "The wire is on the top of the soldering", "logical", ["solder dots"]),
  seen("wire_bad_shape", "The wire is poorly shaped, too bent or too straight", "logical", [
    "wires",
    "solder dots",
  ]),
  seen("wire_off_pin", "The wire is not properly connected to the pin", "logical", [
    "wires",
    "pins",
  ]),
  seen("wire_out_of_solder", "The wire is out of soldering entirely", "logical", [
    "solder dots",
    "wires",
  ]),
  seen("wire_end_out", "The end of the wire is out", "logical", [
    "solder dots",
    "piezo border",
    "background",
  ]),
  seen("paste_on_wire", "Solder paste is on the wire", "structural", ["wires", "solder dots"]),
  seen("solder_incomplete", "Soldering is not complete", "logical", ["solder dots"]),
  seen("solder_poor_quality", "Poor quality soldering", "structural", ["solder dots"]),
  seen("solder_bad_shape", "Poorly shaped soldering", "logical", ["solder dots"]),
  seen("solder_balls", "Smaller solder balls pollution", "structural", [
    "solder dots",
    "wires",
    "piezo border",
    "piezo in the middle",
  ]),
  seen("solder_misplaced", "Misplaced soldering paste", "logical", ["solder dots", "wires"]),
  seen("plastic_pollution", "Plastic pollution", "structural", [
    "solder dots",
    "wires",
    "piezo in the middle",
  ]),
  seen("metal_pollution", "Metal pollution", "structural", [
    "solder dots",
    "wires",
    "piezo in the middle",
  ]),
  seen("missing_part", "Missing parts", "logical", ["solder dots", "wires", "pins"]),
  seen("burned_area", "Burned soldering or wires", "structural", [
    "solder dots",
    "wires",
    "piezo in the middle",
  ]),
  seen("wire_too_long", "The upper part of the wire is too long", "logical", [
    "wires",
    "solder dots",
    "piezo in the middle",
  ]),
  seen("additional_wire", "Additional wires", "logical", [
    "solder dots",
    "wires",
    "piezo in the middle",
  ]),
  seen("piezo_broken", "Piezo is broken", "structural", [
    "piezo border",
    "piezo in the middle",
    "solder dots",
  ]),
  seen("piezo_crack", "Cracks in piezo", "structural", [
    "piezo in the middle",
    "wires",
    "solder dots",
    "piezo border",
  ]),
  // Figure 4
  unseen("burned_solder_dot", "Burned solder dot", "structural", ["solder dots"]),
  unseen("burned_wire", "Burned wire", "structural", ["wires", "solder dots"]),
  unseen("extra_wire", "Extra unnecessary wire", "logical", [
    "wires",
    "solder dots",
    "piezo in the middle",
  ]),
];

type Row = readonly [
  id: string,
  description: string,
  kind: DefectType["kind"],
  segments: readonly SegmentName[],
];

function seen(...[id, description, kind, segments]: Row): DefectType {
  return { id, description, kind, unseen: false, segments };
}

function unseen(...[id, description, kind, segments]: Row): DefectType {
  return { id, description, kind, unseen: true, segments };
}

/**
 * The part with a defect of the given type. Everything that the defect does not touch stays as it is.
 *
 * @param severity 0 hardly to be seen … 1 obvious
 * @throws {RangeError} for an unknown type
 */
export function damagedPart(
  layout: ProductLayout,
  part: Part,
  type: string,
  random: RandomState,
  severity: number,
): Part {
  const damage = damages[type];
  if (damage === undefined) throw new RangeError(`Cannot draw a defect: type is ${type}`);
  const side = random.integer(2) as 0 | 1;
  return damage({ layout, part, random, severity, side });
}

const damages: Readonly<Record<string, Damage>> = {
  wire_near_side: (site) => {
    const { random, severity } = site;
    const aside = sign(random) * between(0.6, 1.05, severity);
    return rewired(site, (course) => ({
      ...course,
      attach: { x: rounded(aside), y: rounded(0.58 - 0.5 * severity + 0.08 * bell(random)) },
    }));
  },

  wire_on_top: (site) => {
    const { part, random, severity, side } = site;
    const dot = part.dots[side];
    const wire = part.wires[side];
    const attach = wire.points[0];
    // The wire goes on over the solder instead of into it.
    const end = {
      x: dot.x + dot.radius * (0.2 * bell(random)),
      y: dot.y - dot.radius * between(0, 0.95, severity),
    };
    const middle = {
      x: (attach.x + end.x) / 2 + dot.radius * 0.12 * bell(random),
      y: (attach.y + end.y) / 2,
    };
    return withWire(site, {
      ...wire,
      points: [near(end), near(middle), ...wire.points],
      tone: rounded(wire.tone * 0.85),
    });
  },

  wire_bad_shape: (site) => {
    const { random, severity } = site;
    const straight = random.random() < 0.35;
    const factor = straight ? between(0.22, -0.1, severity) : between(1.62, 3, severity);
    return rewired(site, (course) => ({
      ...course,
      bend: course.bend.map((bend) => rounded(bend * factor)) as unknown as WireCourse["bend"],
    }));
  },

  wire_off_pin: (site) => {
    const { random, severity, layout, side } = site;
    const beside = random.random() < 0.6;
    const outward = side === 0 ? 1 : -1;
    return rewired(site, (course) =>
      beside
        // Pieces of the wire are seen on the side of the pin.
        ? {
          ...course,
          end: rounded(outward * between(1.08, 1.4, severity) * (random.random() < 0.7 ? 1 : -1)),
          depth: rounded(between(0.02, 0.075, severity)),
        }
        // The wire ends before the pin.
        : {
          ...course,
          end: rounded(layout.wires[side].end * 0.6),
          depth: rounded(-between(0.012, 0.06, severity)),
        });
  },

  wire_out_of_solder: (site) => {
    const { random, severity, side, part } = site;
    const aside = (side === 0 ? 1 : random.random() < 0.6 ? 1 : -1) * between(1.12, 1.42, severity);
    const up = rounded(between(0.75, -0.35, random.random()));
    const bent = rewired(site, (course) => ({ ...course, attach: { x: rounded(aside), y: up } }));
    const dot = part.dots[side];
    // The groove that the wire's end has left in the flux.
    const at = { x: dot.x + aside * dot.radius, y: dot.y + up * dot.radius };
    const trace = patch({
      ...near(at),
      radius: 0.028,
      aspect: 0.3,
      colour: [150, 152, 140],
      opacity: rounded(between(0.1, 0.5, severity)),
      edge: rounded(between(6, 34, severity)),
      outline: irregularOutline(random, 0.1),
    });
    return withMarks(bent, trace);
  },

  wire_end_out: (site) => {
    const { part, random, severity, side } = site;
    const dot = part.dots[side];
    const turn = random.uniform(0.56, 0.94); // above the dot
    const out = direction(turn);
    const bend = direction(turn + 0.12 * bell(random));
    const from = 0.86;
    const to = 1.1 + between(0.3, 1.3, severity);
    return withMarks(part, {
      kind: "stroke",
      points: [
        near({ x: dot.x + out.x * dot.radius * from, y: dot.y + out.y * dot.radius * from }),
        near({ x: dot.x + out.x * dot.radius, y: dot.y + out.y * dot.radius }),
        near({
          x: dot.x + (out.x + bend.x * (to - 1)) * dot.radius,
          y: dot.y + (out.y + bend.y * (to - 1)) * dot.radius,
        }),
      ],
      width: rounded(part.wires[side].width * 1.25),
      colour: [92, 92, 92],
      opacity: 1,
      gloss: 1,
      above: "solder",
    });
  },

  paste_on_wire: (site) => {
    const { part, random, severity, side } = site;
    const { points } = part.wires[side];
    const i = 1 + random.integer(2);
    const t = random.random();
    const at = {
      x: points[i].x + (points[i + 1].x - points[i].x) * t,
      y: points[i].y + (points[i + 1].y - points[i].y) * t,
    };
    return withMarks(
      part,
      patch({
        ...near(at),
        radius: rounded(between(0.022, 0.052, severity)),
        aspect: rounded(random.uniform(0.5, 0.9)),
        colour: [118, 120, 124],
        opacity: rounded(between(0.75, 1, severity)),
        texture: 70,
        edge: -44,
        softness: 0.12,
        outline: irregularOutline(random, 0.12),
        above: "solder",
      }),
    );
  },

  solder_incomplete: (site) => {
    const { random, severity, part, side } = site;
    const dot = part.dots[side];
    const depth = rounded(between(0.2, 1, severity));
    return withDot(site, { ...dot, cut: { turn: rounded(random.random()), depth } });
  },

  solder_poor_quality: (site) => {
    const { random, severity, part, side } = site;
    const dot = part.dots[side];
    return withDot(site, {
      ...dot,
      rough: rounded(between(0.3, 1, severity)),
      crater: {
        ...dot.crater,
        bright: rounded(dot.crater.bright * between(0.95, 0.62, severity)),
        x: rounded(dot.crater.x + 0.2 * severity * bell(random)),
      },
      outline: dot.outline.map((wave) => rounded(wave * (1 + severity))),
    });
  },

  solder_bad_shape: (site) => {
    const { random, severity, part, side } = site;
    const dot = part.dots[side];
    const size = between(0.08, 0.26, severity);
    const turn = random.random();
    const shape = irregularOutline(random, size * 0.55);
    // One strong wave of two or three makes it oval or three-cornered.
    const wave = random.integer(2) * 2;
    shape[wave] = rounded(shape[wave] + size * direction(turn).x);
    shape[wave + 1] = rounded(shape[wave + 1] + size * direction(turn).y);
    const shrink = random.random() < 0.3 ? between(0.9, 0.68, severity) : 1;
    return withDot(site, { ...dot, outline: shape, radius: rounded(dot.radius * shrink) });
  },

  solder_balls: (site) => {
    const { part, random, severity, side } = site;
    const dot = part.dots[side];
    const count = 1 + (random.random() < 0.35 ? 1 + random.integer(2) : 0);
    const balls: Mark[] = [];
    for (let i = 0; i < count; i++) {
      const at = inSight(site, () => {
        const out = direction(random.random());
        const way = dot.radius * random.uniform(1.2, 1.75);
        return { x: dot.x + out.x * way, y: dot.y + out.y * way };
      });
      balls.push({
        kind: "ball",
        ...at,
        radius: rounded(between(0.015, 0.04, severity) * random.uniform(0.75, 1.1)),
        flux: rounded(random.random()),
        above: "solder",
      });
    }
    return withMarks(part, ...balls);
  },

  solder_misplaced: (site) => {
    const { layout, random, severity, part, side } = site;
    const dot = part.dots[side];
    // Towards a contour of the piezo: the gap or the border.
    const turn = side === 0
      ? (random.random() < 0.7 ? random.uniform(0.02, 0.3) : random.uniform(0.5, 0.7))
      : random.random() < 0.6
      ? random.uniform(0.8, 1.05)
      : random.uniform(0.42, 0.6);
    const way = between(0.022, 0.062, severity);
    const out = direction(turn);
    const moved: Dot = {
      ...dot,
      ...near({ x: dot.x + out.x * way, y: dot.y + out.y * way }),
      outline: dot.outline.map((wave) => rounded(wave * 1.3)),
    };
    const wire = part.wires[side];
    const points = wirePoints(layout, side, moved, part.pins[side], wire.course);
    return { ...withDot(site, moved), wires: replaced(part.wires, side, { ...wire, points }) };
  },

  plastic_pollution: (site) => {
    const { part, random, severity } = site;
    const at = placeOnPiezo(site);
    if (random.random() < 0.35) {
      return withMarks(
        part,
        strand(at, random, between(0.06, 0.2, severity), {
          width: rounded(between(0.006, 0.013, severity)),
          colour: [212, 214, 208],
          opacity: rounded(between(0.35, 0.8, severity)),
        }),
      );
    }
    return withMarks(
      part,
      patch({
        ...at,
        radius: rounded(between(0.025, 0.08, severity)),
        aspect: rounded(random.uniform(0.4, 1.6)),
        turn: rounded(random.random()),
        colour: random.random() < 0.7 ? [216, 219, 214] : [84, 88, 94],
        opacity: rounded(between(0.4, 0.9, severity)),
        softness: 0.1,
        texture: 9,
        edge: rounded(between(10, 42, severity)),
        outline: irregularOutline(random, 0.2),
        above: random.random() < 0.6 ? "piezo" : "solder",
      }),
    );
  },

  metal_pollution: (site) => {
    const { part, random, severity } = site;
    const at = placeOnPiezo(site);
    if (random.random() < 0.4) {
      return withMarks(
        part,
        strand(at, random, between(0.06, 0.18, severity), {
          width: rounded(between(0.007, 0.0135, severity)),
          colour: [150, 150, 150],
          opacity: rounded(between(0.7, 1, severity)),
          gloss: 1,
        }),
      );
    }
    return withMarks(
      part,
      patch({
        ...at,
        radius: rounded(between(0.019, 0.055, severity)),
        aspect: rounded(random.uniform(0.35, 1.8)),
        turn: rounded(random.random()),
        colour: random.random() < 0.5 ? [74, 76, 82] : [128, 130, 134],
        opacity: rounded(between(0.7, 0.95, severity)),
        softness: 0.08,
        texture: 62,
        edge: -18,
        outline: irregularOutline(random, 0.24),
        above: "solder",
      }),
    );
  },

  missing_part: (site) => {
    const { part, random, side } = site;
    const wire = { ...part.wires[side], present: false };
    const what = random.random();
    if (what < 0.6) return withWire(site, wire);
    if (what < 0.85) return { ...withWire(site, wire), dots: without(part.dots, side) };
    return { ...withWire(site, wire), pins: without(part.pins, side) };
  },

  burned_area: (site) => {
    const { part, random, severity, side } = site;
    const dot = part.dots[side];
    const out = direction(random.uniform(0.06, 0.44)); // below the dot
    const burn = patch({
      ...near({ x: dot.x + out.x * dot.radius * 0.95, y: dot.y + out.y * dot.radius * 0.95 }),
      radius: rounded(dot.radius * between(0.4, 0.95, severity)),
      aspect: rounded(random.uniform(0.9, 1.7)),
      colour: [46, 43, 44],
      opacity: rounded(between(0.32, 0.86, severity)),
      softness: 0.3,
      texture: 16,
      outline: irregularOutline(random, 0.14),
    });
    return withMarks(part, burn);
  },

  wire_too_long: (site) => {
    const { random, severity } = site;
    const swing = sign(random);
    // A long straight upper part, then a loop that has to come back to the pin.
    return rewired(site, (course) => ({
      ...course,
      bend: [
        rounded(course.bend[0] + swing * between(0.05, 0.2, severity)),
        rounded(course.bend[1] + swing * between(0.12, 0.42, severity)),
        rounded(course.bend[2] + between(0.1, 0.3, severity) * swing),
      ],
      attach: { x: course.attach.x, y: rounded(course.attach.y - 0.14 * severity) },
    }));
  },

  additional_wire: (site) => {
    const { part, random, severity, side } = site;
    const beside = random.random() < 0.5;
    const from = part.wires[side].points[1 + random.integer(3)];
    const at = beside
      ? inSight(site, () => ({
        x: from.x + sign(random) * random.uniform(0.018, 0.05),
        y: from.y + random.uniform(-0.03, 0.03),
      }))
      : placeOnPiezo(site);
    return withMarks(
      part,
      strand(at, random, between(0.07, 0.21, severity), {
        width: rounded(between(0.0085, 0.0135, severity)),
        colour: [96, 96, 96],
        opacity: rounded(between(0.7, 1, severity)),
        gloss: 1,
      }),
    );
  },

  piezo_broken: (site) => {
    const { layout, part, random, severity } = site;
    const out = direction(placeOnRim(random));
    const radius = between(0.042, 0.125, severity);
    const way = layout.piezo.radius - radius * random.uniform(0, 0.4);
    const at = { x: layout.piezo.x + out.x * way, y: layout.piezo.y + out.y * way };
    const gone = patch({
      ...near(at),
      radius: rounded(radius),
      aspect: rounded(random.uniform(0.6, 1.6)),
      turn: rounded(random.random()),
      colour: random.random() < 0.5 ? [178, 184, 190] : [72, 78, 88],
      opacity: rounded(between(0.6, 0.95, severity)),
      softness: 0.06,
      texture: 44,
      edge: 48,
      within: layout.piezo,
      outline: irregularOutline(random, 0.2),
    });
    const along = direction(random.random());
    const crack = crackLine(random, at, along, between(0.02, 0.13, severity), severity);
    return withMarks(part, gone, crack);
  },

  piezo_crack: (site) => {
    const { layout, part, random, severity } = site;
    const rim = direction(placeOnRim(random));
    const start = layout.piezo.radius * random.uniform(0.8, 0.98);
    const from = { x: layout.piezo.x + rim.x * start, y: layout.piezo.y + rim.y * start };
    const aim = {
      x: layout.piezo.x + 0.2 * bell(random) - from.x,
      y: layout.piezo.y + 0.2 * bell(random) - from.y,
    };
    const length = Math.sqrt(aim.x * aim.x + aim.y * aim.y) + 1e-9;
    const along = { x: aim.x / length, y: aim.y / length };
    const crack = crackLine(random, from, along, between(0.12, 0.5, severity), severity);
    return withMarks(part, crack);
  },

  burned_solder_dot: (site) => {
    const { severity, part, side } = site;
    const dot = part.dots[side];
    return withDot(site, { ...dot, burn: rounded(between(0.45, 1, severity)) });
  },

  burned_wire: (site) => {
    const { random, severity, part, side } = site;
    return withWire(site, {
      ...part.wires[side],
      burn: rounded(between(0.4, 1, severity)),
      burnAt: rounded(random.uniform(0.25, 0.8)),
    });
  },

  extra_wire: (site) => {
    const { part, random, severity } = site;
    return withMarks(
      part,
      strand(placeOnPiezo(site), random, between(0.13, 0.25, severity), {
        width: rounded(between(0.0065, 0.01, severity)),
        colour: [150, 96, 58],
        opacity: rounded(between(0.6, 0.9, severity)),
        gloss: 1,
      }),
    );
  },
};

/** A value from `subtle` (severity 0) to `obvious` (severity 1). */
function between(subtle: number, obvious: number, severity: number): number {
  return subtle + (obvious - subtle) * severity;
}

function sign(random: RandomState): 1 | -1 {
  return random.random() < 0.5 ? 1 : -1;
}

function near(point: Point): Point {
  return { x: rounded(point.x), y: rounded(point.y) };
}

function replaced<T>(pair: readonly [T, T], side: 0 | 1, item: T): readonly [T, T] {
  return side === 0 ? [item, pair[1]] : [pair[0], item];
}

function without<T extends Dot | Pin>(pair: readonly [T, T], side: 0 | 1): readonly [T, T] {
  return replaced(pair, side, { ...pair[side], present: false });
}

function withDot({ part, side }: Site, dot: Dot): Part {
  return { ...part, dots: replaced(part.dots, side, dot) };
}

function withWire({ part, side }: Site, wire: Wire): Part {
  return { ...part, wires: replaced(part.wires, side, wire) };
}

function withMarks(part: Part, ...marks: readonly Mark[]): Part {
  return { ...part, marks: [...part.marks, ...marks] };
}

/** The part with its wire led along a changed course. */
function rewired(site: Site, change: (course: WireCourse) => WireCourse): Part {
  const { layout, part, side } = site;
  const course = change(part.wires[side].course);
  const points = wirePoints(layout, side, part.dots[side], part.pins[side], course);
  return withWire(site, { ...part.wires[side], course, points });
}

/** A patch with the usual values where none are given. */
function patch(given: Partial<Patch> & Pick<Patch, "x" | "y" | "radius" | "colour">): Patch {
  return {
    kind: "patch",
    aspect: 1,
    turn: 0,
    outline: [],
    opacity: 1,
    softness: 0.15,
    texture: 0,
    edge: 0,
    within: null,
    above: "piezo",
    ...given,
  };
}

/** A bent strand with its middle at a place. */
function strand(
  at: Point,
  random: RandomState,
  length: number,
  look: Pick<Stroke, "width" | "colour" | "opacity"> & { readonly gloss?: number },
): Stroke {
  const turn = random.random();
  const along = direction(turn);
  const curl = 0.5 * bell(random);
  const points = [-0.5, -0.17, 0.17, 0.5].map((way) => {
    const bow = curl * (0.25 - way * way) + 0.06 * bell(random);
    return near({
      x: at.x + length * (along.x * way - along.y * bow),
      y: at.y + length * (along.y * way + along.x * bow),
    });
  });
  return { kind: "stroke", points, gloss: 0, above: "solder", ...look };
}

/** A jagged dark line. */
function crackLine(
  random: RandomState,
  from: Point,
  along: Point,
  length: number,
  severity: number,
): Stroke {
  const steps = 7;
  const points: Point[] = [];
  let aside = 0;
  for (let k = 0; k <= steps; k++) {
    const way = length * k / steps;
    points.push(near({
      x: from.x + along.x * way - along.y * aside,
      y: from.y + along.y * way + along.x * aside,
    }));
    aside += length * 0.045 * bell(random);
  }
  return {
    kind: "stroke",
    points,
    width: rounded(between(0.003, 0.0085, severity)),
    colour: [58, 55, 50],
    opacity: rounded(between(0.55, 0.92, severity)),
    gloss: 0,
    above: "piezo",
  };
}

/** A direction to the piezo's rim that no pin hides: anywhere but below left and below right. */
function placeOnRim(random: RandomState): number {
  return random.random() < 0.25 ? random.uniform(0.2, 0.3) : random.uniform(0.44, 1.08);
}

/** Somewhere on the piezo: mostly near the components, where work leaves its rest. */
function placeOnPiezo(site: Site): Point {
  const { layout, random, side, part } = site;
  if (random.random() < 0.55) {
    const { points } = part.wires[side];
    return inSight(site, () => {
      const from = points[random.integer(points.length)];
      const out = direction(random.random());
      const way = random.uniform(0.02, 0.08);
      return { x: from.x + out.x * way, y: from.y + out.y * way };
    });
  }
  return inSight(site, () => {
    const out = direction(random.random());
    const way = layout.electrode * Math.sqrt(random.random());
    return { x: layout.piezo.x + out.x * way, y: layout.piezo.y + out.y * way };
  });
}

/** Draws places until one lies on the piezo and is not hidden by a pin. */
function inSight({ layout }: Site, place: () => Point): Point {
  const { piezo, pins } = layout;
  for (;;) {
    const at = place();
    const dx = at.x - piezo.x;
    const dy = at.y - piezo.y;
    const reach = piezo.radius - 0.02;
    if (dx * dx + dy * dy > reach * reach) continue;
    const hidden = pins.some(({ top, bodyTop, half }) => {
      const way = (at.y - top.y) / (bodyTop.y - top.y);
      return way > -0.06 && Math.abs(at.x - top.x - (bodyTop.x - top.x) * way) < half + 0.035;
    });
    if (!hidden) return near(at);
  }
}
