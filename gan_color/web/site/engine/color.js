// sRGB and CIE Lab (D65), as gan_color.color.lab has them: L is L* / 50 - 1, a and b are a* and b* / 110.

export const AB_SCALE = 110;
const XYZ_FROM_RGB = [[0.412453, 0.35758, 0.180423], [0.212671, 0.71516, 0.072169], [0.019334, 0.119193, 0.950227]];
const RGB_FROM_XYZ = [
  [3.240481342932377, -1.5371515162713185, -0.4985363261688878],
  [-0.9692549499965685, 1.8759900014898907, 0.0415559265582928],
  [0.05564663913517715, -0.20404133836651123, 1.0573110696453443],
];
const [WHITE_X, WHITE_Z] = [0.95047, 1.08883];
const WHITE = RGB_FROM_XYZ.map(([x, y, z]) => x * WHITE_X + y + z * WHITE_Z);
const [EPSILON, SLOPE, OFFSET] = [0.008856, 7.787, 16 / 116];
// Where line and power meet.
const ROOT_BOUND = 0.2066364781;
const LINEAR_BOUND = 0.00313066844;

const decode = (v) => (v > 0.0404482363 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92);
const LINEAR = Float64Array.from({ length: 256 }, (_, value) => decode(value / 255));
const root = (t) => (t > EPSILON ? Math.cbrt(t) : SLOPE * t + OFFSET);
const cube = (t) => (t > ROOT_BOUND ? t * t * t : (t - OFFSET) / SLOPE);
const encode = (v) => (v > LINEAR_BOUND ? 1.055 * v ** (1 / 2.4) - 0.055 : 12.92 * v);

/** The root of luminance of 8-bit sRGB: (L* + 16) / 116. */
const luminanceRoot = (r, g, b) =>
  root(XYZ_FROM_RGB[1][0] * LINEAR[r] + XYZ_FROM_RGB[1][1] * LINEAR[g] + XYZ_FROM_RGB[1][2] * LINEAR[b]);

/** L in -1..1 of 8-bit sRGB. */
export const lightness = (r, g, b) => (116 * luminanceRoot(r, g, b) - 16) / 50 - 1;

/** [a, b] in -1..1 of 8-bit sRGB. */
export function chroma(r, g, b) {
  const xyz = XYZ_FROM_RGB.map((row) => row[0] * LINEAR[r] + row[1] * LINEAR[g] + row[2] * LINEAR[b]);
  const [fx, fy, fz] = [root(xyz[0] / WHITE_X), root(xyz[1]), root(xyz[2] / WHITE_Z)];
  return [(500 * (fx - fy)) / AB_SCALE, (200 * (fy - fz)) / AB_SCALE];
}

/**
 * Write 8-bit sRGB of L, a and b in -1..1 to out[at..at + 2]. What lies outside the gamut is mixed with the gray of its
 * lightness until it fits.
 */
export function writeRgb(L, a, b, out, at) {
  const fy = ((L + 1) * 50 + 16) / 116;
  const y = cube(fy);
  const dx = WHITE_X * (cube((a * AB_SCALE) / 500 + fy) - y);
  const dz = WHITE_Z * (cube(Math.max(0, fy - (b * AB_SCALE) / 200)) - y);
  const isGray = a === 0 && b === 0;
  const channel = (i) => (isGray ? y : WHITE[i] * y) + RGB_FROM_XYZ[i][0] * dx + RGB_FROM_XYZ[i][2] * dz - y;
  const [red, green, blue] = [channel(0), channel(1), channel(2)];
  const up = Math.max(red, green, blue, 1e-9);
  const down = Math.min(red, green, blue, -1e-9);
  const share = Math.max(0, Math.min((1 - y) / up, y / -down, 1));
  // The array rounds, and clamps to 0..255.
  out[at] = 255 * encode(y + share * red);
  out[at + 1] = 255 * encode(y + share * green);
  out[at + 2] = 255 * encode(y + share * blue);
}
