// sharp at its best: one decode with shrink-on-load, each smaller size from the pixels of the one before, the overlay
// put on small pictures only (in the first pipeline it would add an alpha channel before the resize).
// The protocol is that of protocol.py.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const sharp = createRequire(process.env.SHARP_FROM)("sharp");
sharp.concurrency(1);
sharp.cache(false);

const overlays = new Map();

async function overlay(path) {
  if (!overlays.has(path)) {
    const { data, info } = await sharp(path).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    overlays.set(path, { input: data, raw: info });
  }
  return overlays.get(path);
}

async function made(path, outputs) {
  const files = [];
  let raw = null;
  for (const { width, height, quality, overlay: mark } of outputs) {
    let image = raw ? sharp(raw.data, { raw: raw.info }) : sharp(path, { limitInputPixels: false }).autoOrient();
    if (!raw || raw.info.width !== width || raw.info.height !== height) {
      image = image.resize(width, height, { fit: "fill" });
    }
    if (!raw) image = image.flatten({ background: "white" }).toColourspace("srgb");
    raw = await image.raw().toBuffer({ resolveWithObject: true });
    image = sharp(raw.data, { raw: raw.info });
    if (mark) image = image.composite([await overlay(mark)]).removeAlpha();
    files.push(await image.jpeg({ quality, chromaSubsampling: "4:2:0", optimiseCoding: true }).toBuffer());
  }
  return files;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { path, outputs, out } = JSON.parse(line);
  const wall = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  let answer;
  try {
    const files = await made(path, outputs);
    const used = process.cpuUsage(cpu);
    answer = { wall: Number(process.hrtime.bigint() - wall) / 1e9, cpu: (used.user + used.system) / 1e6 };
    if (out) outputs.forEach(({ name }, index) => writeFileSync(`${out}/${name}.jpg`, files[index]));
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
