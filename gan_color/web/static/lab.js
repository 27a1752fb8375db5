// Colors of one lightness: sRGB to CIELAB (D65) and back, as far as the screen can show them.

const WHITE = [0.95047, 1, 1.08883];
const TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]];
const FROM_XYZ = [[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556], [0.0556434, -0.2040259, 1.0572252]];
const HUES = 12;
const CHROMAS = [18, 36, 60]; // of a*, b*

const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i], 0));

export function toLab(rgb) {
  const linear = rgb.map((value) => value / 255).map((v) => (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92));
  const [x, y, z] = times(TO_XYZ, linear).map((v, i) => v / WHITE[i])
    .map((t) => (t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** #rrggbb of a Lab color; chroma is lowered until it can be shown. */
export function fromLab([L, a, b]) {
  for (let share = 1; ; share -= 0.05) {
    const rgb = toRgb([L, a * share, b * share]);
    if (share <= 0.01 || rgb.every((value) => value > -0.5 && value < 255.5)) {
      return `#${rgb.map((value) => Math.max(0, Math.min(255, Math.round(value))).toString(16).padStart(2, "0")).join("")}`;
    }
  }
}

function toRgb([L, a, b]) {
  const y = (L + 16) / 116;
  const xyz = [y + a / 500, y, y - b / 200].map((t, i) => WHITE[i] * (t > 6 / 29 ? t ** 3 : 3 * (6 / 29) ** 2 * (t - 4 / 29)));
  return times(FROM_XYZ, xyz).map((v) => 255 * (v > 0.0031308 ? 1.055 * v ** (1 / 2.4) - 0.055 : 12.92 * v));
}

/** What a pixel [r, g, b] may be at its lightness: its `own` color, and `rings` of hues, weak to strong, neutral first. */
export function colorsAt(pixel) {
  const [L, a, b] = toLab(pixel);
  const hue = (n) => (2 * Math.PI * n) / HUES;
  return {
    own: fromLab([L, a, b]),
    rings: CHROMAS.map((chroma, i) => [
      ...(i === 0 ? [fromLab([L, 0, 0])] : []),
      ...Array.from({ length: HUES }, (_, n) => fromLab([L, chroma * Math.cos(hue(n)), chroma * Math.sin(hue(n))])),
    ]),
  };
}
