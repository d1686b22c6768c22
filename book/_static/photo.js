"use strict";
// A reader's photo, for the panel: from a file to planes of floats, and from planes to a canvas. No super-resolution.

self.facePhoto = (() => {
  const NO_PHOTO = "This is no photo that your browser can read; choose a JPEG, a PNG or a WebP.";
  const CUT_OFF = "This file ends before its picture does, as it does when a download breaks off; take another copy of it.";

  // A JPEG is a row of marked segments, and ends with the mark FFD9. An embedded preview has one too, inside a segment.
  function isWholeJpeg(bytes) {
    for (let at = 2; at + 1 < bytes.length; ) {
      const mark = bytes[at + 1];
      if (bytes[at] !== 0xff || mark === 0xff) at += 1; // the picture's own numbers
      else if (mark === 0xd9) return true;
      else if (mark <= 1 || (mark >= 0xd0 && mark <= 0xd7)) at += 2; // marks without a segment
      else at += 2 + 256 * bytes[at + 2] + bytes[at + 3];
    }
    return false;
  }

  // Whether a JPEG, PNG or WebP has its end: browsers show what is there of one that was cut off, and say nothing.
  function isWhole(bytes) {
    const view = new DataView(bytes.buffer), word = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return isWholeJpeg(bytes);
    if (word(0) === "RIFF" && word(8) === "WEBP") return view.getUint32(4, true) + 8 <= bytes.length;
    if (word(0) !== "\x89PNG") return true;
    for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) if (word(at + 4) === "IEND") return true;
    return false;
  }

  // How many pictures a file holds, where the browser says: moving ones, of which an image shows the first.
  async function countPictures(bytes, type) {
    try {
      const decoder = new ImageDecoder({ data: bytes, type });
      await decoder.tracks.ready;
      await decoder.completed;
      return decoder.tracks.selectedTrack.frameCount;
    } catch {
      return 1; // this browser can't say
    }
  }

  // A file, or an address where there is none, to an image that can be drawn; else an error with a sentence.
  async function read(file, address) {
    const image = new Image();
    if (file) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      if (!isWhole(bytes)) throw new Error(CUT_OFF);
      const count = await countPictures(bytes.slice(), file.type);
      if (count > 1) throw new Error(`This file holds ${count} pictures; save the one that you mean alone.`);
    }
    image.src = file ? URL.createObjectURL(file) : address;
    try {
      await image.decode();
    } catch {
      throw new Error(NO_PHOTO);
    } finally {
      if (file) URL.revokeObjectURL(image.src);
    }
    return image;
  }

  // A part of an image (x, y, width, height), drawn in a size of so many pixels; what is transparent lies on white.
  function pixelsOf(image, [x, y, wide, high], width, height) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(context, { fillStyle: "white", imageSmoothingQuality: "high" });
    context.fillRect(0, 0, width, height);
    context.drawImage(image, x, y, wide, high, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  // Y, Cb, Cr of BT.601, as in mffcn_lite.pictures; Y alone of a grey photo.
  function toPlanes({ width, height, data }) {
    const planes = [0, 1, 2].map(() => ({ width, height, data: new Float32Array(width * height) }));
    let grey = true;
    for (let p = 0; p < width * height; p++) {
      const [r, g, b] = [data[4 * p] / 255, data[4 * p + 1] / 255, data[4 * p + 2] / 255];
      grey &&= r === g && g === b;
      planes[0].data[p] = 0.299 * r + 0.587 * g + 0.114 * b;
      planes[1].data[p] = -0.168735892 * r - 0.331264108 * g + 0.5 * b;
      planes[2].data[p] = 0.5 * r - 0.418687589 * g - 0.081312411 * b;
    }
    return planes.slice(0, grey ? 1 : 3);
  }

  function draw(canvas, [luminance, cb, cr]) {
    const { width, height } = luminance, pixels = new ImageData(width, height);
    for (let p = 0; p < width * height; p++) {
      const y = Math.min(1, Math.max(0, luminance.data[p])), b = cb ? cb.data[p] : 0, r = cr ? cr.data[p] : 0;
      const rgb = [y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b, 1];
      pixels.data.set(rgb.map((v) => 255 * v), 4 * p);
    }
    Object.assign(canvas, { width, height }).getContext("2d").putImageData(pixels, 0, 0);
  }

  // mffcn_lite.metrics.psnr of the luminance, clamped to [0, 1].
  function psnr(one, other) {
    let sum = 0;
    one.data.forEach((value, p) => (sum += (Math.min(1, Math.max(0, value)) - other.data[p]) ** 2));
    return 10 * Math.log10(one.data.length / sum);
  }

  return { read, pixelsOf, toPlanes, draw, psnr };
})();
