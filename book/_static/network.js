"use strict";
// The two networks of the book without PyTorch: what a page needs to restore a photo by itself.
// A picture is {height, width, data}: one plane of floats in [0, 1], row by row. The Python beside each
// function computes the same; tests/test_browser.py holds the two against each other.

function faceNetworks() {
  const TILE = 128; // pixels of a result that are computed at a time, without their surroundings

  // mffcn_lite.degrade.cubic: Keys' kernel, a = −0.5.
  function cubic(x) {
    x = Math.abs(x);
    if (x <= 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  }

  // mffcn_lite.degrade._matrix, antialiased: for each target pixel its first source pixel and the weights from there.
  function resamplingRows(source, target) {
    const scale = source / target, wide = Math.max(scale, 1), rows = [];
    for (let i = 0; i < target; i++) {
      const centre = (i + 0.5) * scale;
      const first = Math.max(0, Math.floor(centre - 2 * wide + 0.5));
      const last = Math.min(source, Math.floor(centre + 2 * wide + 0.5));
      const weights = [];
      for (let j = first; j < last; j++) weights.push(cubic((j + 0.5 - centre) / wide));
      const sum = weights.reduce((a, b) => a + b, 0);
      rows.push({ first, weights: weights.map((w) => w / sum) });
    }
    return rows;
  }

  // mffcn_lite.degrade.resample: bicubic, antialiased, to a size; columns first, then rows.
  function resample(picture, height, width) {
    const narrow = new Float32Array(picture.height * width);
    resamplingRows(picture.width, width).forEach(({ first, weights }, x) => {
      for (let y = 0; y < picture.height; y++) {
        let sum = 0;
        weights.forEach((w, k) => (sum += w * picture.data[y * picture.width + first + k]));
        narrow[y * width + x] = sum;
      }
    });
    const data = new Float32Array(height * width);
    resamplingRows(picture.height, height).forEach(({ first, weights }, y) => {
      weights.forEach((w, k) => {
        const from = (first + k) * width;
        for (let x = 0; x < width; x++) data[y * width + x] += w * narrow[from + x];
      });
    });
    return { height, width, data };
  }

  // mffcn_lite.degrade.downsample: the side over the factor, rounded, halves upwards.
  function downsample(picture, factor) {
    const side = (length) => Math.floor(length / factor + 0.5);
    return resample(picture, side(picture.height), side(picture.width));
  }

  function withBorder(map, height, width, border) {
    const wide = width + 2 * border, data = new Float32Array((height + 2 * border) * wide);
    for (let y = 0; y < height; y++) data.set(map.subarray(y * width, (y + 1) * width), (y + border) * wide + border);
    return data;
  }

  // torch.nn.functional.conv2d with zeros beyond the border, then the ReLU where the layer has one. maps: an array
  // of planes. A kernel's row is added to a row of pixels five taps at a time, so that each sum is fetched once.
  function convolve(maps, layer, height, width) {
    const { side, weights, bias, relu } = layer, wide = width + side - 1;
    const given = maps.map((map) => withBorder(map, height, width, side >> 1));
    return Array.from(bias, (start, o) => {
      const out = new Float32Array(height * width).fill(start);
      given.forEach((map, i) => {
        for (let k = 0; k < side * side; ) {
          const five = (k % side) + 5 <= side, at = (o * maps.length + i) * side * side + k;
          const [a, b, c, d, e] = weights.subarray(at, at + 5), shift = Math.floor(k / side) * wide + (k % side);
          for (let y = 0; y < height; y++) {
            let p = y * width, q = y * wide + shift;
            const end = p + width;
            if (five) {
              for (; p < end; p++, q++) out[p] += a * map[q] + b * map[q + 1] + c * map[q + 2] + d * map[q + 3] + e * map[q + 4];
            } else {
              for (; p < end; p++, q++) out[p] += a * map[q];
            }
          }
          k += five ? 5 : 1;
        }
      });
      if (relu) for (let p = 0; p < out.length; p++) if (out[p] < 0) out[p] = 0;
      return out;
    });
  }

  // MFFCN.forward, and SRCNN's: a chain; layer n takes, below its predecessor's maps, those of layer `skips[n]`.
  function forward(network, picture) {
    const { height, width, data } = picture, maps = [[data]];
    network.layers.forEach((layer, j) => {
      const partner = network.skips[j + 1];
      const given = partner === undefined ? maps[j] : maps[j].concat(maps[partner]);
      maps.push(convolve(given, layer, height, width));
    });
    const out = maps[maps.length - 1][0];
    if (network.residual) for (let p = 0; p < out.length; p++) out[p] += data[p];
    return { height, width, data: out };
  }

  function cut(picture, top, left, height, width) {
    const data = new Float32Array(height * width);
    for (let y = 0; y < height; y++) {
      const from = (top + y) * picture.width + left;
      data.set(picture.data.subarray(from, from + width), y * width);
    }
    return { height, width, data };
  }

  // mffcn_lite.pictures.enlarge: tiles that overlap by as far as the network looks, so that no seam is left.
  function restore(network, picture, onTile = () => {}) {
    const { height, width } = picture, data = new Float32Array(height * width), r = network.radius;
    const tiles = Math.ceil(height / TILE) * Math.ceil(width / TILE);
    let done = 0;
    for (let top = 0; top < height; top += TILE) {
      for (let left = 0; left < width; left += TILE) {
        const bottom = Math.min(height, top + TILE), right = Math.min(width, left + TILE);
        const y = Math.max(0, top - r), x = Math.max(0, left - r);
        const around = cut(picture, y, x, Math.min(height, bottom + r) - y, Math.min(width, right + r) - x);
        const tile = cut(forward(network, around), top - y, left - x, bottom - top, right - left);
        for (let row = 0; row < tile.height; row++) {
          data.set(tile.data.subarray(row * tile.width, (row + 1) * tile.width), (top + row) * width + left);
        }
        onTile(++done / tiles);
      }
    }
    return { height, width, data };
  }

  // Base64 of little-endian float32, as book/make_browser.py writes it, to the layers of a network.
  function unpack(network) {
    const bytes = Uint8Array.from(atob(network.numbers), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.buffer);
    let at = 0;
    const take = (count) => numbers.subarray(at, (at += count));
    const layers = network.layers.map((layer) => ({
      ...layer,
      weights: take(layer.outputs * layer.inputs * layer.side ** 2),
      bias: take(layer.outputs),
    }));
    return { ...network, layers };
  }

  return { resample, downsample, forward, restore, unpack };
}

// In a worker: a photo comes in, pictures and progress go out. The page stays alive meanwhile, and ends the
// worker to cancel. Of a colour photo the networks get the luminance; its colours are enlarged bicubically.
function faceWorker() {
  const { downsample, resample, restore, unpack } = faceNetworks();

  self.onmessage = ({ data: { planes, factor, shrink, networks } }) => {
    const small = shrink ? planes.map((plane) => downsample(plane, factor)) : planes;
    const height = shrink ? planes[0].height : planes[0].height * factor;
    const width = shrink ? planes[0].width : planes[0].width * factor;
    const [blurred, ...colours] = small.map((plane) => resample(plane, height, width));
    self.postMessage({ name: "bicubic", planes: [blurred, ...colours] });
    for (const [name, packed] of Object.entries(networks)) {
      const onTile = (share) => self.postMessage({ name, share });
      self.postMessage({ name, planes: [restore(unpack(packed), blurred, onTile), ...colours] });
    }
    self.postMessage({ finished: true });
  };
}

if (typeof module !== "undefined") module.exports = { faceNetworks }; // for the tests, in Node
